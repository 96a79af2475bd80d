"""The invariants of who is where: a good campaign passes each, and each broken thing fails its own."""

from collections.abc import Callable

import pytest

from rig.checks import load_checks
from rig.checks.chaos.consistency import HEALTHY, OUTAGE, changes, person_minutes, tallies
from tests.support.chaos_lines import SEED, Lines, T
from tests.support.course_lines import BARRED, IDS, PINGER, QUIET, asked, course
from tests.support.record_lines import judge_plain, lines_of

load_checks()
BOUNDS: dict[str, dict[str, float]] = {
    "INV-08": {"stale_s": 6.0, "sweep_every_s": 1.0, "reconnect_s": 5.0},
    "INV-14": {"within_s": 1.0, "max_customers": 3, "reconnect_s": 5.0},
    "INV-17": {"visible_s": 1.0, "snapshot_s": 3.0, "max_customers": 3, "reconnect_s": 5.0, "reads_min": 5},
    "INV-22": {"within_s": 1.0, "reconnect_s": 5.0, "reconcile_s": 0.0},
    "INV-23": {"answers_min": 5, "gone_min": 1},
}
GONE = "0000000a-0000-4000-8000-000000000000"  # went silent before the course, and was swept in its baseline


def people() -> Lines:
    """The course, with what these invariants look at: readers, a sweep, an offer, profiles, a request hung up on."""
    lines = course()
    audit = lines["left"][0]["audit"]
    audit.append({"id": 50, "mitra_id": GONE, "status": "online", "at": T - 8})
    audit.append({"id": 51, "mitra_id": GONE, "status": "offline", "at": T + 1})
    lines["left"][0]["offers"] = [
        {"chat_session_id": "chat", "mitra_id": PINGER},
        {"chat_session_id": "chat", "mitra_id": QUIET},
    ]
    for second in range(30):
        lines["request"].append(asked(second + 0.3, "dashboard", "", {"online_mitras": 3}))
        lines["request"].append(asked(second + 0.35, "beacon", "", {"available": True, "count": 2}))
        lines["request"].append(asked(second + 0.4, "profile", PINGER, {"id": PINGER}))
        lines["request"].append(asked(second + 0.5, "ping", QUIET, {"is_online": True}))
    lines["request"].append(
        asked(5.0, "pay", "customer", {"customer_id": "customer"}, url="http://x/api/client/chat-sessions/chat/pay")
    )
    lines["request"].append(asked(6.0, "abandoned", PINGER, None, None))
    lines["log"][0]["lines"] = [[T + 20.5, SEED.replace("2 online, 0", "3 online, 0").replace("0 with", "1 with")]]
    # Nobody is deactivated at the seed of the recovery: she was let in again at 18.5.
    return lines


def verdict(item: str, lines: Lines) -> tuple[str, str]:
    judgement, _ = judge_plain(item, lines, BOUNDS[item])
    return str(judgement.verdict), judgement.message


def reply(action: str, at: float, value: object) -> Callable[[Lines], None]:
    def broken(lines: Lines) -> None:
        for line in lines["request"]:
            if line["action"] == action and abs(line["t"] - T - at) < 0.01:
                line["reply"] = value

    return broken


def without_pings_of(id: str) -> Callable[[Lines], None]:
    def broken(lines: Lines) -> None:
        lines["request"] = [line for line in lines["request"] if line.get("subject") != id or line["t"] > T + 20]

    return broken


def seed_line(at: float, text: str) -> Callable[[Lines], None]:
    return lambda lines: lines["log"][0]["lines"].append([T + at, text])


