"""The models that configuration files give agents, as people write such files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from otel_agent.opencode.configured_models import Configured, configured_models

COMMENTED = """\ufeff// mine
{
  "$schema": "https://opencode.ai/config.json", /* no // comment */
  "provider": {"x": {"options": {"apiKey": "sk-secret", "baseURL": "https://x//y"}}},
  "agent": {
    "build": {"model": "anthropic/claude-sonnet-4-5"}, // the usual one
    "Oracle": {"model": "openai/gpt-5.2",},
    "plan": {"temperature": 0.1},
  },
}
"""


class Home:
    """Somebody's files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = folder / "projects" / "persona"
        self.project.mkdir(parents=True)
        self.environ = {"XDG_CONFIG_HOME": str(folder / "config")}

    def has(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def found(self, folder: str = "projects/persona") -> Configured:
        return configured_models(self.environ, self.folder / folder)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("HOME", str(tmp_path))
    return Home(tmp_path)


def agent(model: str) -> str:
    return f'{{"agent": {{"build": {{"model": "{model}"}}}}}}'


def test_comments_and_trailing_commas_are_accepted(home: Home) -> None:
    home.has("config/opencode/opencode.jsonc", COMMENTED)
    assert home.found() == Configured({"build": "anthropic/claude-sonnet-4-5", "oracle": "openai/gpt-5.2"})


def test_no_configuration_means_no_models_and_no_hints(home: Home) -> None:
    assert home.found() == Configured()


def test_without_xdg_config_home_the_folder_is_below_the_home_folder(home: Home) -> None:
    home.environ = {}
    home.has(".config/opencode/opencode.json", agent("a/b"))
    assert home.found().models == {"build": "a/b"}


def test_the_file_that_opencode_reads_later_wins(home: Home) -> None:
    """The files are in the order in which OpenCode reads them; each is added to all before it."""
    home.environ |= {
        "OPENCODE_CONFIG": str(home.folder / "named.json"),
        "OPENCODE_CONFIG_DIR": str(home.folder / "more"),
    }
    home.has("projects/.git/HEAD", "")
    for number, name in enumerate(
        [
            "config/opencode/config.json",
            "config/opencode/opencode.json",
            "config/opencode/opencode.jsonc",
            "named.json",
            "projects/opencode.json",
            "projects/opencode.jsonc",
            "projects/persona/opencode.json",
            "projects/.opencode/opencode.json",
            "projects/persona/.opencode/opencode.jsonc",
            "more/opencode.json",
        ]
    ):
        home.has(name, agent(f"p/{number}"))
        assert home.found().models == {"build": f"p/{number}"}, name


def test_oh_my_opencode_wins_over_opencode(home: Home) -> None:
    home.has("config/opencode/opencode.json", '{"agent": {"Sisyphus": {"model": "a/b"}, "build": {"model": "c/d"}}}')
    home.has("config/opencode/oh-my-opencode.json", '{"agents": {"sisyphus": {"model": "e/f"}}}')
    assert home.found().models == {"sisyphus": "e/f", "build": "c/d"}
    home.has("config/opencode/oh-my-opencode.jsonc", '{"agents": {"sisyphus": {"model": "g/h"}}} // newer')
    assert home.found().models["sisyphus"] == "g/h"
    home.has("projects/persona/.opencode/oh-my-opencode.json", '{"agents": {"sisyphus": {"model": "i/j"}}}')
    assert home.found().models["sisyphus"] == "i/j"


def test_files_above_the_repository_do_not_belong_to_the_project(home: Home) -> None:
    home.has("projects/persona/.git/HEAD", "")
    home.has("projects/opencode.json", agent("not/this"))
    assert home.found().models == {}


def test_agents_are_found_under_the_key_of_old_releases(home: Home) -> None:
    home.has("config/opencode/config.json", '{"mode": {"build": {"model": "a/b"}}}')
    assert home.found().models == {"build": "a/b"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"agent": {"build": ', "is not JSON"),
        ("not json: sk-secret", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[1]", "is not a JSON object"),
        ('"sk-secret"', "is not a JSON object"),
        ('{"agent": ["sk-secret"]}', "has agents that are no JSON object"),
        (b" " * (1024 * 1024 + 1), "cannot be read (1048577 bytes)"),
    ],
    ids=["torn", "text", "bytes", "deep", "list", "string", "wrong type", "too large"],
)
def test_a_broken_file_is_a_hint_that_names_it_and_not_its_content(content: str | bytes, why: str, home: Home) -> None:
    path = home.has("config/opencode/opencode.jsonc", content)
    home.has("config/opencode/oh-my-opencode.json", '{"agents": {"oracle": {"model": "a/b"}}}')
    found = home.found()
    assert found.hints == (f"{path} {why}, so its models are not shown.",)
    assert found.models == {"oracle": "a/b"}


@pytest.mark.parametrize("content", ["", "  \n", "{}", '{"agent": null}', "// nothing yet\n{}"])
def test_an_empty_file_configures_nothing(content: str, home: Home) -> None:
    home.has("config/opencode/opencode.json", content)
    assert home.found() == Configured()


@pytest.mark.parametrize("model", ["5", "null", '""', '["a/b"]', "{}"])
def test_a_model_of_a_wrong_type_is_left_out(model: str, home: Home) -> None:
    home.has("config/opencode/opencode.json", f'{{"agent": {{"build": {{"model": {model}}}, "plan": "x"}}}}')
    assert home.found() == Configured()


def test_a_pipe_or_a_folder_in_place_of_the_file_configures_nothing(home: Home) -> None:
    (home.folder / "config/opencode/opencode.json").mkdir(parents=True)
    os.mkfifo(home.folder / "config/opencode/opencode.jsonc")
    assert home.found() == Configured()


def test_a_link_to_the_file_is_followed(home: Home) -> None:
    real = home.has("dotfiles/opencode.json", agent("a/b"))
    (home.folder / "config/opencode").mkdir(parents=True)
    (home.folder / "config/opencode/opencode.json").symlink_to(real)
    assert home.found().models == {"build": "a/b"}


class TestOpenCode2:
    """2.x calls the key `agents`, and still reads the older ones."""

    def test_agents_are_found_under_the_key_of_2_x(self, home: Home) -> None:
        home.has("config/opencode/opencode.jsonc", '{"agents": {"Build": {"model": "a/b",},}, /* mine */ }')
        assert home.found().models == {"build": "a/b"}

    def test_the_key_of_2_x_wins_over_the_older_ones(self, home: Home) -> None:
        keys = {key: {"build": {"model": f"{key}/m"}, key: {"model": "x/y"}} for key in ("agents", "agent", "mode")}
        home.has("config/opencode/opencode.json", json.dumps(keys))
        assert home.found().models == {"build": "agents/m", "agents": "x/y", "agent": "x/y", "mode": "x/y"}

    @pytest.mark.parametrize(
        ("model", "shown"),
        [
            ('"a/b"', "a/b"),
            ('"a/b#high"', "a/b"),
            ('"openrouter/z/glm-4.7#low"', "openrouter/z/glm-4.7"),
            ('{"providerID": "a", "model": "b"}', "a/b"),
            ('{"providerID": "a", "model": "b", "variant": "high"}', "a/b"),
        ],
    )
    def test_a_model_is_shown_without_its_level_of_reasoning(self, model: str, shown: str, home: Home) -> None:
        home.has("config/opencode/opencode.json", f'{{"agents": {{"build": {{"model": {model}}}}}}}')
        assert home.found().model_of("build") == shown

    @pytest.mark.parametrize("model", ['{"providerID": "a"}', '{"model": "b"}', '{"providerID": 1, "model": 2}', "7"])
    def test_a_model_of_another_form_is_left_out(self, model: str, home: Home) -> None:
        home.has("config/opencode/opencode.json", f'{{"agents": {{"build": {{"model": {model}}}}}}}')
        assert home.found() == Configured()


OMO = """// moved here by oh-my-opencode 4
{
  "_migrations": ["opencode-config"],
  "[opencode]": {
    "agents": {
      "sisyphus": {"model": "anthropic/claude-opus-4-5"},
      "hephaestus": {"model": "openai/gpt-5.2-codex"},
      "prometheus": {"model": "anthropic/claude-sonnet-4-5"},
      "atlas": {"model": "zai/glm-4.7"}, // the executor
      "sisyphus-junior": {"model": "zai/glm-4.7-air"},
      "athena-junior": {"model": "google/gemini-3"},
      "oracle": {"model": "openai/gpt-5.2"},
    },
    "categories": {"quick": {"model": "no/agent"}},
  },
}
"""


class TestOhMyOpenCode4:
    """It moves its file to `~/.omo/omo.jsonc`, and its agents are recorded under the names that they are shown by."""

    @pytest.mark.parametrize(
        ("agent", "model"),
        [
            ("Sisyphus - ultraworker", "anthropic/claude-opus-4-5"),
            ("Sisyphus - Ultraworker", "anthropic/claude-opus-4-5"),
            ("\u200bSisyphus - Ultraworker", "anthropic/claude-opus-4-5"),
            ("Hephaestus - Deep Agent", "openai/gpt-5.2-codex"),
            ("Prometheus - Plan Builder", "anthropic/claude-sonnet-4-5"),
            ("Atlas - Plan Executor", "zai/glm-4.7"),
            ("Atlas (Plan Executor)", "zai/glm-4.7"),
            ("Atlas \u2013 Plan Executor", "zai/glm-4.7"),
            ("Sisyphus-Junior", "zai/glm-4.7-air"),
            ("Athena-Junior - Council", "google/gemini-3"),
            ("ORACLE", "openai/gpt-5.2"),
            ("oracle", "openai/gpt-5.2"),
            ("Metis - Plan Consultant", ""),
            ("Sisyphuss - ultraworker", ""),
            ("quick", ""),
            ("build", ""),
            ("- Atlas", ""),
            ("", ""),
        ],
        ids=ascii,
    )
    def test_an_agent_is_found_by_the_name_it_is_shown_by(self, agent: str, model: str, home: Home) -> None:
        home.has(".omo/omo.jsonc", OMO)
        assert home.found().model_of(agent) == model

    def test_the_whole_name_is_tried_first(self, home: Home) -> None:
        home.has(".omo/omo.jsonc", OMO)
        home.has("config/opencode/opencode.json", '{"agent": {"Atlas - Mine": {"model": "my/own"}}}')
        assert home.found().model_of("Atlas - Mine") == "my/own"
        assert home.found().model_of("Atlas - Plan Executor") == "zai/glm-4.7"

    def test_an_agent_of_opencode_has_no_other_name(self, home: Home) -> None:
        """Whoever writes an agent "build - fast" into a file of its own means another one than "build"."""
        home.has("config/opencode/opencode.json", agent("a/b"))
        assert home.found().model_of("build") == "a/b"
        assert home.found().model_of("build - fast") == ""

    def test_the_names_of_3_x_are_found_in_its_own_file(self, home: Home) -> None:
        home.has("config/opencode/oh-my-openagent.jsonc", '{"agents": {"prometheus": {"model": "a/b"}}}')
        assert home.found().model_of("Prometheus (Planner)") == "a/b"

    def test_what_is_for_opencode_alone_wins_over_what_is_for_all_programs(self, home: Home) -> None:
        models = {"atlas": {"model": "for/all"}, "momus": {"model": "for/all"}}
        home.has(".omo/omo.json", json.dumps({"[opencode]": {"agents": {"atlas": {"model": "o/c"}}}, "agents": models}))
        assert home.found().models == {"atlas": "o/c", "momus": "for/all"}

    def test_what_is_for_another_program_is_not_opencodes(self, home: Home) -> None:
        home.has(".omo/omo.jsonc", '{"[codex]": {"agents": {"atlas": {"model": "a/b"}}}}')
        assert home.found() == Configured()

    def test_the_file_of_the_later_release_and_of_the_nearer_place_wins(self, home: Home) -> None:
        home.has("projects/.git/HEAD", "")
        for number, name in enumerate(
            [
                "config/opencode/oh-my-opencode.json",
                "config/opencode/oh-my-openagent.json",
                ".omo/omo.json",
                "projects/.opencode/oh-my-opencode.json",
                "projects/.omo/omo.json",
                "projects/persona/.opencode/oh-my-openagent.jsonc",
                "projects/persona/.omo/omo.jsonc",
            ]
        ):
            home.has(name, f'{{"agents": {{"atlas": {{"model": "p/{number}"}}}}}}')
            assert home.found().models == {"atlas": f"p/{number}"}, name

    def test_a_broken_file_is_a_hint_that_names_it(self, home: Home) -> None:
        path = home.has(".omo/omo.jsonc", '{"[opencode]": {"agents": ["sk-secret"]}}')
        assert home.found().hints == (f"{path} has agents that are no JSON object, so its models are not shown.",)

    def test_agents_of_another_form_for_all_programs_do_not_hide_opencodes(self, home: Home) -> None:
        path = home.has(".omo/omo.jsonc", '{"agents": ["x"], "[opencode]": {"agents": {"atlas": {"model": "a/b"}}}}')
        found = home.found()
        assert found.models == {"atlas": "a/b"}
        assert found.hints == (f"{path} has agents that are no JSON object, so its models are not shown.",)
