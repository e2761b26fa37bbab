"""An id carries the time at which it was minted, which tells a fork copy from the message itself."""

from __future__ import annotations

import pytest

from otel_agent.model import Generation, Session
from otel_agent.opencode.ids import looks_copied, minted_after_ms
from tests.support.made_stores.ids import message_id

T0 = 1_769_174_692_533
ENDED = T0 + 4_000


@pytest.mark.parametrize(
    ("minted_ms", "copied"),
    [(0, False), (15, False), (2_000, False), (2_001, True), (-2_000, False), (-2_001, True), (86_400_000, True)],
)
@pytest.mark.parametrize("generation", [Generation.TREE, Generation.V1, Generation.V2])
def test_an_id_of_another_time_than_its_message_is_a_copys(
    generation: Generation, minted_ms: int, copied: bool
) -> None:
    """Earlier is as suspicious as later: a clock can have been set back before the fork."""
    id_ = message_id(T0 + minted_ms)
    assert minted_after_ms(id_, T0) == minted_ms
    assert looks_copied(generation, id_, T0, ENDED, Session("ses_1", created_ms=T0 - 500)) is copied


@pytest.mark.parametrize(
    ("generation", "began_ms", "copied"),
    [
        (Generation.V2, T0 + 1, True),
        (Generation.V2, T0, False),
        (Generation.V1, T0 + 1, False),
        (Generation.V1, ENDED + 1, True),
        (Generation.V1, ENDED, False),
    ],
)
def test_a_message_that_is_older_than_its_session_is_a_copy(
    generation: Generation, began_ms: int, copied: bool
) -> None:
    """The import into 2.x moves the end of a message, so there its beginning says whether it is older."""
    assert looks_copied(generation, message_id(T0), T0, ENDED, Session("ses_1", created_ms=began_ms)) is copied


def test_the_ids_by_which_2_x_marks_copies_are_known() -> None:
    assert looks_copied(Generation.V2, "msg_5f0c2b6a93d1_3", T0, ENDED, Session("ses_1", created_ms=T0 - 500))
