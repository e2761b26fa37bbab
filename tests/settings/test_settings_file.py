"""The settings file: where it is looked for, what may be in its place, and the sample that explains it."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from otel_agent.settings import Loaded, OtlpSettings, Settings, load
from tests.settings.refused import refusal
from tests.support.paths import ROOT

pytestmark = pytest.mark.usefixtures("nothing_set")
SAMPLE = ROOT / "config" / "otel-agent.toml"
COMMENTED_OUT = re.compile(r"^# (?=[a-z_]+ = |\[\[)", re.MULTILINE)


class TestSample:
    """Users copy `config/otel-agent.toml`, so it has to be true about every setting."""

    def test_the_sample_file_sets_the_defaults(self) -> None:
        assert load(SAMPLE).settings == Settings()

    def test_the_sample_file_shows_every_setting_and_no_other(self) -> None:
        shown: dict[str, Any] = tomllib.loads(COMMENTED_OUT.sub("", SAMPLE.read_text()))
        assert shown.keys() == set(Settings.__struct_fields__)
        assert shown["otlp"].keys() == set(OtlpSettings.__struct_fields__)

    def test_the_commented_out_settings_of_the_sample_file_can_be_used(self, tmp_path: Path) -> None:
        everything = tmp_path / "everything.toml"
        everything.write_text(COMMENTED_OUT.sub("", SAMPLE.read_text()))
        found = load(everything)
        assert "default" not in found.origins.values()
        assert found.settings.otlp.endpoint == "http://localhost:4318"

    def test_the_sample_file_explains_every_setting(self) -> None:
        lines = SAMPLE.read_text().splitlines()
        first_of_group = [
            number
            for number, line in enumerate(lines)
            if re.match(r"(# )?[a-z_]+ = ", line) and not re.match(r"(# )?[a-z_]+ = ", lines[number - 1])
        ]
        assert all(re.match(r"# (.*[.:]|\[\[[a-z]+\]\])$", lines[number - 1]) for number in first_of_group)


class TestFile:
    def test_without_a_settings_file_the_defaults_apply(self) -> None:
        shown: dict[str, Any] = tomllib.loads(COMMENTED_OUT.sub("", SAMPLE.read_text()))
        of_otlp = shown.pop("otlp")
        del shown["budget"], shown["budget_notice"]  # tables that come from the file only
        names = [*shown, *(f"otlp.{name}" for name in of_otlp)]
        assert load() == Loaded(settings=Settings(), origins=dict.fromkeys(names, "default"), file=None)

    def test_the_settings_file_is_found_by_the_xdg_rules(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
        path = tmp_path / "xdg" / "otel-agent" / "otel-agent.toml"
        path.parent.mkdir(parents=True)
        path.write_text("max_series = 3")
        found = load()
        assert found.settings.max_series == 3
        assert found.file == path

    def test_a_settings_file_that_is_named_replaces_the_default_one(self, file: Path, tmp_path: Path) -> None:
        file.write_text("max_series = 3")
        other = tmp_path / "other.toml"
        other.write_text("file_backups = 2")
        settings = load(other).settings
        assert settings.max_series == 10_000
        assert settings.file_backups == 2

    def test_a_settings_file_that_is_named_has_to_exist(self, tmp_path: Path) -> None:
        missing = tmp_path / "missing.toml"
        assert refusal(missing) == f"{missing} does not exist. Pass another file with --config."

    def test_the_default_settings_file_need_not_exist(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CONFIG_HOME", os.devnull)
        assert load().file is None

    @pytest.mark.parametrize("content", [b"max_series = ", b"max_series = 1\nmax_series = 2", b"\xff"])
    def test_a_settings_file_that_is_not_toml_is_refused(self, content: bytes, file: Path) -> None:
        file.write_bytes(content)
        assert refusal().startswith(f"{file} is not TOML: ")

    def test_a_settings_file_that_cannot_be_read_is_refused(self, file: Path) -> None:
        file.mkdir()
        assert refusal() == (
            f"cannot read {file}: {file} is a folder and not a file. Move it away, or pass another file with --config."
        )

    def test_a_user_without_a_home_is_told_what_to_set(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HOME", "XDG_CONFIG_HOME"):
            monkeypatch.delenv(name)
        monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)  # a user that no system knows
        sentence = "this user has no home folder. Set HOME, or XDG_CONFIG_HOME and XDG_STATE_HOME, to folders of yours."
        assert refusal() == sentence
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
        assert refusal() == sentence
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
        assert load().settings.state_dir == tmp_path / "s" / "otel-agent"

    def test_an_empty_settings_file_is_a_settings_file(self, file: Path) -> None:
        file.touch()
        assert load().file == file
