"""Writes an output in one step, so that a reader never finds half a report."""

import os
from pathlib import Path


def write(path: Path, content: str) -> None:
    """Replace the file at `path` by `content` in UTF-8, or leave it as it was."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(content, encoding="utf-8", newline="\n")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
