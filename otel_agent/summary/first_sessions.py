"""Which sessions a cut list shows, found by one number of each: a person may have sixty thousand, and sees twenty."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter

from msgspec import Struct

from otel_agent.ledger.answers import Amount, SessionAmount, SessionFacts
from otel_agent.summary.question import Question
from otel_agent.summary.session_tree import ancestors

FactsOf = Callable[[Iterable[str]], Mapping[str, SessionFacts]]
"""Returns the facts of some sessions and of all above them."""


class FirstSessions(Struct, frozen=True):
    """The first rows of a list of sessions are all in the trees of these."""

    session_ids: frozenset[str]
    """All sessions of these trees."""
    rows: int
    """The rows of the whole list."""


def amount_of(question: Question) -> Amount:
    """Return the number by which a question sorts sessions."""
    match question.sort:
        case "messages" | "cost" | "first":
            return question.sort
        case None | "last":
            return "last"
        case "name":
            return "nothing"
        case _:
            return question.accounting


def first_sessions(amounts: Sequence[SessionAmount], facts_of: FactsOf, question: Question, most: int) -> FirstSessions:
    """Return the trees that hold the first ``most`` rows, in the order of ``session_tree.session_rows``."""
    known = {each.session_id: each for each in amounts}
    trees: dict[str, list[SessionAmount]] = {}
    for key, top in _tops(known, facts_of).items():
        trees.setdefault(top, []).append(known[key])
    added_up = {"first": min, "last": max}.get(amount_of(question), sum)
    whole = {top: added_up(each.amount for each in tree) for top, tree in trees.items()}
    ordered = sorted((known[top] for top in trees), key=attrgetter("title", "session_id"))
    ordered.sort(key=lambda top: whole[top.session_id], reverse=question.sort != "first")
    shown: list[SessionAmount] = []
    rows = 0
    for each in ordered:
        if rows >= most:
            break
        tree = trees[each.session_id]
        shown += tree
        rows += 1 if question.rolled_up else len(tree)
    return FirstSessions(frozenset(each.session_id for each in shown), len(trees) if question.rolled_up else len(known))


def _tops(known: Mapping[str, SessionAmount], facts_of: FactsOf) -> dict[str, str]:
    """Return the session above all others of its tree, for each session."""
    parents = {key: each.parent_id for key, each in known.items() if each.parent_id}
    if absent := set(parents.values()) - known.keys():
        parents |= {key: of.parent_id for key, of in facts_of(absent).items() if of.parent_id}
    above = ancestors(known, parents)
    found: dict[str, str] = {}
    for key in above:
        path = [key]
        while path[-1] not in found and above[path[-1]]:
            path.append(above[path[-1]])
        top = found.get(path[-1], path[-1])
        found.update(dict.fromkeys(path, top))
    return found
