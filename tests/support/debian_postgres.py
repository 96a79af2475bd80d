"""Debian's Postgres as our own child, with the contrib modules that the wheel lacks; import `debian` for one a module."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.stack import Supervisor
from rig.stack.embedded.postgres import SETTINGS, EmbeddedPostgres
from rig.stack.embedded.postgres_binaries import run_as, version

# Settings of later versions than Debian's.
LATER = ("io_method", "log_connections")
NO_DEFAULT_CLUSTER = Path("/etc/postgresql-common/createcluster.conf")
INSTALL_S = 300


def found() -> Path | None:
    """The newest `bin` with a server of 15 or later (jsonlog) and pg_stat_statements."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: version(place / "postgres"))
    for place in reversed(places):
        module = place.parent / "lib" / "pg_stat_statements.so"
        if version(place / "postgres") >= 15 and (place / "initdb").exists() and module.exists():
            return place
    return None


def install() -> str:
    """By apt, with no cluster started; why not, or nothing."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return "no Debian server in /usr/lib/postgresql, and not root on Debian to install one"
    NO_DEFAULT_CLUSTER.parent.mkdir(parents=True, exist_ok=True)
    if not NO_DEFAULT_CLUSTER.exists():
        NO_DEFAULT_CLUSTER.write_text("create_main_cluster = false\n")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-q"], ["install", "-qy", "--no-install-recommends", "postgresql"]):
        try:
            done = subprocess.run(["apt-get", *words], env=env, capture_output=True, text=True, timeout=INSTALL_S)
        except subprocess.TimeoutExpired:
            return f"apt-get {words[0]} took more than {INSTALL_S} s"
        if done.returncode != 0:
            return f"apt-get {' '.join(words)} failed: {done.stderr.strip()[-300:]}"
    return ""


class DebianPostgres(EmbeddedPostgres):
    """Like the embedded one, of another version and with pg_stat_statements loaded."""

    place: Path
    initdb_options = ()

    def _prepare(self) -> None:
        self._user = run_as()
        self._bin = self.place

    def _configuration(self, log_directory: Path | str | None) -> str:
        lines = SETTINGS.format(port=self.port, log_directory=log_directory).splitlines()
        kept = [line for line in lines if not line.startswith(LATER)]
        return "\n".join([*kept, "shared_preload_libraries = 'pg_stat_statements'", "autovacuum = off", ""])


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianPostgres]:
    place, why_not = found(), ""
    if place is None:
        why_not = install()
        place = found()
    if place is None:
        pytest.skip(f"Debian's Postgres 15 or later with pg_stat_statements: {why_not or 'apt gave an older one'}")
    with Supervisor.start() as supervisor:
        DebianPostgres.place = place
        postgres = DebianPostgres(supervisor, "debian", tmp_path_factory.mktemp("debian"))
        try:
            postgres.create()
            yield postgres
        finally:
            postgres.close()
