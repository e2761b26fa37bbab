"""The project that a folder belongs to."""

from pathlib import Path


def worktree_of(directory: str) -> str:
    """Return the root of the repository that holds the folder, as OpenCode would name the project.

    Outside any repository it is the folder itself; empty for an empty path.
    """
    if not directory:
        return ""
    folder = Path(directory)
    for candidate in (folder, *folder.parents):
        try:
            if (candidate / ".git").exists():
                return str(candidate)
        except OSError:
            break
    return directory
