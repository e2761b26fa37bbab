"""Mends Typer's completion: for zsh it does nothing at the first Tab of each shell, and it prints a shell as `Shells.zsh`."""

from typing import Final

_CALL: Final = """
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  %(complete_func)s
fi
"""
"""zsh reads the file of a completion at the first Tab, and takes the file itself for the function."""


def answer_first_tab() -> None:
    """Let the script that Typer installs or prints answer the Tab for which zsh reads it."""
    from typer import _completion_shared as shared

    shared._completion_scripts["zsh"] = shared.COMPLETION_SCRIPT_ZSH + _CALL


def say_shells_by_name() -> None:
    """Let Typer print ``zsh`` for a shell that somebody names."""
    from typer._completion_shared import Shells

    setattr(Shells, "__str__", str.__str__)  # noqa: B010 - mypy knows no such assignment
