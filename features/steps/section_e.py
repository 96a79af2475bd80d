"""How the boxes of section E are observed: deactivation, its reach, and the way back."""

import time

import msgspec
from pytest_bdd import given

from features.steps.people import must
from rig.contract import WRITE_THROUGH_S
from rig.observe.postgres.queries import Result
from rig.record.observations.section_e import (
    AccountRow,
    ActiveChange,
    DeactivatedInPostgres,
    DeactivatedSet,
    OldToken,
    PingsOfPhones,
    ProtectedRoutes,
    Reactivated,
    Refreshes,
    SignInAgain,
    SignInRow,
    SignIns,
)
from rig.runs.checklist.observation import Observed, answers
from rig.runs.checklist.world import World
from rig.traffic import Mitra

NO_CHAT = "00000000-0000-4000-8000-000000000999"


@given("Sari has signed in on two phones, Dewi on one")
def signed_in(world: World) -> None:
    """By one-time code, as the app does; the tokens of each phone are kept apart."""
    server = world.bench.server()
    phones = []
    for name in ("Sari", "Sari", "Dewi"):
        planted = world.mitra(name)
        phone = Mitra(server, planted.id, planted.phone, world.recorder)
        must(phone.request_code(), 200)
        world.notes.setdefault("verified", []).append(phone.verify_code())
        phones.append(phone)
    world.notes["phones"] = phones


@answers("E-01")
def has_token(world: World) -> Observed:
    verified = world.notes["verified"]
    return Observed(
        SignIns(verified=[exchange.seen() for exchange in verified], sari=world.mitra("Sari").id),
        [exchange.evidence() for exchange in verified],
    )


@answers("E-02")
def opens_routes(world: World) -> Observed:
    """Every protected GET of the mitra app and the ping, and without a token none of them."""
    phone = world.notes["phones"][0]
    stranger = Mitra(world.bench.server(), phone.id, phone.phone, world.recorder)
    opened = {
        "profile": phone.profile(),
        "status": phone.status(),
        "chat-requests": phone.offers(),
        "heartbeat": phone.ping(),  # one that passes, shortly before she is shut out
    }
    row = world.bench.tables.query("SELECT display_name FROM mitras WHERE id = %s", (phone.id,))
    closed = {
        "profile": stranger.profile(),
        "status": stranger.status(),
        "chat-requests": stranger.offers(),
        "heartbeat": stranger.ping(),
    }
    return Observed(
        ProtectedRoutes(
            opened={name: exchange.seen() for name, exchange in opened.items()},
            closed={name: exchange.seen() for name, exchange in closed.items()},
            row=AccountRow(id=phone.id, phone=phone.phone, display_name=row.rows[0][0]),
        ),
        [row.evidence(), *(exchange.evidence() for exchange in (*opened.values(), *closed.values()))],
    )


def set_active(world: World, what: str) -> Observed:
    exchange = world.notes[f"Sari {what}"]
    return Observed(ActiveChange(exchange=exchange.seen(), sari=world.mitra("Sari").id), [exchange.evidence()])


@answers("E-03")
def deactivated(world: World) -> Observed:
    return set_active(world, "deactivates")


def account_rows(world: World) -> tuple[Result, Result]:
    mitras = world.bench.tables.query("SELECT display_name, is_active, id::text FROM mitras ORDER BY display_name")
    sessions = world.bench.tables.query(
        "SELECT user_id::text, revoked_at IS NOT NULL AS revoked FROM auth_sessions ORDER BY user_id, revoked"
    )
    return mitras, sessions


@answers("E-04")
def shut_out_in_postgres(world: World) -> Observed:
    """Once, right after the answer: both belong to one transaction, which the statement log has to show."""
    mitras, sessions = account_rows(world)
    exchange = world.notes["Sari deactivates"]
    statements = world.statements(exchange.started, exchange.ended)
    return Observed(
        DeactivatedInPostgres(
            active={row[2]: row[1] for row in mitras.rows},
            sessions=[SignInRow(*row) for row in sessions.rows],
            sari=world.mitra("Sari").id,
            dewi=world.mitra("Dewi").id,
            statements=statements,
        ),
        [mitras.evidence(), sessions.evidence()],
    )


