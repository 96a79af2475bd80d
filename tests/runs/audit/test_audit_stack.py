"""An audit of a real installation under traffic: it finds exactly what was planted, and reads no more than it may."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from rig.config import read
from rig.environment.cadence import ENVIRONMENT, QUIET
from rig.errors import UsageError
from rig.fixtures import Fixtures, Schema, load_schema
from rig.fixtures.audit_queries import READ
from rig.observe import Mirror
from rig.paths import CHECKOUT
from rig.record.audit import DRIFT, NO_DRIFT, UNKNOWN, AuditState, Span
from rig.runs.audit import command, looks, run, stores
from rig.runs.audit.grants import of_postgres, of_valkey
from rig.runs.audit.options import AuditOptions, AuditRequest
from rig.runs.audit.run import audit
from rig.stack import ServerInstance, Stack, StackSpec, Supervisor, open_stack
from rig.stores.valkey import ValkeyUrl
from rig.traffic.actors.mitra import Mitra, go_online
from rig.traffic.background.periodic import PeriodicThread
from tests.support.stack_support import rig

TOGGLES_PER_SECOND = 50
TOGGLERS = 10
STANDING = 30
WHEN = "2026-05-25T18:07:55.123Z"


@dataclass
class Installation:
    stack: Stack
    server: ServerInstance
    mirror: Mirror
    online: list[str]
    offline: list[str]
    togglers: list[str]

    def options(self, tmp_path: Path, **more: Any) -> AuditOptions:
        stores = {"postgres": self.stack.postgres.url, "valkey": self.stack.valkey.url}
        return AuditOptions(**{**stores, "state": tmp_path / "state.json", "share": 1.0, **more})


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A server whose periodic jobs run once per hour, so that nothing heals what a test plants."""
    spec = StackSpec(logs=tmp_path_factory.mktemp("logs"))
    with Supervisor.start() as supervisor, open_stack(spec, supervisor, name="audit") as stack:
        server = stack.server("a", env={name: str(QUIET) for name in ENVIRONMENT.values()})
        server.start(ready_within_s=60)
        with Fixtures(stack.postgres.url) as fixtures, Mirror(stack.valkey.url) as mirror:
            online, offline, togglers = (
                [row.id for row in fixtures.mitras(count)] for count in (STANDING, STANDING, TOGGLERS)
            )
            go_online(server, online)
            yield Installation(stack, server, mirror, online, offline, togglers)
        server.stop()


@pytest.fixture
def toggling(installation: Installation) -> Iterator[None]:
    """50 toggles per second, by the API."""
    threads = []
    for place, id in enumerate(installation.togglers):
        one = Mitra.from_secret(installation.server, id)
        acts = itertools.cycle((one.online, one.offline))
        threads.append(
            PeriodicThread(
                lambda acts=acts: next(acts)(), lambda _: None,  # type: ignore[misc]
                every_s=TOGGLERS / TOGGLES_PER_SECOND, first_s=place / TOGGLES_PER_SECOND,
            )
        )  # fmt: skip
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.stop()
    for thread in threads:
        thread.finish()


