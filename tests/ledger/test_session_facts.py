"""Of some sessions, the ledger names also those above them: a sub-agent is listed below its parent."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_agent.ledger.queries import open_to_read
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Session


@pytest.mark.parametrize("top", ["", "ses_leaf"], ids=["a tree", "a circle"])
def test_the_facts_of_a_session_come_with_those_of_all_above_it(ledger: Ledger, tmp_path: Path, top: str) -> None:
    """A damaged store can have sessions that call each other; that ends, too."""
    sessions = [
        Session("ses_top", parent_id=top),
        Session("ses_middle", parent_id="ses_top"),
        Session("ses_leaf", parent_id="ses_middle"),
        Session("ses_other", parent_id="ses_top"),
    ]
    with ledger.transaction():
        ledger.messages.record([], sessions, count_from_ms=0)
    with open_to_read(tmp_path / "state") as queries:
        assert queries is not None
        assert queries.session_facts(["ses_leaf"]).keys() == {"ses_leaf", "ses_middle", "ses_top"}
        assert queries.session_facts([]).keys() == set()
        assert queries.session_facts().keys() == {each.id for each in sessions}
