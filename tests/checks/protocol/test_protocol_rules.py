"""The rules of the protocol: a course that follows them convicts nobody, and each broken step convicts by its own rule."""

from collections.abc import Callable

import pytest

from rig.checks.framework import judge_lines
from rig.checks.protocol.context import Conviction
from rig.checks.protocol.follow import follow
from rig.checks.protocol.item import ITEM
from rig.checks.protocol.steps import STEPS
from rig.model.catalogue import specifications
from rig.record.lines.chaos import CommandTaken, FaultEvent, OtherCommand, ProtocolSeen, Watched
from tests.support.protocol_lines import ANNA, EPOCH_READ, FIRST, INSTANCES, LOCK, PREFIX, Course, T, begun, stamp

BEAT, MARK = f"mitra:heartbeat:{ANNA}", f"mirror:leaving:{ANNA}"


def convictions(course: Course) -> list[Conviction]:
    return follow(course.built())[0].convictions


def seeded() -> Course:
    """Anna is online at version 7, as a seed has read her."""
    course = begun()
    course.seed(FIRST)
    return course


def whole() -> Course:
    """A seed, a toggle to offline and back, a ping, and a sweep."""
    course = seeded()
    course.change(False)
    course.apply(8, False)
    course.change(True)
    course.apply(9, True)
    course.ping()
    seen = stamp(course.at - 0.01)
    course.sweep(9, seen)
    return course


def test_a_course_that_follows_the_protocol_convicts_nobody() -> None:
    course = whole()
    context, seen = follow(course.built())
    assert context.convictions == []
    assert seen.known == 8
    assert context.steps["a sweep takes a mitra offline"] == 1
    assert context.steps["a change is applied"] == 2


def unread_version(course: Course) -> None:
    course.change(False)
    call = course.apply(8, False)
    course.replaced(call, ran=[words for words in call.ran if words[0] != "HGET"])


def older_row_written(course: Course) -> None:
    course.change(False)
    course.change(True)
    course.apply(9, True)
    course.apply(8, False)


def newer_row_refused(course: Course) -> None:
    course.change(False)
    course.apply(8, False, wrote=False)


def before_commit(course: Course) -> None:
    course.apply(8, False)
    course.at += 0.1
    course.change(False)


def seed_unread(course: Course) -> None:
    course.change(False)
    call = course.apply(8, False)
    course.replaced(call, ran=[words for words in call.ran if words[1] != "mirror:seed"])


def half_a_row(course: Course) -> None:
    course.change(False)
    call = course.apply(8, False)
    course.replaced(call, ran=[words for words in call.ran if words[:2] != ["SREM", "mitras:deactivated"]])


def mark_left(course: Course) -> None:
    course.sweep(FIRST, stamp_of(course))
    course.apply(8, False)


def newer_mark_deleted(course: Course) -> None:
    course.second_look(FIRST, stamp_of(course))
    call = course.apply(FIRST, True)
    course.replaced(call, ran=[*call.ran, ["DEL", MARK]])


def other_row(course: Course) -> None:
    course.change(False)
    course.apply(8, True)


def no_version(course: Course) -> None:
    lines = course.change(False)
    course.lines.remove(lines[3])


def no_row_lock(course: Course) -> None:
    lines = course.change(False)
    course.lines.remove(lines[1])
    course.apply(8, False)


def no_notification(course: Course) -> None:
    lines = course.change(False)
    course.replaced(lines[3], text=lines[3].text.replace("pg_notify", "concat"))


def epoch_unread(course: Course) -> None:
    call = course.ping()
    course.replaced(call, ran=call.ran[2:])


def epoch_gone(course: Course) -> None:
    course.lines.append(OtherCommand(t=course.now, args=["DEL", "mirror:epoch"]))
    course.ping()


def ping_beside_a_mark(course: Course) -> None:
    course.second_look(FIRST, stamp_of(course))
    course.ping()


def ping_after_offline(course: Course) -> None:
    course.change(False)
    course.apply(8, False)
    course.ping()


