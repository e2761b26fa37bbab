"""Run real OpenCode releases beside the resident agent and compare every call: `make opencode-matrix`."""

from __future__ import annotations

import argparse
import datetime
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from scripts.real_programs import table
from scripts.real_programs.errors import GetError
from scripts.real_programs.interrupts import INTERRUPTS, Interrupted
from scripts.real_programs.program import Program
from tests.matrix import report
from tests.matrix.release import measure
from tests.support.real_opencode.billing import release

RELEASES = tuple(sorted((*table.OPENCODE, *table.OPENCODE_MATRIX), key=release))
EXAMPLES = f"""\
examples:
  make opencode-matrix                                   all: {", ".join(RELEASES)}
  make opencode-matrix ARGS="--only 1.14.48 1.18.34"     these

A release takes one to two minutes on two cores. Releases that are not here are installed with npm first. The rows of the releases that
ran are written into docs/opencode-matrix.md. The exit code is 1 if anything differs.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    whole = argparse.ArgumentParser(
        "make opencode-matrix",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--only", nargs="+", metavar="RELEASE", choices=RELEASES, default=RELEASES)
    whole.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the homes, stores and ledgers there")
    whole.add_argument("--no-table", action="store_true", help="do not write docs/opencode-matrix.md")
    return whole


def program_of(version: str) -> Program:
    """Return the row of a release in the table of real programs."""
    rows = (*table.named("opencode"), *table.named("opencode-releases"))
    return next(program for program in rows if program.version == version)


def main(arguments: Sequence[str], program_of: Callable[[str], Program] = program_of) -> int:
    """Run, and return the exit code: 0, 1 if anything differs or cannot be had, 128 + a signal."""
    asked = parser().parse_args(arguments)
    try:
        for version in asked.only:
            program_of(version).get()
        return _run(asked.only, asked.keep, write=not asked.no_table)
    except GetError as error:
        say(str(error))
        return 1
    except Interrupted as interrupted:
        say(f"interrupted ({interrupted}); all that was started has ended")
        return interrupted.exit_code


def say(text: str) -> None:
    """Print a line of progress."""
    print(f"opencode-matrix: {text}", file=sys.stderr, flush=True)


def _run(versions: Sequence[str], keep: Path | None, *, write: bool) -> int:
    wrong = 0
    for version in versions:
        with tempfile.TemporaryDirectory(prefix="opencode-matrix-", ignore_cleanup_errors=True) as scratch:
            home = keep / version if keep else Path(scratch)
            try:
                is_equal, row = _one(version, home)
            finally:
                _end_below(home)
        wrong += not is_equal
        if write:
            report.write({version: row})
    print(f"{len(versions) - wrong} of {len(versions)} releases: every call is equal everywhere")
    return 1 if wrong else 0


def _end_below(home: Path) -> None:
    """End the processes that have their home in this folder: a signal can come between a start and the `with` after it."""
    left = [each for each in psutil.process_iter() if Path(_home_of(each)).is_relative_to(home)]
    for each in left:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(left, timeout=10)


def _home_of(process: psutil.Process) -> str:
    try:
        return process.environ().get("HOME", "")
    except (psutil.Error, OSError):  # another user's, or just ended
        return ""


def _one(version: str, home: Path) -> tuple[bool, str]:
    """Run one release. Return whether all is equal, and its row of the table."""
    today, started = datetime.datetime.now(datetime.UTC).date().isoformat(), time.monotonic()
    home.mkdir(parents=True, exist_ok=True)
    try:
        measured = measure(version, home, lambda what: say(f"{version} {time.monotonic() - started:4.0f} s: {what}"))
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        print(f"{version}: the scenario did not come to its end. {type(error).__name__}: {error}")
        return False, report.failed(version, today, str(error))
    truth = measured.truth
    print(
        f"{version}: {truth.billed.total()} calls billed, {truth.recorded.total()} recorded ({truth.tokens:,} tokens), "
        f"{truth.copies} fork copies left out, {measured.seen.spans.number} spans, {measured.seconds:.0f} s",
        flush=True,
    )
    for difference in measured.differences:
        print(f"{version}: DIFFERENCE: {difference}", flush=True)
    return not measured.differences, report.row(measured, today)


if __name__ == "__main__":
    INTERRUPTS.listen()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell lets its background jobs ignore Ctrl-C. OpenCode would inherit that, and the scenario sends it one.
        signal.signal(signal.SIGINT, lambda _number, _frame: None)
    sys.exit(main(sys.argv[1:]))
