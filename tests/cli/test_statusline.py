"""`otel-agent statusline` prints one line, and waits for nothing."""

from __future__ import annotations

from pathlib import Path

from tests.support.imported_modules import imported_modules
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.shell import Shell


def test_it_reads_nothing_of_opencode_and_says_that_nothing_was_read(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
    assert shell.output("statusline", "--format", "{all.tokens}") == "0 (history not read yet)\n"
    shell.output("summary")
    assert shell.output("statusline", "--format", "{all.tokens}") == "1\n"


def test_it_needs_no_tables(tmp_path: Path) -> None:
    assert imported_modules(tmp_path, "statusline") & {"rich", "pydantic", "textual", "watchdog", "psutil"} == set()
