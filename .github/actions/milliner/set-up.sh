#!/usr/bin/env bash
# Installs what Milliner needs, and builds it, in the copy of its repository that holds this action.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)

# GitHub unpacks an action without its history, and the set-up asks git for the names of the sources.
[ -e "$root/.git" ] || git -c init.defaultBranch=main init --quiet "$root"
bash "$root/spec/setup.sh"
