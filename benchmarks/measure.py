"""Measure a command as a whole process: wall time, CPU time and peak memory, from the operating system."""

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """The costs of one run: seconds, seconds of CPU, and megabytes of memory at its peak."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def run(command: Sequence[str], environ: Mapping[str, str]) -> Figure:
    """Run a command once. Raises `RuntimeError` with its error output if it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}\n{complaint.decode(errors='replace')}")
    return Figure(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def row(name: str, figures: Sequence[Figure]) -> str:
    """Return a line of a table: the medians, and the range of the wall times."""
    walls = [each.wall_s for each in figures]
    return (
        f"{name:44} {statistics.median(walls):8.2f} s   ({min(walls):.2f} to {max(walls):.2f})   "
        f"cpu {statistics.median(each.cpu_s for each in figures):6.2f} s   "
        f"peak {max(each.peak_mb for each in figures):6.0f} MB"
    )


def machine() -> str:
    """Return a line that names the machine and its Python."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")), ""
    )
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores ({model or 'unknown'}), Python {platform.python_version()}"


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
