"""The report of an audit as lines for a terminal or a mail."""

from collections.abc import Iterator
from datetime import UTC, datetime

from rig.record.audit import DRIFT, NO_DRIFT, AuditReport, Difference, Span, UserCost

SHOWN = 50  # differences; all of them are in the JSON


def lines(report: AuditReport) -> Iterator[str]:
    """The whole report, the verdict first."""
    yield verdict(report)
    for reason in report.reasons:
        yield f"  reason: {reason}"
    yield from of_differences(report)
    if report.cost.ghost_minutes or report.cost.lost_minutes:
        yield f"user cost: {of_cost(report.cost)}"
    for warning in report.warnings:
        yield f"warning: {warning}"
    if report.outcome == DRIFT:
        for lost in report.unjudged:
            yield f"not judged: {lost}"
    if not report.again:
        seen = report.seen
        yield (
            f"compared: {seen.mitras} mitras ({seen.online} online, {seen.deactivated} deactivated), {seen.keys} keys;"
            f" available: {seen.available} by Postgres, {seen.available_in_mirror} by the mirror;"
            f" {seen.moving} suspects whose differences did not last"
        )
        yield f"verified: {of_span(report.span)}"
    yield f"cost: {of_spent(report)}"


def verdict(report: AuditReport) -> str:
    """One line: the outcome, and how many differences of which kind."""
    stores = f" ({report.postgres}, {report.valkey})" if report.valkey else ""
    if report.outcome != DRIFT:
        told = (
            "none of the earlier differences is left" if report.again and report.outcome == NO_DRIFT else report.outcome
        )
        return f"{told}{stores}"
    kinds = ", ".join(f"{count} {kind}" for kind, count in report.counts().items() if count)
    return f"drift: {kinds}{stores}"


def summary(report: AuditReport) -> str:
    """One line per audit, for `--watch` and `--quiet`."""
    reasons = f": {report.reasons[0]}" if report.reasons else ""
    return f"{moment(report.ended)} {verdict(report)}{reasons}; verified: {of_span(report.span)}"


def of_differences(report: AuditReport) -> Iterator[str]:
    for one in report.differences[:SHOWN]:
        yield f"  {one.kind}: {of_difference(one, report.ended)}"
    if len(report.differences) > SHOWN:
        yield f"  ... and {len(report.differences) - SHOWN} more (--json lists all)"


def of_difference(one: Difference, now: float) -> str:
    who = f" {one.mitra}" if one.mitra and one.mitra not in one.key else ""
    age = f"for {duration(now - one.since)} at most" if one.since else f"seen for {duration(now - one.first_seen)}"
    cause = f"; cause: {one.cause}" if one.cause else ""
    return f"{one.key}{who}: {one.seen}, expected {one.expected}; {age}{cause}"


def of_cost(cost: UserCost) -> str:
    """Estimated; docs/audit.md says how."""
    told = f"{cost.ghost_minutes:.1f} min in which chats were offered to mitras who could not take them, "
    told += f"{cost.lost_minutes:.1f} min in which mitras who could take a chat were offered none"
    if cost.offers_to_ghosts is None or cost.offers_not_made is None:
        return told + " (at most)"
    return told + (
        f" (at most); at {cost.chats_per_minute:.1f} new chats per minute these are {cost.offers_to_ghosts:.0f} offers"
        f" to nobody, and {cost.offers_not_made:.0f} offers not made"
    )


def of_span(span: Span | None) -> str:
    if span is None:
        return "nothing since the last audit that did not pass"
    return f"through {moment(span.through)}, without a break since {moment(span.since)} ({span.audits} audits)"


def of_spent(report: AuditReport) -> str:
    spent = report.spent
    return (
        f"{spent.commands} commands to Valkey in {spent.round_trips} round trips ({spent.valkey_s:.2f} s, longest"
        f" {spent.slowest_ms:.1f} ms); {spent.rows} rows in {spent.statements} statements ({spent.postgres_s:.2f} s, longest"
        f" {spent.slowest_statement_ms:.0f} ms); {spent.pauses} pauses; took {spent.took_s:.1f} s, {spent.memory_mb:.0f} MB"
    )


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def duration(seconds: float) -> str:
    """Such as `40 s`, `12 min` or `3.5 h`."""
    if seconds < 120:
        return f"{max(0.0, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
