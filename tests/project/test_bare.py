"""scripts/bare says what to do when it cannot go on, and passes on where packages come from. `make bare` tests the rest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.paths import ROOT

SCRIPT = ROOT / "scripts" / "bare"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="builds a Debian")


def bare(*arguments: str, path: str = os.defpath) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": path}
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = SourceFileLoader("bare_script", str(SCRIPT))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_an_unknown_release_is_a_usage_error() -> None:
    done = bare("--suite", "potato")
    assert done.returncode == 2
    assert "bookworm" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do it")
def test_a_user_who_is_not_root_is_sent_to_sudo() -> None:
    done = bare()
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert "sudo make bare" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gets so far")
@pytest.mark.parametrize(("there", "advice"), [([], "unshare from util-linux"), (["unshare"], "Install debootstrap")])
def test_a_program_that_it_needs_and_that_is_missing_is_named(tmp_path: Path, there: list[str], advice: str) -> None:
    for name in there:
        (tmp_path / name).symlink_to(shutil.which(name) or "/nowhere")
    done = bare(path=str(tmp_path))
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert advice in done.stderr


def test_settings_about_the_source_of_packages_are_passed_on_and_none_about_python(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = tmp_path / "host" / "authority.pem"
    certificate.parent.mkdir()
    certificate.write_text("a certificate", encoding="ascii")
    settings = tmp_path / "host" / "pip.conf"
    settings.write_text(
        f"[global]\nindex-url = https://mirror.invalid/simple\ncert = {certificate}\n", encoding="ascii"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.setenv("https_proxy", "http://proxy.invalid:3128")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    variables = script.passed_on()
    assert variables["PIP_CONFIG_FILE"] == str(settings)
    assert variables["https_proxy"] == "http://proxy.invalid:3128"
    assert not any(name.startswith("PYTHON") for name in variables)
    root = tmp_path / "root"
    (root / "etc/apt/apt.conf.d").mkdir(parents=True)
    script.configure(root)
    assert (root / settings.relative_to("/")).read_text(encoding="ascii") == settings.read_text(encoding="ascii")
    assert (root / certificate.relative_to("/")).read_text(encoding="ascii") == "a certificate"
