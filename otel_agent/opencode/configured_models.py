"""The model that the configuration gives each OpenCode agent: OpenCode's own files, and those of oh-my-opencode.

The files are looked for where the programs look, and a later one wins (opencode.ai/docs/config). The order is:
OpenCode's global files, ``OPENCODE_CONFIG``, the project's from its root down, ``.opencode`` folders,
``OPENCODE_CONFIG_DIR``. Over all of them wins oh-my-opencode's file, first the user's and then the project's. If there
are both, ``.jsonc`` is read.

oh-my-opencode 4 moves its file to ``.omo/omo.jsonc`` at its first start. It also gives its agents names to be shown,
such as "Atlas - Plan Executor". Messages are recorded under these, while the file goes on calling the agent ``atlas``.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import Struct

from otel_agent.model import Unreadable
from otel_agent.model.agent_name import agent_name
from otel_agent.opencode.bounded_files import expanded, in_words, read_bounded
from otel_agent.opencode.json_values import field

_MAX_BYTES: Final = 1024 * 1024
_OWN: Final = ("opencode.json", "opencode.jsonc")
_REPORTS: Final = re.compile(r"otel|opentelemetry|telemetry|otlp", re.IGNORECASE)
_OH_MY: Final = ("oh-my-opencode", "oh-my-openagent")
"""The plugin's name before and after it was renamed."""
_SHOWN_AS: Final = re.compile(r"(.+?)(?: [-\u2013\u2014] | \()")
"""The words of a shown name before its description: "Atlas - Plan Executor", and up to 3.15 "Atlas (Plan Executor)"."""

_Keys = tuple[tuple[str, ...], ...]
"""The places of agents in a file, each as nested keys; a later place wins."""
_OF_OPENCODE: Final[_Keys] = (("mode",), ("agent",), ("agents",))
"""Agents were called modes before 0.4, and the old key is still read; 2.x calls them ``agents`` and reads all three."""
_OF_PLUGIN: Final[_Keys] = (("agents",), ("[opencode]", "agents"))
"""The second is for OpenCode alone: oh-my-opencode 4 works in other programs too."""


class Configured(Struct, frozen=True):
    """The models that the configuration names."""

    models: dict[str, str] = {}
    """Name of an OpenCode agent, in lower case, to its model as ``provider/model``."""
    plugin_agents: frozenset[str] = frozenset()
    """Those of the names that oh-my-opencode may show in another form."""
    hints: tuple[str, ...] = ()
    """A sentence for each file that could not be used; never its content."""

    def model_of(self, agent: str) -> str:
        """Return the model of an agent by the name that messages have, empty if none is configured for it."""
        name = agent_name(agent).lower()
        if name in self.models:
            return self.models[name]
        # Only the plugin shows its agents under other names; whoever names an agent "build - fast" means another one.
        shown = _SHOWN_AS.match(name)
        return self.models[shown[1]] if shown and shown[1] in self.plugin_agents else ""


class _File(NamedTuple):
    path: Path
    keys: _Keys = _OF_OPENCODE


class _Refused(Exception):
    """A file cannot be used; the text says why."""


def configured_models(environ: Mapping[str, str], folder: Path) -> Configured:
    """Return the models for someone who works in ``folder``. A missing file is nothing, a broken one a hint."""
    models: dict[str, str] = {}
    of_plugin: set[str] = set()
    hints: list[str] = []
    for path, keys in _files(environ, folder):
        found, reasons = _agents_in(path, keys)
        models |= found
        of_plugin.update(found if keys is _OF_PLUGIN else ())
        hints += [f"{in_words(path)} {why}, so its models are not shown." for why in reasons]
    return Configured(models, frozenset(of_plugin), tuple(hints))


def _agents_in(path: Path, keys: _Keys) -> tuple[dict[str, str], list[str]]:
    """Return the models of the agents in a file, and the reasons why a part of it could not be used."""
    try:
        content = _parsed(path)
    except _Refused as why:
        return {}, [str(why)]
    models: dict[str, str] = {}
    reasons: dict[str, None] = {}
    for key in keys:
        try:
            models |= dict(_models(field(content, *key)))
        except _Refused as why:
            reasons[str(why)] = None  # it says nothing against the other keys
    return models, list(reasons)


def telemetry_plugins(environ: Mapping[str, str], folder: Path) -> list[tuple[str, str]]:
    """Return the plugins for someone who works in ``folder`` whose names say that they report, each with the file that
    names it. Broken files are passed over."""
    found: dict[str, str] = {}
    for path, _ in _files(environ, folder):
        try:
            content = _parsed(path)
        except _Refused:
            continue
        for kind in ("plugin", "plugins"):  # the key, and the folder beside the file; the second is the one of 2.x
            for name in _plugins(content.get(kind)):
                if _REPORTS.search(name):
                    found.setdefault(name, in_words(path))
            for file in sorted((path.parent / kind).glob("*.[jt]s")):
                if _REPORTS.search(file.name):
                    found.setdefault(file.name, in_words(file))
    return list(found.items())


