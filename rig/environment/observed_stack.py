"""What a test bed and an arm of a load share: a stack, the rig's connections to its stores, servers, and their logs."""

from collections.abc import Iterable
from typing import Any

from rig.environment.observers import why_no_log
from rig.fixtures import Fixtures, Schema, drop_views, make_views, reading_path, translator
from rig.observe import Mirror, ServerLog, StatementLog, Tables
from rig.record import RecordWriter
from rig.stack import ServerInstance, Stack
from rig.stores.valkey import OURS

LAST_LINES = 3  # of a server's log, in the message that it exited


class ObservedStack:
    """An open stack with the rig's connections to both stores; `close` ends them and the servers."""

    def __init__(self, stack: Stack, recorder: RecordWriter, schema: Schema | None = None) -> None:
        self.stack, self.recorder, self.schema = stack, recorder, schema or Schema()
        self.servers: dict[str, ServerInstance] = {}
        self._logs: dict[str, ServerLog] = {}  # each reads on where it stopped
        self._views_made = False
        self.open_stores()

    def open_stores(self) -> None:
        """Make the rig's connections to both stores."""
        stack = self.stack
        self.tables = Tables(stack.postgres.observer_url, reading_path(self.schema))
        self.fixtures = Fixtures(stack.postgres.url, self.schema)
        self.mirror = Mirror(stack.valkey.url)
        self.statements = StatementLog(
            stack.postgres.statement_log,
            translate=translator(self.schema),
            why_none=why_no_log(stack.postgres.facts),
            **self.attribution(),
        )

    def attribution(self) -> dict[str, Any]:
        """How a server's statements are told from the rig's: names of our connections, login roles of the instances."""
        postgres = self.stack.postgres
        return {
            "roles": postgres.instance_of, "shared": postgres.shared_by, "observers": postgres.observers, "ours": OURS,
            "database": postgres.facts.database,
        }  # fmt: skip

    def start_servers(self, servers: Iterable[ServerInstance], ready_within_s: float) -> None:
        """Start all of them, then wait for each to be ready. The record shows none of their secrets."""
        starting = list(servers)
        for server in starting:
            self.mask_secrets(server.jwt_secret, server.internal_token)
            server.spawn()
        for server in starting:
            server.wait_ready(ready_within_s)

    def mask_secrets(self, jwt_secret: str | None, internal_token: str | None) -> None:
        for secret, placeholder in ((jwt_secret, "$JWT_SECRET"), (internal_token, "$INTERNAL_API_TOKEN")):
            if secret:
                self.recorder.mask(secret, placeholder)

    def read_by_contract(self) -> None:
        """Make views under the contract's names, for a foreign schema, once the server has made its tables.

        SchemaMismatch names what is not there.
        """
        if self.schema.foreign and not self._views_made:
            make_views(self.stack.postgres.url, self.schema)
            self._views_made = True

    def log(self, name: str = "a") -> ServerLog:
        return self._logs.setdefault(name, ServerLog(self.servers[name].log))

    def exited(self) -> list[ServerInstance]:
        """Instances that were ready and do not run any more."""
        return [server for server in list(self.servers.values()) if server.ready and not server.running]

    def crash_message(self, server: ServerInstance) -> str:
        """That it exited by itself, with its exit code and the end of its log."""
        tail = "; ".join(text for _, text in self.log(server.name).lines()[-LAST_LINES:]) or "it printed nothing at all"
        return f"backend {server.name} exited by itself ({server.exit_code}): {tail}"

    def stop_servers(self) -> None:
        for server in self.servers.values():
            if server.running:
                server.stop()

    def close(self) -> None:
        self.stop_servers()
        if self._views_made:
            drop_views(self.stack.postgres.url)
        self.tables.close()
        self.fixtures.close()
        self.mirror.close()
