"""The Lua scripts, read once; all but the seed's own begin with the check of the epoch."""

from pathlib import Path

_FOLDER = Path(__file__).with_name("lua")


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text()


# What only reads must be answered by a Valkey that takes no writes (full, read-only) as well.
_READING = _read("epoch").replace("#!lua", "#!lua flags=no-writes", 1)

APPLY, PING, SECOND_LOOK = (_read("epoch") + _read(name) for name in ("apply", "ping", "second_look"))
STRAYS = _read("epoch") + _read("strays")
SNAPSHOT, FILL = (_read("epoch") + _read("stamp") + _read(name) for name in ("snapshot", "fill"))
LOOK, SILENT, PINGED = (_READING + _read("stamp") + _read(name) for name in ("look", "silent", "pinged"))
SEED_BEGIN, SEED, SEED_SWAP, SEED_END = (_read(name) for name in ("seed_begin", "seed", "seed_swap", "seed_end"))
