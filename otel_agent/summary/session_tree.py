"""List sub-agent sessions below the session that started them, each counted once."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Final

from otel_agent.ledger.answers import Group, SessionFacts
from otel_agent.summary.view import SessionRow, project_of

_NO_FACTS: Final = SessionFacts(parent_id="", title="")


class _Node:
    """A session with its own usage, and the usage of its whole subtree."""

    __slots__ = ("below", "id", "own", "parent", "title", "whole")

    def __init__(self, group: Group, facts: Mapping[str, SessionFacts]) -> None:
        self.own = self.whole = group
        self.id: str = group.key[0]
        of = facts.get(self.id, _NO_FACTS)
        self.title, self.parent = of.title, of.parent_id
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
    """Return one row per group, whose key is (session id, worktree, directory), sub-agents right below their parent.

    ``rolled_up`` returns only the sessions that people started, each with the usage of its whole subtree.
    If a parent is not among the groups, its sessions are listed below the nearest ancestor that is.
    ``order`` gets a session's whole subtree and puts the largest first unless ``ascending``; ``None`` sorts by title.
    """
    nodes = {group.key[0]: _Node(group, facts) for group in groups}
    tops = _planted(nodes, facts)
    for top in tops:
        if top.below:
            _roll_up(top)
    # A stack instead of recursion: nobody limits how deep sub-agents start sub-agents.
    rows: list[SessionRow] = []
    pending = [(node, 0) for node in reversed(_sorted(tops, order, ascending))]
    while pending:
        node, depth = pending.pop()
        rows.append(_row(node, depth, at, rolled_up))
        if node.below and not rolled_up:
            pending += [(child, depth + 1) for child in reversed(_sorted(node.below, order, ascending))]
    return rows


def _planted(nodes: Mapping[str, _Node], facts: Mapping[str, SessionFacts]) -> list[_Node]:
    """Attach each node to its nearest ancestor among the nodes; return the nodes without one."""
    tops = []
    for key, above in ancestors(nodes, {key: of.parent_id for key, of in facts.items() if of.parent_id}).items():
        if above:
            nodes[above].below.append(nodes[key])
        else:
            tops.append(nodes[key])
    return tops


def ancestors(sessions: Collection[str], parents: Mapping[str, str]) -> dict[str, str]:
    """Return the nearest ancestor of each session among the sessions, empty for those without one.

    ``parents`` has the parent of each session that has one, here and above: one without a message in the range too.
    """
    endless = _endless(parents)
    found = {}
    for key in sessions:
        above = "" if key in endless else parents.get(key, "")
        # The parent itself may have no message in the range: climb on to an ancestor that has.
        while above and above not in sessions:
            above = parents.get(above, "")
        found[key] = above
    return found


def _endless(parents: Mapping[str, str]) -> set[str]:
    """Return the sessions whose chain of parents never ends. Only a damaged store has such a circle."""
    ends, endless = {""}, set[str]()
    for key in parents:
        path: dict[str, None] = {}
        while key not in ends and key not in endless and key not in path:
            path[key] = None
            key = parents.get(key, "")  # noqa: PLW2901
        # The chain met a session that is already judged, or its own path: then all of it is a circle.
        (ends if key in ends else endless).update(path)
    return endless


def _roll_up(top: _Node) -> None:
    """Add each node's subtree to it, from the leaves up; without recursion, because trees can be deep."""
    # Parents come before their children in this list, so that the way back meets children first.
    order = [top]
    for node in order:
        order += node.below
    for node in reversed(order):
        for child in node.below:
            node.whole = Group(
                node.own.key,
                node.whole.usage.plus(child.whole.usage),
                min(node.whole.first_ms, child.whole.first_ms),
                max(node.whole.last_ms, child.whole.last_ms),
            )


def _sorted(nodes: list[_Node], order: Callable[[Group], int] | None, ascending: bool) -> list[_Node]:
    by_title = sorted(nodes, key=attrgetter("title", "id"))
    return by_title if order is None else sorted(by_title, key=lambda node: order(node.whole), reverse=not ascending)


def _row(node: _Node, depth: int, at: Callable[[int], datetime], rolled_up: bool) -> SessionRow:
    group = node.whole if rolled_up else node.own
    key, worktree, directory = group.key
    return SessionRow(
        key=key,
        usage=group.usage,
        title=node.title,
        project=project_of(worktree),
        directory=directory,
        parent=node.parent,
        depth=depth,
        first=at(group.first_ms),
        last=at(group.last_ms),
        with_subagents=node.whole.usage,
    )
