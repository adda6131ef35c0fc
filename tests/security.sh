#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The table of attacks: tests/SECURITY.md.
#
#	B=build tests/security.sh write		run the tests, write the table
#	tests/security.sh check			does it list what there is, and did
#						all of it pass?
#
# A row is made of comments and names in the sources of the tests: a comment
#
#	A14.  Attack: ...  Defence: ...  [Not met: ...]
#
# and every test whose name begins with a14_.  Several comments of one number
# are one row: the first speaks.
set -u
export LC_ALL=C.UTF-8
unset LANGUAGE
cd "$(dirname "$0")/.." || exit 1

B=${B:-build}
table=tests/SECURITY.md
cases=(hostile faults faults-sftp)
sources=(tests/unit/test_evil_*.c)
for name in "${cases[@]}"; do
	sources+=("tests/fs/cases/$name.sh")
done

# Names of tests, sorted.
names() {
	sed -nE 's/^START_TEST\((a[0-9]+_[a-z0-9_]+)\)$/\1/p
	    s/^[[:space:]]*(check|refuse) "(a[0-9]+_[a-z0-9_]+)".*/\2/p' \
	    "${sources[@]}" | sort -u
}

# NUMBER<tab>Attack<tab>Defence<tab>Not met, one line a comment.
rows() {
	awk '
	function done(  n, a, d, m) {
		if (text == "")
			return
		gsub(/[ \t]+/, " ", text)
		n = text
		sub(/^A/, "", n)
		sub(/\..*/, "", n)
		m = ""
		if (match(text, / Not met: /)) {
			m = substr(text, RSTART + 10)
			text = substr(text, 1, RSTART - 1)
		}
		match(text, / Defence: /)
		d = substr(text, RSTART + 10)
		text = substr(text, 1, RSTART - 1)
		a = text
		sub(/^A[0-9]+\. Attack:? ?/, "", a)
		sub(/^\(or accident\): /, "(or accident) ", a)
		printf "%s\t%s\t%s\t%s\n", n, a, d, m
		text = ""
	}
	{
		line = $0
		if (line !~ /^( \*|#|\/\*)/) { done(); next }
		sub(/^( \*\/|\/\*| \*|#) ?/, "", line)
		if (line ~ /^A[0-9]+\.  Attack/) { done(); text = line; next }
		if (line == "") { done(); next }
		if (text != "")
			text = text " " line
	}
	END { done() }' "${sources[@]}"
}

# NAME<tab>passed|failed of what has run.
results() {
	local log
	for log in "$B"/test/security-*.log; do
		[ -e "$log" ] || continue
		sed -nE 's/^[^ ]*:[0-9]+:([PFE]):[^:]*:(a[0-9]+_[^:]*):.*/\2\t\1/p
		    s/^ok - (a[0-9]+_[a-z0-9_]+).*/\1\tP/p
		    s/^FAILED - (a[0-9]+_[a-z0-9_]+).*/\1\tF/p
		    s/^SKIP: .*/\tS/p' "$log"
	done
}

run_all() {
	local t name
	mkdir -p "$B/test"
	rm -f "$B"/test/security-*.log
	for t in tests/unit/test_evil_*.c; do
		name=$(basename "$t" .c)
		CK_VERBOSITY=verbose "$B/tests/unit/$name" \
		    >"$B/test/security-$name.log" 2>&1 ||
			echo "$name has failures" >&2
	done
	for name in "${cases[@]}"; do
		B=$(cd "$B" && pwd) "tests/fs/cases/$name.sh" \
		    >"$B/test/security-$name.log" 2>&1 ||
			echo "$name has failures" >&2
	done
}

write_table() {
	local day
	day=$(date -u +%F)
	results >"$B/test/security.results"
	{
		cat <<-EOF
		# Attacks, and the tests that try them

		Written by \`make security\` from the tests and their run; not
		by hand. \`make test\` runs the same tests and fails when this
		page names others than there are.

		| | attack | defence | tests, and how they ended on $day |
		| --- | --- | --- | --- |
		EOF
		rows | sort -t "$(printf '\t')" -k1,1n -s |
		    awk -F '\t' -v results="$B/test/security.results" \
		    -v names="$(names | tr '\n' ' ')" '
		BEGIN {
			while ((getline line < results) > 0) {
				split(line, f, "\t")
				if (f[2] != "P")
					bad[f[1]] = 1
				ran[f[1]] = 1
			}
			n = split(names, all, " ")
		}
		!seen[$1]++ {
			t = ""
			for (i = 1; i <= n; i++) {
				if (all[i] !~ "^a" $1 "_")
					continue
				t = t (t ? "<br>" : "") "`" all[i] "`: " \
				    (bad[all[i]] ? "**failed**" : \
				    ran[all[i]] ? "passed" : "did not run")
			}
			d = $3
			if ($4 != "")
				d = d " **Not met:** " $4
			printf "| A%s | %s | %s | %s |\n", $1, $2, d, t
		}'
		echo
		echo "$(names | wc -l) tests in" \
		    "$(rows | cut -f1 | sort -un | wc -l) rows."
	} >"$table.new"
	mv "$table.new" "$table"
	check_table
}

check_table() {
	local bad=0
	[ -e "$table" ] || { echo "$table is missing"; return 1; }
	diff <(names) <(grep -oE '`a[0-9]+_[a-z0-9_]+`' "$table" |
	    tr -d '`' | sort -u) || {
		echo "$table lists other tests than there are: make security"
		bad=1
	}
	grep -E '\*\*failed\*\*|did not run' "$table" | grep -oE \
	    '^\| A[0-9]+|`[a-z0-9_]+`: (\*\*failed|did not run)' && {
		echo "not all that $table lists has passed: make security"
		bad=1
	}
	diff <(rows | cut -f1 | sort -un) <(sed -nE \
	    's/^\| A([0-9]+) \|.*/\1/p' "$table" | sort -un) || {
		echo "$table has other rows than there are: make security"
		bad=1
	}
	# A test without a row would not be seen.
	if names | sed -E 's/^a([0-9]+)_.*/\1/' | sort -u |
	    comm -23 - <(rows | cut -f1 | sort -u) |
	    grep -q .; then
		echo "tests without a comment that tells of their row"
		bad=1
	fi
	return "$bad"
}

case ${1:-} in
write) run_all && write_table ;;
table) write_table ;;
check) check_table ;;
*) echo "usage: $0 write|table|check" >&2; exit 64 ;;
esac
