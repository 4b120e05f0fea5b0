#!/usr/bin/env bash
# Opens the admin page of the example `admin` in headless Chromium and uses it: reads it, unlocks it, changes things, and
# takes its server away. Without Chromium there is nothing to do.
#
#   bash scripts/check_admin_page.sh [DIRECTORY]      # with a directory: writes admin.png and admin-dark.png there
set -euo pipefail
cd "$(dirname "$0")/.."
shots="${1:-}"

browser=""
for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
    if [ -n "$name" ] && command -v "$name" >/dev/null; then browser="$name" && break; fi
done
if [ -z "$browser" ]; then
    echo "skipped: no chromium, chromium-browser or google-chrome here, and CHROMIUM names none"
    exit 0
fi

work="$(mktemp -d)"
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

cargo build --quiet -p buttress-examples --example admin
"${CARGO_TARGET_DIR:-target}/debug/examples/admin" >"$work/server" &
pids+=($!) server=$!
for _ in $(seq 100); do
    url="$(sed -n 's/^listening on \(http[^ ]*\).*/\1/p' "$work/server")"
    [ -n "$url" ] && break
    sleep 0.1
done
[ -n "$url" ] || fail "the example did not say where it listens"
token="$(sed -n 's/.*(token: \(.*\))$/\1/p' "$work/server")"

# Chromium takes commands on descriptor 3 and answers on 4, each message with a zero byte behind it.
mkfifo "$work/to" "$work/from"
"$browser" --headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --hide-scrollbars --user-data-dir="$work/profile" \
    --remote-debugging-pipe about:blank 3<"$work/to" 4>"$work/from" 2>"$work/browser" &
