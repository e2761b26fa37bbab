"""The trial of a mutant: its tests run against a copy of this checkout in which the mistake was made."""

from __future__ import annotations

import compileall
import os
import py_compile
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Final

from tests.mutants.mutant import DoesNotApply, Mutant
from tests.support.paths import ROOT

LIMIT_SECONDS: Final = 180.0
"""A mutant may make the agent go on for ever. Tests that do not end by then may be only slow, so nothing is proved."""
_LEFT_OUT: Final = (".git", ".venv", ".cache", ".hypothesis", "__pycache__", "dist", "build", "*.egg-info")
_PASSED: Final = 0
_FAILED: Final = 1
"""pytest's exit codes. Any other means that the tests could not be run as they should."""
_SHOWN: Final = 400


class Verdict(StrEnum):
    """The result of a trial."""

    KILLED = "killed"
    SURVIVED = "survived"
    TIMED_OUT = "out of time"
    """The tests did not end. It is not counted as killed: a busy machine must not make tests look good."""
    EQUIVALENT = "equivalent"
    DOES_NOT_APPLY = "does not apply"
    NOT_TRIED = "not tried"
    """The tests could not be run: a path is wrong, for example."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A mutant with its verdict, and why, or by which test."""

    mutant: Mutant
    verdict: Verdict
    detail: str = ""
    seconds: float = 0.0


@contextmanager
def copy_of_checkout() -> Iterator[Path]:
    """Yield a folder with a copy of all that tests need of this checkout."""
    with TemporaryDirectory(prefix="mutant-", ignore_cleanup_errors=True) as scratch:
        copy = Path(scratch) / "checkout"
        shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        # Tests of real programs only run them. Without this, they would all be skipped.
        if (ROOT / ".cache").exists():
            (copy / ".cache").symlink_to(ROOT / ".cache")
        compile_package(copy)
        yield copy


def compile_package(copy: Path) -> None:
    """Compile the package, so that each trial compiles only what is mistaken.

    The bytecode goes by the content: by time and size, two mutants of one file within a second could be the same.
    """
    by_content = py_compile.PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir(copy / "otel_agent", quiet=2, invalidation_mode=by_content)


def tried(mutant: Mutant, copy: Path, *, limit_seconds: float = LIMIT_SECONDS) -> Tried:
    """Make the mistake in the copy, run the tests that have to see it, and take it back."""
    if mutant.equivalent:
        return Tried(mutant, Verdict.EQUIVALENT, mutant.equivalent)
    try:
        mutated = mutant.source_in(copy / "otel_agent")
    except DoesNotApply as why:
        return Tried(mutant, Verdict.DOES_NOT_APPLY, str(why))
    file = copy / "otel_agent" / mutant.file
    right = file.read_text(encoding="utf-8")
    file.write_text(mutated, encoding="utf-8")
    began = monotonic()
    try:
        verdict, detail = _judged(mutant, copy, limit_seconds)
    finally:
        file.write_text(right, encoding="utf-8")
    # A test that fails without the mistake too, because something is missing on this machine, has not seen it.
    if verdict is Verdict.KILLED and "::" in detail and _run([detail], copy, limit_seconds)[0] is Verdict.KILLED:
        verdict, detail = Verdict.NOT_TRIED, f"{detail} fails here without the mistake too"
    return Tried(mutant, verdict, detail, monotonic() - began)


def _judged(mutant: Mutant, copy: Path, limit_seconds: float) -> tuple[Verdict, str]:
    missing = [path for path in mutant.tests if not (copy / "tests" / path.partition("::")[0]).exists()]
    if missing or not mutant.tests:
        return Verdict.NOT_TRIED, f"no such test: {', '.join(missing) or 'none is named'}"
    return _run([f"tests/{path}" for path in mutant.tests], copy, limit_seconds)


def _run(tests: Sequence[str], copy: Path, limit_seconds: float) -> tuple[Verdict, str]:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--numprocesses=0", "--tb=line"]
    with _ended(
        subprocess.Popen(
            [*command, *tests],
            cwd=copy,
            env=_environment(copy),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    ) as process:
        try:
            output, _ = process.communicate(timeout=limit_seconds)
        except subprocess.TimeoutExpired:
            return Verdict.TIMED_OUT, f"the tests did not end within {limit_seconds:.0f} s"
    if process.returncode == _PASSED:
        # A test that was skipped has seen nothing.
        return (Verdict.SURVIVED, "") if " passed" in output else (Verdict.NOT_TRIED, output.strip()[-_SHOWN:])
    if process.returncode == _FAILED:
        return Verdict.KILLED, _first_failure(output)
    # A mistake that keeps a module from being imported is seen by whoever imports it.
    if "ERROR tests/" in output or "ImportError while loading conftest" in output:
        return Verdict.KILLED, "the tests could not even be collected"
    return Verdict.NOT_TRIED, output[-_SHOWN:]


@contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """End the process and all that it started, whatever happens: agents of a trial must not outlive it."""
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _environment(copy: Path) -> dict[str, str]:
    """Return variables with which tests choose the same examples each time, and find the copy before this checkout."""
    return os.environ | {
        "HYPOTHESIS_PROFILE": "ci",
        "PYTHONPATH": str(copy),
    }


def _first_failure(output: str) -> str:
    named = (line for line in output.splitlines() if line.startswith(("FAILED ", "ERROR ")))
    # An error is that of a fixture: many of them look at the end whether all is in order.
    return next(named, "").partition(" - ")[0].removeprefix("FAILED ").removeprefix("ERROR ")
