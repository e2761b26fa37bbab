"""What a view is made of, whatever format it is shown in: rows of usage, what they add up to, and what was cut.

Times are aware, in the zone that the view was asked in. ``Usage`` holds the recorded tokens and what of them stands in
two categories; ``shown`` gives them under the view's accounting.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Generic, Literal, TypeVar, get_args

from msgspec import Struct

from otel_agent.ledger.answers import Usage
from otel_agent.model import ProcessSample, Tokens, without_overlap

ViewName = Literal["overview", "sessions", "projects", "models", "agents", "timeline"]
VIEW_NAMES: Final[tuple[ViewName, ...]] = get_args(ViewName)
GLOBAL: Final = "(global)"
"""The project of what ran outside any."""
Accounting = Literal["recorded", "disjoint"]


class Range(Struct, frozen=True):
    """From ``since`` (inclusive) to ``until`` (exclusive); ``None`` is open."""

    name: str
    """``today``, ``week``, ``month``, ``all``, or ``custom``."""
    since: datetime | None
    until: datetime | None
    zone: str
    """IANA name of the zone in which a day begins."""


class Row(Struct, frozen=True, kw_only=True):
    key: str
    """Provider/model, directory, agent, session id or period; empty where storage does not tell."""
    usage: Usage


class SessionRow(Row, frozen=True, kw_only=True):
    title: str
    project: str
    """Directory of the project; outside any, the session's own; ``(global)`` where neither is known."""
    parent: str
    """Id of the session whose agent started this one; empty for one that a person started."""
    depth: int
    """0, or one more than the row of the parent, which stands above it."""
    first: datetime
    last: datetime
    with_subagents: Usage
    """Its own usage and that of all sessions below it."""


class ProjectRow(Row, frozen=True, kw_only=True):
    first: datetime
    last: datetime


class AgentRow(Row, frozen=True, kw_only=True):
    configured: str
    """The model that the configuration gives this agent, ``provider/model``; empty where it gives none."""


class PeriodRow(Row, frozen=True, kw_only=True):
    """One hour, day, week or month; days without use are rows too."""

    since: datetime
    until: datetime


class Cut(Struct, frozen=True):
    """The rows that ``--limit`` left out."""

    rows: int
    usage: Usage
    """``sessions`` is 0 where the rows share sessions, as models and agents do."""


R_co = TypeVar("R_co", bound=Row, covariant=True)


class View(Struct, Generic[R_co], frozen=True, kw_only=True):
    name: ViewName
    range: Range
    accounting: Accounting
    rows: Sequence[R_co]
    totals: Usage
    """Of the rows and of what was cut: everything that was asked for, each session once."""
    cut: Cut | None = None
    newest: datetime | None
    """When the newest message of all ended; ``None`` where nothing was ever counted."""
    now: datetime
    warnings: tuple[str, ...] = ()
    """What a reader has to know to trust the numbers, each a sentence that says what to do."""
    hints: tuple[str, ...] = ()
    """What is only good to know, such as a configuration file that is not JSON."""


class Overview(View[Row], frozen=True, kw_only=True):
    """The rows are models, the most used first."""

    processes: Sequence["Process"]
    active: Sequence[SessionRow]
    """Sessions with a message in the last minutes, the latest first, each with all it ever used."""


class Process(Struct, frozen=True):
    """A running OpenCode."""

    sample: ProcessSample
    cpu: float
    """Utilisation in cores, 1.0 being one core: since the sample before, at first since the process started."""


def shown(usage: Usage, accounting: Accounting) -> Tokens:
    """The tokens under an accounting: as recorded, or each in one category only."""
    return usage.tokens if accounting == "recorded" else without_overlap(usage.tokens, usage.overlap)


def overlap(usage: Usage) -> int:
    """Tokens that recorded totals hold twice."""
    return usage.overlap.cached_in_input + usage.overlap.reasoning_in_output


def cache_hit_ratio(usage: Usage) -> float | None:
    """Prompt tokens that came from the cache, of all prompt tokens; ``None`` where there were none. By the disjoint
    numbers, whichever are shown: cached tokens that an old release recorded inside the input too count once."""
    tokens = without_overlap(usage.tokens, usage.overlap)
    prompt = tokens.input + tokens.cache_read + tokens.cache_write
    return tokens.cache_read / prompt if prompt > 0 else None
