"""Carries a wish out: the settings file, the service's variables, and the service. All of it is undone at Ctrl-C."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from otel_agent.service.manager import Manager, ServiceError, is_current
from otel_agent.service.program import Program
from otel_agent.setup import settings_file
from otel_agent.setup.result import SetupResult
from otel_agent.setup.wish import Wish


class FileChange(Struct, frozen=True):
    """The text of a file before and after; empty for a file that does not exist."""

    path: Path
    before: str
    after: str

    @property
    def is_needed(self) -> bool:
        """True if the file has to be written."""
        return self.before != self.after


class Changes(Struct, frozen=True):
    """What the two files of a set-up have to become."""

    settings: FileChange
    variables: FileChange
    """The service's file of variables."""

    @property
    def are_needed(self) -> bool:
        """True if one of them has to be written."""
        return self.settings.is_needed or self.variables.is_needed


def changes(path: Path, wish: Wish) -> Changes:
    """Read both files, and return what is in them and what will be. Raises ``SettingsError``."""
    variables = path.with_name("environment")
    before, variables_before = settings_file.read(path), settings_file.read(variables)
    variables_after = variables_before
    if wish.variables or wish.forgotten:
        variables_after = settings_file.changed_variables(variables_before, wish.variables, wish.forgotten)
    return Changes(
        FileChange(path, before, settings_file.changed(before, wish, path)),
        FileChange(variables, variables_before, variables_after),
    )


def carry_out(
    found: Changes, *, manager: Callable[[], Manager] | None, program: Callable[[], Program], dry: bool
) -> tuple[SetupResult, str]:
    """Write the files and install the service; return what came of it, and why if that is a failure.

    ``manager`` is ``None`` if no service is wanted. ``program`` is asked after the settings are written. With ``dry``
    nothing is changed. Raises ``SettingsError`` if a file cannot be written.
    """
    if dry:
        return _outlook(found, manager, program)
    try:
        _write(found)
        if manager is None:
            return (SetupResult.INSTALLED if found.are_needed else SetupResult.ALREADY_INSTALLED), ""
        changed = _install(manager(), program(), restart=found.are_needed)
    except ServiceError as error:
        return SetupResult.NO_SERVICE, str(error)
    except BaseException:
        _put_back(found)
        raise
    return (SetupResult.INSTALLED if changed or found.are_needed else SetupResult.ALREADY_INSTALLED), ""


def _outlook(
    found: Changes, manager: Callable[[], Manager] | None, program: Callable[[], Program]
) -> tuple[SetupResult, str]:
    try:
        same = not found.are_needed and (manager is None or is_current(manager(), program()))
    except ServiceError as error:
        return SetupResult.NO_SERVICE, str(error)
    return (SetupResult.ALREADY_INSTALLED if same else SetupResult.WOULD_INSTALL), ""


def _install(manager: Manager, program: Program, *, restart: bool) -> bool:
    """Install the service; return False if it runs already as it should."""
    if not restart and is_current(manager, program):
        return False
    manager.install(program, restart=restart)
    return True


def _write(found: Changes) -> None:
    for file in (found.settings, found.variables):
        if file.is_needed:
            settings_file.write(file.path, file.after)


def _put_back(found: Changes) -> None:
    for file in (found.settings, found.variables):
        if not file.is_needed:
            continue
        if file.before:
            settings_file.write(file.path, file.before)
        else:
            with suppress(OSError):  # what could not be written is not there
                file.path.unlink()
