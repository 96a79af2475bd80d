"""Any line that names a box observes it: how, is declared in this section's module."""

from pytest_bdd import parsers, then

from rig.runs.checklist.world import World


@then(parsers.re(r"(?P<item>(?:SETUP|SMOKE|[A-K])-\d\d): .+"))
def answer_box(world: World, item: str) -> None:
    world.answer(item)
