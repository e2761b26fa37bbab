"""The documents are true: every command, name and setting that they mention exists."""

from __future__ import annotations

import contextlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest
import typer

from otel_agent.cli.commands import app
from otel_agent.semconv import METRICS
from otel_agent.semconv.attributes import Attr
from otel_agent.settings import Settings
from otel_agent.settings.validation import settings_from
from tests.support.paths import PACKAGE, ROOT

DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "docs/design.md",
    "docs/opencode-matrix.md",
    "docs/rollout.md",
)
CODE_BLOCK = re.compile(r"^```.*?\n(.*?)^```|^((?: {4}\S[^\n]*\n)+)", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"`([^`\n]+)`")
REMARK = re.compile(r"\s{2,}.*|\s#.*")
"""What stands after a command in a code block."""
FILE_ENDINGS = ("db", "json", "jsonl", "md", "py", "toml", "txt")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def code(document: str) -> Iterator[str]:
    """All that stands as code in a document: the spans, and the lines of blocks without their remarks."""
    for block in CODE_BLOCK.finditer(document):
        yield from (REMARK.sub("", line.strip()) for line in (block[1] or block[2]).splitlines())
    yield from CODE_SPAN.findall(CODE_BLOCK.sub("", document))


def commands(document: str, program: str) -> list[list[str]]:
    """The arguments of each call of a program, whatever variables are set before it."""
    found = []
    for line in code(document):
        words = shlex.split(line) if program in line and line.count('"') % 2 == 0 else []
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        if words and words[0] == program:
            found.append(words[1:])
    return found


def understand(arguments: list[str]) -> None:
    """Let the command line's own parser read the arguments. Raises its `UsageError` if it does not understand."""
    command: Any = typer.main.get_command(app())
    while arguments and hasattr(command, "commands") and not arguments[0].startswith("-"):
        assert arguments[0] in command.commands, f"there is no command {arguments[0]}"
        command, arguments = command.commands[arguments[0]], arguments[1:]
    with contextlib.suppress(typer.Exit):  # --help and --version end it
        command.make_context("otel-agent", list(arguments))


def targets() -> set[str]:
    return set(re.findall(r"^\.PHONY: (\S+)$", text("Makefile"), re.MULTILINE))


class TestCommands:
    def test_the_first_two_are_all_it_takes(self) -> None:
        """Whoever has just cloned it runs these, and nothing else comes before."""
        block = CODE_BLOCK.search(text("README.md"))
        assert block is not None
        assert [REMARK.sub("", line) for line in block[1].splitlines()] == ["make run", "make test"]

    @pytest.mark.parametrize("name", DOCUMENTS)
    def test_every_target_of_make_exists(self, name: str) -> None:
        called = {word for words in commands(text(name), "make") for word in words if re.fullmatch(r"[a-z-]+", word)}
        assert called <= targets()

    @pytest.mark.parametrize("name", [*DOCUMENTS, "config/otel-agent.toml"])
    def test_every_command_of_the_agent_is_understood(self, name: str) -> None:
        for arguments in commands(text(name), "otel-agent"):
            understand(arguments)

    @pytest.mark.parametrize("name", ["Makefile", "CONTRIBUTING.md"])
    def test_so_is_every_one_that_goes_through_make(self, name: str) -> None:
        called = re.findall(r'make run +ARGS="([^"]+)"', text(name))
        assert called
        for arguments in called:
            understand(shlex.split(arguments))

    def test_so_is_every_one_the_agent_names_itself(self) -> None:
        """In its examples, its messages and its comments."""
        named = []
        for module in PACKAGE.rglob("*.py"):
            source = module.read_text(encoding="utf-8")
            named += commands(
                "\n".join(f"`{span}`" for span in re.findall(r"`(otel-agent [^`\n]+)`", source)), "otel-agent"
            )
            named += [shlex.split(line) for line in re.findall(r'epilog="Example: .*otel-agent ([^"]+)"', source)]
        assert ["demo"] in named
        for arguments in named:
            understand(arguments)

    def test_readme_shows_every_command(self) -> None:
        shown = {
            " ".join(word for word in words if not word.startswith("-"))
            for words in commands(text("README.md"), "otel-agent")
        }
        assert {
            "run",
            "summary",
            "config show",
            "config init",
            "status",
            "doctor",
            "service install",
            "demo",
            "verify",
        } <= shown


