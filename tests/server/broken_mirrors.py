"""Broken mirrors: each one lacks one rule of the protocol. The test of that rule in `test_mirror_protocol.py` must fail on it.

Everything is patched from outside, in this process; a patch whose passage is no longer in the server says so.
"""

import inspect
import textwrap
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from server import capacity, db
from server.mirror import coordinator, keys, scripts, seed, settings, sweeps, writes
from server.mirror.client import MirrorUnavailable
from server.mirror.coordinator import InstanceCoordinator
from server.mirror.seed import Seeder
from server.mirror.settings import AppConfig
from server.mirror.sweeps import Sweeps
from server.mirror.watchdog import Watchdog
from server.mirror.writes import Writes

TAKEN_OFFLINE = "answered True, then taken offline"
WRONG_MIRROR = "the mirror is not the truth"
HEALS = "the mirror is the truth"


@dataclass(frozen=True)
class BrokenMirror:
    """One rule taken back. `test` fails on it with an AssertionError whose message holds `message`."""

    name: str
    finding: str
    test: str
    message: str
    patch: Callable[[pytest.MonkeyPatch], None]


BROKEN: list[BrokenMirror] = []


def breaks(finding: str, test: str, message: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Declare a patch, once for each test that has to fail on it. Its docstring says what the mirror does wrong."""

    def declare(patch: Callable[[pytest.MonkeyPatch], None]) -> Callable[[pytest.MonkeyPatch], None]:
        BROKEN.append(BrokenMirror(patch.__name__, finding, f"test_{test}", message, patch))
        return patch

    return declare


def change_text(patch: pytest.MonkeyPatch, module: Any, name: str, old: str, new: str) -> None:
    """Change a text (SQL, Lua) of the server."""
    patch.setattr(module, name, _changed(getattr(module, name), old, new, f"{module.__name__}.{name}"))


def change_code(patch: pytest.MonkeyPatch, owner: type, method: str, *changes: tuple[str, str]) -> None:
    """Change passages of a method's source; each change is old and new."""
    function = inspect.unwrap(vars(owner)[method])
    source = textwrap.dedent(inspect.getsource(function))
    for old, new in changes:
        source = _changed(source, old, new, f"{owner.__name__}.{method}")
    made: dict[str, Any] = {}
    exec(compile(source, inspect.getfile(function), "exec"), function.__globals__, made)
    patch.setattr(owner, method, made[method])


def _changed(text: str, old: str, new: str, where: str) -> str:
    if old not in text:
        raise ValueError(f"{where} no longer holds {old!r}: renew the broken mirror")
    return text.replace(old, new)


async def nothing(*_: Any, **__: Any) -> None:
    """What a method does instead."""


# --- seeds and sweeps ----------------------------------------------------------------------------------------


def give_sweeps_time(patch: pytest.MonkeyPatch) -> None:
    """On a slow machine as well, a sweep's statement is to last until the test has got to its end."""
    patch.setattr(db, "STATEMENT_TIMEOUT_S", 15.0)
    change_text(
        patch, sweeps, "_ALONE", f"'statement_timeout', '{sweeps.STATEMENT_MS}'", "'statement_timeout', '15000'"
    )


@breaks("P-01", "no_seed_ends_while_a_sweep_whose_mark_is_lost_can_still_commit", TAKEN_OFFLINE)
@breaks("P-06", "an_instance_that_moves_to_another_valkey_waits_for_a_sweep", TAKEN_OFFLINE)
def a_seed_does_not_wait_for_sweeps(patch: pytest.MonkeyPatch) -> None:
    """A seed ends while a sweep's transaction is open."""
    give_sweeps_time(patch)
    change_code(
        patch, Seeder, "_alone", ("not await self._coordinator.wait_for_sweeps(SWEEPS_WITHIN_S)", "False")
    )  # fmt: skip


def unbound_sweeps(patch: pytest.MonkeyPatch) -> None:
    """Postgres does not bound the transaction of a sweep."""
    for name, ms in (
        ("statement_timeout", sweeps.STATEMENT_MS),
        ("idle_in_transaction_session_timeout", sweeps.IDLE_MS),
    ):
        change_text(patch, sweeps, "_ALONE", f"set_config('{name}', '{ms}', true)", "NULL")


@breaks("P-02", "a_sweeps_transaction_ends_before_its_mark", TAKEN_OFFLINE)
def a_sweep_outlives_its_mark(patch: pytest.MonkeyPatch) -> None:
    """A mark lives for 5 s, and Postgres does not bound the transaction."""
    unbound_sweeps(patch)
    patch.setattr(sweeps, "MARK_LIFE_MS", 5000)


@breaks("P-04", "an_earlier_change_that_lands_late_leaves_the_mark", "the mark is gone, though the sweep has not ended")
def any_change_deletes_a_mark(patch: pytest.MonkeyPatch) -> None:
    """A change deletes a mark that is newer than itself."""
    change_text(patch, scripts, "APPLY", "(tonumber(string.match(mark, '^%d+')) or 0) < version", "true")


def delete_marks_of_failed_sweeps(patch: pytest.MonkeyPatch) -> None:
    """A sweep that failed, whatever became of its COMMIT, deletes its mark."""
    one_offline = Sweeps._one_offline

    async def tidy(self: Sweeps, mitra_id: str, seen: str) -> bool:
        try:
            return await one_offline(self, mitra_id, seen)
        except BaseException:
            with suppress(MirrorUnavailable):
                await self._valkey.call("DEL", keys.leaving(mitra_id))
            raise

    patch.setattr(Sweeps, "_one_offline", tidy)


@breaks("P-05", "a_sweep_of_unknown_outcome_leaves_its_mark", "the mark is gone, and the outcome is not known")
def an_unknown_outcome_deletes_the_mark(patch: pytest.MonkeyPatch) -> None:
    """A sweep whose COMMIT has an unknown outcome deletes its mark."""
    delete_marks_of_failed_sweeps(patch)


@breaks("P-05", "a_sweeps_commit_that_arrives_after_its_client_gave_up", TAKEN_OFFLINE)
def a_late_commit_meets_no_bound(patch: pytest.MonkeyPatch) -> None:
    """A sweep whose COMMIT has an unknown outcome deletes its mark, and Postgres does not bound the transaction.

    Either rule covers this test alone: a mark that stays makes the ping wait, and Postgres ends an idle transaction.
    """
    patch.setattr(db, "STATEMENT_TIMEOUT_S", 1.0)  # when the client gives up
    unbound_sweeps(patch)
    delete_marks_of_failed_sweeps(patch)


# --- pings that Valkey does not have -------------------------------------------------------------------------


@breaks("P-03", "a_fallback_ping_waits_for_a_sweep_that_is_under_way", "the ping was answered all the same")
def a_fallback_ping_does_not_wait(patch: pytest.MonkeyPatch) -> None:
    """A fallback ping is answered by a plain read, whatever sweep is under way."""
    change_code(
        patch, InstanceCoordinator, "_write_block", ("await self.wait_for_sweeps(SWEEPS_END_WITHIN_S)", "True")
    )  # fmt: skip


@breaks("P-03", "a_cut_off_instance_answers_a_crowd_while_a_sweep_is_under_way", "have no answer after")
def each_fallback_ping_waits_in_turn(patch: pytest.MonkeyPatch) -> None:
    """Fallback pings do not share one attempt to get the sweeps' lock."""
    change_code(
        patch, InstanceCoordinator, "block_sweeps",
        ("return await asyncio.shield(self._block_task)", "return await self._write_block()"),
    )  # fmt: skip


@breaks("P-08", "a_ping_that_is_owed_protects_beyond_a_connection", TAKEN_OFFLINE)
def a_block_ends_with_its_connection(patch: pytest.MonkeyPatch) -> None:
    """A block counts only while its instance holds the lock of its connection."""
    change_code(
        patch, InstanceCoordinator, "sweep_obstacle",
        ('any(row["blocks"] for row in rows)', 'any(row["blocks"] and row["alive"] for row in rows)'),
    )  # fmt: skip


@breaks("P-09", "a_ping_that_is_owed_protects_beyond_its_instance", TAKEN_OFFLINE)
def a_stop_ends_the_block(patch: pytest.MonkeyPatch) -> None:
    """An instance that is stopped deletes its row."""
    stop = InstanceCoordinator.stop

    async def tidy(self: InstanceCoordinator) -> None:
        await stop(self)
        await self._db.execute("DELETE FROM mirror_instances WHERE instance = $1", self.instance)

    patch.setattr(InstanceCoordinator, "stop", tidy)


@breaks("P-08", "a_block_ends_when_nothing_is_owed", "the block has ended")
def a_block_never_ends(patch: pytest.MonkeyPatch) -> None:
    """A block lasts W, also when nothing is owed any more."""
    patch.setattr(InstanceCoordinator, "release_sweeps", nothing)


@breaks("P-10", "a_ping_that_is_owed_survives_a_retry_that_was_fenced_off", TAKEN_OFFLINE)
def a_fenced_retry_pays(patch: pytest.MonkeyPatch) -> None:
    """A retry that was fenced off clears the debt with the heartbeat."""
    change_code(patch, Writes, "retry_dirty", ("if applied or not debt.pinged:", "if True:"))


@breaks("S-05", "a_debt_that_arises_while_an_older_one_is_paid_stays", "the newer debt was taken for the older one")
def debts_are_compared_by_value(patch: pytest.MonkeyPatch) -> None:
    """A debt that arises anew with the same heartbeat is cleared together with the older one."""
    change_code(patch, Writes, "_pay", ("now.count == paid.count", "now.pinged == paid.pinged"))


# --- two Valkeys ---------------------------------------------------------------------------------------------


@breaks("P-07", "two_valkeys_are_known_beyond_a_connection", TAKEN_OFFLINE)
def a_row_is_recent_while_its_lock_is_held(patch: pytest.MonkeyPatch) -> None:
    """An instance on another Valkey counts only while it holds the lock of its connection."""
    change_code(
        patch, InstanceCoordinator, "_is_recent",
        ("since is None or time.monotonic() - since < self._stale_after()", "since is None"),
    )  # fmt: skip


@breaks("P-06", "two_valkeys_are_known_beyond_a_connection", "swept though b relies on another Valkey")
def a_move_is_not_announced(patch: pytest.MonkeyPatch) -> None:
    """An instance does not tell the others on which Valkey it relies."""
    change_text(patch, coordinator, "_ANNOUNCE", "VALUES ($1, $2)", "VALUES ($1, left($2, 0))")


# --- outages -------------------------------------------------------------------------------------------------


@breaks("P-11", "a_reconcile_that_ends_an_outage_gives_grace", TAKEN_OFFLINE)
def a_reconcile_gives_no_grace(patch: pytest.MonkeyPatch) -> None:
    """A periodic seed that ends an outage leaves old heartbeats, and the next sweep believes them.

    Two rules are taken back: a cold instance would not believe a seed without grace, and seed anew.
    """
    change_text(patch, coordinator, "_ANNOUNCE", "WHEN i.store IN ('', excluded.store) THEN", "WHEN true THEN")
    change_code(
        patch, Seeder, "_alone",
        ("grace = not await self._begin(nonce, prefix, history.identity) or not was_closed or grace",
         "await self._begin(nonce, prefix, history.identity)"),
        ("if not grace and not self._valkey.circuit_closed:", "if False:"),
    )  # fmt: skip


# --- notifications -------------------------------------------------------------------------------------------


@breaks("P-12", "a_deactivation_of_unknown_outcome_is_mirrored_once_it_is_known", HEALS)
@breaks("P-13", "a_deactivation_reaches_the_instance_with_another_valkey", "b's pings are refused")
def a_change_is_not_notified(patch: pytest.MonkeyPatch) -> None:
    """The transaction of a change sends no notification."""
    patch.setattr(db, "STATEMENT_TIMEOUT_S", 1.0)  # when the client gives up
    change_text(
        patch, writes, "_DRAW",
        f"pg_notify('{coordinator.CHANGED}', m.id || ' ' || m.mirror_version || ' ' || $2)", "$2::text",
    )  # fmt: skip


@breaks("S-07", "notifications_are_heard_again_after_a_silent_loss", HEALS)
def a_silent_connection_is_trusted(patch: pytest.MonkeyPatch) -> None:
    """A connection for notifications does not prove that it is alive.

    One that does is asked often here, so that a whole mirror heals well within the patience of the test.
    """
    patch.setattr(db, "CHECK_EVERY_S", 0.2)
    patch.setattr(coordinator, "CHECK_WITHIN_S", 0.3)
    patch.setattr(coordinator, "RETRY_S", 0.1)
    patch.setattr(InstanceCoordinator, "_check_link", nothing)


@breaks("", "a_setting_whose_writer_dies_before_it_publishes_is_known_all_the_same", "the setting is read")
def a_setting_is_not_notified(patch: pytest.MonkeyPatch) -> None:
    """The transaction of a setting sends no notification."""
    change_text(patch, settings, "_SET", f"pg_notify('{coordinator.CHANGED}', 'setting ' || key)", "key")


@breaks("", "a_setting_whose_writer_dies_before_it_publishes_is_known_all_the_same", "the setting is read")
def a_notified_setting_is_not_heard(patch: pytest.MonkeyPatch) -> None:
    """An instance takes no notice of a notification that tells of a setting."""
    change_code(patch, Watchdog, "_heard", ("self._config.reading_owed = True", "pass"))


@breaks("P-16", "a_setting_whose_reading_failed_is_read_again", "the maximum in force is known")
def a_reading_is_not_owed(patch: pytest.MonkeyPatch) -> None:
    """Settings that could not be read are not read again.

    Two rules are taken back: a new connection for notifications reads them as well, as it may have missed some.
    """
    patch.setattr(AppConfig, "reading_owed", property(lambda self: False, lambda self, owed: None), raising=False)


# --- Postgres' history ---------------------------------------------------------------------------------------


@breaks("S-08", "a_sequence_that_went_back_is_noticed", "in the log")
def history_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    """Nobody compares the versions that Postgres has drawn with those that were seen."""

    async def the_same(self: InstanceCoordinator, connection: Any, within_s: float | None = None) -> bool:
        return True

    patch.setattr(InstanceCoordinator, "check_history", the_same)


@breaks("S-08", "an_older_copy_restored_while_the_server_was_stopped", WRONG_MIRROR)
def a_seed_believes_versions_of_the_past(patch: pytest.MonkeyPatch) -> None:
    """A seed takes every higher version in Valkey for a change that is newer than its reading."""
    change_text(
        patch, scripts, "SEED_SWAP", "redis.call('HGETALL', KEYS[11])",
        "kind(KEYS[4]) == 'hash' and redis.call('HGETALL', KEYS[4]) or {}",
    )  # fmt: skip


# --- seeds beside seeds --------------------------------------------------------------------------------------

NEWER_SEED = "or redis.call('GET', KEYS[{}]) ~= ARGV[1] then"


@breaks("P-15", "one_seed_at_a_time_in_the_cluster", "the first one is yet to swap")
def seeds_do_not_wait_for_each_other(patch: pytest.MonkeyPatch) -> None:
    """A seed begins while another one is under way."""
    change_text(patch, seed, "_ALONE", f"pg_advisory_xact_lock({coordinator.SEED})", "NULL")


@breaks("P-14", "an_older_seed_fails_when_a_newer_one_has_begun", WRONG_MIRROR)
def an_older_seed_swaps_all_the_same(patch: pytest.MonkeyPatch) -> None:
    """Steps and swap of a seed do not demand that its nonce still stands in Valkey."""
    change_text(patch, scripts, "SEED", NEWER_SEED.format(7), "then")
    change_text(patch, scripts, "SEED_SWAP", NEWER_SEED.format(6), "then")


@breaks("P-15", "strays_of_an_older_seed_leave_what_a_newer_one_has_written", WRONG_MIRROR)
def strays_of_any_seed_are_cleared(patch: pytest.MonkeyPatch) -> None:
    """Clearing strays does not demand that the seed's nonce still stands in Valkey."""
    change_text(patch, scripts, "STRAYS", "redis.call('GET', KEYS[4]) ~= ARGV[4]", "false")


# --- settings ------------------------------------------------------------------------------------------------


@breaks("S-06", "a_setting_without_a_row_waits_for_an_accept_under_way", "is yet to commit")
def an_accept_locks_the_settings_row(patch: pytest.MonkeyPatch) -> None:
    """An accept locks the row of the maximum, and there may be none."""
    patch.setattr(capacity, "_LOCK_SETTINGS", "SELECT FROM app_config WHERE key = 'max_customers_per_mitra' FOR SHARE")


@breaks("S-08", "a_sequence_set_back_alone_ends_with_one_seed", "the outage does not end")
def a_seed_leaves_the_sequence_behind_the_rows(patch: pytest.MonkeyPatch) -> None:
    """After the seed the rows are still ahead of the sequence."""
    change_text(patch, seed, "_RAISE", "setval('mirror_version', greatest(last_value, $1))", "least(last_value, $1)")


@breaks("P-06", "who_leaves_a_valkey_blocks_sweeps_until_its_seed_has_ended", TAKEN_OFFLINE)
def who_leaves_a_valkey_blocks_nothing(patch: pytest.MonkeyPatch) -> None:
    """The announcement of a store does not block sweeps."""
    change_text(patch, coordinator, "_ANNOUNCE", "WHEN i.store IN ('', excluded.store) THEN", "WHEN true THEN")


@breaks("", "an_older_change_leaves_what_a_seed_has_carried", WRONG_MIRROR)
def what_a_seed_has_carried_does_not_count(patch: pytest.MonkeyPatch) -> None:
    """*apply* is fenced by the versions in use alone."""
    change_text(patch, scripts, "APPLY", "known = math.max(known, ", "known = math.max(known, 0 * ")


@breaks("", "who_takes_the_fleet_for_small_waits_for_a_lease_too", "computed beside the holder of the lease")
def a_small_fleet_heeds_no_lease(patch: pytest.MonkeyPatch) -> None:
    """One script computes though another instance holds the lease."""
    change_text(patch, scripts, "SNAPSHOT", "redis.call('EXISTS', KEYS[5]) == 1", "false")
