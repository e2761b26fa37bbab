"""Carries a wish out: the settings file, the service's variables, and the service. All of it is undone at Ctrl-C."""

from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from otel_agent.service.manager import Manager, ServiceError, is_current
from otel_agent.service.program import Program
from otel_agent.setup import settings_file
from otel_agent.setup.wish import Wish


class Outcome(StrEnum):
    """What `otel-agent setup` ended with; the words are those of its JSON."""

    INSTALLED = "installed"
    ALREADY_INSTALLED = "already_installed"
    WOULD_INSTALL = "would_install"
    NOT_ACCEPTED = "not_accepted"
    """The backend did not accept the request, so nothing was written."""
    NO_SERVICE = "no_service"
    """The settings are written, and the service could not be installed."""
    UNUSABLE = "unusable"
    """The settings or the options cannot be used; nothing was written."""


class Texts(Struct, frozen=True):
    """The two files before and after."""

    settings: Path
    before: str
    after: str
    variables: Path
    variables_before: str
    variables_after: str

    @property
    def change(self) -> bool:
        """True if one of them has to be written."""
        return self.before != self.after or self.variables_before != self.variables_after


def texts(path: Path, wish: Wish) -> Texts:
    """Read both files, and return what is in them and what will be. Raises ``SettingsError``."""
    variables = path.with_name("environment")
    before, variables_before = settings_file.read(path), settings_file.read(variables)
    return Texts(
        path,
        before,
        settings_file.changed(before, wish, path),
        variables,
        variables_before,
        settings_file.changed_variables(variables_before, wish.variables, wish.forgotten)
        if wish.variables or wish.forgotten
        else variables_before,
    )


def carry_out(
    found: Texts, *, manager: Callable[[], Manager] | None, program: Callable[[], Program], dry: bool
) -> tuple[Outcome, str]:
    """Write the files and install the service; return what came of it, and why if that is a failure.

    ``manager`` is ``None`` if no service is wanted. ``program`` is asked after the settings are written. With ``dry``
    nothing is changed. Raises ``SettingsError`` if a file cannot be written.
    """
    if dry:
        return _outlook(found, manager, program)
    try:
        _write(found)
        if manager is None:
            return (Outcome.INSTALLED if found.change else Outcome.ALREADY_INSTALLED), ""
        changed = _install(manager(), program(), restart=found.change)
    except ServiceError as error:
        return Outcome.NO_SERVICE, str(error)
    except BaseException:
        _put_back(found)
        raise
    return (Outcome.INSTALLED if changed or found.change else Outcome.ALREADY_INSTALLED), ""


def _outlook(
    found: Texts, manager: Callable[[], Manager] | None, program: Callable[[], Program]
) -> tuple[Outcome, str]:
    try:
        same = not found.change and (manager is None or is_current(manager(), program()))
    except ServiceError as error:
        return Outcome.NO_SERVICE, str(error)
    return (Outcome.ALREADY_INSTALLED if same else Outcome.WOULD_INSTALL), ""


def _install(manager: Manager, program: Program, *, restart: bool) -> bool:
    """Install the service; return False if it runs already as it should."""
    if not restart and is_current(manager, program):
        return False
    manager.install(program, restart=restart)
    return True


def _write(found: Texts) -> None:
    if found.before != found.after:
        settings_file.write(found.settings, found.after)
    if found.variables_before != found.variables_after:
        settings_file.write(found.variables, found.variables_after)


def _put_back(found: Texts) -> None:
    for path, before, after in (
        (found.settings, found.before, found.after),
        (found.variables, found.variables_before, found.variables_after),
    ):
        if before == after:
            continue
        if before:
            settings_file.write(path, before)
        else:
            with suppress(OSError):  # what could not be written is not there
                path.unlink()
