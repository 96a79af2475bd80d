"""A plugin of the features' process that has no Valkey: whatever is started in its place ends at once."""

from pathlib import Path

import rig.stack.embedded.valkey as module

module.binary = lambda *_: Path("/bin/false")
