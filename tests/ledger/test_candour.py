"""While the ledger cannot be written, `status` and `doctor` say so; links lead none of our writes elsewhere."""

from __future__ import annotations

import json
import os
import resource
import stat
import threading
from pathlib import Path

import pytest

from otel_agent.errors import LedgerError
from otel_agent.ledger.hold import CannotWrite, Hold, Holder, held_by
from otel_agent.ledger.writer import Ledger
from tests.support.agent import Agent
from tests.support.ledger_files import WINDOWS, assert_exact, write_messages
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.records import call, enter
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(WINDOWS, reason="limits, modes and links are POSIX")
BRISK = {
    "OTEL_AGENT_RESCAN_INTERVAL_SECONDS": "0.05",
    "OTEL_AGENT_METRIC_EXPORT_INTERVAL_SECONDS": "0.1",
    "OTEL_AGENT_SWEEP_INTERVAL_SECONDS": "1",
}
CANNOT_COUNT = 4
FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, resource.RLIM_INFINITY))"


def status_code(agent: Agent) -> int:
    return agent.command("status").returncode


def test_a_full_disk_is_a_state_as_long_as_it_lasts(agent: Agent, receiver: OtlpReceiver) -> None:
    """No file may grow beyond what the ledger has. The limit is raised from outside, as if somebody freed some space."""
    write_messages(agent, 5)
    agent.once()
    limit = (agent.state_dir / "ledger.db").stat().st_size + 60_000
    with agent.process("run", prelude=FULL.format(limit), **BRISK) as run:
        eventually(lambda: status_code(agent), 0)
        write_messages(agent, 3_000, 5)
        eventually(lambda: status_code(agent), CANNOT_COUNT, why_not=lambda: run.log)
        found = agent.command("status")
        assert "nothing can be counted for" in found.stdout
        trouble = json.loads(agent.command("status", "--json").stdout)["running"]["trouble"]
        assert trouble["waiting"] >= 1
        assert trouble["reason"]
        doctor = json.loads(agent.command("doctor", "--json").stdout)
        assert [each["verdict"] for each in doctor if each["link"] == "counting"] == ["failure"]
        # Passes that write nothing do not make it look mended.
        assert status_code(agent) == CANNOT_COUNT
        resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        eventually(lambda: status_code(agent), 0, why_not=lambda: run.log)
        run.stop()
    agent.once()
    assert_exact(receiver, 3_005)


def test_the_note_of_a_trouble_needs_no_room(tmp_path: Path) -> None:
    hold = Hold(tmp_path)
    before = (tmp_path / "holder.json").stat()
    hold.note_trouble('disk "full" \N{SNOWMAN}' + "x" * 5_000, 7)
    after = (tmp_path / "holder.json").stat()
    assert (after.st_size, after.st_blocks, after.st_ino) == (before.st_size, before.st_blocks, before.st_ino)
    holder = held_by(tmp_path)
    assert holder is not None
    assert holder.trouble is not None
    assert holder.trouble.waiting == 7
    assert holder.trouble.reason.startswith('disk "full" ?')
    hold.note_written(everything=False)
    assert getattr(held_by(tmp_path), "trouble", None) is not None, "the messages still wait"
    hold.note_written(everything=True)
    assert getattr(held_by(tmp_path), "trouble", "none") is None
    hold.release()
    assert held_by(tmp_path) is None


def test_a_pipe_in_the_place_of_the_note_holds_nobody_up(tmp_path: Path) -> None:
    """`status` reads the note, and nobody ever writes into that pipe."""
    hold = Hold(tmp_path)
    note = tmp_path / "holder.json"
    note.unlink()
    os.mkfifo(note)
    found: list[Holder | None] = []
    asking = threading.Thread(target=lambda: found.append(held_by(tmp_path)), daemon=True)
    asking.start()
    asking.join(20)
    assert found == [Holder(0, "")], "somebody writes the ledger, and it is not known who"
    hold.release()


