# SPDX-License-Identifier: GPL-3.0-or-later
#
# Coffre.  A file put in the right folder is built, linked and run; nothing
# is registered.  Variants are this makefile with other flags in another
# directory:  make CC=clang B=build/tsan SAN=thread test-unit

PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/user
COMPDIR ?= $(PREFIX)/share/bash-completion/completions
DATADIR ?= $(PREFIX)/share
LIBDIR  ?= $(PREFIX)/lib/coffre
# Where mount(8) looks for helpers, whatever the prefix.
SBINDIR ?= /sbin
B       ?= build
VERSION := $(shell cat packaging/VERSION)

PKGS    := fuse3 libcurl libssl libcrypto sqlite3 expat jansson libssh
# Of these two not any version.
OLDEST  := 'fuse3 >= 3.14' 'libcurl >= 7.77'

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wformat=2 -Wundef -Wcast-qual -Wimplicit-fallthrough \
	-Wswitch-enum -Wpointer-arith -Wwrite-strings
ifneq (,$(findstring clang,$(CC)))
# uthash falls through in a macro; gcc checks the rest of us.
WARN += -Wthread-safety -Wno-implicit-fallthrough
endif
ifeq ($(WERROR),1)
WARN += -Werror
endif

HARD := -fstack-protector-strong -fPIE
ifdef SAN
HARD += -DSANITIZED
HARD += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
LDSAN := -fsanitize=$(SAN)
else
HARD += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif

OPT     ?= -O2 -g
PKGC    := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKGL    := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
ALLC    := -std=gnu11 -D_GNU_SOURCE -DFUSE_USE_VERSION=314 \
	-D_FILE_OFFSET_BITS=64 -DVERSION='"$(VERSION)"' -Icommon -I. \
	-DDATADIR='"$(DATADIR)"' -DLIBDIR='"$(LIBDIR)"' \
	$(WARN) $(HARD) $(OPT) $(PKGC) $(CPPFLAGS) $(CFLAGS)
ALLL    := -pie -Wl,-z,relro,-z,now $(LDSAN) $(LDFLAGS)
LIBS    := $(PKGL) -lpthread

