#!/bin/sh
# uvloop: `loop.sock_connect` has a thread look up the address, although it is an IP address. So does each new connection of aiohttp's client.
#
# Seen with uvloop 0.23.0 and aiohttp 3.14.1, Python 3.11.7, Linux. uvloop answers `getaddrinfo` for an IP address by itself, but only if the type of socket is
# named: `type=SOCK_STREAM`. Its `sock_connect` names none, so libuv starts four threads at the first connection, and one of them wakes for each. asyncio's own
# loop sees that it is an IP address, whatever the type. aiohttp connects by `sock_connect`, after it has looked the name up itself: each name is looked up twice,
# the second time as an IP address. With a connection for each request, this was two of three context switches of a server.
#
# Output seen (libuv's threads in a new process, after the one call):
#   asyncio, sock_connect                          0
#   uvloop, getaddrinfo of a stream                0
#   uvloop, getaddrinfo                            4
#   uvloop, sock_connect                           4
#   uvloop, a request of aiohttp                   4
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check uvloop==0.23.0 aiohttp==3.14.1 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cat >"$folder/look.py" <<'PYTHON'
import asyncio, os, pathlib, socket, subprocess, sys, threading
import aiohttp, uvloop

CASES = {
    "asyncio, sock_connect": 0,
    "uvloop, getaddrinfo of a stream": 0,
    "uvloop, getaddrinfo": 4,
    "uvloop, sock_connect": 4,
    "uvloop, a request of aiohttp": 4,
}


def answer(listening):
    with listening.accept()[0] as connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


async def do(case):
    loop = asyncio.get_running_loop()
    listening = socket.create_server(("127.0.0.1", 0))
    host, port = listening.getsockname()
    if case.endswith("sock_connect"):
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, (host, port))
    elif case.endswith("a stream"):
        await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    elif case.endswith("getaddrinfo"):
        await loop.getaddrinfo(host, port)
    else:
        thread = threading.Thread(target=answer, args=[listening])
        thread.start()
        async with aiohttp.ClientSession() as client, client.get(f"http://{host}:{port}/") as answered:
            assert answered.status == 204
        thread.join()
    names = [pathlib.Path(f"/proc/self/task/{thread}/comm").read_text().strip() for thread in os.listdir("/proc/self/task")]
    print(names.count("libuv-worker"))


if len(sys.argv) > 1:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if sys.argv[1].startswith("uvloop") else None) as runner:
        runner.run(do(sys.argv[1]))
    sys.exit()
seen = {case: int(subprocess.run([sys.executable, __file__, case], check=True, capture_output=True).stdout) for case in CASES}
for case, threads in seen.items():
    print(f"{case:46} {threads}")
sys.exit(seen != CASES)
PYTHON
"$folder/venv/bin/python" "$folder/look.py"
