"""What an operator's setting may be: one judgement for the API and for rows put in by hand."""

import json

from server.errors import ApiError
from server.inputs import SETTING, SETTING_MAX
from server.log import log

DEFAULTS = {"max_customers_per_mitra": 3, "stale_after_seconds": 90}
SHOWN_MAX = 60  # characters of a value in the log
_told: dict[str, str] = {}  # what was logged last of each setting: it is read often, and told of once


def in_force(key: str, stored: str | None) -> int:
    """The value of a setting whose row holds the JSON `stored`.

    No row, or one with anything but a whole number in range, means the default; the latter is logged, once a value.
    """
    if stored is None:
        return DEFAULTS[key]
    try:
        value = SETTING.read(key, json.loads(stored))
    except (ApiError, ValueError, RecursionError):  # a number of thousands of digits; arrays in arrays without end
        if _told.get(key) != stored:
            _told[key] = stored
            shown = stored if len(stored) <= SHOWN_MAX else f"{stored[:SHOWN_MAX]}..."
            log(f"[config] {key} is {shown} in app_config, no whole number from 1 to {SETTING_MAX}: counts as absent")
        return DEFAULTS[key]
    _told.pop(key, None)
    return value
