"""``python -m tests.simulator``: simulated stories, a fault at every moment of a round, and the storm of real processes."""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.simulator import every_moment, storm
from tests.simulator.machine import Event
from tests.simulator.story import Played, drawn, play, shortest


def main() -> int:
    """Do what the arguments say, and return 1 if anything went wrong."""
    options = _options()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(10**6)
        print(f"seed {options.seed}", flush=True)
    logging.disable(logging.CRITICAL)
    wrong: int = {"stories": _stories, "moments": _moments, "storm": _storm}[options.what](options)
    return int(wrong > 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("what", choices=("stories", "moments", "storm"))
    parser.add_argument("--seed", type=int, help="the (first) seed; a random one is drawn if it is not given")
    parser.add_argument("--stories", type=int, default=20, help="so many seeds one after the other (20)")
    parser.add_argument("--rounds", type=int, default=20, help="rounds of the agent in each story (20)")
    parser.add_argument("--temporality", choices=("cumulative", "delta", "both"), default="both")
    parser.add_argument("--shorten", action="store_true", help="leave out events as long as a story stays wrong")
    parser.add_argument("--go-on", action="store_true", help="do not end with the first story that goes wrong")
    parser.add_argument("--kills", type=int, default=200, help="kills in the whole storm (200)")
    parser.add_argument("--messages", type=int, default=20_000, help="messages in the whole storm (20,000)")
    return parser.parse_args()


def _stories(options: argparse.Namespace) -> int:
    """Play the stories of some seeds."""
    totals, wrong = [0, 0, 0], 0
    for seed in range(options.seed, options.seed + options.stories):
        for delta in _temporalities(options):
            played = play(drawn(seed, options.rounds), delta=delta)
            totals = [sum(pair) for pair in zip(totals, (played.messages, played.kills, played.requests), strict=True)]
            if played.wrong:
                wrong += 1
                _report(seed, played, delta=delta, shorten=options.shorten)
                if not options.go_on:
                    return wrong
    messages, kills, requests = totals
    print(f"{options.stories} seeds from {options.seed}: {messages} messages, {kills} kills, {requests} requests")
    return wrong


def _moments(options: argparse.Namespace) -> int:
    """Let a round fail at each of its points, in each way."""
    number = wrong = 0
    for delta in _temporalities(options):
        for played in _at_every_moment(delta=delta):
            number += 1
            if played.wrong:
                wrong += 1
                print(
                    f"{'delta' if delta else 'cumulative'}: {played.events[-1]}: {played.hits[0]}\n  {played.wrong[0]}"
                )
                sys.stdout.flush()
    print(f"{number} faults, each at another point or in another way; {wrong} went wrong")
    return wrong


def _at_every_moment(*, delta: bool) -> Iterator[Played]:
    with every_moment.moment(delta=delta) as at_moment:
        yield from every_moment.every_moment(at_moment)


def _storm(options: argparse.Namespace) -> int:
    """Kill real processes, a fourth of them for each way of sending."""
    results = []
    for number, way in enumerate(storm.WAYS):
        share = {"kills": options.kills // len(storm.WAYS), "messages": options.messages // len(storm.WAYS)}
        with tempfile.TemporaryDirectory() as home:
            results.append(storm.storm(Path(home), way, seed=options.seed + number, **share))
        print(results[-1], flush=True)
    kills, messages = sum(each.kills for each in results), sum(each.messages for each in results)
    print(f"in all: {kills} kills, {messages} messages, {sum(each.is_wrong for each in results)} ways went wrong")
    return sum(each.is_wrong for each in results)


def _temporalities(options: argparse.Namespace) -> list[bool]:
    return {"cumulative": [False], "delta": [True], "both": [False, True]}[options.temporality]


def _report(seed: int, played: Played, *, delta: bool, shorten: bool) -> None:
    """Print the seed, the story and what is wrong with it."""

    def is_wrong(events: Sequence[Event]) -> bool:
        again = play(events, delta=delta)
        return again.kind == played.kind

    shown = played
    if shorten:
        shown = play(shortest(played.events, is_wrong), delta=delta)
    print(f"seed {seed}, {'delta' if delta else 'cumulative'}:\n{shown}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
