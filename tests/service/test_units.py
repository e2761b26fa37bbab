"""The files for systemd and launchd are read back by the real parsers, with names that are out to break them."""

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
from otel_agent.service.program import program
from otel_agent.service.systemd import Systemd, quoted
from tests.service.programs import made
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


def hides_no_process(unit: str) -> bool:
    """True if no option of the unit needs a namespace of mounts, users or processes.

    In a user unit each of them brings a namespace of users (systemd 254). From within it /proc/PID/cwd of a process
    outside cannot be read.
    """
    hiding = ("Protect", "ProcSubset", "Private", "InaccessiblePaths", "ReadOnlyPaths", "ReadWritePaths", "BindPaths")
    return not any(line.startswith(hiding) for line in unit.splitlines())


@pytest.mark.systemd
@pytest.mark.parametrize("name", HOSTILE)
def test_systemd_accepts_the_unit_whatever_the_folders_are_called(tmp_path: Path, name: str) -> None:
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
    assert verified.stdout + verified.stderr == ""
    assert verified.returncode == 0


def test_the_unit_starts_the_agent_and_limits_what_it_may_do(tmp_path: Path) -> None:
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
def test_words_of_a_unit_are_quoted_so_that_systemd_replaces_nothing(text: str, command: bool, expected: str) -> None:
    assert quoted(text, command=command) == expected


def test_a_word_that_no_unit_can_hold_is_refused() -> None:
    for text in ("two\nlines", os.fsdecode(b"/x/\xff")):
        with pytest.raises(ServiceError, match="holds a character that a systemd unit cannot hold"):
            quoted(text)


def test_the_path_of_the_file_of_variables_is_not_read_as_a_pattern(tmp_path: Path) -> None:
    unit = Systemd({}).rendered(made(tmp_path / r"50% [x]*\y"))
    assert rf"EnvironmentFile=-{tmp_path}/50%% \[x\]\*\\y/environment" in unit.splitlines()


def test_launchd_reads_back_the_program_whatever_the_folders_are_called(tmp_path: Path) -> None:
    for name in HOSTILE:
        described = made(tmp_path / name, OTEL_AGENT_STATE_DIR=name)
        job = plistlib.loads(Launchd().rendered(described).encode())
        assert job["ProgramArguments"][-4:] == list(described.command)
        assert job["EnvironmentVariables"] == {"OTEL_AGENT_STATE_DIR": name}
        assert job["StandardErrorPath"] == str(tmp_path / name / "state" / "agent.log")
        assert job["Label"] == "otel-agent"
        assert job["RunAtLoad"] is True
        assert job["KeepAlive"] == {"SuccessfulExit": False}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_program_that_launchd_starts_reads_the_file_of_variables(tmp_path: Path, name: str) -> None:
    """The shell becomes the agent, so that a signal reaches it. Here the agent is `env`."""
    described = made(tmp_path / name)
    described.environment_file.parent.mkdir()
    described.environment_file.write_text("# where to\nOTEL_EXPORTER_OTLP_ENDPOINT='http://there:4318'\n")
    (tmp_path / name / "otel-agent").symlink_to("/usr/bin/env")
    arguments = plistlib.loads(Launchd().rendered(described).encode())["ProgramArguments"][:-3]

    def variables() -> list[str]:
        run = subprocess.run(arguments, env={"PATH": os.defpath}, capture_output=True, text=True, check=True)
        return run.stdout.splitlines()

    assert "OTEL_EXPORTER_OTLP_ENDPOINT=http://there:4318" in variables()
    described.environment_file.unlink()
    assert "OTEL_EXPORTER_OTLP_ENDPOINT=http://there:4318" not in variables()


def test_the_service_gets_the_variables_for_folders_and_no_keys(tmp_path: Path) -> None:
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
    """The service would look for it in another folder."""
    with pytest.raises(SettingsError, match=f"{name}: rel/x is relative"):
        program(state_dir=tmp_path, config_file=tmp_path / "x.toml", config=None, environ={name: "rel/x"})
    program(
        state_dir=tmp_path, config_file=tmp_path / "x.toml", config=None, environ={name: "~/x", "OPENCODE_DB": "y.db"}
    )
