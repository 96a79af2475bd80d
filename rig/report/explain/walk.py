"""A walk that broke a sentence, told again: as a scenario for a reader, and as lines that a shell can run.

The lines are for `rig serve`: `rig env` gives the tokens, ids and addresses that they use.
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rig.report import text
from rig.service import accounts, chats, control, offers, presence
from rig.service.steps import ACTIONS, Action, Step

MODULES = (accounts, chats, control, offers, presence)  # each declares its actions when it is imported
# Who the people of a walk are in `rig serve`.
PEOPLE = {"m1": "Sari", "m2": "Dewi", "m3": "Rani", "c1": "Budi", "c2": "Tono", "operator": "the operator"}
WRONG_CODE = "000000"
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
# What each action is in words; `{chat}`, `{mitra}`, `{value}` and `{key}` stand for those of the step.
WORDS = {
    "online": "goes online", "offline": "goes offline", "ping": "sends a ping", "status": "asks for her status",
    "profile": "asks for her profile", "beacon": "asks whether anyone is available", "dashboard": "asks for the dashboard",
    "create": "creates {chat} of {value} s", "get": "reads {chat}", "pay": "pays {chat}", "cancel": "cancels {chat}",
    "end": "ends {chat}", "goodbye": "says goodbye in {chat}", "extend": "asks to extend {chat} by {value} s",
    "extension-pay": "pays the extension of {chat}", "mitra-end": "ends {chat}", "offers": "asks for her offers",
    "accept": "accepts {chat}", "decline": "declines {chat}", "mitras": "lists the mitras",
    "reachable": "asks whether {mitra} is reachable", "available": "lists who is available",
    "reroute": "reroutes {chat} to {mitra}", "config": "reads the settings", "set-config": "sets {key} to {value}",
    "request-code": "asks for a code", "verify": "signs in with the {value} code", "refresh": "refreshes with {value}",
    "logout": "logs out with {value}", "providers": "asks for the ways to sign in",
}  # fmt: skip
HELPERS = (
    'eval "$(rig env)"',
    "req() { curl -sS -w ' %{http_code}\\n' -H 'Content-Type: application/json' \"$@\"; }",
    'field() { sed -E "s/.*\\"$1\\": ?\\"([^\\"]+)\\".*/\\1/"; }',
)
# jwt ALGORITHM SUB ROLE LIFE_S SECRET; a life below 0 is over.
TOKENS = (
    "b64() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }",
    "jwt() { local now=$(date +%s) head body",
    "  head=$(printf '{\"alg\":\"%s\",\"typ\":\"JWT\"}' \"$1\" | b64)",
    "  body=$(printf '{\"sub\":\"%s\",\"role\":\"%s\",\"iat\":%s,\"exp\":%s}' \"$2\" \"$3\" $((now - 900)) $((now + $4)) | b64)",
    "  printf '%s.%s.' \"$head\" \"$body\"",
    "  [ \"$1\" = none ] || printf '%s.%s' \"$head\" \"$body\" | openssl dgst -sha256 -hmac \"$5\" -binary | b64; }",
)  # fmt: skip


@dataclass(frozen=True)
class Retold:
    """One walk: the sentence that it broke, its scenario and its lines for a shell."""

    name: str
    sentence: str
    message: str
    requests: int
    scenario: tuple[str, ...]
    shell: tuple[str, ...]


def retold(results: Mapping[str, Any]) -> list[Retold]:
    """The walks of a run, the shortest first."""
    walks = [_retold(raw, results) for raw in results.get("walks") or ()]
    return sorted(walks, key=lambda walk: walk.requests)


def _retold(raw: Mapping[str, Any], results: Mapping[str, Any]) -> Retold:
    moves = list(raw.get("moves") or ())
    requests = sum("action" in move for move in moves)
    return Retold(
        name=text.clean(raw.get("walk") or ""),
        sentence=text.clean(raw.get("sentence") or ""),
        message=text.clean(raw.get("message") or ""),
        requests=requests,
        scenario=tuple(map(text.clean, scenario_of(raw, moves))),
        shell=tuple(map(text.clean, [serve_line(results, moves), *shell_lines(moves)])),
    )


def scenario_of(raw: Mapping[str, Any], moves: Sequence[Mapping[str, Any]]) -> list[str]:
    """The walk in the form of a Gherkin scenario."""
    seen = [name for name in PEOPLE if any(name in (move.get("actor"), move.get("mitra")) for move in moves)]
    mitras = [PEOPLE[name] for name in seen if name.startswith("m")]
    customers = [PEOPLE[name] for name in seen if name.startswith("c")]
    given = [
        f"{' and '.join(names)} as {kind}" for kind, names in (("mitras", mitras), ("customers", customers)) if names
    ]
    lines = [f"Scenario: {raw.get('sentence')} is broken ({raw.get('walk')})"]
    lines += [f"  Given {' and '.join(given)}"] if given else []
    word = "When"
    for move in moves:
        told = f", which is answered {answered(move)}" if "action" in move else ""
        lines.append(f"  {word} {in_words(move)}{told}")
        word = "And"
    return [*lines, f"  Then {finding_of(raw)}"]


def finding_of(raw: Mapping[str, Any]) -> str:
    """What was found, without the names of walk and step that come before it."""
    message = str(raw.get("message") or "")
    return message.partition(": ")[2].partition(": ")[2] or message


def answered(move: Mapping[str, Any]) -> str:
    if move.get("status") is None:
        return "by nothing"
    return f"{move['status']} {move.get('code') or ''}".rstrip()


def in_words(move: Mapping[str, Any]) -> str:
    """One move as a clause."""
    if "action" not in move:
        return f"the last ping of {named(move['mitra'])} is {move['by_s']:g} s old"
    action, actor = move["action"], PEOPLE.get(move["actor"], "somebody without a token")
    if action == "set-active":
        verb = f"{'activates' if move['value'] else 'deactivates'} {named(move['mitra'])}"
    else:
        verb = WORDS[plain(action)].format(
            chat=named(move.get("chat")), mitra=named(move.get("mitra")), key=move.get("key"), value=move.get("value")
        )
    token = "" if move.get("token", "fresh") == "fresh" else f" with a token that is {move['token']}"
    place = "" if move.get("instance", "a") == "a" else f" at instance {move['instance']}"
    return f"{actor} {verb}{token}{place}"


def plain(action: str) -> str:
    """`mitra-refresh` and `client-refresh` are the same in words."""
    return action if action in WORDS else re.sub("^(mitra|client)-", "", action)


def named(name: Any) -> str:
    return PEOPLE.get(str(name), str(name))


def serve_line(results: Mapping[str, Any], moves: Sequence[Mapping[str, Any]]) -> str:
    """The command to start in another terminal."""
    stack = results.get("stack") or {}
    words = ["rig", "serve"]
    instances = {move.get("instance", "a") for move in moves}
    words += ["--instances", "2"] if "b" in instances else []
    command = str(stack.get("sut") or "")
    words += (
        ["--sut", command] if command not in ("", "python -m server") and not command.startswith("runs at ") else []
    )
    words += ["--schema", str(results["schema"])] if results.get("schema") else []
    window = int(results.get("goodbye_s") or 60)
    words += ["--env", f"GOODBYE_WINDOW_SECONDS={window}", "--env", "MITRA_AUTO_OFFLINE_SWEEP_SECONDS=3600"]
    return f"# in another terminal: {shlex.join(words)}"


def shell_lines(moves: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines for bash, in order: each prints the answer and its status."""
    made = any(move.get("token", "fresh") not in ("fresh", "missing", "nonsense", "foreign role") for move in moves)
    lines = [*HELPERS, *(TOKENS if made else ())]
    for move in moves:
        if "action" in move:
            lines.append(request_line(move))
        else:
            at = f"$(date -u -d '-{move['by_s']:g} seconds' +%Y-%m-%dT%H:%M:%S.000Z)"
            lines.append(f'rig vk SET "mitra:heartbeat:{id_of(move["mitra"])}" "{at}"')
    return lines


