"""The other program: @ccusage/opencode, which adds up the same JSON trees and keeps nothing."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

PACKAGE: Final = "@ccusage/opencode@18.0.11"
"""The last release that has its program in the package. Later ones start a program that npm does not have for each system."""
_HOME: Final = Path(".cache/peers/ccusage-opencode-18.0.11")


def peer_command() -> list[str] | None:
    """Return its command, or None if npm is not here. It is installed at the first use."""
    program = _HOME / "node_modules/.bin/ccusage-opencode"
    if not program.exists():
        npm = shutil.which("npm")
        if npm is None:
            return None
        _HOME.mkdir(parents=True, exist_ok=True)
        install = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(_HOME), PACKAGE]
        subprocess.run(install, check=True)
    return [str(program.resolve()), "monthly", "--json", "--offline"]
