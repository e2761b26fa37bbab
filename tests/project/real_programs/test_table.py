"""The table is complete, and `list` and `version` show it."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

from scripts.real_programs import table
from scripts.real_programs.collector_build import Manifest
from scripts.real_programs.program import Kept
from scripts.real_programs.running import ADVICE
from tests.project.real_programs.checkout import (
    GO,
    Checkout,
)
from tests.support.paths import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
GETS = dict(re.findall(r"^([a-z-]+): .*\n\t@\$\(REAL_PROGRAMS\) get (\S+)$", MAKEFILE, re.MULTILINE))
"""Target of make → the program that it gets."""


class TestTable:
    def test_every_marker_names_a_target_that_gets_a_program_of_the_table(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        named = {
            marker.partition(":")[0]: re.findall(r"\(make ([a-z-]+)\)", marker)
            for marker in project["tool"]["pytest"]["ini_options"]["markers"]
        }
        assert named
        assert {marker: [GETS.get(target) in table.names() for target in found] for marker, found in named.items()} == {
            marker: [True] for marker in named
        }

    def test_every_program_has_a_target_that_gets_it_or_something_that_needs_it(self) -> None:
        for program in table.programs():
            got = GETS[program.target]
            assert got == program.name or program.name in table.named(got)[0].needs

    def test_every_target_gets_a_program_of_the_table(self) -> None:
        assert set(GETS.values()) <= set(table.names())

    def test_make_clean_keeps_every_folder_of_the_table(self) -> None:
        kept = re.search(r"^KEPT := \$\(addprefix \.cache/,(.*)\)$", MAKEFILE, re.MULTILINE)
        assert kept is not None
        folders = {Path(program.place).parts[0] for program in table.programs() if isinstance(program, Kept)}
        assert set(kept[1].split()) == folders | {"run"}

    def test_every_command_that_is_needed_has_advice_for_when_it_is_missing(self) -> None:
        assert {command for program in table.programs() for command in program.needs} == set(ADVICE)

    def test_no_two_versions_share_a_place(self) -> None:
        places = [program.place for program in table.programs() if isinstance(program, Kept)]
        assert len(places) == len(set(places))

    def test_the_manifest_is_read_as_a_yaml_parser_reads_it(self) -> None:
        ours = Manifest.read(table.MANIFEST)
        whole = yaml.safe_load(ours.text)
        entries = [entry for part in whole.values() if isinstance(part, list) for entry in part]
        assert ours.version == whole["dist"]["version"]
        assert ours.modules == [entry["gomod"].replace(" ", "@") for entry in entries]


class TestList:
    def test_the_json_says_whether_each_program_is_here_and_what_is_missing_for_it(self, checkout: Checkout) -> None:
        checkout.has(go=GO, tmux="")
        checkout.run("get", "jaeger")
        rows: list[dict[str, Any]] = json.loads(checkout.run("list", "--json").stdout)
        assert [row["name"] for row in rows] == [program.name for program in table.programs()]
        by_name = {row["name"]: row for row in rows}
        assert by_name["jaeger"] == {
            "name": "jaeger",
            "version": table.JAEGER,
            "there": True,
            "path": str(checkout.cache / "jaeger" / table.JAEGER / "jaeger"),
            "comes_by": "go build",
            "needs": ["go"],
            "missing": [],
            "make": "jaeger-build",
        }
        kafka = by_name["kafka"]
        assert kafka["there"] is False
        assert kafka["path"] is None
        assert kafka["missing"] == ["java", "mvn"]
        assert by_name["tmux"]["version"] is None
        assert by_name["tmux"]["path"] == str(checkout.bin / "tmux")

    def test_the_text_names_the_target_that_gets_what_is_not_here(self, checkout: Checkout) -> None:
        shown = checkout.run("list").stdout
        assert re.search(
            rf"^prometheus +{table.PROMETHEUS} +no: make prometheus-build +go build +go \(missing\)$",
            shown,
            re.MULTILINE,
        )

    def test_the_versions_of_a_program_are_one_a_line(self, checkout: Checkout) -> None:
        assert checkout.run("version", "opencode").stdout.split() == list(table.OPENCODE)
        assert checkout.run("version", "prometheus").stdout == f"{table.PROMETHEUS}\n"

    def test_help_has_an_example(self, checkout: Checkout) -> None:
        assert "scripts/real-programs get prometheus" in checkout.run("--help").stdout

    def test_a_name_that_is_not_in_the_table_is_a_usage_error_that_names_the_others(self, checkout: Checkout) -> None:
        done = checkout.run("get", "kafk")
        assert done.returncode == 2
        assert "no real program named kafk; there are opencode," in done.stderr
