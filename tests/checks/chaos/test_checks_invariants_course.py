"""The invariants of state, conduct and cost: a good campaign passes each, and each broken thing fails its own."""

from collections.abc import Callable
from typing import Any

import pytest

from rig.checks import load_checks
from tests.support.chaos_lines import Lines, T, samples
from tests.support.course_lines import BARRED, BATCH, IDS, PINGER, QUIET, SAVE, asked, command, course, iso, statement
from tests.support.record_lines import judge_plain

load_checks()
QUIET_BOUNDS = {"quiet_s": 1.0, "reconnect_s": 5.0, "samples_min": 8}
BOUNDS: dict[str, dict[str, float]] = {
    "INV-02": QUIET_BOUNDS,
    "INV-03": QUIET_BOUNDS,
    "INV-04": QUIET_BOUNDS,
    "INV-05": {"ahead_s": 5.0, "samples_min": 20},
    "INV-06": {"reconnect_s": 5.0, "mirror_every_s": 2.0, "within_s": 1.0},
    "INV-07": {"stale_s": 90.0, "tolerance_s": 0.0, "pings_min": 20},
    "INV-09": {"sweep_every_s": 1.0, "mirror_every_s": 2.0, "flush_s": 1.0},
    "INV-10": {"pings_min": 5},
    "INV-11": {"mirror_every_s": 2.0},
    "INV-12": {"within_s": 1.0, "reconnect_s": 5.0},
    "INV-13": {"max_customers": 3},
    "INV-16": {"between_s": 9.5, "snapshot_s": 10.0, "visible_s": 1.0, "reconnect_s": 5.0},
    "INV-19": {"rows_min": 3},
    "INV-20": {},
    "INV-21": {"goodbye_s": 60.0, "within_s": 2.0},
    "INV-24": {"alert_s": 3.0},
}


def verdict(item: str, lines: Lines) -> tuple[str, str]:
    judgement, _ = judge_plain(item, lines, BOUNDS[item])
    return str(judgement.verdict), judgement.message


def in_valkey(key: str, change: Callable[[Any], Any], begin: float, end: float) -> Callable[[Lines], None]:
    """What both looks of the samples in between show under that name becomes what `change` makes of it."""

    def broken(lines: Lines) -> None:
        for line in samples(lines, begin, end):
            for side in ("keys_before", "keys_after"):
                line[side][key] = change(line[side][key])

    return broken


def in_left(name: str, *rows: dict[str, Any]) -> Callable[[Lines], None]:
    return lambda lines: lines["left"][0][name].extend(rows)


def more(kind: str, *added: dict[str, Any]) -> Callable[[Lines], None]:
    def broken(lines: Lines) -> None:
        lines[kind] = sorted([*lines[kind], *added], key=lambda line: line["t"])

    return broken


def in_truth(key: str, id: str, value: float | None, begin: float, end: float) -> Callable[[Lines], None]:
    """Postgres has another value for this id; with None it has none."""

    def broken(lines: Lines) -> None:
        for line in samples(lines, begin, end):
            line["truth"][key].pop(id)
            line["truth"][key] |= {} if value is None else {id: value}

    return broken


def swept(at: float) -> Callable[[Lines], None]:
    """An auto-offline of the one who pings: its audit row, and the statement that wrote it."""

    def broken(lines: Lines) -> None:
        in_left("audit", {"id": 99, "mitra_id": PINGER, "status": "offline", "at": T + at})(lines)
        more("statement", statement(at + 0.01, SAVE, PINGER, "offline"))(lines)

    return broken


def without(key: str) -> Callable[[Any], Any]:
    return lambda held: {id: value for id, value in held.items() if id != key}


