"""The five verdicts, how they combine, and the exit code each one gives."""

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """What a run says of one item: only `failed` blames the server."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    BROKEN = "broken"
    SKIPPED = "skipped"


# Worst first: failed outranks broken, broken outranks inconclusive.
RANK = (Verdict.FAILED, Verdict.BROKEN, Verdict.INCONCLUSIVE, Verdict.PASSED, Verdict.SKIPPED)

EXIT_CODES = {
    Verdict.PASSED: 0,
    Verdict.SKIPPED: 0,
    Verdict.FAILED: 1,
    Verdict.INCONCLUSIVE: 2,
    Verdict.BROKEN: 3,
}
EXIT_USAGE = 4
EXIT_NOTHING_SELECTED = 5
EXIT_INTERRUPTED = 130


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of several verdicts; a mixture of passed and skipped is passed, no verdict at all is inconclusive."""
    seen = set(verdicts)
    return next((verdict for verdict in RANK if verdict in seen), Verdict.INCONCLUSIVE)


def exit_code(verdict: Verdict, *, skipped: int = 0, strict: bool = False) -> int:
    """The process exit code of a run; `strict` turns a pass with skips into 2."""
    if strict and skipped and verdict in (Verdict.PASSED, Verdict.SKIPPED):
        return EXIT_CODES[Verdict.INCONCLUSIVE]
    return EXIT_CODES[verdict]