LIBSRC  := $(wildcard common/*/*.c)
FSSRC   := $(wildcard fs/*.c)
TLIBSRC := $(wildcard tests/lib/*.c)
UNITSRC := $(wildcard tests/unit/test_*.c tests/store/test_*.c)
FUZZSRC := $(wildcard tests/fuzz/fuzz_*.c)
# Programs that the tests run: with the library, and with libc alone.
TOOLSRC := $(wildcard tests/tools/*.c tests/bench/*.c)
PROGSRC := $(wildcard tests/fs/*.c tests/crash/*.c)
# One program of several files, which stands around the library.
TORTSRC := $(wildcard tests/torture/*.c)
# One of several files with libc alone.
RANDSRC := $(wildcard tests/random/*.c)
LIBOBJ  := $(LIBSRC:%.c=$(B)/%.o) $(B)/po/formats.o
FSOBJ   := $(FSSRC:%.c=$(B)/%.o)
TLIBOBJ := $(TLIBSRC:%.c=$(B)/%.o)
UNITBIN := $(UNITSRC:%.c=$(B)/%)
FUZZBIN := $(FUZZSRC:%.c=$(B)/%)
TOOLBIN := $(TOOLSRC:%.c=$(B)/%)
PROGBIN := $(PROGSRC:%.c=$(B)/%)
TORTBIN := $(B)/tests/torture/torture
TORTOBJ := $(TORTSRC:%.c=$(B)/%.o) $(B)/tests/lib/tree_dump.o
RANDBIN := $(B)/tests/random/random
# Functions that it puts itself around.
comma := ,
TORTLD  := $(shell cat tests/torture/wrapped)
ALLSRC  := $(LIBSRC) $(FSSRC) $(TLIBSRC) $(UNITSRC) $(FUZZSRC) $(TOOLSRC) \
	$(PROGSRC) $(TORTSRC) $(RANDSRC) tests/fuzz/driver.c
HEADERS := $(wildcard common/*/*.h fs/*.h tests/lib/*.h tests/torture/*.h tests/random/*.h)

Q := @
ifeq ($(V),1)
Q :=
endif
SUB  := $(MAKE) -s --no-print-directory -j$(shell nproc)
RUN  := scripts/run-tests.sh
SANS := address,undefined

.PHONY: all lib tools units fuzzers torture install clean deps demo test \
	test-all \
	test-unit test-store test-fs test-crash fuzz fuzz-replay bench check \
	conform \
	check-headers check-lint check-san security FORCE
.SECONDARY:

all: $(B)/coffre $(B)/tests/merge_view
lib: $(B)/libcoffre.a
units: $(UNITBIN)
tools: $(TOOLBIN) $(PROGBIN) $(TORTBIN) $(RANDBIN)
torture: $(TORTBIN)
fuzzers: $(FUZZBIN)

# Every object depends on the flags it was built with.
$(B)/.flags: FORCE
	$(Q)pkg-config --print-errors --exists $(PKGS) $(OLDEST) || { \
		echo "libraries are missing or too old; run 'make deps'" >&2; \
		exit 1; }
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(CC) $(ALLC) $(ALLL)' | cmp -s - $@ || \
		echo '$(CC) $(ALLC) $(ALLL)' > $@

$(B)/%.o: %.c $(B)/.flags
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(ALLC) -MMD -MP -c -o $@ $<

# Transactions there begin with the lock or fail without it, which clang's
# analysis cannot follow.  Ranks are asserted, and TSan looks.
ifneq (,$(findstring clang,$(CC)))
$(B)/common/drive/%.o: ALLC += -Wno-thread-safety
endif

$(B)/libcoffre.a: $(LIBOBJ)
	@echo "  AR      $@"
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/coffre: $(FSOBJ) $(B)/libcoffre.a
	@echo "  LD      $@"
	$(Q)$(CC) $(ALLL) -o $@ $^ $(LIBS)

$(UNITBIN): $(B)/%: $(B)/%.o $(TLIBOBJ) $(B)/libcoffre.a
	@echo "  LD      $@"
	$(Q)$(CC) $(ALLL) -o $@ $^ $(LIBS) $(shell pkg-config --libs check)

$(TOOLBIN): $(B)/%: $(B)/%.o $(B)/libcoffre.a
	@echo "  LD      $@"
	$(Q)$(CC) $(ALLL) -o $@ $(filter %.o,$^) $(B)/libcoffre.a $(LIBS)

# The yardstick reads requests as the driver does.
$(B)/tests/bench/nullfs: $(B)/fs/loop.o

$(B)/tests/tools/fault_proxy $(B)/tests/tools/link_proxy: \
	$(B)/tests/lib/loopback.o

# The program, with another device's changes let in from outside.
$(B)/tests/tools/coffre_remote: $(FSOBJ)
$(B)/tests/tools/coffre_remote: ALLL += -Wl,--wrap=drive_set_notify
# The program, killed before a durable step; on a disk that takes no more.
$(B)/tests/tools/coffre_stop $(B)/tests/tools/coffre_full: $(FSOBJ)

# Reads vectors of the merge rules, also those of other implementations.
$(B)/tests/merge_view: $(B)/tests/tools/merge_view
	$(Q)ln -f $< $@

$(PROGBIN): $(B)/%: $(B)/%.o
	@echo "  LD      $@"
	$(Q)$(CC) $(ALLL) -o $@ $^ -lpthread

$(TORTBIN): $(TORTOBJ) $(B)/libcoffre.a
	@echo "  LD      $@"
	$(Q)$(CC) $(ALLL) $(TORTLD:%=-Wl$(comma)--wrap=%) -o $@ $^ $(LIBS)

$(RANDBIN): $(RANDSRC:%.c=$(B)/%.o)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALLL) -o $@ $^ -lpthread

# A fuzz target is linked with libFuzzer, or with a main that replays files.
ifdef LIBFUZZER
FUZZMAIN :=
FUZZLINK := -fsanitize=fuzzer
else
FUZZMAIN := $(B)/tests/fuzz/driver.o
endif
$(FUZZBIN): $(B)/%: $(B)/%.o $(FUZZMAIN) $(B)/libcoffre.a
	@echo "  LD      $@"
	$(Q)$(CC) $(ALLL) $(FUZZLINK) -o $@ $^ $(LIBS)

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 \
		$(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(UNITDIR) \
		$(DESTDIR)$(COMPDIR) $(DESTDIR)$(DATADIR)/coffre
	install -m 755 $(B)/coffre $(DESTDIR)$(BINDIR)/coffre
	install -m 644 fs/coffre.1 $(DESTDIR)$(MANDIR)/man1/
	install -m 644 fs/coffre.conf.5 $(DESTDIR)$(MANDIR)/man5/
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man8
	ln -sf $(BINDIR)/coffre $(DESTDIR)$(SBINDIR)/mount.coffre
	ln -sf $(BINDIR)/coffre $(DESTDIR)$(SBINDIR)/mount.fuse.coffre
	ln -sf $(BINDIR)/coffre $(DESTDIR)$(SBINDIR)/umount.coffre
	ln -sf $(BINDIR)/coffre $(DESTDIR)$(SBINDIR)/umount.fuse.coffre
	install -m 644 fs/mount.coffre.8 $(DESTDIR)$(MANDIR)/man8/
	ln -sf mount.coffre.8 $(DESTDIR)$(MANDIR)/man8/mount.fuse.coffre.8
	ln -sf mount.coffre.8 $(DESTDIR)$(MANDIR)/man8/umount.coffre.8
	ln -sf mount.coffre.8 $(DESTDIR)$(MANDIR)/man8/umount.fuse.coffre.8
	install -m 644 packaging/coffre@.service $(DESTDIR)$(UNITDIR)/
	install -m 644 packaging/coffre.bash $(DESTDIR)$(COMPDIR)/coffre
	install -m 644 packaging/presets $(DESTDIR)$(DATADIR)/coffre/

include packaging/package.mk
include packaging/po/po.mk

# What needs packages goes through a second make, which reads pkg-config anew.
deps:
	@scripts/install-deps.sh

demo:
	@scripts/install-deps.sh --build
	@$(SUB) all
	@COFFRE=$(B)/coffre scripts/demo.sh

# The same seeds each time; the suites by themselves, and prove, draw them.
test: export CRASH_SEED ?= 1
test: export RANDOM_SEED ?= 1
test: deps
	@$(SUB) all units tools extensions
	@$(SUB) B=$(B)/asan SAN=$(SANS) fuzzers
	@B=$(B) $(RUN) unit store fs crash fuzz

test-unit test-store test-fs test-crash: deps
	@$(SUB) all units tools extensions
	@B=$(B) $(RUN) $(@:test-%=%)

# Ceph, Keystone and the rest of Swift: much to install, minutes to run.
.PHONY: test-stores
test-stores:
	@scripts/install-deps.sh --stores
	@$(SUB) all units tools
	@B=$(B) tests/store/run.sh --heavy
	@B=$(B) tests/store/run.sh rclone rclone-sftp
	@B=$(B) CASES=recover ALSO_OVER="swift-s3 keystone ceph" $(RUN) fs
	@B=$(B) JOBS=1 FS_LIMIT=5400 FAULTS=all CASES=faults ALSO_OVER=swift \
		$(RUN) fs
	@B=$(B) FS_LIMIT=5400 FAULTS=all CASES=faults-sftp $(RUN) fs

# A desktop in a container: root, debootstrap, much to install, minutes to run.
# PARTS="login crash" picks parts.
.PHONY: test-desktop
test-desktop: deb
	@scripts/install-deps.sh --desktop
	@B=$(B) tests/desktop/run.sh $(PARTS)

fuzz-replay: deps
	@$(SUB) B=$(B)/asan SAN=$(SANS) fuzzers
	@B=$(B) $(RUN) fuzz

fuzz:
	@scripts/install-deps.sh --check
	@$(SUB) B=$(B)/fuzz CC=clang SAN=$(SANS),fuzzer-no-link LIBFUZZER=1 \
		fuzzers
	@B=$(B)/fuzz scripts/fuzz.sh

# Attacks by the store and by others: run them, write tests/SECURITY.md.
security: deps
	@$(SUB) all units tools
	@B=$(B) tests/security.sh write

# Programs of others on a mount beside the local disk.
conform: deps
	@scripts/install-deps.sh --conform
	@$(SUB) all tools
	@B=$(abspath $(B)) tests/conform/run.sh

# The long versions, one line a part.
.PHONY: prove
prove: deps
	@$(SUB) all units tools
	@EVIL_RUNS=300 $(B)/tests/unit/test_evil_sizes
	@$(SUB) -j1 security
	@B=$(B) JOBS=1 FS_LIMIT=5400 FAULTS=all CASES=faults ALSO_OVER=swift \
		$(RUN) fs
	@B=$(B) FS_LIMIT=5400 FAULTS=all CASES=faults-sftp $(RUN) fs
	@B=$(B) CRASH_RUNS=500 TORTURE_EVERY=1 STEPS_EVERY=1 \
		LIMIT_MOUNTS=1000 LIMIT_PAUSE=60 \
		LIMIT_WRITERS=10 LIMIT_MB=200 LIMIT_FILES=100000 \
		CRASH_LIMIT=86400 $(RUN) crash
	@B=$(abspath $(B)) tests/conform/prove-random.sh
	@$(SUB) -j1 fuzz
	@$(SUB) -j1 conform

bench:
	@scripts/install-deps.sh --bench
	@$(SUB) all tools
	@B=$(B) tests/bench/bench.sh $(BENCHFLAGS)

# Drives on real servers beside other programs on the same servers.
.PHONY: bench-stores
bench-stores:
	@scripts/install-deps.sh --stores --peers
	@$(SUB) all tools
	@B=$(B) tests/bench/stores.sh $(BENCHFLAGS)

check:
	@scripts/install-deps.sh --check
	@$(SUB) B=$(B)/gcc CC=gcc WERROR=1 all units tools fuzzers extensions
	@$(SUB) B=$(B)/clang CC=clang WERROR=1 all units tools fuzzers
	@scripts/check-layers.sh
	@scripts/check-style.sh
	@COFFRE=$(B)/gcc/coffre scripts/check-docs.sh
	@$(SUB) check-headers check-lint
	@echo "check: all clean"

check-headers:
	$(Q)for h in $(HEADERS); do \
		$(CC) $(ALLC) -Werror -fsyntax-only -x c $$h || exit 1; \
	done

check-lint:
	$(Q)scripts/check-lint.sh $(ALLC)

# Unit tests, and the cases on a mount that stir most.
SANFS := posix-many posix-content cache git killed
check-san:
	@scripts/install-deps.sh --check
	@$(SUB) tools
	@$(SUB) B=$(B)/asan SAN=$(SANS) all units
	@B=$(B)/asan $(RUN) unit
	@B=$(B) COFFRE=$(B)/asan/coffre CASES="$(SANFS)" $(RUN) fs
	@$(SUB) B=$(B)/tsan CC=clang SAN=thread all units
	@B=$(B)/tsan setarch -R $(RUN) unit
	@B=$(B) COFFRE=$(B)/tsan/coffre CASES="$(SANFS)" setarch -R $(RUN) fs

clean:
	rm -rf $(B)

-include $(ALLSRC:%.c=$(B)/%.d)
