"""Typer's help page without what ours never shows: Markdown, tracebacks, and their coloured source text."""

import sys
from types import ModuleType
from typing import Final

_UNUSED: Final = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}
"""The modules that ``typer.rich_utils`` imports for settings which our ``Typer`` does not have, and the name it takes."""


def import_help_page() -> None:
    """Import Typer's help page before Typer does so itself. The unused modules take half of the time of ``--help``.

    Typer gets an empty class in place of each. Whoever imports these modules later gets the real ones.
    """
    stand_ins = [name for name in _UNUSED if name not in sys.modules]
    for name in stand_ins:
        module = ModuleType(name)
        setattr(module, _UNUSED[name], type(_UNUSED[name], (), {}))
        sys.modules[name] = module
    try:
        import typer.rich_utils  # noqa: F401
    finally:
        for name in stand_ins:
            del sys.modules[name]
