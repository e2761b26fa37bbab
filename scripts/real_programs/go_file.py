"""One file out of a Go module."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from scripts.real_programs.errors import GetError
from scripts.real_programs.go_build import SOURCE
from scripts.real_programs.running import output


@dataclass(frozen=True, slots=True)
class GoFile:
    """The file at `path` in the module."""

    module: str
    path: str

    label = "go mod download"
    needs: ClassVar[Sequence[str]] = ("go",)
    source = SOURCE

    def make(self, version: str, made: Path) -> None:
        """Download the module into Go's own cache, and copy the file from there."""
        # In the root folder, because a go.mod further up would have its say.
        said = json.loads(output(["go", "mod", "download", "-json", f"{self.module}@{version}"], Path("/")))
        file = Path(said["Dir"]) / self.path
        if not file.is_file():
            raise GetError(f"The module {self.module} has no {self.path}.")
        # Without the mode: files in Go's cache are read-only.
        shutil.copyfile(file, made)