FAILING: list[tuple[str, Callable[[Lines], None], str]] = [
    ("INV-02", in_valkey("deactivated", lambda _: [], 3, 6), f"baseline: in mitras:deactivated {BARRED} missing for 2.79 s"),
    ("INV-02", in_valkey("deactivated", lambda _: [QUIET], 26, 33), f"{QUIET} left over"),
    ("INV-03", in_valkey("capacities", lambda c: {**c, PINGER: "2"}, 3, 6), "at 2 with a load of 1"),
    ("INV-03", in_valkey("capacities", without(QUIET), 26, 33), f"{QUIET} without a capacity"),
    ("INV-04", in_valkey("heartbeats", without(QUIET), 3, 6), f"{QUIET} without a heartbeat"),
    ("INV-04", in_valkey("heartbeats", lambda h: {**h, "gone": iso(T)}, 3, 6), "gone with one, though offline"),
    ("INV-05", in_valkey("heartbeats", lambda h: {**h, PINGER: iso(T + 1)}, 6, 6.3), "went back by"),
    ("INV-05", in_valkey("heartbeats", lambda h: {**h, PINGER: iso(T + 60)}, 6, 6.3), "s ahead"),
    ("INV-05", in_valkey("heartbeats", lambda h: {**h, PINGER: "soon"}, 6, 6.3), "is no time"),
    ("INV-06", in_truth("heartbeats", QUIET, None, 4, 9), "last_heartbeat_at is None"),
    ("INV-06", in_truth("heartbeats", QUIET, T + 0.4, 4, 9), "has stood in Valkey for"),
    ("INV-07", swept(6.5), "was taken offline 0.41 s after a ping"),
    ("INV-09", swept(15), "1 mitras were taken offline in the outage"),
    ("INV-09", more("statement", statement(15, BATCH, "{}")), "1 heartbeat updates in the outage"),
    ("INV-09", lambda lines: lines["log"][0].update(lines=[]), "said 0 times '[auto-offline]"),
    ("INV-10", more("command", command(3.106, "SET", f"mitra:heartbeat:{PINGER}", "x")), "wrote her heartbeat 2 times"),
    ("INV-10", more("statement", statement(3.105, "SELECT 1 FROM mitras WHERE id = $1", PINGER)), "cost 1 statements"),
    ("INV-11", more("statement", *(statement(3 + i / 100, BATCH, "{}") for i in range(20))), "more than 20"),
    ("INV-11", more("statement", statement(3, BATCH, "{}", severity="ERROR")), "1 batches failed"),
    ("INV-12", more("request", asked(5.5, "ping", BARRED, {"is_online": True})), "3.49 s after her deactivation"),
    ("INV-12", more("request", asked(15.5, "ping", BARRED, {"is_online": True})), "was answered 200"),
    ("INV-13", in_truth("loads", QUIET, 4, 6, 6.3), "had 4 chats"),
    ("INV-16", more("command", command(3, "SDIFF", "mitras:online"), command(3.001, "SET", "availability:snapshot", "{}")), "only 4.000 s apart"),
    ("INV-16", in_valkey("snapshot_ttl_ms", lambda _: -1, 3, 4), "had 5000 ms to live"),
    ("INV-16", in_valkey("subscriptions", lambda _: 0, 27, 33), "config:invalidate with fewer subscriptions than 1 for"),
    ("INV-19", in_left("audit", {"id": 9, "mitra_id": QUIET, "status": "online", "at": T + 5}), "does not alternate"),
    ("INV-19", in_left("audit", {"id": 9, "mitra_id": QUIET, "status": "offline", "at": T + 5}), "is_online differ for"),
    ("INV-21", in_left("chats", {"id": "c2", "mitra_id": QUIET, "status": "active", "ends_at": T - 30}), "c2 by 66.0 s"),
    ("INV-24", lambda lines: lines["left"][0].update(evicted_keys=3), "3 keys were evicted"),
]  # fmt: skip


def test_a_good_campaign_passes_all() -> None:
    lines = course()
    assert {item: verdict(item, lines) for item in BOUNDS if verdict(item, lines)[0] != "passed"} == {}
    assert [item for item in BOUNDS if not judge_plain(item, lines, BOUNDS[item])[1]] == []


