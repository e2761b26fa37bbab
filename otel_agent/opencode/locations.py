"""The places in which OpenCode keeps its data: where to look, which stores are there now, and what to watch."""

import os
import stat
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from os import DirEntry
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from otel_agent.model import Problem, ProblemKind, Store
from otel_agent.opencode.answering import NoAnswer, answer_of
from otel_agent.opencode.bounded_files import expanded, in_words, is_folder, listing
from otel_agent.opencode.change_marks import database_mark, tree_mark
from otel_agent.opencode.json_tree.layout import FlatLayout, ProjectLayout
from otel_agent.opencode.mounts import network_file_system

_CHANGE_ENDINGS: Final = (".db", "-wal", "storage", "project")
"""Endings of the names that change in a data folder when OpenCode writes. They are those of a database, of its
write-ahead log, and of the folders with which a JSON tree begins."""

_DATABASE: Final = "opencode.db"
"""The database of the stable release channel, which most people have."""


class StoreLocations(Struct, frozen=True):
    """The folders to look into, and the databases that are named outright."""

    folders: tuple[Path, ...]
    databases: tuple[Path, ...] = ()
    known: frozenset[str] = frozenset()
    """The stores that were read before, by name. A folder that cannot be listed is asked for those in it."""

    @property
    def paths(self) -> list[Path]:
        """Every folder and database, as a person wants to read where we look."""
        return [*self.folders, *self.databases]

    @property
    def data_folders(self) -> list[Path]:
        """The folders in which data may appear, each once: those to look into, and those of the named databases."""
        return list(dict.fromkeys([*self.folders, *(path.parent for path in self.databases)]))


class StorePlace(Struct, frozen=True):
    """One store that was found, and nothing of it was read yet."""

    path: Path
    """The database, or the folder of a tree's messages, by the path that a person knows."""
    real_path: str
    """The same without links. The log of a database lies there, beside the file and not beside a link to it."""
    layout: FlatLayout | ProjectLayout | None = None
    """The layout of a tree, ``None`` for a database."""

    def store(self) -> Store:
        """Return what reads it."""
        # Most people have one kind of store. The readers of the other one would take 0.008 s of each summary to import.
        if self.layout is not None:
            from otel_agent.opencode.json_tree.tree import JsonTree  # noqa: PLC0415

            return JsonTree(self.layout)
        from otel_agent.opencode.sqlite.database import Database  # noqa: PLC0415

        return Database(self.path, Path(self.real_path))

    def mark(self, now_ns: int) -> bytes:
        """Return what changes whenever a pass would find something; empty if a change a moment ago may not show yet."""
        real_path = Path(self.real_path)
        return database_mark(real_path, now_ns) if self.layout is None else tree_mark(real_path, now_ns)


class WatchedFolder(Struct, frozen=True):
    """A folder in which a change may mean new messages."""

    folder: str
    recursive: bool
    """True to watch everything below it too; else only its own entries whose names end in ``endings``."""
    endings: tuple[str, ...] = ()
    no_events: str = ""
    """The reason why no event would ever come, although the system accepts the watch; empty if events come."""


def locations(environ: Mapping[str, str], more: Sequence[Path] = ()) -> StoreLocations:
    """Return where an OpenCode with this environment keeps its data, by its own rules, the same on every system.

    These are ``$XDG_DATA_HOME/opencode``, else ``~/.local/share/opencode``; and ``OPENCODE_DB``, absolute or relative to
    that folder. ``more`` are further folders of the same form.
    """
    home = environ.get("HOME") or "~"
    own = expanded(environ.get("XDG_DATA_HOME") or f"{home}/.local/share") / "opencode"
    named = environ.get("OPENCODE_DB")
    databases = (own / expanded(named),) if named and named != ":memory:" else ()
    return StoreLocations(_distinct([own, *map(expanded, more)]), databases)


def doubts(places: StoreLocations) -> list[str]:
    """Return a sentence for each of these places in which nobody can ever find data. One that is not there yet is none."""
    found = [(path, _doubt(path, stat.S_ISDIR, "not a folder")) for path in places.folders]
    found += [(path, _doubt(path, stat.S_ISREG, "not a file")) for path in places.databases]
    return [f"{in_words(path)} {why}: no OpenCode data is found there." for path, why in found if why]


def _doubt(path: Path, is_right: Callable[[int], bool], otherwise: str) -> str:
    try:
        mode = answer_of(in_words(path), path.stat).st_mode
    except NoAnswer:
        return ""  # ``find_stores`` names it
    except FileNotFoundError:
        user = next((each for each in path.parts if each.startswith("~")), "")
        if user:
            return f"names the home of a user who does not exist ({user})"
        return "" if path.is_absolute() else "is not an absolute path"
    except NotADirectoryError:
        return "is below something that is not a folder"
    except PermissionError:
        return ""  # ``find_stores`` names it
    except (OSError, ValueError) as error:
        return f"cannot be looked at ({getattr(error, 'strerror', None) or error})"
    return "" if is_right(mode) else f"is {otherwise}"


def together(places: Iterable[StoreLocations]) -> StoreLocations:
    """Return all of these locations as one, each folder and each database once."""
    known = list(places)
    return StoreLocations(
        _distinct([folder for each in known for folder in each.folders]),
        _distinct([path for each in known for path in each.databases]),
    )


