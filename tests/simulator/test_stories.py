"""Whatever happens to a simulated machine, everything is counted once and delivered once when it is over."""

from __future__ import annotations

import pytest

from tests.simulator.machine import Event
from tests.simulator.story import Played, drawn, play, shortest

SEEDS = range(6)
ROUNDS = 12
FIRST = Event("round")
ASK = Event("ask", ("v1", 1, 0))


def assert_right(played: Played) -> None:
    assert not played.wrong, f"make simulate replays it:\n{played}"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_story_ends_with_true_totals(seed: int) -> None:
    assert_right(play(drawn(seed, ROUNDS)))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_story_ends_with_true_increments(seed: int) -> None:
    assert_right(play(drawn(seed, ROUNDS), delta=True))


def test_a_seed_always_tells_the_same_story() -> None:
    first, second = play(drawn(1, ROUNDS)), play(drawn(1, ROUNDS))
    assert first == second
    assert first.kills
    assert first.messages
    assert first.requests


def test_a_story_that_goes_wrong_is_made_shorter() -> None:
    events = drawn(5, ROUNDS)
    wanted = {Event("round"), next(event for event in events if event.what == "ask")}
    short = shortest(events, lambda left: wanted <= set(left))
    assert len(short) == 2
    assert set(short) == wanted


@pytest.mark.parametrize("delta", [False, True])
def test_a_lost_answer_doubles_nothing_although_more_is_counted_meanwhile(delta: bool) -> None:
    lost = Event("answers", ("metrics", "answer lost"))
    assert_right(play([FIRST, ASK, FIRST, lost, ASK, FIRST, ASK, FIRST], delta=delta))


@pytest.mark.parametrize("delta", [False, True])
def test_what_is_counted_while_a_request_is_under_way_is_sent_afterwards(delta: bool) -> None:
    assert_right(play([FIRST, Event("slow", (50,)), ASK, Event("round"), ASK, Event("round"), ASK], delta=delta))


@pytest.mark.parametrize("delta", [False, True])
@pytest.mark.parametrize("first", ["accept", "answer lost", "request lost"])
@pytest.mark.parametrize("second", ["accept", "answer lost", "request lost"])
def test_an_agent_that_is_stopped_twice_within_an_interval_lets_no_series_fall(
    first: str, second: str, delta: bool
) -> None:
    stop = Event("stop_at_once")
    answers = [Event("answers", ("metrics", each)) for each in (first, second)]
    assert_right(play([FIRST, ASK, FIRST, FIRST, ASK, answers[0], stop, ASK, answers[1], stop, ASK, stop], delta=delta))
