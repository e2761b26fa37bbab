"""A record of any size is read with its long texts shortened: it counts with its calls, and costs no more memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_agent.opencode.shortened import MOST_BYTES, shortened
from tests.support.made_stores import Database, DatabaseV2, JsonTree, Message, Tokens, message, session, tool
from tests.support.made_stores.rows_of_2_x import call
from tests.support.reading_here import reading_here

NOW = time.time_ns() // 1_000_000 - 600_000
USED = Tokens(700, 50)
OUTPUT = 'x\\ "y" é\n' * 100
MIB = 1024 * 1024
LARGEST = 31 * MIB
MORE_MIB = 12
"""Passes over a record of 31 MiB may take so much more memory than over a small one. They took 0 to 6."""
LONG = 'é"\\\n€' * 4_000

LOOK = """
import json, sys, sqlite3
from pathlib import Path
from tests.support.reading_here import reading_here
home = Path(sys.argv[1])
with reading_here(home / "opencode", home / "state") as reading:
    counted = [reading.look(sweep=True), reading.look()]
    problems = sorted(kind.value for kind in reading.problems())
    query = "SELECT ifnull(sum(value), 0) FROM series WHERE metric = 'opencode.tool.call.count'"
    calls = sqlite3.connect(home / "state" / "ledger.db").execute(query).fetchone()[0]
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
json.dump([counted, calls, problems, int(peak.split()[1]) / 1024], sys.stdout)
"""


def looked(home: Path) -> list[Any]:
    """Make two passes in a process of their own; return what they counted, the calls, the problems and the peak in MiB."""
    run = subprocess.run([sys.executable, "-c", LOOK, str(home)], capture_output=True, text=True, check=True)
    found: list[Any] = json.loads(run.stdout)
    return found


def output(size: int) -> str:
    return OUTPUT * (size // len(json.dumps(OUTPUT)))


def message_row_of_2_x(home: Path, size: int) -> None:
    of = message(session(NOW, version="2.0.17"), USED, NOW)
    content = [call("grep", NOW + 500, id_="call_4", asked={"command": output(size)})]
    DatabaseV2(home / "opencode" / "opencode.db").create().put_turn(replace(of, changes={"content": content}))


def message_row_of_1_x(home: Path, size: int) -> None:
    of = message(session(NOW), USED, NOW)
    database = Database(home / "opencode" / "opencode.db").create()
    database.put_turn(replace(of, changes={"summary": {"diffs": [output(size)]}}))
    database.put(tool(of, "grep"))


def part_row_of_1_x(home: Path, size: int) -> None:
    of = message(session(NOW), USED, NOW)
    database = Database(home / "opencode" / "opencode.db").create()
    database.put_turn(of)
    database.put(large_call(of, size))


def message_file(home: Path, size: int) -> None:
    of = message(session(NOW), USED, NOW)
    tree = JsonTree(home / "opencode")
    tree.put_turn(replace(of, changes={"summary": {"diffs": [output(min(size, 15 * MIB))]}}))
    tree.put(tool(of, "grep"))


def part_file(home: Path, size: int) -> None:
    of = message(session(NOW), USED, NOW)
    tree = JsonTree(home / "opencode")
    tree.put_turn(of)
    tree.put(large_call(of, min(size, 15 * MIB)))


def large_call(of: Message, size: int) -> Any:
    small = tool(of, "grep")
    return replace(small, body={**small.body, "state": {**small.body["state"], "output": output(size)}})


PLACES = (message_row_of_2_x, message_row_of_1_x, part_row_of_1_x, message_file, part_file)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("place", PLACES, ids=lambda each: each.__name__)
def test_a_record_of_any_size_counts_with_its_call_and_costs_what_a_small_one_costs(tmp_path: Path, place: Any) -> None:
    place(tmp_path / "small", 100)
    place(tmp_path / "large", LARGEST)
    small, large = looked(tmp_path / "small"), looked(tmp_path / "large")
    assert large[:3] == small[:3] == [[1, 0], 1, []]
    assert large[3] < small[3] + MORE_MIB


def test_a_row_above_what_sqlite_loads_counts_once_however_often_it_is_read(tmp_path: Path) -> None:
    message_row_of_2_x(tmp_path, 5 * MIB)
    with reading_here(tmp_path / "opencode", tmp_path / "state") as reading:
        assert [reading.look(sweep=True) for _ in range(3)] == [1, 0, 0]
        assert reading.input_tokens() == USED.input


def test_a_row_of_small_texts_that_is_too_large_all_the_same_is_named(tmp_path: Path) -> None:
    of = message(session(NOW, version="2.0.17"), USED, NOW)
    database = DatabaseV2(tmp_path / "opencode" / "opencode.db").create()
    database.put_turn(replace(of, changes={"content": [{"type": "text", "text": "short"}] * 150_000}))
    with reading_here(tmp_path / "opencode", tmp_path / "state") as reading:
        assert reading.look() == 0
        assert list(reading.problems()) == ["too_large"]


def pieces(raw: bytes, size: int) -> list[bytes]:
    return [raw[at : at + size] for at in range(0, len(raw), size)]


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just(LONG),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(documents, st.integers(1, 5_000), st.booleans())
def test_the_shortened_document_is_the_same_but_for_long_texts(document: Any, size: int, ascii_only: bool) -> None:
    raw = json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    found = shortened(pieces(raw, size))
    assert found is not None
    assert alike(document, json.loads(found.decode("utf-8", "surrogatepass")), raw)


def test_a_text_of_quotes_and_backslashes_stays_one_text() -> None:
    for text in ("\\" * 20_000, '"' * 20_000, '\\"' * 9_001 + "\\"):
        for size in (999, 1_000, 10**6):
            found = shortened(pieces(json.dumps([text, "next"]).encode(), size))
            assert found is not None
            assert json.loads(found)[1] == "next"


def alike(before: Any, after: Any, raw: bytes) -> bool:
    """Return True if the two differ in the middle of long texts only."""
    if isinstance(before, dict):
        return list(before) == list(after) and all(alike(before[key], after[key], raw) for key in before)
    if isinstance(before, list):
        pairs = zip(before, after, strict=False)
        return len(before) == len(after) and all(alike(*each, raw) for each in pairs)
    if isinstance(before, str) and len(before) > 1_400:  # no letter takes more than six bytes
        return bool(before == after or (before[:500] == after[:500] and before[-500:] == after[-500:]))
    return bool(before == after)


def test_what_stays_too_large_is_given_up_before_it_is_held() -> None:
    read = 0

    def endless() -> Any:
        nonlocal read
        while True:
            read += MIB
            yield b"[1, 2, 3, 4, 5, " * (MIB // 16)

    assert shortened(endless()) is None
    assert read <= MOST_BYTES + 2 * MIB


def test_a_sparse_file_is_named_without_being_read(tmp_path: Path) -> None:
    tree = JsonTree(tmp_path / "opencode")
    of = message(session(NOW), USED, NOW)
    tree.put_turn(of)
    os.truncate(tree.path(of), 10 * 1024 * MIB)
    with reading_here(tmp_path / "opencode", tmp_path / "state") as reading:
        assert reading.look() == 0
        assert list(reading.problems()) == ["too_large"]
