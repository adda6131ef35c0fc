#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The stores of clouds, as far as every run of the tests can bear: the S3
# double that refuses what is not canonical, in its moods, and Debian's Swift.
# The others: tests/store/run.sh --heavy.
exec "$(dirname "$0")/run.sh" strict strict-sts strict-sig2 strict-lock swift
