"""The people of a manual session: rows in Postgres, and what a shell needs to act as each of them."""

import shlex
from collections.abc import Mapping, Sequence

from rig.fixtures import Fixtures, Schema
from rig.stack import ServerInstance
from rig.traffic import mint

TOKEN_LIFETIME_S = 12 * 3600
# The names of the checklist's scenarios. The first of each kind is MITRA and CUSTOMER in `rig env`.
MITRAS = ("Sari", "Dewi", "Rani")
CUSTOMERS = ("Budi", "Tono", "Tini")
ROLES = {"mitra": "MITRA", "client": "CUSTOMER"}

Person = Mapping[str, str]  # name, id, phone, role (as a token has it)


def move_in(url: str, schema: Schema) -> list[Person]:
    """Make their rows: the mitras offline and active. The people in the order of `MITRAS` and `CUSTOMERS`."""
    with Fixtures(url, schema) as fixtures:
        rows = [(fixtures.mitra(name), "mitra") for name in MITRAS]
        rows += [(fixtures.customer(name), "client") for name in CUSTOMERS]
    return [{"name": row.display_name, "id": row.id, "phone": row.phone, "role": role} for row, role in rows]


def shell_variables(servers: Mapping[str, ServerInstance], people: Sequence[Person]) -> dict[str, str]:
    """By name: tokens made now, ids and phone numbers of the people, addresses of the servers."""
    first = servers[min(servers)]
    found = {"PUBLIC": first.public_url, "INTERNAL": first.internal_url}
    for name, server in servers.items():
        found[f"PUBLIC_{name.upper()}"] = server.public_url
        found[f"INTERNAL_{name.upper()}"] = server.internal_url
    found |= {"OPERATOR": first.internal_token, "OTP_CODE": first.otp_code, "JWT_SECRET": first.jwt_secret}
    for person in people:
        role = ROLES[person["role"]]
        for prefix in (person["name"].upper(), *([role] if role not in found else [])):
            found[prefix] = mint(first.jwt_secret, person["id"], person["role"], lifetime_s=TOKEN_LIFETIME_S)
            found[f"{prefix}_ID"] = person["id"]
            found[f"{prefix}_PHONE"] = person["phone"]
    return found


def exports(variables: Mapping[str, str]) -> list[str]:
    """`rig env`: lines for `eval` in a POSIX shell."""
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]


def curl_lines(variables: Mapping[str, str]) -> list[str]:
    """Lines for a shell, in an order that works when they are pasted one after the other."""
    public, internal = variables["PUBLIC"], variables["INTERNAL"]
    bearer = "-H \"Authorization: Bearer ${}\"".format  # fmt: skip
    body = "-H 'Content-Type: application/json' -d"
    return [
        *(f"{name}={shlex.quote(variables[name])}" for name in ("MITRA", "CUSTOMER", "OPERATOR")),
        f"curl -X POST {bearer('MITRA')} {public}/api/mitra/status/online",
        f"curl -X POST {bearer('MITRA')} {public}/api/mitra/status/heartbeat",
        f"curl {public}/public/bestie-availability",
        f"curl {bearer('CUSTOMER')} {body} '{{\"duration_seconds\": 600}}' {public}/api/client/chat-sessions",
        f"curl {bearer('OPERATOR')} {internal}/internal/dashboard",
        f"curl -X PATCH {bearer('OPERATOR')} {body} '{{\"is_active\": false}}'"
        f" {internal}/internal/mitras/{variables['MITRA_ID']}",
    ]
