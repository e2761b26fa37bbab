"""Builds the whole agent from the settings: what ``intake`` opens, and the exporters behind it."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, get_args

from msgspec import Struct

from otel_agent.agent.backend import doubts, exporters, name_of
from otel_agent.agent.budget_watch import BudgetWatch
from otel_agent.agent.requested_calls import RequestedCalls
from otel_agent.export.known_backend import KnownBackend
from otel_agent.export.metric_export import MetricExport
from otel_agent.export.metric_schedule import MetricSchedule
from otel_agent.export.mirror import Mirror
from otel_agent.export.observations import Observations
from otel_agent.export.outcomes import Outcomes
from otel_agent.export.span_export import SpanExport
from otel_agent.intake.catch_up import Intake, calls_of_history, opened
from otel_agent.intake.ingest import Ingest
from otel_agent.ledger.migration_progress import OnMigration, unreported
from otel_agent.ledger.writer import Ledger
from otel_agent.opencode.git.checkouts import Checkouts
from otel_agent.opencode.locations import StoreLocations, WatchedFolder, watched_folders
from otel_agent.opencode.running.processes import Processes
from otel_agent.otlp.metrics import exported_metrics
from otel_agent.otlp.resource import emitter
from otel_agent.semconv import CLAUDE_CODE, CLAUDE_LINES_COUNT, Signal
from otel_agent.semconv.attributes import Attr
from otel_agent.series import claude_code
from otel_agent.settings import Settings
from otel_agent.settings.temporality import sends_increments
from otel_agent.summary.ranges import local_zone

log = logging.getLogger(__name__)

_NS: Final = 1_000_000_000
_CACHE_WRITE: Final[Mapping[str, tuple[str, ...]]] = {
    "latest": (Attr.USAGE_CACHE_WRITE,),
    "legacy": (Attr.LEGACY_CACHE_WRITE,),
    "both": (Attr.USAGE_CACHE_WRITE, Attr.LEGACY_CACHE_WRITE),
}


class Agent(Struct):
    """The running parts. All of them belong to the thread that owns the ledger."""

    settings: Settings
    ingest: Ingest
    spans: SpanExport
    metrics: MetricExport
    learn: Callable[[], None]
    """Finds out where running OpenCode processes keep their data, and remembers it."""
    known: Callable[[], StoreLocations]
    """Returns the folders and databases in which stores are looked for."""
    budgets: BudgetWatch
    prove_ledger: Callable[[], None]
    """Writes something to the ledger. Raises ``LedgerError`` if that fails."""
    requested_calls: RequestedCalls

    def close_exports(self) -> None:
        """Break off the requests under way. May be called from any thread; nothing is sent afterwards."""
        self.spans.close()
        self.metrics.close()

    def watched_folders(self) -> list[WatchedFolder]:
        """Return the folders in which a change may mean new messages, without those that do not answer."""
        silent = [Path(each) for each in self.ingest.readings.silent]
        found = watched_folders(self.known(), self.ingest.stores)
        # The watch of a dead mount would hang in the kernel.
        return [each for each in found if not any(_are_related(Path(each.folder), place) for place in silent)]


def _are_related(folder: Path, place: Path) -> bool:
    return folder.is_relative_to(place) or place.is_relative_to(folder)


@contextmanager
def assembled(
    settings: Settings, *, now_ns: Callable[[], int] = time.time_ns, on_migration: OnMigration = unreported
) -> Iterator[Agent]:
    """Open the ledger and connect the parts; close them in reverse.

    Raises ``LedgerError`` if the ledger cannot be written and ``SettingsError`` if the exporters cannot be set up.
    """
    with opened(settings, now_ns=now_ns, on_migration=on_migration) as parts:
        budgets = BudgetWatch(settings, parts.ledger, local_zone(), now_ns=now_ns)
        spans, metrics = _exports(settings, parts, budgets, now_ns)
        agent = Agent(
            settings,
            parts.ingest,
            spans,
            metrics,
            parts.finder.learn,
            lambda: parts.finder.locations,
            budgets,
            parts.ledger.prove_writable,
            RequestedCalls(settings.state_dir, lambda: calls_of_history(parts)),
        )
        try:
            yield agent
        finally:
            agent.close_exports()
            budgets.close()


def _observations(
    settings: Settings, parts: Intake, outcomes: Outcomes, budgets: BudgetWatch, now_ns: Callable[[], int]
) -> Observations:
    processes = Processes(min_bytes=round(settings.process_min_memory_mb * 1_000_000)).sample
    return Observations(
        parts.ledger,
        parts.ingest,
        outcomes,
        processes if settings.process_metrics else None,
        budgets=budgets.observations,
        now_ns=now_ns,
    )


def _metric_schedule(settings: Settings, ledger: Ledger, backend: KnownBackend | None) -> MetricSchedule:
    return MetricSchedule(
        ledger,
        exported_metrics(
            by_session=settings.metrics_include_session_id,
            latest=settings.genai_semconv in ("latest", "both"),
            legacy=settings.genai_semconv in ("legacy", "both"),
            ours=settings.metrics_profile in ("opencode", "both"),
            claude_code=settings.metrics_profile in ("claude_code", "both"),
        ),
        session_window_ns=round(settings.session_window_hours * 3_600 * _NS),
        active_ns=round(settings.heartbeat_hours * 3_600 * _NS),
        budget=settings.heartbeat_series,
        interval_ns=round(settings.metric_export_interval_seconds * _NS),
        backend=backend,
    )


def _mirrors(settings: Settings, ledger: Ledger) -> list[Mirror]:
    """Return what keeps the series for dashboards of Claude Code; nothing if nobody asked for them."""
    if settings.metrics_profile == "opencode":
        return []
    by_session = settings.metrics_include_session_id
    window_ns = round(settings.session_window_hours * 3_600 * _NS) if by_session else None
    lines = [CLAUDE_LINES_COUNT.name]
    others = [metric.name for metric in CLAUDE_CODE if metric.name not in lines]
    return [
        Mirror(
            ledger,
            claude_code.sources(by_session=by_session),
            others,
            claude_code.counterparts,
            window_ns=window_ns,
        ),
        Mirror(ledger, claude_code.LINES, lines, claude_code.counterparts, window_ns=None),
    ]


def _end_failures(settings: Settings, ledger: Ledger) -> None:
    """Forget the failure of a signal whose exporter was switched off."""
    for signal in get_args(Signal):
        if settings.exporter_of(signal) == "none" and ledger.delivery_state.fails(signal):
            with ledger.transaction():
                ledger.delivery_state.end_failure(signal)


def _exports(
    settings: Settings, parts: Intake, budgets: BudgetWatch, now_ns: Callable[[], int]
) -> tuple[SpanExport, MetricExport]:
    for doubt in doubts(settings):
        log.warning("%s", doubt)
    to_spans, to_metrics = exporters(settings)
    _end_failures(settings, parts.ledger)
    if to_metrics is not None and parts.ledger.accepted_by.nothing and not parts.ledger.outbox.has_backend:
        with parts.ledger.transaction():
            parts.ledger.totals.end_history(of_all=True)
    if to_spans is not None and parts.ledger.outbox.left_out:
        # Summaries counted these before anybody chose a backend.
        with parts.ledger.transaction():
            parts.ledger.outbox.take_back()
    outcomes, emits = Outcomes(parts.ledger, now_ns), emitter(parts.ledger.instance_id)
    spans = SpanExport(
        parts.ledger,
        to_spans,
        outcomes,
        emitter=emits,
        titles=settings.session_titles,
        cache_write=_CACHE_WRITE[settings.genai_semconv],
        now_ns=now_ns,
        checkouts=Checkouts() if settings.vcs_attributes else None,
    )
    delta, backend = sends_increments(settings, os.environ), None
    if to_metrics is not None:
        backend = KnownBackend(parts.ledger, name_of(settings, "metrics"), delta=delta, now_ns=now_ns())
    metrics = MetricExport(
        parts.ledger,
        to_metrics,
        outcomes,
        emitter=emits,
        schedule=_metric_schedule(settings, parts.ledger, backend),
        mirrors=_mirrors(settings, parts.ledger),
        observe=_observations(settings, parts, outcomes, budgets, now_ns).collect,
        interval_ns=round(settings.metric_export_interval_seconds * _NS),
        delta=delta,
        now_ns=now_ns,
    )
    return spans, metrics
