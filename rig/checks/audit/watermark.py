"""The watermark of audits: up to which time the mirror is verified without a break."""

from rig.record.audit import NO_DRIFT, UNKNOWN, AuditReport, AuditState, Span


def after(state: AuditState, report: AuditReport, valkey: str, postgres: str, gap_max_s: float) -> AuditState:
    """The state after this audit. The watermark advances only if this audit and all since the begin of the span passed.

    Drift ends the span, and so does an audit that could not tell, another store, or a gap of more than `gap_max_s`
    between two audits. The next audit that passes begins a new span.
    """
    span = state.span
    kept = span if span and (span.valkey, span.postgres) == (valkey, postgres) else None
    if kept is not None and not kept.reaches(report.began, gap_max_s):
        kept = None
    if report.outcome != NO_DRIFT:
        now = None
    elif kept is None:
        now = Span(since=report.began, through=report.began, audits=1, valkey=valkey, postgres=postgres)
    else:
        now = Span(since=kept.since, through=report.began, audits=kept.audits + 1, valkey=valkey, postgres=postgres)
    broke = span is not None and (now is None or now.since != span.since)
    complete = report if report.outcome != UNKNOWN else state  # the last audit that could tell
    return AuditState(
        outcome=complete.outcome,
        ended=complete.ended,
        span=now,
        last_span=span if broke else state.last_span,
        differences=complete.differences,
    )
