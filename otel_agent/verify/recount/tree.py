"""The recount of a JSON tree: every file of every session, read once."""

import json
import os
import stat
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

from otel_agent.verify.recount.assistant import Place, is_whole_turn, record, unwrapped
from otel_agent.verify.recount.long_texts import CHUNK, without_long_texts
from otel_agent.verify.recount.record import NONE, TREE, Five, Found, SessionRecord, StoreFacts, Trouble
from otel_agent.verify.recount.rows import MOST_BYTES
from otel_agent.verify.recount.values import below, five, moment, plus, words


def read_tree(messages: Path, store: str) -> Iterator[Found]:
    """Yield what a tree holds. ``messages`` is the folder that has a folder of messages for each session."""
    # Up to 0.5 a tree belongs to a project: session/message, session/info, session/part/<session>/<message>.
    old = messages.parent.name == "session"
    parts = messages.parent / "part"
    began = yield from _sessions(messages.parent / ("info" if old else "session"), store)
    for folder in (yield from _listed(messages, os.DirEntry.is_dir)):
        files = yield from _listed(folder, os.DirEntry.is_file)
        for file in (path for path in files if path.suffix == ".json"):
            of_message = parts / folder.name / file.stem if old else parts / file.stem
            yield from _message(file, of_message, began.get(folder.name), store)
    yield StoreFacts(store, 0, None)


def _sessions(folder: Path, store: str) -> Generator[Found, None, dict[str, tuple[int, bool]]]:
    """Yield the sessions; return when each began."""
    began: dict[str, tuple[int, bool]] = {}
    barred: list[OSError] = []
    below_it = os.walk(folder, onerror=barred.append)
    for path in (Path(place, name) for place, _, names in below_it for name in names if name.endswith(".json")):
        data = yield from _readable(path)
        created_ms = moment(below(data, "time", "created")) or 0
        if data is not None:
            began[path.stem] = (created_ms, False)
            yield SessionRecord(path.stem, store, TREE, created_ms, False, words(data.get("version")), *NONE, 0)
    yield from (_trouble(error) for error in barred if not isinstance(error, FileNotFoundError))
    return began


def _message(file: Path, parts: Path, session: tuple[int, bool] | None, store: str) -> Iterator[Found]:
    try:
        data = _loaded(file)
    except OSError as error:
        yield _trouble(error)
        return
    if data is None:
        yield Trouble(store, file.stem, "not a JSON object")
        return
    if data.get("role") != "assistant":
        return
    data = unwrapped(data)
    at = Place(store, str(file), TREE, file.stem, file.parent.name, None, _written_ms(file), session)
    used = (yield from _with_steps(five(data.get("tokens")), parts)) if is_whole_turn(data, TREE) else None
    found = record(data, at, used)
    yield Trouble(store, file.stem, "no id, session or time") if found is None else found


def _with_steps(used: Five, parts: Path) -> Generator[Found, None, Five]:
    """Return what all steps of a turn used, if that is more than what its record says."""
    steps = NONE
    files = yield from _listed(parts, os.DirEntry.is_file)
    for path in (file for file in files if file.suffix == ".json"):
        part = yield from _readable(path)
        if part is not None and part.get("type") == "step-finish":
            steps = plus(steps, five(part.get("tokens")))
    return larger(used, steps)


def larger(used: Five, steps: Five) -> Five:
    """Return the larger number of each category if the steps used more in all, else ``used``."""
    if sum(steps) <= sum(used):
        return used
    most = [max(mine, theirs) for mine, theirs in zip(used, steps, strict=True)]
    return most[0], most[1], most[2], most[3], most[4]


def _listed(folder: Path, is_right: Callable[[os.DirEntry[str]], bool]) -> Generator[Found, None, list[Path]]:
    """Return what is in a folder; yield a trouble if that cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if _may_be(entry, is_right))
    except FileNotFoundError:
        return []  # deleted a moment ago
    except OSError as error:
        yield _trouble(error)
        return []


def _may_be(entry: os.DirEntry[str], is_right: Callable[[os.DirEntry[str]], bool]) -> bool:
    try:
        return is_right(entry)
    except PermissionError:
        return True  # whoever reads it says so
    except OSError:
        return False


def _readable(path: Path) -> Generator[Found, None, dict[str, Any] | None]:
    """Return what ``_loaded`` does; yield a trouble if the file cannot be read."""
    try:
        return _loaded(path)
    except OSError as error:
        yield _trouble(error)
        return None


def _trouble(error: OSError) -> Trouble:
    """Return the trouble of a place. A folder that may not be searched is one place, and each file in it is none."""
    place = Path(os.fsdecode(error.filename))
    if isinstance(error, PermissionError) and not os.access(place.parent, os.X_OK):
        place = place.parent
    return Trouble(str(place), "", error.strerror or str(error))


def _loaded(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a file; ``None`` if it is none or gone. Raises ``OSError`` if it cannot be read."""
    try:
        found = json.loads(_content(path).decode("utf-8", "replace"))
    except (FileNotFoundError, IsADirectoryError, ValueError, RecursionError):
        return None
    except OSError as error:
        error.filename = str(path)  # a read names none
        raise
    return found if isinstance(found, dict) else None


def _content(path: Path) -> bytes:
    """Return a file; without its long texts if it is large. Raises ``ValueError`` for what is no file, such as a pipe."""
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("no file")
        if status.st_size > MOST_BYTES:
            return without_long_texts(iter(lambda: file.read(CHUNK), b""))
        return file.read(MOST_BYTES)


def _written_ms(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns // 1_000_000
    except OSError:
        return 0
