"""`collector/prometheus/prometheus.yaml` as tests need it: on free ports, and without waiting half a minute for a scrape."""

from __future__ import annotations

from pathlib import Path

from tests.support.real_programs import COLLECTOR
from tests.team.support.tiers import Tier

CONFIG = COLLECTOR / "prometheus" / "prometheus.yaml"


def scraping(tier: Tier, path: Path, *, rules: bool) -> Path:
    """Write a configuration that scrapes `tier` each second, and return its path. With `rules` it reads those in `path`'s folder."""
    changes = {
        '["127.0.0.1:8889"]': f'["127.0.0.1:{tier.telemetry_port}"]',
        "scrape_interval: 30s": "scrape_interval: 1s",
        "evaluation_interval: 30s": "evaluation_interval: 1s",
    }
    return write(CONFIG, path, changes | ({} if rules else {'"rules/*.yaml"': ""}))


def write(of: Path, path: Path, changes: dict[str, str]) -> Path:
    """Write a copy of a file with changed texts, and return its path. Fails if a text is not there."""
    text = of.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, f"{of.name}: {old}"
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return path
