"""The settings file and the service's file of variables keep what is in them beside what is changed."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from otel_agent.errors import SettingsError
from otel_agent.setup.settings_file import changed, changed_variables
from otel_agent.setup.wish import Wish
from tests.support.paths import ROOT

PATH = Path("otel-agent.toml")
BACKEND = Wish(exporter="otlp", otlp={"endpoint": "https://x", "headers": {"a": "1 2"}}, backfill="7d")
SAMPLES = {
    "none": "",
    "own": '# mine\nmax_series = 7 # seven\n[otlp]\nendpoint = "http://old" # old\n\n[[budget]]\ntokens = 5\n',
    "default": (ROOT / "config" / "otel-agent.toml").read_text(encoding="utf-8"),
}


@pytest.mark.parametrize("kind", SAMPLES)
def test_only_what_is_wished_changes(kind: str) -> None:
    before = tomllib.loads(SAMPLES[kind])
    text = changed(SAMPLES[kind], BACKEND, PATH)
    after = tomllib.loads(text)
    assert after.pop("exporter") == "otlp"
    assert after.pop("backfill") == "7d"
    assert after.pop("otlp") == {**before.get("otlp", {}), "endpoint": "https://x", "headers": {"a": "1 2"}}
    for name in ("exporter", "backfill", "otlp"):
        before.pop(name, None)
    assert after == before
    assert [line for line in SAMPLES[kind].splitlines() if line.startswith("#") and line not in text] == []
    assert changed(text, BACKEND, PATH) == text, "a second time changes nothing"


def test_an_empty_value_is_taken_out() -> None:
    text = changed('[otlp]\nendpoint = "http://a"\nheaders = { k = "s" }\n', Wish(otlp={"headers": {}}), PATH)
    assert tomllib.loads(text) == {"otlp": {"endpoint": "http://a"}}


def test_a_file_that_is_no_toml_is_named() -> None:
    with pytest.raises(SettingsError, match=r"otel-agent\.toml is not TOML"):
        changed("endpoint", BACKEND, PATH)


def test_a_shell_reads_back_the_variables_that_are_written(tmp_path: Path) -> None:
    """systemd's rules for such a file are those of a shell, inside of double quotes."""
    values = {"A": 'two words, "quoted" $HOME `id` \\ #', "B": "team=x,user=ü"}
    text = changed_variables("# mine\nOLD=1\nexport A=before\nKEPT=2\n", values, ["OLD"])
    assert text.splitlines()[:2] == ["# mine", "KEPT=2"]
    file = tmp_path / "environment"
    file.write_text(text)
    shown = subprocess.run(
        ["/bin/sh", "-c", 'set -a; . "$1"; printf "%s\\n%s" "$A" "$B"', "sh", str(file)],
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    assert shown.stdout.split("\n") == [values["A"], values["B"]]
    with pytest.raises(SettingsError, match="A has a line break"):
        changed_variables("", {"A": "1\n2"}, [])
