"""Signs people in: by a minted token if the server's JWT secret is known, else by a one-time code."""

from typing import TypeVar

from rig.fixtures import Row
from rig.record import RecordWriter
from rig.stack import StackError
from rig.traffic import Customer, Mitra
from rig.traffic.actors.client import ServerHandle

Person = TypeVar("Person", Mitra, Customer)


def sign_in(
    kind: type[Person], server: ServerHandle, row: Row, recorder: RecordWriter | None = None, *, active: bool = True
) -> Person:
    """The person of a planted row, with a token; one who is not `active` could not sign in, and gets none that way.

    StackError when the running server does not take the code that we were given.
    """
    if server.jwt_secret:
        return kind.from_secret(server, row.id, row.phone, recorder)
    person = kind(server, row.id, row.phone, recorder)
    if active:
        answer = person.login()
        if not answer.ok:
            raise StackError(
                f"{row.phone} cannot sign in ({answer.status or answer.error} {answer.code or ''}): is --otp-code the server's?"
            )
    return person
