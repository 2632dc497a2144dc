#!/usr/bin/env bash
# Checks the files below deploy/ with the tools that are there, and says which were not: promtool (Debian: prometheus), shellcheck,
# systemd-analyze, kubectl, and Python for the dashboard of Grafana. No server and no container is started.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root/deploy"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() {
    echo "==> $*" >&2
}

# Whether a tool is there; says so if not.
have() {
    command -v "$1" >/dev/null || { step "SKIPPED: $1 is not installed, $2"; return 1; }
}

if have promtool "so alerts and the expressions of the dashboard are NOT checked"; then
    step "alerts"
    promtool check rules prometheus/alerts.yml
    promtool test rules prometheus/alerts_test.yml
fi

if have python3 "so the dashboard is NOT checked"; then
    step "dashboard"
    python3 - grafana/sluicegate.json "$work/expressions.yml" <<'PYTHON'
import itertools, json, sys

dashboard = json.load(open(sys.argv[1], encoding="utf-8"))
panels = dashboard["panels"]
ids = [panel["id"] for panel in panels]
assert len(ids) == len(set(ids)), "panels share an id"
names = {variable["name"] for variable in dashboard["templating"]["list"]}
for panel in panels:
    place = panel["gridPos"]
    assert place["x"] >= 0 and place["w"] > 0 and place["h"] > 0 and place["x"] + place["w"] <= 24, (panel["title"], place)
for one, other in itertools.combinations(panels, 2):
    a, b = one["gridPos"], other["gridPos"]
    apart = (a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"] or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"])
    assert apart, f"{one['title']} and {other['title']} overlap"
rules = []
for panel in panels:
    targets = panel.get("targets", [])
    assert targets or panel["type"] == "row", f"{panel['title']} asks nothing"
    refs = [target["refId"] for target in targets]
    assert len(refs) == len(set(refs)), f"{panel['title']}: queries share a name"
    for target in targets:
        assert target["datasource"]["uid"] == "${datasource}", f"{panel['title']} names a data source of its own"
        expression = target["expr"]
        for name, value in [("__rate_interval", "5m"), ("__range", "6h")]:
            expression = expression.replace("$" + name, value)
        for name in names:
            expression = expression.replace("$" + name, name)
        rules.append({"record": f"panel:{panel['id']}:{target['refId']}", "expr": expression})
json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, open(sys.argv[2], "w", encoding="utf-8"))
print(f"{len(panels)} panels, {len(rules)} expressions")
PYTHON
    # JSON is YAML: every expression as a rule, so that promtool parses it.
    if command -v promtool >/dev/null; then
        promtool check rules "$work/expressions.yml"
    fi
fi

if have systemd-analyze "so the unit is NOT checked"; then
    step "systemd unit"
    # The program is not installed here; what is verified is everything else.
    mkdir -p "$work/unit/sluicegate.service.d"
    sed 's#^ExecStart=/usr/bin/sluicegate#ExecStart=/bin/true#' systemd/sluicegate.service >"$work/unit/sluicegate.service"
    systemd-analyze verify "$work/unit/sluicegate.service"
    systemd-analyze security --offline=yes "$work/unit/sluicegate.service" | tail -n 1
    cp systemd/sluicegate.service.d/mcp-command.conf "$work/unit/sluicegate.service.d/"
    systemd-analyze verify "$work/unit/sluicegate.service"
    systemd-analyze security --offline=yes "$work/unit/sluicegate.service" | tail -n 1
fi

if have shellcheck "so the scripts are NOT checked"; then
    step "scripts"
    shellcheck docker/*.sh debian/postinst debian/prerm debian/postrm "$root/scripts/package-deb.sh" "$root/scripts/check-deploy.sh"
fi

if have kubectl "so the manifests are NOT put together"; then
    step "Kubernetes manifests"
    kubectl kustomize kubernetes >"$work/manifests.yaml"
    grep -c '^kind:' "$work/manifests.yaml" | sed 's/$/ objects/'
fi
