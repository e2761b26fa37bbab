"""What a roll-out copies: the script, the image and the dev container name what exists, and the page's settings are ones."""

from __future__ import annotations

import json
import re
import shlex
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from otel_agent.agent.backend import otlp_options
from otel_agent.settings import Settings, load
from otel_agent.settings.variables import variable
from tests.support.administered import AdministeredShell, administer, write
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.paths import ROOT

ROLLOUT = ROOT / "rollout"
PAGE = (ROOT / "docs" / "rollout.md").read_text(encoding="utf-8")
CONTAINERFILE = (ROLLOUT / "container" / "Containerfile").read_text(encoding="utf-8")
VARIABLES = {variable(name) for name in Settings.__struct_fields__}


def blocks(language: str) -> list[str]:
    """The code blocks of the page in one language."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", PAGE)


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Containerfile with their arguments; continued lines are one."""
    lines = re.sub(r"(?m)^#.*\n", "", CONTAINERFILE).replace("\\\n", " ").splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


class TestPage:
    def test_the_administrators_file_that_it_shows_is_obeyed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (shown,) = blocks("toml")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://mine:4318")
        administer(monkeypatch, write(tmp_path / "etc" / "otel-agent.toml", shown))
        found = load(None)
        assert otlp_options(found.settings).endpoint_of("traces") == "http://otel-gateway.example.com:4318"
        assert (found.settings.backfill, found.settings.exporter) == ("30d", "otlp")

    def test_the_variables_for_ansible_are_those_of_the_role(self) -> None:
        (shown,) = blocks("yaml")
        defaults = yaml.safe_load((ROLLOUT / "ansible/roles/otel_agent/defaults/main.yml").read_text())
        asked: dict[str, Any] = yaml.safe_load(shown)
        assert asked.keys() <= defaults.keys()

    def test_every_script_and_file_in_its_commands_exists(self) -> None:
        named = {path for block in blocks("sh") for path in re.findall(r"(?<!\S)rollout/\S+", block)}
        assert {"rollout/mdm/install.sh", "rollout/container/Containerfile"} <= named
        assert [path for path in named if not (ROOT / path).exists()] == []
        for block in blocks("sh"):
            subprocess.run(["sh", "-n"], input=block, text=True, check=True)


class TestImage:
    def test_it_is_built_from_exact_releases_and_runs_as_no_root(self) -> None:
        bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
        assert len(bases) == 2
        assert all(re.fullmatch(r"docker\.io/library/python:\d+\.\d+\.\d+-slim-[a-z]+", base) for base in bases)
        (user,) = (rest for word, rest in instructions() if word == "USER")
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
        assert f"useradd --uid {user.partition(':')[0]} " in CONTAINERFILE

    def test_what_it_copies_is_what_a_build_leaves_and_nothing_else_is_sent(self) -> None:
        copied = {rest.split()[0] for word, rest in instructions() if word == "COPY" and not rest.startswith("--from")}
        assert copied == {"dist/*.whl", "requirements/runtime.txt"}
        assert (ROOT / "requirements" / "runtime.txt").exists()
        ignored = (ROLLOUT / "container" / "Containerfile.dockerignore").read_text().splitlines()
        assert [line for line in ignored if not line.startswith("#")] == ["*", *(f"!{path}" for path in sorted(copied))]

    def test_it_starts_the_program_of_the_wheel_with_settings_that_exist(self) -> None:
        (entry,) = (json.loads(rest) for word, rest in instructions() if word == "ENTRYPOINT")
        scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
        assert entry == list(scripts)
        named = set(re.findall(r"OTEL_AGENT_[A-Z_]+", CONTAINERFILE))
        assert named
        assert named <= VARIABLES


def test_the_dev_container_names_its_feature_and_settings_that_exist() -> None:
    folder = ROLLOUT / "devcontainer"
    text = (folder / "devcontainer.json").read_text()
    found = json.loads(re.sub(r"(?m)^\s*//.*$", "", text))
    feature = json.loads((folder / "otel-agent" / "devcontainer-feature.json").read_text())
    assert found["features"]["./otel-agent"].keys() == feature["options"].keys()
    assert "${PACKAGE:-" in (folder / "otel-agent" / "install.sh").read_text()
    assert {name for name in found["containerEnv"] if name.startswith("OTEL_AGENT_")} <= VARIABLES


