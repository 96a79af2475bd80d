"""Measures the two requests that come by the thousand, beside a request that does nothing: `rig bench --hot`."""

import asyncio
import statistics
from collections.abc import Callable

import redis.asyncio
from rich import box
from rich.console import Console
from rich.table import Table

from rig.config import Settings
from rig.contract import BEACON, PING
from rig.environment.testbed import Testbed
from rig.runs.benchmark.quiet_testbed import benchmark_testbed
from rig.runs.benchmark.table import ended
from rig.stack import ServerInstance
from rig.terminal import console
from rig.traffic.actors.mitra import go_online
from rig.traffic.actors.tokens import mint
from rig.traffic.load.open_loop import saturate
from rig.traffic.request_bytes import request_bytes

MITRAS = 300
CONNECTIONS = 32
ROUNDS, ROUND_S = 15, 0.5  # short ones, so that a busy moment of the machine falls on all kinds alike
GOAL = 0.60  # of what the same server answers when it has nothing to do


def run(settings: Settings) -> int:
    """Exit code 0 when ping and beacon reach the goal, 1 when one does not."""
    with benchmark_testbed(settings) as testbed:
        code = show(measure(testbed), console())
    return ended(code, settings, ["rig", "bench", "--hot"])


def measure(testbed: Testbed) -> dict[str, list[float]]:
    """Answers a second by kind, a value a round; the kinds take turns.

    The no-op goes through the same kind of listener and the same layers as ping and beacon; it only asks nobody.

    Servers and clients speak to Valkey without the proxy, and nobody watches: MONITOR has six lines for each ping, and
    to read them in the process that sends the pings costs as much again as sending them.
    """
    testbed.monitor.close()
    environment = testbed.environment_for()
    mirrored = testbed.stack.server("a", env=environment, proxied=False)
    plain = testbed.stack.server("b", env={**environment, "AVAILABILITY_MIRROR": "off"}, proxied=False)
    testbed.empty_stores()
    testbed.servers = {server.name: server for server in (mirrored, plain)}
    testbed.start_servers(testbed.servers.values(), testbed.ready_within_s)
    ids = [row.id for row in testbed.fixtures.mitras(MITRAS, "mitra")]
    go_online(mirrored, ids)
    kinds: dict[str, Callable[[], float]] = {
        "no-op": gets(mirrored.internal_url, "/healthz"),
        "ping": pings(mirrored, ids),
        "beacon": gets(mirrored.public_url, BEACON),
        "baseline ping (no mirror)": pings(plain, ids),
        "bare client loop": lambda: asyncio.run(bare(testbed.stack.valkey.url)),
    }
    rates_by_kind: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(ROUNDS):
        for name, answers in kinds.items():
            rates_by_kind[name].append(answers())
    return rates_by_kind


def gets(listener: str, path: str) -> Callable[[], float]:
    url = listener.rstrip("/") + path
    return lambda: asyncio.run(saturate(url, [request_bytes("GET", url)], CONNECTIONS, ROUND_S))


def pings(server: ServerInstance, ids: list[str]) -> Callable[[], float]:
    """Of so many mitras in turn, each with one token, as an app uses one for a quarter of an hour."""
    url = server.public_url.rstrip("/") + PING
    requests = [request_bytes("POST", url, mint(server.jwt_secret or "", id, "mitra")) for id in ids]
    return lambda: asyncio.run(saturate(url, requests, CONNECTIONS, ROUND_S))


async def bare(url: str) -> float:
    """Round trips a second of the client library alone, a GET each, from as many tasks."""
    answered = 0
    loop = asyncio.get_running_loop()
    until = loop.time() + ROUND_S

    async def one(client: redis.asyncio.Redis) -> None:
        nonlocal answered
        while loop.time() < until:
            await client.get("rig:nothing")
            answered += 1

    async with redis.asyncio.Redis.from_url(url, protocol=2) as client, asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(one(client))
    return answered / ROUND_S


def show(rates_by_kind: dict[str, list[float]], console: Console) -> int:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bright_black")
    for name in ("", "answers a second", "of the no-op", "goal", ""):
        table.add_column(name, justify="left" if not name else "right")
    shares = {}
    for name, rates in rates_by_kind.items():
        # Of each round by itself: what the machine did meanwhile is in both.
        shares[name] = statistics.median(rate / idle for rate, idle in zip(rates, rates_by_kind["no-op"], strict=True))
        goal = f"≥ {GOAL:.2f}" if name in ("ping", "beacon") else ""
        mark = "" if not goal else "✓" if shares[name] >= GOAL else "✗"
        table.add_row(name, f"{statistics.median(rates):,.0f}", f"{shares[name]:.2f}", goal, mark)
    console.print(f"{CONNECTIONS} connections, the median of {ROUNDS} rounds of {ROUND_S:g} s each")
    console.print(table)
    return 0 if all(shares[name] >= GOAL for name in ("ping", "beacon")) else 1
