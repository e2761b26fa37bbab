"""The MCP server of a tool: OpenCode names the tools of one ``server_tool``.

Underscores are part of many names, so the name alone says nothing. A server is known if OpenCode's configuration names
it, or if the name has the form ``mcp__server__tool``. Everything else is not guessed.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from otel_agent.opencode.configured_models import server_names

_NOT_IN_NAMES: Final = re.compile(r"[^a-zA-Z0-9_-]")
"""OpenCode replaces each of these letters of a server's and a tool's name by an underscore."""
_SPELLED_OUT: Final = re.compile(r"mcp__(?P<server>.+?)__(?P<tool>.+)")
_OWN: Final = frozenset({"apply_patch", "plan_enter", "plan_exit", "todo_read", "todo_write"})
"""OpenCode's own tools with an underscore, which a server called ``apply`` or ``plan`` must not get."""
_MOST_FOLDERS: Final = 200
"""Project folders whose configuration is looked at."""

KnownBy = Literal["", "config", "name"]


class Server(Struct, frozen=True):
    """The MCP server of a tool, and how it is known; empty for a tool of OpenCode's own, and if nothing says it."""

    name: str = ""
    known_by: KnownBy = ""


class Servers(Struct, frozen=True):
    """The MCP servers that the configuration names."""

    names: tuple[str, ...] = ()

    def of(self, tool: str) -> Server:
        """Return the server of a tool, by the name that OpenCode recorded."""
        if tool in _OWN:
            return Server()
        # The longest name first: with the servers "git" and "git_hub", the second one has the tool "git_hub_search".
        for name in sorted(self.names, key=len, reverse=True):
            if tool.startswith(f"{_NOT_IN_NAMES.sub('_', name)}_"):
                return Server(name, "config")
        spelled_out = _SPELLED_OUT.fullmatch(tool)
        return Server(spelled_out["server"], "name") if spelled_out else Server()


def configured_servers(environ: Mapping[str, str], folders: Iterable[Path]) -> Servers:
    """Return the servers for someone who works in these folders. Broken and missing files are passed over."""
    names: dict[str, None] = {}
    for folder in dict.fromkeys([*folders][:_MOST_FOLDERS]):
        names |= dict.fromkeys(server_names(environ, folder))
    return Servers(tuple(names))
