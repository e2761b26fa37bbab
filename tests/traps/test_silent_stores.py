"""A store that hangs in the kernel holds up nothing else. It has a name, and is read once it answers."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from otel_agent import semconv
from otel_agent.doctor import opencode_checks
from otel_agent.doctor.status import status_of
from otel_agent.intake.ingest import Ingest
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.writer import Ledger
from otel_agent.model import ProblemKind
from otel_agent.opencode import answering
from otel_agent.opencode.locations import StoreLocations, find_stores
from otel_agent.settings import Settings
from tests.intake.ingests import RULES, Clock
from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.dead_mount import dead_mount, opening_hangs
from tests.support.made_stores import Database, JsonTree, Tokens, message, session
from tests.support.made_stores.database import DatabaseV2
from tests.support.records import T0, total
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="leases and FUSE are Linux's")

FIRST = message(session(T0), Tokens(1200, 80, 20, 400, 10), T0, completed=T0 + 4_000)
SECOND = message(session(T0, counter=7), Tokens(9), T0 + 9_000, counter=3, completed=T0 + 9_500)
SHORT_S = 0.2


@dataclass
class Here:
    """Two data folders, and the passes of an agent over both."""

    good: Path
    bad: Path
    state: Path
    ledger: Ledger
    ingest: Ingest

    @property
    def settings(self) -> Settings:
        return Settings(state_dir=self.state, data_dirs=(self.good, self.bad), discover_stores=False)

    def look(self) -> int:
        self.ingest.run()
        return total(self.ledger, semconv.MESSAGE_COUNT)

    def silent(self) -> list[str]:
        # Nothing may look into the folder here: it hangs.
        noted = self.ledger.problems.files_and_folders()
        return [each.place for each in noted if each.kind is ProblemKind.SILENT]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    monkeypatch.setattr(answering, "PATIENCE_SECONDS", SHORT_S)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "none"))
    good, bad, state = tmp_path / "good", tmp_path / "bad", tmp_path / "state"
    good.mkdir()
    bad.mkdir()
    ledger = open_ledger(state, now_ns=T0 * 1_000_000, backfill_from_ms=0)
    places = StoreLocations((good, bad), ())
    ingest = Ingest(ledger, lambda: find_stores(places), RULES, now_ns=Clock(T0 + 60_000))
    yield Here(good, bad, state, ledger, ingest)
    ingest.close()
    ledger.close()


def test_a_database_whose_opening_hangs_holds_up_no_other_and_is_read_later(here: Here) -> None:
    JsonTree(here.good).put_turn(FIRST)
    database = Database(here.bad / "opencode.db").create()
    database.put_turn(SECOND)
    here.ingest.readings.seconds = SHORT_S
    with opening_hangs(database.path) as release:
        assert here.look() == 1
        assert here.silent() == [str(database.path)]
        assert here.ingest.readings.silent == {str(database.path)}
        threads = threading.active_count()
        assert [here.look() for _ in range(3)] == [1, 1, 1]
        assert threading.active_count() == threads, "a store that hangs costs one thread, however often it is tried"
        release()
        eventually(here.look, 2)
    eventually(lambda: here.look() == 2 and not here.silent(), True)


def test_what_a_store_said_before_it_hung_is_not_lost(here: Here) -> None:
    """The reader hangs between two of its batches, and goes on with the next one."""
    JsonTree(here.good).put_turn(FIRST)
    tree = JsonTree(here.bad)
    tree.put_turn(SECOND)
    here.ingest.readings.seconds = SHORT_S
    gate = threading.Event()
    from otel_agent.opencode.json_tree import folder  # noqa: PLC0415 - only here a seam is needed

    read = folder.Folder.finish

    def hang(self: folder.Folder, batch: object) -> None:
        if str(here.bad) in str(self._path):
            gate.wait()
        read(self, batch)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(folder.Folder, "finish", hang)
        here.look()
        assert here.ingest.readings.silent == {str(tree.path(SECOND).parent.parent)}
        gate.set()
        eventually(here.look, 2)
    eventually(lambda: here.look() == 2 and not here.ingest.readings.silent, True)


def test_a_dead_mount_is_named_by_status_and_doctor_and_read_once_it_answers(here: Here) -> None:
    JsonTree(here.good).put_turn(FIRST)
    DatabaseV2(here.bad / "opencode.db").create().put_turn(SECOND)
    try:
        mount = dead_mount(here.bad)
        take_away = mount.__enter__()
    except OSError as error:
        pytest.skip(str(error))
    try:
        assert here.look() == 1
        assert here.silent() == [str(here.bad)]
        status = status_of(here.settings, datetime.now(UTC))
        assert status.silent == (str(here.bad),)
        found = [each for each in opencode_checks.folders(here.settings) if str(here.bad) in each.seen]
        assert [each.seen.partition(" does not answer")[1] for each in found] == [" does not answer"]
        take_away()
        eventually(here.look, 2)
        eventually(lambda: not here.silent(), True)
    finally:
        mount.__exit__(None, None, None)


def test_a_store_that_hangs_delays_no_delivery_of_a_running_agent(
    agent: Agent, tree: JsonTree, arrived: Arrived
) -> None:
    tree.put_turn(FIRST)
    database = Database(agent.data_dir / "opencode.db").create()
    database.put_turn(SECOND)
    slow = {"OTEL_METRIC_EXPORT_INTERVAL": "500"}
    with opening_hangs(database.path) as release, agent.process("run", **slow) as process:
        eventually(lambda: arrived.messages() > 0, True)
        eventually(lambda: agent.command("status").returncode, 4, why_not=lambda: agent.command("status").stdout)
        assert str(database.path) in agent.command("status", COLUMNS="300").stdout
        release()
        eventually(lambda: agent.command("status").returncode, 0, why_not=lambda: agent.command("status").stdout)
        eventually(arrived.messages, 2)
        assert process.stop().stderr.count("does not answer") == 1
