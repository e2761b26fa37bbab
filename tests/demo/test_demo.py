"""`otel-agent demo` shows the main job with nothing else at hand, and leaves no trace."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.paths import PACKAGE, STORES
from tests.support.shell import Shell

DRAWN = Path(__file__).parent / "drawn"
NOBODY_LISTENS = "http://127.0.0.1:1"
KINDS = ("input", "output", "reasoning", "cache_read", "cache_write")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture(scope="module")
def sample() -> dict[str, Any]:
    """The recount of the store that the sample is a copy of."""
    found: dict[str, Any] = json.loads((STORES / "migrated-1.1.27-1.2.6" / "expected.json").read_text())
    return found


def counters(printed: str) -> dict[str, str]:
    """Return the column of totals, by metric."""
    return {row[1]: row[2] for row in re.finditer(r"^([a-z_]+(?:\.[a-z_]+)+) .* ([\d,.]+) *$", printed, re.MULTILINE)}


def assert_shows_the_sample(printed: str, sample: dict[str, Any]) -> None:
    assert "are made up" in " ".join(printed.split())
    found = counters(printed)
    assert found["opencode.token.usage"] == f"{sum(sample['tokens'].values()):,}"
    assert found["opencode.message.count"] == str(sample["messages"])
    assert found["opencode.session.count"] == str(len(sample["by"]["session"]))
    assert found["opencode.cost.usage"] == f"{sample['cost']:,.4f}"


def files(under: Path) -> set[Path]:
    return {path for path in under.rglob("*") if not path.is_dir()}


class TestSample:
    def test_the_totals_of_the_sample_are_those_recounted_by_hand(self, shell: Shell, sample: dict[str, Any]) -> None:
        printed = shell.output("demo")
        assert_shows_the_sample(printed, sample)
        for model, used in sample["by"]["model"].items():
            row = " +".join([re.escape(model.partition("/")[2]), *(f"{used[kind]:,}" for kind in KINDS)])
            assert re.search(rf"^{row} *$", printed, re.MULTILINE)

    def test_the_sample_is_the_store_that_was_recounted(self) -> None:
        """Only the parts are left out: no message of the store needs them."""
        original, packed = STORES / "migrated-1.1.27-1.2.6" / "opencode", sample_folder()
        assert (packed / "opencode.db").read_bytes() == (original / "opencode.db").read_bytes()
        messages = files(packed / "storage" / "message")
        assert len(messages) > 15
        for path in messages:
            assert path.read_bytes() == (original / path.relative_to(packed)).read_bytes()

    def test_the_sample_is_sent_over_http_on_the_loopback_interface_and_leaves_no_file_behind(
        self, shell: Shell
    ) -> None:
        printed = shell.output("demo")
        assert re.search(r"arrived in \d+ OTLP requests at http://127\.0\.0\.1:\d+$", printed, re.MULTILINE)
        assert files(shell.home) == set()
        assert list(shell.scratch.iterdir()) == []

    @pytest.mark.parametrize("columns", [80, 120])
    def test_the_demo_prints_these_lines(self, columns: int, shell: Shell) -> None:
        printed = shell.output("demo", COLUMNS=str(columns))
        printed = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", re.sub(r"in \d+\.\d s\.", "in 0.1 s.", printed))
        expected = (DRAWN / f"{columns}.txt").read_text(encoding="utf-8").splitlines()
        assert [line.rstrip() for line in printed.splitlines()] == expected
        assert max(map(len, expected)) <= columns


def sample_folder() -> Path:
    return PACKAGE / "demo" / "sample"


class TestOwnData:
    def test_data_of_this_machine_is_read_and_named(self, shell: Shell) -> None:
        JsonTree(shell.data_dir).put_turn(message(session(), Tokens(1, 2, 3, 4, 5)))
        before = files(shell.home)
        printed = shell.output("demo", COLUMNS="500")
        assert f"Reading what OpenCode left on this machine:\n  {shell.data_dir}/storage/message" in printed
        assert "made up" not in printed
        assert counters(printed)["opencode.token.usage"] == "15"
        assert files(shell.home) == before

    def test_the_sample_is_shown_if_there_are_no_messages_yet(self, shell: Shell, sample: dict[str, Any]) -> None:
        (shell.data_dir / "storage" / "message").mkdir(parents=True)
        assert_shows_the_sample(shell.output("demo"), sample)

    def test_pending_spans_stay_pending_after_a_demo(self, shell: Shell) -> None:
        JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
        shell.output("summary")
        shell.output("demo")
        with OtlpReceiver() as receiver:
            assert shell.run("run", "--once", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint).returncode == 0
        assert len(receiver.chats()) == 1

    def test_names_from_storage_cannot_control_the_terminal(self, shell: Shell) -> None:
        of = session()
        JsonTree(shell.data_dir).put_turn(
            message(of, Tokens(input=1), model="[bold]m[/bold]\x1b[31m", agent="\x1b]0;a")
        )
        printed = shell.output("demo", COLUMNS="200")
        assert "[bold]m[/bold]" in printed
        assert "\x1b" not in printed


OTHERS = {
    "addresses": {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": NOBODY_LISTENS,
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/nowhere.pem",
        "HTTP_PROXY": NOBODY_LISTENS,
        "http_proxy": NOBODY_LISTENS,
        "ALL_PROXY": NOBODY_LISTENS,
    },
    "how to send": {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": NOBODY_LISTENS,
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "0.000001",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION": "deflate",
    },
    "what to export": {"OTEL_AGENT_EXPORTER": "none", "OTEL_AGENT_BACKFILL": "none"},
    "what to export of one signal": {"OTEL_TRACES_EXPORTER": "none", "OTEL_AGENT_METRICS_EXPORTER": "console"},
    "nothing": {"OTEL_SDK_DISABLED": "true"},
    "names and places": {"OTEL_AGENT_GENAI_SEMCONV": "legacy", "OTEL_AGENT_STATE_DIR": "/dev/null/state"},
}
"""Variables that could lead the demo's own delivery elsewhere, on a machine without an endpoint for both signals.

