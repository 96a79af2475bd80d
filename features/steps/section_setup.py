"""How the boxes of Setup are observed: the backend, its two stores, the people, the prompts."""

import os
import subprocess
import sys

import msgspec

from rig import caller
from rig.cli.shells import client, no_client
from rig.contract import CHANNEL, SEED_LINE, SUBSCRIBED_LINE
from rig.paths import shipped
from rig.record import evidence
from rig.record.evidence import Evidence
from rig.record.observations.setup import (
    Accounts,
    Listeners,
    PostgresConnection,
    PromptRun,
    Prompts,
    ValkeyClient,
    ValkeyConnection,
)
from rig.runs.checklist.observation import Observed, answers
from rig.runs.checklist.world import World
from rig.stores import Lacks


@answers("SETUP-01", within_s=2.0)
def listeners(world: World) -> Observed:
    public, ready = world.customer("Budi").auth_providers(), world.operator().ready()
    return Observed(Listeners(public=public.seen(), ready=ready.seen()), [public.evidence(), ready.evidence()])


@answers("SETUP-02", within_s=2.0)
def valkey_reached(world: World) -> Observed:
    """The boot log, and Valkey's own word on who is connected: a subscriber of the backend's own user."""
    server = world.bench.server()
    lines = world.log_lines(SUBSCRIBED_LINE, server.started or 0.0)
    shown = evidence.log("backend a", [text for _, text in lines], looked_for=SUBSCRIBED_LINE)
    if not world.bench.stack.valkey.facts.can("CLIENT LIST"):
        return subscribers_alone(world, lines, shown)
    clients = [
        ValkeyClient(user=client.get("user"), sub=int(client.get("sub", 0)))
        for client in world.bench.mirror.client.client_list()
        if client.get("user") == server.valkey_user
    ]
    return Observed(
        ValkeyConnection(lines=[text for _, text in lines], clients=clients, user=server.valkey_user),
        [shown, evidence.valkey("CLIENT LIST (of the backend's user)", msgspec.to_builtins(clients))],
    )


def subscribers_alone(world: World, lines: list[tuple[float, str]], shown: Evidence) -> Observed:
    """Where nobody tells who is connected: how many are subscribed, of whom none is the rig."""
    world.weaken("SETUP-02 goes by the number of subscribers alone, as Valkey refuses CLIENT LIST to us")
    ((_, count),) = world.bench.mirror.client.pubsub_numsub(CHANNEL)
    clients = [ValkeyClient(user="(not told)", sub=1)] * int(count)
    return Observed(
        ValkeyConnection(lines=[text for _, text in lines], clients=clients, user="the backend"),
        [shown, evidence.valkey(f"PUBSUB NUMSUB {CHANNEL}", int(count))],
    )


@answers("SETUP-03", within_s=2.0)
def postgres_reached(world: World) -> Observed:
    server = world.bench.server()
    lines = world.log_lines(SEED_LINE, server.started or 0.0)
    sessions = world.bench.tables.query(
        "SELECT usename, datname, count(*) FROM pg_stat_activity WHERE usename = %s GROUP BY 1, 2", (server.role,)
    )
    return Observed(
        PostgresConnection(lines=[text for _, text in lines], connections=sum(row[2] for row in sessions.rows)),
        [evidence.log("backend a", [text for _, text in lines], looked_for=SEED_LINE), sessions.evidence()],
    )


@answers("SETUP-04")
def mitra_accounts(world: World) -> Observed:
    found = world.bench.tables.query(
        "SELECT id::text, phone, display_name, is_active FROM mitras ORDER BY display_name"
    )
    return Observed(Accounts(accounts=len(found.rows)), [found.evidence()])


@answers("SETUP-05")
def customer_account(world: World) -> Observed:
    found = world.bench.tables.query("SELECT id::text, phone, display_name FROM customers")
    return Observed(Accounts(accounts=len(found.rows)), [found.evidence()])


@answers("SETUP-06")
def prompts(world: World) -> Observed:
    """The commands themselves, as QA would type them, against this very stack."""
    tls = world.bench.stack.valkey.facts.tls
    if client(tls) is None:
        raise Lacks(f"rig vk: {no_client(tls)}")
    world.bench.mirror.client.set("rig:setup-06", "hello")
    try:
        vk = prompt(world, "vk", "GET", "rig:setup-06")
        sql = prompt(world, "sql", "SELECT count(*) AS mitras FROM mitras")
    finally:
        world.bench.mirror.client.delete("rig:setup-06")
    shown = [evidence.log(f"$ {run.command}", run.output.splitlines()) for run in (vk, sql)]
    return Observed(Prompts(vk=vk, sql=sql), shown)


def prompt(world: World, *words: str) -> PromptRun:
    command = [sys.executable, "-m", "rig", words[0], "--stack", str(os.getpid()), *words[1:]]
    run = subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=shipped(), env=caller.own())
    shown = f"rig {' '.join(words)}"
    return PromptRun(command=shown, code=run.returncode, output=(run.stdout + run.stderr).strip())
