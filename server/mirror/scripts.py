"""The Lua scripts, read once. All except those of the seed begin with the check of the epoch."""

from pathlib import Path

_FOLDER = Path(__file__).with_name("lua")


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text()


# Scripts that only read must also run in a Valkey that refuses writes (full, read-only).
_READING = _read("epoch").replace("#!lua", "#!lua flags=no-writes", 1)

APPLY, PING, SECOND_LOOK = (_read("epoch") + _read(name) for name in ("apply", "ping", "second_look"))
STRAYS = _read("epoch") + _read("strays")
SNAPSHOT, FILL = (_read("epoch") + _read("stamp") + _read(name) for name in ("snapshot", "fill"))
LOOK, SILENT, PINGED = (_READING + _read("stamp") + _read(name) for name in ("look", "silent", "pinged"))
SEED_BEGIN, SEED, SEED_SWAP, SEED_END = (_read(name) for name in ("seed_begin", "seed", "seed_swap", "seed_end"))
