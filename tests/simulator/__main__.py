"""``python -m tests.simulator``: play stories by their seeds, and say what is wrong with the first one that fails."""

from __future__ import annotations

import argparse
import logging
import random
import sys
from collections.abc import Sequence

from tests.simulator.machine import Event
from tests.simulator.story import Played, drawn, play, shortest


def main() -> int:
    """Play, and return 1 if a story went wrong."""
    options = _options()
    logging.disable(logging.CRITICAL)
    first = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    totals = [0, 0, 0]
    for seed in range(first, first + options.stories):
        for delta in _temporalities(options.temporality):
            played = play(drawn(seed, options.rounds), delta=delta)
            totals = [sum(pair) for pair in zip(totals, (played.messages, played.kills, played.requests), strict=True)]
            if played.wrong:
                _report(seed, played, delta=delta, shorten=options.shorten)
                if not options.go_on:
                    return 1
    messages, kills, requests = totals
    print(f"seeds {first} to {first + options.stories - 1}: {messages} messages, {kills} kills, {requests} requests")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument(
        "--seed", type=int, help="the first seed; a random one is drawn, and printed, if it is not given"
    )
    parser.add_argument("--stories", type=int, default=1, help="so many seeds one after the other (1)")
    parser.add_argument("--rounds", type=int, default=20, help="rounds of the agent in each story (20)")
    parser.add_argument("--temporality", choices=("cumulative", "delta", "both"), default="both")
    parser.add_argument("--shorten", action="store_true", help="leave out events as long as the story stays wrong")
    parser.add_argument("--go-on", action="store_true", help="do not end with the first story that goes wrong")
    return parser.parse_args()


def _temporalities(name: str) -> list[bool]:
    return {"cumulative": [False], "delta": [True], "both": [False, True]}[name]


def _report(seed: int, played: Played, *, delta: bool, shorten: bool) -> None:
    """Print the seed, the story and what is wrong with it."""

    def is_wrong(events: Sequence[Event]) -> bool:
        return bool(play(events, delta=delta).wrong)

    if shorten:
        played = play(shortest(played.events, is_wrong), delta=delta)
    print(f"seed {seed}, {'delta' if delta else 'cumulative'}:\n{played}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