def request_line(move: Mapping[str, Any]) -> str:
    """One request; what later ones need of its answer is kept in a variable."""
    step = Step(**{name: move[name] for name in Step.__dataclass_fields__ if name in move})
    declared = ACTIONS[step.action]
    words = ["req"]
    words += [] if declared.method == "GET" else ["-X", declared.method]
    if declared.role and (token := token_of(step, declared)):
        words.append(f'-H "Authorization: Bearer {token}"')
    internal = declared.role == "operator" or declared.path.startswith("/internal")
    places = {"chat": id_of(step.chat), "mitra": id_of(step.mitra), "key": step.key}
    path = re.sub(r"\{(\w+)\}", lambda place: places[place[1]], declared.path)
    words.append(f'"${"INTERNAL" if internal else "PUBLIC"}_{step.instance.upper()}{path}"')
    if declared.body:
        words.append(f"-d {data_of(declared.body(step))}")
    line = " ".join(words)
    kept = {"create": (variable(step.chat), "id")}.get(step.action)
    if step.action.endswith(("-verify", "-refresh")):
        kept = (variable(step.key), "refresh_token")
    if step.action == "beacon":
        line = f"rig vk DEL availability:snapshot; {line}"
    return f'A=$({line}); echo "$A"; {kept[0]}=$(echo "$A" | field {kept[1]})' if kept else line


