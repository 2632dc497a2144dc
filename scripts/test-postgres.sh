#!/usr/bin/env bash
# A throwaway PostgreSQL cluster for the tests: one per target directory, shared by all test processes.
#
#   scripts/test-postgres.sh url [--durable]     prints the cluster's URL, starting it when it is not running
#   scripts/test-postgres.sh start [--durable]   the same without printing
#   scripts/test-postgres.sh stop                stops and deletes every cluster of this target directory
#   scripts/test-postgres.sh halt [--durable] fast|immediate    stops the server and keeps its data; `immediate` is a crash
#   scripts/test-postgres.sh resume [--durable]                 starts it again, on the same port
#   scripts/test-postgres.sh set [--durable] 'NAME = VALUE'     adds a line to its settings, for the next start
#   scripts/test-postgres.sh allow [--durable] NETWORK          takes connections from there, from the next start on
#   scripts/test-postgres.sh binaries            prints where the PostgreSQL server is installed; fails when it is not
#
# The ordinary cluster runs with fsync off: the tests kill processes, not the power. `--durable` is a second cluster
# that keeps fsync on, for tests and measurements that need the real cost of a commit.
#
# PostgreSQL refuses to run as root, so as root the cluster belongs to `postgres` (or `nobody`). Access needs a random
# password: on loopback anybody on the machine could otherwise become that user. It is checked by MD5, because every
# server of every test opens its connections, and the thousands of hashes of SCRAM would be most of its start in an
# unoptimised build. A watchdog stops a cluster that nobody has asked for, or been connected to, in half an hour, so one
# started by a lone `cargo test` does not stay for ever.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
state=${CARGO_TARGET_DIR:-$root/target}/test-postgres
idle_minutes=30

fail() {
    echo "test-postgres: $*" >&2
    exit 1
}

# The directory of the newest PostgreSQL server binaries, or nothing.
server_binaries() {
    local newest
    newest=$(find /usr/lib/postgresql/*/bin /usr/pgsql-*/bin -maxdepth 1 -name initdb 2>/dev/null | sort -V | tail -n 1)
    if [ -z "$newest" ]; then
        newest=$(command -v initdb) || return 0
        newest=$(readlink -f "$newest")
    fi
    [ -x "$(dirname "$newest")/postgres" ] && dirname "$newest"
    return 0
}

# Runs a command as the user who owns the cluster; a command may not inherit the lock on descriptor 9.
as_owner() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@" 9>&-
    else
        setpriv --reuid "$owner" --regid "$(id -g "$owner")" --clear-groups env HOME=/ "$@" 9>&-
    fi
}

choose_owner() {
    owner=$(id -un 2>/dev/null || id -u)
    if [ "$(id -u)" -eq 0 ]; then
        command -v setpriv >/dev/null || fail "needs setpriv (package util-linux) to leave root"
        for owner in postgres nobody; do
            id -u "$owner" >/dev/null 2>&1 && return
        done
        fail "PostgreSQL does not run as root, and there is no user postgres or nobody"
    fi
}

listens() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Asks the port and not the process id: where nobody reaps orphans, a dead server stays as a zombie that still has one.
running() {
    local url
    [ -s "$here/url" ] && [ -s "$here/data" ] && [ -e "$(cat "$here/data")/data/postmaster.pid" ] || return 1
    url=$(cat "$here/url")
    url=${url##*:}
    listens "${url%%/*}"
}

free_port() {
    local port attempt
    for attempt in $(seq 50); do
        port=$((20000 + RANDOM % 12000))
        listens "$port" || { echo "$port"; return; }
    done
    fail "found no free port in $attempt attempts"
}

# Where a cluster's directory goes. Never the checkout: its owner may not be able to reach that, and a socket path has to be short.
# What need not be durable is in memory where there is plenty: each test's database is hundreds of files that are made and deleted,
# and on a disk the file system spends a fifth of the processors' time on that.
place() {
    local megabytes
    if [ "$durable" = no ] && [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] && [ -w /dev/shm ]; then
        megabytes=$(df --output=avail -BM /dev/shm | tail -n 1 | tr -dc '0-9')
        if [ "$megabytes" -ge 4096 ] && [ "$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)" -ge 8192 ]; then
            echo /dev/shm
            return
        fi
    fi
    echo /tmp
}

start_cluster() {
    local bin base port password attempt
    bin=$(server_binaries)
    [ -n "$bin" ] || fail "no PostgreSQL server found; run scripts/install-test-tools.sh"
    stop_cluster
    choose_owner
    base=$(mktemp -d "$(place)/sluicegate-postgres.XXXXXX")
    echo "$base" >"$here/data"
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    (umask 077 && echo "$password" >"$base/password")
    [ "$(id -u)" -ne 0 ] || chown -R "$owner" "$base"
    (cd "$base" && as_owner "$bin/initdb" --pgdata "$base/data" --username sluicegate --pwfile "$base/password" \
        --auth md5 --encoding UTF8 --locale C --no-sync) >"$here/log" 2>&1 ||
        { cat "$here/log" >&2; fail "initdb failed"; }
    {
        echo "listen_addresses = '127.0.0.1'"
        echo "unix_socket_directories = '$base'"
        echo "max_connections = 300"
        echo "shared_buffers = 64MB"
        echo "timezone = 'UTC'"
        if [ "$durable" = no ]; then
            echo "fsync = off"
            echo "synchronous_commit = off"
            echo "full_page_writes = off"
            # The log is kept for nobody.
            echo "max_wal_size = 256MB"
        fi
    } | as_owner tee -a "$base/data/postgresql.conf" >/dev/null
    # The port is only known to be free until somebody takes it, hence a few attempts.
    for attempt in 1 2 3 4 5; do
        port=$(free_port)
        if (cd "$base" && as_owner "$bin/pg_ctl" start --silent --wait --timeout 60 --pgdata "$base/data" \
            --log "$base/log" --options "-p $port") >>"$here/log" 2>&1 </dev/null; then
            echo "postgres://sluicegate:$password@127.0.0.1:$port/postgres" >"$here/url"
            watch_cluster
            return
        fi
    done
    cat "$base/log" >&2
    fail "the server did not start in $attempt attempts"
}

stop_cluster() {
    local base bin
    [ -s "$here/data" ] || return 0
    base=$(cat "$here/data")
    dismiss_watchdog "$base"
    if [ -e "$base/data/postmaster.pid" ]; then
        choose_owner
        bin=$(server_binaries)
        (cd "$base" && as_owner "$bin/pg_ctl" stop --silent --mode immediate --wait --timeout 10 \
            --pgdata "$base/data") >>"$here/log" 2>&1 || ! running || fail "could not stop the server in $base"
    fi
    rm -f "$here/url" "$here/data"
    # Only ever the directory this script made.
    case $base in /tmp/sluicegate-postgres.* | /dev/shm/sluicegate-postgres.*) rm -rf "$base" ;; esac
}

