"""Where the manuals of the suite come from: what is installed on this machine, read when the suite runs.

The texts are under the GPL and never part of the project; the questions' answers are names of options, pages and flags.
"""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from opswright.errors import EnvironmentFailed

MAN = Path("/usr/share/man/man8")
PAGES = (
    "gluster", "glusterd", "glusterfs", "glusterfsd", "mount.glusterfs", "fusermount-glusterfs", "gluster-eventsapi",
    "gluster-georep-sshkey", "gluster-mountbroker", "gluster-setgfid2path", "glustereventsd", "glusterfind",
)  # fmt: skip
# Manuals of other matters, so that asking the right collection can be told from asking all; those that are installed.
OTHERS = (
    "mount", "umount", "fsck", "e2fsck", "mke2fs", "tune2fs", "resize2fs", "debugfs", "mkfs.xfs", "xfs_admin", "xfs_db",
    "xfs_repair", "xfs_growfs", "xfs_quota", "xfs_io", "xfs_scrub", "fstrim", "fsfreeze", "losetup", "lsblk", "blkid",
    "dmsetup", "swapon", "sysctl", "ip-link", "ip-address", "ip-route", "ip-netns", "tc", "tc-netem", "tc-htb",
    "tc-tbf", "ss", "iptables", "lsof", "rdma-link", "systemd-journald", "systemd-tmpfiles", "dockerd", "runc-run",
    "wipefs", "findmnt", "vmstat",
)  # fmt: skip
LIMIT_S = 120.0
# Runs in namespaces of its own: what it starts ends with it, what it writes was never on a disk.
_SCRIPT = """
mkdir -p /tmp/g/work /tmp/g/run && cd /tmp/g || exit 1
printf '%s\\n' 'volume management' 'type mgmt/glusterd' 'option working-directory /tmp/g/work' \\
  'option run-directory /tmp/g/run' 'option glusterd-sockfile /tmp/g/socket' 'option transport-type socket' \\
  'end-volume' > volfile
glusterd -f /tmp/g/volfile -p /tmp/g/pid -l /tmp/g/log || { tail -n 3 /tmp/g/log >&2; exit 1; }
ask() { gluster --glusterd-sock=/tmp/g/socket --log-file=/tmp/g/cli.log "$@"; }
for turn in $(seq 300); do ask volume list > /dev/null 2>&1 && break; sleep 0.1; done
ask volume set help-xml
"""


def pages() -> Sequence[Path]:
    """The man pages of GlusterFS. Raises EnvironmentFailed where they are not installed."""
    found = [path for name in PAGES if (path := MAN / f"{name}.8.gz").is_file()]
    if len(found) < len(PAGES):
        raise EnvironmentFailed(f"the man pages of GlusterFS are not all in {MAN} (apt-get install glusterfs-server)")
    return found


def other_pages(names: Sequence[str] = OTHERS) -> Sequence[Path]:
    """Man pages of other matters."""
    return [path for name in names if (path := MAN / f"{name}.8.gz").is_file()]


def option_help() -> bytes:
    """What `gluster volume set help-xml` prints, of a glusterd of our own that is gone when this returns.

    It has no network, and no file system but a read-only view of this one and memory. Raises EnvironmentFailed.
    """
    missing = [name for name in ("bwrap", "glusterd", "gluster") if shutil.which(name) is None]
    if missing:
        raise EnvironmentFailed(f"not installed: {', '.join(missing)} (apt-get install bubblewrap glusterfs-server)")
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for folder in ("/tmp", "/run", "/var/lib/glusterd", "/var/log/glusterfs"):
        if Path(folder).is_dir():
            command += ["--tmpfs", folder]
    try:
        done = subprocess.run(
            [*command, "sh", "-c", _SCRIPT], capture_output=True, timeout=LIMIT_S, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise EnvironmentFailed(f"glusterd did not tell its options within {LIMIT_S:.0f} s") from None
    if done.returncode != 0 or b"<option>" not in done.stdout:
        said = " ".join(done.stderr.decode(errors="replace").split())[-200:]
        raise EnvironmentFailed(f"glusterd did not tell its options: {said or 'it said nothing'}")
    return done.stdout