def token_of(step: Step, declared: Action) -> str:
    """The bearer as a word of bash; empty for none. What a token is wrong in is as the step says."""
    role = "mitra" if declared.role == "operator" else str(declared.role)
    own = "$OPERATOR" if declared.role == "operator" else f"${variable(step.actor)}"
    id = UNKNOWN_ID if declared.role == "operator" else id_of(step.actor)
    if declared.role == "operator" and step.token in ("tampered", "unsigned", "other secret"):
        return "${OPERATOR}x"
    other = jwt("HS256", UNKNOWN_ID, role, 900, "other")
    return {
        "fresh": own,
        "missing": "",
        "nonsense": "nonsense",
        "foreign role": "$BUDI" if role == "mitra" else "$SARI",
        "expired": jwt("HS256", id, role, -60),
        "unknown": jwt("HS256", UNKNOWN_ID, role, 900),
        "other secret": jwt("HS256", id, role, 900, "another-secret-of-32-bytes-or-more!"),
        "unsigned": jwt("none", id, role, 900),
        "tampered": f"$(echo {other} | cut -d. -f1,2).${{{own.removeprefix('$')}##*.}}",
    }[step.token]


def jwt(algorithm: str, subject: str, role: str, life_s: int, secret: str = "$JWT_SECRET") -> str:
    return f"$(jwt {algorithm} {subject} {role} {life_s} {secret})"


def variable(name: str) -> str:
    """`m1` is SARI, `chat1` is CHAT1, the refresh token `t1` is T1."""
    return PEOPLE.get(name, name).upper()


def id_of(name: str) -> str:
    """The variable that holds the id of somebody or of a chat."""
    if not name:
        return ""
    return f"${{{variable(name)}_ID}}" if name in PEOPLE else f"${variable(name)}"


def data_of(body: Any) -> str:
    """A JSON body as a word of bash, in which variables stand for what is only known then."""
    plain_text = json.dumps(filled(body))
    return '"' + plain_text.replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`") + '"'


def filled(value: Any, field: str = "") -> Any:
    if isinstance(value, dict):
        return {key: filled(part, key) for key, part in value.items()}
    if not isinstance(value, str):
        return value
    if field == "code":
        return "$OTP_CODE" if value == accounts.RIGHT else WRONG_CODE
    if value.startswith("phone of "):
        return f"${{{variable(value.removeprefix('phone of '))}_PHONE}}"
    if value.startswith("token "):
        return f"${{{variable(value.removeprefix('token '))}-none}}"
    return id_of(value) if field == "mitra_id" else value
