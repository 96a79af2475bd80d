"""The database schema, declared with SQLModel. Imported only when a table is missing, as the import is slow.

Every column that the contract doesn't name has a default in the database, as rows are also put in by hand.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Sequence,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import CreateIndex, CreateSequence, CreateTable
from sqlmodel import Field, SQLModel

from server.sql import OPEN, STATUSES, one_of

MIRROR_VERSION = Sequence("mirror_version")


def _id() -> Any:
    return Field(sa_column=Column(Uuid, primary_key=True, server_default=text("gen_random_uuid()")))


def _moment(nullable: bool = False) -> Any:
    """A timestamptz. Its default is null if `nullable`, else the time of the insert."""
    default = None if nullable else text("clock_timestamp()")
    return Field(sa_column=Column(DateTime(timezone=True), nullable=nullable, server_default=default))


def _text(default: str | None = None, unique: bool = False) -> Any:
    """A text column that is not null; `default` is an SQL expression."""
    value = None if default is None else text(default)
    return Field(sa_column=Column(Text, nullable=False, unique=unique, server_default=value))


def _reference(table: str, nullable: bool = False, primary_key: bool = False) -> Any:
    key = ForeignKey(f"{table}.id", ondelete="CASCADE")
    return Field(sa_column=Column(Uuid, key, nullable=nullable, primary_key=primary_key))


class Mitra(SQLModel, table=True):
    """A counselor who takes chats; `is_active = false` deactivates the account."""

    __tablename__ = "mitras"
    id: UUID = _id()
    phone: str = _text(unique=True)
    display_name: str = _text(default="''")
    is_active: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=text("true")))
    # each change of the mitra or of its load draws one from the sequence; orders the writes to the mirror
    mirror_version: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    created_at: datetime = _moment()


class MitraOnlineStatus(SQLModel, table=True):
    """Whether a mitra is online; `last_heartbeat_at` follows the mirror by up to one of its cycles."""

    __tablename__ = "mitra_online_status"
    mitra_id: UUID = _reference("mitras", primary_key=True)
    is_online: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    last_heartbeat_at: datetime | None = _moment(nullable=True)


class MitraOnlineLog(SQLModel, table=True):
    """The audit: one row per change of `is_online`, none when nothing changed."""

    __tablename__ = "mitra_online_logs"
    __table_args__ = (
        CheckConstraint("status IN ('online', 'offline')", name="mitra_online_logs_status"),
        Index("mitra_online_logs_mitra", "mitra_id", "id"),
    )
    id: int = Field(sa_column=Column(BigInteger, Identity(), primary_key=True))
    mitra_id: UUID = _reference("mitras")
    status: str = _text()
    created_at: datetime = _moment()


class Customer(SQLModel, table=True):
    """A user who pays for chats; created by the first sign-in."""

    __tablename__ = "customers"
    id: UUID = _id()
    phone: str = _text(unique=True)
    display_name: str = _text(default="''")
    created_at: datetime = _moment()


class ChatSession(SQLModel, table=True):
    """A chat; `extension_seconds` is the length of an unpaid extension, in `pending_payment`."""

    __tablename__ = "chat_sessions"
    __table_args__ = (
        CheckConstraint(
            f"status IN {one_of(STATUSES)}",
            name="chat_sessions_status",
        ),
        Index("chat_sessions_customer", "customer_id"),
        Index("chat_sessions_searching", "id", postgresql_where=text("status = 'searching'")),
        Index("chat_sessions_load", "mitra_id", postgresql_where=text(f"status IN {OPEN}")),
    )
    id: UUID = _id()
    customer_id: UUID = _reference("customers")
    mitra_id: UUID | None = _reference("mitras", nullable=True)
    status: str = _text(default="'searching'")
    duration_seconds: int = Field(sa_column=Column(Integer, nullable=False))
    ends_at: datetime | None = _moment(nullable=True)
    extension_seconds: int | None = Field(default=None, sa_column=Column(Integer, nullable=True))
    created_at: datetime = _moment()


class ChatRequestNotification(SQLModel, table=True):
    """An offer of a paid chat to a mitra: open while the chat is `searching` and not declined."""

    __tablename__ = "chat_request_notifications"
    __table_args__ = (
        PrimaryKeyConstraint("chat_session_id", "mitra_id"),
        Index("chat_request_notifications_open", "mitra_id", postgresql_where=text("declined_at IS NULL")),
    )
    chat_session_id: UUID = _reference("chat_sessions")
    mitra_id: UUID = _reference("mitras")
    declined_at: datetime | None = _moment(nullable=True)
    created_at: datetime = _moment()


class AuthSession(SQLModel, table=True):
    """One sign-in; its refresh token's hash is replaced in place at each refresh."""

    __tablename__ = "auth_sessions"
    __table_args__ = (Index("auth_sessions_user", "user_id"),)
    id: UUID = _id()
    user_id: UUID = Field(sa_column=Column(Uuid, nullable=False))
    role: str = _text(default="'mitra'")
    refresh_token_hash: str = _text(default="gen_random_uuid()::text", unique=True)  # no token has this hash
    expires_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    revoked_at: datetime | None = _moment(nullable=True)
    created_at: datetime = _moment()


class OtpRequest(SQLModel, table=True):
    """The open one-time code of a phone; all instances share it. `requests` counts those of its window."""

    __tablename__ = "otp_requests"
    __table_args__ = (PrimaryKeyConstraint("role", "phone"), Index("otp_requests_expiry", "expires_at"))
    role: str = _text()
    phone: str = _text()
    code_hash: str = _text()
    attempts: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("0")))
    expires_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    requests: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("1")))
    window_started_at: datetime = _moment()


class AppConfig(SQLModel, table=True):
    """An operator's setting: a bare number; an absent row means the default."""

    __tablename__ = "app_config"
    key: str = Field(sa_column=Column(Text, primary_key=True))
    value: Any = Field(sa_column=Column(JSONB, nullable=False))


class MirrorInstance(SQLModel, table=True):
    """The state of an instance for the others: which Valkey it uses, and until when it blocks sweeps."""

    __tablename__ = "mirror_instances"
    instance: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    store: str = _text(default="''")
    blocks_until: datetime | None = _moment(nullable=True)


class SchemaChange(SQLModel, table=True):
    """Which changes of `server.schema` this database has."""

    __tablename__ = "schema_changes"
    number: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    made_at: datetime = _moment()


def statements(names: Collection[str]) -> list[str]:
    """The DDL that makes these tables (with their indexes), indexes and sequences, in order of reference."""
    made: list[Any] = []
    if MIRROR_VERSION.name in names:
        made.append(CreateSequence(MIRROR_VERSION, if_not_exists=True))
    for table in SQLModel.metadata.sorted_tables:
        if table.name in names:
            made.append(CreateTable(table, if_not_exists=True))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        made.extend(CreateIndex(i, if_not_exists=True) for i in indexes if table.name in names or i.name in names)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy does not annotate it
    return [str(ddl.compile(dialect=dialect)) for ddl in made]
