"""What the scenarios of the setup observed."""

from rig.record.observations.parts import HttpExchange, Part, Seen


class Listeners(Seen, frozen=True, kw_only=True):
    """SETUP-01: the answers of auth-providers (public) and of `/readyz` (internal)."""

    public: HttpExchange
    ready: HttpExchange


class ValkeyClient(Part, frozen=True, kw_only=True):
    """One connection that Valkey lists: its user and its number of subscriptions."""

    user: str | None
    sub: int


class ValkeyConnection(Seen, frozen=True, kw_only=True):
    """SETUP-02: lines of the boot log about the subscription, and the connections of the backend's user."""

    lines: list[str]
    clients: list[ValkeyClient]
    user: str | None


class PostgresConnection(Seen, frozen=True, kw_only=True):
    """SETUP-03: seed lines of the boot log, and the number of connections of the backend's role."""

    lines: list[str]
    connections: int


class Accounts(Seen, frozen=True, kw_only=True):
    """SETUP-04, SETUP-05: the number of accounts."""

    accounts: int


class PromptRun(Part, frozen=True, kw_only=True):
    """One command of the rig that opens a prompt: its exit code and output."""

    code: int
    output: str
    command: str = ""


class Prompts(Seen, frozen=True, kw_only=True):
    """SETUP-06: `rig vk` and `rig sql`."""

    vk: PromptRun
    sql: PromptRun