@pytest.fixture
def shell(tmp_path: Path) -> AdministeredShell:
    """A machine with an environment for the program, whose pip writes down what it is asked for."""
    shell = AdministeredShell(tmp_path)
    programs = {
        "opt/bin/python": "",
        "opt/bin/pip": f'echo "$@" >> {tmp_path}/asked; echo Successfully installed otel-agent-1.2.3',
        "opt/bin/otel-agent": f'[ "$1" != setup ] || set -- "$@" --no-service; exec {shlex.join(shell.command())} "$@"',
        "bin/systemctl": f'echo "$@" >> {tmp_path}/restarted',
        # It becomes nobody else, and leaves out its own options.
        "bin/runuser": 'shift 3; exec "$@"',
    }
    for name, text in programs.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    return shell


@pytest.mark.skipif(sys.platform != "linux", reason="becomes the user as Linux does")
def test_the_script_installs_the_program_and_the_file_and_sets_the_user_up(
    shell: AdministeredShell, receiver: OtlpReceiver
) -> None:
    wanted = shell.home / "wanted.toml"
    wanted.write_text(f'[locked.otlp]\nendpoint = "{receiver.endpoint}"\n')
    environ = shell.environment()
    environ |= {
        "PATH": f"{shell.home / 'bin'}:{environ['PATH']}",
        "PACKAGE": "otel-agent==1.2.3",
        "SETTINGS": str(wanted),
        "INSTALL_HOME": str(shell.home / "opt"),
        "INSTALL_ETC": str(shell.file.parent),
        "CONSOLE_USER": "nobody",
    }
    shell.scratch.mkdir()
    done = install(environ)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["result"], found["accepted"], found["administrator"]) == ("installed", True, str(shell.file))
    assert "--upgrade otel-agent==1.2.3" in (shell.home / "asked").read_text()
    assert stat.S_IMODE(shell.file.stat().st_mode) == 0o644
    assert not (shell.home / "restarted").exists()
    again = install(environ)
    assert json.loads(again.stdout)["result"] == "already_installed", again.stderr
    assert (shell.home / "restarted").read_text() == "--user try-restart otel-agent.service\n"
    too_old = install(environ | {"INSTALL_HOME": str(shell.home / "new"), "PYTHON": "false"})
    assert (too_old.returncode, "name one in the variable PYTHON" in too_old.stderr) == (1, True)
    nobody = install(environ | {"CONSOLE_USER": "root"})
    assert (nobody.returncode, nobody.stdout[:22]) == (0, "nobody is logged in: t")
    before = shell.file.read_text()
    wanted.write_text("[locked]\nmax_serie = 5\n")
    refused = install(environ)
    assert refused.returncode == 2
    assert "Did you mean max_series?" in refused.stderr
    assert shell.file.read_text() == before
    assert [each.name for each in shell.file.parent.iterdir()] == [shell.file.name]


@pytest.mark.skipif(sys.platform != "linux", reason="asks loginctl, as Linux does")
def test_the_script_sets_up_who_sits_there_and_neither_the_login_screen_nor_who_came_by_ssh(
    shell: AdministeredShell,
) -> None:
    sessions = "c1 120 gdm seat0 tty1\n7 1001 remote - pts/0\n3 1000 nosuchperson seat0 tty2\n"
    listing = shell.home / "bin" / "loginctl"
    listing.write_text(f"#!/bin/sh\ncat <<'END'\n{sessions}END\n")
    listing.chmod(0o755)
    environ = shell.environment()
    environ |= {"PATH": f"{listing.parent}:{environ['PATH']}", "INSTALL_HOME": str(shell.home / "opt")}
    asked = install(environ)
    assert "nosuchperson" in asked.stderr  # by `id`, which knows nobody of that name
    assert asked.returncode != 0


def install(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", ROLLOUT / "mdm" / "install.sh"], env=environ, capture_output=True, text=True, check=False
    )
