"""Docker Compose: the file fits its schema, what it names exists, and each service may only do what it needs."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from tests.support.real_programs import COLLECTOR, release, require
from tests.team.support.yaml_files import read

COMPOSE = read(COLLECTOR / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONCE = "volumes"
"""The service that prepares the volumes and ends."""
PUBLISHED = {
    "gateway": {4317, 4318},
    "prometheus": {9090},
    "jaeger": {16686},
    "grafana": {3000},
    "alertmanager": {9093},
}


def test_the_compose_file_fits_the_schema_of_compose() -> None:
    schema = json.loads(require("compose-schema").read_text(encoding="utf-8"))
    assert [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(COMPOSE)] == []


def test_docker_composes_own_code_reads_it_and_asks_for_the_password() -> None:
    loaded = json.loads(_load(GRAFANA_PASSWORD="made up").stdout)
    assert loaded["services"].keys() == SERVICES.keys()
    published = [port for service in loaded["services"].values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}
    assert all("made up" not in str(service) for name, service in loaded["services"].items() if name != "grafana")
    refused = _load()
    assert refused.returncode == 1
    assert "write GRAFANA_PASSWORD=... into the file .env beside compose.yaml" in refused.stderr


def test_every_image_has_an_exact_tag_and_is_the_release_that_is_tested() -> None:
    """Prometheus 3.16 is the Go module v0.316, and Jaeger 2.13 the module v1.76: they are released together."""
    images = {name: service["image"] for name, service in SERVICES.items()}
    assert {name: bool(re.search(r":v?\d+\.\d+\.\d+$", image)) for name, image in images.items()} == dict.fromkeys(
        images, True
    )
    _, minor, patch = release("prometheus").split(".")
    _, jaeger_minor, jaeger_patch = release("jaeger").split(".")
    builder = read(COLLECTOR / "builder.yaml")["dist"]
    assert images["gateway"] == f"otel/opentelemetry-collector-contrib:{builder['version']}"
    assert images["prometheus"] == images[ONCE] == f"prom/prometheus:v{minor[0]}.{minor[1:]}.{patch}"
    assert images["jaeger"] == f"jaegertracing/jaeger:2.{int(jaeger_minor) - 63}.{jaeger_patch}"
    assert images["alertmanager"] == f"prom/alertmanager:{release('alertmanager-config')}"


def test_no_service_that_stays_runs_as_root_or_may_become_it() -> None:
    for name, service in SERVICES.items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "privileged" not in service, name
        assert re.fullmatch(r"[1-9]\d*:\d+", service["user"]) or name == ONCE, name
        assert "cap_add" not in service or name == ONCE, name
        assert service.get("read_only") or name == "grafana", name
    assert SERVICES[ONCE]["cap_add"] == ["CHOWN", "DAC_OVERRIDE"]
    assert SERVICES[ONCE]["network_mode"] == "none"


def test_every_service_has_limits_and_a_check_of_its_health_if_its_image_can() -> None:
    for name, service in SERVICES.items():
        assert "mem_limit" in service, name
        assert name == ONCE or service["cpus"] == 2, name
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == {"gateway", ONCE}


def test_a_check_of_health_asks_a_port_on_which_the_service_listens() -> None:
    for name, service in SERVICES.items():
        if "healthcheck" in service:
            (port,) = re.findall(r"http://127\.0\.0\.1:(\d+)/", service["healthcheck"]["test"][-1])
            assert int(port) in PUBLISHED[name]


def test_ports_are_open_on_loopback_only() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if service.get("ports")}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    found = {name: {int(port.rpartition(":")[2]) for port in ports} for name, ports in published.items()}
    assert found == PUBLISHED


def test_services_that_have_nothing_to_say_to_each_other_share_no_network() -> None:
    networks = {name: set(service.get("networks", [])) for name, service in SERVICES.items()}
    for one, other in (
        ("grafana", "gateway"),
        ("grafana", "alertmanager"),
        ("alertmanager", "gateway"),
        ("alertmanager", "jaeger"),
    ):
        assert not networks[one] & networks[other], (one, other)
    internal = {name for name, options in COMPOSE["networks"].items() if options}
    assert internal == {"storage"}
    # Docker publishes no port of a service that is in internal networks only.
    assert all(networks[name] - internal for name in PUBLISHED)


def test_every_address_that_a_service_is_given_is_another_service_in_one_of_its_networks() -> None:
    given = {
        "gateway": SERVICES["gateway"]["environment"].values(),
        "prometheus": [_text("compose/targets/otelcol.yaml"), _text("compose/targets/alertmanager.yaml")],
        "grafana": [_text("grafana/provisioning/datasources/datasources.yaml")],
    }
    named = {
        name: {host for text in texts for host in re.findall(r"\b([a-z]+):\d{4,5}\b", text)}
        for name, texts in given.items()
    }
    assert named == {
        "gateway": {"prometheus", "jaeger"},
        "prometheus": {"gateway", "alertmanager"},
        "grafana": {"prometheus", "jaeger"},
    }
    for name, hosts in named.items():
        assert all(set(SERVICES[name]["networks"]) & set(SERVICES[host]["networks"]) for host in hosts), name


def test_every_variable_that_is_set_for_a_service_is_read_by_its_configuration() -> None:
    for service, path in (("gateway", "gateway/gateway.yaml"), ("jaeger", "jaeger/jaeger.yaml")):
        # The SDK in Jaeger reads the last one.
        understood = {*re.findall(r"\$\{env:(\w+)", _text(path)), "OTEL_TRACES_SAMPLER"}
        assert set(SERVICES[service]["environment"]) <= understood


def test_it_mounts_files_that_exist_and_only_its_volumes_are_writable() -> None:
    for service in SERVICES.values():
        for mount in service["volumes"]:
            source, _, options = mount.partition(":")
            if source.startswith("."):
                assert (COLLECTOR / source).exists(), source
                assert options.endswith(":ro"), mount
            else:
                assert source in COMPOSE["volumes"], source


def test_the_files_of_addresses_are_those_that_prometheus_reads() -> None:
    config = yaml.safe_load(_text("prometheus/prometheus.yaml"))
    read_files = {
        name
        for job in (*config["scrape_configs"], *config["alerting"]["alertmanagers"])
        for files in job.get("file_sd_configs", [])
        for name in files["files"]
    }
    for folder in ("prometheus/targets", "compose/targets"):
        assert {f"targets/{path.name}" for path in (COLLECTOR / folder).iterdir()} == read_files


def test_grafana_finds_its_dashboards_and_data_sources() -> None:
    sources = read(COLLECTOR / "grafana" / "provisioning" / "datasources" / "datasources.yaml")["datasources"]
    assert {source["type"] for source in sources} == {"prometheus", "jaeger"}
    (provider,) = read(COLLECTOR / "grafana" / "provisioning" / "dashboards" / "dashboards.yaml")["providers"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in SERVICES["grafana"]["volumes"]


def _load(**variables: str) -> subprocess.CompletedProcess[str]:
    """Load the file in an environment that has only these variables."""
    program = require("compose-load") / "compose_load"
    return subprocess.run(
        [program, COLLECTOR / "compose.yaml"], env=variables, capture_output=True, text=True, check=False
    )


def _text(name: str) -> str:
    path: Path = COLLECTOR / name
    return path.read_text(encoding="utf-8")
