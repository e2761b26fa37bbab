"""How `otel-agent summary` writes its answer: to files, in colours, with warnings, and while it reads."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import time
from xml.etree import ElementTree

import pytest

from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.shell import Shell
from tests.support.terminal import in_a_terminal


class TestFiles:
    @pytest.mark.parametrize("ending", ["json", "csv", "md", "html", "svg", "txt"])
    def test_the_ending_of_the_file_sets_the_format(self, ending: str, filled: Shell) -> None:
        path = filled.home / f"report.{ending}"
        assert filled.output("summary", "models", "--range", "all", "-o", str(path)) == ""
        text = path.read_bytes().decode("utf-8")
        match ending:
            case "json":
                assert json.loads(text)["view"] == "models"
            case "csv":
                assert next(csv.DictReader(io.StringIO(text)))["total"] == "81161"
                assert text.count("\r\n") == text.count("\n") == 4
            case "md":
                assert text.startswith("## Tokens by model, all time\n\n| Model |")
            case "html":
                assert "<!DOCTYPE html>" in text
                assert "142,516" in text
            case "svg":
                assert "142,516" in "".join(ElementTree.fromstring(text).itertext())
            case _:
                assert text.startswith("Tokens by model, all time\nModel ")

    def test_a_dash_is_standard_output(self, filled: Shell) -> None:
        assert filled.output("summary", "models", "-o", "-").startswith("Tokens by model, all time")
        assert not (filled.home / "-").exists()

    def test_the_format_option_wins_over_the_ending(self, filled: Shell) -> None:
        path = filled.home / "report.txt"
        filled.output("summary", "--json", "--format", "json", "-o", str(path))
        assert json.loads(path.read_text())["view"] == "overview"

    def test_a_file_that_cannot_be_written_is_an_error(self, filled: Shell) -> None:
        run = filled.run("summary", "-o", "/nowhere/report.md")
        assert run.returncode == 1
        assert run.stdout == ""
        assert (
            run.stderr
            == "otel-agent: cannot write /nowhere/report.md: No such file or directory. Pass another file with -o.\n"
        )


class TestColour:
    def test_a_terminal_gets_colours(self, filled: Shell) -> None:
        filled.output("summary")
        assert "\x1b[36m" in in_a_terminal(filled, "summary", "agents")

    def test_no_color_turns_colours_off(self, filled: Shell) -> None:
        filled.output("summary")
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]", in_a_terminal(filled, "summary", "agents", NO_COLOR="1"))

    def test_a_pipe_gets_no_colours(self, filled: Shell) -> None:
        assert "\x1b" not in filled.output("summary", "--all-views")


def test_a_pipe_gets_whole_names(shell: Shell) -> None:
    name = "a-model-with-a-name-that-is-much-longer-than-a-table-of-eighty-columns-has-room-for"
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1), model=name))
    assert name in shell.output("summary", "models")


@pytest.mark.parametrize("form", ["table", "markdown", "html", "svg"])
def test_every_form_names_the_filters_and_the_order(form: str, filled: Shell) -> None:
    printed = filled.output("summary", "models", "--agent", "bui*", "--model", "*", "--sort", "cost", "--format", form)
    text = re.sub(r"<[^>]*>", "", printed).replace("&#160;", " ").replace("\\", "")
    assert "Tokens by model, all time, model *, agent bui*, sorted by cost" in text
    assert "USD ▾" in text


class TestWarnings:
    def test_unreadable_files_are_counted_with_what_happens_to_them_and_named_in_json(self, shell: Shell) -> None:
        tree = JsonTree(shell.data_dir)
        tree.put_turn(message(session(), Tokens(input=1)))
        for number in range(2, 6):
            path = tree.put_bytes(message(session(), counter=number), b'{"role": "assist')
            then = time.time() - 60
            os.utime(path, (then, then))
        for _ in range(2):
            printed = shell.output("summary", "models", COLUMNS="1000")
            assert "Warning: 4 files or rows could not be read (incomplete or invalid JSON). Each is retried" in printed
        (named,) = json.loads(shell.output("summary", "models", "--json"))["warnings"]
        assert named.startswith(
            "4 files or rows could not be read (incomplete or invalid JSON): ~/.local/share/opencode/"
        )
        assert ", …. Each is retried when it changes." in named

    def test_an_opencode_that_is_too_new_is_a_warning_and_is_counted(self, shell: Shell) -> None:
        of = session(version="3.1.0")
        JsonTree(shell.data_dir).put_turn(message(of, Tokens(input=1)))
        printed = shell.output("summary", "models", COLUMNS="1000")
        assert "Warning: OpenCode 3.1.0 is newer than the releases this otel-agent was tested with" in printed
        assert re.search(r"^Total +1 ", printed, re.MULTILINE), "what could be read is counted"

    def test_a_broken_opencode_configuration_is_a_hint(self, filled: Shell) -> None:
        path = filled.home / ".config" / "opencode" / "opencode.json"
        path.parent.mkdir(parents=True)
        path.write_text('{"agent": {"build": {"model": "a/b"}}, "apiKey": "sk-secret"')
        printed = filled.output("summary", "agents", COLUMNS="1000")
        assert f"{path} is not JSON, so its models are not shown." in printed
        assert "secret" not in printed
        path.write_text('{"agent": {"build": {"model": "a/b"}}} // mine')
        assert re.search(r"^build .* a/b ", filled.output("summary", "agents"), re.MULTILINE)


def test_a_long_history_is_read_with_a_progress_bar(shell: Shell) -> None:
    """The bar is gone when the answer is there."""
    JsonTree(shell.data_dir).put_turn(
        *(message(session(), Tokens(input=1), counter=number, cost=number) for number in range(8_001))
    )
    printed = in_a_terminal(shell, "summary", "models")
    assert "Reading what OpenCode stored" in printed
    assert "8,001/8,001 read" in printed
    assert "Reading" not in printed.rpartition("Tokens by model")[2]
    assert "\x1b[?25h" in printed, "the cursor is there again"


def test_a_watched_view_is_printed_again_until_ctrl_c(filled: Shell) -> None:
    process = subprocess.Popen(
        filled.command("summary", "models", "--range", "all", "--watch", "1"),
        env=filled.environment(),
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout is not None
    titles = 0
    for line in process.stdout:
        titles += line.startswith("Tokens by model")
        if titles == 2:
            process.send_signal(signal.SIGINT)
            break
    process.stdout.close()
    assert process.wait(60) == 130
