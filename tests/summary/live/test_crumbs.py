"""The way through the views: a chosen row means that row alone, and wins over what the command line asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from fnmatch import fnmatchcase

import pytest

from otel_agent.ledger.answers import Usage
from otel_agent.model import Overlap, Tokens
from otel_agent.summary.live.crumbs import Crumb
from otel_agent.summary.question import Filters, Question
from otel_agent.summary.ranges import named_range
from otel_agent.summary.view import Row, ViewName

NOTHING = Usage(0, 0, Tokens(), Overlap(), 0)
ASKED = Question(
    range=named_range("all", datetime(2026, 1, 23, tzinfo=UTC)),
    filters=Filters(projects=("app*", "other"), models=("zai/*",)),
)


def row(key: str) -> Row:
    return Row(key=key, usage=NOTHING)


@pytest.mark.parametrize("key", ["/dev/[app]", "/dev/what?", "/dev/a*b", "/dev/[!x]*?]"])
@pytest.mark.parametrize(
    ("view", "kind"),
    [("projects", "project"), ("models", "model"), ("agents", "agent"), ("overview", "model")],
)
def test_a_chosen_row_means_its_own_name_alone(view: ViewName, kind: str, key: str) -> None:
    """Brackets, stars and question marks in it are no patterns."""
    crumb = Crumb(view).into(row(key))
    assert crumb is not None
    chosen = {name: globs for name, globs in crumb.filters.by_kind.items() if globs}
    assert list(chosen) == [kind]
    ((glob,),) = chosen.values()
    assert fnmatchcase(key, glob)
    assert [
        other for other in ("/dev/a", "/dev/whatx", "/dev/axb", "/dev/b", f"{key}x") if fnmatchcase(other, glob)
    ] == []


def test_a_chosen_row_wins_over_the_globs_that_it_matched() -> None:
    crumb = Crumb("projects").into(row("app1"))
    assert crumb is not None
    asked = crumb.narrowed(ASKED).filters
    assert asked.by_kind == Filters(projects=("app1",), models=("zai/*",)).by_kind
    assert asked.projects == ("app*", "other"), "they may leave out a part of what the row is about"


def test_rows_of_two_kinds_are_both_meant() -> None:
    first = Crumb("projects").into(row("app1"), "models")
    assert first is not None
    second = first.into(row("zai/glm"))
    assert second is not None
    assert second.view == "timeline"
    assert second.narrowed(ASKED).filters.by_kind == Filters(projects=("app1",), models=("zai/glm",)).by_kind


def test_nobody_knows_what_the_calls_of_a_tool_used() -> None:
    assert Crumb("tools").into(row("bash")) is None
