"""A server that refuses TLS as OpenSSL does it: it tells the reason, and closes without a reset."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread


@contextmanager
def refusing_server(tls: ssl.SSLContext) -> Iterator[str]:
    """Run the server for one connection, and yield its URL. If it does not refuse, it hangs up after the handshake."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=_serve, args=(listening, tls))
        thread.start()
        try:
            yield f"https://localhost:{listening.getsockname()[1]}"
        finally:
            listening.close()
            thread.join(10)


def _serve(listening: socket.socket, tls: ssl.SSLContext) -> None:
    listening.settimeout(10)
    connection, _ = listening.accept()
    connection.settimeout(10)
    with connection, suppress(OSError):
        _shake_hands(connection, tls)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1024):
            pass


def _shake_hands(connection: socket.socket, tls: ssl.SSLContext) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    shaking = tls.wrap_bio(incoming, outgoing, server_side=True)
    try:
        while True:
            try:
                return shaking.do_handshake()
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(65536))
    except ssl.SSLError:
        connection.sendall(outgoing.read())
