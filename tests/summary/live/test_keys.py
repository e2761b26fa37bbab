"""Keys are named in the help as people write them."""

from __future__ import annotations

import pytest

from otel_agent.summary.live.keys import name_of_key


@pytest.mark.parametrize(
    ("key", "name"),
    [("q", "q"), ("1", "1"), ("slash", "/"), ("shift+tab", "Shift+Tab"), ("ctrl+c", "Ctrl+C"), ("pageup", "PageUp")],
)
def test_a_key_is_named_as_people_write_it(key: str, name: str) -> None:
    assert name_of_key(key) == name
