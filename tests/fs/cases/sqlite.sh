#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# SQLite databases under load, with both kinds of journal.
# Also over: webdav
. "$(dirname "$0")/../lib.sh"
fs_begin

cat >"$T/load.py" <<'PY'
import sqlite3, sys, random
path, mode, who, rounds = sys.argv[1:5]
db = sqlite3.connect(path, timeout=60, isolation_level=None)
got = db.execute("PRAGMA journal_mode=" + mode).fetchone()[0]
assert got == mode, got
db.execute("CREATE TABLE IF NOT EXISTS t(who, n, v)")
rng = random.Random(who)
for n in range(int(rounds)):
    db.execute("BEGIN IMMEDIATE")
    for k in range(10):
        db.execute("INSERT INTO t VALUES(?,?,?)",
                   (who, n, bytes(rng.randrange(256) for _ in range(200))))
    db.execute("DELETE FROM t WHERE who=? AND n=? AND rowid%3=0", (who, n - 5))
    db.execute("ROLLBACK" if n % 10 == 9 else "COMMIT")
db.close()
PY
load() {
	local who p=()
	# By one alone: SQLite does not wait for a lock to change the mode.
	sqlite3 "$1" "PRAGMA journal_mode=$2" >/dev/null || return 1
	for who in a b c; do
		python3 "$T/load.py" "$1" "$2" "$who" 60 &
		p+=("$!")
	done
	for who in "${p[@]}"; do
		wait "$who" || return 1
	done
}
is_whole() {
	[ "$(sqlite3 "$1" 'PRAGMA integrity_check')" = ok ]
}
rows() {
	sqlite3 "$1" "SELECT who, n, hex(v) FROM t ORDER BY 1, 2, 3" |
	    sort | sha256sum
}

check "three writers share a database with a rollback journal" \
    load roll.db delete
check "it is whole" is_whole roll.db
check "three writers share a database with a WAL" load wal.db wal
check "it is whole as well" is_whole wal.db
check "vacuum rewrites it" sqlite3 wal.db vacuum
check "it is whole after that" is_whole wal.db
check "a copy has the same rows" sh -c 'cp wal.db* "$1"/' sh "$R"
check "and the same content" test "$(rows wal.db)" = "$(rows "$R/wal.db")"

fs_end
