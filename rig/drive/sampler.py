"""Reads mirror and truth side by side all through a campaign, into the record."""

import threading
import time
from typing import Any

import psycopg
import redis

from rig.drive.bench import TRUTH, Bench

EVERY_S = 0.2


class Sampler:
    """A thread that reads Valkey, Postgres, and Valkey again; a store that does not answer leaves a None."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(10.0)

    def _run(self) -> None:
        looked = time.time()
        while not self._stopping.wait(EVERY_S):
            began = time.time()
            before, truth, after = self._mirror(), self._truth(), self._mirror()
            ended = time.time()
            self._bench.recorder.write(
                "sample", t=began, ended=ended, mirror_before=before, truth=truth, mirror_after=after,
                lag_s=round(self._bench.lag.worst(looked, ended), 3),
            )  # fmt: skip
            looked = ended

    def _mirror(self) -> list[str] | None:
        try:
            return sorted(self._bench.mirror.online())
        except redis.RedisError:
            return None

    def _truth(self) -> dict[str, Any] | None:
        try:
            return {**self._bench.truth()[0], "query": TRUTH["online"]}
        except psycopg.Error:
            return None
