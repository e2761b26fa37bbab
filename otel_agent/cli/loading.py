"""The settings of a command, and the log that they ask for."""

from pathlib import Path

from otel_agent.cli import logs
from otel_agent.settings import Loaded, load


def loaded(config: Path | None, *, quiet: bool = False, log_format: str | None = None, fully: bool = False) -> Loaded:
    """Load the settings and set up the log. ``log_format`` replaces the format of the settings,
    and ``fully`` is the argument of ``load``.

    Raises ``SettingsError`` if the settings contain an error.
    """
    # The settings come first: they decide how much is logged, and in which form.
    found = load(config, fully=fully)
    logs.set_up(found.settings.log_level, log_format or found.settings.log_format, quiet=quiet)
    return found
