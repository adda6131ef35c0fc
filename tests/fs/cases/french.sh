#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The language of the user: help, questions, errors and what a mount says are
# French where that is the language; logs, JSON and states stay English.
. "$(dirname "$0")/../lib.sh"
fs_need_fuse
[ -e "$B/locale/fr/LC_MESSAGES/coffre.mo" ] || skip "no catalogue is built"
COFFRE_TEST_STORE=dir
# What is written stays here for a while.
MOUNT_OPTS=,quiet=300
fs_begin

# fr COMMAND...: of a French user, whose locale need not be installed.
fr() {
	LC_ALL=C.UTF-8 LANGUAGE=fr "$@"
}
# says TEXT COMMAND...: in French, whatever the command ends with.
says() {
	local want=$1
	shift
	fr "$@" >"$T/out" 2>&1 </dev/null || :
	# The blanks before signs are not ordinary ones.
	sed -i 's/\xc2\xa0/ /g' "$T/out"
	grep -qF -- "$want" "$T/out" || { cat "$T/out"; return 1; }
}
same_out() {
	cmp "$1" "$2"
}
out() {
	local to=$1
	shift
	"$@" >"$to" 2>&1
}
# is PATTERN COMMAND...: one of its lines is that.
line() {
	local want=$1
	shift
	fr "$@" 2>&1 | sed 's/\xc2\xa0/ /g' >"$T/out"
	grep -qxE -- "$want" "$T/out" || { cat "$T/out"; return 1; }
}

# ---- of the command line -------------------------------------------------

check "help" says "monter un coffre comme un dossier" "$COFFRE" --help
check "help of a command" says "Démonter le coffre et attendre" \
    "$COFFRE" unmount --help
check "an unknown command" says "coffre: commande « nix » inconnue" \
    "$COFFRE" nix
check "a wrong option" says "option « --nix » inconnue" "$COFFRE" mount --nix
check "a wrong setting" \
    says "option « cache » : une taille comme 512M ou 20G est attendue" \
    "$COFFRE" mount "$NAME" -o cache=x
check "a drive that is not there" \
    says "pas de coffre « nix » ici : « coffre init » en crée un" \
    "$COFFRE" mount nix
check "providers" says "visioconférences : rien où conserver des fichiers" \
    "$COFFRE" store presets tixeo
check "an untrusted server" says "impossible de joindre 127.0.0.1 : " \
    "$COFFRE" store probe webdavs://a@127.0.0.1:1/x \
    --password-command "echo x"

# In columns, which are not bytes.
columns() {
	fr "$COFFRE" mount --help | python3 -c '
import sys, re
for line in sys.stdin:
    m = re.match(r"( +-?\S.*?\S)(  +)(\S)", line.rstrip("\n"))
    if m and len(m.group(1)) < 27 and m.start(3) != 28:
        sys.exit("column %d: %s" % (m.start(3), line))
'
}
check "the texts of options begin in one column" columns

# ---- of a mount, which was started in another language --------------------

check "status" line "$NAME : monté sur $T/mnt" "$COFFRE" status
check "its link" line "  dépôt     dir:$T/store, en ligne.*" \
    "$COFFRE" status
check "nothing queued, and sizes" \
    line "  cache     [0-9]+ o sur 10,0 Gio ; libre sur le disque : .*" \
    "$COFFRE" status
echo x >"$M/é"
check "the state of a file in words" says "  fichier   $M/é : seulement ici" \
    "$COFFRE" status "$M/é"
check "and as it is" [ "$(getfattr --only-values -n user.coffre.state \
    "$M/é")" = local ]
check "a pin" line "$M/é : gardé sur cet ordinateur : 1 fichier, 2 o" \
    "$COFFRE" pin "$M/é"
check "an error of the mount's" \
    says "« $T/out » n'est sur aucun coffre de Coffre" \
    "$COFFRE" pin "$T/out"
