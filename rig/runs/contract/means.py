"""What a contract run has to work with, and what each case, walk and probe needs: at a running server not all can be had."""

from collections.abc import Iterable
from enum import StrEnum

from rig.environment.cadence import ENVIRONMENT, QUIET
from rig.runs.contract.cases import Case
from rig.runs.contract.states import Do, Wait
from rig.service.accounts import RIGHT
from rig.service.steps import ACTIONS, Step
from rig.stack import StackSpec

WINDOW_S = 10  # the shortest goodbye window in which all cases of a batch can be looked at


class Mean(StrEnum):
    """One thing that a run may have. The text says what the user must do to have it."""

    START = "a server that the rig starts (--sut COMMAND)"
    STORES = "the server's stores (--postgres URL --valkey URL --scratch)"
    SECRET = "--jwt-secret S"
    CODE = "--otp-code CODE"
    OPERATOR = "--internal-token T"
    CUT = "--toxiproxy URL and --toxiproxy-proxy NAME"
    LOG = "--sut-log FILE"
    QUIET = f"a server whose sweeps do not run meanwhile (start it with {QUIET}, and say so by --sut-env)"


ALL = frozenset(Mean)
Means = frozenset[Mean]
# What the model follows: rows, keys and tokens of every kind.
FOLLOWED = frozenset({Mean.STORES, Mean.SECRET, Mean.QUIET})
WALK = FOLLOWED | {Mean.OPERATOR, Mean.CODE}
SWEEPS = tuple(ENVIRONMENT[name] for name in ("auto-offline", "heartbeat-mirror", "reconcile"))
# By probe; one that is not named here needs a server that the rig starts.
NEEDS: dict[str, Means] = {
    "wrong methods and paths": frozenset(),
    "bodies that are wrong": frozenset(),
    "order of errors": frozenset(),
    "generated requests": frozenset({Mean.STORES}),
    "answers of open routes": frozenset(),
    "answers of every route": frozenset({Mean.STORES, Mean.OPERATOR}),
    "ids that are wrong": frozenset({Mean.STORES, Mean.OPERATOR}),
    "bodies nobody asked for": frozenset({Mean.STORES, Mean.OPERATOR}),
    "tokens that were minted": frozenset({Mean.STORES, Mean.SECRET, Mean.OPERATOR}),
    "values at their bounds": frozenset({Mean.STORES, Mean.OPERATOR}),
    "people nobody knows": frozenset({Mean.STORES, Mean.CODE}),
    "ids in upper case": frozenset({Mean.STORES, Mean.SECRET, Mean.OPERATOR}),
    "status of a mitra": frozenset({Mean.STORES}),
    "snapshot": frozenset({Mean.STORES, Mean.OPERATOR}),
    "refresh tokens in rows": frozenset({Mean.STORES, Mean.CODE}),
    "refresh at once": frozenset({Mean.STORES, Mean.CODE}),
    "verify at once": frozenset({Mean.STORES, Mean.CODE}),
    "wrong codes at once": frozenset({Mean.STORES, Mean.CODE}),
    "accept at once": frozenset({Mean.STORES}),
    "accept several at once": frozenset({Mean.STORES}),
    "reroute several at once": frozenset({Mean.STORES, Mean.OPERATOR}),
    "toggles at once": frozenset({Mean.STORES}),
    "end at once": frozenset({Mean.STORES}),
    "extension paid at once": frozenset({Mean.STORES}),
    "pay at once": frozenset({Mean.STORES}),
    "two settings at once": frozenset({Mean.STORES, Mean.OPERATOR}),
    "refresh beside a deactivation": frozenset({Mean.STORES, Mean.CODE, Mean.OPERATOR}),
    "flushed scripts": frozenset({Mean.STORES, Mean.OPERATOR}),
    "cut subscribers": frozenset({Mean.STORES, Mean.OPERATOR}),
    "settings one after another": frozenset({Mean.STORES, Mean.OPERATOR}),
    "many requests": frozenset({Mean.STORES, Mean.SECRET}),
    "many cycles": frozenset({Mean.STORES}),
    "heads that are too long": frozenset(),
    "silent connections": frozenset({Mean.STORES}),
}
# Probes that do a part of their work without the stores: the sentences that this part tests.
WITHOUT_STORES: dict[str, frozenset[str]] = {
    "order of errors": frozenset({"HTTP-01", "HTTP-02", "HTTP-04", "HTTP-20"}),
}
# What a probe needs for the whole of its work, where it can do a part with less.
WHOLE: dict[str, Means] = {"order of errors": frozenset({Mean.STORES, Mean.OPERATOR})}


def means_of(spec: StackSpec) -> Means:
    """All of them for a server that the rig starts; at a running one what the user gave."""
    told = spec.attached
    if told is None:
        return ALL
    cadences = {name: int(value) for name, value in told.cadences().items()}
    reconcile = cadences[ENVIRONMENT["reconcile"]]
    still = all(cadences[name] >= QUIET for name in SWEEPS[:2]) and (reconcile == 0 or reconcile >= QUIET)
    given = {
        Mean.STORES: spec.postgres and spec.valkey,
        Mean.SECRET: told.jwt_secret,
        Mean.CODE: told.otp_code,
        Mean.OPERATOR: told.internal_token,
        Mean.CUT: spec.toxiproxy,
        Mean.LOG: told.log,
        Mean.QUIET: still and cadences[ENVIRONMENT["goodbye"]] >= WINDOW_S,
    }
    return frozenset(mean for mean, value in given.items() if value)


def needs_of_case(case: Case) -> Means:
    """What playing this case needs."""
    needed = {*FOLLOWED, *({Mean.START} if case.instance != "a" else ())}
    for move in (*case.way, *map(case.step, case.tries)):
        if isinstance(move, Do):
            needed |= {"away": {Mean.CUT}, "back": {Mean.CUT, Mean.LOG}}.get(move.event, {Mean.START})
        elif isinstance(move, Step):
            needed |= {Mean.OPERATOR} if ACTIONS[move.action].role == "operator" else set()
            needed |= {Mean.CODE} if move.value == RIGHT and move.action.endswith("-verify") else set()
        elif isinstance(move, Wait):
            needed.add(Mean.QUIET)
    return frozenset(needed)


def needs_of_probe(name: str, sentence: str = "") -> Means:
    """What a probe needs to begin; with a `sentence`, what it needs to test this one."""
    if name in WHOLE and sentence and sentence not in WITHOUT_STORES[name]:
        return WHOLE[name]
    return NEEDS.get(name, frozenset({Mean.START}))


def judged_by_probe(name: str, sentences: Iterable[str], means: Means) -> frozenset[str]:
    """The sentences of this probe that it tests with these means."""
    if not needs_of_probe(name) <= means:
        return frozenset()
    if WHOLE.get(name, frozenset()) <= means:
        return frozenset(sentences)
    return WITHOUT_STORES[name]


def why_not(needs: Iterable[Means], means: Means) -> str:
    """What is missing for the one of these that lacks least, as the reason of a skip; empty where nothing is."""
    lacks = min((one - means for one in needs), key=lambda lacking: (Mean.START in lacking, len(lacking)))
    return f"needs {', '.join(mean for mean in Mean if mean in lacks)}" if lacks else ""
