"""`collector/prometheus/prometheus.yaml` as tests need it: on free ports, and without waiting half a minute for a scrape."""

from __future__ import annotations

from pathlib import Path

from tests.support.real_programs import COLLECTOR
from tests.team.support.tiers import Tier

CONFIG = COLLECTOR / "prometheus" / "prometheus.yaml"


def scraping(tier: Tier, path: Path, *, rules: bool) -> Path:
    """Write a configuration that scrapes `tier` each second, and return its path. With `rules` it reads those in `path`'s folder."""
    targets(path.parent, otelcol=f"127.0.0.1:{tier.telemetry_port}")
    changes = {
        "scrape_interval: 30s": "scrape_interval: 1s",
        "evaluation_interval: 30s": "evaluation_interval: 1s",
    }
    return write(CONFIG, path, changes | ({} if rules else {'"rules/*.yaml"': ""}))


def targets(folder: Path, **addresses: str) -> None:
    """Write the files of addresses that a configuration in `folder` reads, each with one address."""
    (folder / "targets").mkdir()
    for name, address in addresses.items():
        (folder / "targets" / f"{name}.yaml").write_text(f'- targets: ["{address}"]\n', encoding="utf-8")


def write(of: Path, path: Path, changes: dict[str, str]) -> Path:
    """Write a copy of a file with changed texts, and return its path. Fails if a text is not there."""
    text = of.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, f"{of.name}: {old}"
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path
