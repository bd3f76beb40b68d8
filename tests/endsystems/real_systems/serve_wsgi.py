"""Serves a WSGI application for the systems that bring no server: `python serve_wsgi.py MODULE:NAME`, with HOST and PORT.

It runs in the environment of the system, which has nothing of this project.
"""

import os
import sys
from importlib import import_module
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer


class Server(ThreadingMixIn, WSGIServer):
    """A thread for each request."""

    daemon_threads = True
    request_queue_size = 128


def main(application: str) -> None:
    module, _, name = application.partition(":")
    with Server((os.environ["HOST"], int(os.environ["PORT"])), WSGIRequestHandler) as server:
        server.set_app(getattr(import_module(module), name))
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv.pop())  # an application that looks for arguments of its own finds none
