"""A systemd user unit, from ``config/otel-agent.service``."""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from string import Template
from typing import Final

from otel_agent.shipped import shipped
from otel_agent.startup.manager import Run, Standing, StartupError, changing_files, must, run_program, written_by_us
from otel_agent.startup.program import Program, replace_file

_UNIT: Final = "otel-agent.service"


class Systemd:
    def __init__(self, environ: Mapping[str, str], run: Run = run_program) -> None:
        base = environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
        self.file = Path(base) / "systemd" / "user" / _UNIT
        self._run = run

    def rendered(self, program: Program) -> str:
        environment = (quoted(f"{name}={value}") for name, value in sorted(program.environment.items()))
        return Template(shipped(_UNIT)).substitute(
            command=" ".join(quoted(each, command=True) for each in _started(program.command)),
            environment_file=_path(program.environment_file),
            environment="".join(f"Environment={each}\n" for each in environment),
            read_only_home=_read_only_home(program.only_writable),
        )

    def install(self, program: Program) -> bool:
        text, ours = self.rendered(program), written_by_us(self.file)
        before = self.file.read_text(encoding="utf-8") if ours else None
        with changing_files():
            program.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self.file, text)
        try:
            self._systemctl("daemon-reload")
            self._systemctl("enable", _UNIT)
            self._systemctl("restart" if before != text else "start", _UNIT)
        except StartupError:
            self._put_back(before)
            raise
        return before != text

    def uninstall(self) -> bool:
        if not written_by_us(self.file):
            return False
        self._systemctl("disable", "--now", _UNIT)
        with changing_files():
            self.file.unlink()
        self._systemctl("daemon-reload")
        return True

    def standing(self) -> Standing:
        shown = self._systemctl(
            "show", _UNIT, "--property=ActiveState,SubState,MainPID,ActiveEnterTimestamp,Result,UnitFileState"
        )
        told = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        running = told.get("ActiveState") == "active"
        words = f"{told.get('ActiveState', 'unknown')} ({told.get('SubState', 'unknown')})"
        if running:
            words += f", process {told.get('MainPID', '?')}, since {told.get('ActiveEnterTimestamp', '?')}"
        elif told.get("Result", "success") not in ("", "success"):
            words += f", last result: {told['Result']}"
        return Standing(
            self.file.exists(), running, f"{words}, {told.get('UnitFileState') or 'not installed'}", self.file
        )

    def log_command(self, lines: int, *, follow: bool) -> list[str]:
        wanted = ["journalctl", "--user", f"--unit={_UNIT}", f"--lines={lines}", "--output=cat", "--no-hostname"]
        return [*wanted, "--follow"] if follow else [*wanted, "--no-pager"]

    def _systemctl(self, *arguments: str) -> str:
        return must(self._run, "systemctl", "--user", *arguments)

    def _put_back(self, before: str | None) -> None:
        """As it was, for systemd too: no link to a file that is gone, and what ran before runs again. Whatever of it fails
        changes nothing of what is to be said: why the installing failed."""
        if before is None:
            self._try("disable", "--now", _UNIT)
            self.file.unlink(missing_ok=True)
            self._try("daemon-reload")
        else:
            replace_file(self.file, before)
            self._try("daemon-reload")
            self._try("restart", _UNIT)

    def _try(self, *arguments: str) -> None:
        with suppress(StartupError):
            self._systemctl(*arguments)


def quoted(text: str, *, command: bool = False) -> str:
    """A word of a unit file (systemd.syntax(7)): in quotes, with its specifiers and, in a command, its variables taken
    as they are. Raises ``StartupError`` for what no line can hold."""
    if any(ord(each) < 32 or "\ud800" <= each <= "\udfff" for each in text):  # the latter: bytes that are no UTF-8
        raise StartupError(f"{text!r} holds a character that no systemd unit can. Rename it, or unset the variable.")
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{plain.replace("$", "$$") if command else plain}"'


def _read_only_home(but: tuple[Path, ...]) -> str:
    """OpenCode's folders among them: SQLite keeps a file there through which readers and writers see each other."""
    if not but:
        return ""
    writable = " ".join(quoted(f"-{each}") for each in but)
    return f"ProtectSystem=strict\nProtectHome=read-only\nReadWritePaths={writable}\n"


def _started(command: tuple[str, ...]) -> tuple[str, ...]:
    """systemd starts no program with quotes and the like in its name, but a shell does."""
    if set(command[0]) & set("\"'\\$"):
        return ("/bin/sh", "-c", 'exec "$0" "$@"', *command)
    return command


def _path(path: Path) -> str:
    """The rest of a line, which is not split into words; but ``EnvironmentFile=`` takes patterns, as glob(7) has them."""
    quoted(str(path))  # for what no line can hold
    return re.sub(r"([][*?\\])", r"\\\1", str(path)).replace("%", "%%")