No variable of a group can undo what another one of it does.
"""


class TestEnvironment:
    @pytest.mark.parametrize("about", OTHERS)
    def test_no_variable_leads_the_demo_to_another_receiver(
        self, about: str, shell: Shell, sample: dict[str, Any]
    ) -> None:
        printed = shell.output("demo", **OTHERS[about])
        assert_shows_the_sample(printed, sample)
        assert counters(printed)["gen_ai.client.inference.usage.input_tokens"] == "119,715"

    def test_an_agent_that_runs_does_not_disturb_the_demo(self, shell: Shell, sample: dict[str, Any]) -> None:
        agent = shell.start("run", OTEL_AGENT_EXPORTER="none")
        try:
            assert agent.stderr is not None
            assert "no OpenCode data yet" in agent.stderr.readline()
            assert_shows_the_sample(shell.output("demo"), sample)
        finally:
            agent.terminate()
            agent.communicate()


class TestConfigured:
    """If both signals have an endpoint, the demo delivers the user's own ledger there."""

    def variables(self, receiver: OtlpReceiver, how: str) -> dict[str, str]:
        if how == "general":
            return {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
        return {
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{receiver.endpoint}/v1/traces",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{receiver.endpoint}/v1/metrics",
        }

    @pytest.mark.parametrize("how", ["general", "by signal"])
    def test_the_demo_delivers_to_a_configured_endpoint(self, how: str, shell: Shell) -> None:
        JsonTree(shell.data_dir).put_turn(message(session(), Tokens(1, 2, 3, 4, 5)))
        with OtlpReceiver() as receiver:
            printed = shell.output("demo", **self.variables(receiver, how))
            again = shell.output("demo", **self.variables(receiver, how))
        assert printed.startswith("Counted 1 new assistant message in 1 store; delivered 2 spans")
        assert again.startswith("Counted 0 new assistant messages in 1 store; delivered 0 spans")
        assert receiver.total("opencode.token.usage") == 15
        assert len(receiver.chats()) == 1
        assert (shell.state_dir / "ledger.db").exists()

    def test_the_demo_delivers_to_the_endpoint_in_the_settings_file(self, shell: Shell) -> None:
        JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=7)))
        shell.config.parent.mkdir(parents=True)
        with OtlpReceiver() as receiver:
            shell.config.write_text(f"[otlp]\nendpoint = '{receiver.endpoint}'")
            shell.output("demo")
        assert receiver.total("opencode.token.usage") == 7

    def test_the_exit_code_is_3_if_nothing_answers_at_the_endpoint(self, shell: Shell) -> None:
        JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
        run = shell.run("demo", OTEL_EXPORTER_OTLP_ENDPOINT=NOBODY_LISTENS, OTEL_EXPORTER_OTLP_TIMEOUT="1000")
        assert run.returncode == 3
        assert run.stdout == ""
        assert run.stderr.startswith("otel-agent: not delivered: nothing answers there")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a pipe be made this small")
def test_ctrl_c_in_a_demo_leaves_no_file_behind(shell: Shell) -> None:
    """The pipe to the screen is full after the first line: the demo waits there, with its temporary folder made."""
    screen, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
    os.write(theirs, bytes(4096 - 100))
    shell.scratch.mkdir()
    demo = subprocess.Popen(
        shell.command("demo"), env=shell.environment(), stdout=theirs, stderr=subprocess.PIPE, text=True
    )
    os.close(theirs)
    try:
        wait_for(shell.scratch)
        demo.send_signal(signal.SIGINT)
        with os.fdopen(screen, "rb") as drained:
            drained.read()
        _, errors = demo.communicate(timeout=20)
    finally:
        demo.kill()
    assert errors == ""
    assert demo.returncode == 130
    assert list(shell.scratch.iterdir()) == []


def wait_for(folder: Path) -> None:
    """Wait until there is something in the folder."""
    pause, until = threading.Event(), time.monotonic() + 20
    while not any(folder.iterdir()):
        assert time.monotonic() < until
        pause.wait(0.01)


def test_two_demos_run_beside_each_other(shell: Shell, sample: dict[str, Any]) -> None:
    demos = [shell.start("demo") for _ in range(2)]
    for each in demos:
        printed, errors = each.communicate(timeout=60)
        assert errors == ""
        assert each.returncode == 0
        assert_shows_the_sample(printed, sample)
    shutil.rmtree(shell.scratch)
