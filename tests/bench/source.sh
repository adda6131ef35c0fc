# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Sourced by bench.sh: a source tree is unpacked, asked for its status and
# built.  The tree is made of headers of /usr/include and of generated C
# files, each of which includes some of them through a folder of its own.
# shellcheck disable=SC2153,SC2154

source_make() {
	local d=$T/src

	mkdir -p "$d/system" "$d/lib" || return 1
	find /usr/include -type f -name '*.h' | LC_ALL=C sort |
		head -n "$src_headers" | tar cf - -T - 2>>"$LOG" |
		tar xf - -C "$d/system" || return 1
	python3 - "$d/lib" "$src_files" <<'PY' || return 1
import os, sys
top, n = sys.argv[1], int(sys.argv[2])
body = "".join("""
static int
step%d(int x, const char *s)
{
	size_t n = strlen(s);
	char b[64];

	(void)snprintf(b, sizeof(b), "%%d %%zu", x, n);
	return x * %d + (int)strlen(b);
}
""" % (i, i + 3) for i in range(12))
for i in range(n):
    d = os.path.join(top, "part%02d" % (i // 25))
    os.makedirs(d, exist_ok=True)
    with open(os.path.join(d, "unit%d.h" % i), "w") as f:
        f.write("int unit%d(int x);\n" % i)
    with open(os.path.join(d, "unit%d.c" % i), "w") as f:
        f.write("#include <stdio.h>\n#include <string.h>\n")
        for k in range(max(0, i - 5), i + 1):
            f.write('#include "part%02d/unit%d.h"\n' % (k // 25, k))
        f.write(body + "\nint\nunit%d(int x)\n{\n\treturn %s;\n}\n" % (i,
                " + ".join('step%d(x, "%d")' % (k, i) for k in range(12))))
with open(os.path.join(top, "main.c"), "w") as f:
    f.write("".join('#include "part%02d/unit%d.h"\n' % (i // 25, i)
                    for i in range(n)))
    f.write("\nint\nmain(void)\n{\n\tint x = 0;\n\n%s\treturn x == 1;\n}\n" %
            "".join("\tx += unit%d(x);\n" % i for i in range(n)))
with open(os.path.join(top, "Makefile"), "w") as f:
    f.write("S := main.c $(wildcard part*/*.c)\n"
            "prog: $(S:.c=.o)\n\t$(CC) -o $@ $^\n"
            "%.o: %.c\n\t$(CC) -I. -O1 -MMD -c -o $@ $<\n"
            "-include $(S:.c=.d)\n")
PY
	tar cf "$T/src.tar" -C "$T" src
	rm -rf "$d"
}

# Two reads of the clock around a command; its rate is one per second.
source_timed() {
	local work=$1 peer=$2 t0
	shift 2
	t0=$(clock)
	"$@" >>"$LOG" 2>&1 || return 1
	value "$work" "$peer" "$(seconds "$t0" "$(clock)")"
}

source_git() {
	git -C "$1" -c core.fsync=none -c gc.auto=0 "${@:2}"
}

source_peer() {
	local peer=$1 d
	d=$(where "$peer")

	cat "$T/src.tar" >/dev/null
	source_timed tarx "$peer" tar xf "$T/src.tar" -C "$d" || return 1
	if wanted gitstatus; then
		source_git "$d/src" init -q && source_git "$d/src" add -A &&
		    source_git "$d/src" -c user.name=b -c user.email=b@b \
		    commit -qm all && sleep 1.1 &&
		    source_git "$d/src" status --porcelain || return 1
		[ "$peer" != coffre ] || settle
		cold
		source_timed gitstatus "$peer" source_git "$d/src" status \
		    --porcelain || return 1
	fi
	if wanted build; then
		[ "$peer" != coffre ] || settle
		source_timed build "$peer" make -s -j2 -C "$d/src/lib" ||
			return 1
		"$d/src/lib/prog" || return 1
	fi
	rm -rf "$d/src"
	[ "$peer" != coffre ] || settle
	sync
}

source_part() {
	local round peer rc=0
	tell "a source tree is made"
	source_make && drive_new source >>"$LOG" 2>&1 || return 1
	mkdir "$T/mnt/work" && peers_start nonull >>"$LOG" 2>&1 || return 1
	for round in $(seq "$rounds"); do
		for peer in $peers; do
			tell "round $round of $rounds: source tree, $peer"
			source_peer "$peer" >>"$LOG" 2>&1 || rc=1
		done
	done
	peers_stop
	drive_unmount >>"$LOG" 2>&1 && return "$rc"
}
