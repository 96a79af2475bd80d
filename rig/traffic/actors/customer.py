"""A customer's app: poll the beacon, pay for a chat, extend it, say goodbye."""

from rig.contract import BEACON
from rig.traffic.actors.exchange import Exchange
from rig.traffic.actors.user import User

SESSIONS = "/api/client/chat-sessions"


class Customer(User):
    """A paying user at the public listener; each method is one request (`login` is two)."""

    role = "client"
    area = "client"
    title = "customer"
    placeholder = "$CUSTOMER_TOKEN"

    def beacon(self) -> Exchange:
        """Is anyone available? Asked without a token, as the app does before it knows its user."""
        return self.request("beacon", "GET", BEACON, signed=False)

    def create(self, duration_seconds: int = 1800) -> Exchange:
        return self.request("create", "POST", SESSIONS, {"duration_seconds": duration_seconds})

    def get(self, session_id: str) -> Exchange:
        return self.request("get", "GET", f"{SESSIONS}/{session_id}")

    def pay(self, session_id: str) -> Exchange:
        """Pay, which blasts the chat to every available mitra."""
        return self.request("pay", "POST", f"{SESSIONS}/{session_id}/pay")

    def cancel(self, session_id: str) -> Exchange:
        return self.request("cancel", "POST", f"{SESSIONS}/{session_id}/cancel")

    def end(self, session_id: str) -> Exchange:
        return self.request("end", "POST", f"{SESSIONS}/{session_id}/end")

    def goodbye(self, session_id: str) -> Exchange:
        return self.request("goodbye", "POST", f"{SESSIONS}/{session_id}/goodbye")

    def extend(self, session_id: str, duration_seconds: int = 1800) -> Exchange:
        body = {"duration_seconds": duration_seconds}
        return self.request("extend", "POST", f"{SESSIONS}/{session_id}/extend", body)

    def pay_extension(self, session_id: str) -> Exchange:
        return self.request("pay_extension", "POST", f"{SESSIONS}/{session_id}/extension/pay")
