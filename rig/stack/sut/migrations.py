"""The user's own set-up command: run once a database, before the first start of the server under test."""

from rig import caller
from rig.stack.errors import StackError, tail
from rig.stack.processes.process import Supervisor
from rig.stack.spec import StackSpec
from rig.stack.sut.managed import QUIET

SETUP_S = 120.0


def set_up(spec: StackSpec, supervisor: Supervisor, name: str, database_url: str, valkey_url: str) -> None:
    """Run `--sut-setup`, if one was given, as the database's owner. StackError shows why it failed, and its log's end."""
    command = spec.setup_command()
    if command is None:
        return
    log = spec.logs / f"{name}-setup.log"
    variables = {**QUIET, "APP_ENV": "test", "DATABASE_URL": database_url, "VALKEY_URL": valkey_url}
    process = supervisor.spawn(
        f"{name}-setup", command, env=caller.server(spec.inherited, variables), cwd=spec.directory(), log=log
    )
    try:
        code = process.wait(SETUP_S)
    except TimeoutError:
        process.signal(9, tree=True)
        raise StackError(
            f"--sut-setup did not end within {SETUP_S:g} s. Its last lines ({log}):\n{tail(log)}"
        ) from None
    if code != 0:
        how = f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
        raise StackError(f"--sut-setup {how}. Its last lines ({log}):\n{tail(log)}")
