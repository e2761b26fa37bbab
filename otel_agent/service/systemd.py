"""Starts the agent with systemd (Linux), by the user unit in ``config/otel-agent.service``."""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from string import Template
from typing import Final

from otel_agent.service.manager import Run, ServiceError, ServiceState, changing_files, must, run_program, written_by_us
from otel_agent.service.program import Program, replace_file
from otel_agent.settings.user_folders import user_folder
from otel_agent.shipped import shipped

_UNIT: Final = "otel-agent.service"


class Systemd:
    """The systemd unit of this user; it implements ``Manager``."""

    def __init__(self, environ: Mapping[str, str], run: Run = run_program) -> None:
        self.file = user_folder("config", environ).parent / "systemd" / "user" / _UNIT
        self._run = run

    def rendered(self, program: Program) -> str:
        """Return the unit. Raises ``ServiceError`` for a name that no line of a unit can hold."""
        environment = (quoted(f"{name}={value}") for name, value in sorted(program.environment.items()))
        return Template(shipped(_UNIT)).substitute(
            command=" ".join(quoted(word, command=True) for word in _started(program.command)),
            environment_file=_path(program.environment_file),
            environment="".join(f"Environment={variable}\n" for variable in environment),
            read_only_home=_read_only_home(program.only_writable),
        )

    def install(self, program: Program, *, restart: bool = False) -> bool:
        """Write the unit, enable it, and start or restart it, as ``Manager`` promises."""
        text, ours = self.rendered(program), written_by_us(self.file)
        before = self.file.read_text(encoding="utf-8") if ours else None
        with changing_files():
            program.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self.file, text)
        try:
            self._systemctl("daemon-reload")
            self._systemctl("enable", _UNIT)
            # ``start`` leaves a running service alone, so an install that changes nothing interrupts nothing.
            self._systemctl("restart" if restart or before != text else "start", _UNIT)
        except (ServiceError, KeyboardInterrupt):
            self._put_back(before)
            raise
        return before != text

    def uninstall(self) -> bool:
        """Stop and disable the unit, and remove its file. Return whether there was one."""
        if not written_by_us(self.file):
            return False
        self._systemctl("disable", "--now", _UNIT)
        with changing_files():
            self.file.unlink()
        self._systemctl("daemon-reload")
        return True

    def state(self) -> ServiceState:
        """Return what systemd says about the unit."""
        shown = self._systemctl(
            "show", _UNIT, "--property=ActiveState,SubState,MainPID,ActiveEnterTimestamp,Result,UnitFileState"
        )
        properties = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        running = properties.get("ActiveState") == "active"
        words = f"{properties.get('ActiveState', 'unknown')} ({properties.get('SubState', 'unknown')})"
        if running:
            words += f", process {properties.get('MainPID', '?')}, since {properties.get('ActiveEnterTimestamp', '?')}"
        elif properties.get("Result", "success") not in ("", "success"):
            words += f", last result: {properties['Result']}"
        return ServiceState(
            self.file.exists(), running, f"{words}, {properties.get('UnitFileState') or 'not installed'}", self.file
        )

    def log_command(self, lines: int, *, follow: bool) -> list[str]:
        """Return the call of ``journalctl`` that shows the unit's log, also of one that is not installed any more."""
        wanted = ["journalctl", "--user", f"--unit={_UNIT}", f"--lines={lines}", "--output=cat", "--no-hostname"]
        return [*wanted, "--follow"] if follow else [*wanted, "--no-pager"]

    def _systemctl(self, *arguments: str) -> str:
        return must(self._run, "systemctl", "--user", *arguments)

    def _put_back(self, before: str | None) -> None:
        """Undo an install that failed: no link to a file that is gone, and the previous service runs again.

        A failure in here is not reported: the person has to read why the install failed.
        """
        # Disabled while the file is there: systemd cannot remove the link of a unit that it no longer finds.
        if before is None:
            self._try("disable", "--now", _UNIT)
            self.file.unlink(missing_ok=True)
            self._try("daemon-reload")
        else:
            replace_file(self.file, before)
            self._try("daemon-reload")
            self._try("restart", _UNIT)

    def _try(self, *arguments: str) -> None:
        with suppress(ServiceError):
            self._systemctl(*arguments)


def quoted(text: str, *, command: bool = False) -> str:
    """Return a word of a unit file in quotes (systemd.syntax(7)), so that systemd replaces nothing in it.

    ``command`` says that it is a word of a command, in which ``$`` has to be doubled too.
    Raises ``ServiceError`` for what no line can hold.
    """
    # Surrogates are bytes that are not UTF-8.
    if any(ord(letter) < 32 or "\ud800" <= letter <= "\udfff" for letter in text):
        raise ServiceError(
            f"{text!r} holds a character that a systemd unit cannot hold. Rename it, or unset the variable."
        )
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{plain.replace("$", "$$") if command else plain}"'


def _read_only_home(writable: tuple[Path, ...]) -> str:
    """Return the lines for a read-only home, or nothing if no folder is given.

    OpenCode's folders have to stay writable: SQLite keeps a file there that readers and writers share.
    """
    if not writable:
        return ""
    paths = " ".join(quoted(f"-{path}") for path in writable)
    return f"ProtectSystem=strict\nProtectHome=read-only\nReadWritePaths={paths}\n"


def _started(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command as systemd can start it: a program with quotes in its name only through a shell."""
    if set(command[0]) & set("\"'\\$"):
        return ("/bin/sh", "-c", 'exec "$0" "$@"', *command)
    return command


def _path(path: Path) -> str:
    """Return a path as the rest of a line, which is not split into words.

    ``EnvironmentFile=`` takes patterns as in glob(7), so their letters are escaped. Raises ``ServiceError`` as ``quoted``.
    """
    quoted(str(path))
    return re.sub(r"([][*?\\])", r"\\\1", str(path)).replace("%", "%%")