ATTRIBUTES = frozenset(
    value
    for name, found in vars(Attr).items()
    if not name.startswith("_")
    for value in (found if isinstance(found, tuple) else (found,))
)


class TestNames:
    @staticmethod
    def dotted() -> set[str]:
        """Whatever in the README has the form of a metric's or an attribute's name, or of the ending of one."""
        names = r"[a-z_]+(\.[a-z_]+)+(\.\*)?|(?=.*_)(\.[a-z_]+)+"
        spans = {span for span in code(text("README.md")) if re.fullmatch(names, span)}
        return {span for span in spans if span.rpartition(".")[2] not in FILE_ENDINGS}

    def test_every_name_is_one_we_emit(self) -> None:
        """Whole, as a group (`gen_ai.usage.*`), or as the ending of one that stands before it (`.output_tokens`)."""
        ours = METRICS.keys() | ATTRIBUTES
        named = self.dotted()
        assert named
        unknown = {
            name
            for name in named
            if not any(fnmatchcase(each, f"*{name}" if name.startswith(".") else name) for each in ours)
        }
        assert unknown == set()

    def test_every_metric_is_named(self) -> None:
        named = self.dotted()
        endings = tuple(name for name in named if name.startswith("."))
        assert {metric for metric in METRICS if metric not in named and not metric.endswith(endings)} == set()


class TestSettings:
    @pytest.mark.parametrize("name", [*DOCUMENTS, "config/otel-agent.toml"])
    def test_every_variable_of_ours_exists(self, name: str) -> None:
        known = {f"OTEL_AGENT_{field.upper()}" for field in Settings.__struct_fields__} | {"OTEL_AGENT_CONFIG"}
        assert set(re.findall(r"\bOTEL_AGENT_[A-Z_]*[A-Z]\b", text(name))) <= known

    def test_every_value_that_the_readme_shows_is_one(self) -> None:
        shown = [span for span in code(text("README.md")) if re.fullmatch(r"[a-z_]+ = \S+", span)]
        assert shown
        for line in shown:
            settings_from(tomllib.loads(line))


class TestStructure:
    def test_architecture_names_every_room_and_no_other(self) -> None:
        rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
        named = re.findall(r"^\| `([a-z_]+)` \|", text("ARCHITECTURE.md"), re.MULTILINE)
        assert sorted(named) == sorted(rooms - {"__init__", "__main__"})

    def test_architecture_has_the_layers_that_are_enforced(self) -> None:
        contracts = tomllib.loads(text("pyproject.toml"))["tool"]["importlinter"]["contracts"]
        enforced = next(each["layers"] for each in contracts if each["type"] == "layers")
        drawn = re.search(r"`cli` →[^.]+`errors`", text("ARCHITECTURE.md"))
        assert drawn is not None
        assert [set(CODE_SPAN.findall(layer)) for layer in drawn[0].split("→")] == [
            {room.strip() for room in layer.split("|")} for layer in enforced
        ]

    def test_the_changelog_has_a_place_for_what_comes_next(self) -> None:
        assert re.search(r"^## \[Unreleased\]$", text("CHANGELOG.md"), re.MULTILINE)

    @pytest.mark.parametrize("name", DOCUMENTS)
    def test_every_link_leads_somewhere(self, name: str) -> None:
        linked = re.findall(r"\]\((?!https?:)([^)#]+)\)", text(name))
        assert [path for path in linked if not ((ROOT / name).parent / path).exists()] == []
