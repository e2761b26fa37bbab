"""The service of this machine: its manager, and the program that it starts."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from otel_agent.cli.loading import loaded

if TYPE_CHECKING:
    from otel_agent.service.manager import Manager
    from otel_agent.service.program import Program


def manager_here() -> "Manager":
    """Return this system's service manager. Raises ``ServiceError`` if it has neither systemd nor launchd."""
    from otel_agent.service.launchd import Launchd
    from otel_agent.service.manager import BY_HAND, ServiceError
    from otel_agent.service.systemd import Systemd

    if sys.platform == "linux":
        return Systemd(os.environ)
    if sys.platform == "darwin":
        return Launchd()
    raise ServiceError(f"services need systemd (Linux) or launchd (macOS). {BY_HAND}")


def program_here(config: Path | None, *, read_only_home: bool) -> "Program":
    """Return the program that the service starts, as this command was called. Raises ``SettingsError``."""
    from otel_agent.intake.store_finder import configured_locations
    from otel_agent.service.program import program
    from otel_agent.settings import default_file

    settings = loaded(config, quiet=True).settings
    return program(
        state_dir=settings.state_dir.absolute(),
        config_file=default_file(os.environ),
        config=config,
        environ=os.environ,
        only_writable=(settings.state_dir.absolute(), *configured_locations(settings).data_folders)
        if read_only_home
        else (),
    )
