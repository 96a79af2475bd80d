"""Starts that must be refused: bad values of the environment, production without secrets, no Postgres."""

import itertools
import queue
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from rig.environment.testbed import Testbed
from rig.record.observations import environment
from rig.runs.contract.probes.instances import elsewhere, instance, usual_start_s, watch_start
from rig.runs.contract.probing import probe
from rig.stack.stack import at_address
from rig.stack.sut.managed import OTP_CODE
from rig.traffic import Mitra

AT_ONCE = 3
REFUSED_S = 10.0
SECRETS = {"JWT_SECRET": "j" * 48, "INTERNAL_API_TOKEN": "i" * 48}
DURATIONS = (
    "ACCESS_TOKEN_TTL_SECONDS", "GOODBYE_WINDOW_SECONDS", "MITRA_AUTO_OFFLINE_SWEEP_SECONDS",
    "HEARTBEAT_MIRROR_INTERVAL_SECONDS", "VALKEY_ONLINE_MIRROR_SWEEP_SECONDS",
)  # fmt: skip
# What the conversions of common languages take for a number, one per duration.
LENIENT = ("1e3", "0x3C", "6_0", "\uff16\uff10", "60 60")


@dataclass(frozen=True)
class Refused:
    """A start that must be refused because of one variable. `unset`: variables that it does not get."""

    sentence: str
    variable: str
    env: Mapping[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()

    def __str__(self) -> str:
        given = self.env.get(self.variable)
        production = self.env.get("APP_ENV") == "production" or "APP_ENV" in self.unset
        what = f"{self.variable} unset" if given is None else f"{self.variable}={given!r}"
        return f"{what} in production" if production and self.variable != "APP_ENV" else what


def bad(sentence: str, variable: str, *values: str) -> list[Refused]:
    return [Refused(sentence, variable, {variable: value}) for value in values]


def in_production(sentence: str, variable: str, value: str | None, unset: Sequence[str] = ()) -> Refused:
    """Production with good secrets and no development code, but for this variable (None: unset)."""
    env = {"APP_ENV": "production", **SECRETS}
    taken = {name: text for name, text in env.items() if name != variable and name not in unset}
    if value is not None:
        taken[variable] = value
    gone = {*unset, *({variable} if value is None else ()), *({"OTP_DEV_CODE"} - {variable})}
    return Refused(sentence, variable, taken, tuple(sorted(gone)))


def refused(valkey_url: str) -> list[Refused]:
    """Every start of this probe. `valkey_url`: one that is right."""
    found = [*bad("ENV-03", "PUBLIC_PORT", "abc", "70000"), *bad("ENV-03", "APP_ENV", "staging")]
    found += [*bad("ENV-03", "DATABASE_URL", "nonsense"), *bad("ENV-03", "VALKEY_URL", "nonsense")]
    for variable, lenient in zip(DURATIONS, LENIENT, strict=True):
        found += bad("ENV-04", variable, "1.5", "10s", "-1", lenient)
    found += bad("ENV-05", "MITRA_AUTO_OFFLINE_SWEEP_SECONDS", "0")
    found += bad("ENV-05", "HEARTBEAT_MIRROR_INTERVAL_SECONDS", "0")
    found += [
        in_production("ENV-07", "OTP_DEV_CODE", OTP_CODE, ["APP_ENV"]),
        in_production("ENV-07", "JWT_SECRET", None, ["APP_ENV"]),
        in_production("ENV-08", "OTP_DEV_CODE", OTP_CODE),
        in_production("ENV-09", "JWT_SECRET", None),
        in_production("ENV-09", "INTERNAL_API_TOKEN", None),
        in_production("ENV-10", "JWT_SECRET", "j" * 31),
        in_production("ENV-10", "INTERNAL_API_TOKEN", "i" * 31),
    ]
    found += bad("ENV-11", "INTERNAL_API_TOKEN", " " + "i" * 40, "i" * 40 + "\n", "é" * 40)
    found += bad("ENV-11", "JWT_SECRET", "j" * 40 + " ")
    if valkey_url.startswith(("redis:", "rediss:")):
        found += bad("ENV-12", "VALKEY_URL", elsewhere(valkey_url, "/abc"))
        found += bad("ENV-12", "VALKEY_URL", f"{valkey_url.partition('?')[0]}?nobody_knows_this=1")
    return found


@probe("starts that must be refused", "environment")
def starts_that_must_be_refused(testbed: Testbed) -> environment.RefusedStarts:
    """One start per bad value, a few of them at the same time."""
    folder = testbed.stack.supervisor.temporary_directory("standard-error")
    number = itertools.count()
    names = [f"refused{one}" for one in range(AT_ONCE)]
    for name in names:
        testbed.stack.server(name)  # so that what it lacks is known before any thread asks
    free: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in names:
        free.put(name)

    def try_one(one: Refused) -> list[Any]:
        name = free.get()
        try:
            return [one.sentence, one.variable, str(one), attempt(testbed, name, one, folder / str(next(number)))]
        finally:
            free.put(name)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        starts = list(pool.map(try_one, refused(testbed.stack.servers[names[0]].seat.valkey_url)))
    seen = {"usual_s": usual_start_s(testbed), "starts": starts}
    return msgspec.convert(seen, environment.RefusedStarts)


def attempt(testbed: Testbed, name: str, one: Refused, errors: Path) -> dict[str, Any]:
    """What came of this start, and its lines on standard error."""
    errors.touch()
    with instance(testbed, name, one.env, one.unset, str(errors)) as server:
        seen = watch_start(server, REFUSED_S + AT_ONCE * usual_start_s(testbed))  # others start at the same time
    lines = errors.read_text(errors="replace").splitlines()
    return {**seen, "lines": [line[:300] for line in lines if line.strip()][:5]}


@probe("start in production", "environment")
def start_in_production(testbed: Testbed) -> environment.ProductionStart:
    """A start with APP_ENV unset and good secrets: no code of development signs anybody in."""
    row = testbed.fixtures.mitra(name="producer")
    with instance(testbed, "production", SECRETS, ["APP_ENV", "OTP_DEV_CODE"]) as server:
        seen = watch_start(server, REFUSED_S + 2 * usual_start_s(testbed))
        if server.ready is None:
            return msgspec.convert({**seen, "asked": None, "verified": None}, environment.ProductionStart)
        mitra = Mitra(server, row.id, row.phone)
        asked, verified = mitra.request_code(), mitra.verify_code(OTP_CODE)
        answered = {"asked": asked.status, "verified": [verified.status, verified.code]}
        return msgspec.convert({**seen, **answered}, environment.ProductionStart)


@probe("start without Postgres", "environment")
def start_without_postgres(testbed: Testbed) -> environment.StartsWithoutPostgres:
    """A start where nobody listens, and one on a database that does not exist."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: each connection is refused
        right = testbed.stack.server("truthless").seat.database_url
        wrong = {
            "nobody listens": at_address(right, f"127.0.0.1:{nobody.getsockname()[1]}"),
            "no such database": elsewhere(right, "/mirror_rig_no_such_database"),
        }
        seen = {what: refused_url(testbed, url) for what, url in wrong.items()}
        return msgspec.convert(seen, environment.StartsWithoutPostgres)


def refused_url(testbed: Testbed, url: str) -> dict[str, Any]:
    with instance(testbed, "truthless", {"DATABASE_URL": url}) as server:
        seen = watch_start(server, REFUSED_S + 1)
        assert server.started is not None
        log = server.log.read_text(errors="replace").splitlines()
        told = [line for line in log if line.partition(" ")[0] >= f"{server.started:.6f}" and line.partition(" ")[2]]
        return {**seen, "told": len(told)}
