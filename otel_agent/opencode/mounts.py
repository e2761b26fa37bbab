"""The file system that holds a folder."""

from pathlib import Path
from typing import Final

_NETWORK: Final = ("nfs", "cifs", "smb", "afs", "9p", "fuse.sshfs", "webdav", "ceph", "glusterfs")


def network_file_system(folder: Path) -> str:
    """Return the kind of the network file system that holds the folder; empty for a local one."""
    import psutil  # noqa: PLC0415 - a summary asks nothing here, and psutil is a quarter of its start

    try:
        mounts = psutil.disk_partitions(all=True)
    except OSError:
        return ""
    place = folder.absolute()
    holding = [each for each in mounts if place.is_relative_to(each.mountpoint)]
    kind = max(holding, key=lambda each: len(each.mountpoint)).fstype.lower() if holding else ""
    return kind if kind.startswith(_NETWORK) else ""
