"""A view as plain values, whatever format it is shown in: rows of usage, their totals, and what a limit left out.

Times are aware, in the zone that the view was asked in. ``Usage`` holds the tokens as OpenCode recorded them, and how
many of them are counted in two categories; ``shown`` gives them under the view's accounting.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from otel_agent.ledger.answers import NO_USAGE, KnownCalls, Usage
from otel_agent.ledger.reading import Reading
from otel_agent.model import LoopKind, ProcessSample, Tokens, without_overlap
from otel_agent.model.project import is_outside_any
from otel_agent.summary.prices import Equivalents
from otel_agent.summary.question import Accounting, By, Question, Range

ViewName = Literal["overview", "sessions", "projects", "models", "agents", "timeline", "tools"]
VIEW_NAMES: Final[tuple[ViewName, ...]] = get_args(ViewName)
USAGE_VIEWS: Final = VIEW_NAMES[:-1]
"""The views whose rows add up to their totals. A message that called two tools is in two rows of the view of tools."""
GLOBAL: Final = "(global)"
"""The project of everything that ran outside any project."""


def outside_in(directory: str) -> str:
    """Return the name of what ran in a directory outside any project: such a directory can be a project's folder too."""
    return f"{GLOBAL} {directory}" if directory else GLOBAL


def project_of(worktree: str) -> str:
    """Return the project with this worktree, ``(global)`` if it means none."""
    return GLOBAL if is_outside_any(worktree) else worktree


def folder_of(project: str, directory: str) -> str:
    """Return the folder of what ran in a directory of a project: the project's own, unless it ran outside any."""
    return directory if project == GLOBAL else project


class Row(Struct, frozen=True, kw_only=True):
    """The usage of one model, project, agent, session or period. Models are plain rows; the other kinds add facts."""

    key: str
    """Provider/model, directory, agent, session id or period; empty if storage does not name one. No two rows have the
    same."""
    usage: Usage


class SessionRow(Row, frozen=True, kw_only=True):
    """One session with its own usage, and its place in the tree of sub-agents."""

    title: str
    project: str
    """Directory of the project; ``(global)`` outside any."""
    directory: str
    """Its own directory; empty if it is not known."""
    parent: str
    """Id of the session whose agent started this one; empty if a person started it."""
    depth: int
    """0, or one more than the depth of the ancestor's row above it."""
    first: datetime
    last: datetime
    with_subagents: Usage
    """Its own usage plus the usage of all sessions below it."""
    repository: str = ""
    """The git repository of its last message in the range; empty if it is not known. See ``View.has_checkouts``."""
    branches: tuple[str, ...] = ()
    """The branches on which its messages in the range began, by when the first message of each ended."""

    @property
    def folder(self) -> str:
        """Where OpenCode opens it: the project's directory, or its own outside any."""
        return folder_of(self.project, self.directory)


class ProjectRow(Row, frozen=True, kw_only=True):
    """One project, with the times of its first and last message in the range."""

    directory: str
    """Its folder, or the one outside any project; empty if the row is all of ``(global)``, or if it is not known."""
    first: datetime
    last: datetime


class AgentRow(Row, frozen=True, kw_only=True):
    """One OpenCode agent."""

    configured: str
    """The model that OpenCode's configuration gives this agent, ``provider/model``; empty if it gives none."""


class ToolRow(Row, frozen=True, kw_only=True):
    """One tool, or all tools of one MCP server. Its usage is that of the messages that made the calls."""

    server: str
    """The MCP server; empty for a tool of OpenCode's own, and if nothing says which one it is."""
    server_known_by: str
    """``config``, ``name``, or empty."""
    calls: int
    failed: int
    aborted: int
    """Calls that a person or the end of OpenCode broke off. They are in no time."""
    timed: int
    """Calls that ended by themselves and have times."""
    p50_ms: int | None
    p95_ms: int | None
    first: datetime
    last: datetime

    @property
    def failed_share(self) -> float:
        """The share of the calls that failed."""
        return self.failed / self.calls if self.calls else 0.0


class ToolCalls(Struct, frozen=True, kw_only=True):
    """The tool calls of all rows, and what is not in them. Only a view of tools has it."""

    calls: int
    failed: int
    aborted: int
    servers: Sequence[ToolRow]
    """A row for each MCP server that is known, with the calls of all its tools."""
    known: KnownCalls
    """Of how many messages the calls are known."""


class PeriodRow(Row, frozen=True, kw_only=True):
    """One hour, day, week or month; periods without usage are rows too."""

    since: datetime
    until: datetime


class BudgetState(Struct, frozen=True, kw_only=True):
    """One budget at one moment. Amounts are tokens, or billionths of a US dollar if ``of_cost``."""

    name: str
    per: str
    """``day``, ``week`` (from Monday) or ``month``, of the calendar."""
    of_cost: bool
    limit: int
    used: int
    since: datetime
    until: datetime
    """When the next day, week or month begins."""
    reached: datetime | None
    """When it is used up if it goes on as in the part that has passed; ``None`` if that is not before ``until``."""

    @property
    def left(self) -> int:
        """What may still be used; 0 if it is passed."""
        return max(self.limit - self.used, 0)

    def has_reached(self, percent: float) -> bool:
        """Return True if that part of the limit is used, or more."""
        # By integers: a limit may have more digits than a float.
        numerator, denominator = percent.as_integer_ratio()
        return self.used > 0 and self.used * 100 * denominator >= numerator * self.limit

    @property
    def is_passed(self) -> bool:
        """True if more than the limit is used."""
        return self.used > self.limit


