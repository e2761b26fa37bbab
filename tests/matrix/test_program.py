"""The program says what is wrong with a call of it, and an interruption leaves nothing running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.real_programs.npm import Npm
from scripts.real_programs.program import Kept
from tests.matrix.__main__ import RELEASES, main
from tests.support.paths import ROOT
from tests.support.real_opencode.driver import require_opencode
from tests.support.waiting import eventually

NEWEST_OF_CI = "1.18.33"


def test_a_release_that_is_not_in_the_table_is_a_usage_error_that_names_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--only", "9.9.9"])
    assert ended.value.code == 2
    assert RELEASES[-1] in capsys.readouterr().err


def test_without_npm_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    place = str(tmp_path / "opencode")
    absent = Kept("opencode", "1.3.0", place, ("opencode",), "opencode", Npm("opencode-ai", "opencode"), 1)
    assert main(["--only", "1.3.0"], lambda _: absent) == 1
    assert "needs npm, which is not on PATH: install Node.js" in capsys.readouterr().err


@pytest.mark.opencode
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="only Linux shows the environment of a process")
def test_an_interruption_ends_all_that_was_started(tmp_path: Path) -> None:
    require_opencode(NEWEST_OF_CI)
    command = [sys.executable, "-m", "tests.matrix", "--only", NEWEST_OF_CI, "--no-table"]
    scratch = {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | scratch, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert any("turns" in line for line in running.stderr)
        eventually(lambda: len(commands_below(tmp_path)) >= 2, True)
        running.send_signal(signal.SIGINT)
        assert "interrupted (SIGINT); all that was started has ended" in running.stderr.read()
    assert running.returncode == 130
    # A process that was killed is listed until its parent, or init, has taken note.
    eventually(lambda: len(commands_below(tmp_path)), 0)
    assert list(tmp_path.iterdir()) == []


def commands_below(folder: Path) -> list[str]:
    """Return the commands of the processes that have this folder in their environment, the program itself left out."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if f"HOME={folder}".encode() in environment:
            found.append(command)
    return found
