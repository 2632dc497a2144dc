#!/bin/sh
# A worker in plain shell and curl, for `sluicegate runner`: takes a few steps, tells each of them with a screenshot, leaves a video
# and writes an output. It reaches its task by the socket that the runner gives it, with or without a network:
#
#   sluicegate runner --queue agents --bind-ro "$PWD/examples" --command "sh $PWD/examples/agent.sh"
set -eu

# say DOOR BODY: one call to a door of this task; the lease token is the only credential.
say() {
    curl --silent --show-error --fail --unix-socket "$SLUICEGATE_SOCKET" --header "x-lease-token: $SLUICEGATE_TASK_TOKEN" \
        --header "content-type: application/json" --data "$2" "$SLUICEGATE_TASK_URL/$1"
}

# upload FILE KIND: stores a file with the execution and prints the artifact's id.
upload() {
    curl --silent --show-error --fail --unix-socket "$SLUICEGATE_SOCKET" --header "x-lease-token: $SLUICEGATE_TASK_TOKEN" \
        --header "content-type: image/png" --upload-file "$1" "$SLUICEGATE_TASK_URL/artifacts/${1##*/}?kind=$2" |
        sed 's/.*"id":"\([^"]*\)".*/\1/'
}

# The smallest picture there is stands for what a browser would have drawn.
draw() {
    printf 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==' | base64 -d >"$1"
}

echo "working on $(cat "$SLUICEGATE_INPUT")"
steps=3
step=1
while [ "$step" -le "$steps" ]; do
    draw "step-$step.png"
    picture=$(upload "step-$step.png" screenshot)
    beat=$(say heartbeat "{
        \"progress\": $step, \"progressMax\": $steps, \"message\": \"step $step of $steps\",
        \"actions\": [
            {\"kind\": \"step\", \"title\": \"Step $step\"},
            {\"kind\": \"click\", \"title\": \"Click on button $step\", \"detail\": {\"x\": $step, \"y\": 20}},
            {\"kind\": \"screenshot\", \"title\": \"After step $step\", \"artifactId\": \"$picture\"}
        ]
    }")
    # Nobody wants the result any more: the runner would stop this program anyway.
    case $beat in *'"cancelled":true'*) exit 0 ;; esac
    step=$((step + 1))
done

# What is left in this folder is uploaded by the runner.
printf 'not really a video' >"$SLUICEGATE_ARTIFACTS/session.webm"
printf '{"steps": %d, "input": %s}' "$steps" "$(cat "$SLUICEGATE_INPUT")" >"$SLUICEGATE_OUTPUT"
echo "done"
