"""Judges the edges of the API."""

from collections.abc import Sequence
from typing import Any

from rig.checks.contract.probes import ProbeJudge, Seen, probe_check

ANSWER_S = 5.0
CODES = {
    400: {"BAD_JSON", "VALIDATION_ERROR"},
    401: {"UNAUTHENTICATED", "TOKEN_EXPIRED", "OTP_INVALID", "REFRESH_INVALID"},
    403: {"FORBIDDEN", "ACCOUNT_INACTIVE"},
    404: {"NOT_FOUND"},
    405: {"METHOD_NOT_ALLOWED"},
    409: {"INVALID_STATE", "ALREADY_TAKEN", "MITRA_AT_CAPACITY", "MITRA_UNREACHABLE", "NO_MITRA_AVAILABLE"},
    413: {"PAYLOAD_TOO_LARGE"},
    429: {"OTP_TOO_MANY_ATTEMPTS"},
    503: {"SERVICE_UNAVAILABLE"},
}
# One answer: what was sent, status, code, seconds.
Tried = Sequence[Any]


def all_of(judge: ProbeJudge, sentence: str, tried: Sequence[Tried], status: int, *codes: str) -> None:
    """Each of these must be refused so; and none of them may be a defect, or be late, or have another form."""
    sound(judge, tried)
    for what, got, code, _ in tried:
        if got is not None and got < 500:
            judge.require(
                sentence, got == status and code in codes,
                f"{what}: got {got} {code or 'without a code'}, expected {status} {' or '.join(codes)}",
            )  # fmt: skip


def sound(judge: ProbeJudge, tried: Sequence[Tried]) -> None:
    """What holds for each answer, whatever was sent."""
    for what, status, code, seconds in tried:
        judge.require("HTTP-20", status is not None, f"{what}: no answer, {code}")
        judge.require("HTTP-20", seconds <= ANSWER_S, f"{what}: answered after {seconds:.1f} s")
        if status is None:
            continue
        judge.require("HTTP-02", status < 500, f"{what}: got {status} {code or ''}")
        if 400 <= status < 500:
            judge.require(
                "HTTP-01",
                code in CODES.get(status, set()),
                f"{what}: {status} with the code {code}, no error of the contract",
            )


@probe_check("wrong methods and paths", "HTTP-01", "HTTP-02", "HTTP-03", "HTTP-20")
def methods_and_paths(judge: ProbeJudge, seen: Seen) -> None:
    all_of(judge, "HTTP-03", seen["methods"], 405, "METHOD_NOT_ALLOWED")
    all_of(judge, "HTTP-03", seen["paths"], 404, "NOT_FOUND")


@probe_check("bodies that are wrong", "HTTP-01", "HTTP-02", "HTTP-07", "HTTP-08", "HTTP-09", "HTTP-20")
def wrong_bodies(judge: ProbeJudge, seen: Seen) -> None:
    all_of(judge, "HTTP-08", seen["not json"], 400, "BAD_JSON")
    all_of(judge, "HTTP-07", seen["too large"], 413, "PAYLOAD_TOO_LARGE")
    all_of(judge, "HTTP-09", seen["missing"], 400, "VALIDATION_ERROR")
    all_of(judge, "HTTP-09", seen["wrong"], 400, "VALIDATION_ERROR")
    all_of(judge, "HTTP-09", seen["not an object"], 400, "VALIDATION_ERROR", "BAD_JSON")


@probe_check("ids that are wrong", "HTTP-01", "HTTP-02", "HTTP-09", "HTTP-11", "HTTP-20")
def wrong_ids(judge: ProbeJudge, seen: Seen) -> None:
    # A path that is taken apart before it is read may as well be no route.
    plain = [tried for tried in seen["malformed"] if "%" not in tried[0]]
    all_of(judge, "HTTP-09", plain, 400, "VALIDATION_ERROR")
    sound(judge, [tried for tried in seen["malformed"] if "%" in tried[0]])
    known = [tried for tried in seen["unknown"] if tried[0] != "reachable"]
    all_of(judge, "HTTP-11", known, 404, "NOT_FOUND")
    sound(judge, seen["unknown"])


@probe_check("order of errors", "HTTP-01", "HTTP-02", "HTTP-04", "HTTP-05", "HTTP-06", "HTTP-20", "DEACT-04")
def order_of_errors(judge: ProbeJudge, seen: Seen) -> None:
    all_of(judge, "HTTP-04", seen["no token"], 401, "UNAUTHENTICATED")
    all_of(judge, "HTTP-05", seen["wrong role"], 403, "FORBIDDEN")
    all_of(judge, "HTTP-06", seen["inactive"], 403, "ACCOUNT_INACTIVE")
    all_of(judge, "DEACT-04", seen["inactive"], 403, "ACCOUNT_INACTIVE")


