"""What in a Valkey's INFO can make a mirror drift or disappear later."""

from collections.abc import Mapping

Info = Mapping[str, object]
FULL = 0.8  # of maxmemory
FRAGMENTED_MB = 100


def store_warnings(info: Info) -> list[str]:
    """One sentence per danger: policy, memory, persistence, evictions, version. Fields that lack are not judged."""
    found = [*of_memory(info), *of_persistence(info)]
    if number(info, "evicted_keys"):
        found.append(
            f"{number(info, 'evicted_keys'):.0f} keys were evicted since its start: keys of the mirror can be among them"
        )
    if number(info, "rejected_connections"):
        found.append(
            f"{number(info, 'rejected_connections'):.0f} connections were refused since its start: raise maxclients"
        )
    return found


def of_memory(info: Info) -> list[str]:
    found = []
    policy, most, used = str(info.get("maxmemory_policy", "")), number(info, "maxmemory"), number(info, "used_memory")
    if policy.startswith("allkeys"):
        found.append(f"maxmemory-policy is {policy}: it can evict keys of the mirror; set volatile-lru or noeviction")
    if not most and "maxmemory" in info:
        found.append("maxmemory is not set: a neighbour can fill the machine")
    if most and used > FULL * most:
        found.append(f"{used / most:.0%} of maxmemory is used: writes are refused or keys evicted when it is full")
    if number(info, "mem_fragmentation_bytes") > FRAGMENTED_MB * 2**20:
        found.append(f"{number(info, 'mem_fragmentation_bytes') / 2**20:.0f} MB are lost to fragmentation")
    return found


def of_persistence(info: Info) -> list[str]:
    found = []
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        found.append("the last background save failed: by default Valkey then refuses writes")
    if number(info, "aof_enabled") and info.get("aof_last_write_status", "ok") != "ok":
        found.append("the last write of the append-only file failed: writes are refused until it succeeds")
    if number(info, "loading"):
        found.append("it is loading its data")
    return found


def number(info: Info, name: str) -> float:
    value = info.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0
