# Source this file in bash, after tests/python.sh. Servers that a script starts listen on 127.0.0.1. Their output is in the
# temporary folder `work`. At exit, the servers end in reverse order and the folder is deleted.
work="$(mktemp -d)"
touch "$work/pids"
clean_up() {
    tac "$work/pids" | while read -r pid; do
        kill "$pid" 2>/dev/null || true
        while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
    done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Prints `$1` free ports.
free_ports() {
    "$venv/bin/python" -c '
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))' "$1"
}

# Starts the server `$2…` with its output in the log `$1`.
start() {
    local log="$work/$1.log"
    shift
    "$@" >"$log" 2>&1 &
    echo $! >>"$work/pids"
}

# Waits up to a minute until the command `$2…` succeeds. Otherwise prints the log `$1` and fails.
wait_for() {
    local log="$work/$1.log"
    shift
    for _ in $(seq 300); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.2
    done
    echo "timeout waiting for: $*" >&2
    cat "$log" >&2
    return 1
}

accepts_connections() { (: <"/dev/tcp/127.0.0.1/$1"); }
