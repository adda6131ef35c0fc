#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Check the include lines against the layers: which module may include which,
# and in which one folder each foreign library is used.
set -u
cd "$(dirname "$0")/.." || exit 1

awk '
BEGIN {
	# module: what it may include, besides itself
	may["util"] = ""
	may["crypto"] = "util"
	may["db"] = "util"
	may["net"] = "util"
	may["store"] = "net crypto util"
	may["vault"] = "crypto util"
	may["drive"] = "vault db crypto util"
	may["sync"] = "drive vault store db crypto net util"
	may["fs"] = "sync drive vault store db crypto net util"
	n = split("util crypto db net store vault drive sync fs", all, " ")
	for (i = 1; i <= n; i++)
		is_module[all[i]] = 1

	# foreign header: where it may be included
	lib["openssl/"] = "crypto net"
	lib["curl/"] = "net"
	lib["expat.h"] = "net fs"
	lib["jansson.h"] = "net fs"
	lib["sqlite3.h"] = "db drive"
	lib["fuse"] = "fs"
	lib["libssh/"] = "store"
}
function has(list, word) {
	return index(" " list " ", " " word " ") > 0
}
FNR == 1 {
	split(FILENAME, part, "/")
	me = part[1] == "common" ? part[2] : part[1]
	if (!(me in is_module)) {
		printf "%s: module \"%s\" is in no layer\n", FILENAME, me
		bad = 1
	}
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
	split($0, q, "\"")
	to = q[2]
	if (to !~ /\//) {
		printf "%s:%d: \"%s\" names no module\n", FILENAME, FNR, to
		bad = 1
		next
	}
	sub(/\/.*/, "", to)
	if (to != me && !has(may[me], to)) {
		printf "%s:%d: %s may not include %s\n", FILENAME, FNR, me,
		    q[2]
		bad = 1
	}
}
/^[ \t]*#[ \t]*include[ \t]*</ {
	split($0, q, /[<>]/)
	for (l in lib)
		if (index(q[2], l) == 1 && !has(lib[l], me)) {
			printf "%s:%d: <%s> belongs to %s\n", FILENAME, FNR,
			    q[2], lib[l]
			bad = 1
		}
}
END { exit bad }
' common/*/*.[ch] fs/*.[ch]
