"""Access tokens, right and wrong in each way that the contract tells apart."""

import time
import uuid

import jwt

from rig.traffic.actors.tokens import LIFETIME_S, mint

OTHER_SECRET = "another-secret-of-32-bytes-or-more!"
EXPIRED_S = 5  # since the expiry: more than two clocks may differ, and less than a leeway that somebody allows
FOREIGN = "foreign role"  # a good token, of somebody of the other role


def access_token(kind: str, secret: str, subject: str, role: str) -> str | None:
    """A bearer for that role, its holder's, wrong as `kind` says (rig.service.steps.TOKENS); None for no token. KeyError for no kind."""
    now = int(time.time())
    claims = {"sub": subject, "role": role, "iat": now, "exp": now + LIFETIME_S}
    good = mint(secret, subject, role)
    made = {
        "fresh": good,
        "missing": None,
        "nonsense": "nonsense",
        "tampered": tampered(good),
        "other secret": jwt.encode(claims, OTHER_SECRET, algorithm="HS256"),
        "unsigned": jwt.encode(claims, "", algorithm="none"),
        "expired": mint(secret, subject, role, lifetime_s=-EXPIRED_S),
        FOREIGN: good,
        "unknown": mint(secret, str(uuid.uuid4()), role),
    }
    return made[kind]


def operator_token(kind: str, token: str, secret: str) -> str | None:
    """The internal token, or what must not be taken for it."""
    if kind in ("fresh", "missing"):
        return token if kind == "fresh" else None
    return {
        "nonsense": "nonsense",
        "tampered": token[:-1] + ("0" if token[-1] != "0" else "1"),
        "other secret": OTHER_SECRET,
        "unsigned": token[:-1],
        "expired": mint(secret, str(uuid.uuid4()), "mitra", lifetime_s=-60),
        "foreign role": mint(secret, str(uuid.uuid4()), "client"),
        "unknown": mint(secret, str(uuid.uuid4()), "mitra"),
    }[kind]


def tampered(token: str) -> str:
    """Another subject under the old signature."""
    head, _, signature = token.split(".")
    claims = {**jwt.decode(token, options={"verify_signature": False}), "sub": str(uuid.uuid4())}
    body = jwt.encode(claims, OTHER_SECRET, algorithm="HS256").split(".")[1]
    return f"{head}.{body}.{signature}"
