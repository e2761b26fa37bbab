"""What is installed is what is declared: the locks fit pyproject.toml, and the built wheel runs by itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from otel_agent import __version__
from tests.support.paths import ROOT
from tests.support.real_programs import absent

LOCKS = ("runtime", "dev")
PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ]+)", re.MULTILINE)


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def lock_text(lock: str) -> str:
    return (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")


def pins(lock: str) -> dict[str, Version]:
    return {pin["name"]: Version(pin["version"]) for pin in PIN.finditer(lock_text(lock))}


def declared(lock: str) -> list[Requirement]:
    wanted = list(project()["project"]["dependencies"])
    if lock == "dev":
        wanted += project()["dependency-groups"]["dev"]
        wanted += project()["build-system"]["requires"]
    return [Requirement(line) for line in wanted]


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_holds_every_direct_dependency_at_a_version_it_allows(lock: str) -> None:
    """`make lock` was run after the last change of pyproject.toml."""
    held = pins(lock)
    unmet = [
        str(wanted)
        for wanted in declared(lock)
        if (version := held.get(canonicalize_name(wanted.name))) is None or version not in wanted.specifier
    ]
    assert not unmet


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_names_no_index_and_no_place_on_a_machine(lock: str) -> None:
    assert not re.findall(r"(?m)^ *--(?!hash=).*|\w+://.*|.*(?:/home|/root|/tmp|/Users)/.*", lock_text(lock))


def test_growing_from_runtime_to_dev_changes_no_version() -> None:
    held = pins("dev")
    assert {name: held.get(name) for name in pins("runtime")} == pins("runtime")


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?m)^\.PHONY: (.+)$", makefile)) - {"gone"}
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(re.findall(r"(?m)^  make (\S+) +\S", shown.stdout)) == targets
    assert {"run", "test", "check", "bench", "lock", "build"} <= targets


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, and the wheel built from that sdist: what is missing in the one is missing in the other."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (wheel,) = dist.glob("*.whl")
    return wheel


def package_files() -> set[str]:
    tracked = (path for path in (ROOT / "otel_agent").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in tracked}


def test_the_wheel_carries_the_whole_package_and_only_the_package(wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    shared = {name for name in held if ".data/" in name}
    assert {name.partition(".data/")[2] for name in shared} == {"data/share/man/man1/otel-agent.1"}
    held -= shared
    assert held == package_files() | {f"otel_agent/shipped_config/{path.name}" for path in (ROOT / "config").iterdir()}
    assert "otel_agent/py.typed" in held
    assert any(name.startswith("otel_agent/demo/sample/") for name in held)


def test_the_wheel_carries_the_licence(wheel: Path) -> None:
    (licence,) = (name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("/LICENSE"))
    assert zipfile.ZipFile(wheel).read(licence) == (ROOT / "LICENSE").read_bytes()


def test_the_sdist_carries_what_a_checkout_needs(dist: Path) -> None:
    """Whoever unpacks it can do what README says: make run, make test."""
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    top_level = {"Makefile", "README.md", "CONTRIBUTING.md", "LICENSE", "pyproject.toml", ".ci/run"}
    folders = ("scripts", "requirements", "collector", "config", "rollout")
    inside = {
        path.relative_to(ROOT).as_posix() for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()
    }
    own = ("__pycache__", "collector/.env", "collector/digests.yml", "collector/alertmanager/secrets/")
    needed = top_level | {name for name in inside if not any(part in name for part in own)}
    assert needed <= held
    assert "tests/project/test_packaging.py" in held


def test_the_wheel_installs_and_runs_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    """Only the project comes from the wheel; its dependencies are lent by the environment the tests run in."""
    fresh = tmp_path / "fresh"
    python = fresh / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(fresh)], check=True)
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-index", "--no-deps"]
    subprocess.run([*install, "--python", str(python), str(wheel)], check=True)
    (site_packages,) = fresh.glob("lib/python*/site-packages")
    (site_packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")

    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def output(*command: str | Path) -> str:
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert Path(output(python, "-c", "import otel_agent; print(otel_agent.__file__)")).is_relative_to(fresh)
    assert (fresh / "share/man/man1/otel-agent.1").read_bytes() == (ROOT / "docs" / "otel-agent.1").read_bytes()
    assert wheel.name.split("-")[1] in output(fresh / "bin" / "otel-agent", "--version").split()
    settings = output(fresh / "bin" / "otel-agent", "config", "init", "--print")
    assert settings == (ROOT / "config" / "otel-agent.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("runner", "command"),
    [
        ("uv", ("tool", "run", "--from", ".", "otel-agent", "--version")),
        ("pipx", ("run", "--spec", ".", "otel-agent", "--version")),
    ],
)
def test_one_line_runs_it_from_a_clone(runner: str, command: tuple[str, ...], dist: Path, tmp_path: Path) -> None:
    """`uvx --from . otel-agent` is short for the first. The source is the sdist, which is what a clone holds."""
    program = shutil.which(runner) or shutil.which(runner, path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip(f"{runner} is not here")
    # By the program: Python's own way asks for an argument that Debian's 3.11 does not know.
    subprocess.run(["tar", "-xzf", next(dist.glob("*.tar.gz")), "-C", tmp_path], check=True)
    (clone,) = tmp_path.iterdir()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    # What it leaves behind stays in the test's folder. uv's cache is the user's, as it is for a user.
    run = subprocess.run(
        [program, *command],
        cwd=clone,
        env=environ
        | {"PIPX_HOME": str(tmp_path / "pipx"), "UV_PYTHON": sys.executable, "UV_TOOL_DIR": str(tmp_path / "uv")},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    if run.returncode != 0 and re.search(
        r"dns error|Failed to fetch|connect error|Network is unreachable|ConnectionError", run.stderr
    ):
        absent(f"no package index can be reached: {run.stderr.strip().splitlines()[-1]}")
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == __version__
