#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The mechanical part of the house style, for C and for scripts.  Prints each
# breach as file:line: what, and fails if there is one.
set -u
cd "$(dirname "$0")/.." || exit 1

mapfile -t c < <(ls common/*/*.[ch] fs/*.[ch] tests/*/*.[ch])
mapfile -t sh < <(ls scripts/*.sh tests/*/*.sh tests/fs/cases/*.sh .ci/run)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# shellcheck disable=SC2129
for f in "${c[@]}" "${sh[@]}" Makefile; do
	head -n 3 "$f" | grep -q 'SPDX-License-Identifier: GPL-3.0-or-later' ||
		echo "$f:1: no SPDX line"
done >>"$log"

# Comments and strings are taken out before code is looked at.
awk '
function say(what) { printf "%s:%d: %s\n", FILENAME, FNR, what }
function width(s,    i, w, c) {
	w = 0
	for (i = 1; i <= length(s); i++) {
		c = substr(s, i, 1)
		w = c == "\t" ? w + 8 - w % 8 : w + 1
	}
	return w
}
FNR == 1 {
	in_comment = 0
	in_common = FILENAME ~ /^common\//
	is_thread = FILENAME ~ /^common\/util\/(thread|clock)\./
	is_test = FILENAME ~ /^tests\//
	lines = 0
}
{
	lines++
	if (lines == 501 && !is_test)
		say("more than 500 lines in a file")
	if ($0 ~ /[ \t]$/)
		say("space at the end of the line")
	if ($0 ~ /^        /)
		say("eight spaces where a tab belongs")
	if (width($0) > 80)
		say("more than 80 columns")

	code = $0
	gsub(/\\./, "", code)
	gsub(/"[^"]*"/, "\"\"", code)
	if (in_comment) {
		if (code !~ /\*\//)
			next
		sub(/.*\*\//, "", code)
		in_comment = 0
	}
	gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, " ", code)
	if (code ~ /\/\*/) {
		sub(/\/\*.*/, "", code)
		in_comment = 1
	}
	if (code ~ /\/\//)
		say("// comment")
	if (!is_test && code ~ /(^|[^a-z_A-Z0-9>.])(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca|system|atoi|atol)[ ]*\(/)
		say("banned function")
	if (code ~ /typedef[ \t]+(struct|enum|union)/)
		say("typedef of a struct, enum or union")
	if (code ~ /(^|[^a-z_A-Z0-9])(if|for|while|switch)\(/)
		say("no space after a keyword")
	if (in_common && code ~ /(^|[^a-z_A-Z0-9.>])(printf|puts|putchar|exit|_exit|sleep|usleep|nanosleep)[ ]*\(/)
		say("printing, exiting or sleeping in common/")
	if (in_common && !is_thread && code ~ /pthread_(mutex|cond|create|detach)/)
		say("threads and locks only through util/thread.h")
}
' "${c[@]}" >>"$log"

for f in "${sh[@]}"; do
	awk -v f="$f" '
	/[ \t]$/ { printf "%s:%d: space at the end of the line\n", f, FNR }
	' "$f"
done >>"$log"

sort -t: -k1,1 -k2,2n "$log"
[ ! -s "$log" ]
