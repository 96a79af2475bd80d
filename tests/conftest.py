"""What all tests have: signals as a terminal delivers them, the installed wheel, and what a test tells of itself.

A test run in the background inherits its signals ignored, and so would its rigs.
"""

import signal

import pytest

from tests.support.installed_wheel import installed

__all__ = ["installed"]

HANDLERS = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGHUP: signal.SIG_DFL,
    signal.SIGQUIT: signal.SIG_DFL,
}

for number, handler in HANDLERS.items():
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each `record_property("told", ...)` of a test that passed."""
    passed = terminalreporter.getreports("passed")
    for line in (value for report in passed for name, value in report.user_properties if name == "told"):
        terminalreporter.write_line(str(line))
