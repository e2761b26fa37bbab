"""Draw the pictures of the dashboards: a real Prometheus has a made-up fortnight. `make dashboard-pictures` runs this."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from tests.team.support.drawing import WIDTHS, draw
from tests.team.support.fortnight import Fortnight

FOLDER: Final = Path(__file__).resolve().parent / "dashboards"


def main() -> None:
    """Draw every dashboard."""
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Fortnight().kept(Path(folder) / "prometheus") as prometheus,
    ):
        draw(prometheus, widths=WIDTHS[:1], pictures=FOLDER)


if __name__ == "__main__":
    main()
