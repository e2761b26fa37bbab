"""On a terminal, no command that lists something breaks a line inside a word; elsewhere everything stays whole."""

from __future__ import annotations

import json
import re
import time

import pytest
from rich.cells import cell_len

from tests.support.made_stores import T0, JsonTree, Project, Tokens, message, session
from tests.support.shell import Shell
from tests.support.terminal import in_a_terminal

WIDTHS = (60, 80, 100, 120)
MODEL = "anthropic/claude-opus-4.5-with-a-long-name-20260123"
FOLDER = "/work/shop/deep/deeper/deepest/日本語プロジェクト"
OF = session(
    title="A title that is longer than sixty columns, as those of real sessions often are",
    project=Project("p1", FOLDER),
)


@pytest.fixture
def used(shell: Shell) -> Shell:
    tree = JsonTree(shell.data_dir)
    tree.put_turn(
        message(OF, Tokens(234_567, 2), T0, 1, cost=0.25, model=MODEL),
        message(OF, Tokens(3), T0 + 60_000, 2, model="m", changes={"error": {"name": "MessageAbortedError"}}),
    )
    shell.run("summary")
    return shell


def lines(shell: Shell, width: int, *arguments: str) -> list[str]:
    printed = in_a_terminal(shell, *arguments, COLUMNS=str(width))
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", printed).splitlines()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_message_has_one_line(used: Shell, width: int) -> None:
    head, first, second = lines(used, width, "messages", "--tz", "UTC")
    assert max(map(cell_len, (head, first, second))) <= width
    assert "234,569" in first
    before = first[: first.index("234,569")]
    assert cell_len(before) + len("234,569") == head.index("Tokens") + len("Tokens"), "the number ends below its title"


def test_the_least_important_columns_go_first(used: Shell) -> None:
    heads = {width: lines(used, width, "messages")[0].split() for width in WIDTHS}
    assert heads == {
        60: ["Ended", "Model", "Project", "Tokens"],
        80: ["Ended", "Model", "Agent", "Project", "Tokens", "USD"],
        100: ["Ended", "Model", "Agent", "Project", "Tokens", "USD", "Id"],
        120: ["Ended", "Model", "Agent", "Project", "Tokens", "USD", "Id"],
    }


@pytest.mark.parametrize("width", WIDTHS)
def test_a_session_and_a_proof_are_broken_between_words(used: Shell, width: int) -> None:
    page = lines(used, width, "session", OF.id, "--calls")
    proof = lines(used, width, "verify")
    assert max(map(cell_len, page + proof)) <= width
    assert OF.id in " ".join(page).split()
    calls = [line for line in page if re.match(r"    \d\d:\d\d:\d\d  ", line)]
    assert [line.split()[-2:] for line in calls] == [["234,569", "tokens"], ["3", "tokens"]]
    assert len({cell_len(line) for line in calls}) == 1, "numbers are below each other"
    assert "".join(proof).startswith("Proven: every difference")
    words = " ".join(proof).split()
    assert {"OpenCode's", "difference", "accepted", "pending:"} <= set(words)


def test_numbers_of_calls_are_called_so(used: Shell) -> None:
    titles = re.split("  +", used.output("session", OF.id).splitlines()[1])
    assert titles == ["Began", "Took", "Outcome", "Model calls", "Tool calls", "Tokens", "USD", "Model"]


def test_a_small_cost_is_nowhere_nothing(shell: Shell) -> None:
    now = time.time_ns() // 1_000_000
    of = session(now - 1_000)
    JsonTree(shell.data_dir).put_turn(message(of, Tokens(1), now - 900, completed=now - 800, cost=0.000004))
    assert "<0.0001" in shell.output("summary", "models", "--range", "all")
    for command in (["messages"], ["session", of.id], ["verify"], ["statusline", "--format", "{all.usage}"]):
        printed = shell.output(*command)
        assert "<0.0001" in printed, command
        assert not re.search(r"(^|\s)-0\.0000|\b0\.0000 USD", printed), command
    assert shell.output("statusline", "--format", "{all.usage}") == "1 token, <0.0001 USD\n"


def test_without_a_recorded_cost_nothing_speaks_of_dollars(shell: Shell) -> None:
    JsonTree(shell.data_dir).put_turn(message(OF, Tokens(1)))
    shell.output("summary")
    for command in (["summary", "models"], ["messages"], ["session", OF.id], ["verify"], ["statusline"]):
        assert "USD" not in shell.output(*command), command


def test_a_pipe_gets_everything_whole(used: Shell) -> None:
    table = used.output("messages")
    (first, _) = (json.loads(line) for line in used.output("messages", "--format", "jsonl").splitlines())
    for fact in ("id", "model", "project", "ended"):
        assert f"{first[fact]}  " in table.replace("\n", "  ")
    page = used.output("session", OF.id, "--calls").splitlines()
    assert page[0] == f"{OF.title}  {OF.id}  {FOLDER}"
    assert f"/{MODEL}, " in page[2]
    verify = used.output("verify")
    assert len([line for line in verify.splitlines() if line.startswith("The ledger agrees")]) == 1
