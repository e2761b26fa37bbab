"""What a person chose on the live screen and finds again the next time: a small file in the agent's own folder."""

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from otel_agent.private_files import make_private_folder, read_private, replace_private
from otel_agent.summary.live.palette import Palette

FILE: Final = "live.json"
_MOST_BYTES: Final = 4_096
"""The file has two short values. A longer one is not ours."""


class Choices(Struct, frozen=True):
    """The look of the screen."""

    theme: str = ""
    """Name of one of Textual's themes; empty for the one of the screen itself."""
    palette: Palette | None = None
    """The colours of that theme, for the first picture; ``None`` if nobody knows them yet."""
    flash: bool = True
    """True if what changed is marked for a moment."""


def kept_choices(folder: Path | None) -> Choices:
    """Return what was kept in a folder; the defaults if that is nothing, or nothing that makes sense."""
    if folder is None:
        return Choices()
    try:
        return msgspec.json.decode(read_private(folder / FILE, _MOST_BYTES), type=Choices)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return Choices()


def keep(choices: Choices, folder: Path) -> None:
    """Keep them for the next time, in a file that only its owner reads. Raises ``OSError``."""
    make_private_folder(folder)
    replace_private(folder / FILE, msgspec.json.encode(choices) + b"\n")
