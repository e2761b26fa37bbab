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


def test_as_a_status_bar_calls_it_it_needs_no_parser_and_says_the_same(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=7)))
    shell.output("summary")
    unused = {"rich", "typer", "pydantic", "textual", "watchdog", "psutil", "hashlib", "platformdirs"}
    for arguments in ((), ("--format", "{all.tokens} {all.input:exact}")):
        assert imported_modules(tmp_path, "statusline", *arguments) & unused == set()
        # Only Typer knows another option, and the file is the one that is read without it.
        parsed = shell.output("statusline", *arguments, "--tz", "UTC")
        assert shell.output("statusline", *arguments, TZ="UTC") == parsed
    assert shell.output("statusline", "--format", "{all.tokens}") == "7\n"
