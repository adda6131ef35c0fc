#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Content by every way in: write, mmap, direct, holes, copies.
# Also over: webdav
. "$(dirname "$0")/../lib.sh"
fs_begin
"$PROGS/posix_content" >"$T/out" 2>&1
cat "$T/out"
posix_count "$T/out"
fs_end
