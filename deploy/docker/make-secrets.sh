#!/bin/bash
# Makes what compose.yaml needs and nobody else may know, in the folder secrets/ beside it: a password for the database, settings
# with that password in them, and a key that the secrets of workspaces are sealed with. What is there stays.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
umask 077
mkdir -p secrets
cd secrets

# Writes standard input to a file that is not there yet. The users of the containers may read the file; on this machine the folder
# keeps everybody else out.
make() {
    if [ -e "$1" ]; then
        echo "secrets/$1 stays as it is" >&2
        cat >/dev/null
        return
    fi
    cat >"$1.new"
    chmod 0444 "$1.new"
    mv "$1.new" "$1"
    echo "made secrets/$1" >&2
}

# Hexadecimal digits: they need no escape in an address.
openssl rand -hex 24 | tr -d '\n' | make postgres_password
openssl rand -base64 32 | make secrets.key
make settings.toml <<TOML
# Further settings go here: \`sluicegate serve --help\` tells them all.
store = "postgres://sluicegate:$(cat postgres_password)@postgres/sluicegate"
TOML
echo "Keep a copy of secrets/secrets.key apart from the backups of the database: without it nobody reads the secrets of workspaces." >&2
