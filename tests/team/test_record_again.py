"""`record_again.py` on a real Prometheus that missed half of a time, and on one that cannot do what is asked of it."""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.real_programs.prometheus import Prometheus
from tests.support.waiting import eventually
from tests.team.support.otlp import attributes, metrics_request, send
from tests.team.support.prometheus_config import CONFIG, write
from tests.team.support.recording import Recording, record_again, run
from tests.team.support.rules import FOLDER

pytestmark = pytest.mark.prometheus

WINDOW_S = 3
"""Replaces the five minutes of the rules, so that a test sees several windows recorded live."""
SECONDS = 30
"""How long points are sent, one each second."""
AGAIN_S = 12
"""How much of that is recorded again."""
STRANGE = 'a "b", c="d" \\ é {e} => 1'
"""A project's name with everything that has a meaning where it is written."""
COUNTED = sum(range(SECONDS))
"""How much the total of the project `shop` rises in all."""
TOTAL, GAINED, OF_TEAMS = (
    "opencode_token_usage_total",
    "opencode:token_usage:gained5m",
    "team:opencode_token_usage:gained5m",
)

Values = dict[float, float]
"""The values of a series by their time in Unix seconds."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with the rules as they are shipped, but in short windows."""
    shorter = {
        "[5m]": f"[{WINDOW_S}s]",
        "offset 5m": f"offset {WINDOW_S}s",
        "interval: 5m": f"interval: {WINDOW_S}s",
        "query_offset: 2m": "query_offset: 2s",
    }
    write(FOLDER / "gained.yaml", tmp_path / "gained.yaml", shorter)
    return write(CONFIG, tmp_path / "prometheus.yaml", {"rules/*": "gained"})


def test_a_time_that_was_recorded_by_half_is_exact_when_it_is_recorded_again(config: Path, tmp_path: Path) -> None:
    """The new windows continue the live ones: none is missing, and none is there twice."""
    began_s, folder = time.time(), tmp_path / "prometheus"
    without_rules = write(config, tmp_path / "without.yaml", {'"gained.yaml"': ""})
    with Recording(folder, config=without_rules, held="4s") as prometheus:
        _send_totals(prometheus, began_s, range(AGAIN_S // 2))
        # A Prometheus that started sooner would still record the first seconds, because its rules look two seconds back.
        eventually(lambda: time.time() >= began_s + AGAIN_S / 2 + 0.5, wanted=True)
    with Recording(folder, config=config, held="4s", lookback=f"{WINDOW_S}s") as prometheus:
        _send_totals(prometheus, began_s, range(AGAIN_S // 2, SECONDS))
        eventually(lambda: _recorded_until(prometheus) >= began_s + SECONDS + WINDOW_S, wanted=True)
        prometheus.wait_until_written(began_s + AGAIN_S + WINDOW_S)
        phase = _assert_only_half_was_recorded(prometheus, began_s)

        printed = record_again(prometheus, began_s, began_s + AGAIN_S)

        assert "Recorded from what was recorded from totals" in printed
        found = _recorded(prometheus, GAINED)
        assert _phases(found) == {phase}
        assert {name: sum(values.values()) for name, values in found.items()} == {"shop": COUNTED, STRANGE: 2 * COUNTED}
        assert _recorded(prometheus, OF_TEAMS) == {"": _added_up(found)}
        _assert_windows_have_no_gap(prometheus, began_s)

        refused = run(f"{began_s:.0f}", f"{time.time():.0f}", prometheus.url, prometheus.data)
        assert refused.returncode == 1
        assert "holds in memory. Wait until" in refused.stderr
    with Recording(folder, config=without_rules, lookback=f"{WINDOW_S}s") as prometheus:
        assert _recorded(prometheus, GAINED) == found, "a restart must not forget what was recorded again"
        points = prometheus.rows(f"count(count_over_time({TOTAL}[1h]) == {SECONDS})")
        assert points == {(): 2}, "a restart must not forget points of the totals"


def test_if_it_cannot_record_it_says_what_to_do_and_leaves_nothing(tmp_path: Path) -> None:
    with Prometheus(tmp_path / "prometheus") as prometheus:
        data = tmp_path / "prometheus" / "data"
        hour_ago, now = f"{time.time() - 3600:.0f}", f"{time.time():.0f}"
        for arguments, advice in {
            (hour_ago,): "START END [URL [DATA]]",
            ("some day", now, prometheus.url, data): "write it in Unix seconds",
            (now, hour_ago, prometheus.url, data): "START has to be before END",
            (hour_ago, now, prometheus.url, tmp_path): "name that of its --storage.tsdb.path",
            (hour_ago, now, "http://127.0.0.1:1", data): "does not answer at http://127.0.0.1:1",
            ("90 minutes ago", hour_ago, prometheus.url, data): "start Prometheus with --web.enable-admin-api",
        }.items():
            ran = run(*arguments)
            assert ran.returncode == 1, arguments
            assert ran.stdout == "", arguments
            assert advice in ran.stderr, arguments
    assert [path.name for path in data.iterdir() if path.name.startswith("record-again")] == []


def _send_totals(prometheus: Prometheus, began_s: float, seconds: range) -> None:
    """Send the totals of two projects, each second at its time. In second n one rises by n, the other by twice that."""
    for second in seconds:
        eventually(lambda: time.time() >= began_s + second, wanted=True)  # noqa: B023
        points = [
            {
                "asInt": str(times * sum(range(second + 1))),
                "startTimeUnixNano": str(round(began_s * 1e9)),
                "timeUnixNano": str(round((began_s + second) * 1e9)),
                "attributes": attributes({"opencode.project.name": project, "gen_ai.token.type": "input"}),
            }
            for times, project in ((1, "shop"), (2, STRANGE))
        ]
        total = {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": points}
        metric = {"name": "opencode.token.usage", "unit": "{token}", "sum": total}
        send(prometheus.otlp, metrics_request([metric]))


def _assert_only_half_was_recorded(prometheus: Prometheus, began_s: float) -> float:
    """Return the phase of the live windows: the remainder of their ends, divided by their length."""
    live = _recorded(prometheus, GAINED)
    assert 0 < sum(_added_up(live).values()) < 3 * COUNTED
    first_s = min(map(min, live.values()))
    assert began_s + WINDOW_S < first_s < began_s + AGAIN_S
    (phase,) = _phases(live)
    return phase


def _assert_windows_have_no_gap(prometheus: Prometheus, began_s: float) -> None:
    ends = sorted(round(at, 3) for at in _recorded(prometheus, "opencode:gained5m:until")[""])
    assert ends[0] < began_s + WINDOW_S
    assert {round(later - earlier, 3) for earlier, later in itertools.pairwise(ends)} == {WINDOW_S}


def _recorded_until(prometheus: Prometheus) -> float:
    return prometheus.rows("max(opencode:gained5m:until)").get((), 0)


def _recorded(prometheus: Prometheus, name: str) -> dict[str, Values]:
    """Return what was recorded in the last hour, by project."""
    return {
        row["metric"].get("opencode_project_name", ""): {float(at): float(value) for at, value in row["values"]}
        for row in prometheus.answer(f"{name}[1h]")
    }


def _phases(recorded: dict[str, Values]) -> set[float]:
    return {round(at % WINDOW_S, 3) for values in recorded.values() for at in values}


def _added_up(recorded: dict[str, Values]) -> Values:
    found: defaultdict[float, float] = defaultdict(float)
    for values in recorded.values():
        for at, value in values.items():
            found[at] += value
    return found
