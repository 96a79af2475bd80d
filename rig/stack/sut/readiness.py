"""Whether a server is ready, by GET /readyz of its internal listener."""

from collections.abc import Callable

import httpx

from rig.stack.http import http_client
from rig.waiting import NotYet, wait_until

ANSWER_S = 1.0
LOOK_EVERY_S = 0.01


def await_ready(internal_url: str, within_s: float, before_next: Callable[[], None] = lambda: None) -> None:
    """Return once it answers 200. WaitTimeout holds the last answer or error in `seen`.

    `before_next` is called after each other answer; its errors end the wait.
    """
    with http_client(ANSWER_S, base_url=internal_url) as client:

        def ready() -> bool:
            try:
                answer = client.get("/readyz")
            except httpx.HTTPError as error:
                seen = f"/readyz: {error or type(error).__name__}"
            else:
                if answer.status_code == 200:
                    return True
                seen = f"/readyz answered {answer.status_code} {answer.text[:200]}"
            before_next()
            raise NotYet(seen)

        wait_until(ready, within_s, f"{internal_url}/readyz to answer 200", every_s=LOOK_EVERY_S)
