#!/usr/bin/env bash
# Runs the command of MILLINER_COMMAND: each line is one argument, so no shell divides or expands what a caller gives.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)

arguments=()
while IFS= read -r line; do
  [ -z "$line" ] || arguments+=("$line")
done <<<"$MILLINER_COMMAND"
unset MILLINER_COMMAND
if [ "${#arguments[@]}" = 0 ]; then
  printf 'the command is empty\n' >&2
  exit 2
fi

answer=$(mktemp "$RUNNER_TEMP/milliner-answer.XXXXXXXX")
printf 'answer=%s\n' "$answer" >>"$GITHUB_OUTPUT"

# The runner obeys lines of the log that begin with two colons, and a package or an instance can write such lines.
word=$(cat /proc/sys/kernel/random/uuid)
printf '::stop-commands::%s\n' "$word"
code=0
"$root/node_modules/.bin/node" "$root/dist/cli.js" "${arguments[@]}" >"$answer" || code=$?
cat "$answer"
printf '\n::%s::\n' "$word"
exit "$code"
