# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Sourced by the tests of packages: one check a line, and how many in the end.
passed=0
failed=0

# check WHAT COMMAND...
check() {
	local what=$1
	shift
	if "$@"; then
		echo "ok - $what"
		passed=$((passed + 1))
	else
		echo "not ok - $what ($*)"
		failed=$((failed + 1))
	fi
}
fails() {
	! "$@"
}
finish() {
	echo "Checks: $((passed + failed)), Failures: $failed, Errors: 0"
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
	exit
}
