"""Hypothesis tells stories of mitras, chats and sign-ins; after each step the server, Postgres and Valkey are the model's."""

from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from stateful_model import OK, Answer, Model
from stateful_model import Chat as ModelChat
from stateful_model import Mitra as ModelMitra

from rig.checks.common.mirror_diff import require_mirror_is_truth
from rig.checks.framework import Judge, Kind
from rig.observe import Mirror
from rig.record.observations.parts import MirrorState, PostgresState

CODE = "123456"
MITRAS, CUSTOMERS = 3, 2
bounded = settings(
    max_examples=40, stateful_step_count=40, deadline=None, database=None, derandomize=True, print_blob=True,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def answered(response: httpx.Response) -> Answer:
    code = response.json()["error"]["code"] if response.status_code >= 400 else None
    return response.status_code, code


class Story(RuleBasedStateMachine):
    """Each rule asks the server, and the model what it has to answer."""

    house: ClassVar[Any]
    mirror: ClassVar[Mirror]
    chats = Bundle("chats")

    @initialize()
    def people(self) -> None:
        self.model = Model()
        self.house.operator("PUT", "/internal/config/max_customers_per_mitra", json={"value": 3})
        self.people_of = {person.id: person for person in (self.house.mitra() for _ in range(MITRAS))}
        self.model.mitras = {id_: ModelMitra(id_) for id_ in self.people_of}
        self.customers = [self.house.customer() for _ in range(CUSTOMERS)]

    def teardown(self) -> None:
        """Nobody of this story may be available in the next one."""
        for id_ in getattr(self, "people_of", {}):
            self.house.operator("PATCH", f"/internal/mitras/{id_}", json={"is_active": False})

    def mitra(self, number: int) -> tuple[ModelMitra, Any]:
        id_ = list(self.people_of)[number]
        return self.model.mitras[id_], self.people_of[id_]

    # --- mitras and their sign-ins -------------------------------------------------------------------------------

    @rule(number=st.integers(0, MITRAS - 1), online=st.booleans())
    def toggle(self, number: int, online: bool) -> None:
        mitra, person = self.mitra(number)
        response = self.house.call("POST", f"/api/mitra/status/{'online' if online else 'offline'}", person)
        assert answered(response) == self.model.toggle(mitra, online)
        if response.status_code == 200:
            assert response.json() == {"is_online": online}

    @rule(number=st.integers(0, MITRAS - 1))
    def ping(self, number: int) -> None:
        mitra, person = self.mitra(number)
        response = self.house.call("POST", "/api/mitra/status/heartbeat", person)
        assert answered(response) == (OK if mitra.active else (403, "ACCOUNT_INACTIVE"))
        if mitra.active:
            assert response.json() == {"is_online": mitra.online}

    @rule(number=st.integers(0, MITRAS - 1), active=st.booleans())
    def set_active(self, number: int, active: bool) -> None:
        mitra, _ = self.mitra(number)
        response = self.house.operator("PATCH", f"/internal/mitras/{mitra.id}", json={"is_active": active})
        assert answered(response) == self.model.set_active(mitra, active)

    @rule(number=st.integers(0, MITRAS - 1))
    def sign_in(self, number: int) -> None:
        mitra, person = self.mitra(number)
        self.house.ok("POST", "/api/mitra/auth/otp/request", json={"phone": person.phone})
        body = {"phone": person.phone, "code": CODE}
        response = self.house.call("POST", "/api/mitra/auth/otp/verify", json=body)
        assert answered(response) == (OK if mitra.active else (403, "ACCOUNT_INACTIVE"))
        if mitra.active:
            mitra.live.append(response.json()["refresh_token"])

    @rule(number=st.integers(0, MITRAS - 1), which=st.integers(0, 5))
    def refresh(self, number: int, which: int) -> None:
        """A token that serves gives its successor; one that is spent is refused and leaves the others alive."""
        mitra, _ = self.mitra(number)
        tokens = [*mitra.live, *mitra.spent]
        if not tokens:
            return
        token = tokens[which % len(tokens)]
        response = self.house.call("POST", "/api/mitra/auth/refresh", json={"refresh_token": token})
        assert answered(response) == (OK if token in mitra.live else (401, "REFRESH_INVALID"))
        if token in mitra.live:
            mitra.live[mitra.live.index(token)] = response.json()["refresh_token"]
            mitra.spent.append(token)

    @rule(number=st.integers(0, MITRAS - 1))
    def log_out(self, number: int) -> None:
        mitra, _ = self.mitra(number)
        token = (mitra.live or mitra.spent or ["unknown"])[0]
        assert answered(self.house.call("POST", "/api/mitra/auth/logout", json={"refresh_token": token})) == (204, None)
        if token in mitra.live:
            mitra.live.remove(token)
            mitra.spent.append(token)

    # --- chats ---------------------------------------------------------------------------------------------------

    @rule(target=chats, customer=st.integers(0, CUSTOMERS - 1))
    def create(self, customer: int) -> str:
        owner = self.customers[customer]
        id_ = self.house.searching(owner, 3600)
        self.model.chats[id_] = ModelChat(id_, owner.id)
        return id_

    @rule(target=chats, customer=st.integers(0, CUSTOMERS - 1), number=st.integers(0, MITRAS - 1))
    def begin(self, customer: int, number: int) -> Any:
        """The usual beginning, so that stories get on: online, created, paid, accepted."""
        self.toggle(number, online=True)
        id_ = self.create(customer)
        self.pay(id_, customer)
        self.accept(id_, number)
        return multiple(id_)

    @rule(chat=chats, customer=st.integers(0, CUSTOMERS - 1))
    def pay(self, chat: str, customer: int) -> None:
        who = self.customers[customer]
        response = self.house.act(who, chat, "pay")
        expected, offered = self.model.pay(self.model.chats[chat], who.id)
        assert answered(response) == expected
        if expected == OK:
            assert response.json()["offered"] == offered

    @rule(chat=chats, number=st.integers(0, MITRAS - 1))
    def accept(self, chat: str, number: int) -> None:
        mitra, person = self.mitra(number)
        expected = self.model.accept(self.model.chats[chat], mitra)
        assert answered(self.house.answer(person, chat, "accept")) == expected

    @rule(chat=chats, number=st.integers(0, MITRAS - 1))
    def decline(self, chat: str, number: int) -> None:
        mitra, person = self.mitra(number)
        expected = self.model.decline(self.model.chats[chat], mitra)
        assert answered(self.house.answer(person, chat, "decline")) == expected

    @rule(chat=chats, number=st.integers(0, MITRAS - 1))
    def end_by_mitra(self, chat: str, number: int) -> None:
        mitra, person = self.mitra(number)
        expected = self.model.end_by_mitra(self.model.chats[chat], mitra)
        assert answered(self.house.call("POST", f"/api/mitra/chat-sessions/{chat}/end", person)) == expected

    @rule(
        chat=chats,
        customer=st.integers(0, CUSTOMERS - 1),
        action=st.sampled_from(["cancel", "end", "extend", "extension/pay", "goodbye"]),
    )
    def by_customer(self, chat: str, customer: int, action: str) -> None:
        who = self.customers[customer]
        body = {"json": {"duration_seconds": 600}} if action == "extend" else {}
        expected = self.model.by_customer(action, self.model.chats[chat], who.id)
        assert answered(self.house.act(who, chat, action, **body)) == expected

    @rule(chat=chats, number=st.integers(0, MITRAS - 1))
    def reroute(self, chat: str, number: int) -> None:
        mitra, _ = self.mitra(number)
        response = self.house.operator("POST", f"/internal/chat-sessions/{chat}/reroute", json={"mitra_id": mitra.id})
        assert answered(response) == self.model.reroute(self.model.chats[chat], mitra)

    @rule(maximum=st.integers(1, 3))
    def set_maximum(self, maximum: int) -> None:
        body = {"value": maximum}
        assert answered(self.house.operator("PUT", "/internal/config/max_customers_per_mitra", json=body)) == OK
        self.model.maximum = maximum

    # --- what has to hold after each step ------------------------------------------------------------------------

    @invariant()
    def postgres_is_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        ids = list(self.model.mitras)
        rows = self.house.sql(
            "SELECT m.id::text, m.is_active, coalesce(o.is_online, false) FROM mitras m"
            " LEFT JOIN mitra_online_status o ON o.mitra_id = m.id WHERE m.id = ANY(%s::uuid[])", ids,
        )  # fmt: skip
        assert {id_: (active, online) for id_, active, online in rows} == {
            mitra.id: (mitra.active, mitra.online) for mitra in self.model.mitras.values()
        }
        found = self.house.sql(
            "SELECT id::text, status, mitra_id::text FROM chat_sessions WHERE id = ANY(%s::uuid[])",
            list(self.model.chats),
        )
        assert {id_: (status, mitra) for id_, status, mitra in found} == {
            chat.id: (chat.status, chat.mitra) for chat in self.model.chats.values()
        }

    @invariant()
    def valkey_is_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        mine = set(self.model.mitras)
        mitras = self.model.mitras.values()
        judge = Judge(Kind.INVARIANT)
        require_mirror_is_truth(
            judge,
            PostgresState(
                online=[mitra.id for mitra in mitras if mitra.online],
                deactivated=[mitra.id for mitra in mitras if not mitra.active],
                loads={id_: self.model.load(id_) for id_ in mine},
            ),
            MirrorState(
                online=sorted(self.mirror.online() & mine),
                deactivated=sorted(self.mirror.deactivated() & mine),
                capacities={id_: text for id_, text in self.mirror.capacities().items() if id_ in mine},
                heartbeats={id_: text for id_, text in self.mirror.heartbeats().items() if id_ in mine},
            ),
        )
        assert judge.broken_promises == []

    @invariant()
    def the_available_are_the_models(self) -> None:
        if hasattr(self, "model"):
            found = self.house.operator("GET", "/internal/mitras/available").json()["mitra_ids"]
            assert set(found) == self.model.available()


@pytest.fixture
def story(house, stack, eventually) -> Any:
    """The machine of one server, whose Valkey is looked into."""
    with Mirror(stack.valkey.url) as mirror:
        mirror.flush()  # what earlier tests left in it belongs to rows that are gone
        eventually(lambda: mirror.keys("mirror:epoch"), "the server has seeded anew")
        yield type("Story", (Story,), {"house": house, "mirror": mirror})


def test_every_story_goes_as_the_model_tells_it(story) -> None:
    run_state_machine_as_test(story, settings=bounded)


def test_a_model_that_is_wrong_is_found_out(story, monkeypatch) -> None:
    """As good as a server that is: to this one a held extension does not count in the load."""
    monkeypatch.setattr("stateful_model.COUNTED", ("active",))
    unshrunk = settings(bounded, phases=[Phase.generate])  # that it is found is enough
    with pytest.raises(AssertionError):
        run_state_machine_as_test(story, settings=unshrunk)
