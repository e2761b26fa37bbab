"""The places with a problem that may be in order again."""

from collections.abc import Iterable, Mapping

from otel_agent.ledger.writer import Ledger
from otel_agent.model import Problem, ProblemKind, Store
from otel_agent.opencode import problem_files
from otel_agent.opencode.answering import NoAnswer, answer_of


def mended_places(ledger: Ledger, stores: Mapping[str, Store], problems: Iterable[Problem]) -> list[str]:
    """Return the noted files and folders that changed, and those that answer again.

    A database is read in each pass, and says itself if it has a problem. ``problems`` are those of this pass so far.
    """
    databases = {store.name for store in stores.values() if not store.is_tree}
    noted = [each for each in ledger.problems.files_and_folders() if each.place not in databases]
    if not noted:
        return []
    still = {each.place for each in problems}
    silent = {each.place for each in noted if each.kind is ProblemKind.SILENT}
    # A tree that hung says so itself when it is read; a folder is asked before.
    answering = silent - still - stores.keys()
    others = [each for each in noted if each.place not in silent]
    try:
        return [*answering, *answer_of("places with a problem", lambda: problem_files.changed(others))]
    except NoAnswer:
        return sorted(answering)  # one of the others is in a store that hangs
