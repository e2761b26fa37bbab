"""Stay until a signal says to stop; begin anew, with the settings read again, when one says so."""

import logging
from collections.abc import Callable

from otel_agent.agent import assemble
from otel_agent.agent.loop import Loop
from otel_agent.agent.shutdown import Ended, Signals, end_now, run_until_signal
from otel_agent.errors import SettingsError
from otel_agent.intake.ingest import Pass
from otel_agent.settings import Settings

log = logging.getLogger(__name__)


def stay(
    settings: Settings, reload: Callable[[], Settings], *, on_progress: Callable[[Pass], None] | None = None
) -> None:
    """Run until a signal comes. Does not return where the work could not be finished within the deadline.

    ``reload`` reads the settings again, and raises ``SettingsError`` where they cannot be used: then it goes on with
    those it has. ``on_progress`` is told how far the very first pass is.
    """
    with Signals() as signals:
        usable = settings
        while True:
            try:
                ended = _run(settings, signals, on_progress)
            except SettingsError as error:
                if settings is usable:
                    raise
                log.error("%s The settings from before are kept.", error)
                settings = usable
                continue
            if ended is not Ended.ASKED_TO_RELOAD:
                return
            usable, settings, on_progress = settings, _reloaded(settings, reload), None


def _run(settings: Settings, signals: Signals, on_progress: Callable[[Pass], None] | None) -> Ended:
    with assemble.assembled(settings) as agent:
        loop = Loop(agent, on_progress=on_progress)
        ended = run_until_signal(loop, signals, deadline_seconds=settings.shutdown_timeout_seconds)
        if ended is None:
            log.warning("did not finish within shutdown_timeout_seconds; what is owed is kept for the next start")
            end_now()
        return ended


def _reloaded(settings: Settings, reload: Callable[[], Settings]) -> Settings:
    """The settings as they are now, but for where the ledger is: another one needs a start."""
    try:
        found = reload()
    except SettingsError as error:
        log.error("%s The settings from before are kept.", error)
        return settings
    if found.state_dir != settings.state_dir:
        log.error("state_dir cannot be changed while the agent runs. The settings from before are kept.")
        return settings
    log.info("settings read again")
    return found
