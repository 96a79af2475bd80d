"""Builds the wheel: beside `rig` and `server` it holds what the commands read at run time, below `rig/shipped`.

There, and not as packages of their own, because `features`, `chaos` or `docs` at the top of somebody's site-packages
would hide packages of the same name. Everything else about the package stands in pyproject.toml.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

# By its path in the checkout; `rig.paths.shipped` finds each in both places. MANIFEST.in puts them into the sdist.
SHIPPED = ("features", "chaos", "loadtest", "docs", "requirements-go.txt", "requirements-fallback.txt")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


class Build(build_py):
    """Python's own step, then the copies. An editable installation reads the checkout, so nothing is copied for it."""

    def run(self) -> None:
        if self.editable_mode:
            super().run()
            return
        shutil.rmtree(self.build_lib, ignore_errors=True)  # what an earlier build left: modules that have moved since
        super().run()
        for name in SHIPPED:
            source, target = Path(name), Path(self.build_lib, "rig", "shipped", name)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=LEFT_OUT)
            else:
                shutil.copy2(source, target)


setup(cmdclass={"build_py": Build})
