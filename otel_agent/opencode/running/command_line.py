"""A command line says what an OpenCode process is there for. The forms are those of 1.1 to 1.18, and of 2.x by its source."""

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
        *("api", "browser", "migrate", "pair", "reload", "service", "update"),  # of 2.x
    }
)
"""Commands that look something up or set something up, and end: no one works in them, so they are in no mode."""
_WITH_VALUE: Final = frozenset(
    {
        *("--agent", "--attach", "--command", "--cors", "--cwd", "--dir", "--file", "--format", "--hostname"),
        *("--log-level", "--mdns-domain", "--model", "--password", "--port", "--prompt", "--server", "--session"),
        *("--title", "--username", "--variant", "-f", "-m", "-p", "-s", "-u"),
    }
)
"""Options with the next argument as their value: it is no subcommand, whatever it is called."""
_SCRIPT: Final = re.compile(r".+\.[cm]?[jt]s", re.IGNORECASE)


def mode_of(executable: str, arguments: Sequence[str]) -> ProcessMode | None:
    """Return the mode of a process, ``None`` if it is no OpenCode at work.

    The base name of its executable or of ``arguments[0]`` decides, and nothing else on the command line: editors,
    shells and trackers name OpenCode too. So does npm's ``node …/bin/opencode`` wrapper, whose native child counts.
    ``executable`` is empty if it may not be read.
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
    """Return the last part of a path of either system."""
    return re.split(r"[/\\]", path)[-1]


def _program(path: str) -> str:
    """Return the program's name without ``.exe``: npm's binary has it on Linux too."""
    return file_name(path).lower().removesuffix(".exe")


def _positional(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the arguments that are neither options nor options' values."""
    is_value = False
    for each in arguments:
        if not is_value and not each.startswith("-"):
            yield each
        is_value = not is_value and each in _WITH_VALUE


def _script(words: Sequence[str]) -> str:
    """Return the script that the binary runs as a JavaScript runtime (``BUN_BE_BUN=1``): ``run server.js``, or ``server.js``."""
    candidates = words[1:2] if words[:1] == ["run"] else words[:1]
    return next((each for each in candidates if "/" in each or "\\" in each), "")
