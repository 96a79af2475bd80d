"""Protects external data: the user must declare the services scratch, and each must hold the rig's marker."""

from contextlib import closing

from rig.stack.docker.container import require_engine
from rig.stack.embedded.toxiproxy import Toxiproxy
from rig.stack.errors import SpecError
from rig.stack.external.given import ask_postgres, check_valkey
from rig.stack.external.scratch_mark import MARK_KEY, postgres_is_marked, valkey_is_marked
from rig.stack.spec import StackSpec


def protect(spec: StackSpec) -> None:
    """SpecError unless every external service can be used, is declared scratch by the user and holds the rig's marker.

    StackError where one does not answer, or the mode needs a Docker engine and none answers.
    """
    given = {"Postgres": spec.postgres, "Valkey": spec.valkey}
    named = [service for service, url in given.items() if url]
    if named and not spec.scratch:
        raise SpecError(
            f"the {' and '.join(named)} given would be emptied: if all in it may go, add --scratch"
            " (and mark it once: `rig mark`)"
        )
    if spec.postgres:
        ask_postgres(spec.postgres)
    if spec.valkey:
        check_valkey(spec.valkey)
    how = "mark it with `rig mark --postgres URL --valkey URL`, if all in it may go"
    if spec.postgres and not postgres_is_marked(spec.postgres):
        raise SpecError(f"the Postgres given has no table rig_scratch: {how}")
    if spec.valkey and not valkey_is_marked(spec.valkey):
        raise SpecError(f"the Valkey given has no key {MARK_KEY}: {how}")
    if spec.toxiproxy:
        with closing(Toxiproxy(spec.toxiproxy)) as toxiproxy:
            toxiproxy.version()  # StackError when it does not answer
    if spec.mode == "docker":
        require_engine()
