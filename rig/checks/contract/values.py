"""Judges values at their bounds, ids in upper case, and what stands in rows and in the snapshot."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rig.checks.contract.edges import all_of, sound
from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.lines.base import Json
from rig.record.observations import edges
from rig.record.observations.edges import Tried
from rig.record.observations.parts import fields_of

SNAPSHOT_MS = 10_000
READ_MS = 2_000  # between a write of the snapshot and the look at its life


@probe_check("values at their bounds", "CHAT-02", "CONFIG-03", "AUTH-02", "AUTH-03", "HTTP-01", "HTTP-02", "HTTP-20")
def values_at_bounds(judge: ProbeJudge, seen: edges.ValuesAtBounds) -> None:
    all_of(judge, "CHAT-02", seen.wrong_durations, 400, "VALIDATION_ERROR")
    served(judge, "CHAT-02", seen.right_durations, 201)
    all_of(judge, "CONFIG-03", seen.wrong_settings, 400, "VALIDATION_ERROR")
    served(judge, "CONFIG-03", seen.right_settings, 200)
    all_of(judge, "CONFIG-03", seen.unknown_setting, 404, "NOT_FOUND")
    all_of(judge, "AUTH-03", seen.phones, 400, "VALIDATION_ERROR")
    for of_known, of_unknown in zip(seen.codes[::2], seen.codes[1::2], strict=True):
        for what, status, reply in (of_known, of_unknown):
            told = isinstance(reply, dict) and isinstance(reply.get("expires_in"), int)
            judge.require(
                "AUTH-02", status == 200 and told, f"{what}: got {status} {reply}, expected 200 with `expires_in`"
            )
        judge.require(
            "AUTH-02", of_known[1:] == of_unknown[1:],
            f"a known phone is answered {of_known[1:]}, an unknown one {of_unknown[1:]}: they can be told apart",
        )  # fmt: skip


def served(judge: ProbeJudge, sentence: str, tried: Sequence[Tried], status: int) -> None:
    """Each of these is allowed."""
    sound(judge, tried)
    for what, got, code, _ in tried:
        judge.require(sentence, got == status, f"{what}: got {got} {code or ''}, expected {status}")


@probe_check("people nobody knows", "AUTH-04", "AUTH-05")
def unknown_people(judge: ProbeJudge, seen: edges.UnknownPeople) -> None:
    for role, got, wanted in (
        ("mitra", seen.mitra, (401, "OTP_INVALID", 0)),
        ("customer", seen.client, (200, None, 1)),
    ):
        judge.require(
            "AUTH-05", tuple(got) == wanted,
            f"an unknown {role} with the right code: got {got.status} {got.code or ''} and has {got.rows} rows,"
            f" expected {wanted[0]} {wanted[1] or ''} and {wanted[2]}",
        )  # fmt: skip
    for what, status, code, theirs in seen.lookalikes:
        right = not theirs and (status, code) in ((200, None), (401, "OTP_INVALID"))
        told = "signed in the account of the other phone" if theirs else f"got {status} {code or ''}"
        judge.require("AUTH-04", right, f"{what}: the right code {told}")


@probe_check("ids in upper case", "ID-01", "ID-02")
def upper_case_ids(judge: ProbeJudge, seen: edges.UpperCaseIds) -> None:
    path, body, sub = seen.path, seen.body, seen.sub
    told = f"a chat's id in upper case in the path: got {path.status}, expected 200"
    if judge.require("ID-02", path.status == 200, told):
        told = f"asked for {path.id.upper()}, the answer tells the id {path.told}, expected {path.id}"
        judge.require("ID-01", path.told == path.id, told)
    if judge.assume("ID-02", seen.taken == 200, f"the accept was answered {seen.taken}"):
        # The mitra has the chat: where her id is understood, that is the reason of the refusal.
        right = (body.status, body.code) == (409, "INVALID_STATE")
        told = f"a mitra's id in upper case in the body: got {body.status} {body.code}, expected 409 INVALID_STATE"
        judge.require("ID-02", right, told)
    told = f"a `sub` in upper case: got {sub.status} {sub.code or ''}, expected 200"
    judge.require("ID-02", sub.status == 200, told)


@probe_check("status of a mitra", "TOGGLE-09", "TIME-02")
def status_of_mitra(judge: ProbeJudge, seen: edges.StatusesRead) -> None:
    for at, changed, status, reply in seen.found:
        if not judge.assume("TOGGLE-09", changed == 1, f"{changed} rows of mitra_online_status were changed by hand"):
            continue
        is_object = isinstance(reply, dict)
        if not judge.require("TOGGLE-09", status == 200 and is_object, f"the status is {status}: {reply}"):
            continue
        fields = fields_of(reply)
        judge.require("TOGGLE-09", fields.get("is_online") is True, f"`is_online` is {fields.get('is_online')!r}")
        told = fields.get("last_heartbeat_at", "missing")
        read = epoch(told)
        if told is not None:
            judge.require("TIME-02", read is not None, f"`last_heartbeat_at` is {told!r}, no ISO-8601 time in UTC")
        right = told is None if at is None else read is not None and abs(read - at) < 0.001
        judge.require(
            "TOGGLE-09", right, f"`last_heartbeat_at` is {told!r}, the row holds {at if at is None else utc(at)!r}"
        )


def epoch(text: object) -> float | None:
    """Epoch seconds of an ISO-8601 time with an offset of zero; None for anything else."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    if at is None:
        return None
    offset = at.utcoffset()
    return at.timestamp() if offset is not None and not offset else None


def utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


@probe_check("snapshot", "KEY-06", "BEACON-01", "BEACON-03", "BEACON-05", "BEACON-08")
def snapshot(judge: ProbeJudge, seen: edges.Snapshots) -> None:
    for who, polled, count in (("nobody", seen.nobody, 0), ("somebody", seen.somebody, 1)):
        status, reply, text, left_ms = polled
        wanted = {"available": count > 0, "count": count}
        told = f"with {who} available"
        judge.require("BEACON-03", status == 200 and has(reply, wanted), f"{told} the beacon answered {status} {reply}")
        judge.require("KEY-06", has(decoded(text), wanted), f"{told} the snapshot is {text!r}, expected {wanted}")
        judge.require(
            "KEY-06", SNAPSHOT_MS - READ_MS <= left_ms <= SNAPSHOT_MS,
            f"{told} the snapshot lives for {left_ms / 1000:.1f} s, expected 10 s",
        )  # fmt: skip
    for status, reply in seen.by_hand:
        right = status == 200 and has(reply, {"available": True, "count": 7})
        judge.require("BEACON-01", right, f"a snapshot of 7 that was written by hand was answered {status} {reply}")
    left_ms = seen.left_ms
    judge.require("BEACON-08", left_ms <= 4000, f"a snapshot with 4 s to live had {left_ms} ms after it was read")
    if judge.assume("BEACON-05", seen.changed == 200, f"the change of the setting was answered {seen.changed}"):
        judge.require(
            "BEACON-05", seen.left is None, f"1 s after a setting was changed the snapshot still is {seen.left!r}"
        )
    for key, left in seen.kept.items():
        judge.require("BEACON-05", left is None, f"1 s after {key} was changed the snapshot still is {left!r}")


def decoded(text: str | None) -> Json:
    """The value of this JSON; None where it is none."""
    try:
        value: Json = json.loads(text or "null")
    except ValueError:
        return None
    return value


def has(found: Json, wanted: Mapping[str, Json]) -> bool:
    """Whether this is an object with these values, of the same types."""
    return isinstance(found, dict) and all(
        name in found and found[name] == value and type(found[name]) is type(value) for name, value in wanted.items()
    )


@probe_check("refresh tokens in rows", "TABLE-09", "AUTH-12")
def refresh_tokens_in_rows(judge: ProbeJudge, seen: edges.RefreshTokens) -> None:
    signed_in = seen.signed_in == 200 and seen.token
    for sentence in ("TABLE-09", "AUTH-12"):
        if not judge.assume(sentence, signed_in, f"signing in was answered {seen.signed_in}"):
            return
    judge.require("TABLE-09", seen.held == 0, f"{seen.held} rows of auth_sessions hold the refresh token itself")
    status, code = seen.expired
    judge.require(
        "AUTH-12", (status, code) == (401, "REFRESH_INVALID"),
        f"a refresh token whose `expires_at` is over was answered {status} {code or ''}, expected 401 REFRESH_INVALID",
    )  # fmt: skip