class LoopSeen(Struct, frozen=True, kw_only=True):
    """A session that went round in circles: see ``intake.loop_radar``."""

    session: str
    title: str
    kind: LoopKind
    tool: str
    """The tool that was called with the same input; empty if the model was called too often."""
    calls: int
    """How often: for a rate, the most in a minute."""
    since: datetime
    until: datetime
    """When the last such call ended."""


class Cut(Struct, frozen=True):
    """The rows that ``--limit`` left out."""

    rows: int
    usage: Usage
    """``sessions`` is 0 when several rows may share a session, as models and agents do."""


class Process(Struct, frozen=True):
    """A running OpenCode."""

    sample: ProcessSample
    cpu: float
    """Utilisation in cores since the previous sample, or since the process started; 1.0 is one core."""


class Activity(Struct, frozen=True):
    """The processes and sessions that are active at the moment of the answer. Only an overview has it."""

    processes: Sequence[Process]
    sessions: Sequence[SessionRow]
    """Sessions with a message in the last minutes, the latest first, each with all the usage it ever had."""


Rhythm = tuple[tuple[int, ...], ...]
"""Tokens by weekday, from Monday, and hour of the day: seven rows of 24."""


class Trend(Struct, frozen=True):
    """The usage of a range in equal steps, oldest first; steps without usage are there too."""

    by: By
    periods: tuple[PeriodRow, ...]


class Before(Struct, frozen=True):
    """The usage in the time before the range, to compare with."""

    range: Range
    usage: Mapping[str, Usage]
    """The usage of each row by its key. What had none is not in it."""
    totals: Usage


class View(Struct, frozen=True, kw_only=True):
    """The answer to one question at one moment."""

    name: ViewName
    question: Question
    """The question that this answers."""
    rows: Sequence[Row]
    """Rows of the kind that belongs to ``name``; an overview lists models."""
    totals: Usage
    """The usage of all rows, those that were cut included; each session counts once."""
    unattributed: Usage = NO_USAGE
    """The part of ``totals`` that belongs to no message: only OpenCode's own totals of a session know it."""
    cut: Cut | None = None
    before: Before | None = None
    """``None`` unless the question asks to compare."""
    newest: datetime | None
    """When the newest message in the ledger ended, whatever the range; ``None`` if nothing was ever counted."""
    now: datetime
    activity: Activity | None = None
    tools: ToolCalls | None = None
    """Only a view of tools has it."""
    budgets: Sequence[BudgetState] = ()
    """The budgets of the settings; only an overview has them."""
    loops: Sequence[LoopSeen] = ()
    """The loops in the time of the question, the latest first; only an overview has them."""
    equivalents: Equivalents | None = None
    """``None`` unless the settings name a file of prices."""
    trend: Trend | None = None
    """``None`` unless the question asks for it."""
    rhythm: Rhythm | None = None
    """``None`` unless the question asks for it."""
    has_checkouts: bool = False
    """True if repository and branches of sessions were looked up."""
    warnings: tuple[str, ...] = ()
    """Sentences that a reader needs to trust the numbers; each says what to do."""
    brief_warnings: tuple[str, ...] = ()
    """The warnings as a terminal shows them, without long lists; empty if they are short already."""
    hints: tuple[str, ...] = ()
    """Sentences that are only good to know, such as a configuration file that is not valid JSON."""
    reading: Reading | None = None
    """How far the reading of history is; ``None`` if it has ended. Until then all numbers are too small."""
    reading_stopped: bool = False
    """True if no process reads on now."""

    @property
    def range(self) -> Range:
        """The time of the question."""
        return self.question.range

    @property
    def accounting(self) -> Accounting:
        """The accounting of the question."""
        return self.question.accounting

    def total_of(self, usage: Usage) -> int:
        """Return the tokens of a usage, summed over the categories under this view's accounting."""
        return shown(usage, self.accounting).total


def with_warning(view: View, sentence: str) -> View:
    """Return the view with a further warning, which is its first; an empty one changes nothing."""
    if not sentence:
        return view
    brief = (sentence, *view.brief_warnings) if view.brief_warnings else ()
    return replace(view, warnings=(sentence, *view.warnings), brief_warnings=brief)


def shown(usage: Usage, accounting: Accounting) -> Tokens:
    """Return the tokens under an accounting: as recorded, or each token in one category only."""
    return usage.tokens if accounting == "recorded" else without_overlap(usage.tokens, usage.overlap)


def overlap(usage: Usage) -> int:
    """Return how many tokens the recorded totals count twice."""
    return usage.overlap.cached_in_input + usage.overlap.reasoning_in_output


def cache_hit_ratio(usage: Usage) -> float | None:
    """Return the share of prompt tokens that came from the cache, or ``None`` if there were no prompt tokens.

    The ratio is the same under both accountings: it counts a cached token once even if an old OpenCode recorded it
    inside the input too.
    """
    tokens = without_overlap(usage.tokens, usage.overlap)
    prompt = tokens.input + tokens.cache_read + tokens.cache_write
    return tokens.cache_read / prompt if prompt > 0 else None
