"""Sentences that a reader needs to trust the numbers: what could not be read, and an OpenCode that is too new."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from otel_agent.ledger.problems import ProblemSummary
from otel_agent.ledger.queries import Queries
from otel_agent.ledger.unreadable_stores import UnreadableStore
from otel_agent.model import ProblemKind
from otel_agent.model.plural import counted
from otel_agent.model.project import from_home
from otel_agent.opencode.releases import newer_than_known
from otel_agent.summary.ranges import here


class _Wording(Struct, frozen=True):
    noun: str
    happened: str
    advice: str


_WORDINGS: Final = {
    ProblemKind.MALFORMED: _Wording(
        "file or row", "could not be read (incomplete or invalid JSON)", "Each is retried when it changes."
    ),
    ProblemKind.TOO_LARGE: _Wording("file or row", "left out (too large to be read)", ""),
    ProblemKind.BAD_NUMBER: _Wording(
        "file or row", "with an impossible number", "That number counts as zero; all others count."
    ),
    ProblemKind.BAD_TIME: _Wording(
        "file or row", "not counted (impossible time)", "Each counts once its time is corrected."
    ),
    ProblemKind.BAD_ID: _Wording(
        "file", "with an id that cannot be the name of a file", "Each counts, but without its tool calls."
    ),
    ProblemKind.NO_ACCESS: _Wording(
        "file or folder", "could not be read (no permission)", "Each counts once this user may read it."
    ),
    ProblemKind.NOT_LISTED: _Wording(
        "folder",
        "cannot be listed (no permission)",
        "Stores in it that are known by name are counted; others cannot be seen.",
    ),
    ProblemKind.LOCKED: _Wording("database", "could not be read (locked by another program)", "Each is retried."),
    ProblemKind.SILENT: _Wording(
        "place", "does not answer, like a network mount that is gone", "Each is read once it answers."
    ),
    ProblemKind.BUSY: _Wording(
        "place", "is being read, and has a very long folder", "What is new in it counts once its end is reached."
    ),
    ProblemKind.DAMAGED: _Wording("database", "could not be read (damaged, or not a database)", "Each is retried."),
    ProblemKind.UNKNOWN_SCHEMA: _Wording(
        "database", "could not be read (this version does not know its tables)", "Look for a newer otel-agent."
    ),
    ProblemKind.UNKNOWN_FIELDS: _Wording(
        "message",
        "without readable tokens (this version does not know all fields)",
        "Their tokens are missing here. Look for a newer otel-agent.",
    ),
    ProblemKind.CALLS_LOST: _Wording(
        "message",
        "counted without tool calls that could not be read in time",
        "Tokens and cost are complete. `otel-agent doctor` says what cannot be read.",
    ),
    ProblemKind.UNEXPECTED: _Wording(
        "file or database", "could not be read (unexpected content)", "Please report it. Each is retried."
    ),
}
_PLURALS: Final = {
    "file or row": "files or rows",
    "file or folder": "files or folders",
    "file or database": "files or databases",
}


def warnings(ledger: Queries) -> tuple[str, ...]:
    """Return one sentence or two per kind of problem, and two if an OpenCode is newer than the tested releases."""
    lost = ledger.unreadable_stores()
    return (
        *(problem_sentence(each, lost) for each in ledger.problems()),
        *_newer_releases(newer_than_known(ledger.versions())),
    )


def brief_warnings(ledger: Queries) -> tuple[str, ...]:
    """Return the same sentences for a table: if several places are concerned, none is named."""
    lost = ledger.unreadable_stores()
    return (
        *(_brief(each, lost) for each in ledger.problems()),
        *_newer_releases(newer_than_known(ledger.versions())),
    )


def _brief(trouble: ProblemSummary, lost: Sequence[UnreadableStore]) -> str:
    if trouble.places == 1:
        return problem_sentence(trouble, lost)
    wording = _WORDINGS[trouble.kind]
    number = counted(trouble.places, wording.noun, _PLURALS.get(wording.noun, ""))
    # A place that ends in parentheses says there what was seen, such as the release that wrote it.
    _, opened, seen = trouble.examples[0].rstrip(")").rpartition(" (")
    what = f"{wording.happened}: {seen}" if opened else wording.happened
    when = noticed(trouble, lost) if still_counted(trouble, lost) else ""
    sentences = (
        f"{number} {what}{when}.",
        wording.advice,
        still_counted(trouble, lost),
        "`otel-agent doctor` names them.",
    )
    return " ".join(filter(None, sentences))


def problem_sentence(trouble: ProblemSummary, lost: Sequence[UnreadableStore] = ()) -> str:
    """Return what happened to the places with one kind of problem, some of them by name, and what to do.

    If some are among the ``lost`` stores, it also says what is counted of those.
    """
    wording = _WORDINGS[trouble.kind]
    examples = [from_home(place) for place in trouble.examples]
    more = ["…"] if trouble.places > len(examples) else []
    number = counted(trouble.places, wording.noun, _PLURALS.get(wording.noun, ""))
    what = f"{number} {wording.happened}: {', '.join([*examples, *more])}{noticed(trouble, lost)}."
    return " ".join(filter(None, (what, wording.advice, still_counted(trouble, lost))))


def noticed(trouble: ProblemSummary, lost: Sequence[UnreadableStore]) -> str:
    """Return when a problem of stores was first met, as the end of a clause. Who only asks for summaries meets it late."""
    if trouble.kind.is_of_a_store:
        return _noticed(trouble.since_ms)
    return _noticed(min((each.noticed_ms for each in lost if each.kind is trouble.kind), default=0))


def still_counted(trouble: ProblemSummary, lost: Sequence[UnreadableStore]) -> str:
    """Return how much the stores with this problem gave before; empty if they gave nothing, or are no stores."""
    return only_these(sum(each.messages for each in lost if each.kind is trouble.kind))


def only_these(messages: int) -> str:
    """Return a sentence about a place that gave so many messages before; empty if it gave none."""
    if not messages:
        return ""
    number = f"{counted(messages, 'message')} from there {'is' if messages == 1 else 'are'} counted"
    return f"{number}; any others, such as newer ones, are missing."


def _noticed(at_ms: int) -> str:
    """Return the moment in local time; empty if it is not known. A wrong clock can have written any number."""
    try:
        return f", noticed {here(datetime.fromtimestamp(at_ms / 1e3, UTC)):%Y-%m-%d %H:%M}" if at_ms else ""
    except (ValueError, OverflowError, OSError):
        return ""


def _newer_releases(newer: list[str]) -> list[str]:
    if not newer:
        return []
    warning = (
        f"OpenCode {newer[-1]} is newer than the releases this otel-agent was tested with (up to 1.18, and 2.x). "
        "Everything it could read is counted. A newer otel-agent may read more."
    )
    return [warning]
