"""What lies around OpenCode's records, and what happens to the folders of either side: everything readable counts once."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.delivery.lying_server import LyingServer, Visit
from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import Database, JsonTree, Tokens, message, session, tool

NOW = time.time_ns() // 1_000_000 - 600_000
FIRST = message(session(NOW), Tokens(1200, 80, 20, 400, 10), NOW)
SECOND = message(session(NOW, counter=7), Tokens(9), NOW + 9_000, counter=4)
DEEP = b'{"id":' + b"[" * 200_000


def socket_file(tree: JsonTree) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as made:
        folder = os.open(tree.path(FIRST).parent, os.O_RDONLY)
        made.bind(f"/proc/self/fd/{folder}/msg_socket.json")
        os.close(folder)


def pipe_among_parts(tree: JsonTree) -> None:
    os.mkfifo(tree.path(tool(FIRST)).parent / "prt_pipe.json")


def folder_with_the_name_of_a_message(tree: JsonTree) -> None:
    (tree.path(FIRST).parent / "msg_folder.json").mkdir()


def names_that_are_no_text(tree: JsonTree) -> None:
    folder = os.fsencode(tree.path(FIRST).parent)
    for name in (b"msg_\xff\xfe.json", b"msg_new\nline.json", b"m" * 250 + b".json", b"\x1b[31m.json"):
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(b"{}")
    Path(os.fsdecode(folder + b"/../ses_\xff")).mkdir()


def deep_json(tree: JsonTree) -> None:
    (tree.path(FIRST).parent / "msg_deep.json").write_bytes(DEEP)
    (tree.path(tool(FIRST)).parent / "prt_deep.json").write_bytes(DEEP)


def links_in_circles(tree: JsonTree) -> None:
    messages = tree.path(FIRST).parent.parent
    (messages / "ses_loop").symlink_to(messages, target_is_directory=True)
    (tree.path(FIRST).parent / "msg_link.json").symlink_to(tree.path(FIRST))
    (messages / "ses_gone").symlink_to("/nowhere/at/all")


def sparse_part(tree: JsonTree) -> None:
    path = tree.path(tool(FIRST)).parent / "prt_sparse.json"
    path.touch()
    os.truncate(path, 10 * 1024**3)


ODD = (
    *(socket_file, pipe_among_parts, folder_with_the_name_of_a_message, names_that_are_no_text),
    *(deep_json, links_in_circles, sparse_part),
)


@pytest.mark.skipif(os.name == "nt", reason="POSIX has such files")
@pytest.mark.parametrize("odd", ODD, ids=lambda each: each.__name__)
def test_odd_files_beside_a_message_change_nothing(
    agent: Agent, tree: JsonTree, arrived: Arrived, odd: Callable[[JsonTree], None]
) -> None:
    tree.put_turn(FIRST, SECOND)
    tree.put(tool(FIRST))
    odd(tree)
    agent.once()
    assert arrived.messages() == 2
    assert len([each for each in arrived.receiver.spans() if each.name.startswith("execute_tool")]) == 1


def test_a_whole_data_folder_behind_links_counts_once(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    tree.put_turn(FIRST)
    Database(agent.data_dir / "opencode.db").create().put_turn(SECOND)
    real, also = agent.data_dir.with_name("real"), agent.home / "also"
    shutil.move(agent.data_dir, real)
    agent.data_dir.symlink_to(real, target_is_directory=True)
    also.symlink_to(real, target_is_directory=True)
    agent.once(OTEL_AGENT_DATA_DIRS=f"{also},{real}", OPENCODE_DB=str(also / "opencode.db"))
    assert arrived.messages() == 2


def test_a_database_with_its_log_but_without_the_index_of_the_log_is_read(agent: Agent, arrived: Arrived) -> None:
    aside = Database(agent.home / "aside.db").create()
    with closing(sqlite3.connect(aside.path)) as reader:
        reader.execute("SELECT 1 FROM message").fetchall()  # keeps the log from being written back
        aside.put_turn(FIRST, SECOND)
        agent.data_dir.mkdir(parents=True, exist_ok=True)
        for ending in ("", "-wal"):
            shutil.copy(f"{aside.path}{ending}", agent.data_dir / f"opencode.db{ending}")
    agent.once()
    assert arrived.messages() == 2


def test_a_database_that_is_renamed_in_a_transaction_is_read_under_its_new_name(agent: Agent, arrived: Arrived) -> None:
    database = Database(agent.data_dir / "opencode.db").create()
    database.put_turn(FIRST)
    agent.once()
    with closing(sqlite3.connect(database.path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("CREATE TABLE unfinished (a)")
        for ending in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{database.path}{ending}").rename(agent.data_dir / f"opencode-old.db{ending}")
        agent.once()
        writer.execute("COMMIT")
    Database(agent.data_dir / "opencode-old.db").put_turn(SECOND)
    agent.once()
    assert arrived.messages() == 2


def test_a_note_of_a_process_that_is_gone_and_whose_number_another_one_has_stops_nobody(
    agent: Agent, tree: JsonTree, arrived: Arrived
) -> None:
    tree.put_turn(FIRST)
    agent.once()
    (agent.state_dir / "holder.json").write_text(f'{{"pid": {os.getpid()}, "since": "2026-01-01T00:00:00+00:00"}}')
    assert agent.command("status").returncode == 5
    tree.put_turn(SECOND)
    agent.once()
    assert arrived.messages() == 2


ANSWERS = {
    "gzip that is none": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: application/x-protobuf\r\nContent-Length: 4\r\n\r\nabcd",
    "a preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "bytes of a TLS alert": b"\x15\x03\x01\x00\x02\x02\x46",
    "a version that there is not": b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "an early hint and no more": b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n",
    "a chunk without a number": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a status that is no number": b"HTTP/1.1 abc OK\r\n\r\n",
    "a redirect to itself": b"HTTP/1.1 307 Again\r\nLocation: /v1/traces\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_is_none_accepts_nothing_and_everything_comes_later(
    agent: Agent, tree: JsonTree, arrived: Arrived, answer: str
) -> None:
    tree.put_turn(FIRST)

    def talk(visit: Visit) -> None:
        visit.read_request()
        visit.say(ANSWERS[answer])

    with LyingServer(talk) as server:
        run = agent.attempt(
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.port}", OTEL_EXPORTER_OTLP_TIMEOUT="1500"
        )
    assert run.returncode == 3
    assert "Traceback" not in run.stderr
    agent.once()
    assert arrived.messages() == 1
    assert [len(spans) for spans in [[each for each in arrived.receiver.spans() if each.name.startswith("chat")]]] == [
        1
    ]


# Fields of a partial success: more rejected than were sent, fewer than none, and a text that is no UTF-8.
COUNTS = {
    "more than there were": b"\x0a\x06\x08\xff\xff\xff\xff\x07",
    "below zero": b"\x0a\x0b\x08" + b"\xff" * 9 + b"\x01",
}


@pytest.mark.parametrize("count", COUNTS)
def test_a_partial_success_with_an_impossible_count_ends_well(agent: Agent, tree: JsonTree, count: str) -> None:
    tree.put_turn(FIRST)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: {len(COUNTS[count])}\r\n\r\n"

    def talk(visit: Visit) -> None:
        visit.read_request()
        visit.say(head.encode() + COUNTS[count])

    with LyingServer(talk) as server:
        run = agent.attempt(
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.port}", OTEL_EXPORTER_OTLP_TIMEOUT="1500"
        )
    assert run.returncode in (0, 3)
    assert "Traceback" not in run.stderr
    with closing(sqlite3.connect(agent.state_dir / "ledger.db")) as ledger:
        assert ledger.execute("SELECT count(*) FROM series WHERE value < 0 OR value > 1000000000000").fetchone() == (0,)


@pytest.mark.skipif(sys.platform != "linux", reason="the prelude is for Linux")
@pytest.mark.parametrize("descriptors", [16, 24, 32])
def test_too_few_file_descriptors_lose_nothing(
    agent: Agent, tree: JsonTree, arrived: Arrived, descriptors: int
) -> None:
    tree.put_turn(FIRST, SECOND)
    tree.put(tool(FIRST))
    Database(agent.data_dir / "opencode.db").create().put_turn(
        message(session(NOW, counter=9), Tokens(3), NOW, counter=8)
    )
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({descriptors}, {descriptors}))"
    with agent.process("run", "--once", prelude=limit) as process:
        run = process.wait()
    assert run.returncode or "cannot" in run.stderr or arrived.messages() == 3
    agent.once()
    assert arrived.messages() == 3
    assert len([each for each in arrived.receiver.spans() if each.name.startswith("execute_tool")]) == 1


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root may mount")
def test_a_full_disk_at_the_first_start_is_a_sentence_and_nothing_is_lost(
    agent: Agent, tree: JsonTree, arrived: Arrived
) -> None:
    tree.put_turn(FIRST)
    agent.state_dir.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", agent.state_dir], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        run = agent.attempt()
        assert (run.returncode, "Traceback" in run.stderr) == (4, False), run.stderr
        subprocess.run(["mount", "-o", "remount,size=64m", agent.state_dir], check=True)
        agent.once()
        assert arrived.messages() == 1
    finally:
        subprocess.run(["umount", "-l", agent.state_dir], check=False)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize("in_log", [False, True])
def test_a_data_folder_that_is_mounted_read_only_counts_or_is_named(
    agent: Agent, database: Database, arrived: Arrived, in_log: bool
) -> None:
    database.put_turn(FIRST)
    with closing(sqlite3.connect(database.path)) as writer:
        if in_log:
            writer.execute("SELECT 1 FROM message").fetchall()
            database.put_turn(SECOND)
        if subprocess.run(["mount", "--bind", "-o", "ro", agent.data_dir, agent.data_dir], check=False).returncode:
            pytest.skip("nothing can be mounted here")
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", agent.data_dir], check=True)
            agent.once()
            named = str(database.path) in agent.command("status", COLUMNS="300").stdout
        finally:
            subprocess.run(["umount", "-l", agent.data_dir], check=False)
    assert named
    agent.once()
    assert arrived.messages() == 1 + in_log
