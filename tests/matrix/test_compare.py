"""A difference between the bill, OpenCode's records and any place of the agent's is named with its amount."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.matrix.calls import Call
from tests.matrix.compare import Truth, differences
from tests.matrix.seen import LedgerRows, Metrics, Seen, Spans, View
from tests.support.made_stores import Tokens
from tests.support.real_opencode.provider import Usage

ONE = Call("ink-1", Tokens(1_000, 50, 10, 300, 0))
OTHER = Call("quill-2", Tokens(2_000, 60, 0, 0, 0))
ABORTED = Call("quill-2", Tokens(4_000, 70, 0, 0, 0))
STRANGE = Call("ink-1", Tokens(7, 7, 0, 0, 0))

TRUTH = Truth(
    billed=Counter([ONE, OTHER, ABORTED]),
    usage={ONE: Usage(1_300, 300, 60, 10), OTHER: Usage(2_000, 0, 60, 0), ABORTED: Usage(4_000, 0, 70, 0)},
    broken=Counter([ABORTED]),
    rows=Counter([ONE, OTHER, OTHER]),
    copies=1,
    outcomes={"ok": 2, "aborted": 1},
    tools={"bash ok": 2},
    cost=0.25,
)
VIEW = View(tokens=3_420, messages=3, cost=0.25, tokens_of_rows=3_420)
SEEN = Seen(
    ledger=LedgerRows(calls=Counter([ONE, OTHER]), messages=3, copies=1, cost=0.25),
    metrics=Metrics(
        by_model={"ink-1": ONE.tokens, "quill-2": OTHER.tokens},
        outcomes={"ok": 2, "aborted": 1},
        tools={"bash ok": 2},
        input=3_300,
        output=120,
        cost=0.25,
    ),
    spans=Spans(
        calls=Counter([ONE, OTHER]),
        tools={"bash ok": 2},
        input=3_300,
        output=120,
        number=6,
        repeated=0,
        orphans=(),
        strays=(),
    ),
    views={"overview": VIEW, "models": VIEW},
)


def test_nothing_differs_if_each_place_has_each_recorded_call_once() -> None:
    assert differences(TRUTH, SEEN) == []


def test_a_bill_that_was_doctored_differs_from_what_opencode_recorded() -> None:
    more = Call(OTHER.model, OTHER.tokens._replace(input=2_001))
    usage = {**TRUTH.usage, more: Usage(2_001, 0, 60, 0)}
    found = differences(replace(TRUTH, billed=Counter([ONE, more, ABORTED]), usage=usage), SEEN)
    assert "OpenCode did not record: 1 of 2,061 tokens (quill-2 2001 + 60 + 0 + 0 + 0)" in found
    assert "OpenCode recorded what nobody billed: 1 of 2,060 tokens (quill-2 2000 + 60 + 0 + 0 + 0)" in found
    assert "ledger has too much: 1 of 2,060 tokens (quill-2 2000 + 60 + 0 + 0 + 0)" in found
    assert "metrics: input of quill-2: 2,000 and not 0 (+2,000)" in found


def test_a_bill_without_a_call_differs_from_every_place() -> None:
    found = differences(replace(TRUTH, billed=Counter([ONE, ABORTED])), SEEN)
    places = {sentence.partition(":")[0].split(" ")[0] for sentence in found}
    assert places == {"OpenCode", "ledger", "metrics", "spans", "summary"}


def test_a_call_may_be_unrecorded_only_if_its_turn_was_broken_off() -> None:
    found = differences(replace(TRUTH, broken=Counter()), SEEN)
    assert found == ["OpenCode did not record: 1 of 4,070 tokens (quill-2 4000 + 70 + 0 + 0 + 0)"]


def test_two_calls_of_the_same_usage_cannot_be_told_apart() -> None:
    (found,) = differences(replace(TRUTH, billed=Counter([ONE, ONE, OTHER, ABORTED])), SEEN)[:1]
    assert found.startswith("bill: calls with the same usage, which the scenario must not have: 1 of 1,360 tokens")


@pytest.mark.parametrize(
    ("doctored", "sentence"),
    [
        (
            lambda seen: replace(seen, ledger=replace(seen.ledger, calls=Counter([ONE, OTHER, OTHER]))),
            "ledger has too much: 1 of 2,060 tokens (quill-2 2000 + 60 + 0 + 0 + 0)",
        ),
        (
            lambda seen: replace(seen, ledger=replace(seen.ledger, copies=2)),
            "ledger: fork copies left out: 2 and not 1 (+1)",
        ),
        (
            lambda seen: replace(seen, ledger=replace(seen.ledger, messages=2)),
            "ledger: messages: 2 and not 3 (-1)",
        ),
        (
            lambda seen: replace(seen, metrics=replace(seen.metrics, by_model={"ink-1": ONE.tokens})),
            "metrics: input of quill-2: 0 and not 2,000 (-2,000)",
        ),
        (
            lambda seen: replace(seen, metrics=replace(seen.metrics, outcomes={"ok": 3})),
            "metrics: messages aborted: 0 and not 1 (-1)",
        ),
        (
            lambda seen: replace(seen, metrics=replace(seen.metrics, output=121)),
            "metrics: output of gen_ai: 121 and not 120 (+1)",
        ),
        (
            lambda seen: replace(seen, metrics=replace(seen.metrics, cost=0.26)),
            "metrics: cost 0.260000 and not 0.250000 (+0.010000)",
        ),
        (
            lambda seen: replace(seen, spans=replace(seen.spans, calls=Counter([ONE, STRANGE]))),
            "spans lacks: 1 of 2,060 tokens (quill-2 2000 + 60 + 0 + 0 + 0)",
        ),
        (
            lambda seen: replace(seen, spans=replace(seen.spans, calls=Counter([ONE, OTHER, STRANGE]))),
            "spans has too much: 1 of 14 tokens (ink-1 7 + 7 + 0 + 0 + 0)",
        ),
        (
            lambda seen: replace(seen, spans=replace(seen.spans, tools={"bash ok": 1, "bash aborted": 1})),
            "spans: tool calls, bash aborted: 1 and not 0 (+1)",
        ),
        (
            lambda seen: replace(seen, spans=replace(seen.spans, orphans=["chat ink-1"])),
            "spans: chat ink-1 has a parent that never came",
        ),
        (
            lambda seen: replace(seen, spans=replace(seen.spans, strays=["invoke_agent scout"])),
            "spans: invoke_agent scout has no parent",
        ),
        (
            lambda seen: replace(seen, views={**seen.views, "models": replace(VIEW, tokens_of_rows=3_419)}),
            "summary models: tokens of its rows: 3,419 and not 3,420 (-1)",
        ),
        (
            lambda seen: replace(seen, views={**seen.views, "overview": replace(VIEW, messages=4)}),
            "summary overview: messages: 4 and not 3 (+1)",
        ),
    ],
)
def test_each_place_is_compared(doctored: Callable[[Seen], Seen], sentence: str) -> None:
    assert sentence in differences(TRUTH, doctored(SEEN))