FAILING: list[tuple[str, Callable[[Lines], None], str]] = [
    ("INV-08", without_pings_of(QUIET), f"{QUIET} was still online"),
    ("INV-14", lambda lines: lines["left"][0]["offers"].append({"chat_session_id": "chat", "mitra_id": BARRED}), "though deactivated"),
    ("INV-17", reply("dashboard", 6.3, {"online_mitras": 4}), "Valkey: the dashboard said 4, Postgres 3 to 3"),
    ("INV-17", reply("dashboard", 15.3, {"online_mitras": 0}), "the fallback: the dashboard said 0"),
    ("INV-17", reply("beacon", 15.35, {"available": True, "count": 9}), "the fallback: the beacon said 9"),
    ("INV-22", seed_line(20.9, "[valkey-mirror] seed: 9 online, 0 deactivated, 1 with active sessions"), "said 9 online"),
    ("INV-22", seed_line(31.0, "[valkey-mirror] seed: 3 online, 0 deactivated, 1 with active sessions"), "seeded in quiet"),
    ("INV-23", reply("profile", 6.4, {"id": QUIET}), f"answered with id {QUIET}"),
]  # fmt: skip


def test_a_good_campaign_passes_all() -> None:
    lines = people()
    assert {item: verdict(item, lines) for item in BOUNDS if verdict(item, lines)[0] != "passed"} == {}


@pytest.mark.parametrize(("item", "broken", "text"), FAILING)
def test_a_broken_invariant_fails(item: str, broken: Callable[[Lines], None], text: str) -> None:
    lines = people()
    broken(lines)
    found, message = verdict(item, lines)
    assert (found, text in message) == ("failed", True), message


OPEN: list[tuple[str, Callable[[Lines], object], str]] = [
    *((item, lambda lines: lines.pop("fault"), "before a fault was injected") for item in BOUNDS if item != "INV-23"),
    ("INV-08", lambda lines: lines["left"][0].update(audit=[]), "nobody went silent"),
    ("INV-14", lambda lines: lines["left"][0].update(offers=[]), "no chat was offered in quiet"),
    ("INV-17", lambda lines: lines.update(sample=lines["sample"][::8]), "could be compared"),
    ("INV-17", lambda lines: (lines.pop("left"), reply("dashboard", 6.3, {"online_mitras": 4})(lines)), "rows that it left"),
    ("INV-22", lambda lines: lines["log"][0].update(lines=[]), "no seed line could be compared"),
    ("INV-23", lambda lines: lines.update(request=[r for r in lines["request"] if r["action"] != "abandoned"]), "hung up on"),
]  # fmt: skip


@pytest.mark.parametrize(("item", "broken", "text"), OPEN)
def test_what_was_not_brought_about_blames_nobody(item: str, broken: Callable[[Lines], object], text: str) -> None:
    lines = people()
    broken(lines)
    found, message = verdict(item, lines)
    assert (found, text in message) == ("inconclusive", True), message


def test_changes_are_tallied_by_horizon_and_phase() -> None:
    """The deactivation and the re-activation are changes of the course; both stood right a second later."""
    lines = people()
    assert [(change.state, round(change.ended - T, 1)) for change in changes(lines_of(lines))] == [
        ("online", 1.0),
        ("deactivated", 2.0),
        ("deactivated", 18.5),
    ]
    healthy = tallies(lines_of(lines))[1.0, HEALTHY]
    assert (healthy.samples, healthy.violations, healthy.bound) == (2, 0, 1.0)
    outage = tallies(lines_of(lines))[1.0, OUTAGE]
    assert (outage.samples, outage.unread) == (0, 1)


def test_a_change_that_is_not_carried_over_is_told_by_its_direction() -> None:
    lines = people()
    for sample in lines["sample"]:
        for side in ("keys_before", "keys_after"):
            if sample[side] is not None:
                sample[side]["deactivated"] = []
    found = tallies(lines_of(lines))[1.0, HEALTHY]
    assert found.wrong == {"missing deactivated": 1}
    assert found.bound is None


def test_ghosts_cost_minutes() -> None:
    lines = people()
    for sample in lines["sample"][:10]:
        sample["mirror_before"] = sample["mirror_after"] = [*IDS, GONE]
    assert person_minutes(lines_of(lines))["ghost"] == pytest.approx(9 * 0.2 / 60)
