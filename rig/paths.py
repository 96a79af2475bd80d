"""Where the rig finds the files that it ships, and where it keeps what outlives a run."""

import os
import tempfile
from pathlib import Path

# A wheel holds here what stands at the root of a checkout (setup.py); a checkout has no such directory.
_IN_WHEEL = Path(__file__).resolve().with_name("shipped")
# The root of the checkout that this rig runs from; None for a rig that was installed from a wheel.
CHECKOUT: Path | None = None if _IN_WHEEL.is_dir() else Path(__file__).resolve().parents[1]


def shipped(*parts: str) -> Path:
    """A file or directory that comes with the rig, by its path in a checkout: `shipped("docs", "contract.md")`.

    Without parts it is the directory that holds `features`, `chaos`, `loadtest` and `docs`. A process that is
    started there with `python -m` can import `features`.
    """
    return (CHECKOUT or _IN_WHEEL).joinpath(*parts)


def cache_directory() -> Path:
    """`mirror-rig` in `$XDG_CACHE_HOME` or `~/.cache`, else one of ours below the temporary directory."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    for parent in (Path(home), Path(tempfile.gettempdir())):
        directory = parent / ("mirror-rig" if parent == Path(home) else f"mirror-rig-cache-{os.getuid()}")
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if directory.stat().st_uid == os.getuid() and os.access(directory, os.W_OK | os.X_OK):
            return directory
    raise OSError(f"no cache directory can be written: neither {home} nor {tempfile.gettempdir()}")
