"""`python -m tests.leaks NAME...`: plant these leaks, or all, then run the server as if nothing had happened."""

import sys

from server.__main__ import main as serve
from tests.leaks.leaks import LEAKS, plant


def main() -> int:
    """Usage errors exit 4 and name what there is."""
    names = sys.argv[1:] or list(LEAKS)
    if unknown := [name for name in names if name not in LEAKS]:
        print(f"tests.leaks: no leak {unknown[0]!r}; there are: {', '.join(LEAKS)}", file=sys.stderr)
        return 4
    plant(names)
    return serve()


if __name__ == "__main__":
    sys.exit(main())
