"""Where a range, a filter, a number or a mark turns: one step further, the answer is another one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from otel_agent.ledger.answers import Usage
from otel_agent.ledger.place import ledger_path
from otel_agent.ledger.problems import ProblemSummary
from otel_agent.model import Overlap, ProblemKind, Tokens
from otel_agent.settings import Settings
from otel_agent.summary.machine import Machine
from otel_agent.summary.question import Filters, Question
from otel_agent.summary.ranges import custom_range, named_range
from otel_agent.summary.text import words
from otel_agent.summary.text.bars import bar
from otel_agent.summary.text.warnings import problem_sentence
from otel_agent.summary.view import cache_hit_ratio
from tests.summary.made_machine import MadeMachine, activity
from tests.support.made_stores import GLOBAL, T0, message, session
from tests.support.made_stores import Tokens as Used

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime.fromtimestamp(T0 / 1000, UTC)


def put(machine: MadeMachine, number: int, ended: datetime, **of: object) -> None:
    """Write a session of its own with one message that ends at that moment and used one token."""
    at = round(ended.timestamp() * 1000)
    conversation = session(created=at - 90_000, counter=number, **of)
    machine.tree.put_turn(message(conversation, Used(input=1), at=at - 60_000, counter=number, completed=at))


@pytest.mark.parametrize(
    ("filters", "titles"),
    [
        (Filters(), {"one", "other"}),
        (Filters(sessions=("one",)), {"one"}),
        (Filters(sessions=("o*r",)), {"other"}),
        (Filters(projects=("elsewhere",)), set()),
        (Filters(agents=("build",)), {"one", "other"}),
        (Filters(agents=("plan",)), set()),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
def test_active_sessions_pass_each_kind_of_filter(machine: MadeMachine, filters: Filters, titles: set[str]) -> None:
    put(machine, 1, NOW - timedelta(minutes=1), title="one")
    put(machine, 2, NOW - timedelta(minutes=1), title="other")
    found = machine.view("overview", now=NOW, filters=filters)
    assert {each.title for each in activity(found).sessions} == titles


@pytest.mark.parametrize(("glob", "tokens"), [("/", 1), ("/srv", 2), ("/srv/", 2)])
def test_a_project_is_found_by_its_directory_with_or_without_a_slash_at_the_end(
    machine: MadeMachine, glob: str, tokens: int
) -> None:
    """A single slash is the root, in which somebody worked too."""
    put(machine, 1, NOW, project=GLOBAL, directory="/")
    put(machine, 2, NOW, project=GLOBAL, directory="/srv")
    put(machine, 3, NOW, project=GLOBAL, directory="/srv")
    assert machine.view("projects", filters=Filters(projects=(glob,))).totals.tokens.total == tokens


def test_a_timeline_up_to_a_day_in_the_past_ends_with_that_day(machine: MadeMachine) -> None:
    put(machine, 1, datetime(2026, 1, 20, 12, tzinfo=UTC))
    now = datetime(2026, 1, 23, 8, tzinfo=UTC)
    found = machine.view("timeline", now=now, range=custom_range("2026-01-19", "2026-01-21", now))
    assert [row.key for row in found.rows] == ["2026-01-19", "2026-01-20", "2026-01-21"]


def test_a_time_with_an_offset_begins_a_timeline_of_the_zone_that_was_asked_for(machine: MadeMachine) -> None:
    """Half an hour before midnight in UTC it is the next day in Berlin."""
    put(machine, 1, datetime(2026, 1, 20, 12, tzinfo=UTC))
    put(machine, 2, datetime(2026, 1, 20, 23, 30, tzinfo=UTC))
    now = datetime(2026, 1, 22, 8, tzinfo=BERLIN)
    asked = custom_range("2026-01-20T00:00Z", None, now)
    assert asked.since is not None
    assert asked.since.tzinfo is BERLIN
    found = machine.view("timeline", now=now, range=asked)
    assert [(row.key, row.usage.tokens.total) for row in found.rows] == [
        ("2026-01-20", 1),
        ("2026-01-21", 1),
        ("2026-01-22", 0),
    ]
    assert found.totals.tokens.total == 2


@pytest.mark.parametrize(("minutes", "tokens"), [(0, 3), (7, 2), (8, 1), (22, 1), (23, 0)], ids=str)
def test_a_time_within_a_quarter_of_an_hour_is_taken_by_the_minute(
    machine: MadeMachine, minutes: int, tokens: int
) -> None:
    """Sums are kept by quarters of an hour, and answer only for whole ones."""
    begin = datetime(2026, 1, 20, 14, tzinfo=UTC)
    for number, at in enumerate((2, 7, 22)):
        put(machine, number, begin + timedelta(minutes=at, seconds=30 if at == 2 else 0))
    now = datetime(2026, 1, 20, 15, tzinfo=UTC)
    asked = custom_range(f"2026-01-20T14:{minutes:02}", None, now)
    for name in ("models", "sessions", "timeline"):
        found = machine.view(name, now=now, range=asked, by="day")
        assert found.totals.tokens.total == tokens, name
        assert sum(row.usage.tokens.total for row in found.rows) == tokens, name


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (9_999, "9,999"),
        (10_000, "10.0K"),
        (99_949, "99.9K"),
        (99_950, "100K"),
        (999_499, "999K"),
        (999_500, "1.00M"),
        (9_994_999, "9.99M"),
        (9_995_000, "10.0M"),
        (-999_500, "-1.00M"),
    ],
)
def test_a_shortened_number_has_three_digits_after_rounding(number: int, text: str) -> None:
    assert words.compact(number) == text


@pytest.mark.parametrize(
    ("nusd", "text"), [(0, "0.0000"), (1, "<0.0001"), (49_999, "<0.0001"), (50_000, "0.0001"), (10**9, "1.0000")]
)
def test_a_cost_below_the_last_digit_is_not_shown_as_nothing(nusd: int, text: str) -> None:
    assert words.dollars(nusd) == text


@pytest.mark.parametrize(("share", "drawn"), [(0.0, ""), (0.0001, "▏"), (0.5, "█████"), (1.0, "██████████")])
def test_every_share_has_a_bar_that_can_be_seen(share: float, drawn: str) -> None:
    assert bar(share, 10) == drawn


def test_cache_hits_are_a_share_of_everything_that_was_asked() -> None:
    def ratio(tokens: Tokens, overlap: Overlap = Overlap()) -> float | None:  # noqa: B008 - frozen
        return cache_hit_ratio(Usage(1, 1, tokens, overlap, 0))

    assert ratio(Tokens(10, 99, 99, 30, 60)) == 0.3
    assert ratio(Tokens(40, 0, 0, 30, 60), Overlap(cached_in_input=30)) == 0.3
    assert ratio(Tokens(0, 5, 0, 0, 0)) is None


@pytest.mark.parametrize(("places", "named"), [(2, "/a, /b."), (3, "/a, /b, ….")])
def test_a_warning_says_if_it_names_some_places_only(places: int, named: str) -> None:
    assert named in problem_sentence(ProblemSummary(ProblemKind.TOO_LARGE, places, ("/a", "/b")))


def test_a_reader_that_leaves_an_empty_log_behind_changed_nothing(machine: MadeMachine) -> None:
    """The live screen looks at two files several times a second, and asks again only if one was written to."""
    put(machine, 1, NOW)
    machine.view("models")
    here = Machine(Settings(state_dir=machine.state_dir), lambda: NOW)
    here.view("models", Question(range=named_range("all", NOW)))
    log = Path(f"{ledger_path(machine.state_dir)}-wal")
    log.unlink(missing_ok=True)
    assert not here.changed()
    log.touch()
    assert not here.changed()
    log.write_bytes(b"x")
    assert here.changed()
