#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A C project is built on the mount, again with nothing changed, and runs.
# Also over: webdav
. "$(dirname "$0")/../lib.sh"
fs_begin

make_project() {
	local i
	mkdir p && cd p || return 1
	{
		echo 'OBJ :='
		for i in $(seq 50); do
			echo "OBJ += f$i.o"
		done
		echo 'prog: main.o libf.a; $(CC) -o $@ main.o libf.a'
		echo 'libf.a: $(OBJ); rm -f $@; ar rcs $@ $(OBJ)'
		echo '%.o: %.c f.h; $(CC) -O1 -g -c -o $@ $<'
	} >Makefile
	for i in $(seq 50); do
		echo "int f$i(int x) { return x + $i; }" >"f$i.c"
		echo "int f$i(int);" >>f.h
	done
	{
		echo '#include "f.h"'
		echo '#include <stdio.h>'
		echo 'int main(void) { int x = 0;'
		for i in $(seq 50); do
			echo "x = f$i(x);"
		done
		echo 'return printf("%d", x) < 0; }'
	} >main.c
}
nothing_to_make() {
	make -q prog
}
runs() {
	[ "$(./prog)" = 1275 ]
}

need "a project is written" make_project
check "it is built" make -s -j2 prog
check "it runs from the mount" runs
check "make finds nothing to do" nothing_to_make
touch f7.c
refuse "make sees a touched file" make -q prog
check "it is built again" make -s -j2 prog
check "it is stripped in place" strip prog
check "it still runs" runs
check "make clean by hand" rm -f ./*.o libf.a prog

fs_end
