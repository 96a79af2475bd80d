"""What the API answers: a pydantic model for each JSON object that a handler returns. The OpenAPI document shows them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, WithJsonSchema

from server import errors
from server.sql import Status

Uuid = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]


class Answer(BaseModel):
    """An answer has no fields but those of its model. A row of Postgres may have more columns: they are left out."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})


class ErrorDetail(Answer):
    code: Annotated[str, Field(json_schema_extra={"enum": list(errors.STATUS)})]
    message: Annotated[str, Field(min_length=1, description="for people, not to be parsed")]


class Error(Answer):
    error: ErrorDetail


class AuthProvider(Answer):
    id: str
    name: str
    roles: list[Literal["mitra", "client"]]


class AuthProviders(Answer):
    providers: list[AuthProvider]


class Availability(Answer):
    available: bool
    count: Annotated[NonNegativeInt, Field(description="mitras with room and a fresh heartbeat, up to 10 s ago")]


class OtpRequested(Answer):
    expires_in: Annotated[NonNegativeInt, Field(description="seconds")]


class User(Answer):
    id: Uuid
    phone: str
    display_name: str


class Tokens(Answer):
    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"]
    expires_in: Annotated[NonNegativeInt, Field(description="seconds that the access token lives")]
    user: User


class MitraStatus(Answer):
    is_online: bool
    last_heartbeat_at: Annotated[datetime | None, Field(description="may lag by a cycle of the heartbeat mirror")]


class IsOnline(Answer):
    is_online: bool


class ChatRequest(Answer):
    chat_session_id: Uuid
    duration_seconds: int
    customer_id: Uuid
    offered_at: datetime


class ChatRequests(Answer):
    chat_requests: list[ChatRequest]


class ChatSession(Answer):
    id: Uuid
    customer_id: Uuid
    mitra_id: Uuid | None
    status: Status
    duration_seconds: int
    ends_at: datetime | None


class PaidSession(ChatSession):
    offered: Annotated[int, Field(ge=1, description="mitras that this payment offered the chat to")]


class Health(Answer):
    status: Literal["ok"]


class Readiness(Answer):
    status: str
    postgres: Literal["ok", "unreachable"]
    mirror: dict[str, float]
    alerts: list[str]


class Dashboard(Answer):
    online_mitras: NonNegativeInt


class Mitra(Answer):
    id: Uuid
    display_name: str
    is_active: bool
    is_online: bool


class Mitras(Answer):
    mitras: list[Mitra]


class AvailableMitras(Answer):
    mitra_ids: list[str]


class Reachable(Answer):
    reachable: bool


class Config(Answer):
    config: dict[str, int]


class Setting(Answer):
    key: str
    value: int
