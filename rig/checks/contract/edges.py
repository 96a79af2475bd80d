"""Judges the edges of the API."""

from collections.abc import Sequence

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations import edges
from rig.record.observations.edges import Tried
from rig.record.observations.parts import fields_of

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
        if code == edges.NOT_SENT:
            continue
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
def methods_and_paths(judge: ProbeJudge, seen: edges.MethodsAndPaths) -> None:
    all_of(judge, "HTTP-03", seen.methods, 405, "METHOD_NOT_ALLOWED")
    all_of(judge, "HTTP-03", seen.paths, 404, "NOT_FOUND")


@probe_check("bodies that are wrong", "HTTP-01", "HTTP-02", "HTTP-07", "HTTP-08", "HTTP-09", "HTTP-20")
def wrong_bodies(judge: ProbeJudge, seen: edges.WrongBodies) -> None:
    sound(judge, seen.just_fits)
    for what, status, code, _ in seen.just_fits:
        judge.require("HTTP-07", status == 204, f"{what} with a body of exactly 64 KiB: got {status} {code or ''}")
    all_of(judge, "HTTP-08", seen.not_json, 400, "BAD_JSON")
    all_of(judge, "HTTP-07", seen.too_large, 413, "PAYLOAD_TOO_LARGE")
    all_of(judge, "HTTP-09", seen.missing, 400, "VALIDATION_ERROR")
    all_of(judge, "HTTP-09", seen.wrong, 400, "VALIDATION_ERROR")
    all_of(judge, "HTTP-09", seen.not_an_object, 400, "VALIDATION_ERROR", "BAD_JSON")


@probe_check("ids that are wrong", "HTTP-01", "HTTP-02", "HTTP-09", "HTTP-11", "HTTP-20", "REROUTE-02")
def wrong_ids(judge: ProbeJudge, seen: edges.WrongIds) -> None:
    # A path that is taken apart before it is read may as well be no route.
    plain = [tried for tried in seen.malformed if "%" not in tried.what]
    all_of(judge, "HTTP-09", plain, 400, "VALIDATION_ERROR")
    sound(judge, [tried for tried in seen.malformed if "%" in tried.what])
    known = [tried for tried in seen.unknown if tried.what != "reachable"]
    all_of(judge, "HTTP-11", known, 404, "NOT_FOUND")
    all_of(judge, "REROUTE-02", [tried for tried in known if tried.what.startswith("reroute")], 404, "NOT_FOUND")
    sound(judge, seen.unknown)


@probe_check("order of errors", "HTTP-01", "HTTP-02", "HTTP-04", "HTTP-05", "HTTP-06", "HTTP-20", "DEACT-04")
def order_of_errors(judge: ProbeJudge, seen: edges.OrderOfErrors) -> None:
    all_of(judge, "HTTP-04", seen.no_token, 401, "UNAUTHENTICATED")
    all_of(judge, "HTTP-05", seen.wrong_role, 403, "FORBIDDEN")
    all_of(judge, "HTTP-06", seen.inactive, 403, "ACCOUNT_INACTIVE")
    all_of(judge, "DEACT-04", seen.inactive, 403, "ACCOUNT_INACTIVE")


@probe_check("bodies nobody asked for", "HTTP-02", "HTTP-12", "HTTP-13", "HTTP-18", "HTTP-01", "HTTP-20")
def bodies_nobody_asked_for(judge: ProbeJudge, seen: edges.UnwantedBodies) -> None:
    heads = [Tried(f"a header of {one.length}", one.status, one.code, one.seconds) for one in seen.heads]
    for sentence, tried in (("HTTP-12", seen.answers), ("HTTP-18", seen.upgraded), ("HTTP-13", heads)):
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


@probe_check("answers of every route", "API-01", "API-03")
def answers_of_routes(judge: ProbeJudge, seen: edges.RouteAnswers) -> None:
    for route, fields in FIELDS.items():
        body = fields_of(seen.shapes.get(route))
        for name, kind in fields.items():
            value = body.get(name)
            right = type(value) is kind
            judge.require("API-03", right, f"{route}: `{name}` is {value!r}, expected {kind.__name__}")
    session = fields_of(seen.shapes.get("get"))
    for name in ("id", "customer_id", "mitra_id", "status", "duration_seconds", "ends_at"):
        judge.require("API-01", name in session, f"a session lacks `{name}`")


@probe_check("answers of open routes", "AUTH-01", "AUTH-21", "BEACON-07", "READY-01", "READY-02", "READY-04")
def answers_of_open_routes(judge: ProbeJudge, seen: edges.OpenAnswers) -> None:
    providers = fields_of(seen.shapes.get("providers")).get("providers")
    named = [one.get("id") for one in providers if isinstance(one, dict)] if isinstance(providers, list) else []
    judge.require("AUTH-01", "otp" in named, f"the providers are {named}, expected otp among them")
    beacon = seen.shapes.get("beacon")
    told = {"available", "count"} <= fields_of(beacon).keys()
    judge.require("BEACON-07", told, f"the beacon answers {beacon!r} without a token")
    for path, sentence in (("/healthz", "READY-01"), ("/readyz", "READY-02"), ("/metrics", "READY-04")):
        status, content_type, text = seen.health[path]
        judge.require(sentence, status == 200, f"{path} is {status}")
        judge.require("AUTH-21", status not in (401, 403), f"{path} is {status} without a token")
        if path == "/metrics":
            lines = [line for line in text.splitlines()[:-1] if line and not line.startswith("#")]
            wrong = [line for line in lines if not metric(line)]
            judge.require(
                "READY-04",
                content_type.startswith("text/plain") and lines and not wrong,
                f"/metrics is {content_type}, and no Prometheus text: {wrong[:1] or text[:80]!r}",
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
def minted_tokens(judge: ProbeJudge, seen: edges.MintedTokens) -> None:
    answers = seen.answers
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
    status, code, _ = seen.deactivated
    judge.require("AUTH-23", status == 200, f"the profile of a deactivated mitra was answered {status} {code or ''}")
