"""A pattern that a person writes, which can be a name that only looks like one."""

import re
from fnmatch import fnmatchcase


def literally(text: str) -> str:
    """Return a glob that matches exactly this text."""
    return re.sub(r"[*?\[]", r"[\g<0>]", text)


def meant(glob: str) -> tuple[str, ...]:
    """Return the glob and, if it has brackets, also one for the name that is written so: a folder can be called ``[old]``.

    A name as a shell wants it, with a backslash before each of its special letters, is that name.
    """
    if "[" not in glob and "\\" not in glob:
        return (glob,)
    names = (glob, re.sub(r"\\(.)", r"\1", glob))
    return tuple(dict.fromkeys([glob, *map(literally, names)]))


def matches(name: str, glob: str) -> bool:
    """Return True if a name, of the same case, is what a person means by a glob."""
    return any(fnmatchcase(name, form) for form in meant(glob))
