"""Access tokens (JWT, HS256) and refresh tokens (random, stored as hashes)."""

import hashlib
import hmac
import secrets
import time
import warnings

import jwt
from jwt.types import Options

from server import errors
from server.asgi import Identity
from server.request_models import is_uuid

# A short JWT_SECRET is allowed outside production (server/config.py); PyJWT would warn at each token.
warnings.filterwarnings("ignore", category=jwt.InsecureKeyLengthWarning)

EXPIRY_MAX = 2**53  # later expiries are treated as this one; larger whole numbers are not exact as a float
CACHED_MAX = 200_000  # tokens, about 100 MB
_OPTIONS: Options = {"require": ["exp", "sub"], "verify_iat": False, "verify_aud": False}


def mint_access_token(secret: str, user_id: str, role: str, ttl_seconds: int) -> str:
    now = int(time.time())
    claims = {"sub": user_id, "role": role, "iat": now, "exp": now + ttl_seconds}
    return jwt.encode(claims, secret, algorithm="HS256")


class AccessTokens:
    """Verifies access tokens, each once: until it expires, a verified token stays valid, so the result is cached."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._cache: dict[str, tuple[Identity, float]] = {}  # token -> its subject and role, and when it expires

    def read(self, token: str) -> Identity:
        """The subject and role of `token`, whatever the role. Raises 401 TOKEN_EXPIRED or UNAUTHENTICATED."""
        cached = self._cache.get(token)
        if cached is not None and time.time() < cached[1]:
            return cached[0]
        self._cache.pop(token, None)
        identity, expires = read_access_token(self._secret, token)
        if len(self._cache) >= CACHED_MAX:
            self._cache.pop(next(iter(self._cache)))  # the oldest entry
        self._cache[token] = identity, expires
        return identity


def read_access_token(secret: str, token: str) -> tuple[Identity, float]:
    """The subject and role of `token`, and its expiry in epoch seconds. Raises 401 TOKEN_EXPIRED or UNAUTHENTICATED."""
    try:
        claims = jwt.decode(token, secret, algorithms=["HS256"], options=_OPTIONS)
    except jwt.ExpiredSignatureError as error:
        raise errors.token_expired() from error
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise errors.unauthenticated() from error
    subject, role = claims["sub"], claims.get("role")
    if not is_uuid(subject) or not isinstance(role, str):
        raise errors.unauthenticated("the token lacks a valid sub or role")
    return Identity(subject.lower(), role), float(min(int(claims["exp"]), EXPIRY_MAX))


def new_refresh_token() -> str:
    return secrets.token_urlsafe(32)


def refresh_hash(token: str) -> str:
    """The form in which the database stores it, so that a stolen table holds no usable token."""
    return hashlib.sha256(token.encode()).hexdigest()


def code_hash(secret: str, role: str, phone: str, code: str) -> str:
    """The stored form of a one-time code, bound to its phone. Keyed, as a plain hash of six digits is easily reversed."""
    return hmac.new(secret.encode(), f"{role}:{phone}:{code}".encode(), hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare in constant time; any text, not only ASCII."""
    return hmac.compare_digest(left.encode(), right.encode())