def server_names(environ: Mapping[str, str], folder: Path) -> list[str]:
    """Return the names of the MCP servers for someone who works in ``folder``. Broken files are passed over."""
    found: dict[str, None] = {}
    for path, _ in _files(environ, folder):
        try:
            servers = _parsed(path).get("mcp")
        except _Refused:
            continue
        # 2.x has them one level deeper, beside their timeout.
        inner = field(servers, "servers")
        for names in (servers, inner if isinstance(inner, dict) else None):
            found |= dict.fromkeys(str(name) for name in names or () if isinstance(names, dict))
    return list(found)


def _plugins(entries: object) -> Iterator[str]:
    """Yield the names of plugins. One with options is a pair in 1.x, and an object in 2.x."""
    for entry in entries if isinstance(entries, list) else []:
        name = entry[0] if isinstance(entry, list) and entry else entry
        name = name.get("package") if isinstance(name, dict) else name
        if isinstance(name, str):
            yield name


def _files(environ: Mapping[str, str], folder: Path) -> Iterator[_File]:
    """Yield each file there may be, with the keys under which it has agents; a later file wins."""
    user = Path(environ.get("XDG_CONFIG_HOME") or expanded("~/.config")) / "opencode"
    yield from (_File(user / name) for name in ("config.json", *_OWN))
    if environ.get("OPENCODE_CONFIG"):
        yield _File(expanded(environ["OPENCODE_CONFIG"]))
    project = _from_the_root_to(folder)
    yield from (_File(each / name) for each in project for name in _OWN)
    inner = [each / ".opencode" for each in project]
    also = [expanded(environ["OPENCODE_CONFIG_DIR"])] if environ.get("OPENCODE_CONFIG_DIR") else []
    yield from (_File(each / name) for each in (*inner, *also) for name in _OWN)
    # The user's files first, then the project's. In each place the file of 4.x is the later one: it was made of the other.
    places = [(user, expanded("~/.omo")), *((each / ".opencode", each / ".omo") for each in project)]
    for old, new in places:
        yield from (_File(_commented_or_not(old / name), _OF_PLUGIN) for name in _OH_MY)
        yield _File(_commented_or_not(new / "omo"), _OF_PLUGIN)


def _commented_or_not(stem: Path) -> Path:
    """Return the file with the ending ``.jsonc`` if there is one, else the one with ``.json``."""
    commented = stem.with_name(f"{stem.name}.jsonc")
    there = os.path.exists(commented)  # noqa: PTH110 - Path's raises in a folder that may not be searched
    return commented if there else stem.with_name(f"{stem.name}.json")


def _from_the_root_to(folder: Path) -> list[Path]:
    """Return the folders from the repository's root down; without a repository the folder alone."""
    above = [folder, *folder.parents]
    root = next((index for index, each in enumerate(above) if os.path.exists(each / ".git")), 0)  # noqa: PTH110
    return above[root::-1]


def _parsed(path: Path) -> dict[str, Any]:
    """Raises ``_Refused``."""
    import pyjson5  # noqa: PLC0415 - only if there is something to parse

    try:
        raw = read_bounded(str(path), _MAX_BYTES)
    except Unreadable as failure:
        raise _Refused(f"cannot be read ({failure.problem.detail})") from None
    if raw is None:
        return {}
    try:
        found = pyjson5.decode(raw.decode("utf-8-sig").strip() or "{}")
    except (pyjson5.Json5Exception, UnicodeDecodeError, RecursionError):
        raise _Refused("is not JSON") from None
    if not isinstance(found, dict):
        raise _Refused("is not a JSON object")
    return found


def _models(agents: object) -> Iterator[tuple[str, str]]:
    if agents is None:
        return
    if not isinstance(agents, dict):
        raise _Refused("has agents that are no JSON object")
    for name, agent in agents.items():
        model = _model(field(agent, "model"))
        if model:
            yield agent_name(str(name)).lower(), model


def _model(value: object) -> str:
    """Return a model as ``provider/model``, empty for any other form. 2.x writes it as an object too, and can add a level
    of reasoning: ``provider/model#high``."""
    if isinstance(value, dict):
        provider, model = value.get("providerID"), value.get("model")
        return f"{provider}/{model}" if isinstance(provider, str) and isinstance(model, str) else ""
    return value.partition("#")[0] if isinstance(value, str) else ""
