#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A drive in the sidebar of KDE's file managers: one bookmark among those of
# the user, whose file stays what it was otherwise.
. "$(dirname "$0")/../lib.sh"
TITLE='Anna & <Bob>'
fs_prepare
command -v python3 >/dev/null || skip "python3 is missing"
trap fs_cleanup EXIT
F=$XDG_DATA_HOME/user-places.xbel
printf 'title = %s\nicon = folder-locked\nmountpoint = %s\n' "$TITLE" \
    "$T/a b & cé" >>"$T/config/coffre/$NAME.conf"

# The bookmarks as a reader of XML sees them: "ID|FILE|TITLE|ICON".
list() {
	python3 - "$F" <<'PY'
import sys, urllib.parse
import xml.etree.ElementTree as et
ns = "{http://www.freedesktop.org/standards/desktop-bookmarks}icon"
for b in et.parse(sys.argv[1]).getroot().iter("bookmark"):
    print(b.findtext(".//ID"), urllib.parse.unquote(b.get("href")),
        b.findtext("title"), b.find(".//" + ns).get("name"), sep="|")
PY
}
ours() {
	echo "coffre/$NAME|file://$T/a b & cé|$TITLE|folder-locked"
}
same() {
	[ "$1" = "$2" ]
}
unchanged() {
	local was
	was=$(stat -c '%i %Y' "$F")
	"$@" && [ "$(stat -c '%i %Y' "$F")" = "$was" ]
}
refused() {
	cp "$F" "$T/was"
	fails "$@" 2>"$T/said" && cmp "$F" "$T/was"
}

refuse "what is no drive is not added" "$COFFRE" places add nosuch
refuse "nor is there a file then" test -e "$F"
refuse "a word unknown is refused" "$COFFRE" places perhaps "$NAME"
check "none is taken from a file that is not there" \
    "$COFFRE" places remove "$NAME"
refuse "nor is one made for that" test -e "$F"
check "a drive is added" "$COFFRE" places add "$NAME"
check "to a file of its own" same "$(list)" "$(ours)"
check "which is the user's alone" [ "$(stat -c %a "$F")" = 600 ]
check "adding it again writes nothing" unchanged "$COFFRE" places add "$NAME"
check "it is removed" "$COFFRE" places remove "$NAME"
check "and gone" [ -z "$(list)" ]

# A file as Dolphin writes it.
home='1700000000/0|file:///home/u|Home & more|user-home'
cp "$TOP/tests/fuzz/corpus/xbel/kde" "$F"
chmod 640 "$F"
check "it is added to what Dolphin wrote" "$COFFRE" places add "$NAME"
check "after what was there" same "$(list)" "$home
$(ours)"
check "the mode is kept" [ "$(stat -c %a "$F")" = 640 ]
check "all else is as it was" same "$(grep -v "coffre/$NAME" "$F")" \
    "$(cat "$TOP/tests/fuzz/corpus/xbel/kde")"
sed -i 's/^title = .*/title = Other/' "$T/config/coffre/$NAME.conf"
check "added with another title" "$COFFRE" places add "$NAME"
check "it has that one" grep -q '<title>Other</title>' "$F"
check "once" [ "$(grep -c "coffre/$NAME" "$F")" -eq 1 ]
mv "$F" "$T/elsewhere" && ln -s "$T/elsewhere" "$F"
check "it is removed where a link leads" "$COFFRE" places remove "$NAME"
check "without a trace" cmp "$T/elsewhere" "$TOP/tests/fuzz/corpus/xbel/kde"
check "the link stays" test -L "$F"
check "removing it again writes nothing" unchanged \
    "$COFFRE" places remove "$NAME"
rm "$F"

# With the autostart, for who has such bookmarks.
check "mounted at login" "$COFFRE" autostart enable "$NAME"
refuse "it makes no bookmarks where there are none" test -e "$F"
cp "$TOP/tests/fuzz/corpus/xbel/kde" "$F"
check "mounted at login, with bookmarks" "$COFFRE" autostart enable "$NAME"
check "it is added" grep -q "coffre/$NAME" "$F"
check "no longer mounted at login" "$COFFRE" autostart disable "$NAME"
check "it is removed with that" cmp "$F" "$TOP/tests/fuzz/corpus/xbel/kde"
cp "$TOP/tests/fuzz/corpus/xbel/broken" "$F"
check "bookmarks that cannot be read do not hinder it" \
    "$COFFRE" autostart enable "$NAME"
check "they are left alone" cmp "$F" "$TOP/tests/fuzz/corpus/xbel/broken"
"$COFFRE" autostart disable "$NAME"
rm "$F"

for bad in broken entity latin html; do
	cp "$TOP/tests/fuzz/corpus/xbel/$bad" "$F"
	check "$bad: nothing is added" refused "$COFFRE" places add "$NAME"
	check "$bad: the error names the file and a line" \
	    grep -q "'$F'.*line [0-9]" "$T/said"
	check "$bad: nothing is removed" refused \
	    "$COFFRE" places remove "$NAME"
done
rm "$F" && mkfifo "$F"
refuse "a file that is none is refused" timeout 10 \
    "$COFFRE" places add "$NAME"
rm "$F"
check "nothing else is left there" [ -z "$(ls -A "$XDG_DATA_HOME")" ]
mv "$T/config/coffre/$NAME.conf" "$T/conf"
cp "$TOP/tests/fuzz/corpus/xbel/kde" "$F"
sed -i "s|1700000000/0|coffre/$NAME|" "$F"
check "that of a drive which is gone is removed, too" \
    "$COFFRE" places remove "$NAME"
check "and nothing is left" [ -z "$(list)" ]

# ---- the menu of Dolphin

mkdir "$T/fake"
printf '#!/bin/sh\nprintf "%%s|" "$@" >%s/words\n%s\n' "$T" \
    '[ ! -e "${0%/*}/fails" ] || { echo "coffre: no & <room>" >&2; exit 1; }' \
    >"$T/fake/coffre"
printf '#!/bin/sh\nprintf "%%s|" "$@" >%s/shown\n' "$T" >"$T/fake/kdialog"
chmod 755 "$T/fake/coffre" "$T/fake/kdialog"
# choose ACTION FILE...: as Dolphin does, by the rules of desktop entries.
choose() {
	local line
	line=$(sed -n "/^\[Desktop Action $1\]/,/^Exec=/s/^Exec=//p" \
	    "$TOP/packaging/coffre-servicemenu.desktop" |
	    sed 's/\\\\/\\/g')
	shift
	rm -f "$T/words" "$T/shown"
	eval "set -- ${line%\%F} "'"$@"'
	PATH=$T/fake:$PATH "$@"
}
words() {
	[ "$(cat "$T/$1")" = "$2" ] || { cat "$T/$1"; return 1; }
}
check "files are kept here" choose keep "$T/a b" '-c$x"y'
check "by the command for that" words words "pin|--|$T/a b|-c\$x\"y|"
check "and no longer" choose keep_not "$T/a b"
check "by the other one" words words "unpin|--|$T/a b|"
check "space is freed" choose free "$T/a b"
check "by the third" words words "cache|free|--|$T/a b|"
check "of what works nothing is said" [ ! -e "$T/shown" ]
touch "$T/fake/fails"
check "what does not work" choose free "$T/a b"
check "is shown in a window" words shown "--error|coffre: no & <room>|"
check "each of them is in the menu" [ "$(sed -n 's/^Actions=//p' \
    "$TOP/packaging/coffre-servicemenu.desktop")" = "keep;keep_not;free;" ]
fs_count
[ "$N_FAILED" -eq 0 ]
