"""Broken servers: the reference server with one subtle defect each, patched in from outside.

`rig checklist --sut 'python -m tests.sabotage NAME'` is the whole mechanism; the server knows nothing of it.
"""
