"""Pure checks over the record: what was observed goes in, a judgement comes out, and nothing else is touched."""

from rig.checks.framework import CHECKS, Check, Judge, Judgement, Kind, judge_seen
from rig.checks.registry import load_checks

__all__ = ["CHECKS", "Check", "Judge", "Judgement", "Kind", "judge_seen", "load_checks"]
