"""Ports for servers that are told theirs: no other test gets one meanwhile, in whichever process it runs."""

import random
import socket
from contextlib import suppress

HOST = "127.0.0.1"
BEYOND_REACH = range(20_000, 32_000)
"""The kernel gives none of these to an outgoing connection, nor to a server that asks for any port: it begins at 32768."""
_taken: list[socket.socket] = []
"""UDP ports of the same numbers, held as long as this process runs: they mark what is taken, and no server here uses them."""


def free_port() -> int:
    """Return a TCP port on which nobody listens, and which no other call returns as long as this process runs."""
    for port in random.sample(BEYOND_REACH, len(BEYOND_REACH)):
        mark = socket.socket(type=socket.SOCK_DGRAM)
        with suppress(OSError), socket.socket() as probe:
            mark.bind((HOST, port))
            probe.bind((HOST, port))
            _taken.append(mark)
            return port
        mark.close()
    raise OSError("no port is free")
