# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Documents are saved on the drive as on a local disk.

# in_both SCRIPT: in a folder on the drive and in one beside it; what is in
# them must be the same then.  LEFT_OUT: files whose bytes differ with time.
in_both() {
	local d
	for d in "$MNT/edit" "$HOME_IN/edit"; do
		as env -C "$d" sh -c "$1" || return 1
	done
	as diff -r ${LEFT_OUT:+-x "$LEFT_OUT"} "$MNT/edit" "$HOME_IN/edit" &&
	    as sh -c "ls -A '$MNT/edit' >/tmp/a; ls -A '$HOME_IN/edit' |
	    diff /tmp/a -"
}
gedit_saves() {
	local f=$1/letter.txt
	app_start gedit gedit --standalone --new-window "$f"
	until_ok 30 as sh -c 'xdotool search --onlyvisible --class gedit' ||
		return 1
	sleep 3
	as sh -c 'xdotool search --onlyvisible --class gedit windowfocus' ||:
	as xdotool key ctrl+Home
	as xdotool type --delay 50 'Typed in gedit. '
	as xdotool key ctrl+s
	until_ok 10 as grep -q 'Typed in gedit' "$f"
	local rc=$?
	picture gedit
	sleep 1
	app_end gedit
	return $rc
}
part_editors() {
	as mkdir -p "$MNT/edit" "$HOME_IN/edit"
	check "a text is written" in_both \
	    'printf "Dear Bob,\nall is well.\n" >letter.txt'
	check "all is stored" drive_sync
	check "vim saves it" in_both \
	    'vim -es -u NONE -c "%s/Bob/Carol/" -c wq letter.txt'
	check "with the new content" as grep -q Carol "$MNT/edit/letter.txt"
	check "vim saves it with a backup by renaming" in_both \
	    'vim -es -u NONE -c "set writebackup backupcopy=no" \
	    -c "%s/well/very well/" -c wq letter.txt'
	if on sh -c 'command -v gedit >/dev/null'; then
		check "gedit saves it" gedit_saves "$MNT/edit"
		check "gedit saves one beside" gedit_saves "$HOME_IN/edit"
		check "both are the same, and no file is left over" in_both true
	fi
	if on sh -c 'command -v soffice >/dev/null'; then
		LEFT_OUT='*.odt' check "LibreOffice makes a document" in_both \
		    'soffice --headless --convert-to odt letter.txt >/dev/null'
		LEFT_OUT='*.odt' check "and saves it over" in_both \
		    'soffice --headless --convert-to odt letter.txt >/dev/null'
		check "which it can read again" in_both \
		    'soffice --headless --convert-to txt:Text --outdir out \
		    letter.odt >/dev/null && rm letter.odt'
	else
		skip_one "LibreOffice" "not installed"
	fi
	check "all is stored again" drive_sync
}