@pytest.mark.parametrize(("item", "broken", "text"), FAILING)
def test_a_broken_invariant_fails(item: str, broken: Callable[[Lines], None], text: str) -> None:
    lines = course()
    broken(lines)
    found, message = verdict(item, lines)
    assert (found, text in message) == ("failed", True), message


POLICY = "allkeys-lru"
CALM, ALARM = '{"status": "ready", "alerts": []}', f'{{"status": "ready", "alerts": ["maxmemory-policy is {POLICY}"]}}'


def evictable(said: float | None, told: float | None, ends: float = 9.0) -> Lines:
    """A policy that would evict from 3 s on; when the instance says so in its log and when at `/readyz`."""
    lines = course()
    in_valkey("policy", lambda _: POLICY, 3, 6.5)(lines)
    lines["readiness"] = [{"t": T - 1, "instance": "a", "status": 200, "text": CALM}]
    if told is not None:
        lines["readiness"] += [
            {"t": T + told, "instance": "a", "status": 200, "text": ALARM},
            {"t": T + ends, "instance": "a", "status": 200, "text": CALM},
        ]
    if said is not None:
        lines["log"][0]["lines"].append([T + said, f"[valkey] maxmemory-policy is {POLICY}"])
    return lines


@pytest.mark.parametrize(
    ("said", "told", "ends", "expected", "text"),
    [
        (3.9, 4.2, 7.0, "passed", "allkeys-lru stood for"),
        (None, 4.2, 7.0, "failed", "a left no line within 3 s of the policy allkeys-lru"),
        (7.5, 4.2, 7.0, "failed", "a left no line within 3 s"),
        (3.9, None, 7.0, "failed", "a says nothing of the policy allkeys-lru at /readyz"),
        (3.9, 4.2, 9.9, "failed", "a still tells of the policy allkeys-lru 3 s after its end"),
    ],
)
def test_a_policy_that_would_evict_is_cried_out_in_the_log_and_at_readiness(
    said: float | None, told: float | None, ends: float, expected: str, text: str
) -> None:
    found, message = verdict("INV-24", evictable(said, told, ends))
    assert (found, text in message) == (expected, True), message


def test_an_instance_that_another_fault_cuts_off_learns_of_a_policys_end_later() -> None:
    lines = evictable(3.9, 4.2, 9.9)
    cut = {"number": 1, "name": "cut in mid-pipeline", "hit": ["a"], "outage": False, "noticed": True, "seeds": True}
    lives = {"requested": 7.0, "confirmed": 7.1, "removed": 8.5, "healed": 8.6}
    more("fault", *({"t": T + at, "event": event, **cut} for event, at in lives.items()))(lines)
    assert verdict("INV-24", lines)[0] == "passed"


def test_a_live_sign_in_of_an_inactive_mitra_fails() -> None:
    lines = course()
    for line in lines["sample"]:
        line["truth"]["deactivated"] = [BARRED]
    lines["left"][0]["sign_ins"].append({"user_id": BARRED, "live": True})
    assert verdict("INV-20", lines) == ("failed", f"deactivated, with a live sign-in: {BARRED}")


def test_a_sign_in_that_outlives_a_deactivation_fails_though_she_is_active_again() -> None:
    lines = course()
    lines["request"].append(asked(0.1, "verify_code", BARRED, {}))
    assert verdict("INV-20", lines)[0] == "passed"
    lines["left"][0]["sign_ins"].append({"user_id": BARRED, "live": True})
    assert verdict("INV-20", lines) == ("failed", f"signed in before a deactivation and still valid: {BARRED}")


def test_a_toggle_or_a_long_silence_is_no_wrongful_offline() -> None:
    lines = course()
    lines["left"][0]["audit"].append({"id": 99, "mitra_id": PINGER, "status": "offline", "at": T + 6.5})
    lines["request"].append(asked(6.499, "offline", PINGER, {"is_online": False}))
    assert verdict("INV-07", lines)[0] == "passed"
    lines = course()
    swept(6.5)(lines)
    lines["request"] = [line for line in lines["request"] if line["subject"] != PINGER or line["started"] > T + 7]
    assert verdict("INV-07", lines)[0] == "passed"


