"""`otel-agent doctor` examines each link, sound and broken, on real files, real databases and a real backend."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from otel_agent.doctor.finding import Verdict
from otel_agent.doctor.watching import watching
from otel_agent.intake import watch
from otel_agent.settings import Settings
from tests.doctor.examined import examined, of, one, towards
from tests.support.agent import Agent
from tests.support.made_stores import Database, JsonTree, Tokens, message, session
from tests.support.no_process import NO_PROCESS
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.shell import Shell


def test_nothing_is_wrong_on_a_machine_with_a_running_agent(agent: Agent, receiver: OtlpReceiver) -> None:
    """The agent goes on undisturbed."""
    Database(agent.data_dir / "opencode.db").create().put_turn(message(session(), Tokens(7)))
    with agent.process("run") as run:
        receiver.wait_for(lambda r: r.chats(), 30)
        with agent.process("doctor", "--json", prelude=NO_PROCESS) as doctor:
            ended = doctor.wait()
        run.stop()
    found = json.loads(ended.stdout)
    assert {each["verdict"] for each in found} <= {"ok", "skipped"}, ended.stdout
    assert ended.returncode == 0
    assert f"process {run.pid}" in one(found, "agent", "ok")["seen"]
    assert "opencode.db: SQLite, 1 message row" in one(found, "store", "ok")["seen"]
    assert receiver.total("opencode.message.count") == 1
    for signal in ("traces", "metrics"):
        assert "an empty request was accepted" in one(found, signal, "ok")["seen"]


def test_the_default_address_is_that_of_a_collector_here(shell: Shell) -> None:
    """The test does not depend on whether one runs just now."""
    run = shell.run("doctor", "--json")
    for signal in ("traces", "metrics"):
        assert any("localhost:4318" in each["seen"] + each["meaning"] for each in of(json.loads(run.stdout), signal))


def test_each_missing_link_of_a_new_machine_gets_advice(shell: Shell, refusing: str) -> None:
    found = examined(shell, 1, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{refusing}")
    assert "no OpenCode data was found" in one(found, "stores", "warning")["seen"]
    assert "otel-agent service install" in one(found, "agent", "warning")["advice"]
    assert "Connection refused" in one(found, "traces", "failure")["seen"]
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in one(found, "traces", "failure")["advice"]
    assert not shell.state_dir.exists(), "the doctor left something behind"


def test_a_person_reads_verdicts_advice_and_their_numbers(tmp_path: Path, refusing: str) -> None:
    with Agent(tmp_path, f"http://{refusing}").process("doctor", prelude=NO_PROCESS) as doctor:
        run = doctor.wait()
    assert run.returncode == 1
    assert f"✗ failure traces: {refusing}: Connection refused" in run.stdout
    assert "→ Start OpenCode once" in run.stdout
    assert run.stdout.splitlines()[-1].endswith("2 failures, 2 warnings")


def test_no_key_is_shown(shell: Shell, receiver: OtlpReceiver) -> None:
    secret = receiver.endpoint.replace("://", "://user:s3cret@") + "?key=s3cret"
    run = shell.run("doctor", OTEL_EXPORTER_OTLP_ENDPOINT=secret, OTEL_EXPORTER_OTLP_HEADERS="authorization=s3cret")
    assert run.returncode == 1
    assert "the address has a query" in run.stdout, "the doctor came to the end, and named the address"
    assert "s3cret" not in run.stdout + run.stderr


def test_settings_that_cannot_be_used_are_the_first_finding_and_the_rest_is_checked(
    shell: Shell, receiver: OtlpReceiver
) -> None:
    found = examined(shell, 1, **towards(receiver), OTEL_AGENT_MAX_SERIES="many", OTEL_AGENT_LOG_LEVEL="loud")
    assert found[0]["link"] == "settings"
    assert found[0]["verdict"] == "failure"
    for name in ("OTEL_AGENT_MAX_SERIES", "OTEL_AGENT_LOG_LEVEL"):
        assert f"environment {name}: " in found[0]["seen"]
    assert found[0]["seen"].isprintable()
    assert one(found, "traces", "ok")


def test_a_settings_file_with_keys_that_others_can_read_is_a_warning(shell: Shell, receiver: OtlpReceiver) -> None:
    shell.config.parent.mkdir(parents=True)
    shell.config.write_text('[otlp]\nheaders = { authorization = "s3cret" }\n')
    for mode, verdict in ((0o644, "warning"), (0o600, "ok")):
        shell.config.chmod(mode)
        assert one(examined(shell, 0, **towards(receiver)), "settings", verdict)


def test_a_file_that_is_no_database_is_a_failure(shell: Shell, receiver: OtlpReceiver) -> None:
    shell.data_dir.mkdir(parents=True)
    (shell.data_dir / "opencode.db").write_bytes(b"not a database at all" * 400)
    failure = one(examined(shell, 1, **towards(receiver)), "store", "failure")
    assert "opencode.db" in failure["seen"]
    assert "file is not a database" in failure["seen"]


def test_a_database_with_unknown_tables_is_a_failure(shell: Shell, receiver: OtlpReceiver) -> None:
    database = Database(shell.data_dir / "opencode.db").create()
    database.execute("ALTER TABLE message RENAME COLUMN data TO content")
    assert "no column data" in one(examined(shell, 1, **towards(receiver)), "store", "failure")["seen"]


def test_an_opencode_newer_than_those_tested_is_a_warning(shell: Shell, receiver: OtlpReceiver) -> None:
    tree = JsonTree(shell.data_dir)
    tree.put_turn(message(session(version="1.99.0"), Tokens(7)))
    shell.run("run", "--once", **towards(receiver))
    assert "1.99.0" in one(examined(shell, 0, **towards(receiver)), "OpenCode releases", "warning")["seen"]


class TestLedger:
    @pytest.fixture
    def counted(self, shell: Shell, receiver: OtlpReceiver) -> Path:
        tree = JsonTree(shell.data_dir)
        of_today = session()
        tree.put(of_today.project, of_today)
        tree.put(*(message(of_today, Tokens(7), counter=number) for number in range(1, 200)))
        assert shell.run("run", "--once", **towards(receiver)).returncode == 0
        return shell.state_dir / "ledger.db"

    def test_a_ledger_in_order_is_ok(self, shell: Shell, receiver: OtlpReceiver, counted: Path) -> None:
        assert str(counted) in one(examined(shell, 0, **towards(receiver)), "ledger", "ok")["seen"]

    def test_a_damaged_ledger_is_a_failure_with_advice(
        self, shell: Shell, receiver: OtlpReceiver, counted: Path
    ) -> None:
        content = bytearray(counted.read_bytes())
        content[8192:] = b"\xff" * len(content[8192:])
        counted.write_bytes(content)
        failure = one(examined(shell, 1, **towards(receiver)), "ledger", "failure")
        assert "`otel-agent run` moves a damaged one aside" in failure["advice"]

    def test_a_ledger_of_a_newer_version_is_a_failure(
        self, shell: Shell, receiver: OtlpReceiver, counted: Path
    ) -> None:
        with closing(sqlite3.connect(counted)) as database:
            database.execute("PRAGMA user_version = 99")
        found = examined(shell, 1, **towards(receiver))
        assert "newer otel-agent" in one(found, "ledger", "failure")["seen"]
        skipped = [each["link"] for each in found if each["seen"] == "not examined, because the ledger cannot be read"]
        assert skipped == ["OpenCode releases", "watching"]
        assert one(found, "store", "ok"), "OpenCode's own data can be examined"
        assert [each["link"] for each in found if each["verdict"] == "failure"] == ["ledger"], "once is enough"

    def test_a_ledger_that_others_can_read_is_a_warning(
        self, shell: Shell, receiver: OtlpReceiver, counted: Path
    ) -> None:
        counted.chmod(0o644)
        warning = one(examined(shell, 0, **towards(receiver)), "ledger", "warning")
        assert warning["advice"] == f"chmod go= {counted}"

    def test_a_message_from_the_future_is_a_warning(self, shell: Shell, receiver: OtlpReceiver, counted: Path) -> None:
        later = round(time.time() * 1000) + 86_400_000
        JsonTree(shell.data_dir).put_turn(message(session(), Tokens(1), later))
        shell.run("run", "--once", **towards(receiver))
        assert "future" in one(examined(shell, 0, **towards(receiver)), "clock", "warning")["seen"]


def test_fewer_watches_than_twice_the_folders_are_a_warning(tmp_path: Path) -> None:
    tree = JsonTree(tmp_path / "opencode")
    for number in range(1, 30):
        tree.put_turn(message(session(counter=number), Tokens(1), counter=number))
    limits = tmp_path / "proc" / "sys" / "fs" / "inotify"
    limits.mkdir(parents=True)
    settings = Settings(state_dir=tmp_path / "state", data_dirs=(tmp_path / "opencode",))
    for allowed, verdict in ((40, Verdict.WARNING), (4_000, Verdict.OK)):
        (limits / "max_user_watches").write_text(f"{allowed}\n")
        (found,) = watching(settings, tmp_path / "proc")
        assert found.verdict is verdict
        assert "31 folders to watch" in found.seen
    (found,) = watching(settings, tmp_path / "elsewhere")
    assert found.verdict is Verdict.SKIPPED


def test_no_inotify_instance_is_a_warning_with_the_limit_to_raise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Editors use them up: many systems allow 128 for each user."""
    limits = tmp_path / "proc" / "sys" / "fs" / "inotify"
    limits.mkdir(parents=True)
    (limits / "max_user_watches").write_text("65536\n")
    (limits / "max_user_instances").write_text("128\n")
    tree = JsonTree(tmp_path / "opencode")
    tree.put_turn(message(session(), Tokens(1)))

    def refuse() -> None:
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    monkeypatch.setattr(watch, "Observer", refuse)
    settings = Settings(state_dir=tmp_path / "state", data_dirs=(tmp_path / "opencode",))
    (found,) = watching(settings, tmp_path / "proc")
    assert found.verdict is Verdict.WARNING
    assert "no inotify instance" in found.seen
    assert found.advice == "sysctl fs.inotify.max_user_instances=256"


