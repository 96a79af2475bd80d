"""The items of a soak: what rises is named with its rate, what a restart explains is not, and short runs only remark."""

from typing import Any

import pytest

from rig.checks import load_checks
from rig.checks.bounds import bounds_from
from rig.checks.soak.growth import gaps, rises
from rig.checks.soak.items import BOUNDS, duration
from rig.checks.soak.series import BOUNDED, GROWING
from rig.record import Verdict
from tests.support.record_lines import judge_plain, lines_of
from tests.support.soak_lines import START, noisy, restart, soak

load_checks()


def verdict(item: str, plain: dict[str, Any]) -> tuple[Verdict, str]:
    judgement, _ = judge_plain(item, plain, bounds_from(BOUNDS[item]))
    return judgement.verdict, judgement.message


LEAKS = [
    ("SOAK-01", "valkey__dataset_mb", 40.0), ("SOAK-01", "valkey__used_mb", 40.0), ("SOAK-02", "a__rss_mb", 40.0),
    ("SOAK-03", "b__descriptors", 60.0), ("SOAK-03", "b__threads", 20.0), ("SOAK-04", "postgres__connections", 4.0),
    ("SOAK-04", "valkey__connections", 300.0), ("SOAK-05", "rows__jobs__other", 30_000.0),
    ("SOAK-06", "valkey__keys_own", 5000.0), ("SOAK-07", "a__ping__ms", 40.0), ("SOAK-07", "b__ping__p99_ms", 200.0),
    ("SOAK-09", "valkey__errors_per_min", 40.0), ("SOAK-11", "postgres__transactions_per_min", 4000.0),
    ("SOAK-11", "postgres__wal_mb_per_min", 20.0), ("SOAK-12", "postgres__dead_rows", 50_000.0),
    ("SOAK-12", "postgres__bytes_per_row", 900.0),
]  # fmt: skip


@pytest.mark.parametrize(("item", "name", "per_hour"), LEAKS, ids=[name for _, name, _ in LEAKS])
def test_a_leak_fails_the_item_of_its_series_and_is_named_with_its_rate(item: str, name: str, per_hour: float) -> None:
    leaking = noisy(lambda hours: 100 + per_hour * hours, per_hour / 10)
    found, message = verdict(item, soak(**{name: leaking}))
    assert found is Verdict.FAILED, message
    assert message.startswith(name.replace("__", "."))
    assert "per hour" in message
    assert "it is used up after" in message


@pytest.mark.parametrize(("item", "name", "per_hour"), LEAKS, ids=[name for _, name, _ in LEAKS])
def test_noise_without_a_trend_passes(item: str, name: str, per_hour: float) -> None:
    for random_seed in range(3):
        steady = noisy(lambda hours: 100.0, per_hour / 4, random_seed)
        assert verdict(item, soak(**{name: steady}))[0] is Verdict.PASSED


@pytest.mark.parametrize("one", BOUNDED, ids=lambda one: one.pattern)
def test_a_value_above_its_bound_fails_however_short_the_run_is(one: Any) -> None:
    name = one.pattern.replace("*", "auth_sessions").replace(".", "__")
    calm = soak(0.1, **{name: lambda hours: 0.0})
    above = soak(0.1, **{name: lambda hours: 3.0 if hours > 0.05 else 0.0})
    assert verdict(one.item, calm)[0] is Verdict.PASSED
    found, message = verdict(one.item, above)
    assert found is Verdict.FAILED
    assert f"{name.replace('__', '.')} ({one.title}) exceeded 0" in message


def test_every_item_has_a_series_that_can_fail_it() -> None:
    judged = {one.item for one in (*GROWING, *BOUNDED) if one.item}
    assert judged | {"SOAK-14", "SOAK-15"} == set(BOUNDS)
    assert {item for item, _, _ in LEAKS} | {one.item for one in BOUNDED} == judged


def test_below_two_hours_a_rise_is_a_remark() -> None:
    leaking = soak(1.0, a__rss_mb=noisy(lambda hours: 100 + 200 * hours, 5))
    found, message = verdict("SOAK-02", leaking)
    assert found is Verdict.PASSED
    assert "remark: a.rss_mb" in message
    assert "they decide from 2 h on" in message


def test_an_accelerated_run_stands_for_the_hours_of_its_cadences() -> None:
    leaking = noisy(lambda hours: 100 + 200 * hours, 5)
    found, message = verdict("SOAK-02", soak(0.5, part_has={"factor": 10.0, "warm_up_s": 30.0}, a__rss_mb=leaking))
    assert found is Verdict.FAILED
    assert "rises by 20" in message or "rises by 19" in message  # a tenth of 200 per hour of the run
    assert "per hour of the written cadences" in message


def test_what_lies_beyond_twenty_times_the_observed_span_is_inconclusive_with_a_rate() -> None:
    slow = soak(3.0, a__rss_mb=noisy(lambda hours: 100 + 4 * hours, 0.5))
    found, message = verdict("SOAK-02", slow)
    assert found is Verdict.INCONCLUSIVE
    assert "a.rss_mb" in message
    assert "beyond 20 times" in message


def test_a_rise_that_is_too_small_to_matter_passes() -> None:
    assert verdict("SOAK-02", soak(3.0, a__rss_mb=lambda hours: 100 + hours))[0] is Verdict.PASSED