def plant(installation: Installation) -> set[tuple[str, str, str]]:
    """20 differences, each kind among them: kind, key, and the mitra."""
    run, online, offline = installation.mirror.run, installation.online, installation.offline
    stranger = "00000000-0000-4000-8000-00000000dead"
    run("SADD", "mitras:online", offline[0], offline[1], stranger)
    run("SREM", "mitras:online", online[0], online[1])
    run("DEL", f"mitra:heartbeat:{online[2]}")
    run("SET", f"mitra:heartbeat:{online[3]}", "yesterday")
    run("SET", f"mitra:capacity:{online[4]}", 2)
    run("DEL", f"mitra:capacity:{online[5]}")
    run("SET", f"mitra:capacity:{offline[2]}", 1)
    run("SADD", "mitras:deactivated", online[6], stranger)
    run("SET", f"mitra:heartbeat:{offline[3]}", WHEN)
    run("SET", f"mitra:heartbeat:{stranger}", WHEN)
    run("SET", "cache:1", "a")
    run("RPUSH", "mitra_queue", "a")
    run("DEL", f"mitra:capacity:{online[7]}", f"mitra:heartbeat:{online[7]}")
    run("RPUSH", f"mitra:capacity:{online[7]}", 0)
    run("SADD", f"mitra:heartbeat:{online[7]}", WHEN)
    run("RPUSH", f"mitra:heartbeat:{offline[4]}", WHEN)
    run("EXPIRE", f"mitra:capacity:{online[8]}", 1000)
    run("EXPIRE", f"mitra:heartbeat:{online[9]}", 1000)
    return {
        ("ghost", "mitras:online", offline[0]),
        ("ghost", "mitras:online", offline[1]),
        ("ghost", "mitras:online", stranger),
        ("missing", "mitras:online", online[0]),
        ("missing", "mitras:online", online[1]),
        ("missing", f"mitra:heartbeat:{online[2]}", online[2]),
        ("missing", f"mitra:heartbeat:{online[3]}", online[3]),
        ("capacity", f"mitra:capacity:{online[4]}", online[4]),
        ("capacity", f"mitra:capacity:{online[5]}", online[5]),
        ("capacity", f"mitra:capacity:{offline[2]}", offline[2]),
        ("deactivated", "mitras:deactivated", online[6]),
        ("deactivated", "mitras:deactivated", stranger),
        ("orphan heartbeat", f"mitra:heartbeat:{offline[3]}", offline[3]),
        ("orphan heartbeat", f"mitra:heartbeat:{stranger}", stranger),
        ("foreign key", "cache:1", ""),
        ("foreign key", "mitra_queue", ""),
        ("wrong type", f"mitra:capacity:{online[7]}", online[7]),
        ("wrong type", f"mitra:heartbeat:{online[7]}", online[7]),
        ("wrong type", f"mitra:heartbeat:{offline[4]}", offline[4]),
        ("ttl", f"mitra:capacity:{online[8]}", online[8]),
        ("ttl", f"mitra:heartbeat:{online[9]}", online[9]),
    }


def test_exactly_the_planted_differences_are_found_while_others_toggle(
    installation: Installation, toggling: None, tmp_path: Path
) -> None:
    """First none, then exactly those of each kind, by a role and a user with no more than the printed rights."""
    options = installation.options(tmp_path, **least_rights(installation.stack))
    clean = audit(options, AuditState())
    assert (clean.report.outcome, clean.report.differences, clean.report.reasons) == (NO_DRIFT, [], [])
    assert clean.state.span is not None

    planted = plant(installation)
    found = audit(options, clean.state)
    assert {(one.kind, one.key, one.mitra) for one in found.report.differences} == planted
    assert (found.report.outcome, found.state.span, found.state.last_span) == (DRIFT, None, clean.state.span)
    assert all(one.first_seen >= clean.report.ended for one in found.report.differences)
    assert found.report.cost.lost_minutes > 0


def least_rights(stack: Stack) -> dict[str, str]:
    """URLs of the role and the user that `rig audit --grants` prints."""
    with psycopg.connect(stack.postgres.observer_url, autocommit=True) as connection:
        for line in of_postgres(Schema()):
            connection.execute(line.encode())
    with Mirror(stack.valkey.url) as mirror:
        mirror.run(*of_valkey().split())
    url = ValkeyUrl.parse(stack.valkey.url)
    dsn = psycopg.conninfo.make_conninfo(stack.postgres.url, user="rig_audit", password="PASSWORD")
    return {"postgres": dsn, "valkey": f"redis://rig-audit:PASSWORD@{url.host}:{url.port}/{url.database}"}


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "LOOKS_AT_S", (0.0, 0.05, 0.1))


def restricted(installation: Installation, *refused: str) -> str:
    """The URL of a user to whom Valkey refuses these commands."""
    allowed = [word for word in of_valkey().split()[3:] if word.lstrip("+").upper() not in refused]
    installation.mirror.run("ACL", "SETUSER", "restricted", "reset", *allowed)
    url = ValkeyUrl.parse(installation.stack.valkey.url)
    return f"redis://restricted:PASSWORD@{url.host}:{url.port}/{url.database}"


def test_a_store_that_refuses_half_of_all_commands_is_audited_by_the_others(
    installation: Installation, quickly: None, tmp_path: Path
) -> None:
    """It finds what it can see. Without SCAN it does not say that there is no drift."""
    planted = plant(installation)
    half = restricted(installation, "SMISMEMBER", "MGET", "TYPE", "DBSIZE", "SCARD")
    found = audit(installation.options(tmp_path, valkey=half), AuditState()).report
    kinds = {(one.kind, one.key, one.mitra) for one in found.differences}
    assert kinds == planted

    installation.mirror.run("RENAME", "mitras:online", "kept")
    installation.mirror.run("RPUSH", "mitras:online", "a")
    found = audit(installation.options(tmp_path, valkey=half), AuditState()).report
    assert ("wrong type", "mitras:online", "") in {(one.kind, one.key, one.mitra) for one in found.differences}

    heal(installation)
    blind = restricted(installation, "SCAN")
    told = audit(installation.options(tmp_path, valkey=blind), AuditState()).report
    assert (told.outcome, told.differences) == (UNKNOWN, [])
    assert "SCAN" in told.reasons[0]
    with pytest.raises(UsageError, match="both SMISMEMBER and SISMEMBER"):
        audit(installation.options(tmp_path, valkey=restricted(installation, "SMISMEMBER", "SISMEMBER")), AuditState())


