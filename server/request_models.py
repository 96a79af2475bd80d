"""What callers send: a pydantic model for each body, and for the query of a route that has one.

A handler's parameters `body` and `query` name their model. It both validates the request and describes it in the OpenAPI
document. A field's description completes the sentence "<field> must be ...", which is the message of the error.
"""

import re
from functools import cache
from typing import Annotated, Any, TypeGuard, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from server import errors

PAGE_MAX = 1000  # mitras per page: read and written at once, so other requests wait for no more than that
DURATION_SECONDS_MAX = 86_400  # a chat or an extension lasts a day at most
SETTING_MAX = 1_000_000
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)

Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], value: object) -> Model:
    """`value`, a decoded JSON object, as an instance of `model`. Raises 400 VALIDATION_ERROR for the first bad field."""
    try:
        return model.model_validate(value, strict=True)
    except ValidationError as error:
        location = error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
    if not location:
        raise errors.validation_error("the body must be a JSON object")
    field = str(location[0])
    raise errors.validation_error(f"{field} must be {_fields(model)[field]['description']}")


@cache
def _fields(model: type[BaseModel]) -> dict[str, Any]:
    fields: dict[str, Any] = model.model_json_schema()["properties"]
    return fields


def is_uuid(text: object) -> TypeGuard[str]:
    """Whether `text` is a uuid in its usual form, with hyphens, in lower or upper case."""
    return isinstance(text, str) and _UUID.fullmatch(text) is not None


def _uuid_in_lower_case(text: str) -> str:
    if not is_uuid(text):
        raise ValueError("not a uuid")
    return text.lower()


def _whole_number(value: object) -> object:
    """JSON has one type of number, so 3.0 is a whole number; pydantic's strict mode refuses any float."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _digits(value: object) -> object:
    """The number that a query parameter spells; pydantic alone would take `+5`, ` 5` and `1_000` as well."""
    return int(value[:20]) if isinstance(value, str) and value.isascii() and value.isdigit() else value


def _up_to(most: int, example: int) -> Any:
    """The bounds of a whole number from 1 to `most`."""
    return Field(ge=1, le=most, description=f"a whole number from 1 to {most}", examples=[example])


_NOT_EMPTY = "a string that is not empty"
_E164 = "in E.164 form, such as +6281234567890"
PhoneNumber = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{1,14}$", description=_E164, examples=["+6281234567890"])]
OtpCode = Annotated[str, Field(min_length=1, description=_NOT_EMPTY, examples=["123456"])]
Token = Annotated[str, Field(min_length=1, description=_NOT_EMPTY, examples=["REFRESH_TOKEN"])]
Uuid = Annotated[
    str,
    AfterValidator(_uuid_in_lower_case),
    WithJsonSchema({"type": "string", "format": "uuid", "description": "a uuid", "examples": [str(UUID(int=0))]}),
]
Active = Annotated[bool, Field(description="true or false", examples=[True])]
Seconds = Annotated[int, _up_to(DURATION_SECONDS_MAX, 600), BeforeValidator(_whole_number)]
SettingValue = Annotated[int, _up_to(SETTING_MAX, 3), BeforeValidator(_whole_number)]
Limit = Annotated[int, _up_to(PAGE_MAX, 100), BeforeValidator(_digits)]


class OtpRequest(BaseModel):
    """The phone number for which a one-time code is requested."""

    phone: PhoneNumber


class OtpVerification(OtpRequest):
    """A one-time code, and the phone number for which it was requested."""

    code: OtpCode


class RefreshToken(BaseModel):
    """The refresh token of a sign-in."""

    refresh_token: Token


class Duration(BaseModel):
    """How long a chat or an extension lasts, in seconds."""

    duration_seconds: Seconds


class AccountChange(BaseModel):
    """Whether a mitra's account is active."""

    is_active: Active


class Destination(BaseModel):
    """The mitra who gets a chat."""

    mitra_id: Uuid


class NewValue(BaseModel):
    """The new value of a setting."""

    value: SettingValue


class Page(BaseModel):
    """Which part of a list in order of id: at most `limit` items, those after the id `after`. None: not given."""

    after: Uuid | SkipJsonSchema[None] = None
    limit: Limit | SkipJsonSchema[None] = None
