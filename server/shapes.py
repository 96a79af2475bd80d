"""The shapes of the API's answers: what handlers return, and what the OpenAPI document says of it.

Each is a dictionary with just these members, so an answer costs no more than that. Types alone import this module until
the document is asked for: pydantic would cost the start a tenth of a second.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, NonNegativeInt, WithJsonSchema, with_config
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

from server import errors
from server.sql import Status

Uuid = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
# No other members, in the document: mypy keeps handlers to it.
exact = with_config(extra="forbid")


@exact
class ErrorDetail(TypedDict):
    code: Annotated[str, Field(json_schema_extra={"enum": list(errors.STATUS)})]
    message: Annotated[str, Field(min_length=1, description="for people, not to be parsed")]


@exact
class Error(TypedDict):
    error: ErrorDetail


@exact
class AuthProvider(TypedDict):
    id: str
    name: str
    roles: list[Literal["mitra", "client"]]


@exact
class AuthProviders(TypedDict):
    providers: list[AuthProvider]


@exact
class Availability(TypedDict):
    available: bool
    count: Annotated[NonNegativeInt, Field(description="mitras with room and a fresh heartbeat, up to 10 s ago")]


@exact
class OtpRequested(TypedDict):
    expires_in: Annotated[NonNegativeInt, Field(description="seconds")]


@exact
class User(TypedDict):
    id: Uuid
    phone: str
    display_name: str


@exact
class Tokens(TypedDict):
    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"]
    expires_in: Annotated[NonNegativeInt, Field(description="seconds that the access token lives")]
    user: User


@exact
class MitraStatus(TypedDict):
    is_online: bool
    last_heartbeat_at: Annotated[AwareDatetime | None, Field(description="may lag by a cycle of the heartbeat mirror")]


@exact
class IsOnline(TypedDict):
    is_online: bool


@exact
class ChatRequest(TypedDict):
    chat_session_id: Uuid
    duration_seconds: int
    customer_id: Uuid
    offered_at: AwareDatetime


@exact
class ChatRequests(TypedDict):
    chat_requests: list[ChatRequest]


@exact
class ChatSession(TypedDict):
    id: Uuid
    customer_id: Uuid
    mitra_id: Uuid | None
    status: Status
    duration_seconds: int
    ends_at: AwareDatetime | None


@exact
class PaidSession(ChatSession):
    offered: Annotated[int, Field(ge=1, description="mitras that this payment offered the chat to")]


@exact
class Health(TypedDict):
    status: Literal["ok"]


@exact
class Readiness(TypedDict):
    status: str
    postgres: Literal["ok", "unreachable"]
    mirror: dict[str, float]
    alerts: list[str]


@exact
class Dashboard(TypedDict):
    online_mitras: NonNegativeInt


@exact
class Mitra(TypedDict):
    id: Uuid
    display_name: str
    is_active: bool
    is_online: bool


@exact
class Mitras(TypedDict):
    mitras: list[Mitra]


@exact
class AvailableMitras(TypedDict):
    mitra_ids: list[str]


@exact
class Reachable(TypedDict):
    reachable: bool


@exact
class Config(TypedDict):
    config: dict[str, int]


@exact
class Setting(TypedDict):
    key: str
    value: int
