#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A million random operations against the model (RANDOM_SEED repeats a run).
set -eu
export RANDOM_OPS=${RANDOM_OPS:-250000} RANDOM_WORKERS=4 \
    RANDOM_SECONDS=${RANDOM_SECONDS:-7200} RANDOM_WHOLE=1 \
    RANDOM_REMOUNT=10000 \
    RANDOM_SHRINK=600 RANDOM_SAVE="${B:-build}/random.ops"
exec "$(dirname "$0")/../fs/cases/random.sh"
