"""Where a verdict of `otel-agent doctor` turns: one step further, it would be another one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from otel_agent.agent.backend import otlp_options
from otel_agent.delivery.probe import Reached
from otel_agent.doctor import agent_checks, backend_checks, opencode_checks
from otel_agent.doctor.finding import Verdict
from otel_agent.settings import OtlpSettings, Settings
from tests.doctor.examined import examined, of, one, towards
from tests.support.made_stores import Database, JsonTree, Tokens, message, prompt, session
from tests.support.otlp_receiver import Authority, Behaviour, OtlpReceiver
from tests.support.otlp_receiver.behaviours import Reply
from tests.support.shell import Shell
from tests.support.waiting import eventually


@pytest.mark.parametrize(
    ("spared", "warned"), [("*", False), ("localhost", False), ("127.0.0.1", True), ("example.com", True), ("", True)]
)
def test_a_local_backend_that_no_proxy_spares_gets_no_warning(
    spared: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "all_proxy", "ALL_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", spared)
    found = list(backend_checks.proxy(Settings()))
    assert {each.verdict for each in found} == ({Verdict.WARNING} if warned else set())


@pytest.mark.parametrize(("days", "verdict"), [(5, "warning"), (13, "warning"), (16, "ok"), (300, "ok")])
def test_a_certificate_that_ends_within_two_weeks_is_a_warning(
    shell: Shell, tmp_path: Path, days: int, verdict: str
) -> None:
    authority = Authority(tmp_path / "authority")
    until = datetime.now(UTC) + timedelta(days=days, hours=1)
    with OtlpReceiver(tls=authority.issue("server", not_after=until)) as receiver:
        trusted = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(authority.certificate)}
        found = examined(shell, 0, **towards(receiver), **trusted)
        about = [each for each in of(found, "traces") if "is valid for" in each["seen"]]
    assert [(each["verdict"], f"for {days} more days" in each["seen"]) for each in about] == [(verdict, True)]


@pytest.mark.parametrize(("hours", "said"), [(1, "behind"), (-1, "ahead of")])
def test_a_clock_an_hour_off_is_a_warning_that_says_in_which_direction(
    shell: Shell, receiver: OtlpReceiver, hours: int, said: str
) -> None:
    """The backend's clock is so many hours ahead of ours."""
    date = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    receiver.behave(then=Behaviour("accept", True, Reply(headers=(("Date", date),))))
    clocks = of(examined(shell, 0, **towards(receiver)), "clock")
    assert [each["verdict"] for each in clocks] == ["warning", "warning"]
    assert all(f"s {said} the backend's" in each["seen"] for each in clocks)


@pytest.mark.parametrize(("mode", "verdict"), [(0o600, "ok"), (0o640, "warning"), (0o604, "warning")])
def test_a_settings_file_with_keys_is_for_its_owner_alone(
    shell: Shell, receiver: OtlpReceiver, mode: int, verdict: str
) -> None:
    shell.config.parent.mkdir(parents=True)
    shell.config.write_text('[otlp]\nheaders = { authorization = "s3cret" }\n')
    shell.config.chmod(mode)
    assert one(examined(shell, 0, **towards(receiver)), "settings", verdict)


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_ledger_is_for_its_owner_alone(shell: Shell, receiver: OtlpReceiver, mode: int, warned: bool) -> None:
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(7)))
    assert shell.run("run", "--once", **towards(receiver)).returncode == 0
    (shell.state_dir / "ledger.db").chmod(mode)
    found = of(examined(shell, 0, **towards(receiver)), "ledger")
    assert ("warning" in {each["verdict"] for each in found}) is warned


