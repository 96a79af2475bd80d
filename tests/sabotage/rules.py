"""Rules of the mirror's protocol that several broken servers have to lack: a second rule would cover their defect."""

from tests.sabotage.entry import replace_in


def unfenced() -> None:
    """Who comes last wins, and Valkey keeps the highest version: so nobody who compares versions sees that it is wrong."""
    from server.mirror import scripts

    replace_in(scripts, "APPLY", "if known > version then", "if false then")
    replace_in(
        scripts, "APPLY", "redis.call('HSET', KEYS[2], id, ARGV[3])",
        "redis.call('HSET', KEYS[2], id, string.format('%d', math.max(known, version)))",
    )  # fmt: skip


def without_notified_settings() -> None:
    """Postgres' notification of a changed setting is not heard: what is left is `config:invalidate`."""
    from server.mirror.watchdog import Watchdog

    heard = Watchdog._heard

    def hard_of_hearing(self: Watchdog, notification: str) -> None:
        if not notification.startswith("setting"):
            heard(self, notification)

    Watchdog._heard = hard_of_hearing  # type: ignore[method-assign]