@pytest.mark.parametrize(
    "plugins",
    [
        {"plugin": ["@devtheops/opencode-plugin-otel"]},
        {"plugin": ["other", ["opencode-telemetry", {"key": 1}]]},
        {"plugins": ["@devtheops/opencode-plugin-otel"]},
        {"plugins": ["other", {"package": "opencode-telemetry", "options": {"key": 1}}]},
    ],
)
def test_a_known_telemetry_plugin_is_a_warning(shell: Shell, receiver: OtlpReceiver, plugins: dict[str, Any]) -> None:
    folder = shell.home / ".config" / "opencode"
    folder.mkdir(parents=True)
    (folder / "opencode.json").write_text(json.dumps(plugins))
    warning = one(examined(shell, 0, **towards(receiver)), "other telemetry", "warning")
    assert "otel_agent" in warning["advice"]


def test_a_plugin_file_that_is_named_like_telemetry_is_a_warning(shell: Shell, receiver: OtlpReceiver) -> None:
    folder = shell.home / ".config" / "opencode" / "plugin"
    folder.mkdir(parents=True)
    (folder / "my-otel.ts").write_text("")
    (folder / "theme.ts").write_text("")
    assert "my-otel.ts" in one(examined(shell, 0, **towards(receiver)), "other telemetry", "warning")["seen"]


def test_an_exporter_for_another_program_is_a_failure_and_the_rest_is_checked(
    shell: Shell, receiver: OtlpReceiver
) -> None:
    found = examined(shell, 1, **towards(receiver), OTEL_METRICS_EXPORTER="prometheus")
    assert "environment OTEL_METRICS_EXPORTER: metrics_exporter" in one(found, "settings", "failure")["seen"]
    assert one(found, "metrics", "ok")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_data_folder_without_permission_is_a_failure_with_advice(shell: Shell, receiver: OtlpReceiver) -> None:
    shell.data_dir.mkdir(parents=True)
    shell.data_dir.chmod(0)
    try:
        assert "chmod" in one(examined(shell, 1, **towards(receiver)), "data folder", "failure")["advice"]
    finally:
        shell.data_dir.chmod(0o700)
