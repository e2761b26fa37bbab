"""Programs that are built from a Go module."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from scripts.real_programs.running import run

# The scratch folder lies inside a git checkout, but is no part of it: no version stamp, no workspace.
VARIABLES = {"GOFLAGS": "-buildvcs=false", "GOWORK": "off", "CGO_ENABLED": "0"}
FLAGS = ("-mod=mod", "-trimpath", "-ldflags=-s -w")
SOURCE = "`go env GOPROXY` says where go fetches from."


@dataclass(frozen=True, slots=True)
class GoBuild:
    """The folder gets `programs`, each from the package of its name below `cmd/` in the module.

    If `whole`, the module itself is the only program.
    """

    module: str
    programs: tuple[str, ...]
    tags: str = ""
    whole: bool = False

    label = "go build"
    needs: ClassVar[Sequence[str]] = ("go",)
    source = SOURCE

    def make(self, version: str, made: Path) -> None:
        """Build the programs in a module that requires nothing but theirs, so its own pins hold."""
        sources = made.with_name("sources")
        sources.mkdir()
        run(["go", "mod", "init", "real-program-build"], sources, VARIABLES)
        run(["go", "get", f"{self.module}@{version}"], sources, VARIABLES)
        for program in self.programs:
            package = self.module if self.whole else f"{self.module}/cmd/{program}"
            run(["go", "build", *FLAGS, "-tags", self.tags, "-o", made / program, package], sources, VARIABLES)


@dataclass(frozen=True, slots=True)
class GoOwn:
    """A program of ours in one file of Go, which needs one module: for a check that the module has only as a library."""

    module: str
    source_file: Path

    label = "go build"
    needs: ClassVar[Sequence[str]] = ("go",)
    source = SOURCE

    def make(self, version: str, made: Path) -> None:
        """Build it, under the name of its file, beside nothing else."""
        sources = made.with_name("sources")
        sources.mkdir()
        shutil.copyfile(self.source_file, sources / "main.go")
        run(["go", "mod", "init", "real-program-build"], sources, VARIABLES)
        run(["go", "get", f"{self.module}@{version}"], sources, VARIABLES)
        run(["go", "build", *FLAGS, "-o", made / self.source_file.stem, "."], sources, VARIABLES)
