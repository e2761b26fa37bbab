"""`python -m collector.dashboards`: write the dashboards as JSON, for Grafana's provisioning."""

from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from collector.dashboards import fleet, overview

FOLDER: Final = Path(__file__).resolve().parent.parent / "grafana" / "dashboards"
BOARDS: Final = {"overview.json": overview.board, "fleet.json": fleet.board}


def written() -> dict[str, str]:
    """The dashboards' JSON, by file name."""
    return {
        name: JSONEncoder(sort_keys=True, indent=1).encode(board().build()) + "\n" for name, board in BOARDS.items()
    }


if __name__ == "__main__":
    for name, text in written().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
