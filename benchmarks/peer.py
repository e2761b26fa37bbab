"""The other program: ccusage, the fastest one known. It adds up OpenCode's whole history at each start and keeps nothing.

Its npm package holds a native program for each system. It prices with the costs that OpenCode recorded, as the agent does.
"""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.measure import output
from tests.support.made_stores import Tokens

VERSION: Final = "20.0.24"
NAME: Final = f"ccusage {VERSION}"
_MACHINES: Final = {"x86_64": "linux-x64", "aarch64": "linux-arm64"}
_HOME: Final = Path(".cache/peers") / f"ccusage-{VERSION}"


def peer_command() -> list[str] | None:
    """Return its command, or None if it cannot run or be had here. It is installed at the first use."""
    machine, npm = _MACHINES.get(platform.machine()), shutil.which("npm")
    if platform.system() != "Linux" or machine is None:
        return None
    package = f"@ccusage/ccusage-{machine}"
    program = _HOME / "node_modules" / package / "bin" / "ccusage"
    if not program.exists():
        if npm is None:
            return None
        _HOME.mkdir(parents=True, exist_ok=True)
        install = [
            npm,
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--prefix",
            str(_HOME),
            f"{package}@{VERSION}",
        ]
        subprocess.run(install, check=True)
        program.chmod(0o755)  # in the package it is not executable
    return [str(program.resolve()), "opencode", "monthly", "--json", "--offline"]


def peer_environ(data: Path) -> dict[str, str]:
    """Return an environment in which it finds this data folder and nothing else."""
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(data.parent), "OPENCODE_DATA_DIR": str(data)}


def peer_totals(command: list[str], environ: Mapping[str, str]) -> tuple[Tokens, float]:
    """Return the tokens and the US dollars that it adds up."""
    totals = json.loads(output(command, environ))["totals"]
    read, written = totals["cacheReadTokens"], totals["cacheCreationTokens"]
    # Only its sum of all tokens holds those of reasoning.
    reasoning = totals["totalTokens"] - totals["inputTokens"] - totals["outputTokens"] - read - written
    return Tokens(totals["inputTokens"], totals["outputTokens"], reasoning, read, written), totals["totalCost"]
