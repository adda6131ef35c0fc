#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Compare the program with its manual: every command is in the synopsis of
# coffre(1) and has a section, which tells of every long option that --help
# shows; every setting of the options table is in coffre.conf(5); and help fits
# a terminal.
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
mapfile -t cmds < <(sed -n 's/.*\.name = "\([a-z ]*\)".*/\1/p' fs/cmd_*.c |
    sort -u)
[ "${#cmds[@]}" -gt 0 ] || complain "no commands found in fs/cmd_*.c"

# What the manual tells of a command: its sections, and that of the one whose
# options it has, too.
section() {
	local text
	text=$(awk -v c="$1" '
	/^\.S[SH]/ { is_in = index($0 " ", ".SS coffre " c " ") == 1 }
	is_in' <<<"$plain1")
	echo "$text"
	if [ "$1" != init ] && grep -iA1 'options.* of$' <<<"$text" |
	    grep -qE '^\.BR? init'; then
		section init
	fi
}
synopsis=$(sed -n '/^\.SH SYNOPSIS/,/^\.SH DESCRIPTION/p' <<<"$plain1")

for c in "${cmds[@]}"; do
	# A command of a group is in the help of the group.
	if [[ $c == *" "* && $c != cache* ]]; then
		of=$("$COFFRE" "${c%% *}" --help)
	else
		of=$help
	fi
	grep -qw -- "${c##* }" <<<"$of" || complain "no help lists '$c'"
	# Of a group the commands are told one by one.
	grep -qE "^\.B coffre $c( |\$)" <<<"$synopsis" ||
		complain "the synopsis of $man1 lacks '$c'"
	told=$(section "$c")
	[ -n "$told" ] || complain "$man1 does not tell of '$c'"
	# shellcheck disable=SC2086
	text=$("$COFFRE" $c --help) || complain "'$c --help' fails"
	[ -n "$text" ] || complain "'$c --help' prints nothing"
	awk -v c="$c" 'length($0) > 80 { print c " --help: wider than 80"; e = 1 }
	    END { exit e }' <<<"$text" || bad=1
	# Every command has --help.
	while read -r o; do
		[ "$o" = --help ] || grep -qE -- "$o([^a-z-]|\$)" <<<"$told" ||
			complain "$man1 does not tell of '$c $o'"
	done < <(sed -nE 's/^ +(-., )?(--[a-z-]+).*/\2/p' <<<"$text")
done

# Catalogues are whole, and their help fits a terminal, too.
scripts/po.sh check || bad=1
while read -r l; do
	for c in '' "${cmds[@]}"; do
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