def heartbeat_set_back(course: Course) -> None:
    call = course.ping()
    earlier = stamp(0.001)
    ran = [[*words[:2], earlier] if words[0] == "SET" else words for words in call.ran]
    course.replaced(call, args=[call.args[0], earlier, *call.args[2:]], ran=ran)


def ping_without_a_heartbeat(course: Course) -> None:
    course.lines.append(OtherCommand(t=T, args=["FLUSHDB"]))  # so it is known that there is no mark
    course.ping(wrote=False)


def mark_of_nobody_cleared(course: Course) -> None:
    course.second_look(FIRST, stamp_of(course))
    call = course.ping(wrote=False)
    course.replaced(call, ran=[*call.ran, ["DEL", MARK]])


def mark_unread(course: Course) -> None:
    call = course.ping()
    course.replaced(call, ran=[words for words in call.ran if words[1] != MARK])


def mark_deleted_by_hand(course: Course) -> None:
    course.second_look(FIRST, stamp_of(course))
    course.lines.append(CommandTaken(t=course.now, at=T + course.at, args=["DEL", MARK], instance="a", lua=False))


def mark_cleared_without_the_row(course: Course) -> None:
    course.second_look(FIRST, stamp_of(course))
    course.ping(dead_mark=f"{FIRST}:abcd")


def mark_of_a_second(course: Course) -> None:
    course.second_look(FIRST, stamp_of(course), life_ms=1000)


def marked_though_pinged(course: Course) -> None:
    seen = stamp_of(course)
    course.ping()
    course.second_look(FIRST, seen)


def marked_though_changed(course: Course) -> None:
    course.second_look(FIRST - 1, stamp_of(course))


def second_look_at_no_heartbeat(course: Course) -> None:
    call = course.second_look(FIRST, stamp_of(course))
    course.replaced(call, ran=[words for words in call.ran if words != ["GET", BEAT]])


def mark_of_another_version(course: Course) -> None:
    call = course.second_look(FIRST, stamp_of(course))
    course.replaced(call, args=[*call.args[:4], "0:abcd", call.args[5]])


def strays_of_the_online(course: Course) -> None:
    keys = ["mirror:epoch", "mitras:online", "mirror:synthetic", "mirror:seed"]
    course.script(keys, [PREFIX, "0", "2000", "n1"], [*EPOCH_READ, ["GET", "mirror:seed"], ["DEL", BEAT]])


def sweep_in_another_order(course: Course) -> None:
    _, lines = course.sweep(FIRST, stamp_of(course))
    lock, alone = lines[1], lines[2]
    course.replaced(lock, t=alone.t, at=alone.at)
    course.replaced(alone, t=lock.t, at=lock.at)
    course.lines.sort(key=lambda line: line.t)


def sweep_without_a_bound(course: Course) -> None:
    _, lines = course.sweep(FIRST, stamp_of(course))
    course.replaced(lines[2], text=lines[2].text.replace("statement_timeout", "application_name"))


def sweep_of_an_unread_version(course: Course) -> None:
    _, lines = course.sweep(FIRST, stamp_of(course))
    course.replaced(lines[4], text="SELECT 1")


def changed_before_the_lock(course: Course) -> None:
    lines = course.change(False)
    course.replaced(lines[1], t=lines[2].t + 0.001, at=lines[2].at + 0.001)
    course.lines.sort(key=lambda line: line.t)


def drawn_before_the_change(course: Course) -> None:
    lines = course.change(False)
    course.replaced(lines[3], t=lines[1].t + 0.001, at=lines[1].at + 0.001)
    course.lines.sort(key=lambda line: line.t)


def swept_though_blocked(course: Course) -> None:
    sent = "INSERT INTO mirror_instances AS i (instance, store, blocks_until) VALUES ($1, $2, now())"
    for line in (course.statement(sent, "1", "run", "6.0", session="b"), course.statement("SELECT 1", session="b")):
        course.replaced(line, instance="b")
    course.sweep(FIRST, stamp_of(course))


