"""The reference server as anybody would start it, on stores that the rig is lent: for runs with `--base-url`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from rig.paths import CHECKOUT
from rig.stack import Stack, Supervisor, open_stack
from rig.stack.external.scratch_mark import mark
from rig.stack.processes.ports import PORTS
from rig.stack.sut.managed import QUIET
from tests.support.stack_support import spec_of, until

READY_S = 120  # also where other tests keep the machine busy
TOKEN, SECRET, CODE = "t" * 40, "s" * 40, "424242"


class Running(NamedTuple):
    """A server, and the flags that tell the rig where it is and what its stores are."""

    process: subprocess.Popen[bytes]
    log: Path
    urls: list[str]
    stores: list[str]
    lender: Stack

    @property
    def flags(self) -> list[str]:
        return [*self.urls, *self.stores]

    @property
    def everything(self) -> list[str]:
        """Flags with all that can be told of it but its Postgres log."""
        told = ["--jwt-secret", SECRET, "--otp-code", CODE, "--internal-token", TOKEN, "--sut-log", str(self.log)]
        told += ["--toxiproxy", self.lender.toxiproxy.url, "--toxiproxy-proxy", "in-front"]
        told += [word for name, value in QUIET.items() for word in ("--sut-env", f"{name}={value}")]
        return [*self.flags, *told]


@contextmanager
def running_server(directory: Path) -> Iterator[Running]:
    """It has the very logins that the rig is given: nothing tells them apart but names."""
    public, internal, proxied = PORTS.take(), PORTS.take(), PORTS.take()
    with Supervisor.start() as supervisor, open_stack(spec_of(directory), supervisor, "lender") as lender:
        mark(lender.postgres.url, lender.valkey.url)
        address = lender.toxiproxy.create_proxy("in-front", proxied, f"127.0.0.1:{lender.valkey.port}")
        environment = {
            **os.environ, **QUIET, "APP_ENV": "test", "PUBLIC_PORT": str(public), "INTERNAL_PORT": str(internal),
            "DATABASE_URL": lender.postgres.url, "JWT_SECRET": SECRET, "INTERNAL_API_TOKEN": TOKEN,
            "OTP_DEV_CODE": CODE, "VALKEY_URL": lender.valkey.url.replace(f"127.0.0.1:{lender.valkey.port}", address),
        }  # fmt: skip
        log = directory / "server.log"
        with log.open("wb") as file:
            command = [sys.executable, "-m", "server"]
            process = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=file, stderr=file)
        try:
            assert until(lambda: is_ready(internal), READY_S), log.read_text()
            yield Running(
                process,
                log,
                ["--base-url", f"http://127.0.0.1:{public}", "--internal-url", f"http://127.0.0.1:{internal}"],
                ["--postgres", lender.postgres.url, "--valkey", lender.valkey.url, "--scratch"],
                lender,
            )
        finally:
            process.kill()
            process.wait()
            for port in (public, internal, proxied):
                PORTS.give_back(port)


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=1, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
