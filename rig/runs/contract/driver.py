"""Does the steps of a batch to the server under test, looks at what came of each, and keeps the model beside it."""

import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rig.checks.contract.replay import NOT_SEEDED, Finding, Followed, Follower
from rig.contract import SEED_LINE, SETTING_S
from rig.environment.testbed import MARGIN_S, Testbed
from rig.record.lines.contract import ContractEvent, ContractStep, Keys
from rig.runs.contract.looks import AGAIN_S, keys_once, look_at_keys, look_at_rows
from rig.runs.contract.names import Names, filled
from rig.runs.contract.tokens import FOREIGN, access_token, operator_token
from rig.service.accounts import RIGHT
from rig.service.state import DEFAULTS
from rig.service.steps import ACTIONS, Action, Answer, Step
from rig.traffic import Operator
from rig.traffic.actors.client import Client

RESEED_PATIENCE_S = 8.0  # more than the contract's 5 s, so that a slow machine blames nobody
WRONG_CODE = "000000"
UNANSWERED_MAX = 3


class Driver:
    """One stack with its instances; each batch begins on empty stores, with names of its own."""

    def __init__(
        self, testbed: Testbed, goodbye_s: float, token_s: int, followed: Followed, first_batch: int = 0
    ) -> None:
        self.testbed, self.goodbye_s, self.token_s, self.followed = testbed, goodbye_s, token_s, followed
        self.batch = first_batch - 1
        self.names = Names()
        self._earlier: set[str] = set()  # ids of earlier batches, whose rows are deleted
        self.people: dict[str, tuple[list[str], list[str]]] = {}
        self.follower = Follower(goodbye_s, token_s, followed)
        self.unanswered: Counter[str] = Counter()  # by action, how often no answer came
        self._number = 0

    def begin(self) -> None:
        """A new batch: no people, no chats, no keys, every setting at its default on every instance."""
        self.restore_settings()
        self.testbed.empty_stores()
        self.batch += 1
        self._earlier |= set(self.names.ids.values())
        self.names, self.people, self._number = Names(), {}, 0
        self.follower = Follower(self.goodbye_s, self.token_s, self.followed)
        self._event(event="begin")

    def restore_settings(self) -> None:
        """Give each setting its default through the API, for a server keeps them in memory."""
        changed = {key: value for key, value in DEFAULTS.items() if self.follower.service.settings[key] != value}
        for key, value in changed.items():
            Operator(self.testbed.servers["a"]).set_config(key, value)
            self._await_setting(key, value)

    def silent(self, action: str) -> bool:
        """Whether it was left without an answer so often that nobody should wait for it again."""
        return self.unanswered[action] >= UNANSWERED_MAX

    @property
    def off(self) -> bool:
        """Whether model and server have parted: what follows in this batch says nothing."""
        return self.follower.off

    @property
    def spoiled(self) -> bool:
        """Whether that was not the server's doing: the case has to be played again."""
        return self.follower.spoiled

    def add_people(self, group: str, mitras: Sequence[str], customers: Sequence[str]) -> None:
        """Rows of people who have never done a thing, put in by hand."""
        for name in mitras:
            row = self.testbed.fixtures.mitra(name=name, toggled=False)
            self.names.person(name, row.id, row.phone)
        for name in customers:
            row = self.testbed.fixtures.customer(name=name)
            self.names.person(name, row.id, row.phone)
        self.people[group] = list(mitras), list(customers)
        self._event(event="people", case=group, mitras=list(mitras), customers=list(customers))

    def age_heartbeat(self, case: str, mitra: str, by_s: float) -> None:
        """As if her last ping were so long ago."""
        at = time.time()
        self.testbed.mirror.run("SET", f"mitra:heartbeat:{self.names.id_of(mitra)}", iso(at - by_s))
        self._event(event="aged", case=case, mitras=[mitra], value=by_s, t=at)

    def lose_valkey(self) -> None:
        for server in self.testbed.servers.values():
            self.testbed.stack.toxiproxy.set_enabled(server.proxy, False)
        self._event(event="away")

    def give_valkey_back(self) -> None:
        """Until every instance has seeded. One that has not in time is recorded, and all are started again."""
        since = time.time()
        for server in self.testbed.servers.values():
            self.testbed.stack.toxiproxy.set_enabled(server.proxy, True)
        seeded = True
        for name in self.testbed.servers:
            try:
                self.testbed.log(name).wait_for(SEED_LINE, since, RESEED_PATIENCE_S)
            except TimeoutError:
                seeded = False
        self._event(event="back", value=round(time.time() - since, 3) if seeded else NOT_SEEDED)
        if not seeded and self.testbed.starts_servers:  # the batches that follow are about something else
            for name in self.testbed.servers:
                self.testbed.restart(name)

    def restart(self, name: str) -> None:
        self.testbed.restart(name)
        self._event(event="restarted")

    def do(self, group: str, case: str, step: Step, *, look: bool = True) -> list[Finding]:
        """One step, recorded as of this case, with what it shows: of the people of the group the rows are looked at.

        Nothing is done once model and server have parted. Without a `look` the answer alone is judged.
        """
        if self.off:
            return []
        declared = ACTIONS[step.action]
        if step.action == "beacon":
            self.testbed.mirror.run("DEL", "availability:snapshot")
        exchange = self._send(group, step, declared)
        answer = Answer(exchange.status, None, exchange.started, exchange.ended, exchange.error)
        self.unanswered[step.action] += exchange.status is None and not self.follower.service.outage
        self._learn(step, exchange.reply)
        mitras, customers = self.people[group]
        rows = look_at_rows(self.testbed, self.names, mitras, customers) if look else None
        self._number += 1
        line = ContractStep(
            t=exchange.started, batch=self.batch, case=case, group=group, number=self._number,
            **asdict(step), began=answer.began, ended=answer.ended, status=answer.status,
            reply=self.names.reply(exchange.reply), error=answer.error, curl=exchange.curl, rows=rows,
            keys=None if self.follower.service.outage or not look else self._keys(mitras, answer.ended),
            lag_s=round(self.testbed.lag.worst(answer.began, time.time()), 3),
        )  # fmt: skip
        line, found = self.follower.step(line, lambda right: keys_once(right, lambda: self._keys(mitras, answer.ended)))
        self.testbed.recorder.add(line)
        if step.action == "set-config" and answer.status == 200 and not found:
            return self._spread(group, case, step)
        return found

    def _await_setting(self, key: str, value: int) -> None:
        """Until each instance tells this value, or the second that it may take is over."""
        until = time.monotonic() + SETTING_S + MARGIN_S
        for server in self.testbed.servers.values():
            operator = Operator(server)
            while time.monotonic() < until:
                reply = operator.config().reply
                if isinstance(reply, dict) and reply.get("config", {}).get(key) == value:
                    break
                time.sleep(AGAIN_S)

    def _spread(self, group: str, case: str, step: Step) -> list[Finding]:
        """A setting may take a second to be in force on the other instances: until then, or until each has it."""
        for name in self.testbed.servers:
            if name == step.instance:
                continue
            self._await_setting(step.key, step.value)
            if found := self.do(group, case, Step("config", "operator", instance=name)):
                return found
        return []

    def _keys(self, mitras: Sequence[str], answered: float) -> Keys:
        return look_at_keys(self.testbed, self.names, mitras, answered, self._earlier)

    def _send(self, group: str, step: Step, declared: Action) -> Any:
        server = self.testbed.servers[step.instance]
        base = (
            server.internal_url
            if declared.role == "operator" or declared.path.startswith("/internal")
            else server.public_url
        )
        places = {"chat": self.names.id_of(step.chat), "mitra": self.names.id_of(step.mitra), "key": step.key}
        body = self.names.sent(declared.body(step)) if declared.body else None
        if isinstance(body, dict) and "code" in body:
            body["code"] = server.otp_code if step.value == RIGHT else WRONG_CODE
        client = Client(step.actor, None, placeholder=f"${step.actor.upper()}_TOKEN", instance=step.instance)
        url = base.rstrip("/") + filled(declared.path, places.__getitem__)
        return client.send(step.action, declared.method, url, body=body, token=self._token(group, step, declared))

    def _token(self, group: str, step: Step, declared: Action) -> str | None:
        server = self.testbed.servers[step.instance]
        if declared.role is None:
            return None
        secret = server.jwt_secret or ""
        if declared.role == "operator":
            return operator_token(step.token, server.internal_token or "", secret)
        holder, role = step.actor, declared.role
        if step.token == FOREIGN:
            mitras, customers = self.people[group]
            holder, role = (customers[0], "client") if role == "mitra" else (mitras[0], "mitra")
        return access_token(step.token, secret, self.names.id_of(holder), role)

    def _learn(self, step: Step, reply: Any) -> None:
        """The id of a chat that was made, the refresh token of somebody who signed in."""
        if not isinstance(reply, dict):
            return
        if step.action == "create" and is_uuid(reply.get("id")):
            self.names.ids[step.chat] = reply["id"]
        if isinstance(reply.get("refresh_token"), str):
            self.names.refresh_tokens[step.key] = reply["refresh_token"]
        user = reply.get("user")
        if isinstance(user, dict) and is_uuid(user.get("id")) and step.actor not in self.names.ids:
            self.names.ids[step.actor] = user["id"]

    def _event(self, event: str, t: float | None = None, **fields: Any) -> None:
        line = ContractEvent(t=time.time() if t is None else t, batch=self.batch, event=event, **fields)
        self.testbed.recorder.add(line)
        self.follower.event(line)


def iso(at: float) -> str:
    """A heartbeat as the contract writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def is_uuid(text: Any) -> bool:
    try:
        return isinstance(text, str) and bool(uuid.UUID(text))
    except ValueError:
        return False