def step_of_a_lost_seed(course: Course) -> None:
    course.begin("n2")
    course.step(FIRST, nonce="n1", grace="0")


def step_without_a_look(course: Course) -> None:
    course.begin("n2")
    call = course.step(FIRST, nonce="n2", grace="0")
    course.replaced(call, ran=[words for words in call.ran if words[1] != "mirror:seed"])


def row_that_nobody_committed(course: Course) -> None:
    course.begin("n2")
    course.step(FIRST + 1, nonce="n2", grace="0")


def swap_after_too_few_steps(course: Course) -> None:
    course.begin("n2")
    course.swap("n2", grace="0")


def swap_of_a_lost_seed(course: Course) -> None:
    course.begin("n2")
    course.swap("n1")


def swap_that_drops_a_change(course: Course) -> None:
    course.begin("n2")
    course.change(False)
    call = course.apply(8, False)
    course.replaced(call, ran=[*call.ran, ["HSET", "mirror:seed:n2:changes", ANNA, "8"]])
    call = course.step(FIRST, nonce="n2", grace="0")
    course.replaced(call, ran=call.ran[:3])
    course.swap("n2", grace="0")


def sweep_without_a_mark(course: Course) -> None:
    look, _ = course.sweep(FIRST, stamp_of(course))
    course.lines.remove(look)


def sweep_without_the_lock(course: Course) -> None:
    _, lines = course.sweep(FIRST, stamp_of(course))
    course.replaced(lines[2], text=lines[2].text.replace("pg_try_advisory_xact_lock", "abs"))


def sweep_asks_nobody(course: Course) -> None:
    _, lines = course.sweep(FIRST, stamp_of(course))
    course.replaced(next(line for line in lines if line.text == INSTANCES), text="SELECT 1")


def stamp_of(course: Course) -> str:
    """The heartbeat that Valkey has."""
    return str(follow(course.built())[0].state.of(ANNA).heartbeat)


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (unread_version, "section 1, rule 3"),
        (older_row_written, "section 1, rule 3"),
        (newer_row_refused, "section 1, rule 3"),
        (before_commit, "section 1, rule 3"),
        (other_row, "section 1, rule 3"),
        (half_a_row, "section 1, rule 3"),
        (seed_unread, "section 3, rule 2"),
        (mark_left, "section 4, rule 6"),
        (newer_mark_deleted, "section 4, rule 6"),
        (no_version, "section 1, rule 1"),
        (no_row_lock, "section 1, rule 1"),
        (no_notification, "section 1, rule 2"),
        (epoch_unread, "section 2, rule 2"),
        (epoch_gone, "section 2, rule 2"),
        (ping_beside_a_mark, "section 4, the ping"),
        (ping_after_offline, "section 4, the ping"),
        (mark_unread, "section 4, the ping"),
        (heartbeat_set_back, "section 12, rule 4"),
        (ping_without_a_heartbeat, "section 4, the ping"),
        (mark_of_nobody_cleared, "section 4, the ping"),
        (mark_deleted_by_hand, "section 4, rule 7"),
        (mark_cleared_without_the_row, "section 4, the ping"),
        (mark_of_a_second, "section 4, rule 4"),
        (marked_though_pinged, "section 4, rule 4"),
        (marked_though_changed, "section 4, rule 4"),
        (second_look_at_no_heartbeat, "section 4, rule 4"),
        (mark_of_another_version, "section 4, rule 4"),
        (strays_of_the_online, "section 3, rule 5"),
        (sweep_in_another_order, "section 4, rules 1 to 5"),
        (sweep_without_a_bound, "section 4, rule 5"),
        (sweep_of_an_unread_version, "section 4, rule 3"),
        (changed_before_the_lock, "section 1, rule 1"),
        (drawn_before_the_change, "section 1, rule 1"),
        (swept_though_blocked, "section 5, rule 1"),
        (sweep_without_a_mark, "section 4, rule 4"),
        (sweep_without_the_lock, "section 4, rule 2"),
        (sweep_asks_nobody, "section 4, rule 3"),
    ],
)
def test_a_broken_step_convicts_by_its_rule(broken: Callable[[Course], None], rule: str) -> None:
    course = seeded()
    broken(course)
    assert {found.rule for found in convictions(course)} == {rule}


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (step_of_a_lost_seed, "section 3, rule 1"),
        (step_without_a_look, "section 3, rule 1"),
        (row_that_nobody_committed, "section 3, rule 4"),
        (swap_after_too_few_steps, "section 3, rule 5"),
        (swap_of_a_lost_seed, "section 3, rule 1"),
        (swap_that_drops_a_change, "section 3, rule 5"),
    ],
)
def test_a_broken_step_of_a_seed_convicts_by_its_rule(broken: Callable[[Course], None], rule: str) -> None:
    """Its lock is not in the record, which is another conviction of the same section."""
    course = seeded()
    broken(course)
    found = {one.message for one in convictions(course) if one.rule == rule}
    assert found - {"a seed began without the lock SEED"}


