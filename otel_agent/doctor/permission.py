"""Finds the folders of a store that this user may not list: whatever is in them is neither counted nor watched."""

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final

from otel_agent.model import Problem, Store
from otel_agent.opencode.answering import answer_of
from otel_agent.opencode.bounded_files import is_folder, listing

GIVE: Final = "Give this user permission: chmod u+rx"


def refused_folders(stores: Iterable[Store]) -> list[str]:
    """Return the folders of JSON trees that cannot be listed. Raises ``NoAnswer`` for a store that does not answer."""
    return [
        each for store in stores if store.is_tree for each in answer_of(store.name, partial(_refused, store.folder))
    ]


def _refused(folder: Path) -> list[str]:
    problems: list[Problem] = []
    # It notes how far it is, so that a folder of a hundred thousand sessions is busy and not silent.
    found = [
        entry.path
        for entry in listing(folder, problems)
        if is_folder(entry) and not os.access(entry.path, os.R_OK | os.X_OK)
    ]
    return [str(folder)] if problems else found
