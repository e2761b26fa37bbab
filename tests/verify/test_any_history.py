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
            found = Verified(self.agent).unexplained() if self.truth else []
            assert [each for each in found if each[0] != "numbers" or not self._has_only_gone_numbers()] == []
        finally:
            super().teardown()

    def _has_only_gone_numbers(self) -> bool:
        """Return True if the largest copy of a call that a run saw is gone, while a smaller one is still there.

        Nothing on the disk tells that from a ledger that counted too much, so it has to be said.
        """
        for call, seen in self.truth.items():
            copies = [kept.written.tokens for kept in self.kept if kept.call == call]
            if copies and any(most > max(each) for most, each in zip(seen, zip(*copies, strict=True), strict=True)):
                return True
        return False


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
