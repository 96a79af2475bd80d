"""What a body may hold: each field checks itself, with a message a caller can act on, and tells its JSON schema.

A route declares its fields once: they read its body and they describe it, so that document and behaviour can't differ.
"""

import re
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard

from server import errors

PAGE_MAX = 1000  # mitras in one page: what is read and written at once, so that other requests go on meanwhile
DURATION_SECONDS_MAX = 86_400  # a chat or an extension lasts a day at most
SETTING_MAX = 1_000_000
_E164 = re.compile(r"\+[1-9][0-9]{1,14}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)

Schema = dict[str, Any]


class Field(Protocol):
    """One member of a JSON object."""

    @property
    def name(self) -> str: ...

    @property
    def schema(self) -> Schema: ...

    def read(self, value: object) -> object:
        """The value to work with, `value` being None where the member is missing. Raises 400 VALIDATION_ERROR."""


@dataclass(frozen=True)
class Text:
    """A text of the body."""

    name: str

    @property
    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1}

    def read(self, value: object) -> str:
        if not isinstance(value, str) or not value:
            raise errors.validation_error(f"{self.name} must be a string that is not empty")
        return value


@dataclass(frozen=True)
class Phone:
    """A phone number in E.164."""

    name: str = "phone"

    @property
    def schema(self) -> Schema:
        return {"type": "string", "pattern": f"^{_E164.pattern}$", "description": "E.164, such as +6281234567890"}

    def read(self, value: object) -> str:
        if not isinstance(value, str) or _E164.fullmatch(value) is None:
            raise errors.validation_error(f"{self.name} must be in E.164 form, such as +6281234567890")
        return value


@dataclass(frozen=True)
class Boolean:
    """A truth value of the body."""

    name: str

    @property
    def schema(self) -> Schema:
        return {"type": "boolean"}

    def read(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise errors.validation_error(f"{self.name} must be true or false")
        return value


@dataclass(frozen=True)
class Whole:
    """A whole number from 1 to `most`; true is none, 3.0 is one, as JSON has it."""

    name: str
    most: int

    @property
    def schema(self) -> Schema:
        return {"type": "integer", "minimum": 1, "maximum": self.most}

    def read(self, value: object) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= self.most:
            raise errors.validation_error(f"{self.name} must be a whole number from 1 to {self.most}")
        return value


@dataclass(frozen=True)
class Count(Whole):
    """The same in a query, where it is written in digits."""

    def read(self, value: object) -> int:
        if isinstance(value, str) and value.isascii() and value.isdigit():
            return super().read(int(value[:20]))
        return super().read(None)


@dataclass(frozen=True)
class Uuid:
    """An id of the path."""

    name: str

    @property
    def schema(self) -> Schema:
        return {"type": "string", "format": "uuid"}

    def read(self, value: object) -> str:
        """In lower case."""
        if not is_uuid(value):
            raise errors.validation_error(f"{self.name} must be a uuid")
        return value.lower()


def is_uuid(text: object) -> TypeGuard[str]:
    return isinstance(text, str) and _UUID.fullmatch(text) is not None


PHONE = Phone()
CODE = Text("code")
REFRESH_TOKEN = Text("refresh_token")
DURATION_SECONDS = Whole("duration_seconds", DURATION_SECONDS_MAX)
IS_ACTIVE = Boolean("is_active")
VALUE = Whole("value", SETTING_MAX)
MITRA_ID = Uuid("mitra_id")
LIMIT = Count("limit", PAGE_MAX)
AFTER = Uuid("after")