def test_a_seed_that_read_before_its_begin_is_convicted() -> None:
    course = begun()
    course.seed(FIRST)
    read = next(line for line in course.lines if "mirror_version AS version" in getattr(line, "text", ""))
    begin = next(line for line in course.lines if getattr(line, "keys", [""])[-1] == "mirror:seed:n1:steps")
    course.replaced(read, t=begin.t - 0.004, at=begin.t - 0.004)
    course.lines.sort(key=lambda line: line.t)
    assert "section 3, rule 2" in {found.rule for found in convictions(course)}


def test_a_seed_that_does_not_wait_for_sweeps_is_convicted() -> None:
    course = begun()
    course.seed(FIRST)
    waits = next(line for line in course.lines if "xact_lock_shared" in getattr(line, "text", ""))
    course.lines.remove(waits)
    assert [found.rule for found in convictions(course)] == ["section 3, rule 3"]


def test_a_seed_without_its_lock_is_convicted() -> None:
    course = begun()
    course.seed(FIRST)
    course.lines = [line for line in course.lines if getattr(line, "session", "") != "s"]
    assert [found.rule for found in convictions(course)] == ["section 3, rule 1"]


def test_a_seed_that_ends_an_outage_without_grace_is_convicted() -> None:
    course = begun()
    course.lines.append(OtherCommand(t=course.now, args=["FLUSHDB"]))
    course.begin()
    course.step(FIRST, grace="0")
    assert "section 3, rule 6" in {found.rule for found in convictions(course)}


def test_a_seed_that_writes_over_a_noted_change_is_convicted() -> None:
    course = seeded()
    course.begin("n2")
    course.change(False)
    call = course.apply(8, False)
    course.replaced(call, ran=[*call.ran, ["HSET", "mirror:seed:n2:changes", ANNA, "8"]])
    course.step(FIRST, nonce="n2")
    assert "section 3, rule 4" in {found.rule for found in convictions(course)}


def test_an_apply_that_notes_nothing_for_a_running_seed_is_convicted() -> None:
    course = seeded()
    course.begin("n2")
    course.change(False)
    course.apply(8, False)
    assert {found.rule for found in convictions(course)} >= {"section 3, rule 2"}


def test_a_fallback_ping_needs_a_block_and_a_wait() -> None:
    def answered(*, block: bool, wait: bool) -> set[str]:
        course = seeded()
        if block:
            sent = "INSERT INTO mirror_instances AS i (instance, store, blocks_until) VALUES ($1, $2, now())"
            course.statement(sent, "1", "run", "6.0", session="b")
            course.statement("SELECT 1", session="b")
        if not wait:  # the seed has waited too, by the same lock
            course.lines = [line for line in course.lines if "xact_lock_shared" not in getattr(line, "text", "")]
        request = course.request("ping", "heartbeat", 200)
        course.statement(
            "SELECT m.is_active, coalesce(o.is_online, false) AS is_online FROM mitras AS m", ANNA, session="f"
        )
        course.at += 1
        del request
        return {found.rule for found in convictions(course)} - {"section 3, rule 3"}

    assert answered(block=True, wait=True) == set()
    assert answered(block=False, wait=True) == {"section 5, rule 1"}
    assert answered(block=True, wait=False) == {"section 5, rules 2 and 3"}


