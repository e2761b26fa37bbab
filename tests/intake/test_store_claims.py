"""Two agents with ledgers of their own that read one store: each notices the other, and no third is suspected."""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.intake.store_claims import SharedStore, StoreClaims, shared_stores
from otel_agent.settings import Settings
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.paths import ROOT
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


class Box:
    """A process beside this one that numbers its processes itself, as in a container with the network of its host."""

    PROGRAM = """
import sys
from pathlib import Path
from otel_agent.intake.store_claims import SharedStore, StoreClaims, shared_stores
from otel_agent.settings import Settings
store, state = sys.argv[1:]
claims = StoreClaims(Settings(state_dir=Path(state)))
claims.renew([store])
print([each.pid for each in shared_stores([store], Path(state))], flush=True)
sys.stdin.read()
"""

    def __init__(self, store: Path, state: Path, *before: str) -> None:
        inside = shlex.join([sys.executable, "-c", self.PROGRAM, str(store), str(state)])
        self._process = subprocess.Popen(
            [*OWN_PIDS, "sh", "-c", " && ".join(["hostname box-1", *before, f"exec {inside}"])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self._process.stdout is not None
        self.seen = self._process.stdout.readline().strip()

    def close(self) -> None:
        self._process.communicate()


OWN_PIDS = ("unshare", "--pid", "--fork", "--mount-proc", "--uts")
needs_namespaces = pytest.mark.skipif(
    subprocess.run([*OWN_PIDS, "true"], capture_output=True, check=False).returncode != 0
    if shutil.which("unshare")
    else True,
    reason="this user may not make namespaces",
)


@needs_namespaces
def test_an_agent_that_numbers_its_processes_itself_is_named_so_that_it_can_be_found(tmp_path: Path) -> None:
    """Its process 1 is somebody else outside."""
    (tmp_path / "one").mkdir()
    with (
        closing(StoreClaims(Settings(state_dir=tmp_path / "one"))) as claims,
        closing(Box(tmp_path, tmp_path / "two")),
    ):
        claims.renew([str(tmp_path)])
        (shared,) = shared_stores([str(tmp_path)], tmp_path / "one")
        assert (shared.pid, shared.host) == (1, "box-1")
        assert shared.pid_namespace not in (0, Path("/proc/self/ns/pid").stat().st_ino)
        assert f"`lsns -t pid` lists its PID namespace as {shared.pid_namespace}." in str(shared)
        assert "Its host name is box-1." in str(shared)
        with closing(Box(tmp_path, tmp_path / "three")) as other:
            assert sorted(json.loads(other.seen)) == [1, os.getpid()]


@needs_namespaces
@pytest.mark.parametrize("mounted", [False, True], ids=["the same folder", "another folder at its path"])
def test_a_path_in_a_container_is_the_same_ledger_only_if_it_is_the_same_folder(tmp_path: Path, mounted: bool) -> None:
    state = tmp_path / "state"
    state.mkdir()
    before = [f"mount -t tmpfs none {state}"] if mounted else []
    with closing(Box(tmp_path, state, *before)):
        assert len(shared_stores([str(tmp_path)], state)) == mounted


def test_a_claim_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    found = tmp_path.stat()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as earlier:
        earlier.bind(f"\0otel-agent-store-{found.st_dev}-{found.st_ino}-7-77-{'0' * 16}")
        (shared,) = shared_stores([str(tmp_path)], tmp_path / "state")
    assert shared == SharedStore(str(tmp_path), 77, 7)
    assert "PID namespace" not in str(shared)


def test_a_host_name_of_any_length_or_form_leaves_a_claim_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "büro 1\n" + "x" * 200)
    with closing(StoreClaims(Settings(state_dir=tmp_path / "one"))) as claims:
        claims.renew([str(tmp_path)])
        (shared,) = shared_stores([str(tmp_path)], tmp_path / "two")
    assert shared.pid == os.getpid()


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
