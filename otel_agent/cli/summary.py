"""Answers what ``otel-agent summary`` is asked: on the live screen, on standard output, or into a file.

Nothing here needs Typer: ``summary_command`` parses with it, and ``plain`` does without.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial

from otel_agent.cli import progress, upgrade
from otel_agent.cli.asked import Asked
from otel_agent.cli.output import print_views, write_views
from otel_agent.errors import (
    AmountPassed,
    AmountUndecided,
    LedgerDamaged,
    LedgerError,
    LedgerHeld,
    LedgerNewer,
)
from otel_agent.model.money import dollars_beside
from otel_agent.model.plural import counted
from otel_agent.settings import Settings
from otel_agent.summary.amounts import TokensOrCost
from otel_agent.summary.question import Question, RangeName
from otel_agent.summary.text import words
from otel_agent.summary.view import View, ViewName, with_warning


def show(asked: Asked, settings: Settings, now: Callable[[], datetime]) -> None:
    """Answer what was asked: on the live screen, on standard output, or into a file."""
    from otel_agent.summary.machine import Machine

    # A function, because on the live screen ranges such as "today" move with the clock.
    def question(name: ViewName, chosen: RangeName | None = None) -> Question:
        return asked.question(name, now(), settings.accounting, chosen)

    machine = Machine(settings, now)
    if asked.live:
        from otel_agent.summary.live.opening import run_live

        run_live(machine, question, asked.views[0], settings.state_dir)
        return
    missing = bring_up_to_date(settings, with_calls="tools" in asked.views)
    views = [with_warning(machine.view(name, question(name)), missing) for name in asked.views]
    if asked.else_all_time and views[0].newest is not None and not views[0].totals.is_any:
        views = [with_warning(machine.view(name, question(name, "all")), missing) for name in asked.views]
    if asked.output is None:
        print_views(views, asked.form, settings)
    else:
        write_views(views, asked.form, asked.output)
    if asked.fail_above is not None:
        if missing:
            raise AmountUndecided(f"--fail-above cannot be decided. {missing}")
        _fail_above(asked.fail_above, views[0])


def _fail_above(most: TokensOrCost, view: View) -> None:
    """Raise ``AmountPassed`` if more was used, ``AmountUndecided`` if nobody can know yet."""
    if view.reading is not None:
        raise AmountUndecided(f"--fail-above cannot be decided. {view.reading.in_words(stopped=view.reading_stopped)}")
    used = view.totals.cost_nusd if most.of_cost else view.total_of(view.totals)
    if used > most.number:
        if most.of_cost:
            seen, allowed = dollars_beside(used, most.number)
            raise AmountPassed(f"{seen} USD were used, and --fail-above allows {allowed}.")
        seen = f"{counted(used, 'token')} {'was' if used == 1 else 'were'}"
        raise AmountPassed(f"{seen} used, and --fail-above allows {words.exact(most.number)}.")


def bring_up_to_date(settings: Settings, *, with_calls: bool = False) -> str:
    """Bring the ledger up to date, with a progress bar for a long history. A running agent has done it already.

    ``with_calls`` also reads the tool calls of the history before the ledger, if nobody did so before.

    Return why that is not possible, if the ledger can be read nevertheless; empty if it is up to date. Raises
    ``LedgerError`` if there is nothing to show.
    """
    from otel_agent.intake.at_rest import is_at_rest

    if not with_calls and is_at_rest(settings):
        return ""
    from otel_agent.cli.awaited_calls import wait_for_agent
    from otel_agent.intake.catch_up import catch_up, ignore, read_calls
    from otel_agent.ledger.place import exists, ledger_path

    try:
        with upgrade.shown() as on_migration, progress.shown() as on_progress, progress.calls_shown() as on_calls:
            then = partial(read_calls, on_calls=on_calls) if with_calls else ignore
            try:
                catch_up(settings, on_progress=on_progress, on_migration=on_migration, then=then)
            except LedgerHeld:
                if with_calls:
                    wait_for_agent(settings, on_calls)
    except (LedgerDamaged, LedgerNewer):
        raise
    except LedgerError as error:
        # Whatever keeps it from being read as well, the first error says what to do.
        with suppress(LedgerError):
            if exists(ledger_path(settings.state_dir)):
                return f"What is new is missing: {error}"
        raise
    return ""
