"""What a person takes along from the live screen: copies, files, and a session for OpenCode."""

from __future__ import annotations

import csv
import json
import stat
from pathlib import Path

import pytest

from otel_agent.errors import OtelAgentError
from otel_agent.summary.live.app import Live
from otel_agent.summary.live.files import name_for_session
from otel_agent.summary.live.opencode import command
from tests.summary.live.driving import Screen, drive, press, said, seen
from tests.summary.live.made_source import ASK, MadeSource


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that the screen is started in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_e_writes_what_is_shown_under_the_offered_name(source: MadeSource, folder: Path) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "4", "e", "enter")
        assert "Wrote " in said(app)

    drive(source, ASK, steps)
    (file,) = folder.iterdir()
    assert file.name == "otel-agent-models-2026-01-23.csv"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with file.open(newline="") as opened:
        assert [(row["key"], row["total"]) for row in csv.DictReader(opened)] == [
            ("zai-coding-plan/old", "5000"),
            ("zai-coding-plan/gpt", "100"),
            ("zai-coding-plan/glm", "23"),
        ]


def test_the_ending_chooses_the_format_and_a_filter_holds(source: MadeSource, folder: Path) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "4", "slash", "g", "l", "enter", "e", "ctrl+u", *"glm.json", "enter")

    drive(source, ASK, steps)
    written = json.loads((folder / "glm.json").read_bytes())
    assert [row["key"] for row in written["rows"]] == ["zai-coding-plan/glm"]
    assert written["totals"]["tokens"]["total"] == 23
    assert any('Only rows with "gl" are shown' in hint for hint in written["hints"])


@pytest.mark.parametrize(
    ("name", "reason"), [("there.csv", "is there already"), ("no/such.csv", "No such file"), ("a.pdf", "no format")]
)
def test_what_cannot_be_written_is_said_and_nothing_is_lost(
    name: str, reason: str, source: MadeSource, folder: Path
) -> None:
    (folder / "there.csv").write_text("somebody's work")

    async def steps(pilot: Screen, app: Live) -> None:
        typed = ["slash" if letter == "/" else "full_stop" if letter == "." else letter for letter in name]
        await press(pilot, app, "4", "e", "ctrl+u", *typed, "enter")
        assert "Not written" in said(app)
        assert reason in said(app)
        await press(pilot, app, "escape", "j")
        assert "Write what is shown" not in seen(app)

    drive(source, ASK, steps)
    assert [(file.name, file.read_text()) for file in folder.iterdir()] == [("there.csv", "somebody's work")]


def test_a_row_is_copied_with_all_its_cells(source: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "5", "Y")
        assert app.clipboard.split("\t")[:3] == ["build", "2", "5,100"]

    drive(source, ASK, steps)


def test_a_session_is_opened_by_its_id_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OtelAgentError, match="opencode is not on the PATH"):
        command("ses_1")
    program = tmp_path / "opencode"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert command("ses_1") == [str(program), "-s", "ses_1"]
    for strange in ("", "--version"):
        with pytest.raises(OtelAgentError, match="is no id"):
            command(strange)


def test_o_says_why_nothing_can_be_opened(source: MadeSource, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "4", "o")
        assert "Only a session can be opened" in said(app)
        await press(pilot, app, "2", "o")
        assert "opencode is not on the PATH" in said(app)

    drive(source, ASK, steps)


def test_the_name_of_a_sessions_file_is_no_path() -> None:
    assert name_for_session("../x/ses_1\n") == "otel-agent-session-___x_ses_1_.json"
