"""The people and things of a batch: what stands behind a name, and back again."""

import re
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import jwt

TIMES = ("ends_at",)
NOBODY = uuid.UUID("6d697272-6f72-4000-8000-6e6f626f6479")


class Names:
    """Ids, phones and refresh tokens by name, both ways."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self.phones: dict[str, str] = {}
        self.refresh_tokens: dict[str, str] = {}

    def person(self, name: str, id: str, phone: str) -> None:
        self.ids[name], self.phones[name] = id, phone

    def id_of(self, name: str) -> str:
        """The id; for a name that stands for no one, always the same uuid, which nobody has."""
        return self.ids.get(name) or (name and str(uuid.uuid5(NOBODY, name)))

    def name_of(self, id: str) -> str:
        return next((name for name, known in self.ids.items() if known == id), id)

    def sent(self, value: Any, field: str = "") -> Any:
        """A body as it goes out: names of ids, phones and tokens replaced by what they stand for."""
        if isinstance(value, dict):
            return {key: self.sent(part, key) for key, part in value.items()}
        if not isinstance(value, str):
            return value
        if field == "mitra_id":
            return self.id_of(value)
        if value.startswith("phone of "):
            return self.phones.get(value.removeprefix("phone of "), value)
        if value.startswith("token "):
            return self.refresh_tokens.get(value.removeprefix("token "), "no-such-token-" + "0" * 24)
        return value

    def reply(self, value: Any, field: str = "") -> Any:
        """An answer as the model has it: ids, phones and tokens by name, times as epoch seconds."""
        if isinstance(value, dict):
            return {key: self.reply(part, key) for key, part in value.items()}
        if isinstance(value, list):
            return [self.reply(part, field) for part in value]
        if not isinstance(value, str):
            return value
        if field in TIMES:
            return epoch(value)
        if field == "access_token":
            return self._claims(value)
        for known, named in ((self.phones, "phone of {}"), (self.refresh_tokens, "token {}"), (self.ids, "{}")):
            for name, real in known.items():
                if real == value:
                    return named.format(name)
        return value

    def _claims(self, token: str) -> Any:
        """What an access token says of itself; the text where it is no JWT."""
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
            life = int(claims["exp"]) - int(claims["iat"])
            algorithm = jwt.get_unverified_header(token)["alg"]
            return {"alg": algorithm, "sub": self.name_of(claims["sub"]), "role": claims["role"], "life": life}
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            return f"no access token of the contract: {type(error).__name__}: {error}"


def epoch(text: str) -> Any:
    """Epoch seconds of an ISO-8601 time in UTC; the text itself where it is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    offset = at.utcoffset()
    return at.timestamp() if offset is not None and not offset else text


FILLED = re.compile(r"\{(chat|mitra|key)\}")


def filled(path: str, value_of: Callable[[str], str]) -> str:
    """The path with what its places stand for."""
    return FILLED.sub(lambda match: value_of(match[1]), path)
