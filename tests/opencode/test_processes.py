"""Real processes, started under OpenCode's names, and the real OpenCode."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from otel_agent.model import ProcessMode, ProcessSample
from otel_agent.opencode.running.processes import Processes
from tests.support.real_opencode.driver import OpenCode, require_opencode
from tests.support.real_opencode.provider import Provider
from tests.support.real_opencode.serving import serving
from tests.support.waiting import eventually

NOBODY = 65534
PROGRAM = (
    "import sys; print('ready', flush=True); [sum(range(10**6)) and print('worked', flush=True) for _ in sys.stdin]"
)

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a copy of the Python interpreter under another name. It runs a file with the name of its first argument and
    says that it is ready. It works a little for each line that it gets, and ends with its input."""
    with ExitStack() as running:

        def begin(name: str, *arguments: str) -> subprocess.Popen[str]:
            program, script = tmp_path / name, tmp_path / arguments[0]
            if not program.exists():
                shutil.copy(Path(sys.executable).resolve(), program)
            script.write_text(PROGRAM)
            process = subprocess.Popen(
                [program, *arguments],
                cwd=tmp_path,
                env={"PYTHONHOME": sys.base_prefix, "PATH": os.environ["PATH"]},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            running.callback(process.communicate)
            running.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            return process

        yield begin


def sampled(process: subprocess.Popen[Any], processes: Processes | None = None) -> ProcessSample | None:
    found = (processes or Processes()).sample()
    return next((sample for sample, _ in found if sample.pid == process.pid), None)


@pytest.mark.parametrize(
    ("name", "arguments", "mode"),
    [
        ("opencode", ["project"], ProcessMode.CLI),
        ("opencode", ["run", "hello"], ProcessMode.CLI),
        ("opencode.exe", ["serve", "--port", "0"], ProcessMode.SERVER),
        ("opencode-cli", ["acp"], ProcessMode.SERVER),
        ("opencode2", ["serve", "--service"], ProcessMode.SERVER),
        ("opencode-cli", ["serve", "--service"], ProcessMode.SERVER),
        ("opencode", ["serve", "--stdio", "--port", "0"], ProcessMode.SERVER),
        ("opencode2", ["mini"], ProcessMode.CLI),
        ("opencode", ["run", "/x/pyright-langserver.js", "--stdio"], ProcessMode.LSP),
    ],
)
def test_a_running_opencode_is_sampled_with_its_mode_and_resources(
    name: str, arguments: list[str], mode: ProcessMode, start: Start, tmp_path: Path
) -> None:
    process = start(name, *arguments)
    found = sampled(process)
    assert found is not None
    assert found.mode is mode
    assert found.executable == name
    assert found.directory == str(tmp_path)
    assert found.created_s == psutil.Process(process.pid).create_time()
    assert found.rss_bytes > 1_000_000
    assert found.vms_bytes > found.rss_bytes
    assert found.threads == 1
    assert found.file_descriptors is not None
    assert found.file_descriptors >= 3


@pytest.mark.parametrize("name", ["opencode-tracker", "myopencode", "opencode.sh", "python"])
def test_a_program_with_a_similar_name_is_no_opencode(name: str, start: Start) -> None:
    assert sampled(start(name, "serve")) is None


@pytest.mark.parametrize("command", ["service", "api", "pair", "reload", "update", "migrate", "browser"])
def test_a_command_of_2_x_that_ends_soon_is_no_session(command: str, start: Start) -> None:
    assert sampled(start("opencode", command)) is None
    assert sampled(start("opencode2", command, "start")) is None


def test_a_program_with_opencode_among_its_arguments_is_no_opencode(start: Start) -> None:
    assert sampled(start("python", "opencode", "serve")) is None


def let_work(process: subprocess.Popen[str]) -> None:
    """Let a started program work once, and wait until it has."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "worked\n"


def test_the_utilisation_is_since_the_start_at_first_and_then_since_the_last_sample(start: Start) -> None:
    process = start("opencode", "serve")
    # The system counts in ticks, and a quick start can be over before the first one.
    while sum(psutil.Process(process.pid).cpu_times()[:2]) == 0:
        let_work(process)
    clock = psutil.Process(process.pid).create_time() + 10
    processes = Processes(now=lambda: clock)
    (first,) = [cpu for sample, cpu in processes.sample() if sample.pid == process.pid]
    sample = sampled(process)
    assert sample is not None
    assert 0 < first <= sample.cpu_s / 10 + 0.01
    before = sample.cpu_s
    for _ in range(20):
        let_work(process)
    clock += 2
    (second,) = [(sample.cpu_s, cpu) for sample, cpu in processes.sample() if sample.pid == process.pid]
    assert second[0] > before
    assert second[1] == pytest.approx((second[0] - before) / 2, abs=0.02)


def test_a_zombie_is_not_sampled(start: Start) -> None:
    process = start("opencode", "serve")
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
    assert sampled(process) is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start another user's process")
def test_another_users_opencode_is_sampled_by_root() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)
        program = shutil.copy(shutil.which("sleep") or "", Path(scratch) / "opencode")
        process = subprocess.Popen([program, "1000"], user=NOBODY)
        try:
            found = sampled(process)
            assert found is not None
            assert found.mode is ProcessMode.CLI
        finally:
            process.kill()
            process.wait()


class Fake:
    """A process as psutil shows it; `missing` are the things that raise instead."""

    def __init__(
        self,
        pid: int = 1,
        created: float = 100.0,
        cpu: float = 1.0,
        missing: dict[str, type[psutil.Error]] | None = None,
    ) -> None:
        self.pid, self._created, self._cpu, self._missing = pid, created, cpu, missing or {}

    def oneshot(self) -> ExitStack:
        return ExitStack()

    def __getattr__(self, name: str) -> Callable[[], Any]:
        known: dict[str, Any] = {
            "name": "opencode",
            "exe": "/usr/bin/opencode",
            "cmdline": ["opencode", "serve"],
            "status": psutil.STATUS_SLEEPING,
            "cpu_times": SimpleNamespace(user=self._cpu, system=0.0),
            "memory_info": SimpleNamespace(rss=1, vms=2),
            "create_time": self._created,
            "cwd": "/home/dev",
            "num_threads": 3,
            "num_fds": 4,
        }
        if name not in known:
            raise AttributeError(name)

        def read() -> Any:
            if name in self._missing:
                raise self._missing[name](self.pid)
            return known[name]

        return read


def of(*fakes: Fake) -> Callable[[], Any]:
    return lambda: list(fakes)


@pytest.mark.parametrize("name", ["name", "exe", "cmdline", "status", "cpu_times", "memory_info", "create_time", "cwd"])
@pytest.mark.parametrize("error", [psutil.NoSuchProcess, psutil.ZombieProcess])
def test_a_process_that_ends_while_it_is_sampled_is_left_out(name: str, error: type[psutil.Error]) -> None:
    processes = Processes(of(Fake(1, missing={name: error}), Fake(2)))
    assert [sample.pid for sample, _ in processes.sample()] == [2]


def test_a_field_of_a_process_that_may_not_be_read_is_left_empty() -> None:
    refused: dict[str, type[psutil.Error]] = dict.fromkeys(("exe", "cwd", "num_fds"), psutil.AccessDenied)
    ((sample, _),) = Processes(of(Fake(missing=refused))).sample()
    assert sample.mode is ProcessMode.SERVER
    assert sample.executable == "opencode", "the name from the command line"
    assert sample.directory == ""
    assert sample.file_descriptors is None


def test_a_process_whose_resources_may_not_be_read_is_left_out() -> None:
    assert Processes(of(Fake(missing={"cpu_times": psutil.AccessDenied}))).sample() == []


def test_a_process_that_got_a_used_pid_starts_with_a_new_utilisation() -> None:
    fakes = [Fake(7, created=100, cpu=50)]
    processes = Processes(lambda: fakes, now=lambda: 200.0)  # type: ignore[arg-type, return-value]
    assert [cpu for _, cpu in processes.sample()] == [0.5]
    fakes[:] = [Fake(7, created=190, cpu=1)]
    assert [cpu for _, cpu in processes.sample()] == [0.1]


def test_a_sample_right_after_another_returns_the_same_utilisation() -> None:
    """A process works in spells: a few milliseconds of it would be all or nothing."""
    clock, fakes = [200.0], [Fake(7, created=100, cpu=50)]
    processes = Processes(lambda: fakes, now=lambda: clock[0])  # type: ignore[arg-type, return-value]
    found = [cpu for _, cpu in processes.sample()]
    for clock[0], used in ((200.01, 50.01), (200.3, 50.05), (202.0, 51.0)):
        fakes[:] = [Fake(7, created=100, cpu=used)]
        found += [cpu for _, cpu in processes.sample()]
    assert found == [0.5, 0.5, 0.5, 0.5]


def test_a_clock_that_was_set_back_makes_the_utilisation_zero() -> None:
    processes = Processes(of(Fake(created=300, cpu=5)), now=lambda: 200.0)
    assert [cpu for _, cpu in processes.sample()] == [0.0]
    assert [cpu for _, cpu in processes.sample()] == [0.0]


def test_nothing_is_kept_of_ten_thousand_processes_that_ended() -> None:
    fakes: list[Fake] = []
    processes = Processes(lambda: fakes)  # type: ignore[arg-type, return-value]
    for number in range(10_000):
        fakes[:] = [Fake(number, created=float(number))]
        assert len(processes.sample()) == 1
    assert sum(len(value) for value in vars(processes).values() if isinstance(value, dict)) == 1


@pytest.mark.opencode
@pytest.mark.parametrize("version", ["1.1.27", "1.18.33"])
def test_the_real_opencode_server_is_sampled_as_one_server(version: str, tmp_path: Path) -> None:
    """1.1 is started by a `node` wrapper, whose native child counts and which itself does not."""
    require_opencode(version)
    before = {sample.pid for sample, _ in Processes().sample()}
    with Provider() as provider:
        opencode = OpenCode(version, tmp_path, provider, ["model"])
        with serving(opencode, "model"):

            def modes() -> list[ProcessMode]:
                found = [sample for sample, _ in Processes().sample() if sample.pid not in before]
                return [sample.mode for sample in found if sample.directory == str(opencode.directory)]

            # A program that OpenCode starts has OpenCode's name for a moment, until the kernel has loaded it.
            eventually(modes, [ProcessMode.SERVER])
