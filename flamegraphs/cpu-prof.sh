#!/bin/sh
# Serves a RAM disk inline under `node --cpu-prof` on a free port, loads it with iscsi-perf for SECONDS (default 5) and leaves one
# .cpuprofile a thread in out/. Open them in Chrome's DevTools (Performance) or with https://www.speedscope.app.
# Usage: cpu-prof.sh [SECONDS] [serve options, e.g. --execution pool]
set -eu
cd "$(dirname "$0")"
seconds="${1:-5}"
[ $# -gt 0 ] && shift
mkdir -p out
ready="out/ready.$$.json"
node --cpu-prof --cpu-prof-dir=out ../bin/lunloom.js serve --portal 127.0.0.1:0 --json --lun 0=ram:256MiB "$@" > "$ready" &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -f "$ready"' EXIT
i=0
while [ ! -s "$ready" ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done
portal=$(node -e 'const fs=require("fs");console.log(JSON.parse(fs.readFileSync(process.argv[1],"utf8").split("\n")[0]).portals[0])' "$ready")
timeout "$((seconds + 5))" iscsi-perf -m 32 -b 8 -r -t "$seconds" "iscsi://$portal/iqn.2026-11.io.lunloom:demo/0"
kill -INT "$server"
wait "$server"
ls -1 out/*.cpuprofile
