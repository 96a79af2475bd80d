"""A Toxiproxy that is somebody else's: left without the proxies that we made."""

from rig.stack.embedded.toxiproxy import Toxiproxy
from rig.stack.errors import StackError


class ExternalToxiproxy(Toxiproxy):
    """A Toxiproxy that runs already; we remove the proxies that we made."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._made: list[str] = []

    def create(self) -> None:
        self.version()

    def create_proxy(self, name: str, port: int, upstream: str) -> str:
        if name in self.proxies() and name not in self._made:
            raise StackError(
                f"the Toxiproxy at {self.url} has a proxy {name} that is not ours: does another rig use it?"
            )
        self._made.append(name)
        return super().create_proxy(name, port, upstream)

    def close(self) -> None:
        for name in self._made:
            self.delete_proxy(name)
        super().close()
