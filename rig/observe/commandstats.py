"""tmp"""

import redis, threading, time


class CommandStats:
    def __init__(self, url):
        self.c = redis.Redis.from_url(url, decode_responses=True, protocol=2)

    def read(self):
        i = self.c.info("commandstats")
        return {"commands": {k[8:]: v["calls"] for k, v in i.items()}}


class Rewrites:
    def __init__(self, url, key):
        self.c = redis.Redis.from_url(url, decode_responses=True, protocol=2)
        self.c.config_set("notify-keyspace-events", "K$gx")
        self.e = []
        self.p = self.c.pubsub()
        self.p.subscribe("__keyspace@0__:" + key)
        self.stop = False
        self.t = threading.Thread(target=self.run, daemon=True)
        self.t.start()

    def run(self):
        while not self.stop:
            m = self.p.get_message(timeout=0.2)
            if m and m["type"] == "message":
                self.e.append((time.time(), m["data"]))

    def events(self):
        return list(self.e)

    def close(self):
        self.stop = True
        self.t.join()
        self.c.config_set("notify-keyspace-events", "")
