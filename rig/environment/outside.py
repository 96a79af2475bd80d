"""The test bed of a running server whose stores are not known: only its answers are looked at, and nothing is emptied."""

from collections.abc import Mapping
from typing import Any

from rig.environment.attached import AttachedTestbed
from rig.observe.valkey.monitor import NoMonitor
from rig.stack.stack import FIRST
from rig.stack.sut.outside import NoStore


class OutsideTestbed(AttachedTestbed):
    """Whoever asks for rows, keys, statements or commands gets CapabilityMissing."""

    def open_stores(self) -> None:
        self.tables = self.fixtures = self.mirror = self.statements = _absent()

    def watch(self) -> NoMonitor:
        return NoMonitor("the server's Valkey is not known")

    @property
    def has_stores(self) -> bool:
        return False

    def ready(
        self, environment: Mapping[str, str], instances: tuple[str, ...] = (FIRST,), *, quiet: bool = True
    ) -> None:
        """Wait for its /readyz. StackError if it is not ready in time."""
        for name in instances:
            self.servers[name] = self.stack.server(name)
        server = self._server()
        server.wait_ready(self.ready_within_s)
        self.mask_secrets(server.jwt_secret, self.told.internal_token)
        self.environment, self.starts = dict(environment), 1

    def empty_stores(self) -> None:
        """Nothing of this server's stores is the rig's to delete."""

    def restore_settings(self) -> None:
        """The rig changes no setting of this server."""


def _absent() -> Any:
    return NoStore()
