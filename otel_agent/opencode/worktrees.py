"""Which project a folder belongs to."""

from pathlib import Path


def worktree_of(directory: str) -> str:
    """The root of the repository that holds the folder, as OpenCode would name the project; the folder itself outside
    any. Empty for none."""
    if not directory:
        return ""
    folder = Path(directory)
    for each in (folder, *folder.parents):
        try:
            if (each / ".git").exists():
                return str(each)
        except OSError:
            break
    return directory
