"""What an edge box stands on and the lab can spoil: the disk of its outbox, and its clock."""

import errno
import os
import resource
import shutil
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DISK_BYTES = 1 << 25
PAGE = 4096  # bytes
SOURCE = Path(__file__).with_name("wrong_clock.c")


@dataclass
class Disk:
    """The disk under the outbox, small enough to be filled.

    As root a file system of its own in memory; else the files of the running edge may not grow.
    """

    folder: Path
    mounted: bool = False

    def open(self) -> "Disk":
        """Make it; `close` must follow."""
        self.folder.mkdir()
        if os.geteuid() == 0 and shutil.which("mount"):
            command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "fault-lab", self.folder]
            self.mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
        return self

    def close(self) -> None:
        """Give it back."""
        if self.mounted:
            subprocess.run(["umount", "-l", self.folder], capture_output=True, check=True)
            self.mounted = False

    @property
    def means(self) -> str:
        """How it is filled, in words."""
        return "a full tmpfs" if self.mounted else "RLIMIT_FSIZE of the running edge"

    def fill(self, pid: int) -> None:
        """Not one byte more for the process; to be called again when it has given room back."""
        if not self.mounted:
            files = (file for file in self.folder.iterdir() if file.suffix != ".reserve")
            _limit(pid, max((file.stat().st_size for file in files), default=0))
            return
        with (self.folder / "ballast").open("ab") as file:
            taken, piece = file.tell(), DISK_BYTES
            while piece >= PAGE:  # the edge writes meanwhile: what was free a moment ago may not be
                try:
                    os.posix_fallocate(file.fileno(), taken, piece)
                    taken += piece
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    piece //= 2

    def free(self, pid: int) -> None:
        """As it was."""
        if self.mounted:
            (self.folder / "ballast").unlink(missing_ok=True)
        else:
            _limit(pid, resource.RLIM_INFINITY)


def _limit(pid: int, size: int) -> None:
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


@dataclass
class WallClock:
    """The wall clock of one process, set from outside: `wrong_clock.c`, loaded before everything.

    Its monotonic clock stays true. (libfaketime 0.9.10 cannot do that: with a true monotonic clock
    its `clock_nanosleep` fails, and Python's `time.sleep` with it.)
    """

    folder: Path
    library: Path | None = None

    def open(self) -> "WallClock":
        """Build the library, where there is a C compiler."""
        built, compiler = self.folder / "wrong_clock.so", shutil.which("cc")
        if compiler:
            command = [compiler, "-shared", "-fPIC", "-O2", "-o", built, SOURCE]
            done = subprocess.run(command, capture_output=True, check=False)
            self.library = None if done.returncode else built
        self.set(0)
        return self

    def environment(self) -> Mapping[str, str]:
        """For the process whose clock it is; empty where there is no library."""
        if self.library is None:
            return {}
        return {"LD_PRELOAD": str(self.library), "WRONG_CLOCK": str(self._file)}

    def set(self, seconds: int) -> None:
        """Let it be off by so many seconds from now on."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds * 10**9))

    @property
    def _file(self) -> Path:
        return self.folder / "off_by"
