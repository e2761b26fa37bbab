"""A program is made once, as a whole or not at all; what is missing is named with what to do about it."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from scripts.real_programs import table
from tests.project.real_programs.checkout import (
    FAILS,
    GO,
    INTERRUPTIONS,
    Checkout,
    has_somebody_waiting,
    opened,
    wait_for,
    wait_for_end,
)


class TestMaking:
    def test_a_second_call_finds_it_there(self, checkout: Checkout) -> None:
        checkout.has(go=GO)
        first = checkout.run("get", "prometheus")
        calls = checkout.calls
        second = checkout.run("get", "prometheus")
        assert first.returncode == 0, first.stderr
        assert second.returncode == 0, second.stderr
        assert first.stdout == second.stdout == f"{checkout.cache / 'prometheus' / table.PROMETHEUS}\n"
        assert second.stderr == ""
        assert checkout.calls == calls

    def test_a_build_says_what_it_builds_and_about_how_long_that_takes(self, checkout: Checkout) -> None:
        checkout.has(go=GO)
        said = checkout.run("get", "jaeger").stderr
        assert re.search(
            rf"getting jaeger {table.JAEGER} by go build; the first time, this takes about \d+ minutes", said
        )
        assert f"jaeger {table.JAEGER} is there, after" in said

    @pytest.mark.usefixtures("interruptible")
    @pytest.mark.parametrize("number", INTERRUPTIONS)
    def test_an_interrupted_build_leaves_nothing(self, checkout: Checkout, gate: Path, number: signal.Signals) -> None:
        with checkout.start("get", "jaeger") as running:
            wait_for(running.stderr, "building")
            running.send_signal(number)
            wait_for(running.stderr, "nothing half made is left")
        assert running.returncode == 128 + number
        assert not has_somebody_waiting(gate)
        assert checkout.kept("jaeger") == set()

    def test_a_failed_build_leaves_nothing_and_says_where_to_look(self, checkout: Checkout) -> None:
        checkout.has(go=FAILS)
        done = checkout.run("get", "jaeger")
        assert done.returncode == 1
        assert "could not resolve host" in done.stderr
        assert "ended with exit code 7; its messages are above" in done.stderr
        assert "check the network. `go env GOPROXY` says where go fetches from" in done.stderr
        assert checkout.kept("jaeger") == set()

    def test_the_second_of_two_calls_at_once_waits_and_builds_nothing(self, checkout: Checkout, gate: Path) -> None:
        with checkout.start("get", "jaeger") as first:
            wait_for(first.stderr, "building")
            with checkout.start("get", "jaeger") as second:
                wait_for(second.stderr, f"waiting for another call that is getting jaeger {table.JAEGER}")
                with opened(gate):
                    assert first.wait(60) == 0
                    assert second.wait(60) == 0
        assert len([call for call in checkout.calls if call.startswith("go build")]) == 1
        assert checkout.kept("jaeger") == {table.JAEGER}

    def test_two_programs_are_built_at_the_same_time(self, checkout: Checkout, gate: Path) -> None:
        with checkout.start("get", "jaeger") as first, checkout.start("get", "collector") as second:
            wait_for(first.stderr, "building")
            wait_for(second.stderr, "building")
            for _ in range(2):
                with opened(gate):
                    assert first.wait(60) == 0
                    assert second.wait(60) == 0
        assert first.returncode == 0
        assert second.returncode == 0

    def test_what_a_killed_call_left_goes_away_with_the_next(self, checkout: Checkout, gate: Path) -> None:
        with checkout.start("get", "jaeger") as killed:
            wait_for(killed.stderr, "building")
            killed.kill()
            with opened(gate):
                wait_for_end(killed.stderr)
        assert table.JAEGER not in checkout.kept("jaeger")
        checkout.variables.pop("GATE")
        assert checkout.run("get", "jaeger").returncode == 0
        assert checkout.kept("jaeger") == {table.JAEGER}

    def test_a_folder_that_holds_only_half_of_it_is_replaced(self, checkout: Checkout) -> None:
        checkout.has(go=GO)
        place = checkout.cache / "prometheus" / table.PROMETHEUS
        place.mkdir(parents=True)
        (place / "promtool").touch(0o755)
        assert checkout.run("get", "prometheus").returncode == 0
        assert {path.name for path in place.iterdir()} == {"prometheus", "promtool"}
        assert checkout.kept("prometheus") == {table.PROMETHEUS}

    def test_a_cache_that_cannot_be_written_is_named(self, checkout: Checkout) -> None:
        checkout.has(go=GO)
        checkout.cache.write_text("a file", encoding="utf-8")
        done = checkout.run("get", "jaeger")
        assert done.returncode == 1
        assert str(checkout.cache) in done.stderr
        assert "Traceback" not in done.stderr


class TestMissing:
    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("opencode", "needs npm, which is not on PATH: install Node.js"),
            ("collector", "needs go, which is not on PATH: install Go 1.26 or newer"),
            ("prometheus", "needs go, which is not on PATH: install Go 1.26 or newer"),
            ("compose-schema", "needs go, which is not on PATH"),
            ("tmux", "needs apt-get, which is not on PATH: install the program with this system's own package manager"),
            ("kafka", "java needs apt-get, which is not on PATH"),
            ("clickhouse", "There is no .venv yet: `make clickhouse` makes it first."),
        ],
    )
    def test_what_is_missing_is_named_with_what_to_do(self, checkout: Checkout, name: str, sentence: str) -> None:
        done = checkout.run("get", name)
        assert done.returncode == 1
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize("tier", ["agent", "team"])
    def test_a_tier_whose_programs_are_not_built_names_the_target_that_builds_them(
        self, checkout: Checkout, tier: str
    ) -> None:
        done = checkout.run(tier, script="run-tier")
        assert done.returncode == 1
        assert "is not here yet: run `make collector-build` first." in done.stderr

    def test_a_tier_that_does_not_exist_is_a_usage_error(self, checkout: Checkout) -> None:
        done = checkout.run("gateway", script="run-tier")
        assert done.returncode == 2, done.stderr
        assert done.stderr == "usage: scripts/run-tier agent|team\n"
