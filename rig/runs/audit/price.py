"""What an audit will cost, before it starts: the price, and the refusal of one that would be expensive."""

from dataclasses import dataclass

from rig.checks.audit.differences import SHARED
from rig.runs.audit.looks import LOOKS_AT_S
from rig.runs.audit.options import AuditOptions
from rig.runs.audit.stores import POSTGRES_SHARE, VALKEY_ITEM_S, CannotTell, Stores

PAGE_COST_MAX = 200_000.0  # of the planner, for 100 mitras: about two seconds
MS_PER_COST = 0.01  # a rough measure of an idle machine
COMMANDS_PER_MITRA = 0.02  # four commands for up to 500 mitras, who are mostly fewer
PER_REQUEST = 200
ITEMS_PER_MITRA, ITEMS_PER_KEY = 5, 3  # two memberships, two keys and SSCAN; SCAN, MGET and PTTL


@dataclass(frozen=True)
class Price:
    """Estimates. `foreign`: keys that the mirror does not explain."""

    mitras: int
    keys: int
    foreign: int
    page_cost: float
    commands: int
    rows: int
    valkey_s: float
    postgres_s: float
    took_s: float

    def lines(self, share: float) -> list[str]:
        return [
            f"Postgres: about {self.mitras} mitras, {self.rows} rows, {self.postgres_s:.1f} s of one connection,"
            f" planner's cost of 100 mitras {self.page_cost:.0f}",
            f"Valkey: {self.keys} keys ({self.foreign} of them not the mirror's), about {self.commands} commands,"
            f" {self.valkey_s:.1f} s of its core at most, and no more than {share:.1%} of it at a time",
            f"takes about {self.took_s:.0f} s; looks at suspects again after {' and '.join(f'{at:g}' for at in LOOKS_AT_S[1:])} s",
        ]


def price_of(stores: Stores, options: AuditOptions) -> Price:
    """Estimated from the planner of Postgres and from the counts of Valkey; reads no row and no value."""
    queries = stores.queries
    _, mitras = stores.rows.explained(queries.mitras())
    page_cost, _ = stores.rows.explained(queries.page(first=True), {"limit": 100, "after": None})
    keys, online = stores.reader.sizes()
    foreign = max(0, keys - 2 * online - len(SHARED))
    commands = int(mitras * COMMANDS_PER_MITRA + keys * (1 + 2 / PER_REQUEST) + 2 * online / PER_REQUEST) + 20
    valkey_s = (mitras * ITEMS_PER_MITRA + keys * ITEMS_PER_KEY) * VALKEY_ITEM_S
    postgres_s = max(mitras / 100, 1) * page_cost * MS_PER_COST / 1000
    took_s = valkey_s / options.share + postgres_s / POSTGRES_SHARE
    return Price(int(mitras), keys, foreign, page_cost, commands, int(mitras), valkey_s, postgres_s, took_s)


def refuse_expensive(price: Price, options: AuditOptions) -> None:
    """CannotTell for an audit that would load the stores too much; it names what to change."""
    if price.foreign > options.keys_max:
        raise CannotTell(
            f"the Valkey holds {price.foreign} keys that are not the mirror's, more than {options.keys_max}: the walk over"
            f" them would need about {price.took_s:.0f} s; give the mirror a database of its own, or raise --keys-max"
        )
    if price.page_cost > PAGE_COST_MAX:
        raise CannotTell(
            f"Postgres would need about {price.page_cost * MS_PER_COST / 1000:.1f} s for 100 mitras: it has no index that finds"
            " the open chats of a mitra; create one on mitra_id where the chat is active or pending_payment"
        )
