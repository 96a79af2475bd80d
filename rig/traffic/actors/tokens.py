"""Access tokens minted with the server's own secret, so that a scenario need not sign everybody in."""

import time

import jwt

LIFETIME_S = 900  # the contract's default
RENEW_BEFORE_S = 60


def mint(secret: str, subject: str, role: str, *, lifetime_s: float = LIFETIME_S) -> str:
    """A JWT as the contract has it; `role` is `mitra` or `client`; a negative lifetime has expired."""
    issued = int(time.time())
    claims = {"sub": subject, "role": role, "iat": issued, "exp": issued + int(lifetime_s)}
    return jwt.encode(claims, secret, algorithm="HS256")


class Minted:
    """A token that renews itself before it expires: campaigns run longer than a token lives."""

    def __init__(self, secret: str, subject: str, role: str) -> None:
        self._secret, self._subject, self._role = secret, subject, role
        self._token = ""
        self._renew_at = 0.0

    def current(self) -> str:
        if time.time() >= self._renew_at:
            self._token = mint(self._secret, self._subject, self._role)
            self._renew_at = time.time() + LIFETIME_S - RENEW_BEFORE_S
        return self._token
