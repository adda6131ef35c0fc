#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What a drive says of where its stores may be: asked before one is added, told
# of those that are there already, which are mounted all the same.  And what is
# told of a store that is made or added.
. "$(dirname "$0")/../lib.sh"
fs_prepare
is_plain && skip "is about stores, not about POSIX"

# Addresses that nobody has.
export COFFRE_PRESETS=$T/presets
cat >"$COFFRE_PRESETS" <<'END'
[cloud swift]
name = A cloud
args = region project container
url = swift://{user}auth.cloud.invalid/{container}{prefix}?region={region}&project_id={project}
regions = R1:FR R2:CA
law = FR
technology = OpenStack Swift
qualification = SecNumCloud for R1, as its documentation said in August 2026

[plain sftp]
name = A host
args = host
url = sftp://{user}{host}{prefix}
END

rule() {
	sed -i '/^countries\|^laws\|^providers/d' "$T/config/coffre/$NAME.conf"
	echo "$1" >>"$T/config/coffre/$NAME.conf"
}
# By a rule, that is; it does not work either way.
is_refused() {
	local why=$1
	shift
	fails "$COFFRE" store add "$NAME" --password-fd 8 "$@" 8<<<secret \
	    2>"$T/said" || return 1
	cat "$T/said"
	grep -q "the drive's rule is '.*$why" "$T/said"
}
is_let_in() {
	fails "$COFFRE" store add "$NAME" --password-fd 8 "$@" 8<<<secret \
	    2>"$T/said" || return 1
	cat "$T/said"
	fails grep -q "rule" "$T/said"
}
swift() {
	echo "swift:anna@cloud/$1/p/box"
}
# shellcheck disable=SC2088
sftp=(sftp://anna@host.invalid/~/x
    --pin "SHA256:$(printf 'a%.0s' {1..43})")

rule 'countries = FR'
check "a region in another country is refused" is_refused 'countries = FR' \
    "$(swift R2)"
check "whatever is said of it" is_refused 'countries = FR' "$(swift R2)" \
    --country FR
check "also behind a short form" is_refused 'countries = FR' \
    "$(swift R1)?region=R2" --country FR
check "one in the country is let in" is_let_in "$(swift R1)"
check "a host of which nothing is known is refused" is_refused \
    "'--country'" "${sftp[@]}"
check "unless it is said" is_let_in "${sftp[@]}" --country FR
rule 'laws = FR'
check "a law is known of a provider" is_let_in "$(swift R2)"
check "not of a host" is_refused "'--law'" "${sftp[@]}"
check "unless it is said" is_let_in "${sftp[@]}" --law FR
rule 'providers = cloud,me'
check "a provider is known by its host" is_let_in "$(swift R2)"
check "others are not" is_refused "'--provider'" "${sftp[@]}"
check "unless it is said" is_let_in "${sftp[@]}" --provider me

# What is there already.
check "a second store is added" coffre store add "$NAME" "dir:$T/disk" \
    2>"$T/said"
check "and what it does is told, line by line" \
    grep -q "^coffre: dir:$T/disk: refuses to write over" "$T/said"
check "as of a new drive's" coffre init --store "dir:$T/another" \
    --recovery-file "$T/recovery2" another 2>"$T/said"
check "which is told, too" \
    grep -q "^coffre: dir:$T/another: refuses to write over" "$T/said"
rule 'countries = FR'
conf=$T/config/coffre/$NAME.stores/2.conf
printf 'store = %s\npin = %s\n' "${sftp[0]}" "${sftp[2]}" >"$conf"
need "a store that breaks a rule is no reason not to mount" drive_mount
M=$T/mnt/work
mkdir "$M" && echo 1 >"$M/1"
told() {
	drive_status '.notes[]' | grep -q "$1"
}
check "but is told of" told \
    '^store 2 breaks a rule of this drive: the country of this store is not'
refuse "a folder is not" told '^store 1 '
check "in words, too" grep -q 'note .*store 2 breaks a rule' \
    <<<"$("$COFFRE" status "$NAME")"
check "what is written is stored on the other" drive_sync
check "and says which has it" test \
    "$(getfattr --only-values -n user.coffre.state "$M/1")" = "stored, on 1 \
of 2 stores for certain, perhaps not yet on sftp://host.invalid/~/x"
echo 'country = FR' >>"$conf"
refuse "when it is known where it is, it is not told of" told '^store '
check "store list has that" test "$("$COFFRE" store list --json "$NAME" |
    jq -r 'select(.number == 2) | .country')" = FR
sed -i 's/^country .*/country = CA/' "$conf"
check "where it should not be, it is" told 'is CA, and'

# What is known of providers.
"$COFFRE" store presets >"$T/list"
check "whose technology it is stands in the list" \
    grep -q '^  technology  *OpenStack Swift$' "$T/list"
check "and what was declared, where and when" grep -q \
    '^  declared qualification  *SecNumCloud for R1, as .* August 2026$' \
    "$T/list"
check "or that nothing was" grep -q '^  declared qualification  *none declared$' \
    "$T/list"
need "it is unmounted" drive_unmount
rm "$conf"
rule ''
need "it is mounted" drive_mount
fs_end
