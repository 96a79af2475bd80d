"""The lines of a made-up campaign in which all went well: each test breaks one thing of it."""

from collections import defaultdict
from typing import Any

T = 1000.0  # its start; baseline 10 s, fault 10 s, recovery 10 s, drain 5 s
SEED = "[valkey-mirror] seed: 2 online, 0 deactivated, 0 with active sessions"
Lines = dict[str, list[dict[str, Any]]]


def campaign() -> Lines:
    lines: Lines = defaultdict(list)
    for name, begin, end in (("baseline", 0, 10), ("fault", 10, 20), ("recovery", 20, 30), ("drain", 30, 35)):
        lines["phase"].append({"t": T + end, "name": name, "from": T + begin, "to": T + end})
    for event, at in (("requested", 10), ("confirmed", 10.1), ("removed", 20), ("healed", 20.1)):
        lines["fault"].append({"t": T + at, "name": "valkey killed", "event": event})
    lines["log"] = [{"t": T + 35, "instance": "a", "source": "logs/a.log", "lines": [[T + 1, SEED], [T + 20.5, SEED]]}]
    for tick in range(175):
        at = tick * 0.2
        down = 10 <= at < 20.6
        lines["sample"].append(sample(at, None if down else ["m1", "m2"]))
    for tick in range(150):
        at = tick * 0.2
        lines["request"].append(request(at, "ping", {"is_online": True}))
        lines["request"].append(request(at, "beacon", {"available": True, "count": 2}))
        lines["request"].append(request(at, "dashboard", {"online_mitras": 2}))
    return lines


def sample(at: float, mirror: list[str] | None, truth: tuple[str, ...] = ("m1", "m2")) -> dict[str, Any]:
    told = {"online": list(truth), "deactivated": [], "loads": {}, "query": "SELECT"}
    return {
        "t": T + at,
        "ended": T + at + 0.01,
        "mirror_before": mirror,
        "truth": told,
        "mirror_after": mirror,
        "lag_s": 0.0,
    }


def request(at: float, action: str, reply: Any, status: int | None = 200, took_s: float = 0.01) -> dict[str, Any]:
    return {
        "t": T + at, "action": action, "actor": "somebody", "method": "GET", "url": "http://x/", "body": None,
        "status": status, "reply": reply, "error": None if status else "ReadTimeout", "code": None,
        "started": T + at, "ended": T + at + took_s, "curl": "curl http://x/",
    }  # fmt: skip


def samples(lines: Lines, begin: float, end: float) -> list[dict[str, Any]]:
    return [line for line in lines["sample"] if T + begin <= line["t"] < T + end]
