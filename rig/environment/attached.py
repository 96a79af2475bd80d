"""The test bed of a server that somebody else started: it is used as it runs, and what it lacks is named."""

from collections.abc import Mapping
from typing import Any, NoReturn

from rig.environment.cadence import ENVIRONMENT, QUIET
from rig.environment.sign_in import sign_in
from rig.environment.testbed import Testbed
from rig.stack import CapabilityMissing, StackError
from rig.stack.stack import FIRST
from rig.stack.sut.attached import AttachedServer
from rig.traffic import Mitra
from rig.waiting import poll_until

SETTLE_S = 15.0  # the contract allows a server 5 s to use Valkey again
LOOK_EVERY_S = 0.05
LONGEST_S = 300  # the longest cadence in the checklist; a run does not wait longer
RECONCILE = ENVIRONMENT["reconcile"]


class AttachedTestbed(Testbed):
    """One instance with the cadences it was started with. It is never restarted; after an outage the rig waits for it."""

    others = FIRST

    def attribution(self) -> dict[str, Any]:
        """Every connection to this database without the rig's name is the server's: it has no login role of its own."""
        return {
            **super().attribution(),
            "roles": lambda role: None,
            "shared": lambda role: FIRST,
            "observers": frozenset(),
        }

    def cadences_for(self, cadences: Mapping[str, float]) -> dict[str, float]:
        """The running server's seconds for each cadence that the scenario needs; its waits use them."""
        environment = self._server().env
        seconds_by_name = {name: float(environment[ENVIRONMENT[name]]) for name in cadences}
        for name, seconds in seconds_by_name.items():
            wanted = "at 0" if cadences[name] == 0 else f"from 1 to {LONGEST_S}"
            if not (seconds == 0 if cadences[name] == 0 else 1 <= seconds <= LONGEST_S):
                raise CapabilityMissing(
                    f"needs a server with {ENVIRONMENT[name]} {wanted}; the running one has {seconds:g}"
                    " (start it so, and say so by --sut-env)"
                )
        return seconds_by_name

    def ready(
        self, environment: Mapping[str, str], instances: tuple[str, ...] = (FIRST,), *, quiet: bool = True
    ) -> None:
        """Empty the stores under it. CapabilityMissing if its cadences do not suit the scenario."""
        for name in instances:
            self.servers[name] = self.stack.server(name)
        server = self._server()
        loud = [name for name, value in environment.items() if not serves(name, value, server.env[name])]
        if quiet and loud:
            has = ", ".join(f"{name}={server.env[name]}" for name in loud)
            raise CapabilityMissing(
                f"a sweep in the middle of it would blur what is seen: the running server has {has}; start it with"
                f" {QUIET} there, and say so by --sut-env"
            )
        server.wait_ready(self.ready_within_s)
        self.mask_secrets(server.jwt_secret, self.told.internal_token)
        self.read_by_contract()
        self.refuse_missing_tables()
        self.empty_stores()
        if self._dirty and self.starts:
            self._settle()
        self.starts, self._dirty = 1, None
        self.environment = dict(environment)
        self.restore_settings()

    def start_together(self) -> NoReturn:
        server: AttachedServer = self._server()
        server.spawn()

    def stop(self, name: str = FIRST) -> int:
        return self.servers[name].stop()

    def stop_servers(self) -> None:
        """The server keeps running. If it has exited, that is recorded."""
        self.record_crashes()

    def crash_message(self, server: Any) -> str:
        last_lines = "its log is not known to us"
        if self.told.log:
            last_lines = "; ".join(text for _, text in self.log(server.name).lines()[-3:]) or "it printed nothing"
        return f"the running server does not listen at {server.internal_url} any more: {last_lines}"

    @property
    def starts_servers(self) -> bool:
        return False

    @property
    def has_log(self) -> bool:
        return self.told.log is not None

    @property
    def told(self) -> Any:
        return self.stack.spec.attached

    def _server(self) -> Any:
        return self.stack.server(FIRST)

    def _settle(self) -> None:
        """Wait until the server writes to Valkey again: a mitra who toggles appears there. StackError after SETTLE_S."""
        row = self.fixtures.mitra(name="Settler")
        mitra = sign_in(Mitra, self._server(), row)

        def mirrored() -> bool:
            mitra.offline()
            mitra.online()
            return row.id in self.mirror.online() and row.id in self.mirror.heartbeats()

        if not poll_until(mirrored, SETTLE_S, every_s=LOOK_EVERY_S):
            raise StackError(f"the running server did not write to Valkey for {SETTLE_S:g} s after the last scenario")
        self.empty_stores()


def serves(name: str, wanted: str, has: str) -> bool:
    """Whether the server's cadence suits: it is the wanted one, or the wanted one is QUIET and the server's is no shorter."""
    if name == ENVIRONMENT["goodbye"] or wanted == has:
        return True
    return wanted == str(QUIET) and (int(has) >= QUIET or (name == RECONCILE and has == "0"))
