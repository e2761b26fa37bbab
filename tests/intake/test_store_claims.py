"""Two agents with ledgers of their own that read one store: each notices the other, and no third is suspected."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.intake.store_claims import StoreClaims, shared_stores
from otel_agent.settings import Settings
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.shell import Shell

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has sockets with a name and no file")


def test_each_agent_logs_the_other_once_until_that_one_ends(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store, link = tmp_path / "storage", tmp_path / "link"
    store.mkdir()
    link.symlink_to(store)
    first, second = (Settings(state_dir=tmp_path / name) for name in ("one", "two"))
    with closing(StoreClaims(first)) as one:
        one.renew([str(store)])
        assert shared_stores([str(store)], first.state_dir) == []
        with closing(StoreClaims(second)) as two, caplog.at_level(logging.WARNING):
            two.renew([str(link)])
            one.renew([str(store)])
            one.renew([str(store)])
            (shared,) = shared_stores([str(store)], first.state_dir)
        assert [record.message.partition(" is read by another")[0] for record in caplog.records] == [
            str(link),
            str(store),
        ]
        assert "Let one of the two agents read it" in caplog.text
        assert shared.store == str(store)
        assert shared_stores([str(store)], first.state_dir) == []
    assert shared_stores([str(store)], second.state_dir) == []


def test_an_agent_that_exports_nothing_is_no_second_one(tmp_path: Path) -> None:
    with closing(StoreClaims(Settings(state_dir=tmp_path / "one", exporter="none"))) as claims:
        claims.renew([str(tmp_path)])
        assert shared_stores([str(tmp_path)], tmp_path / "two") == []


def test_a_store_that_is_gone_is_claimed_no_more(tmp_path: Path) -> None:
    with closing(StoreClaims(Settings(state_dir=tmp_path / "one"))) as claims:
        claims.renew([str(tmp_path), str(tmp_path / "nowhere")])
        assert len(shared_stores([str(tmp_path)], tmp_path / "two")) == 1
        claims.renew([])
        assert shared_stores([str(tmp_path)], tmp_path / "two") == []


def test_status_and_doctor_name_an_agent_that_reads_the_same_store_for_another_ledger(
    tmp_path: Path, receiver: OtlpReceiver
) -> None:
    shell = Shell(tmp_path)
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
    towards = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
    other = shell.start("run", OTEL_AGENT_STATE_DIR=str(tmp_path / "other"), **towards)
    try:
        receiver.wait_for(lambda each: each.total("opencode.token.usage") == 1, timeout=60)
        seen = f"is read by another otel-agent too (process {other.pid}"
        status = json.loads(shell.run("status", "--json", **towards).stdout)
        assert any(seen in warning for warning in status["warnings"])
        found = json.loads(shell.run("doctor", "--json", **towards).stdout)
        (warning,) = [each for each in found if seen in each["seen"]]
        assert (warning["link"], warning["verdict"]) == ("store", "warning")
        own = json.loads(shell.run("status", "--json", OTEL_AGENT_STATE_DIR=str(tmp_path / "other"), **towards).stdout)
        assert not any(seen in warning for warning in own["warnings"])
    finally:
        other.kill()
        other.communicate()
