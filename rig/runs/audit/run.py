"""One audit from the opening of the stores to its report; and the command's exit codes."""

import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rig.checks.audit.causes import with_causes
from rig.checks.audit.store_warnings import store_warnings
from rig.checks.audit.user_cost import chats_per_minute, user_cost
from rig.checks.audit.watermark import after
from rig.errors import UsageError
from rig.record.audit import DRIFT, NO_DRIFT, UNKNOWN, AuditReport, AuditState, Difference, Spent
from rig.runs.audit.looks import differences_of, look_again
from rig.runs.audit.options import AuditOptions
from rig.runs.audit.price import price_of, refuse_expensive
from rig.runs.audit.stores import CannotTell, Stores, old_version, open_stores, told, unjudged
from rig.runs.audit.walk import SUSPECTS_MAX, Suspects, walk
from rig.stores import Unfit

EXIT = {NO_DRIFT: 0, DRIFT: 1, UNKNOWN: 2}
CHATS_S = 3600.0  # a count of chats that is older than this says nothing about the rate now


@dataclass(frozen=True)
class Done:
    """A report, and the state that the next audit starts from."""

    report: AuditReport
    state: AuditState


def audit(options: AuditOptions, state: AuditState, again: list[Difference] | None = None) -> Done:
    """One audit; `again`: look at these differences alone. UsageError for stores that cannot be audited at all.

    Whatever else goes wrong is a report that could not tell.
    """
    report = AuditReport(began=time.time(), again=again is not None)
    try:
        with open_stores(options) as stores:
            return completed(options, stores, report, state, again)
    except Unfit as error:
        raise UsageError(str(error)) from None
    except Exception as error:
        reason = error if isinstance(error, CannotTell) else told(error)
        if reason is None:
            raise
        report.reasons.append(str(reason))
        report.ended = time.time()
        return Done(report, after(state, report, "", "", options.gap_max_s))


def completed(
    options: AuditOptions, stores: Stores, report: AuditReport, state: AuditState, again: list[Difference] | None
) -> Done:
    """The audit of open stores. It fills in the report as it goes, so that an error leaves what was seen so far."""
    report.began = stores.time()
    report.valkey, report.postgres = stores.valkey.named, stores.postgres
    report.warnings = [*old_version(stores.valkey), *store_warnings(stores.valkey.info)]
    state = of_these_stores(state, stores)
    chats = stores.chats(), time.time()
    try:
        if again is None:
            report.unjudged = unjudged(stores.reader.refused)
            refuse_expensive(price_of(stores, options), options)
            suspects = walk(stores, options.allowed, report.seen)
        else:
            suspects = Suspects(
                dict.fromkeys(one.mitra for one in again if one.mitra),
                dict.fromkeys(one.key for one in again if not one.mitra),
            )
        report.seen.suspects, report.more = len(suspects.ids), suspects.beyond
        counted = look_again(stores, suspects.ids, suspects.keys)
        report.seen.moving = len(suspects.ids) - len({one.mitra for one, _ in counted if one.mitra})
        stores.refuse_changed()
    finally:
        report.spent = spent(stores, report)
    found = differences_of(counted, state, stores.time())
    report.differences = explained(found, options.logs)
    report.ended = stores.time()
    decide(report, stores)
    rate = chats_per_minute(chats_before(state, chats), (stores.chats(), time.time()))
    report.cost = user_cost(report.differences, report.ended, rate)
    next_state = state if again is not None else after(
        state, report, stores.valkey.run_id, stores.postgres_identity, options.gap_max_s
    )  # fmt: skip
    report.span = next_state.span
    next_state.chats, next_state.chats_at = chats
    return Done(report, next_state)


def decide(report: AuditReport, stores: Stores) -> None:
    """The outcome. For lack of data it is never `no drift`."""
    nothing = not report.again and not (report.seen.online or report.seen.deactivated or stores.reader.most_keys)
    if nothing:
        report.reasons.append("neither store holds anything to compare: is it the right database of Valkey?")
    if report.more:
        report.reasons.append(f"there are more than {SUSPECTS_MAX} suspects: {report.more} were not looked at again")
    if not report.differences:
        report.reasons.extend(report.unjudged)
    if report.differences:
        report.outcome = DRIFT
    else:
        report.outcome = UNKNOWN if report.reasons else NO_DRIFT
    if report.seen.online and not report.again and stores.reader.most_keys == 0:
        report.warnings.append("the Valkey holds no key at all: is it the right database, and has a server seeded it?")


def of_these_stores(state: AuditState, stores: Stores) -> AuditState:
    """The state, or one without earlier differences if they were seen in other stores."""
    span = state.span or state.last_span
    if span is None or span.postgres == stores.postgres_identity:
        return state
    return AuditState(span=state.span, last_span=state.last_span)


def chats_before(state: AuditState, now: tuple[int | None, float]) -> tuple[int | None, float]:
    """The counter of the last audit if that is recent, else the one that was read when this audit began."""
    recent = state.chats is not None and now[1] - state.chats_at <= CHATS_S
    return (state.chats, state.chats_at) if recent else now


def explained(differences: list[Difference], logs: tuple[Path, ...]) -> list[Difference]:
    """The differences with their causes, where a log tells them. UsageError for a log that cannot be read."""
    for path in logs:
        if differences:
            differences = with_causes(differences, path.name, lines_of(path))
    return differences


def lines_of(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from file
    except OSError as error:
        raise UsageError(f"--log {path}: {error.strerror}") from None


def spent(stores: Stores, report: AuditReport) -> Spent:
    valkey, postgres = stores.reader.pace, stores.rows.pace
    scale = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return Spent(
        commands=stores.reader.commands, round_trips=valkey.requests, valkey_s=valkey.total_s,
        slowest_ms=valkey.slowest_s * 1000, statements=postgres.requests, rows=stores.rows.rows_read,
        postgres_s=postgres.total_s, slowest_statement_ms=postgres.slowest_s * 1000,
        pauses=valkey.pauses + postgres.pauses, took_s=stores.time() - report.began,
        memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 2**20,
    )  # fmt: skip
