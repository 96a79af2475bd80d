"""`rig vk` and `rig sql`: the stores' own command-line clients, pointed at the running stack."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote, urlsplit, urlunsplit

from rig import caller
from rig.environment.running_stacks import the_stack
from rig.errors import UsageError
from rig.stack.embedded.postgres_binaries import installed
from rig.stack.embedded.valkey import CLIENTS, command_line_client
from rig.stores.urls import ValkeyUrl
from rig.stores.valkey import OURS

TLS_WORDS = {"ssl_ca_certs": "--cacert", "ssl_ca_path": "--cacertdir", "ssl_certfile": "--cert", "ssl_keyfile": "--key"}
NO_CLIENT = "there is no valkey-cli: put one (or a redis-cli) on PATH, for the fallback wheel of Valkey has none"
NO_TLS = "the valkey-cli that comes with the rig speaks no TLS: put one that does (or a redis-cli) on PATH"


def valkey(command: list[str], stack: str | None) -> NoReturn:
    """Become valkey-cli: with a command it prints the reply (exit 1 on an error), without one it prompts."""
    url = ValkeyUrl.parse(the_stack(stack)["valkey"]["url"])
    program = client(url.tls)
    if program is None:
        raise UsageError(no_client(url.tls))
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


def client(tls: bool) -> Path | None:
    """What `rig vk` becomes; None where there is none that can. With TLS it is one on PATH: the wheel's own speaks none."""
    if not tls:
        return command_line_client()
    found = (shutil.which(name) for name in CLIENTS)
    return next((Path(one) for one in found if one and "--cacert" in help_of(one)), None)


def no_client(tls: bool) -> str:
    return NO_TLS if tls else NO_CLIENT


def help_of(program: str) -> str:
    done = subprocess.run([program, "--help"], env=caller.own(), capture_output=True, text=True, timeout=10)
    return done.stdout + done.stderr


def sql(statement: str | None, stack: str | None) -> NoReturn:
    """Become psql, as the rig's observer: a statement's rows as a table (exit 1 on an error), or a prompt."""
    facts = the_stack(stack)
    program = installed(facts["postgres"].get("wheel")) / "bin" / "psql"
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
