#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Run clang-tidy, cppcheck and shellcheck; any finding fails.  The arguments
# are the compiler's flags.
set -u
cd "$(dirname "$0")/.." || exit 1

mapfile -t src < <(ls common/*/*.c fs/*.c)
mapfile -t scripts < <(ls scripts/*.sh tests/*/*.sh tests/fs/cases/*.sh \
    .ci/run)
jobs=$(nproc)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
bad=0

# The flags travel in an array; xargs gives each process a few files.
tidy=(clang-tidy --quiet --warnings-as-errors='*')
printf '%s\0' "${src[@]}" | xargs -0 -P"$jobs" -n4 bash -c '
	n=$1; shift
	flags=("${@:1:n}"); shift "$n"
	tidy=("${@:1:3}"); shift 3
	"${tidy[@]}" "$@" -- "${flags[@]}" 2>/dev/null
' lint "$#" "$@" "${tidy[@]}" >"$log" || bad=1
cat "$log"

# It does not read system headers, so what their macros set is told to it.
cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr \
    --enable=warning,portability,performance -j"$jobs" \
    --suppress=missingIncludeSystem --suppress=funcArgOrderDifferent \
    --suppress=autoVariables --suppress=nullPointerRedundantCheck \
    -U__clang__ -D_GNU_SOURCE '-DVERSION="0"' -DFUSE_USE_VERSION=314 \
    --include=scripts/lint.h -Icommon -I. "${src[@]}" || bad=1

shellcheck -x "${scripts[@]}" || bad=1

exit "$bad"
