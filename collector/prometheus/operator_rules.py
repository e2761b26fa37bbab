"""Write Prometheus' rules as objects of its operator on Kubernetes: `make operator-rules`, after a change in `rules/`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).parent / "rules"
OBJECTS = RULES.parents[1] / "kubernetes" / "components" / "prometheus-operator" / "rules.yaml"
HEAD = "# Written by `make operator-rules` from prometheus/rules/: change those, and run it again.\n"


def objects() -> list[dict[str, Any]]:
    """Return a PrometheusRule for each file of rules, in the order of their names."""
    return [
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": f"otel-agent-{path.stem}", "labels": {"app.kubernetes.io/part-of": "otel-agent"}},
            "spec": yaml.safe_load(path.read_text(encoding="utf-8")),
        }
        for path in sorted(RULES.glob("*.yaml"))
    ]


def text() -> str:
    """Return the file with these objects."""
    return HEAD + yaml.safe_dump_all(objects(), sort_keys=False, width=140, allow_unicode=True)


if __name__ == "__main__":
    OBJECTS.write_text(text(), encoding="utf-8")
