"""The name of an OpenCode agent without what nobody can see in it.

Plugins put invisible characters before a name, so that a list of agents is sorted as they like. In a later release they
stop doing so. It is the same agent. The characters between the pictures of one emoji, and between letters that they
join or part, are invisible too. They decide how the name looks, so these stay.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

# Expressions are texts here, and `re` compiles each when it is first used. All of them would take 0.006 s of every
# start, and most names are ASCII.
_PICTURES: Final = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f"
    "\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
"""The symbols that emoji are made of."""
_JOINING: Final = "\u0600-\u109f\u1780-\u18af"
"""The scripts of Asia whose letters change with their neighbours, Arabic and Devanagari among them."""
_IDEOGRAPHS: Final = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"

_SEEN: Final = (
    f"(?<=[{_PICTURES}\ufe0f])\u200d(?=[{_PICTURES}])"  # two pictures that make one
    f"|(?<=[{_JOINING}])[\u200c\u200d](?=[{_JOINING}])"
    f"|(?<=[{_PICTURES}])[\ufe0e\ufe0f]"  # a picture in colour, or a letter in its place
    "|(?<=[0-9#*])\ufe0f(?=\u20e3)"  # a digit on a key
    "|(?<=[\u1800-\u18af])[\u180b-\u180d\u180f]"  # a form of a Mongolian letter
    f"|(?<=[{_IDEOGRAPHS}])[\ufe00-\ufe0f\U000e0100-\U000e01ef]"  # a form of an ideograph
    "|(?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]+\U000e007f"  # the flag of a part of a country
)
"""Characters that nobody sees, at the places at which one sees what they do."""
_DECIDED_BY_PLACE: Final = "[\u200c\u200d\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0020-\U000e007f\U000e0100-\U000e01ef]"
"""The characters of ``_SEEN``."""
_JOINERS_TWICE: Final = "([\u200c\u200d])[\u200c\u200d]+"

_VISIBLE_FORMATS: Final = "[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U00013430-\U0001343f]"
"""Characters of the category ``Cf`` that have a form: signs before Arabic numbers, and how hieroglyphs are arranged."""
_NO_FORMATS: Final = "[\u034f\u115f\u1160\u17b4\u17b5\u2065\u3164\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
"""Characters of other categories that no font shows (Unicode's ``Default_Ignorable_Code_Point``)."""
_BLANK_ENDS: Final = "^[\\s\u2800]+|[\\s\u2800]+$"
"""Blanks at either end; U+2800 is the Braille letter without a dot."""


@lru_cache(maxsize=4096)
def agent_name(recorded: str) -> str:
    """Return the name as one sees it; empty if there is nothing to see.

    Invisible characters and the blanks at both ends are left out, and any kind of blank becomes an ordinary one.
    Control characters stay: they are no part of a name that anybody would choose, and a table shows that they are there.
    """
    if recorded.isascii():
        return recorded.strip()
    visible = "".join(_visible(letter) for letter in recorded)
    # Only now are the neighbours of a joiner those that one sees.
    visible = re.sub(_JOINERS_TWICE, r"\1", visible)
    seen = {at for found in re.finditer(_SEEN, visible) for at in range(*found.span())}
    kept = (letter for at, letter in enumerate(visible) if at in seen or not re.match(_DECIDED_BY_PLACE, letter))
    return re.sub(_BLANK_ENDS, "", "".join(kept))


def without_joiners(text: str) -> str:
    """Return the text without those of the kept characters that are no letters or marks: joiners, and tags of flags.

    A table shows such a character as one that it may not print. What is beside it can be read without it.
    """
    return text if text.isascii() else re.sub(_SEEN, lambda found: found[0] if found[0].isprintable() else "", text)


def _visible(letter: str) -> str:
    """Return the letter, a blank for any kind of blank, and nothing for what is invisible wherever it is."""
    category = unicodedata.category(letter)
    if category == "Zs":
        return " "
    if re.match(_DECIDED_BY_PLACE, letter):
        return letter
    hidden = (category == "Cf" and not re.match(_VISIBLE_FORMATS, letter)) or re.match(_NO_FORMATS, letter)
    return "" if hidden else letter
