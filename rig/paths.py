"""Where the rig keeps what outlives a run: the user's cache, or a place for users without a home."""

import os
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


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
