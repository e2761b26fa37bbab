"""`record-again`: a time in which Prometheus recorded nothing, a time of which it recorded half, and what it says where it cannot."""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from pathlib import Path

import pytest

from tests.real_parts.prometheus import Prometheus
from tests.team.support.otlp import attributes, metrics_request, send
from tests.team.support.prometheus_config import CONFIG, write
from tests.team.support.recording import Recording, record_again, run
from tests.team.support.rules import FOLDER
from tests.waiting import eventually

pytestmark = pytest.mark.prometheus

TILE_S = 5
"""In the place of five minutes, so that windows are recorded as they are in truth: while time goes by."""
SECONDS = 50
"""For which there are points."""
FAR_S = 20
"""How far it is recorded anew."""
STRANGE = 'a "b", c="d" \\ é {e} => 1'
"""A name of a project, with all that has a meaning where it is written."""
TRUTH = sum(range(SECONDS))
TOTAL, GAINED, OF_TEAMS = (
    "opencode_token_usage_total",
    "opencode:token_usage:gained5m",
    "team:opencode_token_usage:gained5m",
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    sooner = {
        "[5m]": f"[{TILE_S}s]",
        "offset 5m": f"offset {TILE_S}s",
        "interval: 5m": f"interval: {TILE_S}s",
        "query_offset: 2m": "query_offset: 2s",
    }
    write(FOLDER / "gained.yaml", tmp_path / "gained.yaml", sooner)
    return write(CONFIG, tmp_path / "prometheus.yaml", {"rules/*": "gained"})


def test_half_that_was_recorded_live_and_half_that_was_not(config: Path, tmp_path: Path) -> None:
    """The windows are those of the live ones, which go on afterwards: none is missing, and none is there twice."""
    began_s = time.time()
    unruly = write(config, tmp_path / "without.yaml", {'"gained.yaml"': ""})
    with Recording(tmp_path / "prometheus", config=unruly, held="4s") as prometheus:
        _tell(prometheus, began_s, range(FAR_S // 2))
    with Recording(tmp_path / "prometheus", config=config, held="4s", lookback=f"{TILE_S}s") as prometheus:
        _tell(prometheus, began_s, range(FAR_S // 2, SECONDS))
        eventually(lambda: _until(prometheus) >= began_s + SECONDS + TILE_S, wanted=True)
        prometheus.wait_until_written(began_s + FAR_S + TILE_S)
        live = _recorded(prometheus, GAINED)
        ends = {round(at % TILE_S, 3) for values in live.values() for at in values}
        assert len(ends) == 1
        assert 0 < sum(_summed(live).values()) < 3 * TRUTH
        before_s = min(map(min, live.values()))
        assert began_s + TILE_S < before_s < began_s + FAR_S

        said = record_again(prometheus, began_s, began_s + FAR_S)

        assert "Recorded from what was recorded from totals" in said
        found = _recorded(prometheus, GAINED)
        assert {round(at % TILE_S, 3) for values in found.values() for at in values} == ends
        assert {name: sum(values.values()) for name, values in found.items()} == {"shop": TRUTH, STRANGE: 2 * TRUTH}
        assert _recorded(prometheus, OF_TEAMS) == {"": _summed(found)}
        times = sorted(round(at, 3) for at in _recorded(prometheus, "opencode:gained5m:until")[""])
        assert times[0] < began_s + TILE_S
        assert {round(later - earlier, 3) for earlier, later in itertools.pairwise(times)} == {TILE_S}

        assert (ran := run(f"{began_s:.0f}", f"{time.time():.0f}", prometheus.url, prometheus.data)).returncode == 1
        assert "holds in memory; wait until" in ran.stderr
    with Recording(
        tmp_path / "prometheus", config=unruly, lookback=f"{TILE_S}s"
    ) as prometheus:  # and nothing is forgotten
        assert _recorded(prometheus, GAINED) == found
        assert prometheus.rows(f"count(count_over_time({TOTAL}[1h]) == {SECONDS})") == {(): 2}


def test_where_it_cannot_it_says_what_to_do(tmp_path: Path) -> None:
    with Prometheus(tmp_path / "prometheus") as prometheus:
        data = tmp_path / "prometheus" / "data"
        hour_ago, now = f"{time.time() - 3600:.0f}", f"{time.time():.0f}"
        for arguments, wanted in {
            (hour_ago,): "START END [URL [DATA]]",
            ("some day", now, prometheus.url, data): "write it in Unix seconds",
            (now, hour_ago, prometheus.url, data): "START has to be before END",
            (hour_ago, now, prometheus.url, tmp_path): "name that of its --storage.tsdb.path",
            (hour_ago, now, "http://127.0.0.1:1", data): "does not answer at http://127.0.0.1:1",
            ("90 minutes ago", hour_ago, prometheus.url, data): "start Prometheus with --web.enable-admin-api",
        }.items():
            ran = run(*arguments)
            assert (ran.returncode, ran.stdout) == (1, ""), arguments
            assert wanted in ran.stderr
    assert [path.name for path in data.iterdir() if path.name.startswith("record-again")] == []


def test_it_says_how_it_is_run() -> None:
    assert "record-again START END [URL [DATA]]" in run("--help").stdout


def _tell(prometheus: Prometheus, began_s: float, seconds: range) -> None:
    """The totals of two projects, each second when it is there: n more in second n, and twice that."""
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


def _until(prometheus: Prometheus) -> float:
    return prometheus.rows("max(opencode:gained5m:until)").get((), 0)


def _recorded(prometheus: Prometheus, name: str) -> dict[str, dict[float, float]]:
    """What was recorded, by project and time."""
    return {
        row["metric"].get("opencode_project_name", ""): {float(at): float(value) for at, value in row["values"]}
        for row in prometheus.answer(f"{name}[1h]")
    }


def _summed(recorded: dict[str, dict[float, float]]) -> dict[float, float]:
    found: defaultdict[float, float] = defaultdict(float)
    for values in recorded.values():
        for at, value in values.items():
            found[at] += value
    return found
