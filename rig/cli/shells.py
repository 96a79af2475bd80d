"""`rig vk` and `rig sql`: the stores' own command-line clients, pointed at the running stack."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit, urlunsplit

from rig import caller
from rig.environment.running_stacks import the_stack
from rig.errors import UsageError
from rig.stores.names import OURS
from rig.stores.urls import ValkeyUrl

TLS_WORDS = {"ssl_ca_certs": "--cacert", "ssl_ca_path": "--cacertdir", "ssl_certfile": "--cert", "ssl_keyfile": "--key"}
NO_CLIENT = "this machine has no {}: put one on PATH, or see `rig doctor`"
NO_TLS = "the valkey-cli that comes with the rig speaks no TLS: put one that does (or a redis-cli) on PATH"


def valkey(command: list[str], session: str | None) -> NoReturn:
    """Become valkey-cli: with a command it prints the reply (exit 1 on an error), without one it prompts."""
    facts = the_stack(session)
    url = ValkeyUrl.parse(facts["valkey"]["url"])
    program = tls_client() if url.tls else client(facts, "valkey-cli")
    if program is None:
        raise UsageError(NO_TLS)
    place = ["-s", url.socket] if url.socket else ["-h", url.host, "-p", str(url.port)]
    words = [*place, "-n", str(url.database), *(["--user", url.username] if url.username else [])]
    if url.tls:
        words += [
            "--tls",
            *(word for name, flag in TLS_WORDS.items() if name in url.options for word in (flag, url.options[name])),
        ]
        words += ["--insecure"] if url.options.get("ssl_cert_reqs") == "none" else []
    # The password goes by the environment: other users may read a command line.
    become(program, [*words, *(["-e", *command] if command else [])], REDISCLI_AUTH=url.password)


def client(facts: Mapping[str, Any], name: str) -> Path:
    """The client of that name that the rig which runs the stack has found. UsageError where it has none."""
    if (path := facts["clients"][name]) is None:
        raise UsageError(NO_CLIENT.format(name))
    return Path(path)


def missing_client(tls: bool) -> str | None:
    """Why this machine cannot run `rig vk`; None where it can."""
    from rig.stack.embedded.valkey_binaries import (
        command_line_client,
    )  # slow to import, and `rig vk` itself needs none of it

    if tls:
        return None if tls_client() else NO_TLS
    return None if command_line_client() else NO_CLIENT.format("valkey-cli")


def tls_client() -> Path | None:
    """A client on PATH that speaks TLS."""
    for name in ("valkey-cli", "redis-cli"):
        if (found := shutil.which(name)) and "--cacert" in help_of(found):
            return Path(found)
    return None


def help_of(program: str) -> str:
    done = subprocess.run([program, "--help"], env=caller.own(), capture_output=True, text=True, timeout=10)
    return done.stdout + done.stderr


def sql(statement: str | None, session: str | None) -> NoReturn:
    """Become psql, as the rig's observer: a statement's rows as a table (exit 1 on an error), or a prompt."""
    facts = the_stack(session)
    program = client(facts, "psql")
    url = urlsplit(facts["postgres"]["observer_url"])
    place = f"{url.username}@{url.netloc.rpartition('@')[2]}" if url.username else url.netloc
    words = ["-X", "-P", "pager=off", "-d", urlunsplit(url._replace(netloc=place))]
    words += ["-c", statement] if statement else []
    become(
        program, words, PGPASSWORD=unquote(url.password or ""), PGOPTIONS=facts["sql_options"], PGAPPNAME=f"{OURS}sql"
    )


def become(program: Path, words: list[str], **environment: str | None) -> NoReturn:
    """Replace this process, so that terminal, signals and exit code are the client's own. None: without that variable."""
    told = {name: value for name, value in environment.items() if value is not None}
    os.execve(program, [program.name, *words], caller.own(told))
