"""The files for Docker Compose, Kubernetes and Grafana: they fit their schemas, and what they name exists."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.support.real_programs import COLLECTOR, release, require

KUBERNETES = sorted((COLLECTOR / "kubernetes").glob("*.yaml"))
VERSIONS = ("1.30.0", "1.33.0")
"""A version that clusters still run, and a newer one."""


def read(path: Path) -> dict[str, Any]:
    """Return a YAML file with one document."""
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.filterwarnings("ignore")  # the validator's own imports warn
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_every_manifest_fits_the_schema_of_kubernetes(path: Path, version: str) -> None:
    kubernetes_validate.validate(read(path), version, strict=True)


def test_kustomize_lists_every_manifest_and_every_overlay_of_the_gateway() -> None:
    listed = read(COLLECTOR / "kustomization.yaml")
    assert sorted(COLLECTOR / name for name in listed["resources"]) == KUBERNETES
    (configuration,) = listed["configMapGenerator"]
    gateway = {f"gateway/{path.name}" for path in (COLLECTOR / "gateway").glob("*.yaml")} - {"gateway/loopback.yaml"}
    assert set(configuration["files"]) == gateway | {"kafka/out.yaml", "kafka/tls.yaml"}


def test_secrets_are_named_but_not_shipped() -> None:
    kinds = {read(path)["kind"] for path in KUBERNETES}
    assert "Secret" not in kinds
    pod = read(COLLECTOR / "kubernetes" / "gateway.yaml")["spec"]["template"]["spec"]
    assert {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume} == {
        "otel-agent-gateway-tls",
        "otel-agent-gateway-token",
    }


def test_compose_and_kubernetes_run_the_releases_that_are_tested() -> None:
    """Prometheus 3.16 is the Go module v0.316, and Jaeger 2.13 the module v1.76: they are released together."""
    collector = f"otel/opentelemetry-collector-contrib:{read(COLLECTOR / 'builder.yaml')['dist']['version']}"
    _, minor, patch = release("prometheus").split(".")
    _, jaeger_minor, jaeger_patch = release("jaeger").split(".")
    images = {name: service["image"] for name, service in read(COLLECTOR / "compose.yaml")["services"].items()}
    assert images["gateway"] == collector
    assert images["prometheus"] == f"prom/prometheus:v{minor[0]}.{minor[1:]}.{patch}"
    assert images["jaeger"] == f"jaegertracing/jaeger:2.{int(jaeger_minor) - 63}.{jaeger_patch}"
    pod = read(COLLECTOR / "kubernetes" / "gateway.yaml")["spec"]["template"]["spec"]
    assert [container["image"] for container in pod["containers"]] == [collector]


def test_every_variable_that_is_set_for_a_service_is_read_by_its_configuration() -> None:
    text = (COLLECTOR / "gateway" / "gateway.yaml").read_text(encoding="utf-8")
    understood = set(re.findall(r"\$\{env:(\w+)", text)) | {"GOMEMLIMIT"}
    pod = read(COLLECTOR / "kubernetes" / "gateway.yaml")["spec"]["template"]["spec"]
    assert {variable["name"] for variable in pod["containers"][0]["env"]} <= understood
    services = read(COLLECTOR / "compose.yaml")["services"]
    assert set(services["gateway"]["environment"]) <= understood
    of_jaeger = re.findall(r"\$\{env:(\w+)", (COLLECTOR / "jaeger" / "jaeger.yaml").read_text(encoding="utf-8"))
    assert set(services["jaeger"]["environment"]) <= {*of_jaeger, "OTEL_TRACES_SAMPLER"}, (
        "the SDK in Jaeger reads that one"
    )


def test_the_compose_file_fits_the_schema_of_compose() -> None:
    schema = require("compose-schema")
    found = jsonschema.Draft7Validator(json.loads(schema.read_text(encoding="utf-8"))).iter_errors(
        read(COLLECTOR / "compose.yaml")
    )
    assert [error.message for error in found] == []


def test_compose_mounts_files_that_exist_and_opens_ports_on_loopback_only() -> None:
    services = read(COLLECTOR / "compose.yaml")["services"]
    volumes = read(COLLECTOR / "compose.yaml")["volumes"]
    for service in services.values():
        for source in (mount.split(":")[0] for mount in service.get("volumes", [])):
            assert (COLLECTOR / source).exists() if source.startswith(".") else source in volumes, source
    published = {name: service.get("ports", []) for name, service in services.items()}
    assert [name for name, ports in published.items() if ports] == ["network"]
    assert all(port.startswith("127.0.0.1:") for port in published["network"])


def test_grafana_finds_its_dashboards_and_data_sources() -> None:
    provisioning = COLLECTOR / "grafana" / "provisioning"
    sources = read(provisioning / "datasources" / "datasources.yaml")["datasources"]
    assert {source["type"] for source in sources} == {"prometheus", "jaeger"}
    (provider,) = read(provisioning / "dashboards" / "dashboards.yaml")["providers"]
    mounts = read(COLLECTOR / "compose.yaml")["services"]["grafana"]["volumes"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in mounts
