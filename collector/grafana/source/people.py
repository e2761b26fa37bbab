"""The dashboard of teams and people: who uses OpenCode, how much, and how that changes."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from collector.grafana.source import names, panels
from collector.grafana.source.panels import bars, legend, lines, number
from collector.grafana.source.queries import (
    BEFORE,
    CHOICES,
    RANGE,
    added_up,
    change,
    for_legends,
    how_many,
    since,
    used,
    with_choices,
)
from collector.grafana.source.tables import DOLLARS, ROWS, Column, most, ranking
from otel_agent.semconv import (
    COST_USAGE,
    MESSAGE_COUNT,
    SESSION_COST_USAGE,
    SESSION_COUNT,
    SESSION_TOKEN_USAGE,
    TOKEN_USAGE,
)

_DAY: Final = "1d"
_THAT_DAY: Final = " offset -1d"
"""A bar stands at the beginning of its day."""
_STEPS: Final = ((None, "text"), (0.5, "orange"))
"""The color of a change: half as much again is worth a look."""


def board() -> Dashboard:
    """Build the dashboard."""
    made = panels.board(
        "otel-agent-people",
        "OpenCode: teams and people",
        "Who uses OpenCode, how much, and how that changes. Up to seven minutes behind; days are those of the browser.",
        since="now-7d",
        refresh="5m",
    )
    return panels.with_rows(
        with_choices(made, *CHOICES),
        {
            "This time, and the same time before": (*_numbers(), *_changes()),
            "Teams": (_teams(), _cost_of_teams()),
            "People": (_people(),),
            "Each day": _days(),
            "Sessions": (_sessions(),),
        },
    )


def _figures(offset: str = "") -> dict[str, str]:
    """Return the queries of the headline figures by their titles, for this time or for another one."""
    return {
        "People": how_many(names.PERSON, offset=offset),
        "Machines": how_many(names.HOST, offset=offset),
        "Sessions": used(SESSION_COUNT, offset=offset),
        "Tokens": used(TOKEN_USAGE, offset=offset),
        "Cost": used(COST_USAGE, offset=offset),
    }


def _numbers() -> Sequence[Builder[Panel]]:
    about = {
        "People": "Users who used OpenCode; a machine without a user counts as a person.",
        "Sessions": "Sessions that began in this time, also those of sub-agents.",
        "Cost": "As OpenCode recorded it.",
    }
    figures = (
        number(title, query, "currencyUSD" if title == "Cost" else "short", about.get(title, ""))
        for title, query in _figures().items()
    )
    return *figures, _adoption()


def _adoption() -> Builder[Panel]:
    labels = {label: CHOICES[label] for label in (names.TEAM, names.USER, names.HOST)}
    heard = f"last_over_time(otel_agent:instance:heard1h{panels.chosen(labels)}[{RANGE}])"
    active = used(MESSAGE_COUNT, names.PERSON)
    known = f"count({added_up(heard, names.PERSON)} or {active})"
    about = "People who used OpenCode, as a share of everybody whose otel-agent reported in this time."
    return number("Adoption", f"count({active}) / {known}", "percentunit", about)


def _changes() -> Sequence[Builder[Panel]]:
    before = _figures(BEFORE)
    return tuple(
        number(
            f"{title}: change",
            change(query, before[title]),
            "percentunit",
            "Against the time before, which is as long. Empty if nothing was recorded then.",
            empty="nothing before",
            steps=_STEPS if title in ("Tokens", "Cost") else (),
        )
        for title, query in _figures().items()
    )


def _teams() -> Builder[Panel]:
    by = names.TEAM
    cost, before = (used(COST_USAGE, by, offset=offset) for offset in ("", BEFORE))
    columns = (
        Column("Cost", cost, DOLLARS, bar=True),
        Column("Before", before, DOLLARS),
        Column("Change", change(cost, before), "percentunit", steps=_STEPS, decimals=0, width=80),
        Column("Tokens", used(TOKEN_USAGE, by), width=120),
        Column("People", how_many(names.PERSON, by), width=70),
        Column("Machines", how_many(names.HOST, by), width=85),
        Column("Sessions", used(SESSION_COUNT, by), width=80),
    )
    about = "Before and Change are about the cost in the time before, which is as long."
    return ranking("Teams", columns, {by: "Team"}, about, span=16)


def _cost_of_teams() -> Builder[Panel]:
    cost = for_legends(used(COST_USAGE, names.TEAM, window=_DAY, offset=_THAT_DAY))
    return bars("Cost by team, each day", cost, legend(names.TEAM), "currencyUSD").interval(_DAY).span(8)


def _people() -> Builder[Panel]:
    by = names.PERSON, names.TEAM
    cost, before = (used(COST_USAGE, *by, offset=offset) for offset in ("", BEFORE))
    columns = (
        Column("Cost", cost, DOLLARS, bar=True),
        Column("Before", before, DOLLARS),
        Column("Tokens", used(TOKEN_USAGE, *by), width=130),
        Column("Messages", used(MESSAGE_COUNT, *by)),
        Column("Sessions", used(SESSION_COUNT, *by)),
        Column("Machines", how_many(names.HOST, *by)),
        Column("Idle for", since("max", MESSAGE_COUNT, *by), "s", decimals=1, width=110),
    )
    about = "A person is a user, or a machine without one. Before is the cost in the time before, which is as long."
    named = {names.PERSON: "Person", names.TEAM: "Team"}
    return ranking("People", most(ROWS, cost, by, columns), named, about, span=24, height=10)


def _days() -> Sequence[Builder[Panel]]:
    people, machines = (how_many(label, window=_DAY, offset=_THAT_DAY) for label in (names.PERSON, names.HOST))
    sessions = for_legends(used(SESSION_COUNT, names.TEAM, window=_DAY, offset=_THAT_DAY))
    active = lines("Active people and machines, each day", {"people": people, "machines": machines}, "short")
    return (
        active.interval(_DAY).min(0).decimals(0).span_nulls(True),
        bars("Sessions by team, each day", sessions, legend(names.TEAM), "short").interval(_DAY).decimals(0),
    )


def _sessions() -> Builder[Panel]:
    by = names.SESSION, names.PROJECT, names.TEAM, names.PERSON
    cost = used(SESSION_COST_USAGE, *by)
    columns = (
        Column("Cost", cost, DOLLARS, bar=True, width=130),
        Column("Tokens", used(SESSION_TOKEN_USAGE, *by), width=110),
        Column("Age", since("min", SESSION_TOKEN_USAGE, *by), "s", decimals=1, width=110),
        Column("Idle for", since("max", SESSION_TOKEN_USAGE, *by), "s", decimals=1, width=110),
    )
    named = {names.SESSION: "Session", names.PROJECT: "Project", names.TEAM: "Team", names.PERSON: "Person"}
    about = "The most expensive sessions. Age is the time since their first use within the time that is shown."
    return ranking("Sessions", most(ROWS, cost, by, columns), named, about, span=24, height=12, widths={"Session": 310})
