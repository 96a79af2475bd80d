"""Judges instances on stores of the oldest versions that must be served, and on older ones."""

import re

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations.contract import stores


@probe_check("versions of the stores", "STORE-01", "STORE-02")
def versions(judge: ProbeJudge, seen: stores.StoreVersions) -> None:
    for on, ready, answers, seeds, mirrored in seen.served:
        if judge.require("STORE-01", ready, f"on {on} the server does not start"):
            served = all(status == 200 for status in answers)
            judge.require("STORE-01", served, f"on {on} a toggle, a ping and a toggle were answered {answers}")
            judge.require("STORE-01", seeds, f"on {on} no seed was logged at the start")
            judge.require("STORE-01", mirrored, f"on {on} a mitra who went online is not in mitras:online")
    for product, version, code, lines, body in seen.older:
        if code is not None:
            judge.require("STORE-02", code != 0, f"with {product} {version} the server ended with exit code 0")
            continue
        what = f"with {product} {version} the server started, and"
        judge.require("STORE-02", any(names(version, line) for line in lines), f"{what} no log line names the version")
        judge.require("STORE-02", names(version, body), f"{what} the body of /readyz does not name it: {body[:300]}")


def names(version: str, text: str) -> bool:
    """Whether the text has this version, or its major number where that alone tells that it is old."""
    major, _, minor = version.partition(".")
    told = re.escape(major) + (r"(\.\d+)*" if int(major) > 9 else re.escape(f".{minor.partition('.')[0]}"))
    return re.search(rf"(?<![\d.]){told}(?!\d)", text) is not None
