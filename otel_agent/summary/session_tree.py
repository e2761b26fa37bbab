"""Sessions below the session whose agent started them, each counted where it stands and once only."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from otel_agent.ledger.answers import Group, SessionFacts
from otel_agent.summary.view import GLOBAL, SessionRow

_NO_FACTS: Final = SessionFacts(parent_id="", title="")


class _Node:
    """A session with what it and all sessions below it come to."""

    def __init__(self, group: Group) -> None:
        self.own = self.whole = group
        self.below: list[_Node] = []


def session_rows(
    groups: list[Group],
    facts: Mapping[str, SessionFacts],
    *,
    at: Callable[[int], datetime],
    order: Callable[[Group], int] | None,
    ascending: bool = False,
    rolled_up: bool = False,
) -> list[SessionRow]:
    """One row for each group (session id, worktree, directory), those of sub-agents right below the session that
    started them; with ``rolled_up`` one for each of the others, which holds what is below it.

    A session whose own parent is not among the groups stands below the nearest ancestor that is. ``order`` looks at a
    session with all that is below it, the largest first unless ``ascending``; ``None`` sorts by title.
    """
    nodes = {group.key[0]: _Node(group) for group in groups}
    tops = _planted(nodes, facts)
    for top in tops:
        _roll_up(top)
    rows: list[SessionRow] = []
    pending = [(node, 0) for node in reversed(_sorted(tops, facts, order, ascending))]
    while pending:
        node, depth = pending.pop()
        rows.append(_row(node, depth, facts, at, rolled_up))
        if not rolled_up:
            pending += [(each, depth + 1) for each in reversed(_sorted(node.below, facts, order, ascending))]
    return rows


def _planted(nodes: Mapping[str, _Node], facts: Mapping[str, SessionFacts]) -> list[_Node]:
    """Hang each node below the nearest ancestor that is one; return those that have none."""
    endless = _endless(facts)
    tops = []
    for key, node in nodes.items():
        above = "" if key in endless else _parent(key, facts)
        while above and above not in nodes:
            above = _parent(above, facts)
        if above:
            nodes[above].below.append(node)
        else:
            tops.append(node)
    return tops


def _endless(facts: Mapping[str, SessionFacts]) -> set[str]:
    """Sessions whose ancestors never end, because some are each other's: only a damaged store could say so."""
    ends, endless = {""}, set[str]()
    for key in facts:
        path: dict[str, None] = {}
        while key not in ends and key not in endless and key not in path:
            path[key] = None
            key = _parent(key, facts)  # noqa: PLW2901
        (ends if key in ends else endless).update(path)
    return endless


def _parent(key: str, facts: Mapping[str, SessionFacts]) -> str:
    return facts.get(key, _NO_FACTS).parent_id


def _roll_up(top: _Node) -> None:
    """Without recursion: how deep sub-agents start sub-agents is not ours to say."""
    order = [top]
    for node in order:
        order += node.below
    for node in reversed(order):
        for each in node.below:
            node.whole = Group(
                node.own.key,
                node.whole.usage.plus(each.whole.usage),
                min(node.whole.first_ms, each.whole.first_ms),
                max(node.whole.last_ms, each.whole.last_ms),
            )


def _sorted(
    nodes: list[_Node], facts: Mapping[str, SessionFacts], order: Callable[[Group], int] | None, ascending: bool
) -> list[_Node]:
    by_title = sorted(nodes, key=lambda node: (_title(node, facts), node.own.key))
    return by_title if order is None else sorted(by_title, key=lambda node: order(node.whole), reverse=not ascending)


def _row(
    node: _Node, depth: int, facts: Mapping[str, SessionFacts], at: Callable[[int], datetime], rolled_up: bool
) -> SessionRow:
    group = node.whole if rolled_up else node.own
    key, worktree, directory = group.key
    return SessionRow(
        key=key,
        usage=group.usage,
        title=_title(node, facts),
        project=(directory if worktree in ("", "/") else worktree) or GLOBAL,
        parent=_parent(key, facts),
        depth=depth,
        first=at(group.first_ms),
        last=at(group.last_ms),
        with_subagents=node.whole.usage,
    )


def _title(node: _Node, facts: Mapping[str, SessionFacts]) -> str:
    return facts.get(node.own.key[0], _NO_FACTS).title
