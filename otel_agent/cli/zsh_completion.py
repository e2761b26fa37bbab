"""Typer's completion for zsh, which does nothing at the first Tab of each shell."""

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
