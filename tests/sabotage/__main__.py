"""`python -m tests.sabotage NAME`: patch, then run the server as if nothing had happened; `--list` tells the names."""

import json
import sys

from server.__main__ import main as serve
from tests.sabotage.catalogue import CATALOGUE


def main() -> int:
    """Usage errors exit 4 and name what there is. `--list` prints a JSON line for each entry."""
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if name == "--list":
        for entry in CATALOGUE.values():
            print(json.dumps(entry.line()))
        return 0
    if name not in CATALOGUE:
        print(f"tests.sabotage: no sabotage {name!r}; there are: {', '.join(sorted(CATALOGUE))}", file=sys.stderr)
        return 4
    if CATALOGUE[name].breaks != "server":
        print(f"tests.sabotage: {name} breaks the rig, not the server: run it by `rig prove {name}`", file=sys.stderr)
        return 4
    CATALOGUE[name].patch()
    return serve()


if __name__ == "__main__":
    sys.exit(main())
