"""The shapes of the API's answers, for the OpenAPI document; handlers name them as their return annotation.

Imported only when the document is asked for: pydantic would cost the start a tenth of a second.
"""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt

from server import errors


class Shape(BaseModel):
    """An object with just these members."""

    model_config = ConfigDict(extra="forbid")


class ErrorDetail(Shape):
    code: Literal[tuple(errors.STATUS)]
    message: str = Field(min_length=1, description="for people, not to be parsed")


class Error(Shape):
    error: ErrorDetail


class AuthProvider(Shape):
    id: str
    name: str
    roles: list[Literal["mitra", "client"]]


class AuthProviders(Shape):
    providers: list[AuthProvider]


class Availability(Shape):
    available: bool
    count: NonNegativeInt = Field(description="mitras with room and a fresh heartbeat, up to 10 s ago")


class OtpRequested(Shape):
    expires_in: NonNegativeInt = Field(description="seconds")


class User(Shape):
    id: UUID
    phone: str
    display_name: str


class Tokens(Shape):
    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"]
    expires_in: NonNegativeInt = Field(description="seconds that the access token lives")
    user: User


class MitraStatus(Shape):
    is_online: bool
    last_heartbeat_at: AwareDatetime | None = Field(description="may lag by a cycle of the heartbeat mirror")


class IsOnline(Shape):
    is_online: bool


class ChatRequest(Shape):
    chat_session_id: UUID
    duration_seconds: int
    customer_id: UUID
    offered_at: AwareDatetime


class ChatRequests(Shape):
    chat_requests: list[ChatRequest]


class ChatSession(Shape):
    id: UUID
    customer_id: UUID
    mitra_id: UUID | None
    status: Literal["searching", "active", "pending_payment", "ended", "cancelled"]
    duration_seconds: int
    ends_at: AwareDatetime | None


class PaidSession(ChatSession):
    offered: int = Field(ge=1, description="mitras that this payment offered the chat to")


class Health(Shape):
    status: Literal["ok"]


class Readiness(Shape):
    status: str
    postgres: Literal["ok", "unreachable"]
    mirror: dict[str, float]
    alerts: list[str]


class Dashboard(Shape):
    online_mitras: NonNegativeInt


class Mitra(Shape):
    id: UUID
    display_name: str
    is_active: bool
    is_online: bool


class Mitras(Shape):
    mitras: list[Mitra]


class AvailableMitras(Shape):
    mitra_ids: list[str]


class Reachable(Shape):
    reachable: bool


class Config(Shape):
    config: dict[str, int]


class Setting(Shape):
    key: str
    value: int
