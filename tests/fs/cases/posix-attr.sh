#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Times, modes, owners, xattrs and who may do what.
. "$(dirname "$0")/../lib.sh"
fs_begin
"$PROGS/posix_attr" >"$T/out" 2>&1
cat "$T/out"
posix_count "$T/out"
fs_end
