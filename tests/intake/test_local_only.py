"""Whoever only looks at summaries keeps no spans for a backend, and loses nothing if there is one later."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from otel_agent.ledger.queries import open_to_read
from otel_agent.settings import OtlpSettings, Settings
from otel_agent.settings.backend import keeps_everything_here, names_backend
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.paths import STORES
from tests.support.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    shutil.copytree(STORES / "sqlite-1.18.33-fork" / "opencode", shell.data_dir)
    return shell


def pending(shell: Shell) -> int:
    with open_to_read(shell.state_dir) as ledger:
        assert ledger is not None
        return ledger.pending()


def test_nothing_is_pending_if_nobody_chose_a_backend(shell: Shell) -> None:
    shell.output("summary")
    assert pending(shell) == 0
    status = json.loads(shell.run("status", "--json").stdout)
    assert (status["spans_owed"], status["backend"]) == (0, "")
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(7)))
    shell.output("summary")
    assert pending(shell) == 0


def test_a_backend_that_is_chosen_later_gets_every_total_and_the_span_of_each_model_call_and_turn(
    shell: Shell, receiver: OtlpReceiver
) -> None:
    """The same as if the agent had been the first to count: only spans of tool calls are missing."""
    towards = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
    shell.output("summary")
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(7)))
    assert shell.run("run", "--once", **towards).returncode == 0
    assert pending(shell) == 0
    with OtlpReceiver() as second:
        other = Shell(shell.home / "other")
        other.home.mkdir()
        shutil.copytree(shell.data_dir, other.data_dir)
        assert other.run("run", "--once", OTEL_EXPORTER_OTLP_ENDPOINT=second.endpoint).returncode == 0
        assert sorted(each.span_id for each in receiver.chats()) == sorted(each.span_id for each in second.chats())
        assert {each.name for each in receiver.spans()} == {
            each.name for each in second.spans() if not each.name.startswith("execute_tool")
        }
        assert receiver.total("opencode.message.count") == second.total("opencode.message.count") == 16
    before = len(receiver.chats())
    shell.output("summary")
    assert shell.run("run", "--once", **towards).returncode == 0
    assert len(receiver.chats()) == before, "nothing is sent twice"


def test_what_an_agent_could_not_deliver_yet_is_kept_by_a_summary_without_its_address(shell: Shell) -> None:
    """The service knows the address from a file of its own, and the shell of a person does not."""
    assert shell.run("run", "--once", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9").returncode == 3
    kept = pending(shell)
    assert kept > 0
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(7)))
    shell.output("summary", OTEL_TRACES_EXPORTER="none")
    assert pending(shell) > kept


def test_local_only_forgets_what_was_pending(shell: Shell) -> None:
    assert shell.run("run", "--once", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9").returncode == 3
    assert pending(shell) > 0
    shell.output("summary", OTEL_AGENT_EXPORTER="none")
    assert pending(shell) == 0


@pytest.mark.parametrize(
    ("settings", "environ", "named"),
    [
        (Settings(), {}, False),
        (Settings(), {"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        (Settings(), {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, True),
        (Settings(), {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x"}, True),
        (Settings(otlp=OtlpSettings(endpoint="http://x")), {}, True),
        (Settings(exporter="file"), {}, True),
        (Settings(traces_exporter="console"), {}, True),
        (Settings(exporter="none"), {}, False),
    ],
)
def test_an_address_or_an_exporter_without_one_names_a_backend(
    settings: Settings, environ: dict[str, str], named: bool
) -> None:
    assert names_backend(settings, environ) is named


def test_only_a_setting_of_ours_keeps_everything_here() -> None:
    assert keeps_everything_here(Settings(exporter="none"))
    assert not keeps_everything_here(Settings())
    assert not keeps_everything_here(Settings(exporter="none", traces_exporter="otlp"))
    assert not keeps_everything_here(Settings(traces_exporter="none", metrics_exporter="none"))
