"""In 0.x a message is a whole turn, and its record says only what the last step used: the recount adds the steps up."""

from __future__ import annotations

from otel_agent.verify.recount.tree import larger


def test_steps_that_used_more_than_the_record_says_are_the_whole() -> None:
    assert larger((100, 20, 0, 5, 0), (180, 35, 2, 0, 0)) == (180, 35, 2, 5, 0)


def test_a_record_that_says_more_than_its_steps_stays_as_it_is() -> None:
    """A part may be missing; then a category of one step alone is no reason for another number."""
    assert larger((180, 35, 0, 0, 0), (100, 40, 0, 0, 0)) == (180, 35, 0, 0, 0)
