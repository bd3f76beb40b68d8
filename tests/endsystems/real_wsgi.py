"""Serves a real end system that is a WSGI application; imported by the processes that they run in."""

import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import WSGIApplication


class Server(ThreadingMixIn, WSGIServer):
    """Listens on a free loopback port, with a thread for each request, for a thousand may come at once."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, log: Path | None = None) -> None:
        """Write each request's first line into `log`, if there is one."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.log = log

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def serve(self, application: WSGIApplication) -> None:
        """Say on standard output where it is, and serve until the process ends."""
        self.set_app(application)
        sys.stdout.write(f"{self.base_url}\n")
        sys.stdout.flush()
        self.serve_forever()


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        """Write where the server wants its access log, if it wants one."""
        if isinstance(self.server, Server) and self.server.log is not None:
            with self.server.log.open("a") as log:
                log.write(f"{self.requestline}\n")