def heal(installation: Installation) -> None:
    """A restart seeds the mirror; keys of nobody stay, so they are deleted here."""
    installation.mirror.run("DEL", "cache:1", "mitra_queue", "kept")
    installation.server.stop()
    installation.server.start()


def test_the_command_tells_drift_and_then_that_it_is_gone(
    installation: Installation, quickly: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By exit codes, with metrics in a file. The report holds no password."""
    id, state, metrics = installation.offline[5], tmp_path / "state.json", tmp_path / "rig.prom"
    request = AuditRequest((), (None, None), 1.0, 1000, (), (installation.server.log,), state, 7200)
    settings = read(postgres=installation.stack.postgres.url, valkey=installation.stack.valkey.url)
    installation.mirror.run("SADD", "mitras:online", id)
    assert command.once(settings, request, None, True, metrics) == 1
    printed = capsys.readouterr()
    (difference,) = json.loads(printed.out)["differences"]
    assert (difference["kind"], difference["mitra"]) == ("ghost", id)
    assert 'rig_audit_differences{kind="ghost"} 1.0' in metrics.read_text()
    password = ValkeyUrl.parse(installation.stack.valkey.url).password
    assert password
    assert password not in printed.out + printed.err + state.read_text()

    installation.mirror.run("SREM", "mitras:online", id)
    assert command.once(settings, request, state, False, None) == 0
    assert capsys.readouterr().out.startswith("none of the earlier differences is left")
    assert command.explain(settings, request) == 0
    assert "Valkey: " in capsys.readouterr().out
    assert command.explain(settings, replace(request, keys_max=0)) == 2
    assert "--keys-max" in capsys.readouterr().err


def test_a_password_on_the_command_line_is_refused(installation: Installation) -> None:
    typed = rig("audit", "--valkey", installation.stack.valkey.url, RIG_POSTGRES=installation.stack.postgres.url)
    assert (typed.returncode, len(typed.stderr.splitlines())) == (4, 1)
    assert "--valkey-password-file" in typed.stderr


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (("FLUSHDB",), "emptied during the audit"),
        (("REPLICAOF", "127.0.0.1", "1"), "changed during the audit: it is a replica"),
    ],
)
def test_a_valkey_that_changes_in_the_middle_is_no_pass(
    installation: Installation, quickly: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    happens: tuple[str, ...], reason: str,
) -> None:  # fmt: skip
    """Nothing may be concluded from what was read before."""

    def look_again(*words: Any) -> Any:
        installation.mirror.run(*happens)
        return looks.look_again(*words)

    monkeypatch.setattr(run, "look_again", look_again)
    try:
        told = audit(installation.options(tmp_path), AuditState()).report
    finally:
        installation.mirror.run("REPLICAOF", "NO", "ONE")
    assert (told.outcome, len(told.reasons)) == (UNKNOWN, 1)
    assert reason in told.reasons[0]


def test_a_store_that_cannot_be_audited_is_refused_in_one_line(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "TIMEOUT_S", 1.0)  # how long a Valkey without TLS may be silent
    good = installation.options(tmp_path)
    installation.mirror.run("REPLICAOF", "127.0.0.1", "1")
    try:
        with pytest.raises(UsageError, match="it is a replica"):
            audit(good, AuditState())
    finally:
        installation.mirror.run("REPLICAOF", "NO", "ONE")
    url = ValkeyUrl.parse(good.valkey)
    with pytest.raises(UsageError, match=r"^[^\n]*WRONGPASS[^\n]*$|^[^\n]*invalid username-password[^\n]*$"):
        audit(replace(good, valkey=f"redis://rig-audit:wrong@{url.host}:{url.port}"), AuditState())
    told = audit(replace(good, valkey=f"rediss://{url.host}:{url.port}"), AuditState()).report
    assert (told.outcome, "TLS" in told.reasons[0]) == (UNKNOWN, True), told.reasons
    told = audit(replace(good, valkey="redis://127.0.0.1:1"), AuditState()).report
    assert (told.outcome, len(told.reasons)) == (UNKNOWN, 1)
    closed = psycopg.conninfo.make_conninfo(good.postgres, port=1)
    told = audit(replace(good, postgres=closed), AuditState()).report
    assert (told.outcome, len(told.reasons)) == (UNKNOWN, 1)
    with pytest.raises(UsageError, match=r"^the Postgres given cannot be used[^\n]*$"):
        audit(replace(good, postgres=psycopg.conninfo.make_conninfo(good.postgres, dbname="nowhere")), AuditState())
    with pytest.raises(UsageError, match="--schema"):
        audit(replace(good, schema=Schema(tables={"mitras": "counselors"})), AuditState())


FOREIGN_TABLES = """
CREATE SCHEMA app;
CREATE TABLE app.counselors (id bigint PRIMARY KEY, enabled boolean NOT NULL);
CREATE TABLE app.presence (counselor_id bigint PRIMARY KEY, is_online boolean NOT NULL);
CREATE TABLE app.presence_log (id bigint PRIMARY KEY, counselor_id bigint, created_at timestamptz);
CREATE TABLE app.chats (counselor_id bigint, status text);
CREATE TABLE app.settings (key text, value jsonb);
INSERT INTO app.counselors SELECT n, n <> 3 FROM generate_series(1, 100) n;
INSERT INTO app.presence SELECT n, n <= 2 FROM generate_series(1, 50) n;
INSERT INTO app.chats VALUES (2, 'ACTIVE'), (2, 'AWAITING_PAYMENT'), (2, 'SEARCHING'), (NULL, 'SEARCHING');
"""


def test_a_foreign_schema_is_read_through_its_mapping(
    installation: Installation, quickly: None, tmp_path: Path
) -> None:
    """Other names of tables, columns and statuses, numbers as ids, and no index but the primary keys."""
    with psycopg.connect(installation.stack.postgres.url, autocommit=True) as connection:
        connection.execute(FOREIGN_TABLES)
    valkey = f"{installation.stack.valkey.url.rpartition('/')[0]}/5"
    schema = load_schema(CHECKOUT / "tests/foreign/node/mapping.toml")
    options = installation.options(tmp_path, valkey=valkey, schema=schema)
    with Mirror(valkey) as mirror:
        mirror.run("SADD", "mitras:online", 1, 2)
        mirror.run("SADD", "mitras:deactivated", 3)
        for id, load in ((1, 0), (2, 2)):
            mirror.run("MSET", f"mitra:capacity:{id}", load, f"mitra:heartbeat:{id}", WHEN)
        assert audit(options, AuditState()).report.outcome == NO_DRIFT

        mirror.run("SADD", "mitras:online", 4, "04", 101)
        mirror.run("SET", "mitra:capacity:2", 1)
        found = audit(options, AuditState()).report
    assert {(one.kind, one.mitra, one.expected) for one in found.differences} == {
        ("ghost", "4", "not online"), ("ghost", "04", "not online"), ("ghost", "101", "not online"), ("capacity", "2", "2"),
    }  # fmt: skip


def test_empty_stores_are_no_pass(installation: Installation, tmp_path: Path) -> None:
    """A wrong database number looks like this."""
    with psycopg.connect(installation.stack.postgres.url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA nobody")
        for table in ("mitras", "mitra_online_status", "mitra_online_logs", "chat_sessions", "app_config"):
            connection.execute(f"CREATE TABLE nobody.{table} (LIKE {table})".encode())
    schema = Schema(tables={table: f"nobody.{table}" for table in READ})
    valkey = f"{installation.stack.valkey.url.rpartition('/')[0]}/6"
    told = audit(installation.options(tmp_path, valkey=valkey, schema=schema), AuditState()).report
    assert (told.outcome, len(told.reasons)) == (UNKNOWN, 1)
    assert "holds anything to compare" in told.reasons[0]


def test_a_valkey_that_goes_away_in_the_middle_is_no_pass(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last test of the module, as the server's mirror is gone after it."""

    def look_again(*words: Any) -> Any:
        installation.stack.valkey.kill()
        return looks.look_again(*words)

    monkeypatch.setattr(run, "look_again", look_again)
    before = AuditState(span=Span(since=1, through=2, audits=3))
    told = audit(installation.options(tmp_path), before)
    assert (told.report.outcome, told.state.span, told.state.last_span) == (UNKNOWN, None, before.span)
    assert "the Valkey went away" in told.report.reasons[0]
