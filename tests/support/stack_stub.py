"""A server as small as the stack needs one, so that its tests stand without the real server: /readyz and its whims.

Whims come by STUB: `never` answers 503 for ever, `exit` leaves with 7 before it is ready, `deaf` ignores SIGTERM,
`child` leaves a grandchild behind in a session of its own.
"""

import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ready = self.path == "/readyz" and WHIM != "never"
        body = os.environ.get("STUB_BODY", "stub").encode()
        self.send_response(200 if ready else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


WHIM = os.environ.get("STUB", "")


def main() -> None:
    print("[stub] starting", flush=True)
    if WHIM == "exit":
        print("[stub] DATABASE_URL is not to my taste", file=sys.stderr, flush=True)
        sys.exit(7)
    if WHIM == "child":
        child = subprocess.Popen(["sleep", "300"], start_new_session=True)
        print(f"[stub] grandchild {child.pid}", flush=True)
    listeners = [
        ThreadingHTTPServer((os.environ["HOST"], int(os.environ[name])), Handler)
        for name in ("PUBLIC_PORT", "INTERNAL_PORT")
    ]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, (lambda *_: None) if WHIM == "deaf" else (lambda *_: stop.set()))
    for listener in listeners:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
    while not stop.wait(0.05):
        pass
    for listener in listeners:
        listener.shutdown()
    print("[stub] bye", flush=True)


if __name__ == "__main__":
    main()
