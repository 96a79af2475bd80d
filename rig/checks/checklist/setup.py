"""Setup: what all sections need."""

from rig.checks.checklist.section_a import SEED
from rig.checks.framework import Bounds, Judge, Kind, check
from rig.record.observations.parts import fields_of
from rig.record.observations.setup import Accounts, Listeners, PostgresConnection, Prompts, ValkeyConnection


@check("SETUP-01", "BE", "The public listener answers auth-providers with 200, and the internal one is ready")
def listeners(judge: Judge, seen: Listeners, bounds: Bounds) -> None:
    public = seen.public
    judge.require(public.status == 200, f"auth-providers answered {public.status} {public.error or ''}")
    providers = public.fields.get("providers")
    offered = [fields_of(provider).get("id") for provider in providers] if isinstance(providers, list) else None
    judge.require(offered and "otp" in offered, f"the providers are {offered}, without otp")
    judge.require(seen.ready.status == 200, f"/readyz answered {seen.ready.status}")
    judge.note(f"providers {offered}; ready")


@check("SETUP-02", "BE", "The backend is connected to this Valkey and subscribed to config:invalidate")
def valkey_reached(judge: Judge, seen: ValkeyConnection, bounds: Bounds) -> None:
    judge.require(len(seen.lines) >= 1, "the boot log lacks `[valkey] subscribed to config:invalidate`")
    judge.require(seen.clients, f"Valkey has no connection of user {seen.user}")
    judge.require(any(client.sub for client in seen.clients), f"no connection of {seen.user} is subscribed")
    judge.note(f"{len(seen.clients)} connections of {seen.user}, one of them subscribed")


@check("SETUP-03", "BE", "The backend reached this Postgres and its boot log shows the seed line")
def postgres_reached(judge: Judge, seen: PostgresConnection, bounds: Bounds) -> None:
    judge.require(any(SEED.search(line) for line in seen.lines), f"no seed line in the boot log: {seen.lines}")
    judge.require(seen.connections >= 1, "Postgres has no connection of the backend's role")
    judge.note(f"{seen.connections} connections of the backend's role")


@check("SETUP-04", "BE", "At least three mitra accounts exist", Kind.PRECONDITION)
def mitra_accounts(judge: Judge, seen: Accounts, bounds: Bounds) -> None:
    judge.require(seen.accounts >= 3, f"only {seen.accounts} mitra accounts")
    judge.note(f"{seen.accounts} accounts")


@check("SETUP-05", "BE", "A customer account exists for the blast scenarios", Kind.PRECONDITION)
def customer_account(judge: Judge, seen: Accounts, bounds: Bounds) -> None:
    judge.require(seen.accounts >= 1, "no customer account")
    judge.note(f"{seen.accounts} account")


@check("SETUP-06", "BE", "A Valkey prompt and an SQL prompt look into the running stack", Kind.PRECONDITION)
def prompts(judge: Judge, seen: Prompts, bounds: Bounds) -> None:
    vk, sql = seen.vk, seen.sql
    judge.require(vk.code == 0 and "hello" in vk.output, f"`rig vk` exits {vk.code}: {vk.output[-200:]}")
    judge.require(sql.code == 0 and "3" in sql.output, f"`rig sql` exits {sql.code}: {sql.output[-200:]}")
    judge.note("both prompts answer from this stack")
