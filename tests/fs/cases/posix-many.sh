#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Big folders, changing listings, locks, many processes at once.
. "$(dirname "$0")/../lib.sh"
fs_begin
"$PROGS/posix_many" >"$T/out" 2>&1
cat "$T/out"
posix_count "$T/out"
fs_end