@probe_check("bodies nobody asked for", "HTTP-02", "HTTP-12", "HTTP-13", "HTTP-18", "HTTP-01", "HTTP-20")
def bodies_nobody_asked_for(judge: ProbeJudge, seen: Seen) -> None:
    for sentence, tried in (("HTTP-12", seen["answers"]), ("HTTP-18", seen["upgraded"]), ("HTTP-13", seen["heads"])):
        sound(judge, tried)
        for what, status, code, _ in tried:
            judge.require(sentence, status == 200, f"{what}: got {status} {code or ''}")


FIELDS: dict[str, dict[str, type]] = {
    "beacon": {"available": bool, "count": int},
    "profile": {"id": str, "phone": str, "display_name": str},
    "status": {"is_online": bool},
    "offers": {"chat_requests": list},
    "dashboard": {"online_mitras": int},
    "mitras": {"mitras": list},
    "available": {"mitra_ids": list},
    "config": {"config": dict},
    "reachable": {"reachable": bool},
    "get": {"id": str, "customer_id": str, "status": str, "duration_seconds": int},
}


@probe_check(
    "answers of every route", "API-01", "API-03", "AUTH-01", "AUTH-21", "BEACON-07", "READY-01", "READY-02", "READY-04"
)
def answers_of_routes(judge: ProbeJudge, seen: Seen) -> None:
    shapes = seen["shapes"]
    for route, fields in FIELDS.items():
        body = shapes.get(route)
        for name, kind in fields.items():
            value = body.get(name) if isinstance(body, dict) else None
            right = type(value) is kind
            judge.require("API-03", right, f"{route}: `{name}` is {value!r}, expected {kind.__name__}")
    session = shapes.get("get") if isinstance(shapes.get("get"), dict) else {}
    for name in ("id", "customer_id", "mitra_id", "status", "duration_seconds", "ends_at"):
        judge.require("API-01", name in session, f"a session lacks `{name}`")
    providers = shapes.get("providers")
    named = [one.get("id") for one in providers.get("providers", [])] if isinstance(providers, dict) else []
    judge.require("AUTH-01", "otp" in named, f"the providers are {named}, expected otp among them")
    beacon = shapes.get("beacon")
    told = isinstance(beacon, dict) and {"available", "count"} <= beacon.keys()
    judge.require("BEACON-07", told, f"the beacon answers {beacon!r} without a token")
    for path, sentence in (("/healthz", "READY-01"), ("/readyz", "READY-02"), ("/metrics", "READY-04")):
        status, kind, text = seen["health"][path]
        judge.require(sentence, status == 200, f"{path} is {status}")
        judge.require("AUTH-21", status not in (401, 403), f"{path} is {status} without a token")
        if path == "/metrics":
            lines = [line for line in text.splitlines()[:-1] if line and not line.startswith("#")]
            wrong = [line for line in lines if not metric(line)]
            judge.require(
                "READY-04",
                kind.startswith("text/plain") and lines and not wrong,
                f"/metrics is {kind}, and no Prometheus text: {wrong[:1] or text[:80]!r}",
            )


def metric(line: str) -> bool:
    """Whether this is a sample of Prometheus' text form."""
    _, _, value = line.rpartition(" ")
    try:
        float(value)
    except ValueError:
        return False
    return True


@probe_check("tokens that were minted", "AUTH-15", "AUTH-16", "AUTH-17", "AUTH-23")
def minted_tokens(judge: ProbeJudge, seen: Seen) -> None:
    answers = seen["answers"]
    status, code, _ = answers["fresh"]
    judge.require("AUTH-15", status == 200, f"a minted token was answered {status} {code or ''}")
    status, code, _ = answers["expired"]
    judge.require(
        "AUTH-16", (status, code) == (401, "TOKEN_EXPIRED"), f"an expired token was answered {status} {code or ''}"
    )
    for kind in ("other secret", "unsigned", "tampered"):
        status, code, _ = answers[kind]
        judge.require(
            "AUTH-17",
            (status, code) == (401, "UNAUTHENTICATED"),
            f"a token that is {kind} was answered {status} {code or ''}",
        )
    status, code, _ = seen["deactivated"]
    judge.require("AUTH-23", status == 200, f"the profile of a deactivated mitra was answered {status} {code or ''}")
