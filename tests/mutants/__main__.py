"""Try the mutants of the catalogue: `make mutants`."""

from __future__ import annotations

import argparse
import random
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from queue import Queue

from tests.mutants.mutant import Mutant, catalogue, chosen
from tests.mutants.report import LEAST_SHARE, is_enough, line, share, table
from tests.mutants.trial import Tried, copy_of_checkout, tried

EXAMPLES = f"""\
examples:
  make mutants                            all, one after the other
  make mutants ARGS="--only series T1"    those of a room, and one by its id
  make mutants ARGS="--jobs 4"            four at a time
  make mutants ARGS="--sample 100"        so many by chance, with a seed that is printed
  make mutants ARGS="--list"              what there is; nothing runs

The exit code is 1 if one does not apply any more, or if less than {LEAST_SHARE:.0%} of those that tests can see are
killed.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    whole = argparse.ArgumentParser(
        "make mutants",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--only", nargs="+", metavar="ROOM|ID", default=[])
    whole.add_argument("--sample", type=int, metavar="N", help="so many of them, drawn by the seed that is printed")
    whole.add_argument("--seed", type=int, help="draw the same sample again")
    whole.add_argument("--list", action="store_true", help="show the mutants and run nothing")
    whole.add_argument("--jobs", type=int, default=1, metavar="N", help="trials at a time, each in a copy of its own")
    return whole


def main(arguments: Sequence[str]) -> int:
    """Try the mutants that were asked for, and return the exit code."""
    asked = parser().parse_args(arguments)
    try:
        mutants = chosen(catalogue(), asked.only)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if asked.sample is not None:
        mutants = sampled(mutants, asked.sample, asked.seed)
    if asked.list:
        for mutant in mutants:
            print(f"{mutant.id:<6} {mutant.file}: {mutant.breaks}")
        return 0
    found = []
    for each in trials(mutants, asked.jobs):
        found.append(each)
        print(f"{len(found):>3}/{len(mutants)}  {line(each)}", flush=True)
    print("", *table(found), "", sep="\n")
    print(f"{share(found):.1%} of the mutants that a test can see were killed; {LEAST_SHARE:.0%} are needed")
    return 0 if is_enough(found) else 1


def sampled(mutants: Sequence[Mutant], number: int, seed: int | None) -> list[Mutant]:
    """Return so many of the mutants by chance, and print the seed that draws them again."""
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    print(f"seed {seed}: {min(number, len(mutants))} of {len(mutants)}", flush=True)
    return random.Random(seed).sample(list(mutants), min(number, len(mutants)))


def trials(mutants: Sequence[Mutant], jobs: int) -> Iterator[Tried]:
    """Yield each mutant with its verdict, in the order in which the trials end."""
    copies: Queue[Path] = Queue()
    lock = threading.Lock()
    with ExitStack() as opened, ThreadPoolExecutor(max(jobs, 1)) as pool:

        def one(mutant: Mutant) -> Tried:
            with lock:
                copy = opened.enter_context(copy_of_checkout()) if copies.empty() else copies.get()
            result = tried(mutant, copy)
            copies.put(copy)
            return result

        try:
            for ended in as_completed([pool.submit(one, mutant) for mutant in mutants]):
                yield ended.result()
        finally:
            pool.shutdown(cancel_futures=True)


if __name__ == "__main__":
    # As Ctrl-C does: what was started is ended, and the copies are removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
