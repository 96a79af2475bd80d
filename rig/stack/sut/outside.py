"""What takes the place of the stores of a running server, where their URLs were not given."""

from typing import NoReturn

from rig.stack.errors import CapabilityMissing


class NoStore:
    """A store that is not known to the rig. Opening and closing it does nothing; any other use raises CapabilityMissing."""

    url = ""

    def create(self) -> None:
        """There is nothing to start."""

    def close(self) -> None:
        """There is nothing to end."""

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise CapabilityMissing("needs the server's stores: add --postgres URL, --valkey URL and --scratch")
