"""Any line that names a box observes it: how, is declared in this section's module."""

import importlib
import pkgutil

from pytest_bdd import parsers, then

import features.steps
from rig.drive.world import World

for module in pkgutil.iter_modules(features.steps.__path__):
    if module.name.startswith("section_"):
        importlib.import_module(f"features.steps.{module.name}")


@then(parsers.re(r"(?P<item>(?:SETUP|SMOKE|[A-K])-\d\d): .+"))
def answer_box(world: World, item: str) -> None:
    world.answer(item)
