"""Random seeds, by which a run can be repeated."""

import random


def draw_random_seed(given: int | None) -> int:
    """The given seed, or a new one that is short enough to type."""
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
