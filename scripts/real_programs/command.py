"""The command `scripts/real-programs`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from scripts.real_programs import table
from scripts.real_programs.errors import GetError
from scripts.real_programs.interrupts import INTERRUPTS, Interrupted
from scripts.real_programs.program import Kept, Program
from scripts.real_programs.running import missing, say

EXAMPLES = """\
examples:
  scripts/real-programs list                      what there is, and what is here already
  scripts/real-programs get prometheus jaeger     get both; print where they are
  scripts/real-programs version prometheus        v0.316.0

Programs are kept in .cache, one folder for each version; tmux, chromium, systemd, zsh, fish, java and mvn come as packages of the system.
What is here already costs nothing. Ctrl-C leaves nothing half made. Each has a target of make, too: `make help`.
"""


GO_CACHES = "Go's caches in your home grow by up to 7 GB (`go clean -cache -modcache` empties them)"
"""What the builds of the Collector, Prometheus and Jaeger left there together."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    whole = argparse.ArgumentParser(
        "scripts/real-programs",
        description="Get the real programs that tests, benchmarks and `make team` drive.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="show each program: its version, whether it is here, what it needs")
    listing.add_argument("--json", action="store_true", help="as a JSON array of objects")
    getting = commands.add_parser("get", help="get programs that are not here yet, and print where they are")
    getting.add_argument("names", nargs="+", metavar="NAME")
    version = commands.add_parser("version", help="print the versions of a program, one a line")
    version.add_argument("name", metavar="NAME")
    return whole


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code: 0, 1 if a program cannot be had, 2 for a wrong call, 128 + a signal."""
    asked = parser().parse_args(arguments)
    INTERRUPTS.listen()
    try:
        code = _answer(asked)
        sys.stdout.flush()
        return code
    except GetError as error:
        say(str(error))
        return 1
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        say(f"{error}; nothing half made is left. Mend that, and run the same command again.")
        return 1
    except Interrupted as interrupted:
        say(f"interrupted ({interrupted}); nothing half made is left, and the next call starts again")
        return interrupted.exit_code


def _answer(asked: argparse.Namespace) -> int:
    if asked.command == "list":
        rows = [_row(program) for program in table.programs()]
        print(json.dumps(rows, indent=2) if asked.json else _as_text(rows))
        return 0
    names = asked.names if asked.command == "get" else [asked.name]
    if unknown := [name for name in names if name not in table.names()]:
        say(f"there is no real program named {unknown[0]}; there are {', '.join(table.names())}")
        return 2
    programs = [program for name in names for program in table.named(name)]
    if asked.command == "get":
        _announce(programs)
    for program in programs:
        shown = _get(program) if asked.command == "get" else program.version or "the version of the system's packages"
        print(shown, flush=True)
    return 0


def _announce(programs: Sequence[Program]) -> None:
    """Say what it costs if several programs have to be made."""
    lacking = [program for program in programs if isinstance(program, Kept) and program.found() is None]
    if len(lacking) > 1:
        minutes = sum(program.minutes for program in lacking)
        text = f"{' and '.join(program.name for program in lacking)} are not here yet: about {minutes} minutes on two cores"
        built = any("go" in program.needs for program in lacking)
        say(f"{text}, once" + (f"; {GO_CACHES}" if built else ""))


def _get(program: Program) -> os.PathLike[str]:
    """Get a program, and first what it needs, if that is in the table too."""
    if found := program.found():
        return found
    for command in missing(program.needs):
        if command in table.names():
            _get(table.named(command)[0])
    return program.get()


def _row(program: Program) -> dict[str, object]:
    found = program.found()
    return {
        "name": program.name,
        "version": program.version,
        "there": found is not None,
        "path": str(found) if found else None,
        "comes_by": program.comes_by,
        "needs": list(program.needs),
        "missing": missing(program.needs),
        "make": program.target,
    }


def _as_text(rows: Sequence[dict[str, object]]) -> str:
    lines = [("NAME", "VERSION", "HERE", "COMES BY", "NEEDS")]
    for row in rows:
        needs = [
            f"{command} (missing)" if command in _listed(row, "missing") else command
            for command in _listed(row, "needs")
        ]
        here = "yes" if row["there"] else f"no: make {row['make']}"
        lines.append(
            (str(row["name"]), str(row["version"] or "any"), here, str(row["comes_by"]), ", ".join(needs) or "-")
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _listed(row: dict[str, object], key: str) -> list[str]:
    found = row[key]
    return list(found) if isinstance(found, list) else []
