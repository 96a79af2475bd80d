"""All broken servers, from every module beside this one: a new one is one entry in a file, and no list of files is kept."""

import importlib
from pathlib import Path

from tests.sabotage.entry import CATALOGUE

for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
    if not path.stem.startswith("test_"):
        importlib.import_module(f"tests.sabotage.{path.stem}")

__all__ = ["CATALOGUE"]
