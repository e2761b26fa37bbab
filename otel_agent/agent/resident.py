"""The agent of a whole day: it runs until a signal asks it to stop, and starts over when one asks it to reload."""

import logging
from collections.abc import Callable
from contextlib import closing

from otel_agent.agent import assemble
from otel_agent.agent.loop import DID_NOT_FINISH, Loop
from otel_agent.agent.pacing import AskedPauses
from otel_agent.agent.shutdown import Ended, ShutdownSignals, end_now, run_until_signal
from otel_agent.errors import LedgerMoved, SettingsError
from otel_agent.intake.ingest import Pass
from otel_agent.intake.store_claims import StoreClaims
from otel_agent.ledger.migration_progress import OnMigration, unreported
from otel_agent.settings import Settings

log = logging.getLogger(__name__)


class _StoppedEarly(Exception):
    """A signal asked the process to stop before it could use the ledger."""


def run_until_stopped(
    settings: Settings,
    reload: Callable[[], Settings],
    *,
    on_progress: Callable[[Pass], None] | None = None,
    on_migration: OnMigration = unreported,
) -> None:
    """Run the agent until a signal stops it. If its work does not end within the deadline, this ends the process.

    ``reload`` reads the settings again. If it raises ``SettingsError``, the agent goes on with the settings it has.
    ``on_progress`` is called with the state of the very first pass, ``on_migration`` before that while an older ledger is
    brought up to this version.
    """
    # What a backend asked for holds after a reload too.
    asked = AskedPauses()
    with ShutdownSignals() as signals:
        usable = settings
        while True:
            try:
                ended = _run(settings, signals, asked, on_progress, on_migration)
            except _StoppedEarly:
                log.info("stopped before the ledger was upgraded; the next start upgrades it")
                return
            except LedgerMoved as moved:
                log.error("%s", moved)
                if signals.is_stopping:
                    return
                continue
            except SettingsError as error:
                # Settings can be valid and still be of no use: a certificate that is not there, for example.
                if settings is usable:
                    raise
                log.error("%s The previous settings are kept.", error)
                settings = usable
                continue
            if ended is not Ended.ASKED_TO_RELOAD:
                return
            # The progress bar is for the first import only, and a person who just started the agent.
            usable, settings, on_progress = settings, _reloaded(settings, reload), None


def _run(
    settings: Settings,
    signals: ShutdownSignals,
    asked: AskedPauses,
    on_progress: Callable[[Pass], None] | None,
    on_migration: OnMigration,
) -> Ended:
    def tell(done: int, total: int) -> None:
        on_migration(done, total)
        # It can take minutes, and the ledger stays as it was: the next start upgrades it.
        if done < total and signals.is_stopping:
            raise _StoppedEarly

    with assemble.assembled(settings, on_migration=tell) as agent, closing(StoreClaims(settings)) as claims:
        loop = Loop(agent, on_progress=on_progress, on_sweep=claims.renew, asked=asked)
        ended = run_until_signal(loop, signals, deadline_seconds=settings.shutdown_timeout_seconds)
        # The worker still holds the ledger: nothing here may be closed in order any more.
        if ended is None:
            log.warning(DID_NOT_FINISH)
            end_now()
    if loop.left_unanswered and ended is not Ended.ASKED_TO_RELOAD:
        # The ledger is closed, but a thread still waits for a backend: it must not meet the interpreter's end.
        end_now()
    return ended


def _reloaded(settings: Settings, reload: Callable[[], Settings]) -> Settings:
    """Return the settings as they are written now, or the previous ones if those cannot be used.

    A new ``state_dir`` means another ledger, which only a start can open.
    """
    try:
        found = reload()
    except SettingsError as error:
        log.error("%s The previous settings are kept.", error)
        return settings
    if found.state_dir != settings.state_dir:
        log.error("state_dir cannot be changed while the agent runs. The previous settings are kept.")
        return settings
    log.info("settings read again")
    return found
