"""The OpenCode processes that run on this machine, at one moment."""

import time
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import psutil
from msgspec import Struct

from otel_agent.model import ProcessMode, ProcessSample
from otel_agent.opencode.running.command_line import file_name, mode_of

_T = TypeVar("_T")
_SPELL_SECONDS: Final = 0.5
_WHERE: Final = ("XDG_DATA_HOME", "OPENCODE_DB", "HOME")
_ORDER: Final = {mode: number for number, mode in enumerate(ProcessMode)}


class Processes:
    """Remembers the sample before, and of it only what still runs."""

    def __init__(
        self,
        iterate: Callable[[], Iterable[psutil.Process]] = psutil.process_iter,
        now: Callable[[], float] = time.time,
        min_bytes: int = 0,
    ) -> None:
        """``now`` is in seconds since the Unix epoch; processes that use less memory than ``min_bytes`` are left out."""
        self._iterate, self._now, self._min_bytes = iterate, now, min_bytes
        self._before: dict[tuple[int, float], _Look] = {}
        """By pid and when it started, in seconds since the Unix epoch."""

    def sample(self) -> list[tuple[ProcessSample, float]]:
        """Each with its CPU utilisation in cores: since it was last sampled, at first since it started. By mode, then
        by pid. One that ends meanwhile is left out; what may not be read of one is left empty."""
        found: list[tuple[ProcessSample, float]] = []
        looks: dict[tuple[int, float], _Look] = {}
        for process in self._iterate():
            sample = _sample(process)
            if sample is not None and sample.rss_bytes >= self._min_bytes:
                identity = sample.pid, sample.created_s
                before = self._before.get(identity) or _Look(sample.created_s, 0.0, None)
                looks[identity] = look = before.then(self._now(), sample.cpu_s)
                found.append((sample, look.utilization or 0.0))
        self._before = looks
        return sorted(found, key=lambda each: (_ORDER[each[0].mode], each[0].pid))


def environments(
    iterate: Callable[[], Iterable[psutil.Process]] = psutil.process_iter,
) -> list[dict[str, str]]:
    """Of this user's running OpenCode processes what says where they keep their data, and nothing else of it: the rest
    holds keys. What another user's process was told is none of our business, whoever we run as."""
    own = psutil.Process().username()
    found: list[dict[str, str]] = []
    for process in iterate():
        try:
            if _is_named_opencode(process) and process.username() == own and _sample(process) is not None:
                told = process.environ()
                found.append({name: told[name] for name in _WHERE if told.get(name)})
        except (psutil.Error, OSError):
            continue
    return found


def _is_named_opencode(process: psutil.Process) -> bool:
    """The kernel's name for a process is cheap to read, and has OpenCode's in every form in which it was seen."""
    return "opencode" in process.name().lower()


class _Look(Struct, frozen=True):
    """When a process was looked at, its CPU time then, both in seconds, and what was made of it, in cores."""

    at: float
    cpu_s: float
    utilization: float | None

    def then(self, now: float, cpu_s: float) -> "_Look":
        """The next scope. One that follows at once tells nothing: a process works in spells."""
        elapsed = now - self.at
        if self.utilization is not None and elapsed < _SPELL_SECONDS:
            return self
        return _Look(now, cpu_s, max(cpu_s - self.cpu_s, 0.0) / elapsed if elapsed > 0 else 0.0)


def _sample(process: psutil.Process) -> ProcessSample | None:
    """``None`` for what is no OpenCode at work."""
    try:
        if not _is_named_opencode(process):
            return None
        with process.oneshot():
            executable = _readable(process.exe, "")
            arguments = _readable(process.cmdline, list[str]()) or [process.name()]
            mode = mode_of(executable, arguments)
            if mode is None or process.status() == psutil.STATUS_ZOMBIE:
                return None
            times, memory = process.cpu_times(), process.memory_info()
            return ProcessSample(
                pid=process.pid,
                created_s=process.create_time(),
                mode=mode,
                executable=file_name(executable or arguments[0]),
                directory=_readable(process.cwd, ""),
                cpu_s=times.user + times.system,
                rss_bytes=memory.rss,
                vms_bytes=memory.vms,
                threads=process.num_threads(),
                file_descriptors=_file_descriptors(process),
            )
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def _readable(read: Callable[[], _T], otherwise: _T) -> _T:
    """What of another user's process may be read; some systems refuse more than others."""
    try:
        return read()
    except (psutil.AccessDenied, OSError):
        return otherwise


def _file_descriptors(process: psutil.Process) -> int | None:
    """Windows has handles instead."""
    count = getattr(process, "num_fds", None)
    return None if count is None else _readable(count, None)