need "what was written is stored" drive_sync
check "fsck" line "$NAME : aucune erreur" "$COFFRE" fsck "$NAME"
exec 6>>"$M/é"
check "what the mount refuses" \
    says "1 fichier ou dossier est ouvert sur le coffre « $NAME »" \
    "$COFFRE" lock "$NAME"
exec 6>&-
mv "$T/store" "$T/away"
echo y >"$M/y"
sync_fails() {
	"$COFFRE" sync --wait=5 "$NAME" >"$T/sync" 2>&1
}
refuse "without the store nothing can be uploaded" sync_fails
check "what is wrong with the store" \
    says "  problème  le dépôt est injoignable" "$COFFRE" status
check "and what to do" says "  à faire   rien à faire : le travail continue" \
    "$COFFRE" status
check "with why" says "le dossier « $T/store » n'existe pas : son disque" \
    "$COFFRE" status
check "JSON is in English" same_out <(fr "$COFFRE" status --json |
    jq 'del(.sync.retry_in_ms, .usage.disk_free_bytes)') \
    <("$COFFRE" status --json |
    jq 'del(.sync.retry_in_ms, .usage.disk_free_bytes)')
check "with a problem in it" [ "$(fr "$COFFRE" status --json |
    jq -r .sync.problem | grep -c '^the store is not reached')" = 1 ]
mv "$T/away" "$T/store"
need "with the store it goes on" drive_sync

# ---- of a mount of that language ------------------------------------------

cd "$T" || exit 1
need "it is unmounted" drive_unmount
check "a wrong passphrase" says "phrase secrète erronée pour le coffre" \
    "$COFFRE" mount "$NAME" --passphrase-command "echo nix"
check "a mount point that is none, and what libc says of it" \
    says "point de montage « $T/recovery » : " "$COFFRE" mount "$NAME" \
    "$T/recovery" --passphrase-command "echo '$PASS'"
export LANGUAGE=fr
need "it is mounted in French" drive_mount
unset LANGUAGE
check "an English user is answered in English" \
    out "$T/en" "$COFFRE" status "$NAME"
check "throughout" grep -q "mounted on $T/mnt" "$T/en"
need "it is locked" "$COFFRE" lock "$NAME"
check "the note in a locked drive is French" grep -rq \
    "Le coffre .* est verrouillé" "$T/mnt"
check "locked" line "  à faire   « coffre unlock $NAME »" "$COFFRE" status
need "it is unlocked" coffre unlock "$NAME"
cd "$M" || exit 1

# ---- the wizard -----------------------------------------------------------

wizard() {
	fr env TERM=xterm DBUS_SESSION_BUS_ADDRESS="unix:path=$T/nobus" \
	    python3 "$TOP/tests/fs/wizard.py" "$T/$1.out" "$COFFRE" setup
}
number=$("$COFFRE" store presets --json | jq -rs '
    [.[] | select(.kind != "none")] | length + 1')
wizard_ends() {
	local rc=0
	wizard setup || rc=$?
	[ "$rc" -eq 75 ] || { cat "$T/setup.out"; return 1; }
}
check "the wizard asks in French, and takes a French yes" wizard_ends <<END
Nom du coffre sur cet ordinateur => a/b
ne peut pas être le nom d'un coffre => !wait
Nom du coffre sur cet ordinateur => autre
Où le coffre doit-il être conservé => !wait
Numéro => $number
chemin complet => $T/recovery/x
Cela ne fonctionne pas => !wait
autres réponses [oui] => oui
Numéro => $number
chemin complet => $T/other
Le dépôt fonctionne. => !wait
Dossier où montrer le coffre => !enter
Nouvelle phrase secrète => azerty
faible => !wait
quand même => n
Nouvelle phrase secrète => !^D
END
check "ended, it says so" grep -q "rien n'a été créé" "$T/setup.out"
refuse "the log is English" grep -qE 'coffre (unlock|sync)? »|dépôt' \
    "$T/daemon.log" "$T/state/coffre/$NAME/log"
fs_end
