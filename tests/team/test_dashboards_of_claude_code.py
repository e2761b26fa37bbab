"""Dashboards that were made for Claude Code show OpenCode: what their panels ask is the truth.

The questions are those of the dashboards 25255 and 24993 of grafana.com. They are written here from what the panels of 25255
read, and from what is documented of 24993. Metrics, labels, functions and variables are the same.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from tests.support.made_stores import Tokens, message, session
from tests.support.real_programs.prometheus import Prometheus, Rows
from tests.team.support.people import ADDED, COST, REMOVED, Person, Truth

pytestmark = pytest.mark.prometheus

HOUR_S = 3600
CYCLE_S = 60
MINUTES = 20
BIG, SMALL = Tokens(120, 30, 7, 900, 60), Tokens(40, 9)
EMAIL = "{}@example.com"


class Worked(NamedTuple):
    """What two people did within the hour, in Prometheus under Claude Code's names, and the moment of the last point."""

    prometheus: Prometheus
    truth: Truth
    types: Counter[str]
    until_s: float

    def ask(self, query: str, *labels: str, user: str = ".*", model: str = ".*") -> Rows:
        """Return the answer of a panel for the last hour, with the variables as a person chose them."""
        for name, value in (("organization", "acme"), ("user", user), ("model", model)):
            query = query.replace(f"${name}", value)
        query = query.replace("$__range", f"{HOUR_S}s").replace("$__rate_interval", f"{HOUR_S}s")
        return self.prometheus.rows(query, *labels, at_s=self.until_s)


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worked]:
    folder, truth, types = tmp_path_factory.mktemp("claude"), Truth(), Counter[str]()
    with Prometheus(folder / "prometheus") as prometheus:
        people = [
            Person(folder / name, name, "search", truth, 1_000 * first) for first, name in enumerate(("ada", "bob"))
        ]
        yield Worked(prometheus, truth, types, _work(people, prometheus, types))


def _work(people: list[Person], prometheus: Prometheus, types: Counter[str]) -> float:
    """Let the people work, and run a cycle of each agent, once a minute. Return when the last one was."""
    now_s = time.time() - HOUR_S // 2
    with ExitStack() as running:
        agents = [
            running.enter_context(
                person.agent(
                    prometheus.otlp,
                    lambda: round(now_s * 1e9),
                    profile="claude_code",
                    more=f",user.email={EMAIL.format(person.name)},organization.id=acme",
                )
            )
            for person in people
        ]
        for minute in range(MINUTES):
            for person, agent in zip(people, agents, strict=True):
                if 2 <= minute < 10 and (person.name == "ada" or minute % 3 == 0):
                    used = SMALL if minute % 2 else BIG
                    person.works(now_s, "shop" if minute < 6 else "parser", "haiku" if minute % 2 else "opus", used)
                    types.update(used._asdict())
                if minute == 12 and person.name == "ada":
                    _sub_agent_works(person, now_s)
                    types.update(SMALL._asdict())
                agent.ingest.run(sweep=True)
                sent = agent.metrics.send()
                assert not sent.reason, sent.reason
            now_s += CYCLE_S
    return now_s - CYCLE_S


def _sub_agent_works(person: Person, now_s: float) -> None:
    at = round(now_s * 1000) - 5_000
    below = session(at, 77, parent="ses_caller")
    person.tree.put_turn(message(below, SMALL, at, 77, completed=at + 4_000, cost=COST, model="opus", agent="explore"))


def _series(metric: str, *more: str, by_model: bool = True) -> str:
    labels = [
        'organization_id=~"$organization"',
        'user_email=~"$user"',
        *(['model=~"$model"'] if by_model else []),
        *more,
    ]
    return f"{metric}{{{', '.join(labels)}}}"


def _increased(series: str, *by: str, how: str = "increase", over: str = "$__range") -> str:
    return f"sum({how}({series}[{over}]))" + (f" by ({', '.join(by)})" if by else "")


def _lines(kind: str) -> str:
    series = _series("claude_code_lines_of_code_count_total", f'type="{kind}"', by_model=False)
    return f"{_increased(series)} or vector(0)"


COST_SERIES = _series("claude_code_cost_usage_USD_total")
TOKENS = _series("claude_code_token_usage_tokens_total")
SESSIONS = _series("claude_code_session_count_total", by_model=False)
LINES = _series("claude_code_lines_of_code_count_total", by_model=False)
CHILD = {"cost": COST, "tokens": sum(SMALL)}
"""What the sub-agent used, beside what the truth has of the two people."""


