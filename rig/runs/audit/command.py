"""What `rig audit` does: one audit, one per interval, the look at earlier differences, the price, or the rights."""

import time
from pathlib import Path

import msgspec
from typer import echo

from rig.errors import UsageError
from rig.record.audit import UNKNOWN, AuditReport, AuditState
from rig.report.audit import prometheus, text
from rig.runs.audit.grants import grants
from rig.runs.audit.options import AuditRequest, options_of, schema_from
from rig.runs.audit.price import price_of, refuse_expensive
from rig.runs.audit.run import EXIT, audit
from rig.runs.audit.state import only_audit, read_differences, read_state, write_state
from rig.runs.audit.stores import CannotTell, open_stores, told, unjudged
from rig.setting_fields import Fields
from rig.stores import Unfit
from rig.terminal import print_always, results_stream


def print_grants(settings: Fields) -> int:
    """Print the least rights."""
    for line in grants(schema_from(settings.schema)):
        echo(line)
    return 0


def explain(settings: Fields, request: AuditRequest) -> int:
    """Print the price of an audit, and audit nothing. Exit code 2 if the audit would refuse to start."""
    options = options_of(settings, request)
    try:
        with open_stores(options) as stores:
            price = price_of(stores, options)
            for line in price.lines(options.share):
                echo(line)
            for line in unjudged(stores.reader.refused):
                echo(f"not judged: {line}")
            refuse_expensive(price, options)
    except Unfit as error:
        raise UsageError(str(error)) from None
    except Exception as error:
        reason = error if isinstance(error, CannotTell) else told(error)
        if reason is None:
            raise
        echo(f"rig: could not tell: {reason}", err=True)
        return EXIT[UNKNOWN]
    return 0


def once(settings: Fields, request: AuditRequest, again: Path | None, as_json: bool, metrics: Path | None) -> int:
    """One audit. With `again` only the differences of that file are looked at, and the watermark stays."""
    options = options_of(settings, request)
    if again is not None:
        earlier = read_differences(again)
        if not earlier.differences:
            echo(f"{again} has no differences to look at again")
            return 0
        done = audit(options, earlier, earlier.differences)
        show(done.report, as_json)
    else:
        with only_audit(options.state):
            done = audit(options, read_state(options.state))
            write_state(options.state, done.state)
        show(done.report, as_json)
    write_metrics(done.report, metrics)
    return EXIT[done.report.outcome]


def watch(settings: Fields, request: AuditRequest, every_s: float, as_json: bool, metrics: Path | None) -> int:
    """An audit each `every_s` seconds until Ctrl-C or SIGTERM; one line, or one line of JSON, per audit.

    Stores that cannot be used at the first audit are a usage error. Later ones are audits that could not tell.
    """
    options = options_of(settings, request)
    first = True
    with only_audit(options.state):
        while True:
            began = time.monotonic()
            state = read_state(options.state)
            try:
                done = audit(options, state)
                report, state = done.report, done.state
            except UsageError as error:
                if first:
                    raise
                report = AuditReport(began=time.time(), ended=time.time(), reasons=[str(error)])
                state = AuditState(last_span=state.span or state.last_span, differences=state.differences)
            first = False
            write_state(options.state, state)
            print_always(msgspec.json.encode(report).decode() if as_json else text.summary(report))
            write_metrics(report, metrics)
            time.sleep(max(0.0, every_s - (time.monotonic() - began)))


def show(report: AuditReport, as_json: bool) -> None:
    """Print the report. What could not be told is also one line on standard error."""
    if as_json:
        print_always(msgspec.json.format(msgspec.json.encode(report)).decode())
    elif results_stream() is not None:
        print_always(text.summary(report))
    else:
        for line in text.lines(report):
            echo(line)
    if report.outcome == UNKNOWN and report.reasons:
        echo(f"rig: could not tell: {report.reasons[0]}", err=True)


def write_metrics(report: AuditReport, path: Path | None) -> None:
    if path is not None:
        try:
            prometheus.write(report, path)
        except OSError as error:
            raise UsageError(f"--prometheus {path}: {error.strerror}") from None
