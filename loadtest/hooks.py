"""Locust's events with types, which it gives them none of."""

from collections.abc import Callable
from typing import TypeVar

from locust.event import EventHook

Listener = TypeVar("Listener", bound=Callable[..., None])


def listens_to(hook: EventHook) -> Callable[[Listener], Listener]:
    """Have a function called at each of these events, from now on; it stays as it is."""

    def listening(listener: Listener) -> Listener:
        add: Callable[[Listener], object] = hook.add_listener
        add(listener)
        return listener

    return listening


def tell(hook: EventHook, **facts: object) -> None:
    """Call all who listen."""
    fire: Callable[..., None] = hook.fire
    fire(**facts)
