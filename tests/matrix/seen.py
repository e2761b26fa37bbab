"""What the agent made of it, in each place in which a person can look: ledger, metrics, spans, the six views."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otel_agent.model.message import State
from otel_agent.summary.view import USAGE_VIEWS
from tests.matrix.calls import Call, Calls
from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import Tokens
from tests.support.otlp_receiver import OtlpReceiver, SpanRow
from tests.support.otlp_receiver.rows import Attributes

COST_DECIMALS = 6
"""The decimals of a dollar that are compared. The cheapest call of the scenario costs 0.005."""

TOOL, OUTCOME = "gen_ai.tool.name", "opencode.tool.outcome"


@dataclass(frozen=True, slots=True)
class LedgerRows:
    """The messages of the ledger. `copies` are those with tokens that it left out as fork copies."""

    calls: Calls
    messages: int
    copies: int
    cost: float


@dataclass(frozen=True, slots=True)
class Metrics:
    """The last point of each series. `tools` are calls by name and outcome.

    `input` and `output` are those of `gen_ai.*`: with cached tokens, with reasoning.
    """

    by_model: Mapping[str, Tokens]
    outcomes: Mapping[str, int]
    tools: Mapping[str, int]
    input: int
    output: int
    cost: float


@dataclass(frozen=True, slots=True)
class Spans:
    """The different spans. `orphans` name a parent that never came. `strays` have none, and are no turn of a person's.

    `input` and `output` are those of `gen_ai.*`: with cached tokens, with reasoning.
    """

    calls: Calls
    tools: Mapping[str, int]
    input: int
    output: int
    number: int
    repeated: int
    orphans: Sequence[str]
    strays: Sequence[str]


@dataclass(frozen=True, slots=True)
class View:
    """One view of `summary`: the total that it shows, and the sum of its rows."""

    tokens: int
    messages: int
    cost: float
    tokens_of_rows: int


@dataclass(frozen=True, slots=True)
class Seen:
    """All places."""

    ledger: LedgerRows
    metrics: Metrics
    spans: Spans
    views: Mapping[str, View]


def ledger_rows(state_dir: Path) -> LedgerRows:
    """Read the ledger as it is now. It is empty if there is no file yet."""
    path = state_dir / "ledger.db"
    if not path.exists():
        return LedgerRows(Counter(), 0, 0, 0.0)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        kinds = ", ".join(Tokens._fields)
        found = database.execute(f"SELECT state, cost_nusd, model, {kinds} FROM message").fetchall()
    counted = [row for row in found if row[0] == State.COUNTED]
    calls = Counter(Call(row[2], Tokens(*row[3:])) for row in counted if any(row[3:]))
    copies = sum(1 for row in found if row[0] == State.COPY and any(row[3:]))
    return LedgerRows(calls, len(counted), copies, sum(row[1] for row in counted) / 1e9)


def metrics(receiver: OtlpReceiver) -> Metrics:
    """Read what the receiver got."""
    arrived = Arrived(receiver)
    by_model = arrived.tokens_by("gen_ai.request.model")
    return Metrics(
        by_model,
        outcomes=arrived.messages_by("opencode.message.outcome"),
        tools=_tools(receiver),
        input=arrived.genai("input_tokens"),
        output=arrived.genai("output_tokens"),
        cost=arrived.cost(),
    )


def spans(receiver: OtlpReceiver) -> Spans:
    """Read what the receiver got."""
    arrived = receiver.spans()
    found = {span.span_id: span for span in arrived}
    chats = [span for span in found.values() if span.name.startswith("chat ")]
    calls = [_call(span) for span in chats]
    below = [span for span in found.values() if span.parent_span_id]
    return Spans(
        calls=Counter(call for call in calls if call),
        tools=Counter(_tool(span.attributes) for span in found.values() if TOOL in span.attributes),
        input=sum(_whole(span, "gen_ai.usage.input_tokens") for span in chats),
        output=sum(_whole(span, "gen_ai.usage.output_tokens") for span in chats),
        number=len(found),
        repeated=len(arrived) - len(found),
        orphans=[span.name for span in below if span.parent_span_id not in found],
        strays=[span.name for span in found.values() if not span.parent_span_id and not _is_asked_by_a_person(span)],
    )


def views(agent: Agent) -> Mapping[str, View]:
    """Ask the six views for all time."""
    with agent.process("summary", "--all-views", "--range", "all", "--json") as summary:
        done = summary.wait()
    assert done.returncode == 0, done.stderr
    found = {view["view"]: _view(view) for view in json.loads(done.stdout)["views"] if view["view"] in USAGE_VIEWS}
    assert tuple(found) == USAGE_VIEWS, f"these are not the six views: {', '.join(found)}"
    return found


def _view(view: Mapping[str, Any]) -> View:
    totals, cut = view["totals"], view["cut"]
    rows = [*view["rows"], *([cut] if cut else [])]
    return View(
        tokens=totals["tokens"]["total"],
        messages=totals["messages"],
        cost=totals["cost_usd"],
        tokens_of_rows=sum(row["tokens"]["total"] for row in rows),
    )


def _tools(receiver: OtlpReceiver) -> Mapping[str, int]:
    calls: Counter[str] = Counter()
    for (metric, _), point in receiver.latest().items():
        if metric == "opencode.tool.call.count" and point.value:
            calls[_tool(point.attributes)] += int(point.value)
    return calls


def _tool(attributes: Attributes) -> str:
    """Return the name and the outcome of a tool call, such as "bash ok"."""
    return " ".join(str(attributes[name]) for name in (TOOL, OUTCOME))


def _is_asked_by_a_person(span: SpanRow) -> bool:
    return span.name.startswith("invoke_agent ") and "opencode.session.parent.id" not in span.attributes


def _call(span: SpanRow) -> Call | None:
    numbers = Tokens(*(_whole(span, f"opencode.token.{kind}") for kind in Tokens._fields))
    return Call(str(span.attributes["gen_ai.request.model"]), numbers) if any(numbers) else None


def _whole(span: SpanRow, name: str) -> int:
    return int(str(span.attributes.get(name, 0)))