def _is(found: Rows, wanted: Mapping[Any, float]) -> bool:
    # Nothing is extrapolated: series begin at zero, and the last point is at the end, up to the millisecond of the question.
    return found == {key: pytest.approx(value, rel=1e-5) for key, value in wanted.items()}


def test_the_overview_is_the_truth(worked: Worked) -> None:
    truth = worked.truth
    figures = {
        f"count(count by (session_id) (max_over_time({SESSIONS}[$__range]))) or vector(0)": len(truth.sessions),
        f"count(count by (user_email) (max_over_time({SESSIONS}[$__range]))) or vector(0)": 2,
        _increased(COST_SERIES): truth.cost + CHILD["cost"],
        _increased(TOKENS): truth.tokens + CHILD["tokens"],
        _increased(SESSIONS): len(truth.sessions),
        _lines("added"): ADDED * truth.messages,
        _lines("removed"): REMOVED * truth.messages,
        # OpenCode's storage has no counterpart.
        f"{_increased(_series('claude_code_commit_count_total', by_model=False))} or vector(0)": 0,
        f"{_increased(_series('claude_code_pull_request_count_total', by_model=False))} or vector(0)": 0,
    }
    for query, wanted in figures.items():
        assert _is(worked.ask(query), {(): wanted}), query
    assert worked.ask(_increased(_series("claude_code_active_time_seconds_total", by_model=False), "type")) == {}


def test_parts_add_up_to_the_truth(worked: Worked) -> None:
    truth, types = worked.truth, worked.types
    by_type = {
        ("input",): types["input"],
        ("output",): types["output"] + types["reasoning"],
        ("cacheRead",): types["cache_read"],
        ("cacheCreation",): types["cache_write"],
    }
    assert _is(worked.ask(_increased(TOKENS, "type"), "type"), by_type)
    models = {(name,): of.cost + (COST if name == "opus" else 0) for name, of in truth.by("model").items()}
    assert _is(worked.ask(_increased(COST_SERIES, "model"), "model"), models)
    sources = {("main",): truth.cost, ("subagent",): COST}
    assert _is(worked.ask(_increased(COST_SERIES, "query_source"), "query_source"), sources)
    assert _is(
        worked.ask(_increased(LINES, "type"), "type"),
        {("added",): ADDED * truth.messages, ("removed",): REMOVED * truth.messages},
    )
    prompt = _increased(
        _series("claude_code_token_usage_tokens_total", 'type=~"cacheRead|cacheCreation|input"'),
        how="rate",
        over="$__rate_interval",
    )
    read = _increased(
        _series("claude_code_token_usage_tokens_total", 'type="cacheRead"'), how="rate", over="$__rate_interval"
    )
    hits = types["cache_read"] / (types["cache_read"] + types["cache_write"] + types["input"])
    assert _is(worked.ask(f"{read} / {prompt}"), {(): hits})


def test_the_leaderboards_are_the_truth(worked: Worked) -> None:
    truth = worked.truth
    people = {(EMAIL.format(name),): of.cost + (COST if name == "ada" else 0) for name, of in truth.by("user").items()}
    assert _is(worked.ask(f"topk(10, {_increased(COST_SERIES, 'user_email')})", "user_email"), people)
    tokens = {
        (EMAIL.format(name),): of.tokens + (sum(SMALL) if name == "ada" else 0) for name, of in truth.by("user").items()
    }
    assert _is(worked.ask(f"topk(10, {_increased(TOKENS, 'user_email')})", "user_email"), tokens)
    found = worked.ask(f"topk(10, {_increased(COST_SERIES, 'session_id')})", "session_id")
    theirs = {(key,): of.cost for key, of in truth.by("session").items()}
    assert _is({key: value for key, value in found.items() if key in theirs}, theirs)
    assert sum(found.values()) == pytest.approx(truth.cost + COST, rel=1e-5)


def test_a_chosen_user_and_model_filter(worked: Worked) -> None:
    of = worked.truth.of(user="bob", model="haiku")
    assert of.written
    chosen = {"user": EMAIL.format("bob"), "model": "haiku"}
    assert _is(worked.ask(_increased(COST_SERIES), **chosen), {(): of.cost})
    assert worked.ask(_increased(COST_SERIES), user="nobody") == {}


def test_a_rate_of_an_hour_is_what_the_hour_used(worked: Worked) -> None:
    rate = _increased(COST_SERIES, how="rate", over="$__rate_interval")
    assert _is(worked.ask(f"{rate} * 3600"), {(): worked.truth.cost + COST})
