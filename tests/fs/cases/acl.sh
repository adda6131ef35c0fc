#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# POSIX ACLs are kept, handed on and obeyed.
. "$(dirname "$0")/../lib.sh"
fs_begin

nobody() {
	setpriv --reuid="$NOBODY" --regid="$NOBODY" --clear-groups -- "$@" \
	    2>/dev/null
}
group12() {
	setpriv --reuid="$NOBODY" --regid=12 --clear-groups -- "$@" \
	    2>/dev/null
}
entry() {
	getfacl -pcn "$1" | grep -qx "$2"
}
mode() {
	[ "$(stat -c %a "$1")" = "$2" ]
}

echo secret >f
chmod 600 f
refuse "without an ACL the other user gets nothing" nobody cat f
check "an entry for a user is set" setfacl -m "u:$NOBODY:rw" f
check "it is shown" entry f "user:$NOBODY:rw-"
check "the mode shows the mask" mode f 660
check "the other user may read now" nobody cat f
check "and write" nobody sh -c 'echo more >>f'
check "the mask takes rights away" setfacl -m m::r f
refuse "so that writing fails" nobody sh -c 'echo more >>f'
check "chmod of the group sets the mask" chmod g=rw f
check "an entry for a group is set" setfacl -x "u:$NOBODY" -m g:12:r f
check "its members may read" group12 cat f
refuse "and not write" group12 sh -c 'echo x >>f'
refuse "others may not" nobody cat f
check "all entries are removed" setfacl -b f
refuse "then nobody may read" group12 cat f
check "a small ACL is just a mode" mode f 600

mkdir d
chmod 755 d
check "a default ACL is set" setfacl -d -m "u:$NOBODY:rwx,g::rx,o::-" d
umask 077
echo x >d/file
mkdir d/sub
check "a new file gets it" entry d/file "user:$NOBODY:rwx.*"
check "in place of the umask" nobody cat d/file
check "a new folder hands it on" entry d/sub "default:user:$NOBODY:rwx"
echo y >d/sub/deep
check "two levels down it holds" nobody cat d/sub/deep
umask 022
refuse "an ACL of another user's file cannot be set" \
    nobody setfacl -m "u:$NOBODY:rwx" f
cp -a d d2
check "cp -a keeps them" same "$M/d" "$M/d2"
check "a default ACL is removed" setfacl -k d
refuse "and is gone" entry d "default:user:$NOBODY:rwx"

fs_end
