"""A long first look of a JSON tree is read by two more processes: nothing is lost, doubled or left running."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any, Final

import msgspec
import pytest

from otel_agent.model import Batch, CallsWanted, Message, ReadScope
from otel_agent.opencode import process_beside
from otel_agent.opencode.json_tree import folder as folder_module
from otel_agent.opencode.json_tree import reading_processes
from otel_agent.opencode.json_tree import tree as tree_module
from otel_agent.opencode.json_tree.exchange import MODULE, Task
from otel_agent.opencode.json_tree.layout import FlatLayout
from otel_agent.opencode.json_tree.reading_processes import ReadingProcesses
from otel_agent.opencode.json_tree.tree import JsonTree as TreeReader
from tests.support.made_stores import T0, JsonTree, Tokens, in_flight, message, prompt, session

FOLDERS: Final = 220
TOKENS: Final = Tokens(10, 5)
PATIENCE: Final = 30


@pytest.fixture
def tree(tmp_path: Path) -> JsonTree:
    """A history of many sessions, all of it at rest."""
    tree = JsonTree(tmp_path / "opencode")
    for number in range(FOLDERS):
        of = session(T0 + number * 60_000)
        tree.put_turn(message(of, TOKENS, of.created + 500, model=f"m{number}"))
        tree.put(prompt(of, of.created + 400))
    age(tree.data_dir / "storage" / "message")
    return tree


def age(folder: Path) -> None:
    """Let the files of a folder, and the folders, be an hour old."""
    hour_ago = time.time() - 3_600
    for path in (*folder.glob("*/*"), *folder.glob("*")):
        os.utime(path, (hour_ago, hour_ago))


def read(tree: JsonTree, wanted: CallsWanted | None = None) -> Batch:
    """All that a first look finds."""
    found = Batch()
    reader = TreeReader(FlatLayout(tree.data_dir / "storage"))
    for batch in reader.read(
        lambda _: None,
        lambda _: wanted or CallsWanted(),
        now_ms=time.time_ns() // 1_000_000,
        scope=ReadScope(sweep=True),
    ):
        found.add(batch)
    return found


def in_order(found: Batch) -> tuple[list[Any], ...]:
    return (
        sorted(found.messages, key=lambda each: each.id),
        sorted(found.sessions, key=lambda each: each.id),
        sorted(found.checkpoints, key=lambda each: each.place),
        found.problems,
        [found.looked_at],
    )


@pytest.fixture
def read_here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the folders that this very process read."""
    names: list[str] = []

    class Noted(folder_module.Folder):
        def read(self, *arguments: Any) -> Iterator[Batch]:
            names.append(self._path.name)
            return super().read(*arguments)

    monkeypatch.setattr(tree_module, "Folder", Noted)
    return names


def alone(tree: JsonTree, monkeypatch: pytest.MonkeyPatch) -> Batch:
    """What one process finds."""
    with monkeypatch.context() as patched:
        patched.setattr(tree_module, "_MANY", FOLDERS * 10)
        return read(tree)


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_beside, "_processors", lambda: 2)


def test_they_find_what_one_process_finds(
    tree: JsonTree, monkeypatch: pytest.MonkeyPatch, read_here: list[str]
) -> None:
    expected = alone(tree, monkeypatch)
    assert len(read_here) == FOLDERS
    read_here.clear()
    found = read(tree)
    assert not read_here
    assert in_order(found) == in_order(expected)
    assert {each.model for each in found.messages} == {f"m{number}" for number in range(FOLDERS)}
    assert {each.tokens.input for each in found.messages} == {10}
    assert found.looked_at == 2 * FOLDERS


def test_what_is_not_at_rest_is_read_by_the_process_that_counts(
    tree: JsonTree, monkeypatch: pytest.MonkeyPatch, read_here: list[str]
) -> None:
    young, torn, running = (session(T0 + number * 60_000) for number in (3, 4, 5))
    tree.put(message(young, TOKENS, young.created + 500, model="new"))
    tree.put_bytes(message(torn, TOKENS, torn.created + 900), b'{"id": "msg')
    tree.put(in_flight(message(running, TOKENS, running.created + 900, 9)))
    expected = alone(tree, monkeypatch)
    read_here.clear()
    found = read(tree)
    assert set(read_here) == {young.id, torn.id, running.id}
    assert in_order(found) == in_order(expected)
    assert len({each.id for each in found.messages}) == len(found.messages)


def test_messages_whose_calls_are_wanted_are_read_by_the_process_that_counts(
    tree: JsonTree, read_here: list[str]
) -> None:
    found = read(tree, CallsWanted(messages=frozenset({"any"})))
    assert len(read_here) == FOLDERS
    assert len(found.messages) == FOLDERS


