"""The quick reading of settings gives what the full check gives, or leaves the answer to it."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from otel_agent.settings import Settings, load
from otel_agent.settings.ordinary import ordinary_settings
from otel_agent.settings.validation import settings_from
from otel_agent.settings.values import BudgetNoticeSettings, BudgetSettings, OtlpSettings
from tests.support.imported_modules import imported_modules
from tests.support.paths import ROOT

EVERYTHING = re.sub(
    r"^# (?=[a-z_]+ = |\[\[)", "", (ROOT / "config" / "otel-agent.toml").read_text(encoding="utf-8"), flags=re.MULTILINE
)
"""The sample file with each setting in it."""
_NUMBERS = "7|0| 7 |007|1_0|-1|+7|7.5|.5|7.|1e3|inf|nan|1" + 30 * "0"
_WORDS = "true|True|YES|t|y|off|n||null|None|~|~/a|~nobody-has-this-name/a|/a:/b|a\0b|a\udcff|7d|4 w|all|none"
_CHOICES = "otlp|console|grpc|debug|disjoint|both|gzip|day"
TEXTS = st.sampled_from(f"{_NUMBERS}|{_WORDS}|{_CHOICES}".split("|"))
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, 1, 7, 60, 61, 0.0, 7.0, 1e6, 2**40, 31_536_000, 31_536_001])
ONES = TEXTS | NUMBERS | st.booleans() | st.none() | st.text(max_size=5)
NAMES = sorted(
    {name for of in (OtlpSettings, BudgetSettings, BudgetNoticeSettings) for name in of.__struct_fields__} | {"other"}
)
TABLES = st.dictionaries(st.sampled_from(NAMES), ONES | st.lists(ONES, max_size=3), max_size=3)
VALUES = ONES | st.lists(ONES, max_size=3) | TABLES | st.lists(TABLES, max_size=2)

pytestmark = pytest.mark.usefixtures("nothing_set")


def fully(values: dict[str, object]) -> Settings | None:
    try:
        return settings_from(values)
    except ValidationError:
        return None


def told_apart(settings: Settings | None) -> str:
    """Return what tells 7 from 7.0 and True, too; the table of the backend hides its values."""
    return f"{settings!r} {settings and [getattr(settings.otlp, name) for name in OtlpSettings.__struct_fields__]!r}"


@given(name=st.sampled_from([*Settings.__struct_fields__, "max_serie"]), value=VALUES)
def test_what_is_read_quickly_has_the_value_of_the_full_check(name: str, value: object) -> None:
    quick = ordinary_settings({name: value})
    assert quick is None or told_apart(quick) == told_apart(fully({name: value}))


@given(table=st.sampled_from(["otlp", "budget_notice", "budget"]), name=st.sampled_from(NAMES), value=VALUES)
def test_so_has_what_is_in_a_table(table: str, name: str, value: object) -> None:
    values: dict[str, object] = {table: [{name: value}] if table == "budget" else {name: value}}
    quick = ordinary_settings(values)
    assert quick is None or told_apart(quick) == told_apart(fully(values))


@pytest.mark.parametrize(
    "values",
    [
        {"max_serie": 1},
        {"otlp": {"endpont": "http://localhost:4318"}},
        {"budget": [{"cost_usd": float("inf")}]},
        {"budget": [{"tokens": 1, "cost_usd": 1.0}]},
        {"budget_notice": {"command": [" "]}},
        {"backfill": "7"},
        {"log_level": "loud"},
    ],
    ids=str,
)
def test_what_is_wrong_is_left_to_the_full_check(values: dict[str, object]) -> None:
    assert ordinary_settings(values) is None
    assert fully(values) is None


def test_each_setting_of_the_sample_file_is_read_quickly() -> None:
    values = tomllib.loads(EVERYTHING)
    assert values.keys() == set(Settings.__struct_fields__)
    quick = ordinary_settings(values)
    assert quick is not None
    assert told_apart(quick) == told_apart(settings_from(values))


@pytest.mark.parametrize("read", [ordinary_settings, settings_from], ids=["quickly", "fully"])
def test_each_of_several_folders_may_begin_at_the_home(
    read: Callable[[dict[str, Any]], Settings | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    found = read({"data_dirs": ["~/a", "/b"], "state_dir": "~/c"})
    assert found is not None
    assert (found.data_dirs, found.state_dir) == ((tmp_path / "a", Path("/b")), tmp_path / "c")


def test_each_variable_is_read_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {name: value for name, value in tomllib.loads(EVERYTHING).items() if not isinstance(value, dict)}
    del values["budget"]
    texts = {name: os.pathsep.join(value) if name == "data_dirs" else str(value) for name, value in values.items()}
    quick = ordinary_settings(texts)
    assert quick is not None
    assert told_apart(quick) == told_apart(settings_from(values))
    for name, text in texts.items():
        monkeypatch.setenv(f"OTEL_AGENT_{name.upper()}", text)
    assert load().settings == load(fully=True).settings == quick


def test_settings_in_a_file_and_in_variables_need_no_pydantic(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        f"state_dir = '{tmp_path}'\n{re.sub('^state_dir.*', '', EVERYTHING, flags=re.MULTILINE)}", encoding="utf-8"
    )
    variables = {"OTEL_AGENT_CONFIG": str(file), "OTEL_AGENT_MAX_SERIES": "7", "OTEL_METRIC_EXPORT_INTERVAL": "7000"}
    imported = imported_modules(tmp_path, "statusline", **variables)
    assert "otel_agent.settings.ordinary" in imported
    assert imported & {"pydantic", "pydantic_core", "annotated_types", "typing_extensions"} == set()
