"""`record_again.py` as a program: its arguments, how it writes labels, what it does if something fails or interrupts it."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.prometheus.record_again import Windows, as_openmetrics, in_milliseconds
from tests.support.waiting import eventually
from tests.team.support.recording import SCRIPT, run
from tests.team.support.scripted_prometheus import ScriptedPrometheus, data_folder, making_blocks, promtool

START, END = "1000000", "1007200"
"""Two hours."""
NOON_MS = 1_795_521_600_000
"""2026-11-24T12:00Z."""


@pytest.fixture
def prometheus() -> Iterator[ScriptedPrometheus]:
    """A Prometheus that answers as its test says."""
    with ScriptedPrometheus() as prometheus:
        yield prometheus


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder that looks like that of a Prometheus."""
    return data_folder(tmp_path)


def left_behind(data: Path) -> list[str]:
    """Return the names of its scratch folders that are still there."""
    return [path.name for path in data.iterdir() if path.name.startswith("record-again")]


class TestArguments:
    """The command line and the environment."""

    def test_help_shows_the_arguments_and_an_example(self) -> None:
        ran = run("--help", promtool=Path("promtool"))
        assert ran.returncode == 0
        assert "record_again.py START END [URL [DATA]]" in ran.stdout
        assert "record_again.py 2026-11-24T06:00Z" in ran.stdout

    @pytest.mark.parametrize(
        ("written", "milliseconds"),
        [
            ("1795521600", NOON_MS),
            ("1795521600.25", NOON_MS + 250),
            ("2026-11-24T12:00Z", NOON_MS),
            ("2026-11-24 12:00:00+00:00", NOON_MS),
            ("2026-11-24T13:00+01:00", NOON_MS),
            ("Tue, 24 Nov 2026 12:00:00 UTC", NOON_MS),
        ],
    )
    def test_a_time_may_be_written_in_many_ways(self, written: str, milliseconds: int) -> None:
        assert in_milliseconds(written) == milliseconds

    def test_it_needs_promtool(self, prometheus: ScriptedPrometheus, data: Path, tmp_path: Path) -> None:
        ran = run(START, END, prometheus.url, data, promtool=tmp_path / "promtool")
        assert ran.returncode == 1
        assert "set PROMTOOL to the path of promtool" in ran.stderr

    def test_it_runs_on_python_3_9(self) -> None:
        ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 9))


class TestSeries:
    """The series that it writes for promtool, and the windows that it asks for."""

    @pytest.mark.parametrize(
        ("value", "written"),
        [
            ("plain", '"plain"'),
            ('say "hi"', r'"say \"hi\""'),
            ("C:\\new", r'"C:\\new"'),
            ("two\nlines", r'"two\nlines"'),
            ('\\"', r'"\\\""'),
            ("{a=b}, é => 1", '"{a=b}, é => 1"'),
            ("a\ttab", '"a\ttab"'),
        ],
    )
    def test_a_label_is_escaped_as_openmetrics_wants_it(self, value: str, written: str) -> None:
        assert as_openmetrics("m", {"__name__": "other", "project": value}) == f"m{{project={written}}}"

    def test_a_label_whose_name_is_no_plain_word_is_quoted(self) -> None:
        assert as_openmetrics("m", {"b": "1", "a.b": "2"}) == 'm{"a.b"="2",b="1"}'

    def test_a_series_without_labels_has_empty_braces(self) -> None:
        assert as_openmetrics("m", {}) == "m{}"

    @pytest.mark.parametrize("length", [1_000, 300_000, 7_200_000])
    def test_queries_cover_each_window_once(self, length: int) -> None:
        windows = Windows(5 * length, 40 * length, length)
        ends = [end for first, last in windows.runs() for end in range(first, last + 1, length)]
        assert ends == list(range(windows.first, windows.last + 1, length))


