"""The people of a soak: mitras who work in shifts and leave for good, customers who chat and leave, an operator."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rig.record import RecordWriter
from rig.traffic.actors.client import ServerHandle, instance_of
from rig.traffic.actors.customer import Customer
from rig.traffic.actors.mitra import Mitra
from rig.traffic.actors.operator import Operator
from rig.traffic.actors.user import User
from rig.traffic.churn.engine import Life, Lives
from rig.traffic.churn.tally import Tally

REFRESH_S = 600.0  # of the 900 s that an access token lives: these seconds are real ones in an accelerated run, too
RETRY_S = 2.0
MAXIMA = (3, 4)  # the operator's settings of max_customers_per_mitra, in turn

NewMitra = Callable[[], tuple[str, str]]  # inserts one; her id and phone


@dataclass(frozen=True)
class ChurnPace:
    """Who is there, and how long each thing takes on average, in seconds of the written cadences."""

    mitras: int = 16
    customers: int = 10
    ping_s: float = 30.0
    offers_s: float = 20.0
    shift_s: float = 2400.0
    break_s: float = 300.0
    shifts: int = 4  # then the mitra leaves for good, and a new one is hired
    beacon_s: float = 5.0
    browse_s: float = 40.0  # before a chat
    chats_s: tuple[float, ...] = (45.0, 120.0, 600.0, 1800.0)  # lengths of a chat, each as likely
    chats: int = 6  # then the customer leaves, and a new one comes
    dashboard_s: float = 15.0
    config_s: float = 240.0

    def faster(self, factor: float) -> "ChurnPace":
        """The same, with all times divided by the factor."""
        times = {
            name: value / factor for name, value in vars(self).items() if name.endswith("_s") and name != "chats_s"
        }
        return replace(self, **times, chats_s=tuple(value / factor for value in self.chats_s))


class World:
    """What the lives share: the instances that take requests, the tally, and who is there."""

    def __init__(
        self,
        servers: Callable[[], Sequence[ServerHandle]],
        recorder: RecordWriter,
        new_mitra: NewMitra,
        pace: ChurnPace,
        random_seed: int,
    ) -> None:
        self._servers, self._new_mitra = servers, new_mitra
        self._first = servers()[0]  # an actor is made for it; `move` chooses who takes the request
        self.pace = pace
        self.tally = recorder if isinstance(recorder, Tally) else Tally(recorder)
        self.lives = Lives()
        self._random_seed = random_seed
        self._lock = threading.Lock()
        self._people = 0
        self.inserted = 0  # mitras
        self.customers = 0  # who may have a row

    def begin(self) -> None:
        """Let all people come, spread over the first few seconds."""
        for number in range(self.pace.mitras):
            self.lives.add(self.mitra(), after_s=number * self.pace.ping_s / self.pace.mitras)
        for number in range(self.pace.customers):
            self.lives.add(self.customer(), after_s=number * self.pace.beacon_s / self.pace.customers)
        self.lives.add(self.operator())
        self.lives.start()

    def draw(self) -> random.Random:
        """Random numbers of the next person; they follow from the random seed and the order of coming."""
        with self._lock:
            self._people += 1
            return random.Random(f"{self._random_seed}/{self._people}")

    def move(self, user: User | Operator, draw: random.Random) -> bool:
        """Send the next requests of this user to any instance that takes requests, as a load balancer does."""
        servers = self._servers()
        if not servers:
            return False
        user.server = draw.choice(list(servers))
        user.client.instance = instance_of(user.server)
        return True

    def signed_in(self, user: User) -> bool:
        return self.tally.send("sign in", user.login).ok

    # --- lives --------------------------------------------------------------------------------------------------

    def mitra(self) -> Life:
        """One mitra from her first sign-in until she leaves for good; then the next one is hired."""
        pace, draw = self.pace, self.draw()
        with self._lock:
            self.inserted += 1
        id, phone = self._new_mitra()
        for _ in range(max(1, round(draw.uniform(0.5, 1.5) * pace.shifts))):
            mitra = Mitra(self._first, id, phone, self.tally, name=id)
            while not (self.move(mitra, draw) and self.signed_in(mitra)):
                yield RETRY_S
            yield from self.shift(mitra, draw)
            yield pace.break_s * draw.uniform(0.5, 1.5)
        operator = Operator(self._first, self.tally)
        self.move(operator, draw)
        operator.set_active(id, False)
        self.lives.add(self.mitra(), after_s=pace.break_s)

    def shift(self, mitra: Mitra, draw: random.Random) -> Life:
        """Online for a while: ping, take chats. She goes offline, or just stops to ping."""
        pace, began = self.pace, time.monotonic()
        length_s, renewed = pace.shift_s * draw.uniform(0.3, 1.7), began
        self.tally.send("online", mitra.online)
        look_at = began + pace.offers_s
        while time.monotonic() - began < length_s:
            yield pace.ping_s * draw.uniform(0.9, 1.1)
            if not self.move(mitra, draw):
                continue
            if time.monotonic() - renewed > REFRESH_S:
                renewed = time.monotonic()
                self.tally.send("refresh", mitra.refresh)
            answer = mitra.ping()
            if answer.ok and isinstance(answer.reply, dict) and answer.reply.get("is_online") is False:
                self.tally.send("online", mitra.online)
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + pace.offers_s * draw.uniform(0.5, 1.5)
                self.take(mitra, draw)
        if self.move(mitra, draw) and draw.random() < 0.8:
            mitra.offline()
            mitra.logout()

    def take(self, mitra: Mitra, draw: random.Random) -> None:
        """Accept the first open offer, or decline it now and then."""
        offers = mitra.offers()
        waiting = offers.reply.get("chat_requests") if offers.ok and isinstance(offers.reply, dict) else None
        if waiting:
            (mitra.decline if draw.random() < 0.1 else mitra.accept)(waiting[0]["chat_session_id"])

    def customer(self) -> Life:
        """One customer from the first sign-in to the last chat; then a new one comes."""
        draw = self.draw()
        customer = Customer(self._first, None, f"+629{draw.randrange(10**9, 10**10)}", self.tally)
        with self._lock:
            self.customers += 1
        while not (self.move(customer, draw) and self.signed_in(customer)):
            yield RETRY_S
        signed_in = time.monotonic()
        for _ in range(max(1, round(draw.uniform(0.5, 1.5) * self.pace.chats))):
            yield from self.poll(customer, draw, self.pace.browse_s * draw.uniform(0.3, 1.7))
            if time.monotonic() - signed_in > REFRESH_S:
                signed_in = time.monotonic()
                self.tally.send("refresh", customer.refresh)
            yield from self.chat(customer, draw)
        self.lives.add(self.customer(), after_s=self.pace.browse_s)

    def poll(self, customer: Customer, draw: random.Random, seconds: float) -> Life:
        """Poll the beacon for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.move(customer, draw):
                customer.beacon()
            yield self.pace.beacon_s

    def chat(self, customer: Customer, draw: random.Random) -> Life:
        """Create a chat, pay, and end it in one of several ways."""
        length_s = max(1, round(draw.choice(self.pace.chats_s)))
        self.move(customer, draw)
        created = self.tally.send("create", lambda: customer.create(length_s))
        if not created.ok or not isinstance(created.reply, dict):
            return
        id = str(created.reply.get("id"))
        if not self.tally.send("pay", lambda: customer.pay(id)).ok:
            customer.cancel(id)
            return
        yield from self.poll(customer, draw, self.pace.offers_s * 2)
        self.move(customer, draw)
        found = customer.get(id)
        if found.ok and isinstance(found.reply, dict) and found.reply.get("status") == "searching":
            customer.cancel(id)
            return
        way = draw.choice(("end", "extend", "goodbye", "leave"))
        yield from self.poll(customer, draw, length_s * (0.5 if way in ("end", "extend") else 1.05))
        self.move(customer, draw)
        if way == "extend" and customer.extend(id, length_s).ok:
            customer.pay_extension(id)
            yield from self.poll(customer, draw, length_s)
        self.move(customer, draw)
        if way in ("end", "goodbye"):
            (customer.end if way == "end" else customer.goodbye)(id)

    def operator(self) -> Life:
        """Looks at the dashboard, and changes a setting now and then."""
        draw, turn = self.draw(), 0
        operator = Operator(self._first, self.tally)
        changed = time.monotonic()
        while True:
            if self.move(operator, draw):
                operator.dashboard()
                if time.monotonic() - changed > self.pace.config_s:
                    changed, turn = time.monotonic(), turn + 1
                    operator.set_config("max_customers_per_mitra", MAXIMA[turn % 2])
            yield self.pace.dashboard_s