pids+=($!)
exec 7>"$work/to" 8<"$work/from"
number=0 session=""
tell() { # METHOD [PARAMETERS]: the answer is in $reply; what the page complains of goes to a file
    number=$((number + 1))
    printf '{"id":%d,%s"method":"%s","params":%s}\0' "$number" "$session" "$1" "${2:-{\}}" >&7
    while IFS= read -r -d '' -t 30 reply <&8; do
        case "$reply" in
        *'"id":'"$number"[,}]*) return 0 ;;
        *'"method":"Runtime.exceptionThrown"'* | *'"method":"Log.entryAdded"'*) echo "$reply" >>"$work/complaints" ;;
        esac
    done
    fail "$1: no answer from $browser"
}
part() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" <<<"$reply"; }
script() { # an expression in JavaScript, which may be a promise; its value is printed
    local expression="${1//\\/\\\\}"
    expression="${expression//\"/\\\"}"
    tell Runtime.evaluate "{\"expression\":\"${expression//$'\n'/ }\",\"awaitPromise\":true,\"returnByValue\":true}"
    part value
}
soon() { # WHAT EXPRESSION: it becomes true within some seconds
    local seen
    seen="$(script "new Promise(done => { const end = Date.now() + ${SECONDS_TO_WAIT:-20} * 1000; (function look() {
        let value; try { value = $2 } catch (error) { value = false }
        if (value || Date.now() > end) done(value ? 'yes' : 'no: ' + document.body.innerText.slice(0, 2000).replace(/[\"\\n]/g, ' '));
        else setTimeout(look, 100); })(); })")"
    [ "$seen" = yes ] || fail "$1; $seen"
    echo "ok: $1"
}

tell Target.createTarget '{"url":"about:blank"}'
tell Target.attachToTarget "{\"targetId\":\"$(part targetId)\",\"flatten\":true}"
session="\"sessionId\":\"$(part sessionId)\","
tell Runtime.enable
tell Log.enable
tell Emulation.setDeviceMetricsOverride '{"width":1180,"height":1380,"deviceScaleFactor":1,"mobile":false}'
tell Page.navigate "{\"url\":\"$url/\"}"

soon "it is live" "document.getElementById('live').innerText === 'live'"
soon "the route has its four targets, in order" \
    "[...document.querySelectorAll('#routes tbody th')].map(th => th.innerText.trim()).join() === 'openai,azure,anthropic,local'"
soon "the drained target is said to be drained" "document.querySelectorAll('#routes tbody tr')[3].innerText.includes('drained')"
soon "the circuit of the target that fails opens, with its reason" \
    "/circuit open.*(in a row|failed)/s.test(document.querySelectorAll('#routes tbody tr')[0].innerText)"
soon "the verdict says what is wrong" \
    "/Serving, [234] targets? (is|are) out/.test(document.getElementById('word').innerText) && document.getElementById('troubles').innerText.includes('openai')"
soon "a target serves" "document.getElementById('routes').innerText.includes('serving')"
soon "limits, rates and events are there" \
    "/of 300 requests/.test(document.getElementById('targets').innerText) && /[0-9.]+ .s/.test(document.getElementById('figures').innerText) && /circuit open for/.test(document.getElementById('event-rows').innerText)"
soon "nothing can be changed without the token" "getComputedStyle(document.querySelector('td.acts')).display === 'none'"

shot() { # NAME SCHEME
    tell Emulation.setEmulatedMedia "{\"features\":[{\"name\":\"prefers-color-scheme\",\"value\":\"$2\"}]}"
    tell Page.captureScreenshot '{"format":"png"}'
    part data | base64 -d >"$shots/$1"
    [ "$(wc -c <"$shots/$1")" -lt 200000 ] || fail "$shots/$1 has 200 kB or more"
    echo "wrote $shots/$1"
}
if [ -n "$shots" ]; then
    sleep 15 # until there is something to show
    shot admin.png light
    shot admin-dark.png dark
fi

unlock() {
    script "document.getElementById('token').value = '$1'; document.getElementById('unlock').requestSubmit(); 'sent'" >/dev/null
}
script "document.getElementById('key').click(); 'clicked'" >/dev/null
unlock "not-the-operators-token"
soon "a wrong token is refused" "document.getElementById('told').innerText.includes('Not unlocked')"
unlock "$token"
soon "the token unlocks it" "getComputedStyle(document.querySelector('td.acts')).display === 'table-cell'"

click() { # TARGET BUTTON
    script "[...document.querySelectorAll('tbody tr')].filter(row => row.querySelector('th')?.innerText.trim() === '$1')
        .flatMap(row => [...row.querySelectorAll('button')]).find(button => button.innerText === '$2').click(); 'clicked'" >/dev/null
}
agree() { script "document.getElementById('ask-yes').click(); 'clicked'" >/dev/null; }
click anthropic "Force open" && agree
soon "a circuit is forced open" "/anthropic\\s+.*forced open/s.test(document.getElementById('target-rows').innerText)"
click anthropic Reset
soon "and reset" "!document.getElementById('target-rows').innerText.includes('forced open')"
click local Resume
soon "a drained target is resumed" "!document.querySelectorAll('#routes tbody tr')[3].innerText.includes('drained')"
click anthropic "Ask first"
soon "the order changes" "document.querySelector('#routes tbody th').innerText.trim() === 'anthropic'"
click azure Limits
script "document.getElementById('n-requests').value = '0'; 'typed'" >/dev/null
agree
soon "a number that makes no sense is refused, with the rule" "document.getElementById('ask-error').innerText.includes('must be 1 to')"
script "document.getElementById('n-requests').value = '77'; 'typed'" >/dev/null
agree
soon "a quota changes" "document.getElementById('target-rows').innerText.includes('of 77 requests')"

tell Emulation.setDeviceMetricsOverride '{"width":360,"height":800,"deviceScaleFactor":1,"mobile":true}'
soon "a narrow window needs no scrolling sideways" "document.documentElement.scrollWidth <= innerWidth"

# What was refused above is told by the browser too; nothing else may be.
if grep -v 'status of 4[02][12]' "$work/complaints" 2>/dev/null; then fail "the page complains"; fi
echo "ok: no complaint of the page or of its policy"

kill "$server" && wait "$server" 2>/dev/null || true
soon "a lost connection is said" "!document.getElementById('lost').hidden && document.getElementById('lost').innerText.includes('Connection lost')"
echo "the admin page works"
