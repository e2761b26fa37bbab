"""Give each decoder records that nobody wrote: `make fuzz`."""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.fuzz.changes import CORPUS
from tests.fuzz.run import Broken, fuzz
from tests.fuzz.targets import TARGETS, without_own_variables

_NAMES: Final = tuple(target.name for target in TARGETS)
_MOST_BYTES: Final = 4 * 2**30
"""Address space of this process: a record that asks for more memory fails at once."""
EXAMPLES: Final = f"""\
examples:
  make fuzz                                       each target for ten seconds
  make fuzz ARGS="--seconds 600 --only row"       one of {", ".join(_NAMES)}
  make fuzz ARGS="--seed 7"                       the records of an earlier run

A record that fails is written into the corpus of its target, so that every later run and CI try it first. The exit code is then 1.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    whole = argparse.ArgumentParser(
        "make fuzz", description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    whole.add_argument("--seconds", type=float, default=10.0, help="for each target")
    whole.add_argument("--only", nargs="+", choices=_NAMES, metavar="TARGET", default=_NAMES)
    whole.add_argument("--seed", type=int, default=None)
    return whole


def main(arguments: Sequence[str], corpus: Path = CORPUS) -> int:
    """Run the targets that were asked for, and return the exit code."""
    asked = parser().parse_args(arguments)
    seed = random.randrange(2**32) if asked.seed is None else asked.seed
    print(f"--seed {seed} repeats these records", flush=True)
    without_own_variables()
    failed = 0
    for target in TARGETS:
        if target.name in asked.only:
            found = fuzz(target, seconds=asked.seconds, first_seed=seed)
            print(
                f"{target.name}: {found.records:,} records, {'none' if found.broken is None else 'one'} failed",
                flush=True,
            )
            if found.broken is not None:
                failed += 1
                _show(found.broken, _kept(found.broken, corpus / target.name))
    return 1 if failed else 0


def _kept(broken: Broken, folder: Path) -> Path:
    """Write a record into the corpus, under a name that follows from it."""
    file = folder / f"found-{hashlib.sha256(broken.record).hexdigest()[:12]}"
    file.write_bytes(broken.record)
    return file


def _show(broken: Broken, file: Path) -> None:
    print("".join(traceback.format_exception(broken.error)))
    print(f"the record is {file}: {broken.record[:400]!r}", flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    sys.exit(main(sys.argv[1:]))
