"""The files that one audit leaves to the next: read, locked and replaced as a whole."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from rig.errors import UsageError
from rig.record.audit import AUDIT_VERSION, AuditState


def read_state(path: Path) -> AuditState:
    """What the last audit left; an empty state where no file is. UsageError for a file that is none of ours."""
    try:
        return decoded(path, path.read_bytes())
    except FileNotFoundError:
        return AuditState()
    except OSError as error:
        raise UsageError(
            f"the state of audits cannot be read: {path}: {error.strerror}: name another --state"
        ) from None


def read_differences(path: Path) -> AuditState:
    """The differences in a state file or in the output of --json. UsageError where there are none to read."""
    try:
        return decoded(path, path.read_bytes())
    except OSError as error:
        raise UsageError(f"--again {path}: {error.strerror}") from None


def decoded(path: Path, text: bytes) -> AuditState:
    """A report has the same fields as a state, and more."""
    try:
        state = msgspec.json.decode(text, type=AuditState)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} is no state and no report of an audit ({error}): name another file, or delete it"
        ) from None
    if state.audit_version != AUDIT_VERSION:
        raise UsageError(
            f"{path} is of version {state.audit_version} of audits, this rig knows {AUDIT_VERSION}: delete it"
        )
    return state


def write_state(path: Path, state: AuditState) -> None:
    """Replace the file as a whole, so that an end in the middle leaves the old one."""
    replace_file(path, msgspec.json.format(msgspec.json.encode(state)) + b"\n")


def replace_file(path: Path, text: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@contextmanager
def only_audit(path: Path) -> Iterator[None]:
    """Keep a second audit from using the same state. UsageError if one runs, or if the file cannot be written."""
    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UsageError(
            f"the state of audits cannot be written: {path}: {error.strerror}: name another --state"
        ) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise UsageError(f"another audit runs with {path}: wait for its end, or name another --state") from None
    try:
        yield
    finally:
        os.close(handle)
