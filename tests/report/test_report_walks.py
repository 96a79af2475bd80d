"""A walk that broke a sentence, told as a scenario and as lines for a shell."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jwt
import pytest

from rig.report.build import build
from rig.report.explain.walk import retold, shell_lines
from rig.report.formats.html import html
from rig.report.formats.markdown import markdown
from rig.service.steps import ACTIONS, TOKENS
from tests.support.report_sample import checklist

STEP = {
    "chat": "",
    "mitra": "",
    "value": None,
    "key": "",
    "token": "fresh",
    "instance": "a",
    "status": 200,
    "code": None,
}
MOVES: list[dict[str, Any]] = [
    {**STEP, "action": "create", "actor": "c1", "chat": "chat1", "value": 1800, "status": 201},
    {"mitra": "m1", "by_s": 300.0},
    {**STEP, "action": "set-active", "actor": "operator", "mitra": "m2", "value": False},
    {**STEP, "action": "get", "actor": "c2", "chat": "chat1", "instance": "b"},
]
WALK = {
    "walk": "walk 7", "sentence": "CHAT-03", "moves": MOVES,
    "message": "walk 7, shorter, step 3: c2 get chat1: expected 403 FORBIDDEN, got 200",
}  # fmt: skip
SECRET = "secret-of-thirty-two-characters-or-so"
# What the shell would send: curl's words as one line of JSON each.
STUB = """
curl() { python3 -c 'import json, sys; print(json.dumps(sys.argv[1:]))' "$@" >> "$SENT"; printf '{"id": "chat-id", "refresh_token": "a-token"} 201'; }
rig() { [ "$1" = env ] || python3 -c 'import json, sys; print(json.dumps(sys.argv[1:]))' "$@" >> "$SENT"; }
PUBLIC_A=http://a PUBLIC_B=http://b INTERNAL_A=http://ia INTERNAL_B=http://ib OPERATOR=op JWT_SECRET=secret-of-thirty-two-characters-or-so OTP_CODE=424242
SARI=sari SARI_ID=sari-id SARI_PHONE=+62811 DEWI=dewi DEWI_ID=dewi-id BUDI=budi BUDI_ID=budi-id TONO=tono TONO_ID=tono-id
BUDI_PHONE=+62812 CHAT1=chat-id T2=old
"""


def sent_by(moves: list[dict[str, Any]], tmp_path: Path) -> list[list[str]]:
    """The words of each curl and `rig vk` that these lines run."""
    script, sent = tmp_path / "lines.sh", tmp_path / "sent"
    script.write_text(STUB + "\n".join(shell_lines(moves)))
    done = subprocess.run(
        ["bash", "-eu", script], env={"PATH": "/usr/bin:/bin:/usr/local/bin", "SENT": str(sent)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done
    return [json.loads(line) for line in sent.read_text().splitlines()]


def test_the_scenario_tells_who_did_what_and_what_was_expected() -> None:
    (walk,) = retold({"walks": [WALK]})
    assert walk.requests == 3
    assert walk.scenario == (
        "Scenario: CHAT-03 is broken (walk 7)",
        "  Given Sari and Dewi as mitras and Budi and Tono as customers",
        "  When Budi creates chat1 of 1800 s, which is answered 201",
        "  And the last ping of Sari is 300 s old",
        "  And the operator deactivates Dewi, which is answered 200",
        "  And Tono reads chat1 at instance b, which is answered 200",
        "  Then expected 403 FORBIDDEN, got 200",
    )


def test_a_shell_runs_the_same_requests(tmp_path: Path) -> None:
    created, aged, deactivated, read = sent_by(MOVES, tmp_path)
    assert created[-1] == '{"duration_seconds": 1800}'
    assert {"POST", "Authorization: Bearer budi", "http://a/api/client/chat-sessions"} <= {*created}
    assert aged[:3] == ["vk", "SET", "mitra:heartbeat:sari-id"]
    assert {"PATCH", "Authorization: Bearer op", "http://ia/internal/mitras/dewi-id", '{"is_active": false}'} <= {
        *deactivated
    }
    assert {"Authorization: Bearer tono", "http://b/api/client/chat-sessions/chat-id"} <= {*read}


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_each_action_and_each_token_can_be_typed(tmp_path: Path) -> None:
    people = {"mitra": "m1", "client": "c1", "operator": "operator", None: "nobody"}
    moves = []
    for name, declared in ACTIONS.items():
        value: Any = {"create": 5, "extend": 5, "set-config": 2, "set-active": True}.get(name)
        value = {"verify": "right", "refresh": "t2", "logout": "t2"}.get(name.rpartition("-")[2], value)
        role = declared.role or (
            "client" if name.startswith("client-") else "mitra" if name.startswith("mitra-") else None
        )
        move = {
            **STEP,
            "action": name,
            "actor": people[role],
            "chat": "chat1",
            "mitra": "m2",
            "value": value,
            "key": "t9",
        }
        moves.append(move)
        if name in ("ping", "dashboard"):
            moves += [{**move, "token": token} for token in TOKENS]
    sent = sent_by(moves, tmp_path)
    assert sum(words[0] != "vk" for words in sent) == len(moves)
    bearers = [word for words in sent for word in words if word.startswith("Authorization: Bearer ")]
    assert all(len(word.split()) == 3 for word in bearers)
    pings = {
        word for words in sent for word in words if word.startswith("Authorization") and "heartbeat" in " ".join(words)
    }
    assert len(pings) == len(TOKENS) - 1  # each kind is another bearer; one kind is none
    bodies = [json.loads(words[-1]) for words in sent if words[-1].startswith("{")]
    assert {"phone": "+62811", "code": "424242"} in bodies
    assert {"refresh_token": "old"} in bodies
    assert {"mitra_id": "dewi-id"} in bodies


def test_page_and_summary_have_both() -> None:
    results = {**checklist(), "kind": "contract", "walks": [WALK]}
    page = build(results)
    for document in (html(page, results), markdown(page)):
        assert "Walks that broke a sentence" in document
        assert "Tono reads chat1 at instance b" in document
        assert "rig serve --instances 2" in document
        assert "/api/client/chat-sessions" in document


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_a_token_is_wrong_as_the_step_says(tmp_path: Path) -> None:
    kinds = ("unknown", "expired", "other secret", "unsigned")
    sent = sent_by([{**STEP, "action": "ping", "actor": "m1", "token": kind} for kind in kinds], tmp_path)
    made = [word.split()[-1] for words in sent for word in words if word.startswith("Authorization")]
    tokens = dict(zip(kinds, made, strict=True))
    assert jwt.decode(tokens["unknown"], SECRET, algorithms=["HS256"])["role"] == "mitra"
    for kind, error in (("expired", jwt.ExpiredSignatureError), ("other secret", jwt.InvalidSignatureError)):
        with pytest.raises(error):
            jwt.decode(tokens[kind], SECRET, algorithms=["HS256"])
    assert jwt.get_unverified_header(tokens["unsigned"])["alg"] == "none"
    assert tokens["unsigned"].endswith(".")
