"""Embedded Postgres: a cluster of its own for one stack, as our child, every statement in its jsonlog."""

import os
import pwd
import re
import secrets
import signal
import time
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import sql

from rig import caller
from rig.stack.embedded.postgres_binaries import binaries, run_as
from rig.stack.errors import StackError, tail
from rig.stack.external.given import ask_postgres
from rig.stack.processes.ports import PORTS
from rig.stack.processes.process import Process, Running, Supervisor
from rig.stores.postgres import PostgresFacts

OWNER = "mirror"
OBSERVER = "rig"
DATABASE = "mirror"
READY_S = 15.0
STOP_S = 10.0
INITDB_S = 30.0
DUMP_S = 30.0
ADMIN, RESTORED, REPLACED = "postgres", "restored", "replaced"
INSTANCE_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")

# What is turned off (fsync) protects data against a crash of the machine; nothing here outlives the run.
SETTINGS = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 200
shared_buffers = 32MB
dynamic_shared_memory_type = mmap
io_method = sync
wal_level = minimal
max_wal_senders = 0
fsync = off
full_page_writes = off
timezone = 'UTC'
logging_collector = on
log_destination = 'jsonlog'
log_directory = '{log_directory}'
log_filename = 'postgres.log'
log_rotation_age = 0
log_rotation_size = 0
log_timezone = 'UTC'
log_statement = 'all'
log_min_error_statement = error
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
log_connections = ''
log_disconnections = off
log_checkpoints = off
"""


class Login(NamedTuple):
    """How a server instance reaches Postgres: by a role of its own, which tells its statements apart."""

    role: str
    url: str


class EmbeddedPostgres:
    """One cluster on 127.0.0.1 with the database `mirror`, owned by the role `mirror`."""

    managed = True
    initdb_options: tuple[str, ...] = (
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-data-checksums",
    )  # of 18

    def __init__(
        self, supervisor: Supervisor, name: str, logs: Path, *, autovacuum: bool = True, wheel: str | None = None
    ) -> None:
        self._supervisor = supervisor
        self._autovacuum, self._wheel = autovacuum, wheel
        self._name = f"{name}-postgres"
        self._log = logs / f"{self._name}.log"
        self._passwords = {OWNER: secrets.token_hex(12), OBSERVER: secrets.token_hex(12)}
        self._process: Running | None = None
        self.port = PORTS.take()
        self._home = supervisor.temporary_directory(self._name)
        self._data = self._home / "data"
        self.statement_log: Path | None = self._home / "log"
        self._facts: PostgresFacts | None = None
        self._prepare()

    def _prepare(self) -> None:
        self._user = run_as()
        self._bin = binaries(self._wheel)

    @property
    def pid(self) -> int | None:
        """The postmaster's, whose children are the backends; None while it does not run."""
        return self._process.pid if self._process is not None and self.alive() else None

    @property
    def url(self) -> str:
        """The owner's: whatever it creates belongs to the role that all instances act as."""
        return self._url(OWNER)

    @property
    def observer_url(self) -> str:
        """The rig's own superuser, whose statements are never taken for a server's."""
        return self._url(OBSERVER)

    def _url(self, role: str, database: str = DATABASE) -> str:
        return f"postgresql://{role}:{self._passwords[role]}@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        """Make the cluster, start it, make its roles and database."""
        self._initialise()
        self.start(database="postgres")
        with psycopg.connect(self._url(OBSERVER, "postgres"), autocommit=True) as connection:
            password = sql.Literal(self._passwords[OWNER])
            owner = sql.Identifier(OWNER)
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(owner, password))
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), owner))

    def _initialise(self) -> None:
        password_file = self._home / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._passwords[OBSERVER])
        if self._user is not None:
            owner = pwd.getpwnam(self._user)
            for path in (self._home, password_file):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        command: list[str | Path] = [
            self._bin / "initdb", "-D", self._data, "-U", OBSERVER, f"--pwfile={password_file}",
            "-A", "scram-sha-256", "-E", "UTF8", *self.initdb_options, "--locale=C",
            "--no-sync", "--no-instructions",
        ]  # fmt: skip
        initdb = self._spawn("initdb", command)
        if initdb.wait(INITDB_S) != 0:
            raise StackError(f"initdb failed with code {initdb.poll()} ({self._log}):\n{tail(self._log)}")
        password_file.unlink()
        settings = self._configuration(self.statement_log)
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(settings)

    def _configuration(self, log_directory: Path | str | None) -> str:
        settings = SETTINGS.format(port=self.port, log_directory=log_directory)
        return settings if self._autovacuum else f"{settings}autovacuum = off\n"

    def start(self, database: str = DATABASE) -> None:
        """Start it on its port with its data and wait until it takes connections; nothing when it runs."""
        if self.alive():
            return
        self._process = self._launch()
        deadline = time.monotonic() + READY_S
        while True:
            try:
                psycopg.connect(self._url(OBSERVER, database), connect_timeout=2).close()
                return
            except psycopg.OperationalError as error:
                last = str(error).strip()
            code = self._process.poll()
            if code is not None:
                raise StackError(f"Postgres exited with code {code} at its start ({self._log}):\n{tail(self._log)}")
            if time.monotonic() > deadline:
                raise StackError(f"Postgres took no connection within {READY_S:g} s: {last}\n{tail(self._log)}")
            time.sleep(0.01)  # between two looks

    def stop(self) -> None:
        """A fast shutdown: connections are cut, what was committed stays. Nothing when it does not run."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.signal(signal.SIGINT)
        try:
            process.wait(STOP_S)
        except TimeoutError:
            process.signal(signal.SIGKILL, tree=True)
            process.wait(STOP_S)
            raise StackError(f"Postgres did not stop within {STOP_S:g} s ({self._log}):\n{tail(self._log)}") from None

    def dump(self) -> Path:
        """What the database holds at this moment, in a file that `restore` takes."""
        target = self._home / f"dump-{secrets.token_hex(4)}"
        self._run("pg_dump", ["--format=custom", f"--file={target}", self._url(OBSERVER)])
        return target

    def restore(self, dump: Path) -> None:
        """As by the book: into a database beside the one in use, which then takes its place. The old one's sessions end."""
        with psycopg.connect(self._url(OBSERVER, ADMIN), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {RESTORED} OWNER {OWNER}")
            self._run("pg_restore", [f"--dbname={self._url(OBSERVER, RESTORED)}", "--exit-on-error", str(dump)])
            connection.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false")
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (DATABASE,)
            )
            connection.execute(f"ALTER DATABASE {DATABASE} RENAME TO {REPLACED}")
            connection.execute(f"ALTER DATABASE {RESTORED} RENAME TO {DATABASE}")
            connection.execute(f"DROP DATABASE {REPLACED} WITH (FORCE)")

    def _run(self, program: str, arguments: list[str]) -> None:
        process = self._spawn(program, [self._bin / program, *arguments])
        if process.wait(DUMP_S) != 0:
            raise StackError(f"{program} failed with code {process.poll()} ({self._log}):\n{tail(self._log)}")

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def facts(self) -> PostgresFacts:
        """What it is and lets us do, asked once."""
        if self._facts is None:
            self._facts = ask_postgres(self.observer_url, with_log=self.statement_log is not None)
        return self._facts

    @property
    def observers(self) -> frozenset[str]:
        """Roles that no server has; the owner is who sets the database up."""
        return frozenset({OBSERVER, OWNER})

    def instance_of(self, role: str) -> str | None:
        return role.removeprefix("sut_") if role.startswith("sut_") else None

    def shared_by(self, role: str) -> None:
        """The instance that has this role together with the rig: there is none."""

    def login(self, instance: str) -> Login:
        """The role of a server instance, made at the first call; it acts as the owner all along."""
        role = role_of(instance)
        if role not in self._passwords:
            password = secrets.token_hex(12)
            with psycopg.connect(self.observer_url, autocommit=True) as connection:
                create_login(connection, role, password, OWNER)
            self._passwords[role] = password
        return Login(role, self._url(role))

    def close(self) -> None:
        """Give everything back before the end of the run. An immediate stop, as the data go too."""
        if self._process is not None and self._process.poll() is None:
            self._process.signal(signal.SIGQUIT)
            self._process.wait(STOP_S)
        PORTS.give_back(self.port)

    def _launch(self) -> Running:
        return self._spawn("postgres", [self._bin / "postgres", "-D", self._data])

    def _spawn(self, name: str, command: list[str | Path]) -> Process:
        return self._supervisor.spawn(
            f"{self._name}-{name}", command, user=self._user, log=self._log, cwd=self._home,
            env=caller.bare({"LC_ALL": "C", "TZ": "UTC"}),
            last_signal=signal.SIGQUIT,  # killed outright it would leave its shared memory behind
        )  # fmt: skip


def named_instance(instance: str) -> str:
    """The name itself. StackError for one that would not do in a role's name."""
    if not INSTANCE_NAME.fullmatch(instance):
        raise StackError(f"instance name {instance!r}: small letters, digits and _ only, a letter first")
    return instance


def role_of(instance: str) -> str:
    """The login role of an instance in a cluster of ours."""
    return f"sut_{named_instance(instance)}"


def create_login(connection: psycopg.Connection, role: str, password: str, owner: str) -> None:
    """A login role that acts as `owner`, so that two instances can share tables whoever made them."""
    names = {"role": sql.Identifier(role), "owner": sql.Identifier(owner), "password": sql.Literal(password)}
    for statement in (
        "CREATE ROLE {role} LOGIN PASSWORD {password}",
        "GRANT {owner} TO {role}",
        "ALTER ROLE {role} SET role TO {owner}",
    ):
        connection.execute(sql.SQL(statement).format(**names))