class TestRun:
    """Runs that succeed."""

    def test_it_records_totals_first_and_then_what_was_recorded_from_them(
        self, prometheus: ScriptedPrometheus, data: Path, tmp_path: Path
    ) -> None:
        ran = run(START, END, prometheus.url, data, promtool=making_blocks(tmp_path))
        assert ran.returncode == 0, ran.stderr
        assert [line.partition(":")[0] for line in ran.stdout.splitlines()[1:]] == [
            "Deleted what was recorded of it",
            "Recorded from totals",
            "Recorded from what was recorded from totals",
        ]
        first, second = sorted(
            (block / "samples" for block in data.glob("block-*")), key=lambda path: path.stat().st_ctime
        )
        assert first.read_text(encoding="utf-8").startswith('used:gained5m{project="shop"} 7 1000000.5\n')
        assert second.read_text(encoding="utf-8").startswith('team:used:gained5m{project="shop"} 7 1000000.5\n')
        assert prometheus.deleted[1:] == [["used:gained5m", "team:used:gained5m"]]
        assert left_behind(data) == []

    def test_a_time_in_which_nothing_was_used_is_recorded_as_nothing(
        self, prometheus: ScriptedPrometheus, data: Path, tmp_path: Path
    ) -> None:
        prometheus.answers["query_range"] = {"result": []}
        ran = run(START, END, prometheus.url, data, promtool=making_blocks(tmp_path))
        assert ran.returncode == 0, ran.stderr
        assert "Recorded from totals: 0 series, 0 values" in ran.stdout

    def test_a_user_and_password_in_the_address_are_sent_with_each_request(
        self, prometheus: ScriptedPrometheus, data: Path, tmp_path: Path
    ) -> None:
        address = prometheus.url.replace("http://", "http://ada:p%40ss@")
        ran = run(START, END, address, data, promtool=making_blocks(tmp_path))
        assert ran.returncode == 0, ran.stderr
        assert prometheus.logins == {"ada:p@ss"}


class TestFailure:
    """Runs that fail: each says why, and leaves no scratch folder."""

    @pytest.mark.parametrize("path", ["rules", "query", "query_range", "status/tsdb", "admin/tsdb/delete_series"])
    def test_an_endpoint_that_fails_is_named_with_its_answer(
        self, path: str, prometheus: ScriptedPrometheus, data: Path, tmp_path: Path
    ) -> None:
        prometheus.failures[path] = (503, "too busy")
        ran = run(START, END, prometheus.url, data, promtool=making_blocks(tmp_path))
        assert ran.returncode == 1
        assert f"refuses {path}: too busy" in ran.stderr
        assert "Traceback" not in ran.stderr
        assert left_behind(data) == []

    def test_another_program_at_the_address_is_not_taken_for_prometheus(
        self, prometheus: ScriptedPrometheus, data: Path, tmp_path: Path
    ) -> None:
        prometheus.failures["rules"] = (200, "<html>")
        ran = run(START, END, prometheus.url, data, promtool=making_blocks(tmp_path))
        assert ran.returncode == 1
        assert f"what answers at {prometheus.url} is not Prometheus" in ran.stderr

    @pytest.mark.parametrize(
        ("groups", "reason"),
        [
            ([], "load rules/gained.yaml"),
            (
                [{"interval": 300, "rules": [{"type": "recording", "name": "a", "query": "b", "labels": {"c": "d"}}]}],
                "adds labels of its own",
            ),
        ],
    )
    def test_rules_that_it_cannot_record_are_refused(
        self, groups: list[object], reason: str, prometheus: ScriptedPrometheus, data: Path, tmp_path: Path
    ) -> None:
        prometheus.answers["rules"] = {"groups": groups}
        ran = run(START, END, prometheus.url, data, promtool=making_blocks(tmp_path))
        assert ran.returncode == 1
        assert reason in ran.stderr
        assert prometheus.deleted == [], "nothing may be deleted before it is known that it can be recorded again"

    def test_what_promtool_says_is_passed_on(self, prometheus: ScriptedPrometheus, data: Path, tmp_path: Path) -> None:
        failing = promtool(tmp_path / "promtool", "echo the disk is full >&2; exit 1")
        ran = run(START, END, prometheus.url, data, promtool=failing)
        assert ran.returncode == 1
        assert "the disk is full" in ran.stderr
        assert left_behind(data) == []


class TestInterruption:
    """Runs that a signal ends."""

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
    def test_a_run_that_was_ended_leaves_nothing_and_the_next_one_finishes(
        self, number: signal.Signals, code: int, prometheus: ScriptedPrometheus, data: Path, tmp_path: Path
    ) -> None:
        started = tmp_path / "started"
        slow = promtool(tmp_path / "slow", f"touch {started}; exec sleep 1000")
        command: list[str | Path] = [SCRIPT, START, END, prometheus.url, data]
        variables = os.environ | {"PROMTOOL": str(slow)}
        with subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, process_group=0) as running:
            eventually(started.exists, wanted=True)
            # As a terminal does: to the program and to promtool.
            os.killpg(running.pid, number)
            _, complaint = running.communicate(timeout=60)
        assert running.returncode == code
        assert b"Traceback" not in complaint
        assert left_behind(data) == []
        assert list(data.glob("block-*")) == []
        assert run(START, END, prometheus.url, data, promtool=making_blocks(tmp_path)).returncode == 0
