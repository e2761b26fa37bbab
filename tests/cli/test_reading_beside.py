"""Whoever asks while another process reads a long history sees that, and how far it is."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from otel_agent.ledger.hold import Hold
from tests.support.agent import Agent, Process, Run
from tests.support.made_stores import T0, Database, JsonTree, Message, Tokens, message, session

FILES, ROWS = 36, 64
"""Messages in the tree, which is read first, and in the database."""
STOP_AT = """
import os, signal
from otel_agent.intake.pass_progress import Progress
after_batch = Progress.after_batch
def stopped(self):
    after_batch(self)
    if self._outcome.looked_at == {looked_at} and self._outcome.messages:  # written, and not only read
        Progress.after_batch = after_batch  # a later pass may look at as many young files again
        os.kill(os.getpid(), signal.SIGSTOP)
Progress.after_batch = stopped
"""
"""The process stops itself once so much is written, until somebody sends it SIGCONT."""
STILL = "Still reading history: 36 %; totals are incomplete."
STOPPED = (
    "Reading history stopped at 36 %; totals are incomplete. `otel-agent summary` or `otel-agent run` continues it."
)
EVERYTHING = ("summary", "models", "--range", "all")


def calls(first: int, end: int) -> list[Message]:
    of = session()
    return [message(of, Tokens(input=1_000), T0 + number * 60_000, number) for number in range(first, end)]


@pytest.fixture
def agent(agent: Agent) -> Agent:
    JsonTree(agent.data_dir).put_turn(*calls(0, FILES))
    Database(agent.data_dir / "opencode.db").create().put_turn(*calls(FILES, FILES + ROWS))
    return agent


@pytest.fixture
def asker(agent: Agent, tmp_path: Path) -> Agent:
    """Return another terminal on the same machine."""
    home = tmp_path / "asker"
    home.mkdir()
    same = {"XDG_DATA_HOME": str(agent.data_dir.parent), "OTEL_AGENT_STATE_DIR": str(agent.state_dir)}
    return Agent(home, agent.endpoint, extra=same)


@contextmanager
def stopped(agent: Agent, *command: str, at: int = 36) -> Iterator[Process]:
    """Yield a process that has looked at so many of 100 messages, and stopped."""
    with agent.process(*command, prelude=STOP_AT.format(looked_at=at)) as process:
        # Returns when the process has stopped, or has ended without: no time is waited for.
        ended = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert ended is not None
        assert ended.si_status == signal.SIGSTOP, process.log
        yield process


def asked(asker: Agent, *command: str, code: int = 0) -> Run:
    run = asker.command(*command)
    assert run.returncode == code, run.stderr
    return run


def as_json(asker: Agent, *command: str, code: int = 0) -> Any:
    return json.loads(asked(asker, *command, "--json", code=code).stdout)


def history_of(found: list[dict[str, str]]) -> dict[str, str]:
    (match,) = [each for each in found if each["link"] == "history"]
    return match


@pytest.mark.parametrize("reader", [("run",), ("run", "--once"), EVERYTHING], ids=["run", "run --once", "summary"])
def test_json_says_how_far_the_reading_is_and_when_it_has_ended(
    reader: tuple[str, ...], agent: Agent, asker: Agent
) -> None:
    with stopped(agent, *reader) as process:
        found = as_json(asker, *EVERYTHING)
        assert found["complete"] is False
        assert found["reading"] == {"looked_at": 36, "found": 100, "percent": 36, "stopped": False}
        assert found["totals"]["messages"] == 36
        assert found["totals"]["tokens"]["total"] == 36_000
        process.send(signal.SIGCONT)
        if reader == ("run",):
            process.wait_for_log("counted 100 messages in 2 stores")
            process.stop()
        else:
            assert process.wait().returncode == 0
    found = as_json(asker, *EVERYTHING)
    assert found["complete"] is True
    assert found["reading"] is None
    assert found["totals"]["tokens"]["total"] == 100_000


def test_every_form_says_that_the_reading_goes_on(agent: Agent, asker: Agent, tmp_path: Path) -> None:
    with stopped(agent, "run"):
        table = asked(asker, *EVERYTHING).stdout.splitlines()
        assert table[0] == STILL
        assert table[-3:][0].startswith("Total so far"), table
        assert not [line for line in table if line.startswith("Total  ")]
        overview = asked(asker, "summary", "--range", "all").stdout.splitlines()
        assert overview[0] == STILL
        assert len([line for line in overview if line.startswith("Total so far")]) == 2
        assert not [line for line in overview if line.startswith("Total  ")]
        markdown = asked(asker, *EVERYTHING, "--format", "markdown").stdout.splitlines()
        assert markdown[:3] == ["## Tokens by model, all time", "", f"**{STILL}**"]
        assert [line for line in markdown if line.startswith("| **Total so far** |")]
        as_csv = asked(asker, *EVERYTHING, "--format", "csv")
        assert as_csv.stderr == f"Warning: {STILL}\n"
        assert [row["total"] for row in csv.DictReader(io.StringIO(as_csv.stdout))] == ["36000"]
        for form in ("html", "svg"):
            page = tmp_path / f"page.{form}"
            asked(asker, *EVERYTHING, "-o", str(page))
            assert STILL in page.read_text().replace("&#160;", " ")
        for view in ("sessions", "projects", "agents", "timeline"):
            assert asked(asker, "summary", view).stdout.startswith(f"{STILL}\n")


def test_status_and_doctor_say_that_the_reading_goes_on(agent: Agent, asker: Agent) -> None:
    with stopped(agent, "run") as process:
        assert STILL in " ".join(asked(asker, "status").stdout.split())
        found = as_json(asker, "status")
        assert (found["complete"], found["ok"]) == (False, True)
        assert found["reading"] == {"looked_at": 36, "found": 100, "percent": 36, "stopped": False}
        history = history_of(as_json(asker, "doctor"))
        assert history["verdict"] == "warning"
        assert history["seen"] == "36 files or rows of about 100 were read (36 %)"
        assert history["advice"] == f"Process {process.pid} reads on: wait for it."


def test_a_proof_says_that_it_compares_with_a_part(agent: Agent, asker: Agent) -> None:
    with stopped(agent, "run"):
        run = asker.command("verify", "--json")
        found = json.loads(run.stdout)
        assert (found["complete"], found["reading"]["percent"]) == (False, 36)
        assert found["ledger"]["messages"] == 36
        assert "reading_stopped" not in found
        assert asker.command("verify").stdout.startswith(f"{STILL}\n")


def test_a_table_of_nothing_does_not_say_that_there_is_nothing(agent: Agent, asker: Agent) -> None:
    """Another process has the ledger, and has not written its first batch."""
    agent.state_dir.mkdir(parents=True)
    hold = Hold(agent.state_dir)
    try:
        printed = asked(asker, *EVERYTHING).stdout
        found = as_json(asker, *EVERYTHING)
    finally:
        hold.release()
    assert printed.splitlines()[0] == "Still reading history; totals are incomplete."
    assert "No completed messages match so far." in printed
    assert (found["complete"], found["reading"]["found"]) == (False, 0)


def test_a_machine_on_which_nothing_was_read_says_so(agent: Agent, asker: Agent) -> None:
    status = " ".join(asked(asker, "status", code=5).stdout.split())
    assert (
        "History was not read yet; totals are incomplete. `otel-agent summary` or `otel-agent run` reads it." in status
    )
    found = as_json(asker, "status", code=5)
    assert found["reading"] == {"looked_at": 0, "found": 0, "percent": 0, "stopped": True}
    assert not agent.state_dir.exists()


def test_a_reading_that_was_killed_is_named_until_the_next_process_ends_it(agent: Agent, asker: Agent) -> None:
    with stopped(agent, *EVERYTHING) as process:
        process.stop(signal.SIGKILL)
    assert STOPPED in " ".join(asked(asker, "status", code=5).stdout.split())
    found = as_json(asker, "status", code=5)
    assert found["complete"] is False
    assert found["reading"] == {"looked_at": 36, "found": 100, "percent": 36, "stopped": True}
    advice = "`otel-agent summary` or `otel-agent run` continues the reading."
    assert history_of(as_json(asker, "doctor"))["advice"] == advice
    found = as_json(asker, *EVERYTHING)
    assert (found["complete"], found["totals"]["tokens"]["total"]) == (True, 100_000)
    found = as_json(asker, "status", code=5)
    assert (found["complete"], found["reading"]) == (True, None)
    assert "history" not in asked(asker, "status", code=5).stdout
    history = history_of(as_json(asker, "doctor"))
    assert (history["verdict"], history["advice"]) == ("ok", "")


def test_a_process_that_goes_on_counts_on_from_where_the_killed_one_was(agent: Agent, asker: Agent) -> None:
    """Totals are incomplete up to the end of the pass, even if everything was looked at."""
    for path in (agent.data_dir / "storage").rglob("*"):
        os.utime(path, (T0 / 1_000, T0 / 1_000))
    with stopped(agent, *EVERYTHING) as process:
        process.stop(signal.SIGKILL)
    with stopped(agent, *EVERYTHING, at=100) as process:
        found = as_json(asker, *EVERYTHING)
        assert (found["complete"], found["totals"]["messages"]) == (False, 100)
        assert found["reading"] == {"looked_at": 100, "found": 100, "percent": 99, "stopped": False}
        process.stop(signal.SIGKILL)
    assert as_json(asker, *EVERYTHING)["complete"] is True
