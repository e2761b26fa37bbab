"""What the dashboards ask: what was used within a time, by whom, filtered by the variables of the dashboard."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import VariableModel

from collector.grafana.source import names
from collector.grafana.source.panels import choice, chosen
from otel_agent.semconv import (
    LINES_COUNT,
    MESSAGE_COUNT,
    SESSION_COST_USAGE,
    SESSION_COUNT,
    SESSION_TOKEN_USAGE,
    TOKEN_USAGE,
    TOOL_CALL_COUNT,
    Metric,
)

CHOICES: Final = {
    names.TEAM: "team",
    names.USER: "user",
    names.HOST: "host",
    names.PROJECT: "project",
    names.MODEL: "model",
    names.AGENT: "agent",
    names.SESSION: "session",
}
"""The dashboard variable that filters by each label."""
_FILTERED_BY: Final = {
    names.HOST: (names.TEAM,),
    names.USER: (names.TEAM,),
    names.PROJECT: (names.TEAM, names.USER, names.HOST),
    names.MODEL: (names.TEAM, names.USER, names.HOST),
    names.AGENT: (names.TEAM, names.USER, names.HOST),
    names.SESSION: (names.TEAM, names.USER, names.HOST, names.PROJECT, names.MODEL, names.AGENT),
}
"""The labels whose variables limit the values that the variable of another label offers."""
_WHO: Final = (names.TEAM, names.USER, names.HOST, names.PROJECT)
_CUT: Final = (*_WHO, names.MODEL, names.AGENT)
_LABELS_OF: Final = {
    names.gained(SESSION_COUNT): _WHO,
    names.gained(TOOL_CALL_COUNT): _WHO,
    names.gained(LINES_COUNT): _WHO,
    names.TURN_COUNT: _WHO,
    names.TURN_BUCKET: _WHO,
    names.TOOL_BUCKET: _WHO,
    names.gained(SESSION_TOKEN_USAGE): (*_CUT, names.SESSION),
    names.gained(SESSION_COST_USAGE): (*_CUT, names.SESSION),
    names.DURATION_BUCKET: (names.TEAM, names.USER, names.HOST, names.MODEL),
}
"""The labels of a series that variables can filter, if they differ from the ones of tokens (`_CUT`)."""
RANGE: Final = "$__range"
STEP: Final = "$__interval"
BEFORE: Final = " offset $__range"
"""The same span of time, just before the one that is shown."""
ANY_SESSION: Final = tuple(label for label in CHOICES if label != names.SESSION)
"""What the boards without a table of sessions can choose."""


def of(series: str | Metric, where: str = "", *, without: tuple[str, ...] = ()) -> str:
    """Return the selector of a recorded series, filtered by the variables of the labels that it has, and by `where`.

    `without` names labels whose variables do not filter here.
    """
    name = names.gained(series) if isinstance(series, Metric) else series
    labels = [label for label in _LABELS_OF.get(name, _CUT) if label not in without]
    return name + chosen({label: CHOICES[label] for label in labels}, *([where] if where else []))


def used(
    series: str | Metric,
    *by: str,
    where: str = "",
    window: str = RANGE,
    offset: str = "",
    without: tuple[str, ...] = (),
) -> str:
    """Return the query for how much was used within a window, exactly, by these labels.

    `offset` moves the window, such as `BEFORE`. `by` may contain `names.PERSON`. See `of` for the rest.
    """
    return added_up(f"sum_over_time({of(series, where, without=without)}[{window}]{offset})", *by)


def added_up(inner: str, *by: str, how: str = "sum") -> str:
    """Return the query for the sum of another one, or for what else `how` says, by these labels."""
    inner = _with_person(inner) if names.PERSON in by else inner
    return f"{how} by ({', '.join(by)}) ({inner})" if by else f"{how}({inner})"


def how_many(label: str, *by: str, window: str = RANGE, offset: str = "") -> str:
    """Return the query for how many people, machines or sessions used something, by these labels."""
    each = used(MESSAGE_COUNT, *dict.fromkeys((label, *by)), window=window, offset=offset)
    return f"count by ({', '.join(by)}) ({each})" if by else f"count({each})"


def since(which: str, series: str | Metric, *by: str) -> str:
    """Return the query for the time since the first (`min`) or last (`max`) use within the time that is shown. Seconds."""
    at = f"{which}_over_time(timestamp({of(series)})[{RANGE}:5m])"
    return f"time() - {added_up(at, *by, how=which)}"


def share(part: str, whole: str) -> str:
    """Return the query for a part of a whole. It is zero, and not missing, if there is a whole but no part of it."""
    return f"({part} or {whole} * 0) / {whole}"


def change(now: str, before: str) -> str:
    """Return the query for how much more was used than before; 1 is twice as much."""
    return f"{now} / {before} - 1"


def cached(*by: str, window: str = RANGE) -> str:
    """Return the query for the share of prompt tokens that came from a cache, as `otel-agent summary models` has it."""
    prompt = used(TOKEN_USAGE, *by, where=f'{names.TOKEN_TYPE}=~"input|cache_read|cache_write"', window=window)
    return share(used(TOKEN_USAGE, *by, where=f'{names.TOKEN_TYPE}="cache_read"', window=window), prompt)


def took(quantile: float, *by: str, window: str = RANGE, of_what: str = names.DURATION_BUCKET, where: str = "") -> str:
    """Return the query for a quantile of the time that model calls took. Seconds; buckets double, so it is coarse.

    `of_what` asks for turns or tool calls instead.
    """
    calls = used(of_what, *by, "le", window=window, where=where)
    return f"histogram_quantile({quantile}, {calls})"


def for_legends(inner: str) -> str:
    """Return a query whose labels read as the tables do: `(global)` outside any project, `(no team)` without a team."""
    for label, value, shown in ((names.PROJECT, "/", "(global)"), (names.TEAM, "", "(no team)")):
        inner = f'label_replace({inner}, "{label}", "{shown}", "{label}", "{value}")'
    return inner


def with_choices(board: Dashboard, *labels: str) -> Dashboard:
    """Add the variables that filter by these labels."""
    for label in labels:
        board = board.with_variable(_choice(label))
    return board


def _choice(label: str) -> Builder[VariableModel]:
    by_session = label == names.SESSION
    return choice(
        CHOICES[label],
        CHOICES[label].capitalize(),
        label,
        names.gained(SESSION_TOKEN_USAGE if by_session else TOKEN_USAGE),
        {each: CHOICES[each] for each in _FILTERED_BY.get(label, ())},
        "Filters only the table of sessions: no other panel has a session." if by_session else "",
    )


def _with_person(inner: str) -> str:
    """Return a query with the label `person`: the host, unless the agents name a user."""
    for label, values in ((names.HOST, "(.*)"), (names.USER, "(.+)")):
        inner = f'label_replace({inner}, "{names.PERSON}", "$1", "{label}", "{values}")'
    return inner
