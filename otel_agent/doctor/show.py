"""Draws findings and the status for a person, and encodes them for a script."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from otel_agent.delivery.advice import advice
from otel_agent.doctor import agent_checks
from otel_agent.doctor.finding import Finding, Verdict
from otel_agent.doctor.status import GOOD, FoundStore, Status
from otel_agent.ledger.delivery_state import SignalDelivery
from otel_agent.ledger.hold import CannotWrite
from otel_agent.ledger.reading import reading_keys
from otel_agent.model.plural import counted
from otel_agent.summary.text.words import plain

_SIGNS: Final = {
    Verdict.OK: ("✓ ok", "green"),
    Verdict.WARNING: ("! warning", "yellow"),
    Verdict.FAILURE: ("✗ failure", "bold red"),
    Verdict.SKIPPED: ("- skipped", "dim"),
}

_NO_DELIVERY: Final = {
    "none": "nothing leaves this machine (the exporter is none)",
    "": "no backend is set. `otel-agent setup` sets one",
}
"""What to say of a status without deliveries, by its ``backend``."""


def line(finding: Finding) -> Table:
    """Draw one finding: what was seen, and below it what it means and what to do."""
    sign, style = _SIGNS[finding.verdict]
    words = Text(overflow="fold")
    words.append(f"{finding.link}: ", style="bold")
    words.append(plain(finding.seen))
    if finding.meaning:
        words.append(f"\n{plain(finding.meaning)}", style="dim")
    if finding.advice:
        words.append(f"\n→ {plain(finding.advice)}")
    table = Table.grid(padding=(0, 1))
    table.add_column(width=9, no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text(sign, style=style), words)
    return table


def summary(findings: Sequence[Finding]) -> str:
    """Return the last line: how many checks were made, and how many of them found something."""
    failures = sum(each.verdict is Verdict.FAILURE for each in findings)
    warnings = sum(each.verdict is Verdict.WARNING for each in findings)
    return f"{counted(len(findings), 'check')}: {counted(failures, 'failure')}, {counted(warnings, 'warning')}"


def as_json(findings: Sequence[Finding]) -> str:
    """Return the findings as a JSON array of objects, one for each."""
    return msgspec.json.encode(findings).decode()


def status_json(status: Status) -> str:
    """Return the status as a JSON object, with ``ok`` and the exit code for a script that reads nothing else."""
    verdict: dict[str, Any] = {"ok": status.exit_code == GOOD, "exit_code": status.exit_code}
    history = reading_keys(status.reading, stopped=status.running is None)
    names = {"spans_pending": status.spans_pending}
    return msgspec.json.encode(verdict | msgspec.to_builtins(status) | names | history).decode()


def status_page(status: Status, now: datetime) -> RenderableType:
    """Draw the status: a headline, and a line for each store, the ledger and each signal."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, words in _status_lines(status, now):
        table.add_row(name, Text(plain(words)))
    return Group(_headline(status, now), table)


def _headline(status: Status, now: datetime) -> Text:
    if status.running is None and status.backend in _NO_DELIVERY:
        return Text("not running. None is needed for summaries; `otel-agent setup` starts one at login", style="bold")
    if status.running is None:
        return Text(
            "not running. `otel-agent run` starts it now, `otel-agent service install` at every login", style="bold red"
        )
    holder = status.running
    since = _moment(holder.since, now)
    running_for = f", for {_in_words(now - since)}" if since else ""
    return Text(f"running: process {holder.pid}, since {plain(holder.since)}{running_for}", style="bold green")


def _status_lines(status: Status, now: datetime) -> Iterator[tuple[str, str]]:
    if status.running is not None and (trouble := status.running.trouble) is not None:
        yield "counting", trouble_in_words(trouble, now)
    if not status.stores:
        yield "stores", f"none yet. Looked in: {', '.join(status.looked_in)}"
    for store in status.stores:
        messages = ", ".join(f"{counted(number, 'message')} ({kind})" for kind, number in store.counted.items())
        yield "store", f"{store.name}: {messages or 'no message counted yet'}{_and_no_others(store, now)}"
    if status.messages_elsewhere:
        yield "stores", f"{counted(status.messages_elsewhere, 'message')} whose store is gone, or not known any more"
    if status.reading is not None:
        yield "history", status.reading.in_words(stopped=status.running is None)
    for warning in status.warnings:
        yield "warning", warning
    if status.newest_message_ms is None or status.newest_message_age_s is None:
        yield "newest message", "none counted yet"
    else:
        at = datetime.fromtimestamp(status.newest_message_ms / 1e3, now.tzinfo)
        age = _in_words(timedelta(seconds=status.newest_message_age_s))
        yield "newest message", f"{age} ago, {at:%Y-%m-%d %H:%M:%S}"
    spans = counted(status.spans_pending, "span")
    yield "ledger", f"{status.state_dir}: {counted(status.series, 'series', 'series')}, {spans} pending"
    if status.spans_quarantined:
        yield "quarantined", f"{agent_checks.quarantined_in_words(status.spans_quarantined)}. {agent_checks.TRY_AGAIN}"
    # A signal appears here with its first request, accepted or not.
    for delivery in status.deliveries:
        yield delivery.signal, f"{_delivery(delivery, now)}{_rejected(delivery)}"
    if not status.deliveries:
        yield "delivery", _NO_DELIVERY.get(status.backend, f"nothing was delivered yet to {status.backend}")


def _and_no_others(store: FoundStore, now: datetime) -> str:
    if store.problem is None:
        return ""
    at = datetime.fromtimestamp(store.problem.noticed_ms / 1e3, now.tzinfo)
    why = store.problem.kind.value.replace("_", " ")
    missing = "any others, such as newer ones, are missing" if store.counted else "nothing in it is counted"
    return f". It cannot be read ({why}, noticed {at:%Y-%m-%d %H:%M}): {missing}"


def trouble_in_words(trouble: CannotWrite, now: datetime) -> str:
    """Return since when nothing can be counted, why, and how much waits."""
    waiting = f" At least {counted(trouble.waiting, 'message')} to count." if trouble.waiting else ""
    return f"nothing can be counted for {_since(trouble.since_ms, now)}: {trouble.reason}.{waiting}"


def _delivery(delivery: SignalDelivery, now: datetime) -> str:
    last = "never" if delivery.taken_ms is None else f"{_since(delivery.taken_ms, now)} ago"
    if delivery.failing_ms is None:
        return f"delivered; last new data {last}"
    failing = _since(delivery.failing_ms, now)
    todo = agent_checks.REJECTED_TODO if delivery.rejects_all else advice(delivery.reason)
    return f"not delivered for {failing}: {delivery.reason}. Last delivery: {last}. {todo}"


def _rejected(delivery: SignalDelivery) -> str:
    if not delivery.rejected:
        return ""
    return f"{'.' if delivery.failing_ms is None else ''} {agent_checks.rejected_in_words(delivery)}"


def _since(at_ms: int, now: datetime) -> str:
    return _in_words(timedelta(seconds=now.timestamp() - at_ms / 1e3))


def _in_words(length: timedelta) -> str:
    """Return the length in the largest unit that fits in twice: ``90 minutes``, ``2 hours``."""
    seconds = max(round(length.total_seconds()), 0)
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return counted(seconds // size, name)
    return counted(seconds, "second")


def _moment(text: str, now: datetime) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(now.tzinfo)
    except ValueError:
        return None
