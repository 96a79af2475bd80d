"""A real Postgres and Valkey for the tests of what looks at them; import the fixture `stack` to have one a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.stack import Stack, StackSpec, Supervisor, open_stack

CONTRACT_TABLES = """
CREATE TABLE mitras (id uuid PRIMARY KEY, phone text UNIQUE NOT NULL, display_name text NOT NULL,
    is_active boolean NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE mitra_online_status (mitra_id uuid PRIMARY KEY REFERENCES mitras (id), is_online boolean NOT NULL,
    last_heartbeat_at timestamptz);
CREATE TABLE mitra_online_logs (id bigserial PRIMARY KEY, mitra_id uuid NOT NULL REFERENCES mitras (id),
    status text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE customers (id uuid PRIMARY KEY, phone text UNIQUE NOT NULL, display_name text NOT NULL);
CREATE TABLE chat_sessions (id uuid PRIMARY KEY, customer_id uuid NOT NULL REFERENCES customers (id),
    mitra_id uuid REFERENCES mitras (id), status text NOT NULL, duration_seconds int NOT NULL, ends_at timestamptz);
CREATE TABLE chat_request_notifications (chat_session_id uuid NOT NULL REFERENCES chat_sessions (id),
    mitra_id uuid NOT NULL REFERENCES mitras (id));
CREATE TABLE auth_sessions (id bigserial PRIMARY KEY, user_id uuid NOT NULL, token_hash text, expires_at timestamptz,
    revoked_at timestamptz);
CREATE TABLE app_config (key text PRIMARY KEY, value jsonb NOT NULL);
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    logs: Path = tmp_path_factory.mktemp("logs")
    with Supervisor.start() as supervisor, open_stack(StackSpec(logs=logs), supervisor) as opened:
        yield opened
