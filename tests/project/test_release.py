"""`make release` in a clone: what it refuses, and what it leaves behind."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from scripts.real_programs import table
from tests.support.paths import ROOT
from tests.support.real_programs import require

VERSION = "7.8.9"
WHO = {f"GIT_{role}_{part}": f"release@{part}.test" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}


class Clone:
    """A repository with the files of this checkout, as they are now, and another one that is its origin."""

    def __init__(self, folder: Path) -> None:
        self.root, self.origin = folder / "clone", folder / "origin.git"
        ignored = shutil.ignore_patterns(
            *(".git", ".venv", ".cache", ".hypothesis", ".coverage*", "dist", "__pycache__"),
            *("tests", "benchmarks", "views", "dashboards"),
        )
        shutil.copytree(ROOT, self.root, ignore=ignored)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("Begin")
        subprocess.run(["git", "clone", "--quiet", "--bare", self.root, self.origin], check=True)
        self.git("remote", "add", "origin", str(self.origin))

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, env=self.environment(), capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, subject: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", subject)

    def release(self, version: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "scripts/release", version]
        return subprocess.run(
            command, cwd=self.root, env=self.environment(), capture_output=True, text=True, check=False
        )

    def environment(self) -> dict[str, str]:
        # Neither the settings of who runs the tests nor a repository that git is working on count.
        own = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "SOURCE_DATE"))}
        return own | WHO | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(self.root.parent)}

    def make_ready(self) -> None:
        init, changelog = self.root / "otel_agent" / "__init__.py", self.root / "CHANGELOG.md"
        init.write_text(re.sub(r'__version__ = ".*"', f'__version__ = "{VERSION}"', init.read_text()))
        changelog.write_text(changelog.read_text().replace("## [Unreleased]", f"## [{VERSION}] - 2026-11-26", 1))
        self.commit("Prepare a release")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    if shutil.which("git") is None:
        pytest.skip("git is not here")
    return Clone(tmp_path)


def test_everything_that_is_missing_for_a_release_is_named_and_nothing_is_made(clone: Clone) -> None:
    (clone.root / "forgotten.txt").write_text("")
    refused = clone.release(VERSION)
    assert refused.returncode == 1
    assert "forgotten.txt" in refused.stderr
    assert f"Set __version__ to {VERSION}." in refused.stderr
    assert f"## [{VERSION}] - YYYY-MM-DD" in refused.stderr
    without_git = subprocess.run(
        [sys.executable, "scripts/release", VERSION],
        cwd=clone.root,
        env=clone.environment() | {"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (without_git.returncode, without_git.stderr) == (1, "release: git: No such file or directory\n")
    assert clone.release("next").stderr.startswith("release: 'next' is not a version.")
    assert not (clone.root / "dist").exists()
    assert clone.git("tag") == ""


def test_a_release_is_built_hashed_and_tagged_here_and_not_pushed(clone: Clone) -> None:
    require("cyclonedx")
    (clone.root / ".cache").mkdir()
    (clone.root / ".cache" / "cyclonedx").symlink_to(table.kept("cyclonedx").path.parent)
    clone.make_ready()
    dist = clone.root / "dist"
    dist.mkdir()
    (dist / "before").touch()
    made = clone.release(VERSION)
    assert made.returncode == 0, made.stderr
    wheel = dist / f"otel_agent-{VERSION}-py3-none-any.whl"
    bill = dist / f"otel_agent-{VERSION}.cdx.json"
    assert {file.name for file in dist.iterdir()} == {
        *(wheel.name, bill.name, f"otel_agent-{VERSION}.tar.gz", "SHA256SUMS")
    }
    assert (dist / "SHA256SUMS").read_text() == "".join(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
        for file in sorted(dist.iterdir())
        if file.name != "SHA256SUMS"
    )
    assert f"\nVersion: {VERSION}\n" in _metadata(wheel)
    _is_whole(json.loads(bill.read_text()))
    assert clone.git("rev-parse", f"v{VERSION}^{{commit}}") == clone.git("rev-parse", "HEAD")
    assert clone.git("ls-remote", "--tags", "origin") == ""
    (clone.root / "later.txt").write_text("")
    clone.commit("Go on")
    assert f"The tag v{VERSION} is at another commit" in clone.release(VERSION).stderr


def _metadata(wheel: Path) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        return archive.read(name).decode()


def _is_whole(bill: dict[str, Any]) -> None:
    """Fail unless the bill is about this release and names exactly the packages of the lock file."""
    about = bill["metadata"]["component"]
    assert (bill["bomFormat"], about["name"], about["version"]) == ("CycloneDX", "otel-agent", VERSION)
    locked = re.findall(r"(?m)^([a-z0-9-]+)==(\S+)", (ROOT / "requirements" / "runtime.txt").read_text())
    assert locked
    assert {(each["name"], each["version"]) for each in bill["components"]} == set(locked)
