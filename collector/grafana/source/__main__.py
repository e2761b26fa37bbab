"""`python -m collector.grafana.source`: write the dashboards as JSON, for Grafana's provisioning."""

from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from collector.grafana.source import efficiency, fleet, overview, people, reliability

FOLDER: Final = Path(__file__).resolve().parent.parent / "dashboards"
"""The folder that Grafana's provisioning reads."""
BOARDS: Final = {
    f"{module.__name__.rpartition('.')[2]}.json": module.board
    for module in (overview, people, efficiency, reliability, fleet)
}
"""The function that builds each dashboard, by file name."""


def dashboards() -> dict[str, str]:
    """Return the JSON of each dashboard, by file name. The keys are sorted, so that a change shows as a small difference."""
    return {
        name: JSONEncoder(sort_keys=True, indent=1).encode(board().build()) + "\n" for name, board in BOARDS.items()
    }


if __name__ == "__main__":
    for name, text in dashboards().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
