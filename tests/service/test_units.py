"""What is written for systemd and launchd: read back by the real parsers, with names that are out to break them."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest

from otel_agent.errors import SettingsError
from otel_agent.service.launchd import Launchd
from otel_agent.service.manager import ServiceError
from otel_agent.service.program import Program, program
from otel_agent.service.systemd import Systemd, quoted
from tests.support.real_programs import absent

HOSTILE = [
    "plain",
    "two words",
    'a"quote',
    "per%cent",
    "dol$lar",
    "back\\slash",
    "apo'strophe",
    "ünïcode",
    "semi;colon",
]


def made(folder: Path, **environment: str) -> Program:
    return Program(
        command=(str(folder / "otel-agent"), "run", "--config", str(folder / "settings.toml")),
        environment=environment,
        state_dir=folder / "state",
        environment_file=folder / "environment",
        log_file=folder / "state" / "agent.log",
    )


def hides_no_process(unit: str) -> bool:
    """All that takes a namespace of mounts, users or processes: in a user unit any of them brings a namespace of users
    (systemd 254), from within which /proc/PID/cwd of a process outside cannot be read."""
    hiding = ("Protect", "ProcSubset", "Private", "InaccessiblePaths", "ReadOnlyPaths", "ReadWritePaths", "BindPaths")
    return not any(line.startswith(hiding) for line in unit.splitlines())


@pytest.mark.systemd
@pytest.mark.parametrize("name", HOSTILE)
def test_systemd_takes_it(tmp_path: Path, name: str) -> None:
    if shutil.which("systemd-analyze") is None:
        absent("systemd-analyze is not here: run `make systemd`")
    folder = tmp_path / name
    folder.mkdir()
    shutil.copy("/bin/true", folder / "otel-agent")
    unit = tmp_path / "otel-agent.service"
    unit.write_text(Systemd({}).rendered(made(folder, OTEL_AGENT_STATE_DIR=str(folder), OTHER=name)))
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    verified = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(unit)],
        env=os.environ | {"XDG_RUNTIME_DIR": str(runtime)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


def test_what_the_unit_holds(tmp_path: Path) -> None:
    lines = Systemd({}).rendered(made(tmp_path, XDG_DATA_HOME="/srv/data")).splitlines()
    assert f'ExecStart="{tmp_path}/otel-agent" "run" "--config" "{tmp_path}/settings.toml"' in lines
    assert "ExecReload=/bin/kill -HUP $MAINPID" in lines
    assert 'Environment="XDG_DATA_HOME=/srv/data"' in lines
    assert f"EnvironmentFile=-{tmp_path}/environment" in lines
    for line in (
        *("StartLimitIntervalSec=0", "NoNewPrivileges=yes", "UMask=0077"),
        *("Restart=on-failure", "RestartPreventExitStatus=2", "WantedBy=default.target"),
    ):
        assert line in lines
    assert any(line.startswith("MemoryMax=") for line in lines)
    assert any(line.startswith("CPUQuota=") for line in lines)
    assert hides_no_process("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "command", "expected"),
    [
        ("a b", False, '"a b"'),
        ('say "hi"', False, '"say \\"hi\\""'),
        ("100%", False, '"100%%"'),
        ("$HOME", True, '"$$HOME"'),
        ("$HOME", False, '"$HOME"'),
        ("c:\\x", False, '"c:\\\\x"'),
    ],
)
def test_words_of_a_unit(text: str, command: bool, expected: str) -> None:
    assert quoted(text, command=command) == expected


def test_what_no_unit_can_hold() -> None:
    for text in ("two\nlines", os.fsdecode(b"/x/\xff")):
        with pytest.raises(ServiceError, match="holds a character that no systemd unit can"):
            quoted(text)


def test_the_file_of_variables_is_no_pattern(tmp_path: Path) -> None:
    unit = Systemd({}).rendered(made(tmp_path / r"50% [x]*\y"))
    assert rf"EnvironmentFile=-{tmp_path}/50%% \[x\]\*\\y/environment" in unit.splitlines()


def test_launchd_reads_back_what_was_meant(tmp_path: Path) -> None:
    for name in HOSTILE:
        told = made(tmp_path / name, OTEL_AGENT_STATE_DIR=name)
        job = plistlib.loads(Launchd().rendered(told).encode())
        assert job["ProgramArguments"][-4:] == list(told.command)
        assert job["EnvironmentVariables"] == {"OTEL_AGENT_STATE_DIR": name}
        assert job["StandardErrorPath"] == str(tmp_path / name / "state" / "agent.log")
        assert (job["Label"], job["RunAtLoad"], job["KeepAlive"]) == ("otel-agent", True, {"SuccessfulExit": False})


@pytest.mark.parametrize("name", HOSTILE)
def test_what_launchd_starts_reads_the_file_of_variables(tmp_path: Path, name: str) -> None:
    """And becomes the agent, so that a signal reaches it. Here the agent is `env`."""
    told = made(tmp_path / name)
    told.environment_file.parent.mkdir()
    told.environment_file.write_text("# where to\nOTEL_EXPORTER_OTLP_ENDPOINT='http://there:4318'\n")
    (tmp_path / name / "otel-agent").symlink_to("/usr/bin/env")
    arguments = plistlib.loads(Launchd().rendered(told).encode())["ProgramArguments"][:-3]
    for there, expected in ((True, True), (False, False)):
        if not there:
            told.environment_file.unlink()
        shown = subprocess.run(arguments, env={"PATH": os.defpath}, capture_output=True, text=True, check=True).stdout
        assert ("OTEL_EXPORTER_OTLP_ENDPOINT=http://there:4318" in shown.splitlines()) is expected


def test_what_is_carried_into_the_service(tmp_path: Path) -> None:
    """What says where things are; no key."""
    environ = {
        "XDG_DATA_HOME": "/srv/data",
        "OPENCODE_DB": "other.db",
        "OTEL_AGENT_MAX_SERIES": "7",
        "OTEL_AGENT_CONFIG": "/elsewhere.toml",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=secret",
        "ANTHROPIC_API_KEY": "secret",
        "XDG_STATE_HOME": "",
    }
    found = program(state_dir=tmp_path, config_file=tmp_path / "c" / "x.toml", config=Path("my.toml"), environ=environ)
    assert found.environment == {"XDG_DATA_HOME": "/srv/data", "OPENCODE_DB": "other.db", "OTEL_AGENT_MAX_SERIES": "7"}
    assert found.command[-3:] == ("run", "--config", str(Path("my.toml").absolute()))
    assert found.environment_file == tmp_path / "c" / "environment"


@pytest.mark.parametrize("name", ["XDG_DATA_HOME", "OTEL_AGENT_STATE_DIR", "OTEL_AGENT_DATA_DIRS"])
def test_a_relative_folder_is_refused(tmp_path: Path, name: str) -> None:
    """It would be another one for the service."""
    with pytest.raises(SettingsError, match=f"{name}: rel/x is relative"):
        program(state_dir=tmp_path, config_file=tmp_path / "x.toml", config=None, environ={name: "rel/x"})
    program(
        state_dir=tmp_path, config_file=tmp_path / "x.toml", config=None, environ={name: "~/x", "OPENCODE_DB": "y.db"}
    )
