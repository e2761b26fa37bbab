"""A real Prometheus answers what it accepted, or the command says which model lacks how much."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.agent import Agent
from tests.support.made_stores import Database, Tokens, message, session
from tests.support.paths import STORES
from tests.support.real_programs import COLLECTOR
from tests.support.real_programs.prometheus import Prometheus
from tests.verify.verified import Verified, minus, tokens

pytestmark = pytest.mark.prometheus

USED = Tokens(1200, 80, 20, 400, 10)
OPUS = Tokens(700, 50, 20, 300, 9)
DEFAULT = COLLECTOR / "prometheus" / "prometheus.yaml"


class Erasable(Prometheus):
    """A Prometheus whose series can be deleted."""

    def command(self) -> list[str | Path]:
        return [*super().command(), "--web.enable-admin-api"]

    def erase(self, selector: str) -> None:
        reply = requests.post(f"{self.url}/api/v1/admin/tsdb/delete_series", params={"match[]": selector}, timeout=30)
        assert reply.status_code == 204, reply.text


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Erasable]:
    with Erasable(tmp_path / "prometheus") as prometheus:
        yield prometheus


def sender(agent: Agent, prometheus: Prometheus) -> Agent:
    """The same agent, which sends its metrics to Prometheus."""
    extra = {
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{prometheus.otlp}/v1/metrics",
        "OTEL_AGENT_TRACES_EXPORTER": "none",
    }
    return Agent(agent.home, agent.endpoint, extra=extra)


def two_models(database: Database) -> None:
    of = session(version="1.18.33")
    database.put_turn(
        message(of, USED, cost=0.25), message(of, OPUS, counter=2, model="opus", provider="anthropic", cost=0.5)
    )


def test_a_store_is_proven_up_to_what_prometheus_answers(agent: Agent, prometheus: Prometheus) -> None:
    shutil.copytree(STORES / "v2" / "forks" / "opencode", agent.data_dir, dirs_exist_ok=True)
    sending = sender(agent, prometheus)
    sending.once()
    found = Verified(sending, "--prometheus", prometheus.url)
    assert found.unexplained() == []
    assert found.exit_code == 0
    # What the author of the store says was recorded (truth.json).
    assert tokens(found.report["prometheus"]) == Tokens(6168, 257, 30, 3800, 180)
    assert found.report["prometheus"] == found.report["accepted"]


def test_a_series_that_prometheus_lost_is_found(agent: Agent, database: Database, prometheus: Erasable) -> None:
    two_models(database)
    sending = sender(agent, prometheus)
    sending.once()
    prometheus.erase('opencode_token_usage_total{gen_ai_request_model="opus", gen_ai_token_type="output"}')
    found = Verified(sending, "--prometheus", prometheus.url)
    assert found.exit_code == 1
    assert found.unexplained() == [("prometheus", "", "anthropic/opus", "")]
    assert found.amount("prometheus") == (0, Tokens(0, -OPUS.output))
    assert found.report["models"] == {"agree": 1, "all": 2}


def test_an_empty_prometheus_has_nothing_of_it(agent: Agent, database: Database, prometheus: Prometheus) -> None:
    two_models(database)
    agent.once()
    found = Verified(agent, "--prometheus", prometheus.url)
    assert found.exit_code == 1
    assert {model for _, _, model, _ in found.unexplained()} == {"anthropic/opus", "zai-coding-plan/glm-4.7"}
    assert minus(found.accepted) == minus(USED.plus(OPUS))
    assert tokens(found.report["prometheus"]) == Tokens()


def test_another_agents_totals_are_not_ours(agent: Agent, database: Database, prometheus: Prometheus) -> None:
    two_models(database)
    sending = sender(agent, prometheus)
    sending.once()
    other = Agent(agent.home, agent.endpoint, extra=sending.extra | {"OTEL_AGENT_STATE_DIR": str(agent.home / "other")})
    other.once()
    found = Verified(sending, "--prometheus", prometheus.url)
    assert found.exit_code == 0
    assert tokens(found.report["prometheus"]) == USED.plus(OPUS)


def test_an_instance_that_the_environment_names_is_asked_for(
    agent: Agent, database: Database, prometheus: Prometheus
) -> None:
    two_models(database)
    sending = sender(agent, prometheus)
    named = {"OTEL_RESOURCE_ATTRIBUTES": "team=search,service.instance.id=desk%2012"}
    sending.once(**named)
    assert Verified(sending, "--prometheus", prometheus.url, **named).exit_code == 0


@pytest.mark.parametrize(
    "strategy", ["NoUTF8EscapingWithSuffixes", "NoTranslation", "UnderscoreEscapingWithoutSuffixes"]
)
def test_each_form_of_names_is_found(agent: Agent, database: Database, tmp_path: Path, strategy: str) -> None:
    config = tmp_path / "prometheus.yaml"
    config.write_text(f"otlp: {{translation_strategy: {strategy}}}\n")
    with Prometheus(tmp_path / "named", config=config) as prometheus:
        two_models(database)
        sending = sender(agent, prometheus)
        sending.once()
        found = Verified(sending, "--prometheus", prometheus.url)
    assert found.unexplained() == []
    assert tokens(found.report["prometheus"]) == USED.plus(OPUS)


def test_an_address_without_prometheus_is_said(agent: Agent, database: Database) -> None:
    two_models(database)
    agent.once()
    run = agent.command("verify", "--prometheus", "http://127.0.0.1:1")
    assert run.returncode == 2
    assert "--prometheus http://127.0.0.1:1: cannot be reached" in run.stderr
    run = agent.command("verify", "--prometheus", "http://ada:secret@127.0.0.1:1")
    assert "secret" not in run.stderr
    run = agent.command("verify", "--prometheus", agent.endpoint)
    assert run.returncode == 2
    assert "no answer of Prometheus" in run.stderr


@pytest.mark.parametrize("temporality", ["delta", " lowmemory"])
def test_increments_cannot_be_compared_with_totals(agent: Agent, database: Database, temporality: str) -> None:
    """Both words make the agent send increments, with blanks around them too."""
    two_models(database)
    agent.once()
    delta = {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": temporality}
    run = agent.command("verify", "--prometheus", "http://127.0.0.1:1", **delta)
    assert run.returncode == 2
    assert "delta temporality" in run.stderr
