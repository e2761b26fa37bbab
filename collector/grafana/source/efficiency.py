"""The dashboard of efficiency: what a message costs, how much comes from caches, which models are used, and when."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from collector.grafana.source import names, panels
from collector.grafana.source.panels import Steps, bars, legend, mix, number, trend
from collector.grafana.source.queries import (
    CHOICES,
    RANGE,
    STEP,
    cached,
    for_legends,
    share,
    took,
    used,
    with_choices,
)
from collector.grafana.source.tables import DOLLARS, ROWS, Column, by_hour, most, ranking
from otel_agent.semconv import COST_USAGE, LINES_COUNT, MESSAGE_COUNT, SESSION_COUNT, TOKEN_USAGE

_PERSONS: Final = f'{names.KIND}="primary"'
"""The turns that people began. What sub-agents use is for one of them."""
_A_TURN: Final = "A turn is a question and all that answers it, sub-agents too."
_SUBAGENT: Final = f'{names.KIND}="subagent"'
_COMPACTION: Final = f'{names.TOKENS_OF}="compaction"'
_HITS: Final[Steps] = ((None, "red"), (0.5, "yellow"), (0.8, "green"))
"""The color of a share of tokens that came from a cache. A long session reaches nine tenths."""
_COARSE: Final = "Half of the turns take less. From buckets that double; no model or agent filters."
_LONG: Final = "4h"
"""The shortest step of a ratio. In a week, the first call of a session would otherwise be all of an hour."""
_LINES: Final = 10
"""The number of lines that one graph can show."""


def board() -> Dashboard:
    """Build the dashboard."""
    made = panels.board(
        "otel-agent-efficiency",
        "OpenCode: efficiency",
        "What a message costs, how much comes from caches, which models are used, and when. Up to seven minutes behind.",
        since="now-7d",
        refresh="5m",
    )
    labels = [label for label in CHOICES if label != names.SESSION]
    return panels.with_rows(
        with_choices(made, *labels),
        {
            "Overview": _numbers(),
            "Caches": _caches(),
            "Turns and lines of code": (*_figures_of_turns(), *_turns()),
            "Messages": _messages(),
            "Models": (_mix_of_models(), _models()),
            "Projects and sub-agents": (_projects(), _kinds()),
            "Hours": (_hours(),),
        },
    )


def _numbers() -> Sequence[Builder[Panel]]:
    messages, tokens, cost = used(MESSAGE_COUNT), used(TOKEN_USAGE), used(COST_USAGE)
    began = f"{used(COST_USAGE, without=(names.MODEL, names.AGENT))} / {used(SESSION_COUNT)}"
    return (
        number(
            "Cache hits", cached(), "percentunit", "Share of the prompts' tokens that came from a cache.", steps=_HITS
        ),
        number("Tokens per message", f"{tokens} / {messages}", "short", "A message is one model call."),
        number("Cost per message", f"{cost} / {messages}", "currencyUSD", "As OpenCode recorded it."),
        number(
            "Cost per session",
            began,
            "currencyUSD",
            "By the sessions that began in this time; no model or agent filters.",
        ),
        number(
            "Used by sub-agents",
            share(used(TOKEN_USAGE, where=_SUBAGENT), tokens),
            "percentunit",
            "Share of all tokens.",
        ),
        number(
            "Used by compactions",
            share(used(TOKEN_USAGE, where=_COMPACTION), tokens),
            "percentunit",
            "Share of all tokens: what it takes to summarize sessions that became too long.",
        ),
    )


def _figures_of_turns() -> Sequence[Builder[Panel]]:
    turns, tokens, cost = (
        used(names.TURN_COUNT, where=_PERSONS),
        used(TOKEN_USAGE, without=(names.MODEL, names.AGENT)),
        used(COST_USAGE, without=(names.MODEL, names.AGENT)),
    )
    added, removed = (used(LINES_COUNT, where=f'{names.LINES}="{kind}"') for kind in ("added", "removed"))
    lines = "As OpenCode counted them. No model or agent filters."
    return (
        number("Turns", turns, "short", f"{_A_TURN} Those that ended. No model or agent filters."),
        number("Tokens per turn", f"{tokens} / {turns}", "short", f"{_A_TURN} No model or agent filters."),
        number("Cost per turn", f"{cost} / {turns}", "currencyUSD", f"{_A_TURN} No model or agent filters."),
        number("Median of turns", took(0.5, of_what=names.TURN_BUCKET, where=_PERSONS), "s", _COARSE),
        number("Lines added", added, "short", lines),
        number("Lines removed", removed, "short", lines),
    )


def _turns() -> Sequence[Builder[Panel]]:
    by = names.PROJECT, names.TEAM
    turns = used(names.TURN_COUNT, *by, where=_PERSONS, window=STEP)
    most_used = f"topk({_LINES}, {used(TOKEN_USAGE, *by, window=STEP, without=(names.MODEL, names.AGENT))})"
    per = {
        unit: f"{used(metric, *by, window=STEP, without=(names.MODEL, names.AGENT))} / {turns} and on ({', '.join(by)}) {most_used}"
        for unit, metric in (("short", TOKEN_USAGE), ("currencyUSD", COST_USAGE))
    }
    shown = f"{legend(names.PROJECT)}, {legend(names.TEAM)}"
    about = f"{_A_TURN} The ten projects that use most at each moment."
    return (
        trend("Tokens per turn", {shown: for_legends(per["short"])}, "short", about, step=_LONG).min(0),
        trend("Cost per turn", {shown: for_legends(per["currencyUSD"])}, "currencyUSD", about, step=_LONG).min(0),
        bars("Lines of code", used(LINES_COUNT, names.LINES, window=STEP), legend(names.LINES), "short")
        .interval("1h")
        .span(24),
    )


def _caches() -> Sequence[Builder[Panel]]:
    by = names.TEAM, names.PROJECT
    most_used = f"topk({_LINES}, {used(TOKEN_USAGE, *by)})"
    projects = f"{cached(*by, window=STEP)} and on ({', '.join(by)}) {most_used}"
    return (
        trend(
            "Cache hits by model", {legend(names.MODEL): cached(names.MODEL, window=STEP)}, "percentunit", step=_LONG
        ).max(1),
        trend(
            "Cache hits by project",
            {f"{legend(names.PROJECT)}, {legend(names.TEAM)}": for_legends(projects)},
            "percentunit",
            "The ten projects that use most at each moment.",
            step=_LONG,
        ).max(1),
    )


def _messages() -> Sequence[Builder[Panel]]:
    by = names.MODEL
    messages = used(MESSAGE_COUNT, by, window=STEP)
    per = {
        title: f"{used(metric, by, window=STEP)} / {messages}"
        for title, metric in (("Tokens", TOKEN_USAGE), ("Cost", COST_USAGE))
    }
    return (
        trend("Tokens per message", {legend(by): per["Tokens"]}, "short", step=_LONG).min(0),
        trend("Cost per message", {legend(by): per["Cost"]}, "currencyUSD", step=_LONG).min(0),
    )


def _mix_of_models() -> Builder[Panel]:
    about = "The share of each model in the cost of each step."
    return mix("Model mix", used(COST_USAGE, names.MODEL, window=STEP), legend(names.MODEL), about, step=_LONG).span(8)


def _models() -> Builder[Panel]:
    by = names.MODEL, names.PROVIDER
    named = {names.MODEL: "Model", names.PROVIDER: "Provider"}
    return ranking("Models", _rates(*by), named, span=16, sort="Cost", widths={"Provider": 125})


def _projects() -> Builder[Panel]:
    by = names.PROJECT, names.TEAM
    columns = most(ROWS, used(COST_USAGE, *by), by, _rates(*by))
    return ranking("Projects", columns, {names.PROJECT: "Project", names.TEAM: "Team"}, span=16, sort="Cost")


def _rates(*by: str) -> list[Column]:
    """Return the columns of what things cost, by these labels."""
    cost, tokens, messages = (used(metric, *by) for metric in (COST_USAGE, TOKEN_USAGE, MESSAGE_COUNT))
    return [
        Column("Cost", cost, DOLLARS, bar=True, width=120),
        Column("Cache hits", cached(*by), "percentunit", steps=_HITS, decimals=0),
        Column("Tokens/msg", f"{tokens} / {messages}", "short", decimals=1, width=100),
        Column("$/msg", f"{cost} / {messages}", "currencyUSD", decimals=3, width=75),
        Column("$/1M tok.", f"{cost} / {tokens} * 1e6", "currencyUSD", decimals=2, width=95),
    ]


def _kinds() -> Builder[Panel]:
    whole = used(TOKEN_USAGE, window=STEP)
    parts = {"sub-agents": _SUBAGENT, "compactions": _COMPACTION}
    shares = {name: share(used(TOKEN_USAGE, where=where, window=STEP), whole) for name, where in parts.items()}
    return trend("Sub-agents and compactions", shares, "percentunit", "Share of all tokens.", step=_LONG).min(0).span(8)


def _hours() -> Builder[Panel]:
    # Each step asks for the hour before it. So the labels are those of a moment that lies in that hour.
    moment = "vector(time() - 1800)"
    hour = f'label_replace(count_values("hour", hour({moment})), "hour", "0$1", "hour", "(.)")'
    day = f'label_replace(count_values("day", day_of_week({moment})), "day", "7", "day", "0")'
    each = f"{used(TOKEN_USAGE, window='1h')} * on () group_right () ({day} * on () group_left (hour) {hour})"
    query = f"sum by (day, hour) (sum_over_time(({each})[{RANGE}:1h]))"
    about = "Tokens by weekday and hour, in UTC. If the time that is shown has several weeks, they are added up."
    return by_hour("When tokens are used", query, "short", about)
