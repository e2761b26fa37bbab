"""A repository made by the real git, whose reflog has the times that a test chooses."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

BEGAN_S: Final = 1_700_000_000
"""The time of minute 0."""
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def at_minute(minute: float) -> int:
    """Return the time in milliseconds."""
    return round((BEGAN_S + 60 * minute) * 1000)


@dataclass(frozen=True, slots=True)
class Repository:
    """A folder in which git is run, without the settings of whoever runs the test."""

    folder: Path

    def git(self, minute: float, *arguments: str, fails: bool = False) -> None:
        """Run git as if it were that minute."""
        when = f"{at_minute(minute) // 1000} +0200"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada > Lovelace",
            "GIT_COMMITTER_EMAIL": "ada@example.org",
            "GIT_AUTHOR_DATE": when,
            "GIT_COMMITTER_DATE": when,
            "GIT_EDITOR": "true",
        }
        settings = ("-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main")
        run = subprocess.run(
            ["git", *settings, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (run.returncode != 0) is fails, run.stderr

    def commit(self, minute: float, text: str, message: str = "Change it") -> None:
        """Write a text into the one file, and commit it."""
        (self.folder / "file").write_text(text)
        self.git(minute, "add", "file")
        self.git(minute, "commit", "--quiet", "--message", message)


def repository(folder: Path) -> Repository:
    """Return a new repository with one commit of minute 0 on the branch main."""
    folder.mkdir(parents=True)
    made = Repository(folder)
    made.git(0, "init", "--quiet")
    made.commit(0, "one")
    return made
