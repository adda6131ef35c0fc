#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Names, links and renames as POSIX and Linux want them.
# Also over: webdav
. "$(dirname "$0")/../lib.sh"
fs_begin
"$PROGS/posix_names" >"$T/out" 2>&1
cat "$T/out"
posix_count "$T/out"
fs_end
