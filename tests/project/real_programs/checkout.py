"""A copy of the scripts to try them in, and small stand-ins for go, npm and the like, whose real work takes minutes."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Each stand-in writes down how it was called.
HEAD = '#!/bin/sh\nPATH=/usr/bin:/bin\necho "${0##*/} $*" >> "$CALLS"\n'
# The build makes the file that `-o` names, and writes down the variables that matter. If GATE is set, it first waits
# until somebody writes into that pipe.
GO = """
case "$1" in
env) [ "$2" = GOVERSION ] && echo "$GOVERSION" || echo "$GOTOOLCHAIN" ;;
run) mkdir build ;;
build)
    echo "environment: $GOFLAGS $GOWORK $CGO_ENABLED" >> "$CALLS"
    if [ -n "$GATE" ]; then echo building; read -r _ < "$GATE"; fi
    while [ "$1" != -o ]; do shift; done
    mkdir -p "${2%/*}" && touch "$2" && chmod +x "$2" ;;
mod) if [ "$2" = download ]; then echo "{\\"Dir\\": \\"$MODULE\\"}"; fi ;;
esac
"""
# It links the command by its absolute path, as older packages do. The package of a binary alone names no command.
NPM = """
for last; do :; done
program=node_modules/${last%@*}/bin/opencode
mkdir -p "${program%/*}" node_modules/.bin
printf '#!/bin/sh\\necho %s\\n' "${SAYS:-${last##*@}}" > "$program"
chmod +x "$program"
if [ "${last%@*}" = opencode-ai ]; then ln -s "$PWD/$program" node_modules/.bin/opencode; fi
"""
NPM_CI = """
mkdir -p node_modules/.bin && touch node_modules/.bin/esbuild && chmod +x node_modules/.bin/esbuild
"""
JAVA = """
echo "openjdk version \\"${JAVA:-17.0.9}\\" 2026-01-01" >&2
"""
MVN = """
for last; do :; done
mkdir -p "${last#-DoutputDirectory=}" && cp pom.xml "${last#-DoutputDirectory=}"
"""
SUDO = """
PATH=${0%/*} exec "$@"
"""
# Installing a package gives a copy of the stand-in of that name. A variable of that name may give the copy another name.
APT_GET = """
for last; do :; done
[ "$last" = update ] && exit
variable=$(echo "$last" | tr - _)
command=$(eval "echo \\"\\${$variable:-$last}\\"")
cp "${0%/*}/$last" "${0%/*}/$command" 2>/dev/null || cp "$0" "${0%/*}/$command"
"""
FAILS = "echo 'could not resolve host' >&2; exit 7\n"


@dataclass
class Checkout:
    """A copy of the scripts, with nothing in .cache, on a PATH that has only the stand-ins."""

    root: Path
    bin: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def cache(self) -> Path:
        """The folder in which programs are kept."""
        return self.root / ".cache"

    @property
    def calls(self) -> list[str]:
        """The lines that the stand-ins wrote down, in order."""
        file = self.root / "calls"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def has(self, **tools: str) -> None:
        """Put stand-ins on PATH: name → the rest of the script."""
        for name, text in tools.items():
            path = self.bin / name.replace("_", "-")
            path.write_text(HEAD + text, encoding="utf-8")
            path.chmod(0o755)

    def run(self, *arguments: str, script: str = "real-programs") -> subprocess.CompletedProcess[str]:
        """Run a script to its end."""
        command: list[str | Path] = [sys.executable, self.root / "scripts" / script, *arguments]
        return subprocess.run(command, env=self.environment(), capture_output=True, text=True, timeout=60, check=False)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `scripts/real-programs`; its messages can be read."""
        command: list[str | Path] = [sys.executable, self.root / "scripts" / "real-programs", *arguments]
        return subprocess.Popen(command, env=self.environment(), stderr=subprocess.PIPE, text=True)

    def environment(self) -> Mapping[str, str]:
        """The environment of a script: nothing of the one that the tests run in."""
        own = {"PATH": str(self.bin), "CALLS": str(self.root / "calls"), "HOME": str(self.root)}
        return own | {"GOVERSION": "go1.26.0", "GOTOOLCHAIN": "auto"} | self.variables

    def kept(self, folder: str) -> set[str]:
        """The names in a folder of .cache, but for the lock."""
        return {path.name for path in (self.cache / folder).iterdir()} - {".lock"}


@contextmanager
def opened(gate: Path) -> Iterator[None]:
    """Let whatever waits at the gate go on, and whatever comes to it during the block."""
    # Opened for reading, too, because that does not wait for a reader.
    with gate.open("r+b", buffering=0) as pipe:
        pipe.write(b"go on\n" * 4)
        yield


def has_somebody_waiting(gate: Path) -> bool:
    """Return whether a process waits at the gate."""
    try:
        os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return False
    return True


def wait_for(lines: IO[str] | None, said: str) -> None:
    """Read until a line holds what is waited for. Fail if the lines end before."""
    assert lines is not None
    assert any(said in line for line in lines), f"it ended without saying {said!r}"


def wait_for_end(lines: IO[str] | None) -> None:
    """Wait until nobody can write there any more: neither a process nor what it started."""
    assert lines is not None
    lines.read()
