"""What callers send: each member of a body or query is judged by its kind, which tells its JSON schema as well.

A handler's parameters `body` and `query` name the shape of theirs. It is read and described by that one declaration, so that
document and behaviour can't differ.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Generic, TypedDict, TypeGuard, TypeVar, get_type_hints

from server import errors

PAGE_MAX = 1000  # mitras in one page: what is read and written at once, so that other requests go on meanwhile
DURATION_SECONDS_MAX = 86_400  # a chat or an extension lasts a day at most
SETTING_MAX = 1_000_000
_E164 = re.compile(r"\+[1-9][0-9]{1,14}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)

T = TypeVar("T")


@dataclass(frozen=True)
class Kind(Generic[T]):
    """What a member may be: as JSON schema, in words, and `parse`, which returns None for anything else."""

    schema: dict[str, Any]
    words: str
    parse: Callable[[object], T | None]

    def read(self, name: str, value: object) -> T:
        """The value to work with, `value` being None where the member is missing. Raises 400 VALIDATION_ERROR."""
        parsed = self.parse(value)
        if parsed is None:
            raise errors.validation_error(f"{name} must be {self.words}")
        return parsed


def members(shape: type) -> dict[str, Kind[Any]]:
    """The members of a TypedDict, in order; each of its types is annotated with a kind."""
    return {name: hint.__metadata__[0] for name, hint in get_type_hints(shape, include_extras=True).items()}


def is_uuid(text: object) -> TypeGuard[str]:
    return isinstance(text, str) and _UUID.fullmatch(text) is not None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _e164(value: object) -> str | None:
    return value if isinstance(value, str) and _E164.fullmatch(value) else None


def _uuid(value: object) -> str | None:
    return value.lower() if is_uuid(value) else None


def _boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _whole(most: int) -> Kind[int]:
    """A whole number from 1 to `most`; true is none, 3.0 is one, as JSON has it."""

    def parse(value: object) -> int | None:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most else None

    schema = {"type": "integer", "minimum": 1, "maximum": most}
    return Kind(schema, f"a whole number from 1 to {most}", parse)


def _digits(kind: Kind[int]) -> Kind[int]:
    """The same in a query, where it is written in digits."""

    def parse(value: object) -> int | None:
        if not (isinstance(value, str) and value.isascii() and value.isdigit()):
            return None
        return kind.parse(int(value[:20]))

    return replace(kind, parse=parse)


_PHONE_SCHEMA = {"type": "string", "pattern": f"^{_E164.pattern}$", "description": "E.164, such as +6281234567890"}
TEXT = Kind({"type": "string", "minLength": 1}, "a string that is not empty", _text)
PHONE = Kind(_PHONE_SCHEMA, "in E.164 form, such as +6281234567890", _e164)
UUID = Kind({"type": "string", "format": "uuid"}, "a uuid", _uuid)  # read in lower case
BOOLEAN = Kind({"type": "boolean"}, "true or false", _boolean)
DURATION = _whole(DURATION_SECONDS_MAX)
SETTING = _whole(SETTING_MAX)
LIMIT = _digits(_whole(PAGE_MAX))


class Phone(TypedDict):
    """Whose one-time code is requested."""

    phone: Annotated[str, PHONE]


class PhoneAndCode(Phone):
    """A one-time code, and whose it is."""

    code: Annotated[str, TEXT]


class RefreshToken(TypedDict):
    """The refresh token of a sign-in."""

    refresh_token: Annotated[str, TEXT]


class Duration(TypedDict):
    """How long a chat or an extension lasts, in seconds."""

    duration_seconds: Annotated[int, DURATION]


class Account(TypedDict):
    """Whether a mitra's account is active."""

    is_active: Annotated[bool, BOOLEAN]


class Destination(TypedDict):
    """The mitra who gets a chat."""

    mitra_id: Annotated[str, UUID]


class Value(TypedDict):
    """The value of a setting."""

    value: Annotated[int, SETTING]


class Page(TypedDict):
    """So many mitras behind that id; None where a parameter is missing."""

    after: Annotated[str | None, UUID]
    limit: Annotated[int | None, LIMIT]
