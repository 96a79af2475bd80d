"""The report of an audit as a file for the textfile collector of Prometheus' node exporter."""

from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from rig.record.audit import DRIFT, NO_DRIFT, UNKNOWN, AuditReport

CODES = {NO_DRIFT: 0, DRIFT: 1, UNKNOWN: 2}


def write(report: AuditReport, path: Path) -> None:
    """Replace the file as a whole. OSError if it cannot be written.

    What an audit did not see has no sample: an audit that could not tell does not report 0 differences.
    """
    registry = CollectorRegistry()

    def gauge(name: str, help: str, value: float) -> None:
        Gauge(f"rig_audit_{name}", help, registry=registry).set(value)

    gauge("outcome", "0: no drift, 1: drift, 2: could not tell", CODES[report.outcome])
    gauge("last_end_timestamp_seconds", "End of the last audit", report.ended)
    gauge("warnings", "Dangers in the settings and the state of Valkey", len(report.warnings))
    gauge("commands", "Commands that the audit sent to Valkey", report.spent.commands)
    gauge("rows", "Rows that the audit read from Postgres", report.spent.rows)
    gauge("duration_seconds", "Time that the audit took", report.spent.took_s)
    if report.span is not None:
        gauge("verified_through_timestamp_seconds", "Time up to which the mirror is verified", report.span.through)
    if report.outcome != UNKNOWN:
        kinds = Gauge("rig_audit_differences", "Differences between mirror and Postgres", ["kind"], registry=registry)
        for kind, count in report.counts().items():
            kinds.labels(kind).set(count)
        gauge(
            "ghost_minutes",
            "Minutes in which chats were offered to mitras who could not take them",
            report.cost.ghost_minutes,
        )
        gauge(
            "lost_minutes", "Minutes in which mitras who could take a chat were offered none", report.cost.lost_minutes
        )
    write_to_textfile(str(path), registry)
