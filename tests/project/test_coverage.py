"""`make coverage` measures the processes that tests start, and forks that end without an exit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from coverage import CoverageData

from tests.support.paths import PACKAGE, ROOT

PROGRAM = """
import sys
from pathlib import Path
from tests.support.agent import Agent
agent = Agent(Path(sys.argv[1]), "http://127.0.0.1:1")
agent.data_dir.mkdir(parents=True)
assert agent.attempt().returncode == 3
with agent.process("status", "--json") as status:
    assert status.wait().returncode == 5
"""


def test_an_agent_that_is_forked_and_one_that_is_started_are_measured(tmp_path: Path) -> None:
    """`run --once` is a fork of the tests' own, and `status` an interpreter of its own."""
    program, data = tmp_path / "program.py", tmp_path / "coverage-data"
    program.write_text(PROGRAM)
    own = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environ = own | {"PYTHONPATH": str(ROOT), "COVERAGE_FILE": str(data)}
    home = tmp_path / "home"
    for arguments in (["run", str(program), str(home)], ["combine", "--quiet"]):
        command = [sys.executable, "-m", "coverage", *arguments]
        run = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
    found = CoverageData(str(data))
    found.read()
    lines = {path.relative_to(PACKAGE).as_posix() for path in map(Path, found.measured_files())}
    assert {"agent/once.py", "doctor/status.py"} <= lines
    assert len(found.arcs(str(PACKAGE / "agent" / "once.py")) or ()) > 10
