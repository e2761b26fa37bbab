"""Attributes of a series: names that conventions know, projects by their folder's name, nothing made up."""

from __future__ import annotations

import json

import pytest

from otel_agent.model.project import from_home, project_name
from otel_agent.semconv.attributes import Attr, provider_name
from otel_agent.series.attributes import OVERFLOW, from_json, message_attributes, session_attributes, to_json
from tests.otlp.made import made

HOME = "/home/someone"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", HOME)
    project_name.cache_clear()


@pytest.mark.parametrize(
    ("opencode", "convention"),
    [
        ("google", "gcp.gemini"),
        ("google-vertex", "gcp.vertex_ai"),
        ("google-vertex-anthropic", "gcp.vertex_ai"),
        ("azure-cognitive-services", "azure.ai.inference"),
        ("moonshotai-cn", "moonshot_ai"),
        ("moonshot_ai", "moonshot_ai"),
        ("amazon-bedrock", "aws.bedrock"),
        ("azure", "azure.ai.openai"),
        ("xai", "x_ai"),
        ("mistral", "mistral_ai"),
        ("moonshotai", "moonshot_ai"),
        ("anthropic", "anthropic"),
        ("openai", "openai"),
        ("groq", "groq"),
        ("zai-coding-plan", "zai-coding-plan"),
        ("Google", "Google"),
    ],
)
def test_a_provider_has_the_name_of_the_conventions_or_else_its_own(opencode: str, convention: str) -> None:
    assert provider_name(opencode) == convention


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        ("/srv/projects/persona", "persona"),
        ("/srv/projects/persona/", "persona"),
        ("/srv/projects/my project.v2", "my project.v2"),
        ("C:\\Users\\dev\\persona", "persona"),
        ("C:\\Users\\dev\\persona\\", "persona"),
        ("\\\\server\\share\\team\\persona", "persona"),
        ("C:/Users/dev/persona", "persona"),
        ("C:\\", "C:\\"),
        ("/", "/"),
        ("persona", "persona"),
        ("", ""),
        (HOME, "~"),
        (f"{HOME}/", "~"),
        (f"{HOME}/persona", "persona"),
    ],
)
def test_a_project_has_the_name_of_its_folder(directory: str, name: str) -> None:
    assert project_name(directory) == name


@pytest.mark.parametrize(
    ("directory", "shown"),
    [
        (HOME, "~"),
        (f"{HOME}/", "~/"),
        (f"{HOME}/a/b", "~/a/b"),
        (f"{HOME}-else/a", f"{HOME}-else/a"),
        (f"/backup{HOME}/a", f"/backup{HOME}/a"),
        ("/srv/a", "/srv/a"),
        ("", ""),
    ],
)
def test_the_home_folder_is_shown_as_a_tilde(directory: str, shown: str) -> None:
    assert from_home(directory) == shown


def test_a_home_folder_on_windows_is_shown_as_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "C:\\Users\\someone")
    assert from_home("C:\\Users\\someone\\persona") == "~\\persona"
    assert project_name("C:\\Users\\someone") == "~"


def test_a_home_at_the_root_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in containers: there is no user name in it."""
    monkeypatch.setenv("HOME", "/")
    assert from_home("/srv/a") == "/srv/a"


def test_the_worktree_names_the_project_or_else_the_directory_does() -> None:
    def project(**fields: str) -> object:
        return message_attributes(made(**fields), subagent=False).get("opencode.project.name")

    assert project() == "persona"
    assert project(worktree="/", directory="/srv/scratch") == "scratch"
    assert project(worktree="", directory="/srv/scratch") == "scratch"
    assert project(worktree="/", directory="/") == "/"
    assert project(worktree="", directory="") is None


def test_only_the_kind_of_agent_is_always_known() -> None:
    nothing = made(provider="", model="", agent="", worktree="", directory="")
    assert message_attributes(nothing, subagent=False) == {"opencode.agent.kind": "primary"}
    assert message_attributes(nothing, subagent=True) == {"opencode.agent.kind": "subagent"}
    of_message = message_attributes(nothing, subagent=True)
    assert session_attributes(of_message) == {"opencode.agent.kind": "subagent"}


def test_a_set_of_attributes_has_one_text_whatever_its_order() -> None:
    there = to_json({"b": "ü", "a": '"quoted"\n'})
    assert there == to_json({"a": '"quoted"\n', "b": "ü"})
    assert from_json(there) == {"a": '"quoted"\n', "b": "ü"}
    assert there == '{"a": "\\"quoted\\"\\n", "b": "ü"}'
    assert from_json(OVERFLOW) == {"otel.metric.overflow": True}
    assert from_json(r'{"half": "\ud800"}') == {"half": "\ud800"}


def test_the_keys_of_a_text_are_sorted_even_if_one_begins_another() -> None:
    """The text is the primary key of a series, so it must stay what earlier releases wrote."""
    keys = [value for name, value in vars(Attr).items() if isinstance(value, str) and not name.startswith("_")]
    attributes = dict.fromkeys([*reversed(keys), "a", "a.b", "a-b", "ab", "a_b"], "value")
    assert to_json(attributes) == json.dumps(attributes, sort_keys=True, ensure_ascii=False)
