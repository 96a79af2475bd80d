"""A limit of what is kept or shown decides no verdict: what a check looks for is found behind it."""

from types import SimpleNamespace

from features.steps.windows import PARAMETERS_KEPT, tally
from rig.checks import load_checks
from rig.checks.checklist.section_e import require_one_transaction
from rig.checks.common.sql_statements import ids_in
from rig.checks.common.valkey_commands import deletes_key, sets_key
from rig.checks.framework import Judge, Kind
from rig.contract import HEARTBEAT, SNAPSHOT
from rig.observe.postgres.statement import Statement
from rig.record.observations.parts import SqlStatement
from rig.runs.chaos.final_state import ARGUMENTS_MAX, kept
from rig.runs.load.arm import IDS_KEPT, ids_of
from tests.support.course_lines import course
from tests.support.record_lines import judge_plain
from tests.support.seen_variants import T

load_checks()


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def test_whom_a_statement_is_about_is_kept_however_often_it_ran() -> None:
    """C-02 looks for the mitra's id in the statements of 500 pings, of which equal ones are kept as one."""
    many = PARAMETERS_KEPT + 5
    asked = [statement(1, "SELECT $1, $2", str(n), uuid(n)) for n in range(many)]
    (counted,) = tally(asked)
    assert counted.count == many
    assert ids_in(counted) == {uuid(n) for n in range(many)}
    assert len(counted.parameters) <= many + PARAMETERS_KEPT


def test_a_key_behind_many_others_is_seen_to_be_written() -> None:
    """INV-10 and INV-16 look for a heartbeat among the words of one MSET, and for the snapshot among those of one DEL."""
    pairs = [word for n in range(30) for word in (HEARTBEAT + uuid(n), "2026-01-01T00:00:00.000Z")]
    written = SimpleNamespace(args=kept("MSET", ["MSET", *pairs]))
    assert all(sets_key(written, HEARTBEAT + uuid(n)) for n in range(30))
    deleted = SimpleNamespace(args=kept("DEL", ["DEL", *map(str, range(2 * ARGUMENTS_MAX)), SNAPSHOT]))
    assert deletes_key(deleted, SNAPSHOT)
    assert len(deleted.args) == ARGUMENTS_MAX + 1


def test_a_chat_among_many_mitras_is_kept_as_the_cause_of_its_statement() -> None:
    known = {uuid(n): "fleet" for n in range(3 * IDS_KEPT)}
    chat = "c" * 8 + uuid(0)[8:]
    text = "INSERT INTO chat_request_notifications SELECT $1, unnest($2::uuid[])"
    told = (chat, "{" + ",".join(known) + "}")
    statement = Statement(
        at=1.0, role="sut_a", pid=1, kind="work", severity="LOG", text=text, parameters=list(told), instance="a",
        session="s", application="x",
    )  # fmt: skip
    ids, carried, fleet, strangers = ids_of(statement, known)
    assert (ids, carried, fleet, strangers) == ([chat], len(known) + 1, len(known), 1)


def statement(pid: int, text: str, *parameters: str) -> SqlStatement:
    return SqlStatement(
        at=T, role="sut_a", instance="a", class_="work", text=text, parameters=list(parameters), severity="LOG", pid=pid,
        committed_at=None,
    )  # fmt: skip


def test_each_sign_in_is_revoked_in_the_transaction_not_just_the_first() -> None:
    """E-04: one is revoked with the account, the other one a transaction later."""
    account = [
        statement(1, "BEGIN"),
        statement(1, "UPDATE mitras SET is_active = false WHERE id = $1"),
        statement(1, "UPDATE auth_sessions SET revoked_at = now() WHERE id = $1"),
        statement(1, "COMMIT"),
    ]
    later = statement(1, "UPDATE auth_sessions SET revoked_at = now() WHERE user_id = $1")
    good, bad = Judge(Kind.PROMISE), Judge(Kind.PROMISE)
    require_one_transaction(good, account)
    require_one_transaction(bad, [*account, statement(1, "BEGIN"), later, statement(1, "COMMIT")])
    assert not good.broken_promises + good.inconclusive_reasons
    assert bad.broken_promises == ["the account and its sign-ins were written in two transactions"]


def test_a_look_at_the_row_in_another_transaction_is_no_write_of_the_account() -> None:
    split = [
        statement(1, "BEGIN"),
        statement(1, "UPDATE mitras SET is_active = false WHERE id = $1"),
        statement(1, "COMMIT"),
        statement(1, "BEGIN"),
        statement(1, "SELECT is_active FROM mitras WHERE id = $1 FOR UPDATE"),
        statement(1, "UPDATE auth_sessions SET revoked_at = now() WHERE user_id = $1"),
        statement(1, "COMMIT"),
    ]
    judge = Judge(Kind.PROMISE)
    require_one_transaction(judge, split)
    assert judge.broken_promises


def test_a_broken_promise_needs_no_sample_size() -> None:
    """INV-19: a server that audits next to nothing, and that wrongly, is not open for having audited so little."""
    lines = course()
    lines["left"][0]["audit"] = [{"id": 1.0, "mitra_id": uuid(1), "status": "offline", "at": 1001.0}]
    judgement, _ = judge_plain("INV-19", lines, {"rows_min": 20})
    assert judgement.verdict == "failed"
