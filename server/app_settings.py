"""The operators' settings: defaults, and one check of their values for the API and for rows put in by hand."""

import json

from server.errors import ApiError
from server.log import log
from server.request_models import SETTING_MAX, NewValue, validate

DEFAULTS = {"max_customers_per_mitra": 3, "stale_after_seconds": 90}
SHOWN_MAX = 60  # characters of a value in the log
_logged: dict[str, str] = {}  # the bad value that was logged last per setting, so that it is logged once


def in_force(key: str, stored: str | None) -> int:
    """The value of a setting whose row holds the JSON `stored`; None: there is no row.

    Without a row, or with one that holds no whole number in range, it is the default. Such a row is logged once per value.
    """
    if stored is None:
        return DEFAULTS[key]
    try:
        value = validate(NewValue, {"value": json.loads(stored)}).value
    except (ApiError, ValueError, RecursionError):  # a number of thousands of digits; deeply nested arrays
        if _logged.get(key) != stored:
            _logged[key] = stored
            shown = stored if len(stored) <= SHOWN_MAX else f"{stored[:SHOWN_MAX]}..."
            log(f"[config] {key} is {shown} in app_config, no whole number from 1 to {SETTING_MAX}: counts as absent")
        return DEFAULTS[key]
    _logged.pop(key, None)
    return value
