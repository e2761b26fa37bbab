"""What to try instead of a glob that matches nothing: the names that there are."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from otel_agent.ledger.answers import UNATTRIBUTED, Scope
from otel_agent.ledger.queries import Queries
from otel_agent.model.globs import meant
from otel_agent.model.project import from_home, is_outside_any, project_name
from otel_agent.summary.question import Filters
from otel_agent.summary.view import GLOBAL

SHOWN_OF_ID: Final = 8
"""Letters that a table shows of the end of a session's id."""
_MOST: Final = 6
"""Names in a sentence."""


_Names = dict[str, tuple[str, ...]]
"""The names that there are, each with the forms in which a glob may match it, in lower case."""


def suggestions(filters: Filters, ledger: Queries) -> Iterator[str]:
    """Yield a sentence for each glob that matches none of the names in the ledger, whatever the range."""
    for kind, globs in filters.by_kind.items():
        if globs:
            names = _names(kind, ledger)
            yield from (_sentence(kind, glob, names) for glob in globs if not _matching(glob, names))


def _names(kind: str, ledger: Queries) -> _Names:
    match kind:
        case "model":
            groups = sorted(ledger.by_model(Scope()), key=lambda group: -group.usage.tokens.total)
            found = [("/".join(filter(None, group.key)), group.key[-1]) for group in groups]
        case "agent":
            groups = sorted(ledger.by_agent(Scope()), key=lambda group: -group.usage.tokens.total)
            found = [(group.key[0], group.key[0]) for group in groups]
        case "project":
            folders = dict.fromkeys(place.worktree for place in ledger.project_keys())
            found = [
                (GLOBAL, GLOBAL) if is_outside_any(folder) else (from_home(folder), project_name(folder))
                for folder in folders
            ]
        case _:
            found = [(facts.title or key, key) for key, facts in ledger.session_facts().items()]
    return {name: (name.lower(), short.lower()) for name, short in found if name and short != UNATTRIBUTED}


def _matching(glob: str, names: _Names) -> list[str]:
    wanted = as_shown(glob.lower())
    return [name for name, forms in names.items() if any(fnmatchcase(form, one) for form in forms for one in wanted)]


def as_shown(glob: str) -> tuple[str, ...]:
    """Return the glob, and what else it means: a name with brackets, or a part that our tables show.

    Such parts are ``…ZFCqu8kr`` and ``src/shop``.
    """
    if glob.startswith("…"):
        return tuple(f"*{form}" for form in meant(glob[1:]))
    of_id = len(glob) == SHOWN_OF_ID and glob.isalnum()
    of_path = "/" in glob.rstrip("/") and glob[0] not in "/~*"
    before = "*" if of_id else "*/" if of_path else ""
    forms = meant(glob)
    return (*forms, *(f"{before}{form}" for form in forms)) if before else forms


def _sentence(kind: str, glob: str, names: _Names) -> str:
    """Return what to try: the same text anywhere in a name, a name that is nearly the same, or any name."""
    if not glob:
        return f"--{kind} '' is empty, so it matches no {kind}.{f' There are: {_listed([*names])}.' if names else ''}"
    no_match = f"--{kind} {glob} matches no {kind}"
    anywhere = f"*{glob.strip('*')}*"
    if within := _matching(anywhere, names):
        return f"{no_match}, because a glob matches the whole name. Try --{kind} '{anywhere}': {_listed(within)}."
    from difflib import get_close_matches  # noqa: PLC0415 - only after a mistake, and it takes 0.001 s

    near = get_close_matches(glob, names, n=_MOST, cutoff=0.7)
    return (
        f"{no_match}. {'Did you mean' if near else 'There are'}: {_listed(near or [*names])}."
        if names
        else f"{no_match}."
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST:,} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
