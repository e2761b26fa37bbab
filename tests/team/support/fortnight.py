"""A made-up fortnight of four teams, as the rules would have recorded it: what the pictures of the dashboards show.

`worked_hour` is the other one: there, the real agent and the real rules make the numbers. Here they are made up, but have the
labels that the rules write, and the same sums as `Fortnight.calls`.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import requests
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otel_agent.semconv import EXECUTE_TOOL_DURATION, INFERENCE_DURATION, INVOKE_AGENT_DURATION, Metric
from tests.support.real_programs.prometheus import Prometheus
from tests.team.support.fleet_of_fortnight import Labels, Series, heard, of_agents, of_collectors
from tests.team.support.recording import Recording
from tests.team.support.rules import recorded

END = datetime(2026, 11, 26, 16, 40, tzinfo=UTC)
"""The end of the fortnight: a Thursday. It is fixed, so that the pictures are the same each time."""
WEEK_S = 7 * 24 * 3600
"""The time that the dashboard of people shows. Seconds."""
WINDOW = timedelta(minutes=5)
DAYS = 15
CONFIG = """
# Names are kept as they are: they are those that the rules give.
otlp: {translation_strategy: NoTranslation}
storage: {tsdb: {out_of_order_time_window: 60d}}
"""


class Person(NamedTuple):
    """Somebody who works. Without a user, the host stands for them."""

    team: str
    user: str
    hosts: tuple[str, ...]
    diligence: float


PEOPLE = (
    Person("search", "ada", ("ada-laptop", "ada-desktop"), 1.0),
    Person("search", "grace", ("grace-laptop",), 0.9),
    Person("search", "edsger", ("edsger-laptop",), 0.5),
    Person("payments", "barbara", ("barbara-laptop",), 0.8),
    Person("payments", "niklaus", ("niklaus-laptop",), 0.6),
    Person("payments", "radia", ("radia-laptop", "radia-server"), 0.7),
    Person("mobile", "margaret", ("margaret-laptop",), 0.7),
    Person("mobile", "dennis", ("dennis-laptop",), 0.3),
    Person("", "", ("build-server-3",), 0.4),
)
IDLE = Person("mobile", "alan", ("alan-laptop",), 0.0)
"""Has an agent, and does not use OpenCode."""
PROJECTS = {
    "search": ("ranker", "api", "/"),
    "payments": ("ledger", "api"),
    "mobile": ("app-android", "app-ios"),
    "": ("nightly",),
}
"""Two teams have a project `api`, and `/` is outside any project."""
MODELS = (
    ("anthropic", "claude-sonnet-4-5", 0.5, 3.4, 0.94),
    ("openai", "gpt-5.2-codex", 0.3, 6.5, 0.85),
    ("zai-coding-plan", "glm-4.7", 0.2, 2.1, 0.66),
)
"""Provider, model, share, usual duration in seconds, and share of its prompts that comes from a cache."""
TOOLS = (("read", 0.34, 0.01), ("edit", 0.2, 0.07), ("bash", 0.22, 0.09), ("grep", 0.14, 0.01), ("webfetch", 0.1, 0.24))
"""Tool, share of calls, and share that fails."""
ERRORS = (
    ("APIError", "error"),
    ("ProviderAuthError", "error"),
    ("MessageOutputLengthError", "error"),
    ("aborted", "aborted"),
)


@dataclass(frozen=True)
class Call:
    """One model call, with its tool calls."""

    at_s: float
    labels: dict[str, str]
    session: str
    opens: bool
    tokens: dict[str, int]
    cost: float
    took_s: float
    outcome: str
    error: str
    tools: tuple[tuple[str, str], ...]
    ends_turn: bool
    lines: int
    """Lines that were added with it. A third as many were removed."""

    def of(self, label: str) -> str:
        """Return the value of a label."""
        return self.labels.get(label, "")


class Fortnight:
    """The calls of the fortnight, the same in each process."""

    def __init__(self) -> None:
        self._chance = random.Random(11)
        self._sessions = 0
        self.calls = sorted(self._worked(), key=lambda call: call.at_s)

    def within(self, span_s: float) -> list[Call]:
        """Return the calls of the last so many seconds."""
        return [call for call in self.calls if call.at_s > END.timestamp() - span_s]

    @contextmanager
    def kept(self, folder: Path) -> Iterator[Prometheus]:
        """Yield a Prometheus that has it."""
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "prometheus.yaml"
        config.write_text(CONFIG, encoding="utf-8")
        people = [*PEOPLE, IDLE]
        agents = [(person.team, person.user, host) for person in people for host in person.hosts]
        with Recording(folder, config=config, held="60d") as prometheus:  # all of it stays in memory
            for some in _batches(
                (*self._gained(), *of_agents(agents, END), *of_collectors(END), *heard(agents, END)), 500
            ):
                _send(prometheus, some)
            yield prometheus

    def _worked(self) -> Iterator[Call]:
        for person in PEOPLE:
            for day in range(DAYS):
                morning = (END - timedelta(days=DAYS - 1 - day)).replace(hour=7, minute=0)
                weekend = morning.weekday() >= 5
                if self._chance.random() < (0.08 if weekend else 0.35 + 0.65 * person.diligence):
                    # Use grows, so that this week differs from the one before.
                    yield from self._day(person, morning, 0.7 + 0.04 * day)

    def _day(self, person: Person, morning: datetime, growth: float) -> Iterator[Call]:
        for _ in range(1 + self._chance.randrange(4)):
            began = morning + timedelta(
                minutes=self._chance.choice((20, 90, 150, 360, 420, 500)) + self._chance.randrange(60)
            )
            project = self._chance.choice(PROJECTS[person.team])
            host = self._chance.choice(person.hosts)
            model = self._chance.choices(MODELS, [each[2] for each in MODELS])[0]
            yield from self._session(person, host, project, model, began, growth)
            if self._chance.random() < 0.3:
                later = began + timedelta(minutes=10)
                yield from self._session(person, host, project, MODELS[2], later, growth / 2, agent="explore")

    def _session(
        self,
        person: Person,
        host: str,
        project: str,
        model: tuple[str, str, float, float, float],
        began: datetime,
        growth: float,
        agent: str = "build",
    ) -> Iterator[Call]:
        self._sessions += 1
        session = f"ses_{self._sessions:06x}{self._chance.randrange(16**8):08x}ffeKwPdmLx2ab"
        number = 4 + int(self._chance.expovariate(1 / 25) * growth)
        for place in range(number):
            at = began + timedelta(minutes=3 * place, seconds=self._chance.randrange(170))
            if at >= END - timedelta(minutes=10):
                return
            compacts = agent == "build" and place % 40 == 39
            labels = {
                "team": person.team,
                "user": person.user,
                "host_name": host,
                "gen_ai_provider_name": model[0],
                "gen_ai_request_model": model[1],
                "gen_ai_agent_name": "compaction" if compacts else agent,
                "opencode_agent_kind": "subagent" if agent == "explore" else "primary",
                "opencode_project_name": project,
                "opencode_usage_source": "compaction" if compacts else "message",
            }
            yield self._call(at, labels, session, model, place)

    def _call(
        self,
        at: datetime,
        labels: dict[str, str],
        session: str,
        model: tuple[str, str, float, float, float],
        place: int,
    ) -> Call:
        chance = self._chance
        prompt = 9_000 + 1_400 * place + chance.randrange(4_000)
        hit = 0.0 if place == 0 else min(model[4] + chance.uniform(-0.06, 0.04), 0.99)
        read, wrote = int(prompt * hit), int(prompt * (1 - hit) * 0.6)
        tokens = {
            "input": prompt - read - wrote,
            "output": 200 + chance.randrange(1_200),
            "reasoning": chance.randrange(500),
            "cache_read": read,
            "cache_write": wrote,
        }
        cost = (tokens["input"] * 3 + tokens["output"] * 15 + read * 0.3 + wrote * 3.75) / 1e6
        error, outcome = (
            chance.choice(ERRORS) if chance.random() < 0.04 + 0.06 * (model[1] == "glm-4.7") else ("", "ok")
        )
        called = chance.choices(TOOLS, [each[1] for each in TOOLS], k=chance.randrange(3))
        tools = tuple((tool, "error" if chance.random() < fails else "ok") for tool, _, fails in called)
        took = chance.lognormvariate(0, 0.6) * model[3]
        opens, ends_turn = place == 0, place % 4 == 0
        lines = 7 * (place % 5) * sum(tool == "edit" for tool, _ in tools)
        return Call(
            at.timestamp(),
            labels,
            session,
            opens,
            tokens,
            round(cost, 6),
            took,
            outcome,
            error,
            tools,
            ends_turn,
            lines,
        )

    def _gained(self) -> Iterator[Series]:
        """Yield what the rules record: name, labels, and what each window added."""
        found: defaultdict[tuple[str, Labels], Counter[int]] = defaultdict(Counter)
        for call in self.calls:
            window = int(-(-call.at_s // 300) * 300)
            for name, more, value in _added(call):
                found[name, _kept(name, call.labels | more)][window] += value  # type: ignore[assignment] # costs are floats
        for (name, labels), windows in sorted(found.items()):
            yield name, labels, sorted(windows.items())


def _added(call: Call) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield what a call adds: the recorded series, its further labels, and how much."""
    session, ended = {"session_id": call.session}, {"opencode_message_outcome": call.outcome}
    for type_, count in call.tokens.items():
        yield "opencode:token_usage:gained5m", {"gen_ai_token_type": type_}, count
        yield "opencode:session_token_usage:gained5m", session | {"gen_ai_token_type": type_}, count
    yield "opencode:cost_usage:gained5m", {}, call.cost
    yield "opencode:session_cost_usage:gained5m", session, call.cost
    yield "opencode:message_count:gained5m", ended, 1
    if call.opens:
        yield "opencode:session_count:gained5m", {}, 1
    for tool, outcome in call.tools:
        yield "opencode:tool_call_count:gained5m", {"gen_ai_tool_name": tool, "opencode_tool_outcome": outcome}, 1
        yield from _buckets(
            "gen_ai:execute_tool_duration_bucket:gained5m", EXECUTE_TOOL_DURATION, call.took_s / 3, tool
        )
    yield "gen_ai:client_inference_duration_count:gained5m", {"error_type": call.error}, 1
    yield from _buckets("gen_ai:client_inference_duration_bucket:gained5m", INFERENCE_DURATION, call.took_s)
    if call.ends_turn:
        yield "gen_ai:invoke_agent_duration_count:gained5m", {"error_type": call.error}, 1
        yield from _buckets("gen_ai:invoke_agent_duration_bucket:gained5m", INVOKE_AGENT_DURATION, 20 * call.took_s)
    for kind, number in (("added", call.lines), ("removed", call.lines // 3)):
        if number:
            yield "opencode:lines_of_code_count:gained5m", {"type": kind}, number


def _buckets(name: str, of: Metric, took_s: float, tool: str = "") -> Iterator[tuple[str, dict[str, str], float]]:
    for bound in (*of.boundaries, float("inf")):
        le = "+Inf" if bound == float("inf") else str(bound)
        yield name, {"le": le, "gen_ai_tool_name": tool}, float(took_s <= bound)


@cache
def _labels_of(name: str) -> frozenset[str]:
    """Return the labels by which a rule adds up."""
    found = re.match(r"sum by \((.*?)\)", recorded(name))
    assert found is not None, name
    return frozenset(found[1].split(", "))


def _kept(name: str, labels: dict[str, str]) -> Labels:
    return tuple(sorted((label, value) for label, value in labels.items() if value and label in _labels_of(name)))


def _batches(series: Iterable[Series], number: int) -> Iterator[list[Series]]:
    rest = iter(series)
    while some := list(islice(rest, number)):
        yield some


def _send(prometheus: Prometheus, series: Iterable[Series]) -> None:
    """Send series with their times, as OTLP gauges."""
    asked = ExportMetricsServiceRequest()
    metrics = asked.resource_metrics.add().scope_metrics.add().metrics
    for name, labels, samples in series:
        metric = metrics.add(name=name)
        attributes = [KeyValue(key=label, value=AnyValue(string_value=text)) for label, text in labels]
        for at_s, value in samples:
            metric.gauge.data_points.add(time_unix_nano=at_s * 1_000_000_000, as_double=value, attributes=attributes)
    reply = requests.post(
        f"{prometheus.otlp}/v1/metrics",
        data=asked.SerializeToString(),
        headers={"Content-Type": "application/x-protobuf"},
        timeout=60,
    )
    assert reply.status_code == 200, reply.text
