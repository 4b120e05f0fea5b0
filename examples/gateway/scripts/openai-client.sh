#!/usr/bin/env bash
# The `openai` package of PyPI against the gateway with its simulated providers: whole answers, streams, vectors, models.
# Where there is no Python or no PyPI it says so and checks nothing.
set -euo pipefail
cd "$(dirname "$0")/../../.."

skip() { echo "skipped: $*"; exit 0; }

command -v python3 >/dev/null || skip "there is no python3"
venv="target/openai-client"
if ! "$venv/bin/python" -c "import openai" 2>/dev/null; then
    python3 -m venv "$venv" 2>/dev/null || skip "python3 has no venv"
    timeout 300 "$venv/bin/pip" install --quiet openai || skip "PyPI cannot be reached"
fi

cargo build --quiet --release -p buttress-gateway
out="$(mktemp)"
"${CARGO_TARGET_DIR:-target}/release/buttress-gateway" >"$out" 2>/dev/null &
gateway=$!
trap 'kill "$gateway" 2>/dev/null; rm -f "$out"' EXIT
for _ in $(seq 100); do
    url="$(sed -n 's/^listening on //p' "$out")"
    [ -n "$url" ] && break
    sleep 0.1
done
[ -n "$url" ] || { echo "failed: the gateway does not start"; exit 1; }
timeout 120 "$venv/bin/python" examples/gateway/scripts/openai_client.py "$url"
