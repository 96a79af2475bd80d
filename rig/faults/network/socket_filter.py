"""A filter in the kernel on the sockets of another process: what comes in for them is dropped, as if it had never arrived.

It goes with the sockets: unlike a firewall's rule nothing of it can be left behind.
"""

import ctypes
import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

SYS_PIDFD_GETFD = 438  # the same on every architecture
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27  # which asks for no filter when it is read
DROP = b"\x06\x00\x00\x00\x00\x00\x00\x00"  # one instruction of classic BPF: return 0, so keep no byte
LISTENING, ESTABLISHED = "0A", "01"

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def borrowed(pid: int, fd: int) -> Iterator[socket.socket]:
    """Another process's socket, as long as the block lasts. OSError when it is gone, PermissionError when it is not ours."""
    with closing_fd(os.pidfd_open(pid)) as process:
        copied = _libc.syscall(SYS_PIDFD_GETFD, process, fd, 0)
        if copied < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        with closing(socket.socket(fileno=copied)) as found:
            yield found


@contextmanager
def closing_fd(fd: int) -> Iterator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


def drop_all(pid: int, fd: int) -> None:
    """From now on nothing that is sent to this socket arrives, not even what asks for a connection."""
    program = ctypes.create_string_buffer(DROP, len(DROP))
    # struct sock_fprog: the count of instructions, padding, the address of the first
    described = (1).to_bytes(ctypes.sizeof(ctypes.c_void_p), "little") + ctypes.addressof(program).to_bytes(
        ctypes.sizeof(ctypes.c_void_p), "little"
    )
    with borrowed(pid, fd) as found:
        found.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, described)


def drop_no_more(pid: int, fd: int) -> None:
    """Safe to call for a socket without a filter, or one that is closed."""
    try:
        with borrowed(pid, fd) as found:
            found.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
    except OSError:
        return  # closed meanwhile, or without one


def sockets(pid: int, port: int, state: str) -> set[int]:
    """That process's descriptors of TCP sockets (IPv4) with this local port in this state."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    # Its columns: number, local and remote address, state, ..., inode at the tenth place.
    inodes = {line[9] for line in lines if line[1].endswith(f":{port:04X}") and line[3] == state}
    found = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(path)
        except OSError:
            continue  # closed meanwhile
        if target.startswith("socket:[") and target[8:-1] in inodes:
            found.add(int(path.name))
    return found


def refused_here() -> str | None:
    """Why a filter can't be set in a process of our own making on this machine; None when it can."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        try:
            drop_all(os.getpid(), listener.fileno())
        except (OSError, AttributeError) as error:
            return str(error)
    return None