def test_the_same_trouble_keeps_its_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = Hold(tmp_path)
    for now_ms, reason in ((1_000, "no room"), (2_000, "still no room")):
        monkeypatch.setattr("otel_agent.ledger.hold.time.time_ns", lambda now_ms=now_ms: now_ms * 1_000_000)
        hold.note_trouble(reason)
    monkeypatch.undo()
    holder = held_by(tmp_path)
    assert holder is not None
    assert holder.trouble == CannotWrite("still no room", 1_000)
    hold.release()


def test_a_transaction_that_fails_is_noted_and_one_that_works_ends_it(ledger: Ledger, tmp_path: Path) -> None:
    def fail() -> None:
        with ledger.transaction():
            ledger.messages.record([call(0), call(1)], [], count_from_ms=0)
            raise LedgerError("no room")

    with pytest.raises(LedgerError, match="no room"):
        fail()
    with ledger.transaction():
        ledger.note_sweep(1)  # a nearly full disk has room for this
    holder = held_by(tmp_path / "state")
    assert holder is not None
    assert holder.trouble is not None
    assert (holder.trouble.reason, holder.trouble.waiting) == ("no room", 2)
    enter(ledger, call(0), call(1))
    ledger.note_all_read()
    holder = held_by(tmp_path / "state")
    assert holder is not None
    assert holder.trouble is None


@pytest.mark.parametrize("name", ["traces.jsonl", "metrics.jsonl"])
def test_an_export_file_that_is_a_link_is_not_followed(agent: Agent, name: str) -> None:
    write_messages(agent, 1)
    (agent.state_dir / "export").mkdir(parents=True)
    theirs = agent.home / "theirs"
    theirs.write_text("mine")
    (agent.state_dir / "export" / name).symlink_to(theirs)
    run = agent.attempt(OTEL_AGENT_TRACES_EXPORTER="file", OTEL_AGENT_METRICS_EXPORTER="file")
    assert run.returncode == 3
    assert "it is a link, which is not followed" in run.stderr
    assert theirs.read_text() == "mine"


def test_an_export_file_that_is_a_pipe_does_not_hold_the_agent_up(agent: Agent) -> None:
    write_messages(agent, 1)
    (agent.state_dir / "export").mkdir(parents=True)
    os.mkfifo(agent.state_dir / "export" / "traces.jsonl")
    run = agent.attempt(OTEL_AGENT_TRACES_EXPORTER="file", OTEL_AGENT_METRICS_EXPORTER="file")
    assert run.returncode == 3
    assert "it is a pipe" in run.stderr


@pytest.mark.parametrize("existing", [False, True])
def test_a_report_is_for_its_owner_only(agent: Agent, existing: bool) -> None:
    write_messages(agent, 1)
    report = agent.home / "report.md"
    if existing:
        report.write_text("an older one")
        report.chmod(0o666)
    with agent.process("summary", "-o", str(report), prelude="import os; os.umask(0)") as run:
        assert run.wait().returncode == 0
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert report.read_text().startswith("#")
    assert [path.name for path in agent.home.iterdir() if path.name.startswith(".report")] == []


def test_a_report_replaces_a_link_and_leaves_what_it_leads_to(agent: Agent) -> None:
    write_messages(agent, 1)
    theirs, report = agent.home / "theirs", agent.home / "report.md"
    theirs.write_text("mine")
    report.symlink_to(theirs)
    assert agent.command("summary", "-o", str(report)).returncode == 0
    assert theirs.read_text() == "mine"
    assert not report.is_symlink()


def test_a_report_can_go_into_a_stream(agent: Agent) -> None:
    write_messages(agent, 1)
    run = agent.command("summary", "--format", "markdown", "-o", "/dev/stdout")
    assert run.returncode == 0
    assert run.stdout.startswith("#")
    assert Path("/dev/stdout").is_symlink()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_doctor_warns_of_a_ledger_that_others_may_read(agent: Agent, mode: int) -> None:
    write_messages(agent, 1)
    agent.once()
    (agent.state_dir / "ledger.db").chmod(mode)
    doctor = json.loads(agent.command("doctor", "--json").stdout)
    (warned,) = [each for each in doctor if each["link"] == "ledger" and each["verdict"] == "warning"]
    assert warned["seen"] == f"{agent.state_dir / 'ledger.db'} can be read by others"
    assert warned["advice"] == f"chmod go= {agent.state_dir / 'ledger.db'}"
