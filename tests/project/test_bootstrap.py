"""scripts/bootstrap says what to do where it cannot go on, and touches no environment it did not make."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.paths import ROOT

SCRIPT = ROOT / "scripts" / "bootstrap"

pytestmark = pytest.mark.skipif(find_spec("pip") is None, reason="this environment has no pip to lend")

# An interpreter whose environments borrow the pip of this one: quick, and the same with or without ensurepip.
LENDING_PYTHON = """#!/bin/sh
[ "$1 $2" = "-m venv" ] || exec "{python}" "$@"
"{python}" -m venv --without-pip "$3" || exit
for folder in "$3"/lib/python*/site-packages; do echo "{site_packages}" > "$folder/lent.pth"; done
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    text = LENDING_PYTHON.format(python=sys.executable, site_packages=sysconfig.get_path("purelib"))
    return executable(tmp_path / "python3.11", text)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with nothing to install in it."""
    root = tmp_path / "a checkout"
    (root / "scripts").mkdir(parents=True)
    shutil.copy(SCRIPT, root / "scripts")
    (root / "requirements").mkdir()
    for lock in ("runtime.txt", "dev.txt"):
        (root / "requirements" / lock).touch()
    return root


def executable(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def bootstrap(checkout: Path, python: Path, wanted: str = "runtime") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/bootstrap", wanted]
    environment = {**os.environ, "PYTHON": str(python)}
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_it_makes_an_environment_that_runs_the_checkout_from_anywhere(checkout: Path, python: Path) -> None:
    (checkout / "otel_agent").mkdir()
    (checkout / "otel_agent" / "__main__.py").write_text("print('the agent')", encoding="utf-8")
    done = bootstrap(checkout, python)
    assert done.returncode == 0, done.stderr
    assert ".runtime" in names(checkout / ".venv")
    assert names(checkout / ".venv").isdisjoint({".dev", ".unfinished"})
    launcher = checkout / ".venv" / "bin" / "otel-agent"
    said = subprocess.run([launcher], cwd="/", capture_output=True, text=True, check=True)
    assert said.stdout == "the agent\n"


def test_dev_finishes_both_sets(checkout: Path, python: Path) -> None:
    assert bootstrap(checkout, python, "dev").returncode == 0
    assert {".runtime", ".dev"} <= names(checkout / ".venv")


def test_a_second_call_keeps_the_environment(checkout: Path, python: Path) -> None:
    bootstrap(checkout, python)
    (checkout / ".venv" / "kept").touch()
    again = bootstrap(checkout, python, "dev")
    assert again.returncode == 0
    assert "making" not in again.stdout
    assert "kept" in names(checkout / ".venv")


@pytest.mark.parametrize("mark", [".unfinished", ".runtime"])
def test_an_unfinished_or_broken_environment_is_made_afresh(checkout: Path, python: Path, mark: str) -> None:
    """Interrupted half-way, or its interpreter removed by a system upgrade: there is no python in it that runs."""
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / mark).touch()
    (checkout / ".venv" / "left-over").touch()
    done = bootstrap(checkout, python)
    assert done.returncode == 0, done.stderr
    assert "left-over" not in names(checkout / ".venv")


def test_a_failed_install_is_never_taken_for_a_finished_one(checkout: Path, python: Path) -> None:
    bootstrap(checkout, python, "dev")
    (checkout / "requirements" / "runtime.txt").write_text("no-hash-for-this==1.0\n", encoding="utf-8")
    done = bootstrap(checkout, python)
    assert done.returncode == 1
    assert "pip could not install requirements/runtime.txt" in done.stderr
    assert ".unfinished" in names(checkout / ".venv")
    assert names(checkout / ".venv").isdisjoint({".runtime", ".dev"})


def test_an_environment_made_by_something_else_is_left_alone(checkout: Path, python: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "precious").touch()
    done = bootstrap(checkout, python)
    assert done.returncode == 1
    assert "mv .venv .venv.old" in done.stderr
    assert names(checkout / ".venv") == {"precious"}


def test_a_python_that_is_too_old_gets_advice(checkout: Path, tmp_path: Path) -> None:
    done = bootstrap(checkout, executable(tmp_path / "python3.8", "#!/bin/sh\necho 3.8.18\n"))
    assert done.returncode == 1
    assert "no Python 3.11 or newer found" in done.stderr
    assert "apt-get install python3" in done.stderr
    assert not (checkout / ".venv").exists()


def test_where_every_way_to_a_pip_fails_each_reason_and_the_remedies_are_named(checkout: Path, tmp_path: Path) -> None:
    text = '#!/bin/sh\n[ "$1" = -c ] && echo 3.13.0 && exit\necho no such module >&2; exit 1\n'
    done = bootstrap(checkout, executable(tmp_path / "python3.13", text))
    assert done.returncode == 1
    assert done.stderr.count("no such module") == 3
    assert "apt-get install python3-venv" in done.stderr
    assert names(checkout / ".venv") == {".unfinished"}


def test_a_wrong_argument_is_a_usage_error(checkout: Path, python: Path) -> None:
    done = bootstrap(checkout, python, "everything")
    assert done.returncode == 2
    assert "usage" in done.stderr
