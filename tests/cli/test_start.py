"""A command imports only what it needs. Each of these modules takes hundredths of a second, and a person waits for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.imported_modules import imported_modules
from tests.support.made_stores import JsonTree, Tokens, message, session

NEVER = {"pydantic", "opentelemetry", "textual", "watchdog", "asyncio", "rich.markdown", "rich.traceback", "pygments"}
"""What no command here shows or does."""
NO_SUMMARY = {"psutil", "annotated_types", "markdown_it"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a message of OpenCode's."""
    JsonTree(tmp_path / ".local" / "share" / "opencode").put_turn(message(session(), Tokens(input=1)))
    return tmp_path


def test_the_version_needs_nothing(home: Path) -> None:
    assert imported_modules(home, "--version") & {"typer", "rich", "msgspec", "logging", "pathlib"} == set()


@pytest.mark.parametrize("arguments", [["--help"], ["summary", "-h"], ["config", "show", "--help"]])
def test_help_needs_the_tables_of_rich_and_no_more(arguments: list[str], home: Path) -> None:
    imported = imported_modules(home, *arguments)
    assert "rich.table" in imported
    assert imported & (NEVER | {"markdown_it", "sqlite3", "psutil", "annotated_types", "filelock"}) == set()


def test_a_table_needs_rich_and_a_machine_readable_form_does_not(home: Path) -> None:
    table = imported_modules(home, "summary", "models")
    assert "rich.console" in table
    assert table & (NEVER | NO_SUMMARY) == set()
    for form in ("json", "csv"):
        assert imported_modules(home, "summary", "models", "--format", form) & (NEVER | NO_SUMMARY | {"rich"}) == set()