def test_a_ping_that_asked_neither_store_is_convicted() -> None:
    course = seeded()
    course.request("ping", "heartbeat", 200)
    assert [found.rule for found in convictions(course)] == ["section 4, the ping"]


def test_what_monitor_did_not_show_convicts_nobody() -> None:
    """After a blind span a mark, a version or an epoch may be another one."""
    course = seeded()
    course.second_look(FIRST, stamp_of(course))
    blind = (T + course.at + 0.001, T + course.at + 0.002)
    watched = next(line for line in course.lines if isinstance(line, Watched))
    course.replaced(watched, blind=[blind])
    course.at += 2
    course.ping()
    assert convictions(course) == []


def test_a_fault_excuses_what_is_missing_and_not_what_is_wrong() -> None:
    course = seeded()
    fault = FaultEvent(
        t=course.now, number=1, name="out of memory", event="requested", ends=None, hit=["a"], outage=True,
        noticed=True, seeds=True, down=False, truth=False, rewinds=False, beyond=False,
    )  # fmt: skip
    course.lines.append(fault)
    course.change(False)
    course.apply(8, False, wrote=False)  # refused: a script may fail between two commands
    assert convictions(course) == []
    course.ping()  # still online in Valkey, so this is right
    call = course.ping()
    course.replaced(call, ran=[words for words in call.ran if words[1] != MARK])
    assert [found.rule for found in convictions(course)] == ["section 4, the ping"]


def test_an_unknown_outcome_may_have_had_its_effect_or_not() -> None:
    """The last COMMIT of a session may be lost: both rows explain what follows."""
    for online in (True, False):
        course = seeded()
        lines = course.change(False)
        del course.lines[course.lines.index(lines[-1])]
        if online:
            course.transaction(
                "d",
                (LOCK, f"{{{ANNA}}}"),
                ("UPDATE chat_sessions SET status = 'ended'", ANNA),
                (lines[3].text, f"{{{ANNA}}}", ""),
            )
        course.apply(8 if not online else 9, online)
        assert convictions(course) == [], online


def test_the_item_tells_the_first_conviction_and_draws_it() -> None:
    course = seeded()
    mark_of_a_second(course)
    judgement, shown = judge_lines(ITEM, course.built(), {})
    assert judgement.verdict == "failed"
    assert "section 4, rule 4" in judgement.message
    paths = [piece for piece in shown if piece["kind"] == "path"]
    assert [piece["title"] for piece in paths] == ["What happened", "The nearest path that the protocol allows"]
    assert paths[1]["steps"][-1]["text"] == "the mark lives for 60 s"


def test_a_run_of_another_version_of_the_protocol_is_refused_by_name() -> None:
    course = seeded()
    told = next(line for line in course.lines if isinstance(line, ProtocolSeen))
    course.replaced(told, version=0)
    judgement, _ = judge_lines(ITEM, course.built(), {})
    assert judgement.verdict == "inconclusive"
    assert "recorded for version 0 of the protocol" in judgement.message


def test_a_run_without_recorded_scripts_is_refused() -> None:
    judgement, _ = judge_lines(ITEM, Course([Watched(t=T, blind=[], statements=True)]).built(), {})
    assert judgement.verdict == "inconclusive"
    assert "run the campaign again" in judgement.message


def test_each_step_that_is_counted_is_an_action_of_a_specification() -> None:
    known = specifications()
    for step, action in STEPS.items():
        spec, _, name = action.partition(".")
        assert name in {one.name for one in known[spec].actions}, step


def test_only_steps_that_are_listed_are_counted() -> None:
    context, _ = follow(whole().built())
    assert set(context.steps) <= set(STEPS)
    assert context.steps["a change commits"] == 3
