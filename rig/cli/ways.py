"""What each command can do, and which of its parameters count for it: declarations for `rig.cli.option_rules`.

A way is one thing that a command does. The command line offers an option where some way of the command reads it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rig.setting_fields import FIELDS

WHEELS = frozenset({"postgres_wheel", "valkey_wheel"})
STACK = WHEELS | frozenset({"valkey_profile", "valkey_tls", "mode", "postgres", "valkey", "toxiproxy", "scratch"})
SERVER = frozenset({"sut", "sut_cwd", "sut_setup", "sut_pass_env", "ready_within_s", "schema"})
RUNNING = frozenset({
    "base_url", "internal_url", "otp_code", "jwt_secret", "internal_token", "sut_log", "sut_env", "toxiproxy_proxy",
})  # fmt: skip
JUDGED = frozenset({"level", "strict", "random_seed", "label", "reports", "quiet"})
RUN = STACK | SERVER | JUDGED | {"postgres_log"}
# Variables that name what is tested. A command that starts a stack must not ignore them.
TESTED = STACK | SERVER | RUNNING | {"postgres_log"}
PACE = frozenset({
    "mitras", "ping_every", "customers", "storm", "storm_shape", "togglers", "chats", "seconds", "warm_up", "baseline",
    "witness", "blocks", "instances", "threshold", "processes", "load_workers", "expect_workers", "bind", "web", "web_port",
})  # fmt: skip
CHECKLIST = RUN | RUNNING | {"only", "cadence", "workers", "keep", "repeat"}
VERIFY = RUN | RUNNING | {"only", "cadence", "workers", "keep", "full", "accept"}
CONTRACT = (RUN | RUNNING | {"only", "stage", "walks", "workers", "keep"}) - {"postgres_log"}
PROVE = frozenset({
    "names", "only", "sample", "cross", "write_docs", "workers", "random_seed", "ready_within_s", "label", "reports",
    "quiet",
})  # fmt: skip
MODEL = frozenset({"instances", "mitras", "faults", "deep", "control", "strict", "label", "reports", "quiet"})
AUDIT = frozenset({
    "postgres", "valkey", "schema", "postgres_password_file", "valkey_password_file", "share", "keys_max",
})  # fmt: skip
REPORTED = AUDIT | {"allow_keys", "as_json", "prometheus", "log", "quiet"}
CUTOVER = frozenset({
    "postgres_wheel", "valkey_wheel", "valkey_profile", "valkey_tls", "sut", "sut_cwd", "sut_pass_env", "ready_within_s",
    "random_seed", "label", "reports", "quiet", "factor", "sql_capacity",
})  # fmt: skip
LINES = frozenset({"instance", "lines", "since", "follow", "until", "within_s", "session"})

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Way:
    """One thing that a command can do. `words` ask for it; `reads` are the names of the parameters that it uses."""

    words: str
    reads: frozenset[str]
    asked: Callable[[Values], object] = lambda values: True
    starts: bool = False  # whether it starts a stack
    names_max: int | None = None  # the number of words that may follow the command
    extra: str | None = None  # the extra of the package that it needs

    @property
    def settings(self) -> frozenset[str]:
        """Those of them that are settings."""
        return self.reads & FIELDS.keys()


def way(words: str, *reads: Collection[str], **more: Any) -> Way:
    return Way(f"rig {words}", frozenset().union(*reads), **more)


def first(word: str) -> Callable[[Values], bool]:
    """Whether the first name is this one."""
    return lambda values: (values["names"] or [])[:1] == [word]


def failed(values: Values) -> object:
    """Whether --failed is given."""
    return values["failed"]


# The ways of each command. The first way that is asked for counts.
WAYS: Mapping[str, tuple[Way, ...]] = {
    "checklist": (
        way("checklist --list", {"listed", "only"}, asked=lambda values: values["listed"]),
        way("checklist --failed", CHECKLIST, {"failed"}, asked=failed, starts=True),
        way("checklist", CHECKLIST, starts=True),
    ),
    "verify": (
        way("verify --failed", VERIFY, {"failed"}, asked=failed, starts=True),
        way("verify", VERIFY, starts=True),
    ),
    "contract": (
        way("contract --list", {"listed"}, asked=lambda values: values["listed"]),
        way("contract --openapi", {"openapi"}, asked=lambda values: values["openapi"]),
        way("contract --failed", CONTRACT, {"failed"}, asked=failed, starts=True),
        way("contract", CONTRACT, starts=True),
    ),
    "chaos": (
        way("chaos --list", {"listed"}, asked=lambda values: values["listed"]),
        way("chaos --list-faults", {"faults_listed"}, asked=lambda values: values["faults_listed"]),
        way("chaos random", RUN, {"names", "minutes", "fleet", "towards"}, asked=first("random"), starts=True, names_max=1),
        way(
            "chaos matrix", RUN, {"names", "only", "classes", "cadence", "workers"},
            asked=first("matrix"), starts=True, names_max=1,
        ),
        # It takes the random seed of the failed run, and its exit code does not depend on skips.
        way(
            "chaos shrink", RUN - {"random_seed", "strict"}, {"names"},
            asked=first("shrink"), starts=True, names_max=2,
        ),
        way("chaos --failed", RUN, {"failed"}, asked=failed, starts=True),
        way("chaos", RUN, {"names", "fault", "profile", "schedule"}, starts=True),
    ),
    "load": (
        way(
            "load --scale", JUDGED, SERVER - {"schema"}, {"scale", "sizes"},
            asked=lambda values: values["scale"], starts=True,
        ),
        way("load", RUN, PACE, starts=True, extra="load"),
    ),
    "soak": (
        # Length, factor, faults, random seed, level and strictness are those of the run that it goes on with.
        way(
            "soak --resume", STACK, SERVER, {"resume", "reports", "quiet"},
            asked=lambda values: values["resume"] is not None, starts=True,
        ),
        way("soak", RUN - {"postgres_log"}, {"hours", "minutes", "factor", "faults", "pressure"}, starts=True),
    ),
    "bench": (
        way("bench --fleet", {"fleet", "random_seed", "quiet"}, asked=lambda values: values["fleet"] is not None, extra="load"),
        way("bench --hot", STACK, SERVER, {"hot", "label", "quiet"}, asked=lambda values: values["hot"], starts=True),
        way("bench", STACK, SERVER, {"polls", "postgres_log", "label", "quiet"}, starts=True),
    ),
    "prove": (
        way("prove --list", {"listed", "names", "only"}, asked=lambda values: values["listed"]),
        way("prove --failed", PROVE, {"failed"}, asked=failed, starts=True),
        way("prove", PROVE, starts=True),
    ),
    "model": (
        way("model --replay", {"replay", "reports"}, asked=lambda values: values["replay"] is not None),
        way("model --list", {"listed", "spec"}, asked=lambda values: values["listed"]),
        way("model --failed", MODEL, {"failed"}, asked=failed),
        way("model", MODEL, {"spec", "mutant"}),
    ),
    "recheck": (
        way("recheck --protocol", {"run", "reports", "protocol"}, asked=lambda values: values["protocol"]),
        way("recheck", {"run", "reports", "quiet"}),
    ),
    "compare": (way("compare", {"before", "after", "as_json", "reports"}),),
    "doctor": (way("doctor", WHEELS),),
    "clean": (way("clean"),),
    "serve": (
        way("serve", STACK, SERVER, {"postgres_log", "instances", "port", "env", "config", "label"}, starts=True),
    ),
    "vk": (way("vk", {"command", "session"}),),
    "sql": (way("sql", {"statement", "session"}),),
    "valkey": (way("valkey", {"action", "instance", "session"}),),
    "server": (way("server", {"action", "instance", "env", "session"}),),
    "statements": (way("statements", LINES, {"everything"}),),
    "log": (way("log", LINES),),
    "env": (way("env", {"session"}),),
    "tour": (
        way("tour --print", {"printed", "sections"}, asked=lambda values: values["printed"]),
        way("tour", {"sections", "yes", "session"}),
    ),
    "audit": (
        way("audit --grants", {"granted", "schema"}, asked=lambda values: values["granted"]),
        way("audit --explain", AUDIT, {"explained"}, asked=lambda values: values["explained"]),
        way("audit --again", REPORTED - {"keys_max", "allow_keys"}, {"again"}, asked=lambda values: values["again"] is not None),
        way("audit --watch", REPORTED, {"watch", "state", "reports", "gap_max"}, asked=lambda values: values["watch"] is not None),
        way("audit", REPORTED, {"state", "reports", "gap_max"}),
    ),
    "cutover": (
        way("cutover --dry-run", {"dry_run", "factor", "hold"}, asked=lambda values: values["dry_run"]),
        way("cutover --prove", CUTOVER, {"prove", "plant"}, asked=lambda values: values["prove"], starts=True),
        way("cutover", CUTOVER, {"rehearsals", "hold", "plant", "attest", "by", "fresh_within"}, starts=True),
    ),
    "mark": (way("mark", {"postgres", "valkey"}),),
}  # fmt: skip

ALONE = "a given Postgres serves one arm only, and the rig must not switch its log"
COUNTED = "without a log their statements cannot be told from those of a ping"


def below_reports(one: SimpleNamespace) -> bool:
    """Whether a run or file is named that must be searched for in the directory of reports. A path needs no search."""
    if hasattr(one, "state"):
        return one.state is None
    if getattr(one, "replay", None) is not None:
        return not one.replay.exists()
    named = [getattr(one, name) for name in ("run", "before", "after") if hasattr(one, name)]
    return not named or any(not (Path(name) / "run.json").is_file() for name in named)


def left_to_start(one: SimpleNamespace) -> bool:
    """Whether the mode matters: some service has no URL, or the mode requires URLs (`external`)."""
    return one.mode == "external" or not (one.postgres and one.valkey and (one.toxiproxy or one.base_url))


def from_a_wheel(url: str | None, mode: str) -> bool:
    """Whether a store is started from a wheel: it has no URL, and is no container."""
    return url is None and mode != "docker"


def started(one: SimpleNamespace) -> bool:
    """Whether the rig starts the server under test."""
    return one.base_url is None


def given_postgres(one: SimpleNamespace) -> bool:
    return one.postgres is not None


# By parameter: the condition under which it has an effect, and what to do where it has none.
NEEDS: Mapping[str, tuple[Callable[[SimpleNamespace], object], str]] = {
    "scratch": (
        lambda one: one.postgres or one.valkey, "it is about given stores: add --postgres URL or --valkey URL"
    ),
    "postgres_wheel": (lambda one: from_a_wheel(one.postgres, one.mode), "no Postgres is started from a wheel: leave it out"),
    "valkey_wheel": (lambda one: from_a_wheel(one.valkey, one.mode), "no Valkey is started from a wheel: leave it out"),
    "valkey_profile": (
        lambda one: from_a_wheel(one.valkey, one.mode), "it is for the embedded Valkey: leave out --valkey URL and --mode docker"
    ),
    "valkey_tls": (lambda one: one.valkey_profile, "it is for a profile: add --valkey-profile NAME"),
    "mode": (left_to_start, "every service has a URL, so the rig starts none: leave it out"),
    **dict.fromkeys(("sut", "sut_cwd", "sut_setup", "sut_pass_env"), (started, "--base-url names a server that already runs: give one of them")),
    "toxiproxy_proxy": (
        lambda one: one.base_url and one.toxiproxy,
        "it is the proxy of a running server: add --base-url URL and --toxiproxy URL",
    ),
    "workers": (
        lambda one: one.workers == 1 or not (one.postgres or one.valkey), "given stores serve one worker: leave it out"
    ),
    "keep": (
        lambda one: not (one.base_url and not one.postgres), "the rig starts nothing here that it could leave running: leave it out"
    ),
    "web_port": (lambda one: one.web, "it is the port of Locust's web UI: add --web"),
    "bind": (lambda one: one.expect_workers, "it is for workers on other machines: add --expect-workers N"),
    "storm_shape": (lambda one: one.storm, "--storm 0 leaves no storm: leave one of them out"),
    "baseline": (lambda one: not (given_postgres(one) and one.baseline), f"{ALONE}: leave it out"),
    "witness": (lambda one: not (given_postgres(one) and one.witness), f"{ALONE}: leave it out"),
    "blocks": (lambda one: not (given_postgres(one) and one.blocks), f"{ALONE}: leave it out"),
    "togglers": (
        lambda one: not (given_postgres(one) and one.togglers) or one.postgres_log, f"{COUNTED}: add --postgres-log"
    ),
    "chats": (
        lambda one: not (given_postgres(one) and one.chats) or one.postgres_log, f"{COUNTED}: add --postgres-log"
    ),
    "control": (lambda one: one.mutant is None, "a mutant is explored without a control: leave it out"),
    "within_s": (lambda one: one.until is not None, "it is how long to wait for a text: add --until TEXT"),
    "follow": (lambda one: one.until is None, "--until follows the log up to its text: give one of them"),
    "env": (
        lambda one: getattr(one, "action", None) != "stop", "a stopped server has no variables: give it to start"
    ),
    "reports": (below_reports, "a path is named, so nothing is searched for there: leave it out"),
}  # fmt: skip
