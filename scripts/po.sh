#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Messages and their catalogues.
#
#	scripts/po.sh update	take what is new in the source over into
#				packaging/po/*.po
#	scripts/po.sh check	fail if a message is not translated, or is one
#				that the source no longer has
set -euo pipefail
cd "$(dirname "$0")/.."

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# Functions that take a format, and which argument it is.
formats='err_set:3 err_wrap:3 cli_usage:2 cli_note:1 cli_say:1 cli_out:1
cli_progress:1 ask_tell:2 ask_busy:2 store_job_say:2 fsck_say:3 check_say:2
rebuild_say:2 dav_say:2 s3_say:2 swift_say:2 sftp_say:2 http_say:2
control_error:3 part_add:3'
plurals='NP_:1,2 tr_n:1,2 cli_say_n:2,3 cli_out_n:2,3 cli_note_n:2,3'
keywords=(--keyword --keyword=_ --keyword=N_)
for k in $formats $plurals; do
	keywords+=("--keyword=$k")
done
for k in $formats; do
	keywords+=("--flag=$k:c-format")
done
common=(--from-code=UTF-8 --language=C --no-wrap --sort-by-file
    --package-name=Coffre "--package-version=$(cat packaging/VERSION)"
    --msgid-bugs-address=https://coffre.example.org/)

# What is said of stores is made line by line, with buf_printf().
notes=(common/store/*_probe.c common/store/nextcloud.c
    common/store/facts.c)

extract() {
	xgettext "${common[@]}" "${keywords[@]}" -o "$tmp/main.pot" \
	    -x packaging/po/none.pot \
	    common/*/*.c fs/*.[ch] packaging/desktop/*.c \
	    packaging/extensions/*.[ch]
	xgettext "${common[@]}" --keyword --keyword=buf_printf:2 \
	    --flag=buf_printf:2:c-format -x packaging/po/none.pot -o - "${notes[@]}" |
	    sed 's/\\n"$/"/; s/^"\(POT\|Project\|Report\|PO-\|Last\|Language\|MIME\|Content\)\([^"]*\)"$/"\1\2\\n"/' \
	    >"$tmp/notes.pot"
	# Words for people in the list of providers.
	awk -F ' = ' '
	/^(note|quirks|qualification|technology|name) = / {
		v = substr($0, index($0, " = ") + 3)
		if ($1 != "name" && $1 != "technology" || v ~ /^[a-z]/ ||
		    v ~ /older/)
			printf "N_(\"%s\");\n", v
	}' packaging/presets >"$tmp/presets.c"
	(cd "$tmp" && xgettext "${common[@]}" --keyword=N_ \
	    -o presets.pot presets.c)
	msgcat --no-wrap --use-first "$tmp/main.pot" "$tmp/notes.pot" \
	    "$tmp/presets.pot" >"$tmp/coffre.pot"
}

extract
bad=0
while read -r l; do
	po=packaging/po/$l.po
	case ${1:-} in
	update)
		[ -e "$po" ] || msginit --no-translator --no-wrap -l "$l" \
		    -i "$tmp/coffre.pot" -o "$po"
		msgmerge -q --no-wrap --no-location --no-fuzzy-matching \
		    --previous "$po" "$tmp/coffre.pot" |
		    msgattrib --no-obsolete --no-wrap --no-location \
		    >"$tmp/$l.po"
		cp "$tmp/$l.po" "$po"
		msgfmt --statistics -o /dev/null "$po"
		;;
	check)
		msgfmt --check -o /dev/null "$po" || bad=1
		# cmp of messages: none is missing, fuzzy or left over.
		if ! msgcmp "$po" "$tmp/coffre.pot" 2>"$tmp/said"; then
			sed "s|^|$l.po: |" "$tmp/said" | head -n 20
			echo "$po: not complete: 'make po', then translate"
			bad=1
		fi
		;;
	*)
		echo "usage: $0 update|check" >&2
		exit 64
		;;
	esac
done <packaging/po/LINGUAS
exit "$bad"
