#!/bin/sh
# redis-py on uvloop: the first command after an idle connection was reset is a bare RuntimeError, and not a redis.ConnectionError.
#
# Seen with redis 8.1.0, uvloop 0.23.0 and Python 3.11.7. A firewall, a proxy or a server that is killed resets a connection that lies idle in the
# pool. The stream reader then has an exception, and is not "at EOF", so that the pool takes the connection for a good one. On asyncio's
# loop the write goes nowhere, drain() raises ConnectionResetError, and redis-py connects anew by itself. On uvloop writelines() raises
# RuntimeError("unable to perform operation on <TCPTransport closed=True ...>; the handler is closed"). redis-py neither translates nor
# retries that, and `except redis.RedisError` does not see it.
#
# Output seen:
#   asyncio  PONG
#   uvloop   RuntimeError: unable to perform operation on <TCPTransport closed=True ...>; the handler is closed
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check redis==8.1.0 uvloop==0.23.0 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cat >"$folder/look.py" <<'PYTHON'
import asyncio, socket, struct, sys, threading
import redis, redis.asyncio, uvloop

RESET = struct.pack("ii", 1, 0)


class Server:
    """Speaks enough of Redis's protocol to be pinged, and can reset the connections that it has."""

    def __init__(self):
        self.listening, self.connections = socket.create_server(("127.0.0.1", 0)), []
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listening.accept()
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with connection.makefile("rb") as commands:
                while line := commands.readline():
                    words = [commands.read(int(commands.readline()[1:]) + 2)[:-2] for _ in range(int(line[1:]))]
                    connection.sendall(b"+PONG\r\n" if words[0].upper() == b"PING" else b"+OK\r\n")
        except OSError:
            pass

    def reset_all(self):
        for connection in self.connections:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.shutdown(socket.SHUT_RD)
            connection.close()
        self.connections.clear()


async def look():
    server = Server()
    client = redis.asyncio.Redis(host="127.0.0.1", port=server.port, protocol=2)
    await client.ping()
    server.reset_all()
    await asyncio.sleep(0.5)
    try:
        return "PONG" if await client.ping() else "?"
    except redis.RedisError as problem:
        return f"redis.{type(problem).__name__}: {problem}"
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}"
    finally:
        await client.aclose()


seen = {}
for name, factory in (("asyncio", asyncio.new_event_loop), ("uvloop", uvloop.new_event_loop)):
    with asyncio.Runner(loop_factory=factory) as runner:
        seen[name] = runner.run(look())
print("Python", sys.version.split()[0], "redis", redis.__version__, "uvloop", uvloop.__version__)
for name, what in seen.items():
    print(f"{name:8} {what}")
sys.exit(0 if seen["asyncio"] == "PONG" and seen["uvloop"].startswith("RuntimeError") else 1)
PYTHON
"$folder/venv/bin/python" "$folder/look.py"
