"""Commands under the secret names that a configuration gave them (`rename-command`)."""

from collections.abc import Callable, Mapping

from redis.connection import HiredisRespSerializer

from rig.stores.valkey import Word


class Renamed:
    """For redis-py's `command_packer`: packs a command under its secret name, and any other as it is."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = dict(names)
        self._pack: Callable[..., list[bytes]] = HiredisRespSerializer().pack  # redis-py gives it no types

    def pack(self, *words: Word) -> list[bytes]:
        """The command in the protocol's form. Its first word may hold a subcommand too, as in `CONFIG SET`."""
        command, *rest = words
        if isinstance(command, str):
            first, space, sub = command.partition(" ")
            command = self._names.get(first.upper(), first) + space + sub
        return self._pack(command, *rest)
