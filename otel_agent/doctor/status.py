"""How the agent itself is doing: does it run, what does it read, is it delivered."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import Struct
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from otel_agent.delivery.advice import advice
from otel_agent.intake.store_finder import known_locations
from otel_agent.ledger.delivery_state import SignalDelivery
from otel_agent.ledger.files import Holder, held_by
from otel_agent.ledger.queries import open_to_read
from otel_agent.ledger.store_counts import StoreCount
from otel_agent.model import Store
from otel_agent.opencode.locations import find_stores
from otel_agent.settings import Settings
from otel_agent.summary.text.words import plain

GOOD: Final = 0
NOT_DELIVERED: Final = 3
NOT_RUNNING: Final = 5


class FoundStore(Struct, frozen=True):
    name: str
    counted: dict[str, int]
    """Generation of the format to messages counted from it."""


class Status(Struct, frozen=True, kw_only=True):
    """Times are in milliseconds since the Unix epoch."""

    running: Holder | None
    stores: list[FoundStore]
    looked_in: list[str]
    newest_message_ms: int | None
    newest_message_age_s: float | None
    series: int
    spans_owed: int
    deliveries: list[SignalDelivery]
    state_dir: str

    @property
    def exit_code(self) -> int:
        """For monitoring: 0 where it runs and what it has is taken, 3 where that is not taken, 5 where it does not run."""
        if self.running is None:
            return NOT_RUNNING
        return NOT_DELIVERED if any(each.failing_ms is not None for each in self.deliveries) else GOOD


def status_of(settings: Settings, now: datetime) -> Status:
    """Reads beside the agent and disturbs nothing. Raises ``LedgerError`` where its ledger cannot be read."""
    places = known_locations(settings)
    found, _ = find_stores(places)
    with open_to_read(settings.state_dir) as ledger:
        newest_ms = ledger.newest_ms() if ledger else None
        return Status(
            running=held_by(settings.state_dir),
            stores=_stores(found, ledger.store_counts() if ledger else []),
            looked_in=[str(path) for path in places.paths],
            newest_message_ms=newest_ms,
            newest_message_age_s=None if newest_ms is None else max(now.timestamp() - newest_ms / 1e3, 0.0),
            series=ledger.series() if ledger else 0,
            spans_owed=ledger.pending() if ledger else 0,
            deliveries=ledger.deliveries() if ledger else [],
            state_dir=str(settings.state_dir),
        )


def status_json(status: Status) -> str:
    """With ``ok`` and the exit code, for those who read nothing else."""
    told: dict[str, Any] = {"ok": status.exit_code == GOOD, "exit_code": status.exit_code}
    return msgspec.json.encode(told | msgspec.to_builtins(status)).decode()


def status_page(status: Status, now: datetime) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, words in _lines(status, now):
        table.add_row(name, Text(plain(words)))
    return Group(_headline(status, now), table)


def _headline(status: Status, now: datetime) -> Text:
    if status.running is None:
        return Text(
            "not running. Start it: `otel-agent run`, or for good: `otel-agent service install`", style="bold red"
        )
    who = status.running
    for_ = f", for {_span(now - since)}" if (since := _moment(who.since, now)) else ""
    return Text(f"running: process {who.pid}, since {plain(who.since)}{for_}", style="bold green")


def _lines(status: Status, now: datetime) -> Iterator[tuple[str, str]]:
    if not status.stores:
        yield "stores", f"none yet. Looked in: {', '.join(status.looked_in)}"
    for store in status.stores:
        told = ", ".join(f"{number:,} messages ({kind})" for kind, number in store.counted.items())
        yield "store", f"{store.name}: {told or 'nothing counted from it'}"
    if status.newest_message_ms is None or status.newest_message_age_s is None:
        yield "newest message", "none counted yet"
    else:
        at = datetime.fromtimestamp(status.newest_message_ms / 1e3, now.tzinfo)
        yield "newest message", f"{_span(timedelta(seconds=status.newest_message_age_s))} ago, {at:%Y-%m-%d %H:%M:%S}"
    yield "ledger", f"{status.state_dir}: {status.series:,} series, {status.spans_owed:,} spans owed"
    for each in status.deliveries:
        yield each.signal, _delivery(each, now)
    if not status.deliveries:
        yield "delivery", "nothing was delivered yet"


def _delivery(each: SignalDelivery, now: datetime) -> str:
    last = "never" if each.taken_ms is None else f"{_ago(each.taken_ms, now)} ago"
    if each.failing_ms is None:
        return f"taken; something new last {last}"
    return f"not taken for {_ago(each.failing_ms, now)}: {each.reason}. Last taken: {last}. {advice(each.reason)}"


def _stores(found: dict[str, Store], counted: list[StoreCount]) -> list[FoundStore]:
    """Those that are there; what was counted from those that went away is still counted."""
    return [
        FoundStore(store.name, {each.generation: each.messages for each in counted if each.store == store.name})
        for store in found.values()
    ]


def _ago(at_ms: int, now: datetime) -> str:
    return _span(timedelta(seconds=now.timestamp() - at_ms / 1e3))


def _span(length: timedelta) -> str:
    seconds = max(round(length.total_seconds()), 0)
    for size, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {name}"
    return f"{seconds} seconds"


def _moment(text: str, now: datetime) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(now.tzinfo)
    except ValueError:
        return None
