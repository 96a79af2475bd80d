"""An operator's control center, at the internal listener."""

from typing import Any

from rig.record import RecordWriter
from rig.traffic.actors.client import Client, ServerHandle, instance_of
from rig.traffic.actors.exchange import Exchange

PLACEHOLDER = "$INTERNAL_API_TOKEN"


class Operator:
    """Holds the internal token; each method is one request."""

    def __init__(self, server: ServerHandle, recorder: RecordWriter | None = None) -> None:
        self.server = server
        self.client = Client("operator", recorder, placeholder=PLACEHOLDER, instance=instance_of(server))
        self.client.keep_secret(server.internal_token, PLACEHOLDER)

    def request(
        self,
        action: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        signed: bool = True,
        raw: bytes | None = None,
    ) -> Exchange:
        """Any request to the internal listener, with the internal token unless `signed` is false."""
        url = self.server.internal_url.rstrip("/") + path
        token = self.server.internal_token if signed else None
        return self.client.send(action, method, url, body=body, raw=raw, token=token)

    def dashboard(self) -> Exchange:
        return self.request("dashboard", "GET", "/internal/dashboard")

    def mitras(self) -> Exchange:
        return self.request("mitras", "GET", "/internal/mitras")

    def set_active(self, mitra_id: str, is_active: bool) -> Exchange:
        """Deactivate or re-activate a mitra."""
        action = "reactivate" if is_active else "deactivate"
        return self.request(action, "PATCH", f"/internal/mitras/{mitra_id}", {"is_active": is_active})

    def reachable(self, mitra_id: str) -> Exchange:
        return self.request("reachable", "GET", f"/internal/mitras/{mitra_id}/reachable")

    def available(self) -> Exchange:
        return self.request("available", "GET", "/internal/mitras/available")

    def reroute(self, session_id: str, mitra_id: str) -> Exchange:
        path = f"/internal/chat-sessions/{session_id}/reroute"
        return self.request("reroute", "POST", path, {"mitra_id": mitra_id})

    def config(self) -> Exchange:
        return self.request("config", "GET", "/internal/config")

    def set_config(self, key: str, value: Any) -> Exchange:
        return self.request("set_config", "PUT", f"/internal/config/{key}", {"value": value})

    def ready(self) -> Exchange:
        return self.request("ready", "GET", "/readyz", signed=False)

    def healthy(self) -> Exchange:
        return self.request("healthy", "GET", "/healthz", signed=False)

    def metrics(self) -> Exchange:
        """Prometheus text, as `reply`."""
        return self.request("metrics", "GET", "/metrics", signed=False)
