"""Whatever is wrong with the machine, a person reads a sentence with a way out, and no traceback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.paths import STORES
from tests.support.shell import Shell

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="closes streams as a shell does there")

Machine = Callable[[Shell], dict[str, str]]
"""Makes something wrong, and returns the variables that belong to it."""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    shutil.copytree(STORES / "sqlite-1.18.33-fork" / "opencode", shell.data_dir)
    return shell


def in_shell(shell: Shell, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a line of a shell in which `$@` is the command."""
    shell.scratch.mkdir(exist_ok=True)
    return subprocess.run(
        ["/bin/sh", "-c", line, "sh", *shell.command()],
        env=shell.environment() | {"OTEL_AGENT_DISCOVER_STORES": "false"} | variables,
        cwd=shell.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
        timeout=60,
    )


def nothing(shell: Shell) -> dict[str, str]:
    return {}


def ledger_is_a_folder(shell: Shell) -> dict[str, str]:
    (shell.state_dir / "ledger.db").mkdir(parents=True)
    return {}


def state_is_a_file(shell: Shell) -> dict[str, str]:
    shell.state_dir.parent.mkdir(parents=True)
    shell.state_dir.touch()
    return {}


def home_is_a_file(shell: Shell) -> dict[str, str]:
    (shell.home / "file").touch()
    return {"HOME": str(shell.home / "file"), "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": ""}


def settings_are_a_folder(shell: Shell) -> dict[str, str]:
    shell.config.mkdir(parents=True)
    return {}


def settings_are_no_text(shell: Shell) -> dict[str, str]:
    shell.config.parent.mkdir(parents=True)
    shell.config.write_bytes(b"# \xe9\n")
    return {}


def no_temporary_folder(shell: Shell) -> dict[str, str]:
    return {"TMPDIR": str(shell.home / "nowhere")}


def narrow_and_poor_terminal(shell: Shell) -> dict[str, str]:
    return {
        "COLUMNS": "1",
        "TERM": "",
        "LANG": "POSIX",
        "LC_ALL": "POSIX",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }


def odd_variables(shell: Shell) -> dict[str, str]:
    return {"COLUMNS": "0", "LINES": "-1", "LC_ALL": "xx_YY", "TZ": "Nowhere/Land", "XDG_DATA_HOME": "rel"}


def zone_beyond_a_day(shell: Shell) -> dict[str, str]:
    """C accepts such an offset, and Python's dates do not. A budget begins its day in that zone, too."""
    shell.config.parent.mkdir(parents=True)
    shell.config.write_text("exporter = 'none'\n[[budget]]\ntokens = 1\n")
    return {"TZ": "UTC+25"}


