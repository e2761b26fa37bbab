"""``otel-agent summary`` as it is typed most often: with the name of a view, a named range, ``--live`` and ``--json``
at most.

That needs no parser. Typer and all options of a summary would take a third of the time of such a command.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from otel_agent.cli import COMPLETE
from otel_agent.cli.asked import Asked, clock
from otel_agent.cli.loading import loaded
from otel_agent.cli.summary import show
from otel_agent.cli.terminal import wrapped
from otel_agent.summary.question import RANGE_NAMES, RangeName
from otel_agent.summary.view import VIEW_NAMES, ViewName

WHAT_NEXT: Final = "Next: otel-agent summary --live opens a screen, otel-agent setup sets up a backend and a service, otel-agent --help lists all."
"""Printed below the summary of a person who typed no command."""


def plain_summary(arguments: Sequence[str], environ: Mapping[str, str]) -> Asked | None:
    """Return what the arguments ask for; ``None`` if only Typer can say that."""
    command, *options = arguments or ("",)
    # Typer reads these variables: a settings file, and what a shell wants to complete.
    if command != "summary" or {"OTEL_AGENT_CONFIG", COMPLETE} & set(environ):
        return None
    view: ViewName | None = None
    range_: RangeName | None = None
    given = iter(options)
    for each in given:
        if each == "--range":
            name = next(given, "")
            range_ = next((known for known in RANGE_NAMES if known == name), None)
            if range_ is None:
                return None
        elif each not in ("--json", "--live", "--what-next"):
            if view is not None:
                return None
            view = next((known for known in VIEW_NAMES if known == each), None)
            if view is None:
                return None
    return Asked(
        views=(view or "overview",),
        live="--live" in options,
        range=range_,
        form="json" if "--json" in options else "table",
        # Who typed no command wants to see what there is, be it from last week.
        else_all_time="--what-next" in options,
    )


def show_plain(asked: Asked, *, with_what_next: bool) -> None:
    """Answer it, as ``summary_command`` does."""
    asked.refuse_contradictions()
    show(asked, loaded(None, quiet=True).settings, clock(None))
    if with_what_next:
        print(f"\n{wrapped(WHAT_NEXT)}")
