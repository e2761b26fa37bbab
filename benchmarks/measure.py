"""Measure a command as a whole process: wall time, CPU time and peak memory, from the operating system."""

import json
import os
import platform
import statistics
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil
from msgspec import Struct

_LAUNCH: Final = Path(__file__).with_name("launch.py")
_LOOK_SECONDS: Final = 0.01
"""The time between two looks at the memory of a command and its helpers."""


class Figure(Struct, frozen=True):
    """The costs of one run: seconds, seconds of CPU, and megabytes of memory at its peak.

    The CPU time holds that of helper processes. The memory is that of the largest process.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float


def run(command: Sequence[str], environ: Mapping[str, str]) -> Figure:
    """Run a command once, by its path. Raises `RuntimeError` with its error output if it fails."""
    reading, writing = os.pipe()
    launched = [sys.executable, "-IS", str(_LAUNCH), str(writing), *command]
    with os.fdopen(reading, "rb") as used:
        try:
            done = subprocess.run(
                launched, env=environ, pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True
            )
        finally:
            os.close(writing)
        *costs, code = json.load(used)
    if code:
        raise RuntimeError(f"{' '.join(command)}: exit {code}\n{done.stderr.decode(errors='replace')}")
    return Figure(*costs)


def output(command: Sequence[str], environ: Mapping[str, str]) -> bytes:
    """Run a command once and return what it prints. Raises `CalledProcessError` if it fails."""
    return subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True).stdout


def peak_with_helpers(command: Sequence[str], environ: Mapping[str, str]) -> float:
    """Run a command once and return the most memory that it had together with its helper processes. Megabytes.

    It is a run of its own, because looking takes time. Memory that processes share counts once.
    """
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watched, peak, tick = psutil.Process(process.pid), 0, threading.Event()
    while process.poll() is None:
        with suppress(psutil.Error):
            peak = max(peak, sum(map(_proportional, [watched, *watched.children(recursive=True)])))
        tick.wait(_LOOK_SECONDS)
    return peak / 1e6


def _proportional(process: psutil.Process) -> int:
    """Return the bytes of a process, with its share of what it shares; without that figure all of them."""
    try:
        used = process.memory_full_info()
    except psutil.Error:
        return 0  # it ended meanwhile
    return int(getattr(used, "pss", used.rss))


def medians(figures: Sequence[Figure]) -> Figure:
    """Return the median of the times, and the highest peak."""
    return Figure(
        statistics.median(each.wall_s for each in figures),
        statistics.median(each.cpu_s for each in figures),
        max(each.peak_mb for each in figures),
    )


def median_ratio(ours: Sequence[Figure], theirs: Sequence[Figure]) -> float:
    """Return how many times as long ours took: the median of the ratios pair by pair."""
    return statistics.median(a.wall_s / b.wall_s for a, b in zip(ours, theirs, strict=True))


def machine() -> str:
    """Return a line that names the machine and its Python."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")), ""
    )
    memory = round(psutil.virtual_memory().total / 2**30)
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores ({model or 'unknown'}), {memory} GB, "
        f"Python {platform.python_version()} ({_build()})"
    )


def _build() -> str:
    """Return which build of the interpreter it is: those of distributions can be twice as fast as one's own."""
    return f"{', '.join(platform.python_build())}, {platform.python_compiler()}"


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
