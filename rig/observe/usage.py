"""tmp"""

import psutil


class Usage:
    def __init__(self, pids):
        self.p = {n: psutil.Process(p) for n, p in pids.items()}

    def read(self):
        out = {}
        for n, p in self.p.items():
            c = 0.0
            m = 0.0
            for x in [p, *p.children(recursive=True)]:
                try:
                    c += sum(x.cpu_times()[:2])
                    m += x.memory_info().rss
                except psutil.Error:
                    pass
            out[n] = {"cpu_s": c, "rss_mb": round(m / 2**20, 1)}
        return out