def find_stores(places: StoreLocations) -> tuple[dict[str, Store], list[Problem]]:
    """Return every store there is by its real path, and the folders that may not be read.

    A store that is reached twice (a link, the same folder given twice) is listed once. Old trees come first, so that an
    original is usually read before its later copy.
    """
    found, problems = find_places(places)
    return {real_path: place.store() for real_path, place in found.items()}, problems


def find_places(places: StoreLocations) -> tuple[dict[str, StorePlace], list[Problem]]:
    """Return the same as ``find_stores``, without the code that reads a store."""
    problems: list[Problem] = []
    stores: dict[str, StorePlace] = {}
    databases: list[tuple[str, StorePlace]] = []
    # The same store by two paths would not be counted twice, but it would be read twice.
    for path in places.databases:
        databases += _asked(path, partial(_database, path, problems), problems)
    for folder in places.folders:
        for real_path, place in _asked(folder, partial(_in_folder, folder, places.known, problems), problems):
            if place.layout is not None:
                stores.setdefault(real_path, place)
            else:
                databases.append((real_path, place))
    for real_path, place in databases:
        stores.setdefault(real_path, place)
    return stores, problems


def _asked(
    place: Path, find: Callable[[], list[tuple[str, StorePlace]]], problems: list[Problem]
) -> list[tuple[str, StorePlace]]:
    """Return what is found at a place; nothing if it does not answer, and the problem says so."""
    try:
        return answer_of(in_words(place), find)
    except NoAnswer as failure:
        problems.append(failure.problem)
        return []


def _in_folder(folder: Path, known: Collection[str], problems: list[Problem]) -> list[tuple[str, StorePlace]]:
    """Return the stores in one folder by their real paths."""
    met: list[Problem] = []
    found = [
        (real_path, StorePlace(layout.messages, real_path, layout))
        for layout in _layouts(folder, known, met)
        if _is_there(layout.messages, stat.S_ISDIR, met)
        for real_path in [os.path.realpath(layout.messages)]
    ]
    found += [each for path in _databases(folder, known, met) for each in _database(path, met)]
    # A folder that may be neither listed nor searched is met twice.
    problems += {each.place: each for each in met}.values()
    return found


def _database(path: Path, problems: list[Problem]) -> list[tuple[str, StorePlace]]:
    met: list[Problem] = []
    is_there = _is_there(path, stat.S_ISREG, met)
    problems += met
    if not is_there:
        return []
    real_path = os.path.realpath(path)
    return [(real_path, StorePlace(path, real_path))]


def _is_there(path: Path, is_right: Callable[[int], bool], problems: list[Problem]) -> bool:
    """Return True if something of the right kind is there. A folder above that may not be searched is a problem."""
    try:
        return is_right(path.stat().st_mode)
    except PermissionError as error:
        barred = next((each for each in reversed(path.parents) if not os.access(each, os.X_OK)), path.parent)
        problems.append(Problem(ProblemKind.NO_ACCESS, in_words(barred), error.strerror or ""))
    except (OSError, ValueError):
        pass
    return False


def watched_folders(places: StoreLocations, stores: Iterable[Store]) -> list[WatchedFolder]:
    """Return what to watch: the trees, the folders of databases, and the folders in which either may appear."""
    known = list(stores)
    flat = {*places.data_folders, *(store.folder for store in known if not store.is_tree)}
    trees = (store.folder for store in known if store.is_tree)
    return [
        *(WatchedFolder(str(each), False, _CHANGE_ENDINGS, _why_no_events(each)) for each in flat),
        *(WatchedFolder(str(each), True, no_events=_why_no_events(each)) for each in trees),
    ]


@lru_cache(maxsize=1024)
def _why_no_events(folder: Path) -> str:
    """The kernel of this machine does not report what another machine changes."""
    kind = network_file_system(folder)
    return f"it is on {kind}, which does not report changes" if kind else ""


def _layouts(folder: Path, known: Collection[str], problems: list[Problem]) -> list[FlatLayout | ProjectLayout]:
    projects = folder / "project"
    entries, inside = _listed(projects, known, problems)
    names = {entry.name for entry in entries if is_folder(entry)} | {path.parts[0] for path in inside}
    return [*(ProjectLayout(projects / name / "storage") for name in sorted(names)), FlatLayout(folder / "storage")]


def _databases(folder: Path, known: Collection[str], problems: list[Problem]) -> list[Path]:
    """Return ``opencode.db``, and ``opencode-<channel>.db`` of other release channels."""
    entries, inside = _listed(folder, {*known, str(folder / _DATABASE)}, problems)
    names = {entry.name for entry in entries} | {path.name for path in inside if len(path.parts) == 1}
    return sorted(folder / name for name in names if name.startswith("opencode") and name.endswith(".db"))


def _listed(folder: Path, known: Collection[str], problems: list[Problem]) -> tuple[list[DirEntry[str]], list[Path]]:
    """Return a folder's entries. If it can be searched but not listed, add the known paths in it, relative to it."""
    met: list[Problem] = []
    entries = list(listing(folder, met))
    # Any other error says nothing of permission.
    if not met or os.access(folder, os.R_OK) or not os.access(folder, os.X_OK):
        problems += met
        return entries, []
    problems += (replace(each, kind=ProblemKind.NOT_LISTED) for each in met)
    return entries, [path.relative_to(folder) for path in map(Path, known) if folder in path.parents]


def _distinct(folders: list[Path]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(folders))
