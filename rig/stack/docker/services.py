"""The services in containers: each is the embedded one but for what it is made from and how it is launched."""

from pathlib import Path

from rig.stack.docker.container import Container
from rig.stack.docker.images import image
from rig.stack.embedded.postgres import OBSERVER, EmbeddedPostgres
from rig.stack.embedded.toxiproxy import EmbeddedToxiproxy
from rig.stack.embedded.valkey import EmbeddedValkey
from rig.stack.processes.process import Supervisor

LOG_PLACE = "/var/log/mirror-rig"
CONFIGURATION_PLACE = "/etc/mirror-rig"
INITDB = "-A scram-sha-256 -E UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C --no-sync"
LEFT_TO_THE_IMAGE = "unix_socket_directories"  # its entrypoint sets things up over a socket


def readable_directory(home: Path) -> Path:
    """Below a directory that is closed to others, one for files that an image's own user reads."""
    shared = home / "conf"
    shared.mkdir()
    shared.chmod(0o755)
    return shared


class DockerPostgres(EmbeddedPostgres):
    """One container; its statement log is in a directory that we and its server share."""

    def _prepare(self) -> None:
        self._container: Container | None = None

    def _initialise(self) -> None:
        assert self.statement_log is not None, "only an external one has none"
        self.statement_log.mkdir()
        self.statement_log.chmod(0o777)  # the image's own user writes it; the directory above is closed to others
        configuration = self._write_configuration()
        self._container = Container(
            self._supervisor,
            self._name,
            image("postgres"),
            ["postgres", "-c", f"config_file={CONFIGURATION_PLACE}/{configuration.name}"],
            self._log,
            environment={
                "POSTGRES_USER": OBSERVER,
                "POSTGRES_DB": "postgres",
                "POSTGRES_PASSWORD": self._passwords[OBSERVER],
                "POSTGRES_INITDB_ARGS": INITDB,
                "PGPORT": str(self.port),
            },
            mounts={self.statement_log: LOG_PLACE, configuration.parent: CONFIGURATION_PLACE},
        )

    def _write_configuration(self) -> Path:
        """The settings in a file, as the embedded one has them: words of the command line would win over ALTER SYSTEM."""
        lines = [line for line in self._configuration(LOG_PLACE).splitlines() if not line.startswith(LEFT_TO_THE_IMAGE)]
        lines.append("log_file_mode = 0644")  # a rig that is not root reads it too
        file = readable_directory(self._home) / "postgresql.conf"
        file.write_text("\n".join(lines) + "\n")
        file.chmod(0o644)
        return file

    def _launch(self) -> Container:
        assert self._container is not None, "create it first"
        return self._container.start()

    def close(self) -> None:
        super().close()
        if self._container is not None:
            self._container.remove()


class DockerValkey(EmbeddedValkey):
    """One container; killed and started again it is empty and knows its users."""

    of_a_process = (*EmbeddedValkey.of_a_process, "_container")

    def __init__(self, supervisor: Supervisor, name: str, logs: Path, *, wheel: str | None = None) -> None:
        super().__init__(supervisor, name, logs, wheel=wheel)
        shared = readable_directory(self._directory)
        self._configuration = shared / "valkey.conf"
        self._configuration.touch()
        self._configuration.chmod(0o644)
        self._data = Path("/data")
        place = f"{CONFIGURATION_PLACE}/{self._configuration.name}"
        self._container = Container(
            supervisor,
            self._name,
            image("valkey"),
            ["valkey-server", place],
            self._log,
            mounts={shared: CONFIGURATION_PLACE},
        )

    def _launch(self) -> Container:
        return self._container.start()

    def close(self) -> None:
        super().close()
        self._container.remove()


class DockerToxiproxy(EmbeddedToxiproxy):
    """One container, in the host's network as the servers are, so that its refusals are refusals."""

    def _prepare(self) -> None:
        self._container: Container | None = None

    def _launch(self) -> Container:
        command = ["-host", "127.0.0.1", "-port", str(self.port)]
        self._container = Container(self._supervisor, self._name, image("toxiproxy"), command, self._log)
        return self._container.start()

    def close(self) -> None:
        super().close()
        if self._container is not None:
            self._container.remove()
