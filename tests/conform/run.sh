#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Programs of others that try a file system, on a mount and on the local disk:
# what fails on the mount and not on the disk is our fault, but for what
# known.txt names with its reason.
#
#	make conform
#	PARTS="fio git" tests/conform/run.sh
#
# A part prints a line for each of its tests: "ok NAME", "not ok NAME" or
# "skip NAME".  Lines and logs are kept in B/conform/.
. "$(dirname "$0")/../fs/lib.sh"
# shellcheck source=tests/conform/parts.sh
. "$TOP/tests/conform/parts.sh"
is_plain && skip "compares with the local disk by itself"

PARTS=${PARTS:-fio dbench bonnie stress python python-user git}
OUT=$B/conform
mkdir -p "$OUT"

# one_side PART SIDE FOLDER
one_side() {
	local part=$1 side=$2 dir=$3/$1
	mkdir -p "$dir" && chmod 1777 "$dir"
	(cd "$dir" && "part_${part//-/_}" "$dir") >"$OUT/$part.$side" \
	    2>"$OUT/$part.$side.log" </dev/null
	rm -rf "$dir" || say "$part left what cannot be removed ($side)"
}

# How many lines of this kind.
lines() {
	grep -c "^$1 " "$2"
}

# Names that do worse on the mount: not ok, or skipped though the disk ran it.
worse() {
	awk '
	{ name = $0; sub(/^(ok|not ok|skip) /, "", name) }
	NR == FNR { disk[name] = /^ok/ ? 2 : /^skip/ ? 1 : 0; next }
	{ here[name] = 1; got = /^ok/ ? 2 : /^skip/ ? 1 : 0 }
	got < disk[name] { print name }
	END { for (n in disk) if (!(n in here)) print n }
	' "$1" "$2" | sort -u
}

# The reason why a difference is no fault, if there is one.
known() {
	local pattern reason
	while IFS=$'\t' read -r pattern reason; do
		# shellcheck disable=SC2053
		[[ $pattern != '#'* && $1 == $pattern ]] || continue
		echo "$reason"
		return 0
	done <"$TOP/tests/conform/known.txt"
	return 1
}

compare() {
	local part=$1 disk=$OUT/$1.disk mount=$OUT/$1.mount name why new=0
	local n_known=0

	while read -r name; do
		if why=$(known "$part $name"); then
			n_known=$((n_known + 1))
			say "known: $part $name ($why)"
		else
			new=$((new + 1))
			[ "$new" -gt 25 ] || say "WORSE: $part $name"
		fi
	done < <(worse "$disk" "$mount")
	check "$part ran" [ -s "$mount" ]
	check "$part does on the mount what it does on the disk" \
	    [ "$new" -eq 0 ]
	printf '%-12s %7d %7d %7d %7d %7d %7d\n' "$part" \
	    "$(lines ok "$disk")" "$(lines 'not ok' "$disk")" \
	    "$(lines ok "$mount")" "$(lines 'not ok' "$mount")" \
	    "$n_known" "$new" >>"$OUT/table"
}

fs_begin
cd "$T" || exit 1
chmod 711 "$T" "$T/ref" "$T/mnt"
printf '%-12s %7s %7s %7s %7s %7s %7s\n' part disk-ok failed mount-ok \
    failed known worse >"$OUT/table"
for p in $PARTS; do
	if ! "have_${p//-/_}" >"$OUT/$p.have.log" 2>&1; then
		say "$p: $(tail -n 1 "$OUT/$p.have.log")"
		check "$p can be run" false
		continue
	fi
	one_side "$p" disk "$R"
	one_side "$p" mount "$M"
	compare "$p"
done
cat "$OUT/table"
fs_end