def in_the_set(world: World, verb: str, note: str) -> Observed:
    sari, exchange, now = world.mitra("Sari").id, world.notes[note], time.time()
    member = sari in world.mirror_state().deactivated
    written = world.written_at("mitras:deactivated", (verb,), sari, exchange.started)
    return Observed(
        DeactivatedSet(member=member, answered_at=exchange.ended, written_at=written or now),
        [exchange.evidence(), world.bench.mirror.describe("mitras:deactivated")],
        {"within_s": WRITE_THROUGH_S},
    )


@answers("E-05", within_s=WRITE_THROUGH_S)
def in_deactivated(world: World) -> Observed:
    return in_the_set(world, "SADD", "Sari deactivates")


@answers("E-06")
def token_still_opens(world: World) -> Observed:
    """The profile does not look at the account again; every other route of the mitra's does, and refuses."""
    phone = world.notes["phones"][0]
    profile = phone.profile()
    guarded = [phone.status(), phone.offers(), phone.online(), phone.offline()]
    # Nobody has offered her this chat: whose account is shut learns no more of it.
    guarded += [act(NO_CHAT) for act in (phone.accept, phone.decline, phone.end)]
    online = world.bench.tables.query("SELECT is_online FROM mitra_online_status WHERE mitra_id = %s", (phone.id,))
    return Observed(
        OldToken(
            profile=profile.seen(),
            guarded=[exchange.seen() for exchange in guarded],
            online=[list(row) for row in online.rows],
            sari=phone.id,
        ),
        [exchange.evidence() for exchange in (profile, *guarded)],
    )


@answers("E-07")
def ping_refused(world: World) -> Observed:
    pings = [phone.ping() for phone in world.notes["phones"]]
    return Observed(
        PingsOfPhones(sari=[exchange.seen() for exchange in pings[:2]], dewi=pings[2].seen()),
        [exchange.evidence() for exchange in pings],
    )


@answers("E-08")
def refresh_refused(world: World) -> Observed:
    first, second, dewi = world.notes["phones"]
    refreshed = [first.refresh(), second.refresh(), dewi.refresh()]
    first.request_code()
    signed_in = first.verify_code()
    return Observed(
        Refreshes(
            sari=[exchange.seen() for exchange in refreshed[:2]],
            dewi=refreshed[2].seen(),
            sign_in=signed_in.seen(),
        ),
        [exchange.evidence() for exchange in (*refreshed, signed_in)],
    )


@answers("E-09")
def reactivated(world: World) -> Observed:
    return set_active(world, "re-activates")


@answers("E-10", within_s=WRITE_THROUGH_S)
def back_in(world: World) -> Observed:
    mitras, sessions = account_rows(world)
    in_set = in_the_set(world, "SREM", "Sari re-activates")
    seen = Reactivated(
        **msgspec.structs.asdict(in_set.seen),
        active={row[2]: row[1] for row in mitras.rows},
        sessions=[SignInRow(*row) for row in sessions.rows],
        sari=world.mitra("Sari").id,
    )
    return Observed(seen, [*in_set.evidence, mitras.evidence(), sessions.evidence()], in_set.bounds)


@answers("E-11")
def signs_in_again(world: World) -> Observed:
    """The old sign-ins stay revoked; a new one, then a ping through which her heartbeat moves."""
    phone, other = world.notes["phones"][:2]
    old = [phone.refresh(), other.refresh()]
    phone.request_code()
    verified = phone.verify_code()
    before = world.mirror_state().heartbeats.get(phone.id)
    ping = phone.ping()
    after = world.mirror_state().heartbeats.get(phone.id)
    return Observed(
        SignInAgain(
            old=[exchange.seen() for exchange in old],
            verified=verified.seen(),
            ping=ping.seen(),
            before=before,
            after=after,
        ),
        [
            *(exchange.evidence() for exchange in old),
            verified.evidence(),
            ping.evidence(),
            world.bench.mirror.describe(f"mitra:heartbeat:{phone.id}"),
        ],
    )
