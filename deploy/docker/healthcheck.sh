#!/bin/bash
# Whether the server of this container takes requests: asks /readyz with what a slim image has, which is bash. The first argument is
# another port than 8080, or than that of SLUICEGATE_LISTEN.
set -euo pipefail

listen=${SLUICEGATE_LISTEN:-0.0.0.0:8080}
port=${1:-${listen##*:}}

exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n' >&3
read -r -t 2 _ status _ <&3
[ "$status" = 200 ]