@pytest.mark.parametrize(
    ("wrong", "command", "codes", "said"),
    [
        (ledger_is_a_folder, "summary", {4}, "is a folder, and no file. Move it away"),
        (ledger_is_a_folder, "status", {4}, "is a folder, and no file. Move it away"),
        (ledger_is_a_folder, "doctor", {1}, "is a folder, and no file. Move it away"),
        (state_is_a_file, "summary", {4}, "set OTEL_AGENT_STATE_DIR"),
        (state_is_a_file, "run --once", {4}, "set OTEL_AGENT_STATE_DIR"),
        (home_is_a_file, "setup --yes --local", {2}, "cannot write"),
        (home_is_a_file, "config init", {2}, "cannot write"),
        (nothing, "config init --config '~nobody-has-this-name/x'", {2}, "no such user: ~nobody-has-this-name. Pass"),
        (nothing, "summary --config '~nobody-has-this-name/x'", {2}, "no such user: ~nobody-has-this-name. Pass"),
        (settings_are_a_folder, "config check", {2}, "cannot read"),
        (settings_are_a_folder, "doctor", {1}, "cannot read"),
        (settings_are_no_text, "setup --yes --local", {2}, "cannot read"),
        (settings_are_no_text, "summary", {2}, "is not TOML"),
        (no_temporary_folder, "setup --yes --local", {0}, "otel-agent summary"),
        (narrow_and_poor_terminal, "summary", {0}, ""),
        (narrow_and_poor_terminal, "doctor", {0}, ""),
        (odd_variables, "summary", {0}, ""),
        (odd_variables, "status", {5}, ""),
        (zone_beyond_a_day, "summary", {0}, "Budget"),
        (zone_beyond_a_day, "status", {5}, ""),
        (zone_beyond_a_day, "run --once", {0}, ""),
        (zone_beyond_a_day, "demo --still", {0}, ""),
    ],
)
def test_what_is_wrong_is_said(shell: Shell, wrong: Machine, command: str, codes: set[int], said: str) -> None:
    run = in_shell(shell, f'"$@" {command}', **wrong(shell))
    printed = " ".join(f"{run.stdout} {run.stderr}".split())
    assert "Traceback" not in printed
    assert run.returncode in codes, printed
    assert said in printed


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ('"$@" status >&-', 5, "standard output is closed"),
        ('"$@" summary <&- >&- 2>&-; exit $?', 0, ""),
        ('"$@" config show 2>&-', 0, ""),
        ('"$@" summary >/dev/full', 1, "No space left on device. Free some space"),
        ('"$@" --version >/dev/full', 1, "No space left on device. Free some space"),
        ('"$@" config show | head -c 1 >/dev/null', 0, ""),
        ('mkdir gone; cd gone; rmdir ../gone; "$@" summary', 0, ""),
        ('mkdir gone; cd gone; rmdir ../gone; "$@" doctor', 1, "change to another"),
    ],
)
def test_a_stream_or_a_folder_that_is_gone_is_said(shell: Shell, line: str, code: int, said: str) -> None:
    if "/dev/full" in line and not os.path.exists("/dev/full"):  # noqa: PTH110 - a device, not a file of ours
        pytest.skip("this system has no /dev/full")
    run = in_shell(shell, line)
    assert "Traceback" not in run.stderr
    assert "Exception ignored" not in run.stderr
    assert run.returncode == code, run.stdout + run.stderr
    assert said in " ".join(f"{run.stdout} {run.stderr}".split())


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("run --once", 3),  # nobody listens there
        ("summary --range nonsense", 1),
    ],
)
@pytest.mark.parametrize("gone", ["| head -c 0", "2>/dev/full"])
def test_an_exit_code_is_the_same_if_nobody_reads_what_is_said(
    shell: Shell, command: str, code: int, gone: str
) -> None:
    if "full" in gone and not os.path.exists("/dev/full"):  # noqa: PTH110 - a device, not a file of ours
        pytest.skip("this system has no /dev/full")
    line = f'(sleep 0.5; "$@" {command} 2>&1 >out; echo $? >code) {gone}'
    if "full" in gone:
        line = f'"$@" {command} {gone} >out; echo $? >code'
    in_shell(shell, line, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert (shell.home / "code").read_text().split() == [str(code)]


def test_an_agent_whose_log_nobody_reads_ends_as_it_was_asked(shell: Shell) -> None:
    """As after `otel-agent run 2>&1 | head -1`."""
    reading, writing = os.pipe()
    environment = shell.environment() | {"OTEL_AGENT_DISCOVER_STORES": "false", "OTEL_AGENT_EXPORTER": "none"}
    command = [*shell.command(), "run"]
    with subprocess.Popen(command, env=environment, cwd=shell.home, stdin=subprocess.DEVNULL, stderr=writing) as run:
        os.close(writing)
        with os.fdopen(reading) as log:
            assert "Traceback" not in log.readline()
        run.send_signal(signal.SIGTERM)
        assert run.wait(60) == 0


@pytest.fixture
def full_disk(shell: Shell) -> Iterator[Path]:
    """A disk on which nothing fits any more, with the folder of the settings."""
    folder = shell.home / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk, and not in each container")
    try:
        with (folder / "fill").open("wb", buffering=0) as fill, suppress(OSError):
            while fill.write(bytes(4096)):
                pass
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(
    ("command", "code"),
    [("summary", 4), ("run --once", 4), ("config init", 2), ("setup --yes --local", 2), ("summary -o disk/x.md", 1)],
)
def test_a_full_disk_is_said_with_what_to_do(shell: Shell, full_disk: Path, command: str, code: int) -> None:
    full = str(full_disk)
    places = {"XDG_CONFIG_HOME": full, "XDG_STATE_HOME": full} if " -o " not in command else {}
    run = in_shell(shell, f'"$@" {command}', **places)
    assert "Traceback" not in run.stderr
    assert (run.returncode, run.stderr.count("\n")) == (code, 1), run.stderr
    assert "No space left on device. Free some space" in run.stderr
