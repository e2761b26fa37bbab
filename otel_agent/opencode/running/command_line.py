"""What a command line says an OpenCode process is there for. Forms seen of 1.1 to 1.18; of 2.x from its source."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from otel_agent.model import ProcessMode

_NAMES: Final = frozenset({"opencode", "opencode-cli", "opencode2"})
_SERVERS: Final = frozenset({"serve", "web", "acp"})
_ENDS_SOON: Final = frozenset(
    {
        *("add", "agent", "auth", "completion", "console", "db", "debug", "export", "import", "install", "login"),
        *("logout", "mcp", "models", "plugin", "providers", "session", "stats", "uninstall", "upgrade", "x"),
    }
)
"""What looks something up or sets something up, and ends: no one works in it, so it is in no mode."""
_WITH_VALUE: Final = frozenset(
    {
        *("--agent", "--attach", "--command", "--cors", "--cwd", "--dir", "--file", "--format", "--hostname"),
        *("--log-level", "--mdns-domain", "--model", "--password", "--port", "--prompt", "--session", "--title"),
        *("--username", "--variant", "-f", "-m", "-p", "-s", "-u"),
    }
)
"""Options whose value is the next argument, which is then no subcommand, whatever it is called."""
_SCRIPT: Final = re.compile(r".+\.[cm]?[jt]s", re.IGNORECASE)


def mode_of(executable: str, arguments: Sequence[str]) -> ProcessMode | None:
    """The mode of a process, ``None`` where it is no OpenCode at work.

    Known by the base name of its executable or of ``arguments[0]``, never by what else is on the command line: editors,
    shells, trackers and npm's ``node …/bin/opencode`` wrapper (whose native child counts) name OpenCode too.
    ``executable`` is empty where it may not be read.
    """
    if not any(_program(each) in _NAMES for each in (executable, *arguments[:1])):
        return None
    words = list(_positional(arguments[1:]))
    first = words[0] if words else ""
    if "--stdio" in arguments and (first == "x" or _SCRIPT.fullmatch(_script(words))):
        return ProcessMode.LSP
    if first in _SERVERS:
        return ProcessMode.SERVER
    return None if first in _ENDS_SOON else ProcessMode.CLI


def file_name(path: str) -> str:
    """The last part of a path of either system."""
    return re.split(r"[/\\]", path)[-1]


def _program(path: str) -> str:
    """Without ``.exe``, which npm's binary is called on Linux too."""
    return file_name(path).lower().removesuffix(".exe")


def _positional(arguments: Sequence[str]) -> Iterator[str]:
    """The arguments that are neither options nor options' values."""
    is_value = False
    for each in arguments:
        if not is_value and not each.startswith("-"):
            yield each
        is_value = not is_value and each in _WITH_VALUE


def _script(words: Sequence[str]) -> str:
    """What the binary runs as a JavaScript runtime (``BUN_BE_BUN=1``): ``run server.js``, or ``server.js`` alone."""
    candidates = words[1:2] if words[:1] == ["run"] else words[:1]
    return next((each for each in candidates if "/" in each or "\\" in each), "")
