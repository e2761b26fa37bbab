"""The model that the configuration gives each OpenCode agent: OpenCode's own files, and those of oh-my-opencode.

The files are looked for where the programs look, and a later one wins (opencode.ai/docs/config): OpenCode's global
files, ``OPENCODE_CONFIG``, the project's from its root down, ``.opencode`` folders, ``OPENCODE_CONFIG_DIR``. Over all of
them wins oh-my-opencode's file, first the user's and then the project's. If there are both, ``.jsonc`` is read.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from otel_agent.model import Unreadable
from otel_agent.opencode.bounded_files import in_words, read_bounded

_MAX_BYTES: Final = 1024 * 1024
_OWN: Final = ("opencode.json", "opencode.jsonc")
_REPORTS: Final = re.compile(r"otel|opentelemetry|telemetry|otlp", re.IGNORECASE)
_OH_MY: Final = ("oh-my-opencode", "oh-my-openagent")
"""The plugin's name before and after it was renamed."""


class Configured(Struct, frozen=True):
    """The models that the configuration names."""

    models: dict[str, str] = {}
    """Name of an OpenCode agent, in lower case, to its model as ``provider/model``."""
    hints: tuple[str, ...] = ()
    """A sentence for each file that could not be used; never its content."""


class _Refused(Exception):
    """A file cannot be used; the text says why."""


def configured_models(environ: Mapping[str, str], folder: Path) -> Configured:
    """Return the models for someone who works in ``folder``. A missing file is nothing, a broken one a hint."""
    models: dict[str, str] = {}
    hints: list[str] = []
    for path, keys in _files(environ, folder):
        try:
            found = _parsed(path)
            models |= {name: model for key in keys for name, model in _models(found.get(key))}
        except _Refused as why:
            hints.append(f"{in_words(path)} {why}, so its models are not shown.")
    return Configured(models, tuple(hints))


def telemetry_plugins(environ: Mapping[str, str], folder: Path) -> list[tuple[str, str]]:
    """Return the plugins for someone who works in ``folder`` whose names say that they report, each with the file that
    names it. Broken files are passed over."""
    found: dict[str, str] = {}
    for path, _ in _files(environ, folder):
        try:
            named = _parsed(path).get("plugin")
        except _Refused:
            continue
        for entry in named if isinstance(named, list) else []:
            name = entry[0] if isinstance(entry, list) and entry else entry  # a plugin with options is a pair
            if isinstance(name, str) and _REPORTS.search(name):
                found.setdefault(name, in_words(path))
        for kind in ("plugin", "plugins"):
            for file in sorted((path.parent / kind).glob("*.[jt]s")):
                if _REPORTS.search(file.name):
                    found.setdefault(file.name, in_words(file))
    return list(found.items())


def _files(environ: Mapping[str, str], folder: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield each file there may be, with the keys under which it has agents; a later file wins."""
    own = ("mode", "agent")  # agents were called modes before 0.4, and the old key is still read
    user = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "opencode"
    yield from ((user / name, own) for name in ("config.json", *_OWN))
    if environ.get("OPENCODE_CONFIG"):
        yield Path(environ["OPENCODE_CONFIG"]).expanduser(), own
    project = _from_the_root_to(folder)
    yield from ((each / name, own) for each in project for name in _OWN)
    inner = [each / ".opencode" for each in project]
    also = [Path(environ["OPENCODE_CONFIG_DIR"]).expanduser()] if environ.get("OPENCODE_CONFIG_DIR") else []
    yield from ((each / name, own) for each in (*inner, *also) for name in _OWN)
    for each in (user, *inner):
        for name in _OH_MY:
            commented = each / f"{name}.jsonc"
            yield commented if commented.exists() else each / f"{name}.json", ("agents",)


def _from_the_root_to(folder: Path) -> list[Path]:
    """Return the folders from the repository's root down; without a repository the folder alone."""
    above = [folder, *folder.parents]
    root = next((index for index, each in enumerate(above) if (each / ".git").exists()), 0)
    return above[root::-1]


def _parsed(path: Path) -> dict[str, Any]:
    """Raises ``_Refused``."""
    import pyjson5  # noqa: PLC0415 - only where there is something to parse

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
        model = agent.get("model") if isinstance(agent, dict) else None
        if isinstance(model, str) and model:
            yield str(name).lower(), model
