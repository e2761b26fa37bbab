"""The sentences about sessions that went round in circles. There can be many, so only the latest are named."""

from datetime import datetime
from typing import Final

from otel_agent.model import LoopKind
from otel_agent.model.plural import counted
from otel_agent.summary.question import Question
from otel_agent.summary.ranges import local_zone
from otel_agent.summary.suggestions import SHOWN_OF_ID
from otel_agent.summary.text import words
from otel_agent.summary.view import LoopSeen, View

_MOST: Final = 3


def loop_lines(view: View) -> list[str]:
    """Return a sentence for each of the latest loops and, if there are more, one that says where all of them are."""
    lines = [_loop_line(loop, view.now) for loop in view.loops[:_MOST]]
    more = len(view.loops) - len(lines)
    if more:
        lines.append(f"… and {counted(more, 'more loop')}: `{_command(view.question)}` lists all of them.")
    return lines


def _loop_line(loop: LoopSeen, now: datetime) -> str:
    """Return what went round in circles, in which session, and when."""
    name = words.plain(loop.title).strip() or "no title"
    when = f"{words.moment(loop.since, now)} to {loop.until:%H:%M}"
    if loop.kind is LoopKind.RATE:
        what = f"the model was called {counted(loop.calls, 'time')} in a minute"
    else:
        what = f"{words.plain(loop.tool)} was called {counted(loop.calls, 'time')} with the same input"
    return f"Loop: {what} in {name} (…{words.plain(loop.session[-SHOWN_OF_ID:])}), {when}."


def _command(question: Question) -> str:
    """Return the command whose JSON has all loops of the same range and filters."""
    from shlex import join  # noqa: PLC0415 - hardly anybody has so many

    of = question.range
    arguments = ["otel-agent", "summary", "--json"]
    if of.name != "custom":
        arguments += ["--range", of.name]
    elif of.since is not None:
        arguments += ["--since", of.since.isoformat()]
    if of.name == "custom" and of.until is not None:
        arguments += ["--until", of.until.isoformat()]
    local = local_zone()
    if local is not None and of.name not in ("custom", "all") and of.zone != str(local):
        arguments += ["--tz", of.zone]
    for kind, globs in question.filters.by_kind.items():
        for glob in globs:
            arguments += [f"--{kind}", words.plain(glob)]
    return join(arguments)
