"""Defects that a campaign shows: what hangs on an outage under traffic."""

from tests.sabotage.entry import sabotage


@sabotage("outage-is-an-error", "While Valkey is away, each ping is answered with 500.", "INV-18")
def outage_is_an_error() -> None:
    from server.mirror.heartbeat import Heartbeat

    async def nothing_to_ask(self: Heartbeat, mitra_id: str, began: float | None = None) -> bool:
        raise RuntimeError(f"no mirror to ask for {mitra_id}")

    Heartbeat.in_postgres = nothing_to_ask  # type: ignore[method-assign]


@sabotage(
    "dashboard-goes-blank", "While Valkey is away, the dashboard tells that nobody is online.", "INV-15", "INV-17"
)
def dashboard_goes_blank() -> None:
    from server.mirror.reads import PostgresReads

    async def nobody(self: PostgresReads) -> int:
        return 0

    PostgresReads.online_count = nobody  # type: ignore[method-assign]
