"""The table of the real programs: which release of each, where it is put, and how it comes. Versions are kept here only.

The Collector's release and modules are those of its manifest, which the Collector's builder reads too.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from scripts.real_programs.apt import Installed
from scripts.real_programs.collector_build import CollectorBuild, Manifest
from scripts.real_programs.errors import GetError
from scripts.real_programs.go_build import GoBuild, GoOwn
from scripts.real_programs.go_file import GoFile
from scripts.real_programs.maven import Maven
from scripts.real_programs.npm import Npm
from scripts.real_programs.npm_locked import NpmLocked
from scripts.real_programs.pip import Pip
from scripts.real_programs.pip_locked import PipLocked
from scripts.real_programs.place import ROOT
from scripts.real_programs.program import Kept, Program

MANIFEST = ROOT / "collector" / "builder.yaml"
PAGE = ROOT / "collector" / "grafana" / "page"
CYCLONEDX = PipLocked("cyclonedx-bom", ROOT / "requirements" / "release.txt", target="cyclonedx")
ANSIBLE = PipLocked("ansible-core", ROOT / "requirements" / "ansible.txt", target="ansible")

OPENCODE = ("1.1.27", "1.2.6", "1.18.33")
OPENCODE_MATRIX = ("1.1.65", "1.2.27", "1.3.0", "1.14.48", "1.15.4", "1.17.19", "1.18.20", "1.18.34")
"""The releases that `make opencode-matrix` runs, beside those of `OPENCODE`."""
OPENCODE_BINARY = "opencode-{}-{}".format(
    sys.platform, {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
)
"""The package with the binary for this machine. It has releases that `opencode-ai` lacks, and is a third of the size."""
PROMETHEUS = "v0.316.0"  # the Go module's name for Prometheus 3.16.0
JAEGER = "v1.76.0"  # the Go module's name for Jaeger 2.13.0
KAFKA = "4.4.0"
KAFKA_LOG = "1.7.36"  # the slf4j that Kafka itself brings
CLICKHOUSE = "26.9.0"
PANELS = "11.6.0"  # of Grafana; `package.json` has it too
COMPOSE = "v2.16.2"
ALERTMANAGER = "v0.31.1"  # in newer ones, what reads a configuration brings twice as many packages
KUSTOMIZE = "v5.8.2"  # the newest that Go 1.26 builds
PROMETHEUS_OPERATOR = "v0.85.0"
CERT_MANAGER = "v1.21.2"
_OPERATOR = ("github.com/prometheus-operator/prometheus-operator", PROMETHEUS_OPERATOR)
CUSTOM_RESOURCES = (
    *(
        (*_OPERATOR, f"jsonnet/prometheus-operator/{kind}-crd.json")
        for kind in ("prometheuses", "prometheusrules", "servicemonitors")
    ),
    ("github.com/cert-manager/cert-manager", CERT_MANAGER, "deploy/crds/cert-manager.io_certificates.yaml"),
)
"""Module, release, and the file with the definition of a kind that Kubernetes itself has not."""


@cache
def programs() -> Sequence[Program]:
    """Return the table. A name may have several rows, one for each version. Raise GetError if the manifest is unusable."""
    collector, panels = Manifest.read(MANIFEST), NpmLocked(PAGE)
    return (
        *(
            Kept(
                "opencode",
                version,
                place=f"opencode/{version}",
                holds=("opencode",),
                target="opencode",
                way=Npm("opencode-ai", command="opencode"),
                minutes=1,
            )
            for version in OPENCODE
        ),
        *(
            Kept(
                "opencode-releases",
                version,
                place=f"opencode/{version}",
                holds=("opencode",),
                target="opencode-releases",
                way=Npm(OPENCODE_BINARY, command="opencode", file="bin/opencode"),
                minutes=1,
            )
            for version in OPENCODE_MATRIX
        ),
        Kept(
            "collector",
            collector.version,
            place=f"collector/{collector.digest}",
            holds=("otelcol-agent",),
            target="collector-build",
            way=CollectorBuild(collector, "otelcol-agent"),
            minutes=8,
        ),
        Kept(
            "prometheus",
            PROMETHEUS,
            place=f"prometheus/{PROMETHEUS}",
            holds=("prometheus", "promtool"),
            target="prometheus-build",
            # Without the service discoveries, which are most of its dependencies and are not driven here.
            way=GoBuild("github.com/prometheus/prometheus", ("prometheus", "promtool"), tags="remove_all_sd"),
            minutes=8,
        ),
        Kept(
            "jaeger",
            JAEGER,
            place=f"jaeger/{JAEGER}",
            holds=("jaeger",),
            target="jaeger-build",
            way=GoBuild("github.com/jaegertracing/jaeger", ("jaeger",)),
            minutes=8,
        ),
        Kept(
            "kafka",
            KAFKA,
            place=f"kafka/{KAFKA}",
            holds=("bin/kafka-server-start.sh", "bin/kafka-storage.sh", "bin/kafka-topics.sh"),
            target="kafka",
            way=Maven(
                ("org.apache.kafka:kafka_2.13", "org.apache.kafka:kafka-tools", f"org.slf4j:slf4j-simple:{KAFKA_LOG}"),
                # By the names that they have in Kafka's own distribution.
                commands={
                    "kafka-server-start.sh": "kafka.Kafka",
                    "kafka-storage.sh": "kafka.tools.StorageTool",
                    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
                },
                oldest_java=17,
            ),
            minutes=1,
        ),
        # ClickHouse's engine as a library. It comes without its data frames, which no query of the tests asks for.
        Kept(
            "clickhouse", CLICKHOUSE, f"clickhouse/{CLICKHOUSE}", ("chdb",), "clickhouse", Pip("chdb-core"), minutes=2
        ),
        # What `make release` writes a bill of materials with, and what runs the role of docs/rollout.md.
        Kept(
            "cyclonedx",
            CYCLONEDX.version,
            place=f"cyclonedx/{CYCLONEDX.digest}",
            holds=("cyclonedx_py",),
            target="cyclonedx",
            way=CYCLONEDX,
            minutes=1,
        ),
        Kept(
            "ansible",
            ANSIBLE.version,
            place=f"ansible/{ANSIBLE.digest}",
            holds=("ansible",),
            target="ansible",
            way=ANSIBLE,
            minutes=1,
        ),
        # Grafana's own panels, which draw the dashboards without Grafana, and what bundles them and opens a browser.
        Kept(
            "grafana-panels",
            PANELS,
            place=f"grafana-panels/{panels.digest}",
            holds=("node_modules/.bin/esbuild",),
            target="grafana-panels",
            way=panels,
            minutes=2,
        ),
        # What compose.yaml is checked against.
        Kept(
            "compose-schema",
            COMPOSE,
            place=f"compose/{COMPOSE}.json",
            holds=(),
            target="compose-schema",
            way=GoFile("github.com/compose-spec/compose-go/v2", "schema/compose-spec.json"),
            minutes=1,
        ),
        # What reads it as Docker Compose does: it also fills in variables, and knows what fits together.
        Kept(
            "compose-load",
            COMPOSE,
            place=f"compose-load/{COMPOSE}",
            holds=("compose_load",),
            target="compose-load",
            way=GoOwn("github.com/compose-spec/compose-go/v2", Path(__file__).with_name("compose_load.go")),
            minutes=1,
        ),
        # What reads Alertmanager's configuration, without the rest of it: all of it takes ten times as long to build.
        Kept(
            "alertmanager-config",
            ALERTMANAGER,
            place=f"alertmanager/{ALERTMANAGER}",
            holds=("alertmanager_config",),
            target="alertmanager",
            way=GoOwn("github.com/prometheus/alertmanager", Path(__file__).with_name("alertmanager_config.go")),
            minutes=1,
        ),
        # What renders the manifests for Kubernetes, and what those are checked against that are not Kubernetes' own.
        Kept(
            "kustomize",
            KUSTOMIZE,
            place=f"kustomize/{KUSTOMIZE}",
            holds=("kustomize",),
            target="kustomize",
            way=GoBuild("sigs.k8s.io/kustomize/kustomize/v5", ("kustomize",), whole=True),
            minutes=1,
        ),
        *(
            Kept(
                "custom-resources",
                version,
                place=f"custom-resources/{version}/{Path(path).name}",
                holds=(),
                target="custom-resources",
                way=GoFile(module, path),
                minutes=1,
            )
            for module, version, path in CUSTOM_RESOURCES
        ),
        Installed("tmux", command="tmux", package="tmux", target="tmux"),
        Installed("chromium", command="chromium", package="chromium", target="chromium"),
        Installed("systemd", command="systemd-analyze", package="systemd", target="systemd"),
        Installed("groff", command="groff", package="groff-base", target="groff"),
        Installed("zsh", command="zsh", package="zsh", target="zsh"),
        Installed("fish", command="fish", package="fish", target="fish"),
        # What Kafka needs.
        Installed("java", command="java", package="default-jre-headless", target="kafka"),
        Installed("mvn", command="mvn", package="maven", target="kafka"),
    )


def names() -> list[str]:
    """Return the names, each once, in the order of the table."""
    return list(dict.fromkeys(program.name for program in programs()))


def named(name: str) -> list[Program]:
    """Return the rows of a name, one for each version. Raise GetError if there is none."""
    found = [program for program in programs() if program.name == name]
    if not found:
        raise GetError(f"There is no real program named {name}; there are {', '.join(names())}.")
    return found


def kept(name: str) -> Kept:
    """Return the one row of a name that is kept in .cache. Raise GetError if there are others or none."""
    rows = [program for program in named(name) if isinstance(program, Kept)]
    if len(rows) != 1:
        raise GetError(f"{name} has {len(rows)} versions in .cache, and not one.")
    return rows[0]
