"""Kubernetes: rendered by the real kustomize and checked against the schemas; no test runs a cluster."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from pathlib import Path
from textwrap import dedent
from typing import Any

import jsonschema
import pytest
import yaml

from collector.prometheus import operator_rules
from tests.support.real_programs import COLLECTOR
from tests.support.real_programs.collector import require_collector
from tests.team.support.kubernetes import COMPONENTS, Object, check, custom_schema, named, pods, render, with_components
from tests.team.support.rules import FILES
from tests.team.support.tiers import Secrets
from tests.team.support.yaml_files import read

OPERATOR = "kubernetes/components/prometheus-operator"
VALUES = read(COLLECTOR / OPERATOR / "kube-prometheus-stack-values.yaml")
SECRETS = {
    "otel-agent-gateway-tls",
    "otel-agent-gateway-token",
    "otel-agent-kafka",
    "otel-agent-clickhouse",
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    """Return the objects of the gateway alone."""
    return with_components(tmp_path_factory.mktemp("base") / "overlay")


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    """Return the objects of the gateway with all components."""
    return with_components(tmp_path_factory.mktemp("all") / "overlay", *COMPONENTS)


def test_every_object_fits_the_schema_of_its_kind(gateway: list[Object], everything: list[Object]) -> None:
    for thing in (*gateway, *everything):
        check(thing)
    kinds = {thing["kind"] for thing in everything}
    assert {"PrometheusRule", "ServiceMonitor", "Certificate", "HorizontalPodAutoscaler", "Role"} <= kinds
    assert "Secret" not in kinds


def test_a_misspelt_field_of_an_operators_kind_does_not_fit(everything: list[Object]) -> None:
    for kind, name, wrong in (
        ("ServiceMonitor", "otelcol", {"endpoint": []}),
        ("PrometheusRule", "otel-agent-agents", {"group": []}),
        ("Certificate", "gateway", {"dnsName": "here"}),
    ):
        thing = copy.deepcopy(named(everything, kind, name))
        thing["spec"] |= wrong
        with pytest.raises(jsonschema.ValidationError, match=next(iter(wrong))):
            check(thing)


def test_each_component_can_be_added_alone_and_what_it_adds_is_in_the_namespace(tmp_path: Path) -> None:
    for at, component in enumerate(COMPONENTS):
        rendered = with_components(tmp_path / str(at), component)
        inside = [thing for thing in rendered if thing["kind"] != "Namespace"]
        assert {thing["metadata"].get("namespace") for thing in inside} == {"otel-agent"}, component


def test_the_order_of_components_changes_nothing(everything: list[Object], tmp_path: Path) -> None:
    turned = with_components(tmp_path / "turned", *reversed(COMPONENTS))
    assert _settings(turned) == _settings(everything)


def test_the_overlay_that_the_readme_shows_can_be_rendered(tmp_path: Path) -> None:
    text = (COLLECTOR / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^    apiVersion: kustomize.*\n(?:    .*\n)+", text, re.MULTILINE)
    rendered = render(tmp_path / "own", dedent(shown), checkout="../otel-agent/collector")
    assert named(rendered, "Certificate", "gateway")["spec"]["dnsNames"] == ["otel.example.org"]
    assert named(rendered, "ConfigMap", "backends")["data"] == {
        "PROMETHEUS_ENDPOINT": "http://prometheus-operated.monitoring:9090/api/v1/otlp",
        "TRACES_ENDPOINT": "http://tempo.monitoring:4318",
    }


def test_the_root_names_every_component() -> None:
    text = (COLLECTOR / "kustomization.yaml").read_text(encoding="utf-8")
    named_there = re.findall(r"^#   - ([a-z/-]+)$", text.partition("# components:")[2], re.MULTILINE)
    assert sorted(named_there) == COMPONENTS
    uncommented = yaml.safe_load(re.sub(r"^# (components:|  - [a-z/-]+$)", r"\1", text, flags=re.MULTILINE))
    assert sorted(uncommented["components"]) == COMPONENTS


def test_the_gateway_has_every_overlay_under_the_name_of_its_file(
    gateway: list[Object], everything: list[Object]
) -> None:
    own = {path.name for path in (COLLECTOR / "gateway").glob("*.yaml")} - {"loopback.yaml"}
    assert named(gateway, "ConfigMap", "gateway")["data"].keys() == own
    assert named(everything, "ConfigMap", "gateway")["data"].keys() == own | {"out.yaml", "tls.yaml"}
    for thing in everything:
        if thing["kind"] == "StatefulSet" and thing["metadata"]["name"] != "jaeger":
            files = named(everything, "ConfigMap", thing["metadata"]["name"])["data"]
            arguments = thing["spec"]["template"]["spec"]["containers"][0]["args"]
            assert {argument.rpartition("/")[2] for argument in arguments} <= files.keys()


def test_every_pod_may_do_only_what_it_needs(everything: list[Object]) -> None:
    """What the namespace enforces (`restricted`), and more."""
    assert len(pods(everything)) == 3
    for pod in pods(everything):
        assert pod["automountServiceAccountToken"] is False
        assert pod["serviceAccountName"] == "otel-agent"
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]
            assert container["readinessProbe"]
            assert container["livenessProbe"]


def test_every_pod_has_a_network_policy_and_secrets_are_named_but_not_shipped(everything: list[Object]) -> None:
    policies = {each["metadata"]["name"] for each in everything if each["kind"] == "NetworkPolicy"}
    sets = {each["metadata"]["name"] for each in everything if each["kind"] == "StatefulSet"}
    assert policies == sets
    found = set(re.findall(r'"(?:secretName|name)": "(otel-agent-[a-z-]+)"', json.dumps(pods(everything))))
    assert found == SECRETS
    assert named(everything, "Certificate", "gateway")["spec"]["secretName"] in found


def test_pods_run_the_releases_that_are_tested(everything: list[Object]) -> None:
    images = {container["image"] for pod in pods(everything) for container in pod["containers"]}
    services = read(COLLECTOR / "compose.yaml")["services"]
    assert images == {services["gateway"]["image"], services["jaeger"]["image"]}


def test_every_variable_of_a_pod_is_read_by_its_configuration(everything: list[Object]) -> None:
    addresses = named(everything, "ConfigMap", "backends")["data"].keys()
    read_somewhere = set()
    for kind, files in {
        "gateway": ["gateway/gateway.yaml", "kafka/out.yaml", "kafka/tls.yaml"],
        "consumer": ["kafka/in.yaml", "kafka/tls.yaml"],
        "jaeger": ["jaeger/jaeger.yaml"],
    }.items():
        text = " ".join((COLLECTOR / name).read_text(encoding="utf-8") for name in files)
        understood = set(re.findall(r"\$\{env:(\w+)", text))
        read_somewhere |= understood
        (container,) = named(everything, "StatefulSet", kind)["spec"]["template"]["spec"]["containers"]
        variables = {variable["name"] for variable in container["env"]}
        assert variables <= understood | {"GOMEMLIMIT", "OTEL_TRACES_SAMPLER"}, kind
    assert addresses <= read_somewhere


@pytest.mark.collector
@pytest.mark.parametrize("name", ["gateway", "consumer"])
def test_the_collector_accepts_what_a_pod_runs(
    everything: list[Object], name: str, secrets: Secrets, tmp_path: Path
) -> None:
    for file, text in named(everything, "ConfigMap", name)["data"].items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    (container,) = named(everything, "StatefulSet", name)["spec"]["template"]["spec"]["containers"]
    given = {each["name"]: each.get("value", "from a Secret") for each in container["env"]}
    variables = named(everything, "ConfigMap", "backends")["data"] | given | secrets.variables
    arguments = [argument.replace("/etc/otelcol", str(tmp_path)) for argument in container["args"]]
    command = [require_collector(), "validate", *arguments]
    ran = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_what_is_scraped_listens_and_prometheus_reaches_it(everything: list[Object]) -> None:
    monitor = named(everything, "ServiceMonitor", "otelcol")["spec"]
    (endpoint,) = monitor["endpoints"]
    assert {"targetLabel": "job", "replacement": "otelcol"} in endpoint["relabelings"]
    scraped = {
        thing["metadata"]["name"]
        for thing in everything
        if thing["kind"] == "Service"
        and monitor["selector"]["matchLabels"].items() <= thing["metadata"]["labels"].items()
        and endpoint["port"] in {port["name"] for port in thing["spec"]["ports"]}
    }
    assert scraped == {"gateway", "consumer"}
    for name in scraped:
        allowed = named(everything, "NetworkPolicy", name)["spec"]["ingress"]
        assert any({"port": endpoint["port"]} in rule["ports"] and "from" in rule for rule in allowed)


def test_the_rights_to_scrape_are_given_to_prometheus_in_its_own_namespace(everything: list[Object]) -> None:
    (subject,) = named(everything, "RoleBinding", "scrape")["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": "prometheus", "namespace": "monitoring"}
    scrape = read(COLLECTOR / "prometheus" / "scrape" / "kubernetes.yaml")["scrape_configs"][0]
    roles = {config["role"] for config in scrape["kubernetes_sd_configs"]}
    (rule,) = named(everything, "Role", "scrape")["rules"]
    assert {f"{role}s" for role in roles} == set(rule["resources"])


def test_an_autoscaler_alone_says_how_many_gateways_there_are(gateway: list[Object], everything: list[Object]) -> None:
    scaler = named(everything, "HorizontalPodAutoscaler", "gateway")["spec"]
    assert "replicas" not in named(everything, "StatefulSet", "gateway")["spec"]
    assert scaler["minReplicas"] == named(gateway, "StatefulSet", "gateway")["spec"]["replicas"]
    assert scaler["behavior"]["scaleDown"] == {"selectPolicy": "Disabled"}


def test_the_rules_for_the_operator_are_those_of_prometheus(everything: list[Object]) -> None:
    assert operator_rules.OBJECTS.read_text(encoding="utf-8") == operator_rules.text(), "run `make operator-rules`"
    of_files = {f"otel-agent-{path.stem}": read(path) for path in FILES}
    assert {
        each["metadata"]["name"]: each["spec"] for each in everything if each["kind"] == "PrometheusRule"
    } == of_files


def test_grafanas_sidecar_finds_every_dashboard(everything: list[Object]) -> None:
    shown = [
        each
        for each in everything
        if each["kind"] == "ConfigMap" and each["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
    ]
    files = {name: text for each in shown for name, text in each["data"].items()}
    assert files == {
        path.name: path.read_text(encoding="utf-8") for path in (COLLECTOR / "grafana" / "dashboards").iterdir()
    }
    # `kubectl apply` puts all of an object into an annotation, which may have 256 KiB.
    assert all(len(json.dumps(each)) < 256 * 1024 for each in everything)


def test_the_operators_prometheus_is_set_up_as_ours_is() -> None:
    spec: dict[str, Any] = VALUES["prometheus"]["prometheusSpec"]
    ours = read(COLLECTOR / "prometheus" / "prometheus.yaml")
    assert spec["otlp"]["promoteResourceAttributes"] == ours["otlp"]["promote_resource_attributes"]
    assert spec["tsdb"]["outOfOrderTimeWindow"] == ours["storage"]["tsdb"]["out_of_order_time_window"]
    retention = ours["storage"]["tsdb"]["retention"]
    assert (spec["retention"], spec["retentionSize"]) == (retention["time"], retention["size"])
    assert spec["enableOTLPReceiver"] is True
    # The chart calls it `storageSpec`.
    fields = {("storage" if name == "storageSpec" else name): value for name, value in spec.items()}
    jsonschema.Draft7Validator(custom_schema("Prometheus")["properties"]["spec"]).validate(fields)


def _settings(objects: list[Object]) -> dict[tuple[str, str], Any]:
    """Return what the objects say, without the order of variables, volumes and rules."""
    return {(each["kind"], each["metadata"]["name"]): _sorted(each.get("spec", each.get("data"))) for each in objects}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(each) for key, each in value.items()}
    return sorted((_sorted(each) for each in value), key=repr) if isinstance(value, list) else value
