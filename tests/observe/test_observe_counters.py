"""Table counters as a second witness: they move by what was done, and by nothing while nobody does anything."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from rig.observe.postgres.table_counters import SETTLED_S, TableCounters, moved
from rig.stack import Stack, StackSpec, Supervisor, open_stack
from tests.support.observed_stack import CONTRACT_TABLES

TABLES = ("mitras", "mitra_online_status", "customers", "app_config")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    spec = StackSpec(logs=tmp_path_factory.mktemp("logs"), autovacuum=False)
    with Supervisor.start() as supervisor, open_stack(spec, supervisor) as opened:
        yield opened


def test_they_move_by_what_was_done_and_not_while_idle(stack: Stack) -> None:
    """One sleep for all: Postgres gives a session's counts out late, however short the session's work was."""
    an_id = uuid.uuid4()
    with psycopg.connect(stack.postgres.url, autocommit=True) as owner:
        assert owner.execute("SHOW autovacuum").fetchone() == ("off",)
        owner.execute(CONTRACT_TABLES)
        owner.execute('CREATE SCHEMA app; CREATE TABLE app."Settings" (key text PRIMARY KEY)')
        owner.execute("INSERT INTO mitras SELECT gen_random_uuid(), i::text, 'x', true FROM generate_series(1, 999) i")
        owner.execute("INSERT INTO mitras VALUES (%s, 'p', 'x', true)", (an_id,))
        owner.execute("ANALYZE")
    counters = TableCounters(stack.postgres.observer_url, TABLES, {"app_config": "app.Settings"})
    assert set(counters.read()) == set(TABLES)
    before = counters.read()  # that session has ended, which hands everything in
    assert before["mitras"]["n_tup_ins"] == 1000
    with psycopg.connect(stack.postgres.login("a").url, autocommit=True) as a:
        a.execute("SELECT display_name FROM mitras WHERE id = %s", (an_id,))
        a.execute("SELECT count(*) FROM customers")
        a.execute("INSERT INTO mitra_online_status VALUES (%s, true, now())", (an_id,))
        a.execute("UPDATE mitra_online_status SET is_online = false")
        a.execute('INSERT INTO app."Settings" VALUES (%s)', ("x",))
        time.sleep(SETTLED_S)  # the session stays: it is what a server's pool looks like
        after = counters.read()
        assert moved(after, counters.read()) == {}
    assert moved(before, after) == {
        "mitras": {"idx_scan": 2},  # one of them the foreign key's check
        "customers": {"seq_scan": 1},
        "mitra_online_status": {"seq_scan": 1, "n_tup_ins": 1, "n_tup_upd": 1},
        "app_config": {"n_tup_ins": 1},
    }
    assert moved(after, counters.read()) == {}


def test_differences_alone() -> None:
    before = {"mitras": {"seq_scan": 3, "idx_scan": 7}}
    after = {"mitras": {"seq_scan": 3, "idx_scan": 9}, "customers": {"seq_scan": 1, "idx_scan": 0}}
    assert moved(before, after) == {"mitras": {"idx_scan": 2}, "customers": {"seq_scan": 1}}
    assert moved(after, after) == {}


def test_a_table_that_is_not_there_is_left_out(stack: Stack, tmp_path: Path) -> None:
    assert TableCounters(stack.postgres.observer_url, ("nowhere",)).read() == {}
