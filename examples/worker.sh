#!/usr/bin/env bash
# A worker in plain shell: examples/worker.sh QUEUE COMMAND [ARGUMENT ...]
#
# Leases a task from the queue, runs the command with the task's input (JSON) as its standard input, and tells its standard output (JSON)
# as the result; if the command fails, its standard error. Needs curl, and jq or python3. For the queue of examples/task.yaml:
#
#   examples/worker.sh invoices jq '{total: ([.lines[].price] | add)}'
set -euo pipefail
queue=$1
shift
pod=$SLUICEGATE_URL/v1/workspaces/$SLUICEGATE_WORKSPACE/pods/$SLUICEGATE_POD
files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT

# A part of the JSON on the standard input, by the names and indexes on the way to it: texts as they are, all else as JSON.
part() {
    if command -v jq >/dev/null; then
        jq -c -r 'getpath($ARGS.positional | map(tonumber? // .))' --args "$@"
    else
        python3 -c 'import functools, json, sys
found = functools.reduce(lambda value, name: value[int(name) if isinstance(value, list) else name], sys.argv[1:], json.load(sys.stdin))
print(found if isinstance(found, str) else json.dumps(found))' "$@"
    fi
}

# The standard input as a JSON text.
text() {
    if command -v jq >/dev/null; then jq -Rs .; else python3 -c 'import json, sys; print(json.dumps(sys.stdin.read()))'; fi
}

curl=(curl -sS --fail-with-body --max-time 60 --retry 5 --retry-connrefused -H 'content-type: application/json')

# Sends the JSON on the standard input to a door of the task. The token of the lease is all that it needs.
tell() {
    "${curl[@]}" -H "x-lease-token: $token" --data-binary @- "$pod/tasks/$id/$1"
}

# Gives a task back that is not done when the worker is stopped.
id= poll= work= beats=
stop() {
    trap - TERM INT
    kill $poll $work 2>/dev/null || true
    [ -z "$beats" ] || kill -KILL "$beats" 2>/dev/null || true
    [ -z "$id" ] || echo '{}' | tell release >/dev/null || true
    exit 0
}
trap stop TERM INT

wish="{\"queues\":[$(printf %s "$queue" | text)],\"waitSeconds\":50,\"workerId\":\"shell-$$\"}"
while true; do
    # In the background: a signal ends a wait, but not a program that runs.
    "${curl[@]}" -H "x-api-key: $SLUICEGATE_API_KEY" -d "$wish" "$pod/tasks/lease" >"$files/lease" &
    poll=$!
    wait $poll || { sleep 5 & wait $!; continue; }
    poll=
    [ "$(part tasks <"$files/lease")" != "[]" ] || continue
    token=$(part tasks 0 leaseToken <"$files/lease")
    seconds=$(part tasks 0 leaseSeconds <"$files/lease")
    id=$(part tasks 0 taskId <"$files/lease")
    part tasks 0 input <"$files/lease" >"$files/input"

    echo '{"actions":[{"kind":"start","title":"The command runs"}]}' | tell heartbeat >/dev/null || { id=; continue; }
    "$@" <"$files/input" >"$files/output" 2>"$files/errors" &
    work=$!
    # Signs of life, until the task is not wanted any more.
    {
        while sleep $((seconds / 3)); [ "$(echo '{}' | tell heartbeat | part cancelled)" = false ]; do :; done
        kill "$work"
    } >/dev/null 2>&1 &
    beats=$!
    # It is ended by a signal that it can't catch: until it has begun, it has the traps of this shell.
    disown "$beats"

    if wait "$work"; then
        kill -KILL "$beats" 2>/dev/null || true
        { printf '{"output":'; cat "$files/output"; printf '}'; } | tell complete || true
    else
        kill -KILL "$beats" 2>/dev/null || true
        printf '{"error":{"message":%s}}' "$({ tail -c 2000 "$files/errors"; echo "the command failed"; } | text)" | tell fail || true
    fi
    echo
    id= work= beats=
done
