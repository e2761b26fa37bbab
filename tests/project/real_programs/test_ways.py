"""Each way in which a program comes: go build, npm, Maven, apt-get."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from scripts.real_programs import table
from scripts.real_programs.apt import as_root
from scripts.real_programs.collector_build import Manifest
from scripts.real_programs.errors import GetError
from tests.project.real_programs.checkout import (
    APT_GET,
    FAILS,
    GO,
    JAVA,
    MVN,
    NPM,
    NPM_CI,
    SUDO,
    Checkout,
)


class TestGo:
    def test_a_program_is_built_with_its_tags_and_without_a_version_stamp(self, checkout: Checkout) -> None:
        checkout.has(go=GO)
        assert checkout.run("get", "prometheus").returncode == 0
        module = "github.com/prometheus/prometheus"
        assert f"go get {module}@{table.PROMETHEUS}" in checkout.calls
        built = [call for call in checkout.calls if call.startswith("go build")]
        assert [call.partition(" -o ")[0] for call in built] == [
            "go build -mod=mod -trimpath -ldflags=-s -w -tags remove_all_sd"
        ] * 2
        assert [call.rpartition(" ")[2] for call in built] == [f"{module}/cmd/prometheus", f"{module}/cmd/promtool"]
        assert "environment: -buildvcs=false off 0" in checkout.calls

    def test_the_collector_is_generated_by_its_builder_and_built_from_the_pinned_modules(
        self, checkout: Checkout
    ) -> None:
        checkout.has(go=GO)
        done = checkout.run("get", "collector")
        manifest = Manifest.read(table.MANIFEST)
        assert done.stdout == f"{checkout.cache / 'collector' / manifest.digest / 'otelcol-agent'}\n"
        generated, fetched = checkout.calls[1], checkout.calls[3]
        builder = f"go run go.opentelemetry.io/collector/cmd/builder@v{manifest.version} --config"
        assert generated.startswith(builder)
        assert generated.endswith("collector/builder.yaml --skip-get-modules --skip-compilation")
        core = f"go.opentelemetry.io/collector/otelcol@v{manifest.version}"
        assert fetched.split() == ["go", "get", *manifest.modules, core]

    def test_an_edited_manifest_is_another_collector(self, checkout: Checkout) -> None:
        checkout.has(go=GO)
        before = checkout.run("get", "collector").stdout
        with (checkout.root / "collector" / "builder.yaml").open("a", encoding="utf-8") as manifest:
            manifest.write("# edited\n")
        assert checkout.run("get", "collector").stdout != before

    def test_a_go_that_is_too_old_and_may_not_fetch_a_newer_one_is_named(self, checkout: Checkout) -> None:
        checkout.has(go=GO)
        checkout.variables |= {"GOVERSION": "go1.25.9", "GOTOOLCHAIN": "local"}
        done = checkout.run("get", "collector")
        assert done.returncode == 1
        assert "This is go1.25.9: install Go 1.26.0 or newer, or set GOTOOLCHAIN=auto" in done.stderr
        checkout.variables["GOTOOLCHAIN"] = "auto"
        assert checkout.run("get", "collector").returncode == 0

    def test_a_module_that_is_a_program_is_built_and_so_is_a_file_of_ours_with_its_module(
        self, checkout: Checkout
    ) -> None:
        checkout.has(go=GO)
        module = "sigs.k8s.io/kustomize/kustomize/v5"
        assert checkout.run("get", "kustomize").returncode == 0
        assert f"go get {module}@{table.KUSTOMIZE}" in checkout.calls
        assert [call.rpartition(" ")[2] for call in checkout.calls if call.startswith("go build")] == [module]
        made = checkout.cache / "alertmanager" / table.ALERTMANAGER / "alertmanager_config"
        assert checkout.run("get", "alertmanager-config").stdout == f"{made}\n"
        assert f"go get github.com/prometheus/alertmanager@{table.ALERTMANAGER}" in checkout.calls
        assert [call.rpartition(" ")[2] for call in checkout.calls if call.startswith("go build")][-1] == "."

    def test_a_file_is_taken_from_its_module(self, checkout: Checkout) -> None:
        checkout.has(go=GO)
        module = checkout.root / "module"
        (module / "schema").mkdir(parents=True)
        (module / "schema" / "compose-spec.json").write_text("{}", encoding="utf-8")
        checkout.variables["MODULE"] = str(module)
        assert checkout.run("get", "compose-schema").stdout == f"{checkout.cache / 'compose' / table.COMPOSE}.json\n"


class TestNpm:
    def test_a_release_is_installed_and_its_command_still_runs_after_the_rename(self, checkout: Checkout) -> None:
        checkout.has(npm=NPM)
        done = checkout.run("get", "opencode")
        assert done.returncode == 0, done.stderr
        commands = done.stdout.splitlines()
        assert commands == [f"{checkout.cache / 'opencode' / version / 'opencode'}" for version in table.OPENCODE]
        said = [subprocess.run([command], capture_output=True, text=True, check=True).stdout for command in commands]
        assert said == [f"{version}\n" for version in table.OPENCODE]

    def test_a_package_that_names_no_command_gives_its_binary(self, checkout: Checkout) -> None:
        checkout.has(npm=NPM)
        done = checkout.run("get", "opencode-releases")
        assert done.returncode == 0, done.stderr
        for version in table.OPENCODE_MATRIX:
            command = checkout.cache / "opencode" / version / "opencode"
            said = subprocess.run([command], capture_output=True, text=True, check=True).stdout
            assert said == f"{version}\n"
        asked = [call.rpartition(" ")[2] for call in checkout.calls if call.startswith("npm install")]
        assert asked == [f"{table.OPENCODE_BINARY}@{version}" for version in table.OPENCODE_MATRIX]

    def test_a_release_that_says_it_is_another_is_not_kept(self, checkout: Checkout) -> None:
        checkout.has(npm=NPM)
        checkout.variables["SAYS"] = "9.9.9"
        done = checkout.run("get", "opencode")
        assert done.returncode == 1
        assert "It says that it is '9.9.9'" in done.stderr
        assert checkout.kept("opencode") == set()


class TestNpmLocked:
    def test_the_locked_packages_are_installed_without_their_scripts(self, checkout: Checkout) -> None:
        checkout.has(npm=NPM_CI)
        done = checkout.run("get", "grafana-panels")
        assert done.returncode == 0, done.stderr
        (call,) = checkout.calls
        assert call.startswith("npm ci --ignore-scripts")
        (folder,) = (checkout.cache / "grafana-panels").glob("[0-9a-f]*")
        assert (folder / "package-lock.json").read_bytes() == (table.PAGE / "package-lock.json").read_bytes()

    def test_another_lock_file_is_another_folder(self, checkout: Checkout) -> None:
        checkout.has(npm=NPM_CI)
        assert checkout.run("get", "grafana-panels").returncode == 0
        with (checkout.root / "collector" / "grafana" / "page" / "package-lock.json").open("a") as lock:
            lock.write("\n")
        assert checkout.run("get", "grafana-panels").returncode == 0
        assert len(checkout.kept("grafana-panels")) == 2

    def test_the_lock_file_has_a_hash_for_each_package_and_the_release_of_the_table(self) -> None:
        packages = json.loads((table.PAGE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
        own = packages.pop("")
        assert own["dependencies"]["@grafana/ui"] == own["dependencies"]["@grafana/data"] == table.PANELS
        assert [name for name, package in packages.items() if "integrity" not in package] == []
        assert {packages[f"node_modules/@grafana/{name}"]["license"] for name in ("ui", "data")} == {"Apache-2.0"}


class TestMaven:
    def test_kafka_gets_its_jars_and_commands(self, checkout: Checkout) -> None:
        checkout.has(java=JAVA, mvn=MVN)
        done = checkout.run("get", "kafka")
        assert done.returncode == 0, done.stderr
        folder = checkout.cache / "kafka" / table.KAFKA
        asked = (folder / "libs" / "pom.xml").read_text(encoding="utf-8")
        assert f"<artifactId>kafka_2.13</artifactId><version>{table.KAFKA}</version>" in asked
        assert f"<artifactId>slf4j-simple</artifactId><version>{table.KAFKA_LOG}</version>" in asked
        path = {"PATH": f"{checkout.bin}:/usr/bin:/bin"}
        subprocess.run(
            [folder / "bin" / "kafka-topics.sh", "--list"], env={**checkout.environment(), **path}, check=True
        )
        assert checkout.calls[-1].endswith(f"-cp {folder}/bin/../libs/* org.apache.kafka.tools.TopicCommand --list")

    def test_a_java_that_is_too_old_is_named(self, checkout: Checkout) -> None:
        checkout.has(java=JAVA, mvn=MVN)
        checkout.variables["JAVA"] = "11.0.2"
        done = checkout.run("get", "kafka")
        assert done.returncode == 1
        assert "needs Java 17 or newer; `java -version` says: openjdk version" in done.stderr
        assert "check the network" not in done.stderr


class TestApt:
    def test_a_package_is_installed_if_its_command_is_not_on_path(self, checkout: Checkout) -> None:
        checkout.has(sudo=SUDO, apt_get=APT_GET)
        done = checkout.run("get", "tmux")
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{checkout.bin / 'tmux'}\n", done.stderr
        asked = [call.partition("--quiet=2 ")[2] for call in checkout.calls if call.startswith("apt-get")]
        assert asked == ["update", "install --yes --no-install-recommends tmux"]
        assert checkout.run("get", "tmux").stdout == done.stdout
        assert len([call for call in checkout.calls if call.startswith("apt-get")]) == 2

    def test_kafka_first_gets_the_java_and_maven_that_it_needs(self, checkout: Checkout) -> None:
        checkout.has(sudo=SUDO, apt_get=APT_GET, default_jre_headless=JAVA, maven=MVN)
        checkout.variables |= {"default_jre_headless": "java", "maven": "mvn"}
        done = checkout.run("get", "kafka")
        assert done.returncode == 0, done.stderr
        assert checkout.kept("kafka") == {table.KAFKA}

    def test_a_package_that_cannot_be_fetched_comes_with_the_command_to_run_by_hand(self, checkout: Checkout) -> None:
        checkout.has(sudo=SUDO, apt_get=FAILS)
        done = checkout.run("get", "systemd")
        assert done.returncode == 1
        assert "systemd could not be installed" in done.stderr
        assert "Run this as root, then the same command again: apt-get update && apt-get install systemd" in done.stderr

    def test_a_user_without_root_and_sudo_reads_what_root_has_to_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert as_root("tmux", 0) == ()
        with pytest.raises(GetError, match="Only root may install the package tmux, and there is no sudo here"):
            as_root("tmux", 1000)
