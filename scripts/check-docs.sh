#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Compare the program with its manual: every command and every long option
# that --help shows is in coffre(1), every setting of the options table is in
# coffre.conf(5) with its default, and help fits a terminal.
set -u
cd "$(dirname "$0")/.." || exit 1

COFFRE=${COFFRE:-build/coffre}
export LC_ALL=C.UTF-8
unset LANGUAGE
bad=0
complain() {
	echo "check-docs: $*"
	bad=1
}

man1=fs/coffre.1
man5=fs/coffre.conf.5
# Manuals write a hyphen of an option as \-.
plain1=$(sed 's/\\-/-/g' "$man1")
plain5=$(sed 's/\\-/-/g' "$man5")

help=$("$COFFRE" --help) || complain "--help fails"
[ -n "$help" ] || complain "--help prints nothing on standard output"
cmds=$(for f in fs/cmd_*.c; do
	sed -n 's/.*\.name = "\([a-z]*\)".*/\1/p' "$f"
done | sort -u)
[ -n "$cmds" ] || complain "no commands found in fs/cmd_*.c"

for c in $cmds; do
	grep -qw -- "$c" <<<"$help" || complain "--help does not list '$c'"
	grep -qw -- "$c" <<<"$plain1" || complain "$man1 does not tell of '$c'"
	text=$("$COFFRE" "$c" --help) || complain "'$c --help' fails"
	[ -n "$text" ] || complain "'$c --help' prints nothing"
	awk -v c="$c" 'length($0) > 80 { print c " --help: wider than 80"; e = 1 }
	    END { exit e }' <<<"$text" || bad=1
	# shellcheck disable=SC2013
	for o in $(grep -oE -- '--[a-z][a-z-]+' <<<"$text" | sort -u); do
		grep -qE -- "$o([^a-z-]|\$)" <<<"$plain1" ||
			complain "$man1 does not tell of '$c $o'"
	done
done

# Catalogues are whole, and their help fits a terminal, too.
scripts/po.sh check || bad=1
while read -r l; do
	for c in '' $cmds; do
		# shellcheck disable=SC2086
		w=$(LANGUAGE=$l "$COFFRE" $c --help | wc -L)
		[ "$w" -le 80 ] ||
			complain "'$c --help' in $l is wider than 80"
	done
done <packaging/po/LINGUAS

names=$(sed -n 's/^\t{ "\([a-z_]*\)", OPT_.*/\1/p' fs/opts.c)
[ -n "$names" ] || complain "no settings found in fs/opts.c"
for n in $names; do
	grep -qE -- "(^|[^a-z_])$n([^a-z_]|\$)" <<<"$plain5" ||
		complain "$man5 does not tell of '$n'"
done

for m in fs/*.[1-8]; do
	if command -v man >/dev/null; then
		out=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l \
		    -Tutf8 -Z "$m" 2>&1 >/dev/null)
		[ -z "$out" ] || complain "$m: $out"
	fi
done
exit "$bad"
