"""Whatever happened to the stores, and whenever the agent looked: in the end every difference has a name."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.traps.test_any_history import AnyHistory
from tests.verify.verified import Verified


class ProvenHistory(AnyHistory):
    """Any history of calls, rewrites, forks and deletions, at whose end the count is proven."""

    def teardown(self) -> None:
        try:
            found = Verified(self.agent) if self.truth else None
            assert found is None or found.unexplained() == []
        finally:
            super().teardown()


def test_any_history_is_proven() -> None:
    run_state_machine_as_test(
        ProvenHistory,
        settings=settings(
            max_examples=8,
            stateful_step_count=16,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
