"""Which sentences a difference breaks besides the one that the step is mainly about.

One step puts several sentences to the test. A difference must fail those of them that promise just what differs, and no other.
"""

from collections.abc import Iterable

from rig.service.steps import Expected

STATUS = "status"  # the status or the code of the answer
ANY_ROW, ANY_FIELD = "rows", "body"


def body(field: str) -> str:
    """The kind of a difference in this field of the answer."""
    return f"body {field}"


def rows(column: str) -> str:
    """The kind of a difference in these rows."""
    return f"rows {column}"


def key(name: str) -> str:
    """The kind of a difference in this key of the mirror."""
    return f"key {name}"


CAPACITY, HEARTBEAT, ONLINE, DEACTIVATED = key("capacity"), key("heartbeat"), key("online"), key("deactivated")
# By sentence: the kinds of differences that break it, where a step puts it to the test.
PROMISED: dict[str, tuple[str, ...]] = {
    "HTTP-04": (STATUS,), "HTTP-09": (STATUS,), "HTTP-10": (STATUS,), "HTTP-11": (STATUS,),
    "API-01": tuple(body(name) for name in ("id", "customer_id", "mitra_id", "status", "duration_seconds", "ends_at")),
    "API-02": tuple(body(name) for name in ("access_token", "refresh_token", "token_type", "expires_in", "user")),
    "AUTH-07": (STATUS,), "AUTH-08": (STATUS,), "AUTH-09": (STATUS,), "AUTH-12": (STATUS,), "AUTH-13": (STATUS,),
    "AUTH-14": (body("access_token"),), "AUTH-18": (body("life"), body("expires_in")), "AUTH-22": (STATUS,),
    "TOGGLE-05": (CAPACITY,), "TOGGLE-06": (HEARTBEAT,), "TOGGLE-07": (ONLINE,), "TOGGLE-10": (STATUS,),
    "BEACON-06": (STATUS, body("available"), body("count")), "BEACON-07": (STATUS,),
    "CHAT-02": (STATUS,), "CHAT-06": (STATUS,), "CHAT-15": (CAPACITY,),
    "EXTEND-04": (STATUS,), "EXTEND-06": (body("duration_seconds"), rows("duration")), "EXTEND-07": (CAPACITY,),
    "OFFER-02": (body("chat_requests"),), "OFFER-03": (STATUS,),
    "OFFER-05": (STATUS, body("chat_requests")), "OFFER-09": (STATUS,), "OFFER-11": (STATUS,),
    "BLAST-01": (body("offered"), rows("offers"), STATUS), "BLAST-03": (STATUS, body("offered"), rows("offers")),
    "BLAST-04": (STATUS, body("offered")), "BLAST-06": (body("reachable"), body("mitra_ids"), rows("offers")),
    "OUTAGE-01": (STATUS, ANY_FIELD), "REROUTE-05": (ANY_ROW,), "REROUTE-06": (CAPACITY,), "REROUTE-08": (STATUS,),
    "TABLE-03": (rows("audit"),), "TABLE-06": (body("config"),), "TABLE-05": (rows("offers"),),
    "OPS-04": (body("id"), body("is_active"), body("is_online"), body("display_name"), STATUS),
    "CONFIG-04": (body("config"),), "CONFIG-06": (rows("setting"),),
    "DEACT-01": (rows("sign_ins"),), "DEACT-02": (DEACTIVATED,), "DEACT-03": (rows("is_online"), body("is_online")),
    "DEACT-04": (STATUS,), "DEACT-05": (STATUS,), "DEACT-06": (STATUS, body("is_online"), DEACTIVATED),
}  # fmt: skip


def broken_besides(expected: Expected, kinds: Iterable[str], looked_at: Iterable[str] = ()) -> list[str]:
    """The other sentences of the step that promise what differs; `looked_at`: those that every look puts to the test."""
    found = {*kinds}
    if any(kind.startswith("rows ") for kind in found):
        found.add(ANY_ROW)
    if any(kind.startswith("body ") for kind in found):
        found.add(ANY_FIELD)
    tested = dict.fromkeys((*expected.also, *looked_at))
    return [id for id in tested if id != expected.sentence and found & {*PROMISED.get(id, ())}]
