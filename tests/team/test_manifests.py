"""What Docker Compose, Kubernetes and Grafana are given: by their own schemas, and that what it names is there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.real_parts import COLLECTOR, ROOT, absent, pinned

KUBERNETES = sorted((COLLECTOR / "kubernetes").glob("*.yaml"))
VERSIONS = ("1.30.0", "1.33.0")
"""What clusters still run, and a newer one."""


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.filterwarnings("ignore")  # of the validator's own imports
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_kubernetes_takes_it(path: Path, version: str) -> None:
    kubernetes_validate.validate(read(path), version, strict=True)


def test_kustomize_has_all_of_it() -> None:
    listed = read(COLLECTOR / "kustomization.yaml")
    assert sorted(COLLECTOR / name for name in listed["resources"]) == KUBERNETES
    (configuration,) = listed["configMapGenerator"]
    shipped = {f"gateway/{path.name}" for path in (COLLECTOR / "gateway").glob("*.yaml")} - {"gateway/loopback.yaml"}
    assert set(configuration["files"]) == shipped | {"kafka/out.yaml", "kafka/tls.yaml"}


def test_a_secret_is_only_named() -> None:
    kinds = {read(path)["kind"] for path in KUBERNETES}
    assert "Secret" not in kinds
    pod = read(COLLECTOR / "kubernetes" / "gateway.yaml")["spec"]["template"]["spec"]
    assert {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume} == {
        "otel-agent-gateway-tls",
        "otel-agent-gateway-token",
    }


def test_all_run_the_releases_that_are_tested() -> None:
    """Prometheus 3.x is the Go module v0.3x, Jaeger 2.13 the one of v1.76: they are released together."""
    collector = f"otel/opentelemetry-collector-contrib:{read(COLLECTOR / 'builder.yaml')['dist']['version']}"
    _, minor, patch = pinned("PROMETHEUS_VERSION").split(".")
    _, with_jaeger, its_patch = pinned("JAEGER_VERSION").split(".")
    images = {name: service["image"] for name, service in read(COLLECTOR / "compose.yaml")["services"].items()}
    assert (
        images
        | {
            "gateway": collector,
            "prometheus": f"prom/prometheus:v{minor[0]}.{minor[1:]}.{patch}",
            "jaeger": f"jaegertracing/jaeger:2.{int(with_jaeger) - 63}.{its_patch}",
        }
        == images
    )
    pod = read(COLLECTOR / "kubernetes" / "gateway.yaml")["spec"]["template"]["spec"]
    assert [container["image"] for container in pod["containers"]] == [collector]


def test_what_is_set_for_the_gateway_is_what_it_reads() -> None:
    text = (COLLECTOR / "gateway" / "gateway.yaml").read_text(encoding="utf-8")
    understood = set(re.findall(r"\$\{env:(\w+)", text)) | {"GOMEMLIMIT"}
    pod = read(COLLECTOR / "kubernetes" / "gateway.yaml")["spec"]["template"]["spec"]
    assert {each["name"] for each in pod["containers"][0]["env"]} <= understood
    services = read(COLLECTOR / "compose.yaml")["services"]
    assert set(services["gateway"]["environment"]) <= understood
    of_jaeger = re.findall(r"\$\{env:(\w+)", (COLLECTOR / "jaeger" / "jaeger.yaml").read_text(encoding="utf-8"))
    assert set(services["jaeger"]["environment"]) <= set(of_jaeger)


def test_compose_takes_it() -> None:
    """By the schema of the Compose specification."""
    schema = ROOT / ".cache" / "compose" / f"{pinned('COMPOSE_VERSION')}.json"
    if not schema.exists():
        absent("the Compose schema has not been fetched: run `make compose-schema` (needs Go)")
    found = jsonschema.Draft7Validator(json.loads(schema.read_text(encoding="utf-8"))).iter_errors(
        read(COLLECTOR / "compose.yaml")
    )
    assert [error.message for error in found] == []


def test_compose_mounts_what_is_there_and_publishes_on_loopback() -> None:
    services = read(COLLECTOR / "compose.yaml")["services"]
    volumes = read(COLLECTOR / "compose.yaml")["volumes"]
    for service in services.values():
        for source in (mount.split(":")[0] for mount in service.get("volumes", [])):
            assert (COLLECTOR / source).exists() if source.startswith(".") else source in volumes
    published = {name: service.get("ports", []) for name, service in services.items()}
    assert [name for name, ports in published.items() if ports] == ["network"]
    assert all(port.startswith("127.0.0.1:") for port in published["network"])


def test_grafana_finds_its_dashboards_and_sources() -> None:
    provisioning = COLLECTOR / "grafana" / "provisioning"
    sources = read(provisioning / "datasources" / "datasources.yaml")["datasources"]
    assert {source["type"] for source in sources} == {"prometheus", "jaeger"}
    (provider,) = read(provisioning / "dashboards" / "dashboards.yaml")["providers"]
    mounts = read(COLLECTOR / "compose.yaml")["services"]["grafana"]["volumes"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in mounts
