"""The small tables of an overview as texts: running processes, tokens by category, active sessions."""

from collections.abc import Iterator, Sequence
from typing import Final

from otel_agent.model import ProcessMode
from otel_agent.model.project import from_home
from otel_agent.summary.answer import ACTIVE_MINUTES
from otel_agent.summary.text import words
from otel_agent.summary.text.budget_words import amount, pace, used_of_limit
from otel_agent.summary.text.column import name_of, place
from otel_agent.summary.view import Process, SessionRow, View, shown

NO_PROCESS: Final = "No OpenCode process is running."
ACTIVE_SESSIONS: Final = f"Sessions active in the last {ACTIVE_MINUTES} minutes"
PROCESS_TITLES: Final = ("PID", "Mode", "CPU", "Memory", "Up", "Directory")
CATEGORY_TITLES: Final = ("Category", "Tokens", "Share")
BUDGET_TITLES: Final = ("Budget", "Used", "Share", "Left", "At this pace")
ACTIVE_TITLES: Final = ("Session", "Project", "Messages", "Tokens")

_MODES: Final = {ProcessMode.CLI: "CLI", ProcessMode.SERVER: "Server", ProcessMode.LSP: "LSP"}


def process_rows(view: View, processes: Sequence[Process]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each process, under ``PROCESS_TITLES``."""
    for process in processes:
        sample = process.sample
        yield (
            str(sample.pid),
            _MODES[sample.mode],
            f"{process.cpu:.1%}",
            words.megabytes(sample.rss_bytes),
            words.uptime(words.since_epoch(sample.created_s, view.now)),
            words.plain(from_home(sample.directory)) or words.NOTHING,
        )


def budget_rows(view: View) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each budget, under ``BUDGET_TITLES``."""
    for budget in view.budgets:
        yield (
            words.plain(f"{budget.name} a {budget.per}"),
            used_of_limit(budget),
            words.share(budget.used, budget.limit),
            amount(budget, budget.left),
            pace(budget, view.now),
        )


def category_rows(view: View) -> Iterator[tuple[str, str, str]]:
    """Yield the cells of each category of tokens, under ``CATEGORY_TITLES``."""
    tokens = shown(view.totals, view.accounting)
    for name, number in zip(words.CATEGORIES, tokens.by_category(), strict=True):
        yield name, words.exact(number), words.share(number, tokens.total)


def active_rows(view: View, sessions: Sequence[SessionRow]) -> Iterator[tuple[str, str, str, str]]:
    """Yield the cells of each active session, under ``ACTIVE_TITLES``."""
    for session in sessions:
        yield (
            name_of(session),
            place(session.project, session.directory),
            words.exact(session.usage.messages),
            words.exact(view.total_of(session.usage)),
        )
