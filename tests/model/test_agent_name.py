"""An agent's name is what one sees of it: nothing invisible, and everything that decides how it looks."""

from __future__ import annotations

import unicodedata

import pytest

from otel_agent.model.agent_name import agent_name, without_joiners

ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
COUPLE = "\U0001f469\u200d\U0001f4bb"
"""A woman, a joiner and a laptop: the picture of a woman who writes programs."""
WANT = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
"""A Persian word in which a non-joiner parts two letters."""


@pytest.mark.parametrize(
    "character",
    [
        *("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u034f", "\u061c", "\u180e", "\u3164"),
        *("\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069", "\u2061", "\u206f", "\ufff9", "\ufe0f"),
        *("\U000e0001", "\U000e0041", "\U000e0100", "\U0001d173", "\u115f", "\u17b4"),
    ],
    ids=lambda character: f"U+{ord(character):04X}",
)
@pytest.mark.parametrize("form", ["{}Atlas", "Atlas{}", "At{}las", "{0}{0}Atlas{0}", " {} Atlas", "Atlas {} "])
def test_an_invisible_character_is_left_out_wherever_it_is(form: str, character: str) -> None:
    assert agent_name(form.format(character)) == "Atlas"


@pytest.mark.parametrize("name", ["\u200b", "\ufeff\u200b", " \u200d ", "\u00ad\u3164\u2800", "\u2066\u2069", " ", ""])
def test_nothing_is_left_of_a_name_that_nobody_can_see(name: str) -> None:
    assert agent_name(name) == ""


@pytest.mark.parametrize(
    "name",
    [
        "build",
        "Sisyphus - ultraworker",
        "Tr\u00e4umer \u00df",
        "e\u0301cole",
        "\u65e5\u672c\u8a9e",
        "Build \u2192 test",
        COUPLE,
        f"{COUPLE} Reviewer",
        "\U0001f468\U0001f3fd\u200d\U0001f680",
        "\U0001f3f3\ufe0f\u200d\U0001f308",
        "\u2764\ufe0f\u200d\U0001f525",
        "\u2699\ufe0f Build",
        "1\ufe0f\u20e3 First",
        f"Team {ENGLAND}",
        WANT,
        "\u0915\u094d\u200d\u0937",
        "\u845b\U000e0100\u57ce",
        "\u0600\u0661",
        "two  blanks",
    ],
    ids=ascii,
)
def test_a_name_that_shows_all_it_has_stays_as_it_is(name: str) -> None:
    assert agent_name(name) == name


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        (f"\u200b{COUPLE}\u200b Reviewer", f"{COUPLE} Reviewer"),
        (f"\u200d{COUPLE}\u200d", COUPLE),
        ("\U0001f469\u200b\u200d\u200d\U0001f4bb", COUPLE),
        (f"\u200c{WANT}\u200c", WANT),
        ("1\ufe0f First", "1 First"),
        ("\U0001f3f4\U000e0067\U000e0062", "\U0001f3f4"),
    ],
    ids=ascii,
)
def test_a_joiner_stays_only_between_what_it_joins(name: str, seen: str) -> None:
    assert agent_name(name) == seen


@pytest.mark.parametrize("blank", ["\u00a0", "\u2007", "\u202f", "\u3000", "\u2003"], ids=ascii)
def test_every_kind_of_blank_is_an_ordinary_one(blank: str) -> None:
    assert agent_name(f"{blank}Plan{blank}Builder{blank}") == "Plan Builder"


def test_control_characters_stay_for_a_table_to_show() -> None:
    assert agent_name("\x1b[31mred") == "\x1b[31mred"
    assert agent_name("a\nb\n") == "a\nb"


def test_no_format_character_of_unicode_makes_another_agent_of_a_latin_name() -> None:
    """All but those that have a form of their own: signs before Arabic numbers, arrangements of hieroglyphs."""
    formats = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == "Cf"]
    shown = {each for each in formats if agent_name(f"At{each}las") != "Atlas"}
    assert len(formats) > 150
    assert {unicodedata.name(each).split()[0] for each in shown} <= {"ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN"}


@pytest.mark.parametrize("name", [f"\u200b{COUPLE} x", f"\u200d{WANT}\u00ad", "\u2699\ufe0f\ufe0f", f"\ufeff{ENGLAND}"])
def test_a_name_that_was_cleaned_once_is_clean(name: str) -> None:
    assert agent_name(agent_name(name)) == agent_name(name)


def test_what_joins_the_pictures_is_left_out_where_it_cannot_be_printed() -> None:
    assert without_joiners(f"{COUPLE} Reviewer") == "\U0001f469\U0001f4bb Reviewer"
    assert without_joiners(f"Team {ENGLAND}") == "Team \U0001f3f4"
    assert without_joiners("\u2699\ufe0f Build") == "\u2699\ufe0f Build"
    assert without_joiners("a\u200db") == "a\u200db", "a joiner that joins nothing is shown as what it is"
