"""Which options each command reads, and when: a word that would be passed over is refused instead (exit 4)."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rig import extras
from rig.config import PREFIX, ConfigError, Settings, read
from rig.errors import UsageError

STACK = frozenset({"mode", "postgres", "valkey", "toxiproxy", "scratch"})
SERVER = frozenset({"sut", "sut_cwd", "sut_setup", "sut_pass_env", "ready_within_s", "schema"})
RUNNING = frozenset({
    "base_url", "internal_url", "otp_code", "jwt_secret", "internal_token", "sut_log", "sut_env", "toxiproxy_proxy",
})  # fmt: skip
JUDGED = frozenset({"level", "strict", "random_seed", "label", "reports"})
RUN = STACK | SERVER | JUDGED | {"postgres_log"}
# Variables that name what is tested: where a command starts a stack, none of them may be passed over.
TESTED = STACK | SERVER | RUNNING | {"postgres_log"}
PACE = frozenset({
    "mitras", "ping_every", "customers", "storm", "storm_shape", "togglers", "chats", "seconds", "warm_up", "baseline",
    "witness", "blocks", "instances", "threshold", "processes", "load_workers", "expect_workers", "bind", "web", "web_port",
})  # fmt: skip

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Way:
    """One thing that a command does. `words` are typed for it; `reads` are the names of its parameters that count."""

    words: str
    reads: frozenset[str]
    asked: Callable[[Values], object] = lambda values: True
    starts: bool = False  # a stack
    names_max: int | None = None  # how many words may stand after the command
    extra: str | None = None  # without which it cannot be had

    @property
    def settings(self) -> frozenset[str]:
        """Those of `rig.config` among them."""
        return self.reads & Settings.model_fields.keys()


def way(words: str, *reads: Collection[str], **more: Any) -> Way:
    return Way(f"rig {words}", frozenset().union(*reads), **more)


def first(word: str) -> Callable[[Values], bool]:
    """Whether the first name is this one."""
    return lambda values: (values["names"] or [])[:1] == [word]


# By command; of several ways the first that is asked for is taken.
WAYS: Mapping[str, tuple[Way, ...]] = {
    "checklist": (way("checklist", RUN, RUNNING, {"only", "cadence", "workers", "keep", "repeat"}, starts=True),),
    "contract": (
        way("contract --list", {"listed"}, asked=lambda values: values["listed"]),
        way("contract", RUN - {"postgres_log"}, {"only", "stage", "walks", "full"}, starts=True),
    ),
    "chaos": (
        way("chaos --list", {"listed"}, asked=lambda values: values["listed"]),
        way("chaos --list-faults", {"faults_listed"}, asked=lambda values: values["faults_listed"]),
        way("chaos random", RUN, {"names", "minutes", "fleet"}, asked=first("random"), starts=True, names_max=1),
        way(
            "chaos matrix", RUN, {"names", "only", "classes", "cadence", "workers"},
            asked=first("matrix"), starts=True, names_max=1,
        ),
        # The random seed is that of the failed run, and the exit code knows no skips.
        way(
            "chaos shrink", RUN - {"random_seed", "strict"}, {"names"},
            asked=first("shrink"), starts=True, names_max=2,
        ),
        way("chaos", RUN, {"names", "fault", "profile", "schedule"}, starts=True),
    ),
    "load": (
        way(
            "load --scale", JUDGED, SERVER - {"schema"}, {"scale", "sizes"},
            asked=lambda values: values["scale"], starts=True,
        ),
        way("load", RUN, PACE, starts=True, extra="load"),
    ),
    "bench": (
        way("bench --fleet", {"fleet", "random_seed"}, asked=lambda values: values["fleet"] is not None, extra="load"),
        way("bench --hot", STACK, SERVER, {"hot"}, asked=lambda values: values["hot"], starts=True),
        way("bench", STACK, SERVER, {"polls", "postgres_log"}, starts=True),
    ),
    "prove": (
        way("prove --list", {"listed", "names", "only"}, asked=lambda values: values["listed"]),
        way(
            "prove", {"names", "only", "sample", "cross", "write_docs", "workers", "random_seed", "label", "reports"}, starts=True
        ),
    ),
    "model": (
        way("model --replay", {"replay", "reports"}, asked=lambda values: values["replay"] is not None),
        way("model --list", {"listed", "spec"}, asked=lambda values: values["listed"]),
        way("model", {"spec", "mutant", "instances", "mitras", "faults", "deep", "control", "strict", "label", "reports"}),
    ),
    "recheck": (way("recheck", {"run", "reports"}),),
    "compare": (way("compare", {"before", "after", "as_json", "reports"}),),
    "doctor": (way("doctor"),),
    "clean": (way("clean"),),
    "serve": (way("serve", STACK, SERVER, {"instances"}, starts=True),),
    "vk": (way("vk", {"command", "stack"}),),
    "sql": (way("sql", {"statement", "stack"}),),
    "mark": (way("mark", {"postgres", "valkey"}),),
}  # fmt: skip

ALONE = "one Postgres that is given has no second arm, and its log is not ours to switch"
COUNTED = "counts have no ids that tell their statements from a ping's"


def below_reports(one: SimpleNamespace) -> bool:
    """Whether a run or file is named that is looked for below the reports: a path says all by itself."""
    if getattr(one, "replay", None) is not None:
        return not one.replay.exists()
    named = [getattr(one, name) for name in ("run", "before", "after") if hasattr(one, name)]
    return not named or any(not (Path(name) / "run.json").is_file() for name in named)


def left_to_start(one: SimpleNamespace) -> bool:
    """Whether a mode has anything to say: a service without a URL, or that there must be URLs (`external`)."""
    return one.mode == "external" or not (one.postgres and one.valkey and (one.toxiproxy or one.base_url))


def started(one: SimpleNamespace) -> bool:
    """Whether the rig starts the server under test."""
    return one.base_url is None


def given_postgres(one: SimpleNamespace) -> bool:
    return one.postgres is not None


# What an option needs of the others in order to be read, and what to do where it is not so.
NEEDS: Mapping[str, tuple[Callable[[SimpleNamespace], object], str]] = {
    "scratch": (
        lambda one: one.postgres or one.valkey, "it lets given stores be emptied: add --postgres URL or --valkey URL"
    ),
    "mode": (left_to_start, "every service has its URL, so there is none to start: leave it out"),
    **dict.fromkeys(("sut", "sut_cwd", "sut_setup", "sut_pass_env"), (started, "--base-url takes a server that runs: give one of them")),
    "toxiproxy_proxy": (
        lambda one: one.base_url and one.toxiproxy,
        "it names a running server's proxy: add --base-url URL and --toxiproxy URL",
    ),
    "workers": (
        lambda one: one.workers == 1 or not (one.postgres or one.valkey), "given stores serve one worker: leave it out"
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
    "control": (lambda one: one.mutant is None, "a mutant is explored by itself, without a control: leave it out"),
    "reports": (below_reports, "what is named is a path, which needs no directory to be looked for in: leave it out"),
}  # fmt: skip


def way_of(command: str, values: Values) -> Way:
    """What this command line asks for; `values` are its parameters by name, defaults included."""
    return next(one for one in WAYS[command] if one.asked(values))


def refuse_unread(command: str, values: Values, given: Mapping[str, str]) -> Settings:
    """The settings in force. UsageError for a word that is not read; `given` are the typed ones: name → as written."""
    chosen = way_of(command, values)
    for name, written in given.items():
        if name not in chosen.reads:
            raise UsageError(f"{written} says nothing to `{chosen.words}`: {hint(command, name)}")
    names = values.get("names") or []
    if chosen.names_max is not None and len(names) > chosen.names_max:
        raise UsageError(f"`{chosen.words}` does not take {names[chosen.names_max]!r}: leave it out")
    settings = settings_of(chosen, values)
    if chosen.extra and (lacks := extras.lacking(chosen.extra, f"`{chosen.words}`")):
        raise UsageError(lacks)
    own = {name: value for name, value in values.items() if name not in Settings.model_fields}
    one = SimpleNamespace(**settings.model_dump(), **own)
    for name, written in given.items():
        holds, to_do = NEEDS.get(name, (lambda _: True, ""))
        if not holds(one):
            raise UsageError(f"{written} would not be read: {to_do}")
    return settings


def hint(command: str, name: str) -> str:
    """Where the option counts."""
    others = [f"`{one.words}`" for one in WAYS[command] if name in one.reads]
    return f"leave it out (it is for {' and '.join(others)})" if others else "leave it out"


def settings_of(chosen: Way, values: Values) -> Settings:
    """From the flags that this way reads and the environment; what it does not read is at its default.

    ConfigError for a variable that names what is tested where it would be passed over.
    """
    settings = read(**{name: flag(values.get(name)) for name in chosen.settings})
    unread = {
        name: field.default
        for name, field in Settings.model_fields.items()
        if name not in chosen.reads and getattr(settings, name) != field.default
    }
    for name in unread:
        if chosen.starts and name in TESTED:
            raise ConfigError(f"{PREFIX}{name.upper()} says nothing to `{chosen.words}`: unset it for this command")
    return settings.model_copy(update=unread)


def flag(value: Any) -> Any:
    """As the settings take it: an option that is given again and again is one text there."""
    return (" ".join(value) or None) if isinstance(value, list | tuple) else value
