"""`rig vk` and `rig sql`: the stores' own command-line clients, pointed at the running stack."""

import os
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote, urlsplit, urlunsplit

from rig import caller
from rig.drive.running import the_stack
from rig.stack.postgres_binaries import installed
from rig.stack.valkey import binary


def valkey(command: list[str], stack: str | None) -> NoReturn:
    """Become valkey-cli: with a command it prints the reply (exit 1 on an error), without one it prompts."""
    program = binary("valkey-cli")
    url = urlsplit(the_stack(stack)["valkey"]["url"])
    words = ["-h", url.hostname or "127.0.0.1", "-p", str(url.port or 6379), "-n", url.path.strip("/") or "0"]
    if url.username:
        words += ["--user", unquote(url.username)]
    if url.scheme == "rediss":
        words.append("--tls")
    # The password goes by the environment: other users may read a command line.
    become(program, [*words, *(["-e", *command] if command else [])], REDISCLI_AUTH=unquote(url.password or ""))


def sql(statement: str | None, stack: str | None) -> NoReturn:
    """Become psql, as the rig's observer: a statement's rows as a table (exit 1 on an error), or a prompt."""
    program = installed() / "bin" / "psql"
    facts = the_stack(stack)
    url = urlsplit(facts["postgres"]["observer_url"])
    place = f"{url.username}@{url.netloc.rpartition('@')[2]}" if url.username else url.netloc
    words = ["-X", "-P", "pager=off", "-d", urlunsplit(url._replace(netloc=place))]
    words += ["-c", statement] if statement else []
    become(program, words, PGPASSWORD=unquote(url.password or ""), PGOPTIONS=facts["sql_options"])


def become(program: Path, words: list[str], **environment: str) -> NoReturn:
    """Replace this process, so that terminal, signals and exit code are the client's own."""
    os.execve(program, [program.name, *words], caller.own(environment))