def test_a_later_look_has_no_helpers(tree: JsonTree, monkeypatch: pytest.MonkeyPatch) -> None:
    left = {each.place: each.state for each in read(tree).checkpoints}
    assert len(left) == FOLDERS + 1
    monkeypatch.setattr(reading_processes, "_Reader", None)
    reader = TreeReader(FlatLayout(tree.data_dir / "storage"))
    now_ms = time.time_ns() // 1_000_000
    again = list(reader.read(left.get, lambda _: CallsWanted(), now_ms=now_ms, scope=ReadScope(sweep=True)))
    assert not any(batch.messages or batch.checkpoints for batch in again)


@pytest.mark.parametrize("program", ["/bin/false", "/bin/echo", "/nowhere/python"])
def test_helpers_that_cannot_start_are_done_without(
    tree: JsonTree, monkeypatch: pytest.MonkeyPatch, read_here: list[str], program: str
) -> None:
    expected = alone(tree, monkeypatch)
    read_here.clear()
    monkeypatch.setattr(sys, "executable", program)
    assert in_order(read(tree)) == in_order(expected)
    assert len(read_here) == FOLDERS


def test_the_folders_of_a_helper_that_is_killed_are_left(tree: JsonTree) -> None:
    names = sorted(path.name for path in (tree.data_dir / "storage" / "message").iterdir())
    with ReadingProcesses(FlatLayout(tree.data_dir / "storage"), names, time.time_ns()) as processes:
        processes._processes[0]._process.kill()
        found = dict(each for several in processes.found() for each in several)
    assert set(range(1, FOLDERS, 2)) <= found.keys()
    assert found.keys() != set(range(FOLDERS))
    for number, each in found.items():
        assert [message.session_id for message in each.messages] == [names[number]]


def test_a_reader_that_is_closed_ends_its_helpers(tree: JsonTree, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    monkeypatch.setattr(tree_module, "_FLUSH", 3)
    reader = TreeReader(FlatLayout(tree.data_dir / "storage"))
    now_ms = time.time_ns() // 1_000_000
    batches = reader.read(lambda _: None, lambda _: CallsWanted(), now_ms=now_ms, scope=ReadScope(sweep=True))
    assert next(batches).messages
    assert len(started) == 2
    batches.close()  # type: ignore[attr-defined]
    assert all(process.returncode is not None for process in started)


def test_a_helper_ends_when_nobody_reads_its_answers(tree: JsonTree) -> None:
    names = [os.fsencode(path.name) for path in (tree.data_dir / "storage" / "message").iterdir()]
    task = Task(os.fsencode(tree.data_dir / "storage"), False, time.time_ns(), names * 100)
    with subprocess.Popen(
        [sys.executable, "-P", "-m", MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=process_beside._environment(),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write(msgspec.msgpack.encode(task))
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == b""


def test_a_helper_takes_no_module_from_the_current_folder_and_no_key_from_the_environment(
    tree: JsonTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_here: list[str]
) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit('taken')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=secret")
    assert len(read(tree).messages) == FOLDERS
    assert not read_here
    assert "secret" not in str(process_beside._environment())


def test_messages_survive_the_way_between_two_processes(tree: JsonTree) -> None:
    for each in read(tree).messages:
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(each), type=Message) == each


def test_a_length_that_no_frame_has_is_refused_before_the_frame_came() -> None:
    """A helping process that writes nonsense must not make the agent wait for four gigabytes, or keep them."""
    with pytest.raises(ValueError, match="not a frame"):
        list(process_beside.frames(io.BytesIO(b"\xff\xff\xff\xff")))


def test_a_frame_that_was_torn_is_left_out() -> None:
    """The process was killed while it wrote it. A second one would begin in the middle of the first."""
    whole = process_beside.frame(b"whole")
    torn = process_beside.frame(b"torn")
    for end in range(len(torn)):
        assert list(process_beside.frames(io.BytesIO(whole + torn[:end]))) == [b"whole"]
    assert list(process_beside.frames(io.BytesIO(whole + torn))) == [b"whole", b"torn"]


def test_a_reading_without_memory_for_a_frame_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise whoever takes the frames would wait for ever."""

    def no_memory(_: object) -> Iterator[bytes]:
        yield b"whole"
        raise MemoryError

    monkeypatch.setattr(process_beside, "frames", no_memory)
    received: Queue[tuple[process_beside.ProcessBeside, bytes]] = Queue()
    process = process_beside.ProcessBeside(MODULE)
    try:
        process.follow(received, threading.Event())
        assert [received.get(timeout=PATIENCE)[1] for _ in range(2)] == [b"whole", b""]
    finally:
        process.end()
