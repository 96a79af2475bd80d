"""The actions that a case ends with, each as one step in the words of the model."""

from rig.runs.contract.states import C1, C2, CHAT, LONG_S, M1, M2
from rig.service.accounts import RIGHT, WRONG
from rig.service.steps import ACTIONS, TOKENS, Step

GHOST = "00000000-0000-4000-8000-000000000000"  # a uuid of nobody and nothing

# By the name of the try. Those of people's own and those of others stand apart, as the contract answers them otherwise.
TRIES: dict[str, Step] = {
    "online": Step("online", M1),
    "offline": Step("offline", M1),
    "ping": Step("ping", M1),
    "status": Step("status", M1),
    "profile": Step("profile", M1),
    "beacon": Step("beacon"),
    "dashboard": Step("dashboard", "operator"),
    "create": Step("create", C1, chat="chat9", value=LONG_S),
    "get": Step("get", C1, chat=CHAT),
    "get another's": Step("get", C2, chat=CHAT),
    "pay": Step("pay", C1, chat=CHAT),
    "pay another's": Step("pay", C2, chat=CHAT),
    "cancel": Step("cancel", C1, chat=CHAT),
    "cancel another's": Step("cancel", C2, chat=CHAT),
    "end": Step("end", C1, chat=CHAT),
    "end another's": Step("end", C2, chat=CHAT),
    "goodbye": Step("goodbye", C1, chat=CHAT),
    "goodbye another's": Step("goodbye", C2, chat=CHAT),
    "extend": Step("extend", C1, chat=CHAT, value=LONG_S),
    "extend another's": Step("extend", C2, chat=CHAT, value=LONG_S),
    "extension-pay": Step("extension-pay", C1, chat=CHAT),
    "extension-pay another's": Step("extension-pay", C2, chat=CHAT),
    "mitra-end": Step("mitra-end", M1, chat=CHAT),
    "mitra-end another's": Step("mitra-end", M2, chat=CHAT),
    "offers": Step("offers", M1),
    "offers of another": Step("offers", M2),
    "accept": Step("accept", M1, chat=CHAT),
    "accept by another": Step("accept", M2, chat=CHAT),
    "decline": Step("decline", M1, chat=CHAT),
    "mitras": Step("mitras", "operator"),
    "deactivate": Step("set-active", "operator", mitra=M1, value=False),
    "activate": Step("set-active", "operator", mitra=M1, value=True),
    "reachable": Step("reachable", "operator", mitra=M1),
    "available": Step("available", "operator"),
    "reroute": Step("reroute", "operator", chat=CHAT, mitra=M1),
    "reroute away": Step("reroute", "operator", chat=CHAT, mitra=M2),
    "config": Step("config", "operator"),
    "set-config": Step("set-config", "operator", key="max_customers_per_mitra", value=2),
    "mitra-request-code": Step("mitra-request-code", M1),
    "mitra-verify without a request": Step("mitra-verify", M1, value=RIGHT, key="t1"),
    "mitra-refresh unknown": Step("mitra-refresh", M1, value="none", key="t1"),
    "mitra-logout unknown": Step("mitra-logout", M1, value="none"),
    "client-request-code": Step("client-request-code", C1),
    "client-verify without a request": Step("client-verify", C1, value=WRONG, key="t1"),
    "client-refresh unknown": Step("client-refresh", C1, value="none", key="t1"),
    "client-logout unknown": Step("client-logout", C1, value="none"),
    "providers": Step("providers"),
}
# Actions that are crossed with every state of the mitra as well, as their answer depends on both.
CROSSED = ("accept", "decline", "end", "mitra-end", "extend", "extension-pay", "pay", "reroute", "reroute away")
# Actions that read or write the mirror: in an outage they are crossed with every state of the mitra.
MIRRORED = (
    "online", "offline", "ping", "status", "beacon", "dashboard", "reachable", "available", "pay", "accept", "reroute",
    "deactivate", "activate",
)  # fmt: skip
WRONG_TOKENS = TOKENS[1:]


def signed() -> list[str]:
    """The tries that need a token."""
    return [name for name, tried in TRIES.items() if ACTIONS[tried.action].role is not None]
