# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Documents are saved on the drive as on a local disk, and each save goes to
# the store once.

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
nothing_queued() {
	[ "$(status '.usage | .queued_changes + .queued_bytes')" = 0 ]
}
uploaded() {
	status '.sync | "\(.packs_up) \(.bytes_up)"'
}
# once FILE SENTENCE COMMAND...: what the command saves is uploaded by itself,
# in one pack that holds FILE one time.
once() {
	local f=$MNT/edit/$1 what=$2 packs bytes packs1 bytes1 size
	shift 2
	read -r packs bytes <<<"$(uploaded)"
	check "$what" "$@" || return
	check "$what: it is uploaded" until_ok 60 nothing_queued
	read -r packs1 bytes1 <<<"$(uploaded)"
	size=$(as stat -c %s "$f")
	packs=$((packs1 - packs))
	bytes=$((bytes1 - bytes))
	say "$what: $packs packs, $bytes bytes, the file has $size"
	check "$what: in one version" [ "$packs" -eq 1 ] &&
	    check "$what: all of it, once" \
		[ $((bytes * 10)) -ge $((size * 7)) -a \
		$((bytes * 10)) -le $((size * 13)) ]
}
office_edits() {
	local d
	for d in "$MNT/edit" "$HOME_IN/edit"; do
		as office.py "$d/letter.odt" "Written in $1. " || return 1
	done
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
	set_conf checkpoint 100000
	check "nothing but what is saved goes up" restart || return
	as mkdir -p "$MNT/edit" "$HOME_IN/edit"
	check "a text is written" in_both \
	    'printf "Dear Bob,\nall is well.\n" >letter.txt &&
	    openssl enc -aes-128-ctr -nosalt -pass pass:x -pbkdf2 </dev/zero \
	    2>/dev/null | head -c 300000 | base64 >>letter.txt'
	check "all is stored" drive_sync
	once letter.txt "vim saves it" in_both \
	    'vim -es -u NONE -c "%s/Bob/Carol/" -c wq letter.txt'
	check "with the new content" as grep -q Carol "$MNT/edit/letter.txt"
	once letter.txt "vim saves it with a backup by renaming" in_both \
	    'vim -es -u NONE -c "set writebackup backupcopy=no" \
	    -c "%s/well/very well/" -c wq letter.txt'
	if on sh -c 'command -v gedit >/dev/null'; then
		once letter.txt "gedit saves it" gedit_saves "$MNT/edit"
		check "gedit saves one beside" gedit_saves "$HOME_IN/edit"
		check "both are the same, and no file is left over" in_both true
	fi
	if on sh -c 'command -v soffice >/dev/null'; then
		LEFT_OUT='*.odt' once letter.odt "LibreOffice makes a document" \
		    in_both \
		    'soffice --headless --convert-to odt letter.txt >/dev/null'
		LEFT_OUT='*.odt' once letter.odt "and saves it over" in_both \
		    'soffice --headless --convert-to odt letter.txt >/dev/null'
		once letter.odt "it is opened with a lock, edited and saved" \
		    office_edits LibreOffice
		once letter.odt "and again" office_edits 'LibreOffice again'
		check "which it can read again" in_both \
		    'soffice --headless --convert-to txt:Text --outdir out \
		    letter.odt >/dev/null && rm letter.odt'
		check "with the new content" as grep -q \
		    '^.\?Written in LibreOffice again. Written in LibreOffice. ' \
		    "$MNT/edit/out/letter.txt"
	else
		skip_one "LibreOffice" "not installed"
	fi
	check "all is stored again" drive_sync
	as rm -r "$MNT/edit" "$HOME_IN/edit"
	set_conf checkpoint 64
}
