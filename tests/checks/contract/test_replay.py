"""The model beside a server: what is right is passed, and each wrong answer, row or key breaks the sentence that promises it."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from rig.checks.contract.charges import PROMISED
from rig.checks.contract.probes import load_probe_checks
from rig.checks.contract.replay import NOT_SEEDED, Followed, Follower, step_of
from rig.record.lines.contract import ChatColumns, ContractEvent, ContractStep, Keys, Rows
from rig.runs.contract.cases import every, later, simulated
from rig.runs.contract.plan import sentences_of
from rig.runs.contract.sign_ins import states_of, tries_of
from rig.service.accounts import RIGHT
from rig.service.chats import Near
from rig.service.offers import AnyOrder
from rig.service.sentences import sentences
from rig.service.state import Mitra, Service
from rig.service.steps import Answer, Step, predict

GOODBYE_S, TOKEN_S, BEGAN = 30.0, 900, 1_800_000_000.0
Spoil = Callable[[ContractStep], ContractStep]


def plain(value: Any) -> Any:
    """An expected body as a server would answer it."""
    if isinstance(value, Near):
        return value.at
    if isinstance(value, AnyOrder):
        return [plain(item) for item in value.items]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class MadeUpServer:
    """Answers as the model says, with a model of its own, and keeps what it would have written."""

    now: float = BEGAN
    number: int = 0
    service: Service = field(default_factory=lambda: Service(GOODBYE_S, token_s=TOKEN_S))
    lines: list[ContractEvent | ContractStep] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.service.mitras = {name: Mitra(name) for name in ("m1", "m2")}
        self.service.customers = {"c1", "c2"}
        self.event("begin")
        self.event("people", mitras=["m1", "m2"], customers=["c1", "c2"])

    def event(self, event: str, **fields: Any) -> None:
        self.lines.append(ContractEvent(t=self.now, batch=0, event=event, **fields))

    def do(self, action: str, actor: str = "operator", spoil: Spoil | None = None, **fields: Any) -> None:
        step = Step(action, actor, **fields)
        self.now += 0.01
        self.number += 1
        self.service.advance(self.now)
        expected = predict(self.service, step, self.now)[0]
        reply = (
            plain(dict(expected.body)) if expected.code is None else {"error": {"code": expected.code, "message": "no"}}
        )
        answer = Answer(expected.status, reply, self.now, self.now + 0.005)
        if expected.change:
            expected.change(answer)
        line = ContractStep(
            t=self.now, batch=0, case="made up", number=self.number, **asdict(step),
            began=answer.began, ended=answer.ended, status=answer.status, reply=reply, rows=self.rows(), keys=self.keys(),
        )  # fmt: skip
        self.lines.append(spoil(line) if spoil else line)

    def rows(self) -> Rows:
        service = self.service
        chats = {
            chat.name: ChatColumns(chat.status, chat.mitra, chat.customer, chat.duration, chat.ends_at)
            for chat in service.chats.values()
        }
        return Rows(
            online={name: mitra.online for name, mitra in service.mitras.items()},
            active={name: mitra.active for name, mitra in service.mitras.items()},
            audit={name: list(mitra.audit) for name, mitra in service.mitras.items()},
            chats=chats,
            offers={chat.name: sorted(chat.offers) for chat in service.chats.values()},
            sign_ins=dict.fromkeys(service.mitras, 0),
            settings={},
        )

    def keys(self) -> Keys:
        service = self.service
        return Keys(
            of=sorted(service.mitras),
            online=sorted(service.online()),
            deactivated=sorted(service.deactivated()),
            capacities={name: str(service.load(name)) for name in service.online()},
            heartbeats={name: iso(mitra.heartbeat) for name, mitra in service.mitras.items() if mitra.heartbeat},
            expiring=[],
            after_s=0.01,
        )

    def followed(self) -> Followed:
        """What the model finds in the lines, each read back from its saved form."""
        followed = Followed()
        follower = Follower(GOODBYE_S, TOKEN_S, followed)
        for line in self.lines:
            saved = msgspec.convert(json.loads(msgspec.json.encode(line)), type(line))
            if isinstance(saved, ContractStep):
                follower.step(saved)
            else:
                follower.event(saved)
        return followed


def taken_chat(server: MadeUpServer) -> None:
    """m1 has taken chat1 of c1, who has paid for it; m2 was asked too."""
    server.do("online", "m1")
    server.do("online", "m2")
    server.do("create", "c1", chat="chat1", value=600)
    server.do("pay", "c1", chat="chat1")
    server.do("accept", "m1", chat="chat1")


def answered(status: int, reply: Any) -> Spoil:
    return lambda line: msgspec.structs.replace(line, status=status, reply=reply)


def with_keys(**changed: Any) -> Spoil:
    return lambda line: msgspec.structs.replace(line, keys=msgspec.structs.replace(line.keys, **changed))


def with_rows(**changed: Any) -> Spoil:
    return lambda line: msgspec.structs.replace(line, rows=msgspec.structs.replace(line.rows, **changed))


def test_a_server_that_does_as_the_model_says_breaks_nothing() -> None:
    server = MadeUpServer()
    taken_chat(server)
    for action, actor, fields in (
        ("ping", "m1", {}), ("status", "m1", {}), ("beacon", "nobody", {}), ("available", "operator", {}),
        ("get", "c2", {"chat": "chat1"}), ("accept", "m2", {"chat": "chat1"}), ("end", "c1", {"chat": "chat1"}),
        ("offline", "m1", {}), ("set-active", "operator", {"mitra": "m2", "value": False}), ("ping", "m2", {}),
        ("status", "m1", {"token": "expired"}),
    ):  # fmt: skip
        server.do(action, actor, **fields)
    followed = server.followed()
    assert followed.findings == []
    assert {"TOGGLE-01", "PING-01", "BEACON-03", "CHAT-03", "DEACT-01", "AUTH-16"} <= set(followed.judged)


WRONG = {
    "an answer": ("ping", "m1", {}, answered(500, {"error": {"code": "INTERNAL", "message": "no"}}), "PING-01"),
    "no answer": ("ping", "m1", {}, answered(None, None), "PING-01"),  # type: ignore[arg-type]
    "a body": ("ping", "m1", {}, answered(200, {"is_online": False}), "PING-01"),
    "an error's code": ("get", "c2", {"chat": "chat1"}, answered(403, {"error": {"code": "NOPE", "message": ""}}), "CHAT-03"),
    "somebody else's chat": ("get", "c2", {"chat": "chat1"}, answered(200, {}), "CHAT-03"),
    "an expired token": ("ping", "m1", {"token": "expired"}, answered(200, {"is_online": True}), "AUTH-16"),
    "a row": ("offline", "m1", {}, with_rows(online={"m1": True, "m2": True}), "TOGGLE-02"),
    "a second audit row": ("online", "m1", {}, with_rows(audit={"m1": ["online", "online"], "m2": ["online"]}), "TOGGLE-03"),
    "a set": ("offline", "m1", {}, with_keys(online=["m1", "m2"]), "KEY-01"),
    "a load": ("end", "c1", {"chat": "chat1"}, with_keys(capacities={"m1": "1", "m2": "0"}), "KEY-03"),
    "a heartbeat that is none": ("ping", "m1", {}, with_keys(heartbeats={"m1": "now", "m2": iso(BEGAN)}), "KEY-04"),
    "an old heartbeat": ("ping", "m1", {}, with_keys(heartbeats={"m1": iso(BEGAN - 60), "m2": iso(BEGAN)}), "PING-01"),
    "a setting without a row": (
        "set-config", "operator", {"key": "max_customers_per_mitra", "value": 2}, with_rows(settings={}), "CONFIG-02",
    ),
    "a key that expires": ("ping", "m1", {}, with_keys(expiring=["mitras:online"]), "KEY-07"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_breaks_the_sentence_that_promises_it(what: str) -> None:
    action, actor, fields, spoil, sentence = WRONG[what]
    server = MadeUpServer()
    taken_chat(server)
    server.do(action, actor, spoil, **fields)
    found = server.followed().findings
    assert [one.sentence for one in found][:1] == [sentence]
    assert all(f"step {server.number}: {actor} {action}" in one.message for one in found)
    assert sentence in sentences()


def late(line: ContractStep) -> ContractStep:
    """The same answer, 6 s after its request."""
    return msgspec.structs.replace(line, ended=line.began + 6)


# What breaks a sentence that the step is not mainly about.
BESIDES = {
    "the load after an end": ("end", "c1", {"chat": "chat1"}, with_keys(capacities={"m1": "1", "m2": "0"}), "CHAT-15"),
    "a heartbeat that stays": ("offline", "m1", {}, with_keys(heartbeats={"m1": iso(BEGAN), "m2": iso(BEGAN)}), "TOGGLE-06"),
    "online again": ("online", "m1", {}, with_keys(heartbeats={"m1": iso(BEGAN - 60), "m2": iso(BEGAN)}), "TOGGLE-04"),
    "the set of deactivated": ("set-active", "operator", {"mitra": "m2", "value": False}, with_keys(deactivated=[]), "DEACT-02"),
    "is_online at a deactivation": (
        "set-active", "operator", {"mitra": "m2", "value": False}, with_rows(online={"m1": True, "m2": False}), "DEACT-03",
    ),
    "sign-ins at a deactivation": (
        "set-active", "operator", {"mitra": "m2", "value": False}, with_rows(sign_ins={"m1": 0, "m2": 1}), "DEACT-01",
    ),
    "a foreign chat's state": (
        "end", "c2", {"chat": "chat1"}, answered(409, {"error": {"code": "INVALID_STATE", "message": ""}}), "HTTP-10",
    ),
    "a session's field": ("end", "c1", {"chat": "chat1"}, answered(200, {"id": "chat1"}), "API-01"),
    "a defect of the server": ("ping", "m1", {}, answered(500, {"error": {"code": "INTERNAL_ERROR", "message": "no"}}), "HTTP-21"),
    "an answer that comes late": ("offers", "m1", {}, late, "HTTP-20"),
    "a limit on requests for a code": (
        "client-request-code", "c1", {}, answered(429, {"error": {"code": "OTP_TOO_MANY_ATTEMPTS", "message": ""}}), "AUTH-22",
    ),
    "another default": (
        "config", "operator", {}, answered(200, {"config": {"max_customers_per_mitra": 1, "stale_after_seconds": 90}}), "TABLE-06",
    ),
    "an audit that does not alternate": (
        "offline", "m1", {}, with_rows(audit={"m1": ["online", "online"], "m2": ["online"]}), "TABLE-04",
    ),
    "who is offered": ("available", "operator", {}, answered(200, {"mitra_ids": []}), "BLAST-06"),
}  # fmt: skip


@pytest.mark.parametrize("what", BESIDES)
def test_a_difference_breaks_each_sentence_that_promises_it(what: str) -> None:
    action, actor, fields, spoil, sentence = BESIDES[what]
    server = MadeUpServer()
    taken_chat(server)
    server.do(action, actor, spoil, **fields)
    assert sentence in {one.sentence for one in server.followed().findings}


def test_a_difference_breaks_no_sentence_that_speaks_of_something_else() -> None:
    server = MadeUpServer()
    taken_chat(server)
    server.do("end", "c1", answered(503, None), chat="chat1")
    assert {one.sentence for one in server.followed().findings} == {"CHAT-08"}


def test_what_a_kind_of_difference_breaks_are_sentences_of_the_contract() -> None:
    assert set(PROMISED) <= set(sentences())


def test_each_sentence_that_a_pair_puts_to_the_test_can_fail() -> None:
    mainly, besides = set[str](), set[str]()
    for case in every():
        service = simulated(case.way)
        for tried in case.tries:
            for expected in predict(service, case.step(tried), later(case)) if service else ():
                mainly.add(expected.sentence)
                besides |= {*expected.also}
    by_probes = {id for probe in load_probe_checks().values() for id in probe.sentences}
    by_heartbeats = {"TOGGLE-04"}  # see `keys_differ`
    assert besides - mainly - by_probes - by_heartbeats <= set(PROMISED)


@pytest.mark.parametrize(
    ("state", "tried", "status", "sentence"),
    [
        ("code asked", "verify the right code", 200, "AUTH-04"),
        ("one wrong code left", "verify the right code", 200, "AUTH-04"),
        ("too many wrong codes", "verify the right code", 429, "AUTH-07"),
        ("code asked again after too many", "verify the right code", 200, "AUTH-04"),
        ("signed in", "verify the right code", 401, "AUTH-09"),
        ("refreshed", "refresh the first token", 401, "AUTH-11"),
        ("refreshed", "refresh the second token", 200, "AUTH-11"),
        ("logged out", "refresh the first token", 401, "AUTH-13"),
        ("one of two logged out", "refresh the second token", 200, "AUTH-11"),
        ("deactivated with a code", "verify the right code", 403, "AUTH-10"),
        ("deactivated after signing in twice", "refresh the second token", 401, "DEACT-05"),
    ],
)
def test_each_state_of_a_sign_in_has_its_answer(state: str, tried: str, status: int, sentence: str) -> None:
    service = simulated(tuple(states_of("mitra")[state]))
    assert service is not None
    (expected,) = predict(service, tries_of("mitra")[f"mitra-{tried}"], 1.0)
    assert (expected.status, expected.sentence) == (status, sentence)


@pytest.mark.parametrize("what", WRONG)
def test_nothing_is_blamed_while_the_rig_itself_stood_still(what: str) -> None:
    action, actor, fields, spoil, _ = WRONG[what]
    server = MadeUpServer()
    taken_chat(server)
    server.do(action, actor, lambda line: msgspec.structs.replace(spoil(line), lag_s=0.3), **fields)
    followed = server.followed()
    assert (followed.findings, followed.unsure) == ([], ["made up"])


def test_a_sign_in_lives_on_when_the_name_of_its_token_is_used_again() -> None:
    """A walk draws names, and may draw one twice: each mitra has one sign-in that is not revoked."""
    server = MadeUpServer()
    for number, actor in enumerate(("m1", "m2"), 1):
        rows = with_rows(sign_ins={"m1": 1, "m2": number - 1})
        server.do("mitra-request-code", actor, spoil=with_rows(sign_ins={"m1": number - 1, "m2": 0}))
        server.do("mitra-verify", actor, value=RIGHT, key="t2", spoil=rows)
    assert server.followed().findings == []


def test_a_recovery_without_a_seed_breaks_its_sentence_and_ends_the_batch() -> None:
    server = MadeUpServer()
    server.event("away")
    server.event("back", value=NOT_SEEDED)
    server.do("online", "m1", spoil=answered(500, {}))
    (found,) = server.followed().findings
    assert found.sentence == "OUTAGE-03"


def test_after_a_difference_nothing_more_is_judged() -> None:
    server = MadeUpServer()
    taken_chat(server)
    server.do("ping", "m1", answered(200, {"is_online": False}))
    server.do("end", "c1", answered(500, None), chat="chat1")
    assert [one.sentence for one in server.followed().findings] == ["PING-01"]


def test_near_a_deadline_nothing_is_judged() -> None:
    server = MadeUpServer()
    taken_chat(server)
    server.now = BEGAN + 600  # the chat's time is up just now
    server.do("get", "c1", answered(500, None), chat="chat1")
    followed = server.followed()
    assert (followed.findings, followed.unsure) == ([], ["made up"])


def test_in_an_outage_the_beacon_may_tell_of_the_last_ten_seconds_and_of_no_more() -> None:
    server = MadeUpServer()
    server.do("online", "m1")
    server.event("away")
    server.service.outage = True
    server.do("offline", "m1")
    server.do("beacon", "nobody", answered(200, {"available": True, "count": 1}))
    assert server.followed().findings == []
    server.do("beacon", "nobody", answered(200, {"available": False, "count": 1}))
    assert [one.sentence for one in server.followed().findings] == ["BEACON-03", "BEACON-06", "OUTAGE-01"]
    server.lines.pop()
    server.now += 12
    server.do("beacon", "nobody", answered(200, {"available": True, "count": 1}))
    assert [one.sentence for one in server.followed().findings] == ["BEACON-03", "BEACON-06", "OUTAGE-01"]


def test_every_case_can_be_reached_and_speaks_of_sentences_that_exist() -> None:
    known = sentences()
    unknown = {id for case in every() for id in sentences_of(case)} - set(known)
    assert unknown == set()


def test_two_steps_of_one_batch_may_be_of_different_cases() -> None:
    server = MadeUpServer()
    server.do("online", "m1")
    server.lines[-1] = replace_group(server.lines[-1], "first")
    server.do("online", "m2", answered(503, None))
    server.lines[-1] = replace_group(server.lines[-1], "second")
    (finding,) = server.followed().findings
    assert finding.group == "second"


def test_a_line_holds_its_step_whole() -> None:
    step = Step("set-config", "operator", "chat1", "m1", 2, "max_customers_per_mitra", "expired", "b")
    line = ContractStep(
        t=1.0, batch=0, case="", number=1, **asdict(step), began=1.0, ended=1.1, status=200, reply=None,
    )  # fmt: skip
    assert step_of(line) == step


def replace_group(line: ContractEvent | ContractStep, group: str) -> ContractStep:
    assert isinstance(line, ContractStep)
    return msgspec.structs.replace(line, group=group)
