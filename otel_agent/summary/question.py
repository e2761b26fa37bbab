"""What is asked of a view: which time, which messages, in which order, how many rows."""

from typing import Literal, get_args

from msgspec import Struct

from otel_agent.summary.view import Accounting, Range

By = Literal["hour", "day", "week", "month"]
Sort = Literal["tokens", "messages", "cost", "last", "first", "name"]
RangeName = Literal["today", "week", "month", "all"]

RANGE_NAMES: tuple[RangeName, ...] = get_args(RangeName)


class Filters(Struct, frozen=True, kw_only=True):
    """Globs (``*``, ``?``, ``[…]``), upper and lower case alike. Within one kind any may match, of the kinds all must.
    Empty: all."""

    projects: tuple[str, ...] = ()
    """Of the project's name or its directory, ``~`` being the home folder."""
    models: tuple[str, ...] = ()
    """Of the model or of ``provider/model``."""
    agents: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    """Of the session's id or its title."""


class Question(Struct, frozen=True, kw_only=True):
    range: Range
    accounting: Accounting = "recorded"
    filters: Filters = Filters()
    sort: Sort | None = None
    """``None``: sessions by the time of their last message, periods by time, all else by tokens."""
    limit: int | None = None
    """Rows at most; ``None``: all. Of the timeline the latest are kept."""
    by: By = "day"
    rolled_up: bool = False
    """Sessions: sub-agent sessions are added to the one that started them, instead of standing below it."""
    separate_global: bool = False
    """Projects: what ran outside any project by its directory, instead of as one ``(global)``."""
