"""A mitra's app: sign in, toggle, ping, take chats."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from rig.contract import PING
from rig.traffic.actors.client import ServerHandle
from rig.traffic.actors.exchange import Exchange
from rig.traffic.actors.user import User

TOGGLERS = 8
GONE_AFTER_S = 0.0008  # mostly before an answer, and after the server has begun


class Mitra(User):
    """A counselor at the public listener; each method is one request (`login` is two)."""

    role = "mitra"
    area = "mitra"
    title = "mitra"
    placeholder = "$MITRA_TOKEN"

    def profile(self) -> Exchange:
        return self.request("profile", "GET", "/api/mitra/profile")

    def status(self) -> Exchange:
        return self.request("status", "GET", "/api/mitra/status")

    def online(self) -> Exchange:
        return self.request("online", "POST", "/api/mitra/status/online")

    def offline(self) -> Exchange:
        return self.request("offline", "POST", "/api/mitra/status/offline")

    def ping(self) -> Exchange:
        return self.request("ping", "POST", PING)

    def abandon(self) -> Exchange:
        """A ping whose sender is gone before the answer: an app that is closed, a line that breaks."""
        return self.request("abandoned", "POST", PING, patience_s=GONE_AFTER_S)

    def offers(self) -> Exchange:
        """The chats offered to this mitra and not yet taken."""
        return self.request("offers", "GET", "/api/mitra/chat-requests")

    def accept(self, session_id: str) -> Exchange:
        return self.request("accept", "POST", f"/api/mitra/chat-requests/{session_id}/accept")

    def decline(self, session_id: str) -> Exchange:
        return self.request("decline", "POST", f"/api/mitra/chat-requests/{session_id}/decline")

    def end(self, session_id: str) -> Exchange:
        return self.request("end", "POST", f"/api/mitra/chat-sessions/{session_id}/end")


def go_online(server: ServerHandle, ids: Sequence[str]) -> None:
    """Toggle them all by the API, a few at a time; ValueError when one is refused."""
    with ThreadPoolExecutor(TOGGLERS) as pool:
        for exchange in pool.map(lambda id: Mitra.from_secret(server, id).online(), ids):
            if not exchange.ok:
                raise ValueError(f"a mitra could not go online: {exchange}")
