"""What import-linter cannot say of how the package is laid out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import PACKAGE, ROOT

MAX_LINES = 350


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imported(module: Path) -> Iterator[str]:
    """Every dotted name the module imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(module.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def importers(package: str) -> set[str]:
    """The rooms that import `package`: its first-level folder or module. (import-linter knows only whole distributions.)"""
    return {
        module.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for module in modules()
        if any(f"{name}.".startswith(f"{package}.") for name in imported(module))
    }


def test_only_delivery_knows_the_exporters() -> None:
    assert importers("opentelemetry.exporter") == {"delivery"}


def test_no_module_and_no_file_of_tests_outgrows_its_reader() -> None:
    files = [*modules(), *sorted((ROOT / "tests").rglob("*.py"))]
    sizes = {file.relative_to(ROOT).as_posix(): len(file.read_text("utf-8").splitlines()) for file in files}
    assert {name: lines for name, lines in sizes.items() if lines > MAX_LINES} == {}
