#!/usr/bin/env bash
# Packs a server that was built into a Debian package: the program, the systemd unit, example settings, completions, manual pages and documents.
#
#   scripts/package-deb.sh [PROGRAM [FOLDER]]      target/release/sluicegate, target/package
#
# SLUICEGATE_DEB_REVISION is what follows the version (1), SLUICEGATE_DEB_MAINTAINER whom users may write to. The program has to run on this machine: it tells its version and prints
# the completions and the manual pages. Prints the name of the package.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=$(realpath "${1:-$root/target/release/sluicegate}")
folder=${2:-$root/target/package}

say() {
    echo "package: $*" >&2
}

for tool in dpkg-deb dpkg-shlibdeps gzip install; do
    if ! command -v "$tool" >/dev/null; then
        say "$tool is missing: install the Debian packages dpkg-dev and gzip"
        exit 1
    fi
done
if [ ! -x "$program" ]; then
    say "$program is no program: build it with \`cargo build --release --locked\`, or name another one"
    exit 1
fi

version=$("$program" --version | sed -n 's/^sluicegate //p')
declared=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
if [ "$version" != "$declared" ]; then
    say "the program says that it is version '$version', and Cargo.toml $declared"
    exit 1
fi
# Debian sorts 1.0.0~rc.1 before 1.0.0, and 1.0.0-rc.1 after it.
package_version=${version/-/\~}-${SLUICEGATE_DEB_REVISION:-1}
maintainer=${SLUICEGATE_DEB_MAINTAINER:-Sluicegate <sluicegate@localhost>}
architecture=$(dpkg --print-architecture)
# The same sources make the same package.
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)
fi
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
umask 022

put() {
    install -D -m "$1" "$2" "$tree/$3"
}

put 0755 "$program" usr/bin/sluicegate
put 0644 "$root/deploy/systemd/sluicegate.service" usr/lib/systemd/system/sluicegate.service
# What the group may read is set by postinst: the group is not there before.
put 0600 "$root/deploy/systemd/sluicegate.toml" etc/sluicegate/sluicegate.toml

share=$tree/usr/share
mkdir -p "$share/bash-completion/completions" "$share/zsh/vendor-completions" "$share/fish/vendor_completions.d"
"$program" completions bash >"$share/bash-completion/completions/sluicegate"
"$program" completions zsh >"$share/zsh/vendor-completions/_sluicegate"
"$program" completions fish >"$share/fish/vendor_completions.d/sluicegate.fish"
"$program" man --output "$share/man/man1"
gzip -9n "$share/man/man1/"*.1
chmod 0644 "$share/man/man1/"*.gz

doc=usr/share/doc/sluicegate
put 0644 "$root/deploy/debian/copyright" "$doc/copyright"
put 0644 "$root/docs/operations.md" "$doc/operations.md"
put 0644 "$root/deploy/systemd/sluicegate.service.d/mcp-command.conf" "$doc/examples/systemd/mcp-command.conf"
put 0644 "$root/deploy/prometheus/alerts.yml" "$doc/examples/prometheus/alerts.yml"
put 0644 "$root/deploy/grafana/sluicegate.json" "$doc/examples/grafana/sluicegate.json"
gzip -9nc "$root/CHANGELOG.md" >"$tree/$doc/changelog.gz"
{
    echo "sluicegate ($package_version) unstable; urgency=medium"
    echo
    echo "  * Made from the sources of version $version."
    echo
    echo " -- $maintainer  $(date -u -R -d "@$SOURCE_DATE_EPOCH")"
} | gzip -9nc >"$tree/$doc/changelog.Debian.gz"
chmod 0644 "$tree/$doc/"*.gz
put 0644 "$root/deploy/debian/lintian-overrides" usr/share/lintian/overrides/sluicegate

# What the program is linked to.
mkdir -p "$work/debian"
printf 'Source: sluicegate\n\nPackage: sluicegate\nArchitecture: any\n' >"$work/debian/control"
linked=$(cd "$work" && dpkg-shlibdeps -O -e"$tree/usr/bin/sluicegate" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')

mkdir -p "$tree/DEBIAN"
for script in postinst prerm postrm; do
    put 0755 "$root/deploy/debian/$script" "DEBIAN/$script"
done
echo /etc/sluicegate/sluicegate.toml >"$tree/DEBIAN/conffiles"
(cd "$tree" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
cat >"$tree/DEBIAN/control" <<CONTROL
Package: sluicegate
Version: $package_version
Architecture: $architecture
Maintainer: $maintainer
Section: net
Priority: optional
Installed-Size: $(du -sk --apparent-size --exclude=DEBIAN "$tree" | cut -f1)
Depends: ${linked:+$linked, }adduser, ca-certificates
Suggests: bubblewrap, postgresql (>= 15)
Description: streaming workflow server with suspend and resume
 A caller triggers an execution of a node graph; the progress of every node is
 streamed while it happens. The graph can stop at an approval or a question,
 cost nothing while it waits, and go on the instant somebody answers.
 .
 One program, with an embedded database, or PostgreSQL and as many servers as
 you like. The service is installed and not started.
CONTROL

# Instants within the package are those of the sources.
find "$tree" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
mkdir -p "$folder"
package=$folder/sluicegate_${package_version}_$architecture.deb
dpkg-deb --root-owner-group --build "$tree" "$package" >/dev/null
say "made $package"
echo "$package"
