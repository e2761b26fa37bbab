"""The questions of ``otel-agent setup``. Nothing is changed here, so Ctrl-C can end each of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer
from msgspec import structs

from otel_agent.cli import progress
from otel_agent.cli.terminal import console, wrapped
from otel_agent.delivery.addresses import EXAMPLE as _EXAMPLE
from otel_agent.delivery.addresses import without_secrets
from otel_agent.doctor.show import line
from otel_agent.errors import LedgerError, SettingsError
from otel_agent.model.plural import counted
from otel_agent.settings.user_folders import without_tilde
from otel_agent.settings.values import DURATION
from otel_agent.setup import paste
from otel_agent.setup.history import History, count_history, day_of
from otel_agent.setup.plan import Choices, Present, changes, tried, wish_of

if TYPE_CHECKING:
    from otel_agent.setup.wish import Wish

_BACKEND: Final = "2"
_AUTHORITY: Final = "OTEL_EXPORTER_OTLP_CERTIFICATE"
"""What an advice names if nobody here knows the authority of the backend's certificate."""
_ASK_AUTHORITY: Final = "PEM file of the authority that signed its certificate (empty for none)"


def questions(now: Present, given: Choices, *, tries: bool) -> "Wish | None":
    """Ask a person, and return what to do; ``None`` if they want to change nothing. Raises ``typer.Abort`` at Ctrl-C."""
    typer.echo(wrapped("This sets up otel-agent. Ctrl-C leaves everything as it is.\n"))
    history = _history(now)
    if given.local or (not given.otlp and not _wants_backend(now)):
        service = given.service
        if service is None:
            service = typer.confirm("Summaries need no agent. Keep one running all the same?", default=False)
        return wish_of(Choices(local=True, backfill=given.backfill, service=service), now)
    wish = _backend(now, given, tries=tries)
    if wish is None:
        return None
    backfill = given.backfill or _backfill(history)
    service = given.service
    if service is None:
        service = typer.confirm("Start the agent at every login, and now?", default=True)
    return structs.replace(wish, backfill=backfill, service=service)


def _history(now: Present) -> History | None:
    try:
        with progress.shown() as on_progress:
            found = count_history(now.settings, on_progress)
    except LedgerError as error:
        typer.echo(wrapped(f"OpenCode's history cannot be counted: {error}\n"))
        return None
    typer.echo(wrapped(f"{history_in_words(found)}\n"))
    return found


def history_in_words(history: History) -> str:
    """Return a sentence about what OpenCode has stored here."""
    if not history.messages:
        return "OpenCode has no message on this machine yet. The agent waits for the first one."
    least = "" if history.complete else "at least "
    first, last = day_of(history.first_ms), day_of(history.last_ms)
    number, days = counted(history.messages, "message"), counted(history.days, "day")
    when = f"of {first}" if first == last else f"on {days}, from {first} to {last}"
    known = ", all counted already" if history.counted and history.complete else ""
    return f"OpenCode on this machine: {least}{number} {when}{known}."


def _wants_backend(now: Present) -> bool:
    typer.echo("Where should the numbers go?")
    typer.echo("  1  nowhere: summaries on this machine only")
    typer.echo(wrapped("  2  to a backend that accepts OTLP: an OpenTelemetry Collector, Grafana, Honeycomb, …"))
    default = _BACKEND if now.has_backend else "1"
    while (answer := str(typer.prompt("Choose", default=default)).strip()) not in ("1", _BACKEND):
        typer.echo("Type 1 or 2.")
    return answer == _BACKEND


def _backend(now: Present, given: Choices, *, tries: bool) -> "Wish | None":
    """Ask for the backend until it accepts a request; ``None`` if the person gives up."""
    otlp = dict(given.otlp)
    while True:
        otlp["endpoint"] = _address(str(otlp.get("endpoint") or now.settings.otlp.endpoint or _EXAMPLE))
        otlp |= _headers(kept=bool(otlp.get("headers") or now.settings.otlp.headers))
        try:
            wish = wish_of(structs.replace(given, otlp=otlp), now)
            changes(wish, now)
            if not tries:
                return wish
            typer.echo(f"Sending an empty request to {without_secrets(otlp['endpoint'])} …")
            wish, trial = tried(wish, now)
        except SettingsError as error:
            typer.echo(wrapped(str(error)))
            continue
        for finding in trial.findings:
            console().print(line(finding))
        if trial.accepted:
            return wish
        if not typer.confirm("Change the address or the key, and try again?", default=True):
            kept = typer.confirm("Set it up all the same? What cannot be delivered is kept.", default=False)
            return wish if kept else None
        if _AUTHORITY in trial.reason and (path := str(typer.prompt(_ASK_AUTHORITY, default="")).strip()):
            otlp["certificate"] = str(without_tilde(Path(path)).absolute())


def _address(default: str) -> str:
    while True:
        pasted = str(typer.prompt("Address", default=default))
        try:
            return paste.address(pasted)
        except SettingsError as error:
            typer.echo(wrapped(str(error)))
            default = paste.completed(pasted)


def _headers(*, kept: bool) -> dict[str, Any]:
    """Ask for headers, one after the other, and show none."""
    found: dict[str, str] = {}
    empty = "empty keeps what is set" if kept else "empty for none"
    words = f"Header with a key, such as authorization: Bearer KEY (not shown; {empty})"
    while pasted := str(typer.prompt(words, default="", hide_input=True, show_default=False)).strip():
        try:
            found |= paste.header_lines(pasted, "the header")
        except SettingsError as error:
            typer.echo(wrapped(str(error)))
            continue
        typer.echo(wrapped(f"Noted: {', '.join(found)}."))
        words = "One more header (not shown; empty for none)"
    return {"headers": found} if found else {}


def _backfill(history: History | None) -> str | None:
    """Ask how much of the history the first start counts, if there is anything left to decide."""
    if history is None or not history.messages or history.counted:
        return None
    typer.echo(wrapped("The first start counts what OpenCode has stored, and sends its totals and traces."))
    while True:
        answer = str(typer.prompt("How much of it: all, none, or a time back such as 30d", default="all")).strip()
        if answer in ("all", "none") or DURATION.fullmatch(answer):
            return None if answer == "all" else answer
        typer.echo("Type all, none, or a number with d (days), h (hours) or w (weeks).")
