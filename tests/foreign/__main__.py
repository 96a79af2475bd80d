"""Runs the Node server in this process' place: `rig checklist --sut 'python -m tests.foreign'`."""

import os
import sys

from tests.foreign.packages import NODE, provide, what_is_missing

reason = what_is_missing()
if reason:
    sys.exit(reason)
try:
    provide()
except (RuntimeError, OSError) as error:
    sys.exit(str(error))
os.execvp("node", ["node", str(NODE / "main.js"), *sys.argv[1:]])
