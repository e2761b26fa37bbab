"""The modules that a command imports, so that a person need not wait for those it does without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.no_process import NO_PROCESS
from tests.support.paths import ROOT

PROGRAM = f"""{NO_PROCESS}
import sys
from otel_agent.cli import main
sys.argv[0] = "otel-agent"
try:
    main()
finally:
    print(*sys.modules, sep="\\n", file=sys.stderr)
"""


def imported_modules(home: Path, *arguments: str, **variables: str) -> set[str]:
    """Run a command in a home of its own; return the names of the modules that are imported at its end.

    The command sees no process. Another test may run OpenCode on this machine, and a process needs modules to measure it.
    """
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT), "TZ": "UTC"}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ran.stderr.split())