def test_a_step_at_a_restart_is_explained_and_one_without_an_event_is_noted() -> None:
    def step(hours: float) -> float:
        return 100.0 if hours < 1.5 else 180.0

    rising = noisy(step, 1)
    explained = soak(3.0, events=[restart(1.5, "a")], a__rss_mb=rising)
    assert verdict("SOAK-02", explained)[0] is Verdict.PASSED
    assert "steps" not in verdict("SOAK-02", explained)[1]
    of_another = soak(3.0, events=[restart(1.5, "b")], a__rss_mb=step)
    found, message = verdict("SOAK-02", of_another)
    assert found is Verdict.PASSED
    assert "rose in steps" in message


def test_a_leak_that_each_restart_ends_is_found_in_the_segments() -> None:
    def sawtooth(hours: float) -> float:
        return 100 + 120 * (hours % 0.5)

    plain = soak(3.0, events=[restart(0.5 * turn, "a") for turn in range(1, 6)], a__rss_mb=noisy(sawtooth, 1))
    found, message = verdict("SOAK-02", plain)
    assert found is Verdict.FAILED, message


def test_values_while_the_run_disturbs_the_servers_do_not_count() -> None:
    def failing(hours: float) -> float:
        return 50.0 if 0.05 <= hours < 0.06 else 0.0

    assert verdict("SOAK-13", soak(0.1, requests__failed_per_min=failing))[0] is Verdict.FAILED
    calm = soak(0.1, disturbed=[(0.05, 0.06)], requests__failed_per_min=failing)
    assert verdict("SOAK-13", calm)[0] is Verdict.PASSED


def test_a_gap_is_told_and_a_soak_that_was_hardly_sampled_is_inconclusive() -> None:
    plain = soak(3.0, without=[(1.0, 1.2)], a__rss_mb=lambda hours: 100.0)
    assert gaps(lines_of(plain)) == [(pytest.approx(START + 3590), pytest.approx(START + 4320))]
    found, message = verdict("SOAK-14", plain)
    assert found is Verdict.PASSED
    assert "gap of 12.2 min" in message
    found, message = verdict("SOAK-14", soak(3.0, without=[(1.0, 2.5)], a__rss_mb=lambda hours: 100.0))
    assert found is Verdict.INCONCLUSIVE
    assert "were sampled" in message


def test_an_old_difference_is_drift_unless_the_run_disturbed_the_servers() -> None:
    difference = {"t": START + 60, "what": "mitras:online lacks m1", "since": START, "age_s": 60.0}
    plain = {**soak(0.1, drift__open=lambda hours: 0.0), "soak_difference": [difference]}
    found, message = verdict("SOAK-08", plain)
    assert found is Verdict.FAILED
    assert message.startswith("mitras:online lacks m1 lasted for 60 s")
    plain["soak_difference"] = [{**difference, "calm": False}]
    assert verdict("SOAK-08", plain)[0] is Verdict.PASSED


PHASE = {
    "policy": "allkeys-lru", "evicts": True, "filled_mb": 8.0, "evicted": 40, "refused": 0, "lost": ["mitra:capacity"],
    "alert": "the policy may evict", "alert_s": 0.5, "healed_s": 3.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, Verdict.PASSED),
        ({"alert_s": None}, Verdict.FAILED),
        ({"alert_s": None, "evicts": False}, Verdict.PASSED),
        ({"healed_s": None}, Verdict.FAILED),
        ({"failed": 3}, Verdict.FAILED),
        ({"evicted": 0}, Verdict.INCONCLUSIVE),
    ],
)
def test_pressure_is_noticed_and_heals(more: dict[str, Any], expected: Verdict) -> None:
    plain = {**soak(0.1, a__rss_mb=lambda hours: 100.0), "pressure": [{**PHASE, **more}]}
    assert verdict("SOAK-15", plain)[0] is expected


@pytest.mark.parametrize(("seconds", "told"), [(24, "24 s"), (730, "12.2 min"), (9000, "2.5 h"), (604_800, "7 days")])
def test_a_length_is_told_in_a_unit_that_suits_it(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_a_limit_that_a_store_tells_replaces_the_stated_headroom() -> None:
    rising = noisy(lambda hours: 10 + 4 * hours, 0.3)
    roomy = soak(3.0, part_has={"headroom": {"postgres.connections": 5000.0}}, postgres__connections=rising)
    assert rises(lines_of(roomy))["postgres.connections"].how.headroom == 5000
    assert "the limit that the store tells" in verdict("SOAK-04", roomy)[1]
    assert verdict("SOAK-04", roomy)[0] is Verdict.INCONCLUSIVE


def test_a_rise_of_the_latency_says_nothing_if_the_rig_is_delayed_too() -> None:
    rising = noisy(lambda hours: 10 + 40 * hours, 4)
    plain = soak(3.0, a__ping__ms=rising, rig__lag_ms=noisy(lambda hours: 5 + 40 * hours, 4))
    found, message = verdict("SOAK-07", plain)
    assert found is Verdict.INCONCLUSIVE
    assert "other work" in message


def test_a_crash_fails_the_item_of_the_answers() -> None:
    plain = {
        **soak(0.1, requests__failed_per_min=lambda hours: 0.0),
        "exited": [{"t": START, "text": "backend a exited"}],
    }
    assert verdict("SOAK-13", plain)[0] is Verdict.FAILED
