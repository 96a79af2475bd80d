"""The Lua scripts, read once; all but the seed begin with the check of the epoch."""

from pathlib import Path

_FOLDER = Path(__file__).with_name("lua")


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text()


APPLY, PING, SECOND_LOOK, SNAPSHOT = (
    _read("epoch") + _read(name) for name in ("apply", "ping", "second_look", "snapshot")
)
SEED = _read("seed")
