"""A question to a view: which time, which messages, in which order, how many rows."""

from datetime import datetime
from typing import Literal, get_args

from msgspec import Struct

from otel_agent.model.globs import literally

Accounting = Literal["recorded", "disjoint"]
MessageForm = Literal["table", "csv", "jsonl"]
"""The forms in which messages are listed, one by one."""
By = Literal["hour", "day", "week", "month"]
Sort = Literal["tokens", "messages", "cost", "last", "first", "name", "calls", "failed", "time"]
RangeName = Literal["today", "yesterday", "week", "this-week", "last-week", "month", "this-month", "last-month", "all"]

RANGE_NAMES: tuple[RangeName, ...] = get_args(RangeName)


class Range(Struct, frozen=True):
    """The time from ``since`` (inclusive) to ``until`` (exclusive); ``None`` is open."""

    name: str
    """A ``RangeName``, or ``custom``."""
    since: datetime | None
    until: datetime | None
    zone: str
    """IANA name of the zone in which a day begins."""


class Filters(Struct, frozen=True, kw_only=True):
    """Globs (``*``, ``?``, ``[…]``) that ignore case. A message must match one glob of each kind that has any."""

    projects: tuple[str, ...] = ()
    """Match the project's name or its directory; ``~`` is the home folder."""
    project_rows: tuple[str, ...] = ()
    """Keys of rows of projects that a person chose: of what ``projects`` match, the messages that these rows count.

    No glob says that: a folder outside any project can have the same path."""
    models: tuple[str, ...] = ()
    """Match the model or ``provider/model``."""
    agents: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    """Match the session's id or its title."""

    @property
    def by_kind(self) -> dict[str, tuple[str, ...]]:
        """The globs of each kind by the name of its option. A row that was chosen stands for what it was chosen from."""
        projects = tuple(map(literally, self.project_rows))
        return {
            "project": projects or self.projects,
            "model": self.models,
            "agent": self.agents,
            "session": self.sessions,
        }


class Question(Struct, frozen=True, kw_only=True):
    """Everything that decides a view's rows, except the view's name."""

    range: Range
    accounting: Accounting = "recorded"
    filters: Filters = Filters()
    sort: Sort | None = None
    """``None`` sorts sessions by the time of their last message, periods by time, everything else by tokens."""
    limit: int | None = None
    """The most rows to return; ``None`` returns all. A timeline keeps its latest periods."""
    by: By = "day"
    rolled_up: bool = False
    """Sessions: add sub-agent sessions to the session that started them, instead of listing them below it."""
    separate_global: bool = False
    """Projects: list each directory outside any project, instead of one ``(global)``."""
    with_trend: bool = False
    """Add the tokens step by step."""
    with_rhythm: bool = False
    """Overview and timeline: add the usage by weekday and hour."""
    with_checkouts: bool = False
    """Sessions: add repository and branches, if the settings allow it."""
    compared: bool = False
    """Add the usage in the time before the range, as long as the part of the range that has passed."""
