"""What processes cost, servers, stores and the rig itself: CPU seconds and memory of whole trees, as the OS counts them."""

from collections.abc import Mapping

import psutil

MIB = 1 << 20


class Usage:
    """CPU and memory by name. A pid of None (not ours, another machine) is left out of every reading.

    Children are looked for at each reading (Postgres' backends, a server's workers). Those that ended and were
    waited for by their parent are in the parent's own count of its children, so that `cpu_s` loses nothing of a tree
    whose root lives; what a child used that ended with its parent unaware of it (SIGCHLD ignored) the OS forgets.
    """

    def __init__(self, pids: Mapping[str, int | None]) -> None:
        self._roots: dict[str, psutil.Process | None] = {}
        for name, pid in pids.items():
            if pid is not None:
                self._roots[name] = process_of(pid)

    def read(self) -> dict[str, dict[str, float]]:
        """`{name: {"cpu_s", "rss_mb"}}` since each process began; a tree whose root has ended is left out.

        `rss_mb` (MiB) counts memory that processes share (Postgres' buffers) once for each of them.
        """
        figures_by_name = {}
        for name, root in self._roots.items():
            figures = of_tree(root) if root is not None else None
            if figures is not None:
                figures_by_name[name] = figures
        return figures_by_name


def spent(before: Mapping[str, Mapping[str, float]], after: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """CPU seconds by name between two readings, of those that are in both."""
    return {name: after[name]["cpu_s"] - before[name]["cpu_s"] for name in before if name in after}


def process_of(pid: int) -> psutil.Process | None:
    """None for one that has ended; held as an object, so that its pid given to another is noticed."""
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def of_tree(root: psutil.Process) -> dict[str, float] | None:
    """None once the root has ended."""
    try:
        tree = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return None
    cpu_s, rss = 0.0, 0
    for process in tree:
        try:
            with process.oneshot():
                times, memory = process.cpu_times(), process.memory_info()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            if process is root:
                return None
            continue  # it ended between the two looks: the parent counts it from now on
        ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)  # Linux alone tells
        cpu_s += times.user + times.system + ended
        rss += memory.rss
    return {"cpu_s": cpu_s, "rss_mb": rss / MIB}
