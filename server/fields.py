"""What a body may hold: each field is checked by one of these, with the message a caller can act on."""

import re
from typing import Any

from server import errors

DURATION_SECONDS_MAX = 86_400  # a chat or an extension lasts a day at most
SETTING_MAX = 1_000_000_000
_E164 = re.compile(r"\+[1-9][0-9]{1,14}", re.ASCII)


def phone(body: dict[str, Any]) -> str:
    value = text(body, "phone")
    if _E164.fullmatch(value) is None:
        raise errors.validation_error("phone must be in E.164 form, such as +6281234567890")
    return value


def text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise errors.validation_error(f"{name} must be a string that is not empty")
    return value


def boolean(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    if not isinstance(value, bool):
        raise errors.validation_error(f"{name} must be true or false")
    return value


def whole(body: dict[str, Any], name: str, most: int) -> int:
    """A whole number from 1 to `most`; true and 3.0 are none."""
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise errors.validation_error(f"{name} must be a whole number from 1 to {most}")
    return value


def duration_seconds(body: dict[str, Any]) -> int:
    return whole(body, "duration_seconds", DURATION_SECONDS_MAX)
