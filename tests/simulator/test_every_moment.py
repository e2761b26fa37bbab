"""A round that fails at any statement, file or request loses nothing and doubles nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import pytest

from tests.simulator.every_moment import Moment, moment
from tests.simulator.faults import KINDS, Kind
from tests.simulator.story import Played


@pytest.fixture(scope="module")
def at_moment() -> Iterator[Moment]:
    with moment() as made:
        yield made


READS = ("sql: SELECT", "sql: WITH", "sql: PRAGMA")


def first_points(of: Moment) -> list[int]:
    """Return the first point of each second name, and of each eighth that only reads: `make moments` tries all points."""
    names = of.points()
    different = list(dict.fromkeys(names))
    reads = [name for name in different if name.startswith(READS)]
    writes = [name for name in different if not name.startswith(READS)]
    left_out = {name for number, name in enumerate(reads) if number % 8}
    left_out |= {name for number, name in enumerate(writes) if number % 2}
    return [names.index(name) + 1 for name in different if name not in left_out]


def wrong(played: list[Played]) -> list[str]:
    return [f"{each.events[-1]} ({each.hits[0]}): {each.wrong[0]}" for each in played if each.wrong]


def test_the_round_has_every_kind_of_point(at_moment: Moment) -> None:
    starts = (
        "sql: BEGIN",
        "sql: COMMIT",
        "sql: INSERT",
        "sql: UPDATE",
        "sql: SELECT",
        "file: open",
        "request",
        "answer",
    )
    names = at_moment.points()
    assert [start for start in starts if not any(name.startswith(start) for name in names)] == []


def test_a_kill_before_each_request_and_each_answer_loses_and_doubles_nothing(at_moment: Moment) -> None:
    names = at_moment.points()
    exchanges = [at for at, name in enumerate(names, 1) if name.startswith(("request", "answer"))]
    played = [at_moment.with_a_fault("kill", at) for at in exchanges]
    assert all(each.kills for each in played)
    assert wrong(played) == []


def test_a_kill_within_each_commit_loses_and_doubles_nothing(at_moment: Moment) -> None:
    names = at_moment.points()
    played = [at_moment.with_a_fault("torn", at) for at, name in enumerate(names, 1) if name == "sql: COMMIT"]
    assert all(each.kills for each in played)
    assert wrong(played) == []


def test_a_fault_at_each_statement_and_file_loses_and_doubles_nothing(at_moment: Moment) -> None:
    """One kind of fault for each, in turn. A kind that the point cannot have is replaced by a kill."""
    kinds: Iterator[Kind] = cycle(kind for kind in KINDS if kind != "torn")
    played = []
    for at in first_points(at_moment):
        found = at_moment.with_a_fault(next(kinds), at)
        played.append(found if found.hits else at_moment.with_a_fault("kill", at))
    assert all(each.hits for each in played)
    assert wrong(played) == []


def test_an_error_while_a_tool_call_is_read_does_not_lose_the_call(at_moment: Moment) -> None:
    places = ("file: open prt_", "file: os.scandir msg_", "file: open ses_", "sql: SELECT id, CASE WHEN length(data)")
    of_parts = [at for at, name in enumerate(at_moment.points(), 1) if name.startswith(places)]
    assert of_parts
    assert wrong([at_moment.with_a_fault("io", at) for at in of_parts]) == []
