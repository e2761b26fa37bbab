"""Text of others as a terminal may show it."""


def printable(text: str, instead: str = " ") -> str:
    """Return text of one line that cannot control a terminal: each character that cannot be printed is replaced.

    Such are control characters, marks that turn the direction of writing, and lone surrogates.
    """
    if text.isprintable():  # nearly every text, in a twentieth of the time
        return text
    return "".join(character if character.isprintable() else instead for character in text)
