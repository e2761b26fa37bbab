"""Tables that are no view give way to a narrow screen, least important columns first, and stay whole without one."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from otel_agent.summary.text.listed import Listed, listed_lines

COLUMNS = (
    Listed("Ended", ["2026-11-27T13:55:02", "2026-11-27T13:56:13"], short=["11-27 13:55", "11-27 13:56"], whole=True),
    Listed("Model", ["anthropic/claude-opus-4.5", "qwen3-模型"], narrowest=10),
    Listed("Project", ["~/src/日本語プロジェクト", "~/shop"], "path", narrowest=10, optional=1),
    Listed("Tokens", ["43,898", "7"], "number"),
    Listed("Id", ["msg_1234", "msg_2345"], optional=2),
)


def test_without_a_width_everything_is_whole_and_aligned() -> None:
    assert list(listed_lines(COLUMNS, None)) == [
        "Ended                Model                      Project                   Tokens  Id",
        "2026-11-27T13:55:02  anthropic/claude-opus-4.5  ~/src/日本語プロジェクト  43,898  msg_1234",
        "2026-11-27T13:56:13  qwen3-模型                 ~/shop                         7  msg_2345",
    ]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (90, "2026-11-27T13:55:02  anthropic/claude-opus-4.5  ~/src/日本語プロジェクト  43,898  msg_1234"),
        (89, "11-27 13:55  anthropic/claude-opus-4.5  ~/src/日本語プロジェクト  43,898  msg_1234"),
        (70, "11-27 13:55  anthropic/claude-o…  …本語プロジェクト   43,898  msg_1234"),
        (52, "11-27 13:55  anthropic/clau…  …プロジェクト   43,898"),
        (40, "11-27 13:55  anthropic/claude-o…  43,898"),
        (30, "11-27 13:55  anthropi…  43,898"),
        (26, "11-27 13:55  anthropic/cl…"),
        (15, "11-27 13:55  a…"),
    ],
)
def test_a_narrow_screen_gets_shorter_texts_then_fewer_columns(width: int, expected: str) -> None:
    lines = list(listed_lines(COLUMNS, width))
    assert lines[1] == expected
    assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize("width", range(14, 100))
def test_no_line_is_wider_than_the_screen_and_no_number_is_cut(width: int) -> None:
    title, *lines = listed_lines(COLUMNS, width)
    assert max(map(cell_len, (title, *lines))) <= width
    assert ("Tokens" in title) == ("43,898" in lines[0])


def test_a_table_without_rows_has_its_titles() -> None:
    empty = [Listed("Ended", []), Listed("Tokens", [], "number")]
    assert list(listed_lines(empty, 80)) == list(listed_lines(empty, None)) == ["Ended  Tokens"]
