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
from server.inputs import is_uuid

# A short JWT_SECRET is the operator's choice; the start logs it once instead of PyJWT at each token.
warnings.filterwarnings("ignore", category=jwt.InsecureKeyLengthWarning)

NEVER = 2**53  # any later expiry is as good as this one, and no more than a float holds
REMEMBERED_MAX = 200_000  # some 100 MB of them at the most
_OPTIONS: Options = {"require": ["exp", "sub"], "verify_iat": False, "verify_aud": False}


def mint_access_token(secret: str, user_id: str, role: str, ttl_seconds: int) -> str:
    now = int(time.time())
    claims = {"sub": user_id, "role": role, "iat": now, "exp": now + ttl_seconds}
    return jwt.encode(claims, secret, algorithm="HS256")


class AccessTokens:
    """Reads access tokens, each verified once: until it expires, nothing that the signature covers can change."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._known: dict[str, tuple[Identity, float]] = {}  # token -> whom it speaks for, and until when

    def read(self, token: str) -> Identity:
        """Who `token` speaks for. Raises 401 TOKEN_EXPIRED or UNAUTHENTICATED; any role passes here."""
        known = self._known.get(token)
        if known is not None and time.time() < known[1]:
            return known[0]
        self._known.pop(token, None)
        identity, expires = read_access_token(self._secret, token)
        if len(self._known) >= REMEMBERED_MAX:
            self._known.pop(next(iter(self._known)))  # the one that has been known for longest
        self._known[token] = identity, expires
        return identity


def read_access_token(secret: str, token: str) -> tuple[Identity, float]:
    """Who `token` speaks for, and until when (epoch seconds). Raises 401 TOKEN_EXPIRED or UNAUTHENTICATED."""
    try:
        claims = jwt.decode(token, secret, algorithms=["HS256"], options=_OPTIONS)
    except jwt.ExpiredSignatureError as error:
        raise errors.token_expired() from error
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise errors.unauthenticated() from error
    subject, role = claims["sub"], claims.get("role")
    if not is_uuid(subject) or not isinstance(role, str):
        raise errors.unauthenticated("the token lacks a valid sub or role")
    return Identity(subject.lower(), role), float(min(int(claims["exp"]), NEVER))


def new_refresh_token() -> str:
    return secrets.token_urlsafe(32)


def refresh_hash(token: str) -> str:
    """What the database keeps: a stolen table holds no usable token."""
    return hashlib.sha256(token.encode()).hexdigest()


def code_hash(secret: str, role: str, phone: str, code: str) -> str:
    """A one-time code bound to its phone; keyed, for six digits alone are guessed from a plain hash."""
    return hmac.new(secret.encode(), f"{role}:{phone}:{code}".encode(), hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare in constant time; any text, not only ASCII."""
    return hmac.compare_digest(left.encode(), right.encode())