# pg_ctl with these arguments, for the cluster that there is.
control() {
    local bin base
    [ -s "$here/data" ] || fail "there is no cluster"
    base=$(cat "$here/data")
    bin=$(server_binaries)
    choose_owner
    (cd "$base" && as_owner "$bin/pg_ctl" "$@" --silent --wait --timeout 60 --pgdata "$base/data" --log "$base/log") \
        >>"$here/log" 2>&1 </dev/null || { tail -n 20 "$here/log" "$base/log" >&2; fail "pg_ctl $1 failed"; }
}

# In a session of its own and with no inherited descriptor: a test runner waits for whoever holds its output open, and
# ends a test's process group when the test takes too long.
watch_cluster() {
    setsid "$root/scripts/test-postgres.sh" watch "$(cat "$here/data")" "$option" 9>&- </dev/null >/dev/null 2>&1 &
    echo "$!" >"$here/watchdog"
}

# Ends the watchdog of the cluster in $1, unless it is this process. The number alone may mean another process by now.
dismiss_watchdog() {
    local pid
    pid=$(cat "$here/watchdog" 2>/dev/null) || return 0
    rm -f "$here/watchdog"
    if [ "$pid" != "$$" ] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "watch $1 "; then
        kill -- "-$pid" 2>/dev/null || true
    fi
}

# Whether anybody is connected to the cluster's port: a run asks for the cluster once and may then take longer than the
# watchdog's half hour. Read from the kernel, because a connection of our own would be one more.
connected() {
    local url port
    url=$(cat "$here/url" 2>/dev/null) || return 1
    url=${url##*:}
    port=$(printf ':%04X' "${url%%/*}")
    awk -v port="$port" '$2 ~ port "$" && $4 == "01" { found = 1 } END { exit !found }' /proc/net/tcp 2>/dev/null
}

watch_idle() {
    while sleep 15 && [ "$(cat "$here/data" 2>/dev/null)" = "$1" ]; do
        ! connected || touch "$here/used"
        [ -z "$(find "$here/used" -mmin "-$idle_minutes" 2>/dev/null)" ] || continue
        exec 9>"$here/lock"
        flock 9
        # Asked again under the lock: a new cluster may have taken this one's place meanwhile.
        [ "$(cat "$here/data" 2>/dev/null)" != "$1" ] || stop_cluster
        return
    done
}

command=${1:-help}
shift || true
[ "$command" = watch ] && { watched=$1; shift; }
option=${1:-}
case $option in
    --durable) durable=yes here=$state/durable; shift ;;
    -*) fail "unknown option $option" ;;
    *) durable=no here=$state/ordinary option= ;;
esac

case $command in
    start | url)
        mkdir -p "$here"
        exec 9>"$here/lock"
        flock 9
        touch "$here/used"
        running || start_cluster
        [ "$command" = start ] || cat "$here/url"
        ;;
    stop)
        for here in "$state"/*/; do
            here=${here%/}
            [ -d "$here" ] || continue
            exec 9>"$here/lock"
            flock 9
            stop_cluster
        done
        ;;
    halt) control stop --mode "${1:?fast or immediate}" ;;
    # Of a server that is down, a restart is a start with the options of the one before: the same port.
    resume) control restart ;;
    set)
        [ -s "$here/data" ] || fail "there is no cluster"
        choose_owner
        echo "${1:?a line}" | as_owner tee -a "$(cat "$here/data")/data/postgresql.conf" >/dev/null
        ;;
    allow)
        [ -s "$here/data" ] || fail "there is no cluster"
        choose_owner
        echo "host all all ${1:?a network} md5" | as_owner tee -a "$(cat "$here/data")/data/pg_hba.conf" >/dev/null
        ;;
    binaries)
        found=$(server_binaries)
        [ -n "$found" ] || fail "no PostgreSQL server found"
        echo "$found"
        ;;
    watch) watch_idle "$watched" ;;
    *)
        sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        [ "$command" = help ] || exit 2
        ;;
esac
