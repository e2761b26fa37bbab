"""A gateway in front of a backend that adds up increments itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.real_programs.collector import Collector, otlp_to_files
from tests.team.support.tiers import Secrets, drain, gateway

pytestmark = pytest.mark.collector

COUNT = "opencode.message.count"


def test_increments_add_up_to_the_messages_after_the_first_run(agent: Agent, tmp_path: Path) -> None:
    """The history that the first run finds is no increment. Later messages are, also in a series that is new."""
    secrets, tree, of = Secrets(tmp_path / "tls"), JsonTree(agent.data_dir), session()
    with (
        Collector(otlp_to_files(), tmp_path / "vendor") as vendor,
        gateway(
            tmp_path / "g",
            secrets,
            "gateway/vendor.yaml",
            "gateway/delta.yaml",
            VENDOR_ENDPOINT=vendor.endpoint,
            VENDOR_HEADERS="{x-key: made-up}",
        ) as tier,
    ):
        for number in range(1, 101):
            tree.put_turn(message(of, Tokens(1), counter=number))
        agent.once(**secrets.direct(tier))
        for number in range(101, 104):
            tree.put_turn(message(of, Tokens(1), counter=number))
        tree.put_turn(message(of, Tokens(1), counter=104, model="other"))
        agent.once(**secrets.direct(tier))
        drain(tier)
    increments = [point for point in vendor.points() if point.metric == COUNT]
    assert sum(point.value or 0.0 for point in increments) == 4
    assert {point.temporality for point in increments} == {"delta"}
