"""The test of the test: a mistake in the ledger or in an exporter makes the simulator's stories go wrong."""

from __future__ import annotations

import pytest

from tests.simulator.mutants import MUTANTS, PROVOCATIONS, Mutant, caught
from tests.simulator.story import play


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_mistake_is_noticed(mutant: Mutant) -> None:
    assert caught(mutant) is not None, f"{mutant.name}, and no story went wrong"


@pytest.mark.parametrize("number", range(len(PROVOCATIONS)))
def test_nothing_is_noticed_where_there_is_no_mistake(number: int) -> None:
    played = play(PROVOCATIONS[number])
    assert not played.wrong, str(played)
