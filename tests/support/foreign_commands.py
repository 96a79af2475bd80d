"""Foreign servers on their bad days, each a whim around our own: `python foreign_commands.py WHIM`.

`dies`: leaves with 9 once somebody has gone online. `silent`: prints nothing. `elsewhere`: listens on other ports than it was given.
"""

import os
import runpy
import subprocess
import sys
import threading
import time

import redis

from rig.stack.processes.ports import PORTS

SERVER = [sys.executable, "-m", "server"]


def dies() -> int:
    """The server and its end are one process: no part of it is there any more once it refuses connections."""
    threading.Thread(target=die_once_somebody_is_online, daemon=True).start()
    runpy.run_module("server", run_name="__main__")
    return 0


def die_once_somebody_is_online() -> None:
    with redis.Redis.from_url(os.environ["VALKEY_URL"], protocol=2) as valkey:
        while not valkey.scard("mitras:online"):
            time.sleep(0.01)
    os.write(
        1, b"[foreign] out of memory\n"
    )  # our server's own output is written by a thread, which this does not wait for
    os._exit(9)


def silent() -> int:
    return subprocess.run(SERVER, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode


def elsewhere() -> int:
    ports = {"PUBLIC_PORT": str(PORTS.take()), "INTERNAL_PORT": str(PORTS.take())}
    print(f"[foreign] listening on {ports['INTERNAL_PORT']}", flush=True)
    return subprocess.run(SERVER, env={**os.environ, **ports}).returncode


if __name__ == "__main__":
    sys.exit({"dies": dies, "silent": silent, "elsewhere": elsewhere}[sys.argv[1]]())
