"""Judges values at their bounds, ids in upper case, and what stands in rows and in the snapshot."""

import json
from datetime import UTC, datetime
from typing import Any

from rig.checks.contract.edges import Tried, all_of, sound
from rig.checks.contract.probes import ProbeJudge, Seen, probe_check

SNAPSHOT_MS = 10_000
READ_MS = 2_000  # between a write of the snapshot and the look at its life


@probe_check("values at their bounds", "CHAT-02", "CONFIG-03", "AUTH-02", "AUTH-03", "HTTP-01", "HTTP-02", "HTTP-20")
def values_at_bounds(judge: ProbeJudge, seen: Seen) -> None:
    all_of(judge, "CHAT-02", seen["wrong durations"], 400, "VALIDATION_ERROR")
    served(judge, "CHAT-02", seen["right durations"], 201)
    all_of(judge, "CONFIG-03", seen["wrong settings"], 400, "VALIDATION_ERROR")
    served(judge, "CONFIG-03", seen["right settings"], 200)
    all_of(judge, "CONFIG-03", seen["unknown setting"], 404, "NOT_FOUND")
    all_of(judge, "AUTH-03", seen["phones"], 400, "VALIDATION_ERROR")
    for of_known, of_unknown in zip(seen["codes"][::2], seen["codes"][1::2], strict=True):
        for what, status, reply in (of_known, of_unknown):
            told = isinstance(reply, dict) and isinstance(reply.get("expires_in"), int)
            judge.require(
                "AUTH-02", status == 200 and told, f"{what}: got {status} {reply}, expected 200 with `expires_in`"
            )
        judge.require(
            "AUTH-02", of_known[1:] == of_unknown[1:],
            f"a known phone is answered {of_known[1:]}, an unknown one {of_unknown[1:]}: they can be told apart",
        )  # fmt: skip


def served(judge: ProbeJudge, sentence: str, tried: list[Tried], status: int) -> None:
    """Each of these is allowed."""
    sound(judge, tried)
    for what, got, code, _ in tried:
        judge.require(sentence, got == status, f"{what}: got {got} {code or ''}, expected {status}")


@probe_check("people nobody knows", "AUTH-05")
def unknown_people(judge: ProbeJudge, seen: Seen) -> None:
    right = {"mitra": (401, "OTP_INVALID", 0), "client": (200, None, 1)}
    for role, wanted in right.items():
        status, code, rows = seen[role]
        judge.require(
            "AUTH-05", (status, code, rows) == wanted,
            f"an unknown {role} with the right code: got {status} {code or ''} and has {rows} rows,"
            f" expected {wanted[0]} {wanted[1] or ''} and {wanted[2]}",
        )  # fmt: skip


@probe_check("ids in upper case", "ID-01", "ID-02")
def upper_case_ids(judge: ProbeJudge, seen: Seen) -> None:
    status, told, id = seen["path"]
    if judge.require("ID-02", status == 200, f"a chat's id in upper case in the path: got {status}, expected 200"):
        judge.require("ID-01", told == id, f"asked for {id.upper()}, the answer tells the id {told}, expected {id}")
    if judge.assume("ID-02", seen["taken"] == 200, f"the accept was answered {seen['taken']}"):
        status, code, _ = seen["body"]  # the mitra has the chat: where her id is understood, that is the reason
        right = (status, code) == (409, "INVALID_STATE")
        judge.require(
            "ID-02", right, f"a mitra's id in upper case in the body: got {status} {code}, expected 409 INVALID_STATE"
        )
    status, code, _ = seen["sub"]
    judge.require("ID-02", status == 200, f"a `sub` in upper case: got {status} {code or ''}, expected 200")


@probe_check("status of a mitra", "TOGGLE-09", "TIME-02")
def status_of_mitra(judge: ProbeJudge, seen: Seen) -> None:
    for at, changed, status, reply in seen["found"]:
        if not judge.assume("TOGGLE-09", changed == 1, f"{changed} rows of mitra_online_status were changed by hand"):
            continue
        if not judge.require(
            "TOGGLE-09", status == 200 and isinstance(reply, dict), f"the status is {status}: {reply}"
        ):
            continue
        judge.require("TOGGLE-09", reply.get("is_online") is True, f"`is_online` is {reply.get('is_online')!r}")
        told = reply.get("last_heartbeat_at", "missing")
        read = epoch(told)
        if told is not None:
            judge.require("TIME-02", read is not None, f"`last_heartbeat_at` is {told!r}, no ISO-8601 time in UTC")
        right = told is None if at is None else read is not None and abs(read - at) < 0.001
        judge.require(
            "TOGGLE-09", right, f"`last_heartbeat_at` is {told!r}, the row holds {at if at is None else utc(at)!r}"
        )


def epoch(text: Any) -> float | None:
    """Epoch seconds of an ISO-8601 time with an offset of zero; None for anything else."""
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    offset = at.utcoffset()
    return at.timestamp() if offset is not None and not offset else None


def utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


@probe_check("snapshot", "KEY-06", "BEACON-01", "BEACON-03", "BEACON-05", "BEACON-08")
def snapshot(judge: ProbeJudge, seen: Seen) -> None:
    for who, count in (("nobody", 0), ("somebody", 1)):
        status, reply, text, left_ms = seen[who]
        wanted = {"available": count > 0, "count": count}
        told = f"with {who} available"
        judge.require("BEACON-03", status == 200 and has(reply, wanted), f"{told} the beacon answered {status} {reply}")
        judge.require("KEY-06", has(decoded(text), wanted), f"{told} the snapshot is {text!r}, expected {wanted}")
        judge.require(
            "KEY-06", SNAPSHOT_MS - READ_MS <= left_ms <= SNAPSHOT_MS,
            f"{told} the snapshot lives for {left_ms / 1000:.1f} s, expected 10 s",
        )  # fmt: skip
    for status, reply in seen["by hand"]:
        right = status == 200 and has(reply, {"available": True, "count": 7})
        judge.require("BEACON-01", right, f"a snapshot of 7 that was written by hand was answered {status} {reply}")
    left_ms = seen["left_ms"]
    judge.require("BEACON-08", left_ms <= 4000, f"a snapshot with 4 s to live had {left_ms} ms after it was read")
    if judge.assume("BEACON-05", seen["changed"] == 200, f"the change of the setting was answered {seen['changed']}"):
        judge.require(
            "BEACON-05", seen["left"] is None, f"1 s after a setting was changed the snapshot still is {seen['left']!r}"
        )


def decoded(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None


def has(found: Any, wanted: dict[str, Any]) -> bool:
    """Whether this is an object with these values, of the same types."""
    return isinstance(found, dict) and all(
        name in found and found[name] == value and type(found[name]) is type(value) for name, value in wanted.items()
    )


@probe_check("refresh tokens in rows", "TABLE-09", "AUTH-12")
def refresh_tokens_in_rows(judge: ProbeJudge, seen: Seen) -> None:
    signed_in = seen["signed_in"] == 200 and seen["token"]
    for sentence in ("TABLE-09", "AUTH-12"):
        if not judge.assume(sentence, signed_in, f"signing in was answered {seen['signed_in']}"):
            return
    judge.require("TABLE-09", seen["held"] == 0, f"{seen['held']} rows of auth_sessions hold the refresh token itself")
    status, code = seen["expired"]
    judge.require(
        "AUTH-12", (status, code) == (401, "REFRESH_INVALID"),
        f"a refresh token whose `expires_at` is over was answered {status} {code or ''}, expected 401 REFRESH_INVALID",
    )  # fmt: skip
