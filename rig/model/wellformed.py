"""Refuses a specification that breaks a rule of its own, as far as this is seen without exploring it."""

from rig.model.language import LIVENESS, Spec, SpecError


def check(spec: Spec) -> None:
    """Refuses a specification that breaks a rule of its own; what only an exploration can show is refused there."""

    def wrong(what: str) -> SpecError:
        return SpecError(f"{spec.file}: {what}")

    names = [one.name for one in spec.actions]
    numbers = {one.number for one in spec.invariants} | {LIVENESS}
    for one in spec.actions:
        if names.count(one.name) > 1:
            raise wrong(f"two actions have the name `{one.name}`")
        if not one.text:
            raise wrong(f"the action `{one.name}` has no docstring")
        for bounds in (*spec.bounds, spec.small, *spec.deep):
            for name in one.over:
                if f"{name}s" not in bounds:
                    raise wrong(f"the parameter `{name}` of the action `{one.name}` has no bound `{name}s` in {bounds}")
    titles = [one.title for one in spec.invariants]
    for title in titles:
        if titles.count(title) > 1:
            raise wrong(f"two invariants have the title {title!r}")
    for taken_back in spec.mutants:
        if taken_back.breaks not in numbers:
            raise wrong(f"the mutant {taken_back.name!r} shall break {taken_back.breaks}, which is no invariant here")
        if not taken_back.without:
            raise wrong(f"the mutant {taken_back.name!r} takes no rule back")
    for rule in spec.shown_by:
        if rule in spec.unkilled:
            raise wrong(f"the rule {rule!r} stands in `unkilled` and in `shown_by`")