def test_a_deletion_allows_the_next_recompute() -> None:
    lines = course()
    recompute = command(3, "SDIFF", "mitras:online"), command(3.001, "SET", "availability:snapshot", "{}")
    more(
        "command",
        command(2.9, "DEL", "availability:snapshot"),
        *recompute,
        command(3.1, "DEL", "availability:snapshot"),
    )(lines)
    assert verdict("INV-16", lines)[0] == "passed"


def test_a_ping_that_was_given_up_just_before_may_still_be_written_by_the_server() -> None:
    lines = course()
    more("command", command(3.106, "SET", f"mitra:heartbeat:{PINGER}", "x"))(lines)
    more("request", asked(3.03, "abandoned", PINGER, None, None))(lines)
    assert verdict("INV-10", lines)[0] == "passed"


def test_a_chat_that_ends_by_itself_is_no_cost_of_a_ping_at_that_moment() -> None:
    """Its transaction locks the mitra; without one, what counts her chats comes right after. Her pings ask something else."""
    locked = statement(3.105, "SELECT id FROM mitras WHERE id = ANY($1) FOR UPDATE", f"{{{PINGER}}}")
    ended = statement(3.107, "UPDATE chat_sessions SET status = 'ended' WHERE id = $1", "c1")
    counted = statement(3.108, "SELECT count(*) FROM chat_sessions WHERE mitra_id = $1", PINGER)
    for own, found in (
        ((locked,), "failed"),
        ((counted,), "failed"),
        ((locked, ended), "failed"),
        ((counted, ended), "passed"),
        (({**locked, "committed_at": ended["committed_at"]}, ended), "passed"),
    ):
        lines = course()
        more("statement", *own)(lines)
        assert verdict("INV-10", lines)[0] == found, own


def test_a_brief_difference_is_the_write_on_its_way() -> None:
    lines = course()
    in_valkey("online", lambda _: IDS, 3, 3.5)(lines)
    in_valkey("capacities", without(QUIET), 3, 3.7)(lines)
    assert verdict("INV-03", lines)[0] == "passed"


OPEN: list[tuple[str, Callable[[Lines], None], str]] = [
    *((item, lambda lines: lines.pop("fault"), "before a fault was injected") for item in BOUNDS if item not in
      ("INV-05", "INV-13", "INV-19", "INV-20", "INV-21", "INV-24")),
    *((item, lambda lines: lines.pop("left"), "before the rows that it left") for item in
      ("INV-07", "INV-09", "INV-19", "INV-20", "INV-21", "INV-24")),
    *((item, lambda lines: lines["watched"][0].update(statements=False), "no statement log") for item in
      ("INV-07", "INV-09", "INV-10", "INV-11")),
    *((item, lambda lines: lines["watched"][0].update(blind=[[T + 3, T + 4]]), "MONITOR was not connected") for item in
      ("INV-10", "INV-16")),
    ("INV-02", lambda lines: lines.update(sample=lines["sample"][:4]), "could be compared"),
    ("INV-05", lambda lines: lines.update(sample=lines["sample"][:4]), "were seen only 8 times"),
    ("INV-12", lambda lines: lines.update(request=[r for r in lines["request"] if r["code"] is None]), "no deactivated mitra pinged"),
    ("INV-13", lambda lines: in_truth("loads", PINGER, 0, 0, 40)(lines), "nobody had a chat"),
]  # fmt: skip


@pytest.mark.parametrize(("item", "broken", "text"), OPEN)
def test_what_was_not_brought_about_blames_nobody(item: str, broken: Callable[[Lines], object], text: str) -> None:
    lines = course()
    broken(lines)
    found, message = verdict(item, lines)
    assert (found, text in message) == ("inconclusive", True), message