def reached_at(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Note at which host and port the doctor looks, and let nobody answer."""
    looked: list[tuple[str, int]] = []

    def reach(host: str, port: int, *, trust: object) -> Reached:
        looked.append((host, port))
        return Reached(host, port, "no answer", "connection")

    monkeypatch.setattr(backend_checks, "reach", reach)
    return looked


@pytest.mark.parametrize(
    ("endpoint", "protocol", "port"),
    [
        ("http://collector", "http/protobuf", 80),
        ("https://collector", "http/protobuf", 443),
        ("http://collector", "grpc", 4317),
        ("https://collector", "grpc", 443),
        ("collector", "grpc", 443),
    ],
)
def test_an_address_without_a_port_is_looked_for_at_that_of_its_protocol(
    endpoint: str, protocol: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = reached_at(monkeypatch)
    settings = Settings(otlp=OtlpSettings(endpoint=endpoint, protocol=protocol))  # type: ignore[arg-type]
    assert otlp_options(settings).target_of("traces") == endpoint
    (found,) = backend_checks.delivery(settings, "traces")
    assert found.verdict is Verdict.FAILURE
    assert [each for _, each in looked] == [port]


@pytest.mark.parametrize(("proxy", "port"), [("http://proxy", 80), ("socks5h://proxy", 1080)])
def test_a_proxy_without_a_port_is_looked_for_at_that_of_its_kind(
    proxy: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = reached_at(monkeypatch)
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("http_proxy", proxy)
    list(backend_checks.delivery(Settings(otlp=OtlpSettings(endpoint="http://collector:4318")), "metrics"))
    assert looked == [("proxy", port)]


def test_a_data_folder_that_does_not_exist_is_neither_readable_nor_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    (found,) = opencode_checks.folders(Settings(state_dir=tmp_path / "state"))
    assert found.verdict is Verdict.SKIPPED
    assert found.seen == f"{tmp_path}/opencode does not exist"
    (tmp_path / "opencode").mkdir()
    (found,) = opencode_checks.folders(Settings(state_dir=tmp_path / "state"))
    assert found.verdict is Verdict.OK
    assert found.seen == f"{tmp_path}/opencode can be read"


def test_a_data_folder_has_to_be_listed_and_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system is asked for both: a folder that may only be listed shows names, and none of what is in it."""
    asked: list[int] = []

    def access(path: object, mode: int) -> bool:
        asked.append(mode)
        return mode == os.R_OK

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    (tmp_path / "opencode").mkdir()
    monkeypatch.setattr(os, "access", access)
    (found,) = opencode_checks.folders(Settings(state_dir=tmp_path / "state"))
    assert asked == [os.R_OK | os.X_OK, os.X_OK]
    assert found.verdict is Verdict.FAILURE


@pytest.mark.parametrize(
    ("free", "verdict"),
    [
        (49_999_999, Verdict.FAILURE),
        (50_000_000, Verdict.WARNING),
        (499_999_999, Verdict.WARNING),
        (500_000_000, Verdict.OK),
    ],
)
def test_the_room_on_the_disk_decides(
    free: int, verdict: Verdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    (found,) = agent_checks.disk(Settings(state_dir=tmp_path / "not" / "there"))
    assert found.verdict is verdict


def test_a_store_in_which_no_model_ever_answered_is_a_warning(shell: Shell, receiver: OtlpReceiver) -> None:
    """Either that is so, or this version does not know how OpenCode calls an answer now."""
    database, of_today = Database(shell.data_dir / "opencode.db").create(), session()
    question = prompt(of_today)
    database.put(of_today.project, of_today, question)
    found = examined(shell, 0, **towards(receiver))
    assert "no answer of a model among them" in one(found, "store", "warning")["seen"]
    database.put(message(of_today, Tokens(1)))
    assert one(examined(shell, 0, **towards(receiver)), "store", "ok")


def test_a_check_that_cannot_be_made_ends_no_other(shell: Shell, receiver: OtlpReceiver) -> None:
    """The ledger cannot be asked for the releases, and the backend is examined all the same."""
    shell.state_dir.mkdir(parents=True, mode=0o700)
    (shell.state_dir / "ledger.db").write_bytes(b"no database at all" * 100)
    found = examined(shell, 1, **towards(receiver))
    assert "because the ledger cannot be read" in one(found, "OpenCode releases", "skipped")["seen"]
    assert of(found, "disk"), "it comes after that in the same thread"
    assert one(found, "traces", "ok")
    assert one(found, "metrics", "ok")


def test_a_message_of_a_minute_ahead_is_no_message_from_the_future(shell: Shell, receiver: OtlpReceiver) -> None:
    """Two clocks never agree to the second."""
    tree = JsonTree(shell.data_dir)
    tree.put_turn(message(session(), Tokens(1), round(time.time() * 1000) + 20_000))
    shell.run("run", "--once", **towards(receiver))
    clocks = [each for each in of(examined(shell, 0, **towards(receiver)), "clock") if "message" in each["seen"]]
    assert clocks == []


def test_status_says_if_one_of_two_signals_is_not_delivered(shell: Shell, receiver: OtlpReceiver) -> None:
    """Monitoring reads the exit code: 3, while an agent runs."""
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(7)))
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        nothing = f"http://127.0.0.1:{held.getsockname()[1]}/v1/metrics"
        with shell.start("run", **towards(receiver), OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=nothing) as running:
            try:
                receiver.wait_for(lambda arrived: arrived.chats(), 60)
                eventually(lambda: is_delivered(shell), {"metrics": False, "traces": True})
                run = shell.run("status", "--json")
            finally:
                running.terminate()
                running.communicate(timeout=60)
    assert run.returncode == 3, run.stdout


def is_delivered(shell: Shell) -> dict[str, bool]:
    deliveries = json.loads(shell.run("status", "--json").stdout)["deliveries"]
    return {each["signal"]: each["failing_ms"] is None for each in deliveries}
