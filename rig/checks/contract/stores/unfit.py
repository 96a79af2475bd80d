"""Judges what /readyz tells of a Valkey that can hold no mirror."""

import re

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations.contract import stores

# By what is wrong: words of which the body must have one that the body of a good instance lacks.
WORDS = {
    "a wrong password": {
        "password", "wrongpass", "noauth", "auth", "authentication", "authenticate", "credentials", "login", "username",
    },
    "a replica": {"replica", "slave", "readonly", "primary", "master"},
    "a cluster": {"cluster", "clusterdown", "crossslot"},
}  # fmt: skip


@probe_check("Valkey that holds no mirror", "STORE-03")
def unfit_stores(judge: ProbeJudge, seen: stores.UnfitStores) -> None:
    for why, ready, status, body in seen.found:
        what = f"with a Valkey that has {why}" if why == "a wrong password" else f"with a Valkey that is {why}"
        if judge.require("STORE-03", ready and status == 200, f"{what} /readyz is {status}, expected 200"):
            told = f"{what} the body of /readyz does not say so: {body[:300]}"
            judge.require("STORE-03", names_it(why, body, seen.usual), told)


def names_it(why: str, body: str, usual: str) -> bool:
    """Whether a word of the body tells what is wrong. A word that stands in the body of a good instance tells nothing."""
    return bool(WORDS[why] & (words(body) - words(usual)))


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))
