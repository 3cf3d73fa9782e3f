#!/usr/bin/env bash
# Brings this checkout to the point where `npm run demo|test|start|bench` can work, and does nothing when it already is.
#   scripts/setup.sh start|demo|test|console|bench
# VOICE_GATEWAY_SETUP=never only checks and says what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

purpose=${1:-start}
mode=${VOICE_GATEWAY_SETUP:-install}
say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# --- Node ------------------------------------------------------------------------------------------------------------
node_path=$(command -v node) || fail 'node is missing: install Node.js 20.19 or newer (https://nodejs.org).'
stamp="$node_path $(cksum <package-lock.json)"
installed=
[ -f node_modules/.setup ] && read -r installed <node_modules/.setup
if [ "$installed" != "$stamp" ]; then
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    fail "Node $(node -v) is too old: 20.19 or newer is needed."
  [ "$mode" = never ] && fail 'the packages of package-lock.json are not installed: run `npm ci`.'
  say 'installing the packages of package-lock.json (npm ci)'
  npm ci --no-audit --no-fund --loglevel=error >&2
  printf '%s\n' "$stamp" >node_modules/.setup
fi

# --- Programs of the system ------------------------------------------------------------------------------------------
# Each row: the command to look for, its Debian package, its Homebrew formula (-: there is none).
need=()
[ -n "${REDIS_URL:-}" ] && [ "$purpose" = start ] || need+=('redis-server redis-server redis')
case $purpose in
  demo | bench) need+=('sipp sip-tester sipp') ;;
  test)
    need+=('sipp sip-tester sipp' 'baresip baresip-core baresip' 'sox sox sox' 'kamailio kamailio,kamailio-tls-modules -')
    need+=('promtool prometheus prometheus' 'espeak-ng espeak-ng espeak-ng' 'rtpengine rtpengine-daemon -')
    ;;
  console) need+=('chromium chromium chromium' 'sipp sip-tester sipp' 'baresip baresip-core baresip') ;;
esac
packages=() formulas=() missing=() without=()
system=
if command -v apt-get >/dev/null; then system=apt; elif command -v brew >/dev/null; then system=brew; fi
# The bash of macOS (3.2) takes an empty list for an unset one.
for row in ${need[@]+"${need[@]}"}; do
  read -r program package formula <<<"$row"
  if ! command -v "$program" >/dev/null && [ ! -x "/usr/sbin/$program" ]; then
    if [ "$system" = brew ] && [ "$formula" = - ]; then without+=("$program"); continue; fi
    missing+=("$program"); packages+=(${package//,/ }); formulas+=("$formula")
  fi
done
[ ${#without[@]} -eq 0 ] || say "not in Homebrew: ${without[*]}. Tests that need them are skipped."
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$system" = apt ]; then install="apt-get install -y --no-install-recommends ${packages[*]}"
  elif [ "$system" = brew ]; then install="brew install ${formulas[*]}"
  else fail "missing: ${missing[*]}. Install them with your system's package manager."; fi
  [ "$mode" = never ] && fail "missing: ${missing[*]}. Install with: $install"
  case $install in brew*) prefix= ;; *) prefix=sudo ;; esac
  if [ "$(id -u)" = 0 ]; then prefix=
  elif [ -t 0 ] && [ -n "$prefix" ]; then
    say "missing: ${missing[*]}"
    read -r -p "setup: run \`sudo $install\`? [y/N] " answer
    case $answer in y | Y | yes) ;; *) fail "not installed; run \`sudo $install\` and try again." ;; esac
  elif [ -n "$prefix" ]; then
    sudo -n true 2>/dev/null || fail "missing: ${missing[*]}. Run: sudo $install"
    prefix='sudo -n'
  fi
  say "installing ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  case $install in
    apt-get*) $prefix $install >/dev/null 2>&1 || { $prefix apt-get update -qq >&2 && $prefix $install >&2; } || fail "could not install ${packages[*]} with: $install" ;;
    *) $install >&2 || fail "could not install ${formulas[*]} with: $install" ;;
  esac
fi

# --- LiveKit, for tests and benches ----------------------------------------------------------------------------------
# A Go program without packages of its own: built once, into the user's cache. Where Go is missing, its tests are skipped
# with a sentence; in CI that is a failure.
livekit_version=v1.13.5
livekit=${XDG_CACHE_HOME:-$HOME/.cache}/voice-gateway/bin/livekit-server-$livekit_version
if [[ $purpose = test || $purpose = bench ]] && [ ! -x "$livekit" ]; then
  go=$(command -v go || true)
  [ -z "$go" ] && [ -x /usr/local/go/bin/go ] && go=/usr/local/go/bin/go
  if [ -z "$go" ] || ! "$go" version | awk '{ split(substr($3, 3), v, "."); exit !(v[1] > 1 || v[2] >= 21) }'; then
    [ "${CI:-}" = true ] && fail 'livekit-server is missing and Go 1.21 or newer, which builds it, is not installed.'
    say 'Go 1.21 or newer is not installed: livekit-server cannot be built, and tests with it are skipped.'
  elif [ "$mode" = never ]; then
    fail "livekit-server is missing: run \`scripts/setup.sh $purpose\`."
  else
    say "building livekit-server $livekit_version (about two minutes, once)"
    building=$(mktemp -d)
    if GOBIN=$building GOFLAGS=-trimpath "$go" install "github.com/livekit/livekit-server/cmd/server@$livekit_version" >&2; then
      mkdir -p "$(dirname "$livekit")"
      mv "$building/server" "$livekit"
    else
      [ "${CI:-}" = true ] && fail 'livekit-server could not be built.'
      say 'livekit-server could not be built; tests with it are skipped.'
    fi
    rm -rf "$building"
  fi
fi
example=examples/livekit-agent
if [ "$purpose" = test ] && ! cmp -s $example/package-lock.json $example/node_modules/.setup; then
  [ "$mode" = never ] && fail "the packages of $example are not installed: run \`npm ci --prefix $example\`."
  say "installing the packages of $example"
  npm ci --prefix $example --no-audit --no-fund --loglevel=error >&2
  cp $example/package-lock.json $example/node_modules/.setup
fi

# --- Compiled code ---------------------------------------------------------------------------------------------------
sources=(src console bench examples test/support tsconfig.json tsconfig.build.json package-lock.json scripts/copy-assets.mjs scripts/bundle.mjs)
if [ ! -f dist/.built ] || [ -n "$(find "${sources[@]}" \( -name node_modules -o -name dist \) -prune -o -type f -newer dist/.built -print -quit)" ]; then
  [ "$mode" = never ] && fail 'the compiled code is missing or old: run `npm run build`.'
  say 'compiling'
  mkdir -p dist
  touch dist/.building
  npm run --silent build >&2
  mv dist/.building dist/.built
fi
