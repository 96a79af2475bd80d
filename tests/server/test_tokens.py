"""Access tokens that were verified once: remembered for as long as they are good, and no longer."""

import time

import pytest

from server import tokens
from server.errors import ApiError

SECRET, MITRA = "s" * 40, "00000000-0000-4000-8000-000000000001"


def test_a_token_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    access, token = tokens.AccessTokens(SECRET), tokens.mint_access_token(SECRET, MITRA, "mitra", 60)
    assert access.read(token).id == MITRA
    monkeypatch.setattr(tokens.jwt, "decode", None)
    assert access.read(token).id == MITRA


def test_a_remembered_token_expires_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    access, token = tokens.AccessTokens(SECRET), tokens.mint_access_token(SECRET, MITRA, "mitra", 1)
    assert access.read(token).id == MITRA
    time.sleep(2.1)  # its second, and the one that it was cut to
    with pytest.raises(ApiError) as refused:
        access.read(token)
    assert refused.value.code == "TOKEN_EXPIRED"


def test_a_forged_token_is_not_remembered_and_memory_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "CACHED_MAX", 3)
    access = tokens.AccessTokens(SECRET)
    with pytest.raises(ApiError):
        access.read(tokens.mint_access_token("another" * 6, MITRA, "mitra", 60))
    for seconds in range(60, 70):
        access.read(tokens.mint_access_token(SECRET, MITRA, "mitra", seconds))
    assert len(access._cache) == 3


def test_an_expiry_beyond_all_numbers_is_as_good_as_a_far_one() -> None:
    claims = {"sub": MITRA, "role": "mitra", "exp": 10**400}
    token = tokens.jwt.encode(claims, SECRET, algorithm="HS256")
    assert tokens.AccessTokens(SECRET).read(token).id == MITRA
