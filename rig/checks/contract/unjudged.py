"""The sentences of docs/contract.md that no part of the rig judges, and why: today there are none.

A sentence that is new on that page stands here until it has a check; a test demands one or the other.
"""

UNJUDGED: dict[str, str] = {}
