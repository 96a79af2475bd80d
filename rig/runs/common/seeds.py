"""Random seeds: one is drawn and told, or many from the first, so that a run can be repeated."""

import random


def draw_random_seed(given: int | None) -> int:
    """The given one, or one that fits on a line and can be typed again."""
    return random.SystemRandom().randrange(1, 1_000_000) if given is None else given


def random_seeds(first: int, times: int) -> list[int]:
    """As many different seeds, the first one given and the others drawn from it, so that it alone names them all."""
    draw = random.Random(first)
    seeds = [first]
    while len(seeds) < times:
        seed = draw.randrange(1, 1_000_000)
        if seed not in seeds:
            seeds.append(seed)
    return seeds
