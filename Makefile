# SPDX-License-Identifier: GPL-3.0-or-later
#
# Coffre.  A file put in the right folder is built, linked and run; nothing
# is registered.  Variants are this makefile with other flags in another
# directory:  make CC=clang B=build/tsan SAN=thread test-unit

PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
B       ?= build
VERSION := $(shell cat packaging/VERSION)

PKGS    := fuse3 libcurl libcrypto sqlite3 expat jansson

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wformat=2 -Wundef -Wcast-qual -Wimplicit-fallthrough \
	-Wswitch-enum -Wpointer-arith -Wwrite-strings
ifneq (,$(findstring clang,$(CC)))
WARN += -Wthread-safety
endif
ifeq ($(WERROR),1)
WARN += -Werror
endif

HARD := -fstack-protector-strong -fPIE
ifdef SAN
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
	$(WARN) $(HARD) $(OPT) $(PKGC) $(CPPFLAGS) $(CFLAGS)
ALLL    := -pie -Wl,-z,relro,-z,now $(LDSAN) $(LDFLAGS)
LIBS    := $(PKGL) -lpthread

LIBSRC  := $(wildcard common/*/*.c)
FSSRC   := $(wildcard fs/*.c)
TLIBSRC := $(wildcard tests/lib/*.c)
UNITSRC := $(wildcard tests/unit/test_*.c tests/store/test_*.c)
TOOLSRC := $(wildcard tests/tools/*.c tests/bench/*.c tests/fs/*.c \
	tests/crash/*.c)
LIBOBJ  := $(LIBSRC:%.c=$(B)/%.o)
FSOBJ   := $(FSSRC:%.c=$(B)/%.o)
TLIBOBJ := $(TLIBSRC:%.c=$(B)/%.o)
UNITBIN := $(UNITSRC:%.c=$(B)/%)
TOOLBIN := $(patsubst %.c,$(B)/tests/%,$(notdir $(TOOLSRC)))
ALLOBJ  := $(LIBOBJ) $(FSOBJ) $(TLIBOBJ) $(UNITSRC:%.c=$(B)/%.o) \
	$(TOOLSRC:%.c=$(B)/%.o)

Q := @
ifeq ($(V),1)
Q :=
endif

.PHONY: all lib tools units install clean FORCE
.SECONDARY:

all: $(B)/coffre
lib: $(B)/libcoffre.a
units: $(UNITBIN)
tools: $(TOOLBIN)

# Every object depends on the flags it was built with.
$(B)/.flags: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(CC) $(ALLC) $(ALLL)' | cmp -s - $@ || \
		echo '$(CC) $(ALLC) $(ALLL)' > $@

$(B)/%.o: %.c $(B)/.flags
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(ALLC) -MMD -MP -c -o $@ $<

$(B)/libcoffre.a: $(LIBOBJ)
	@echo "  AR      $@"
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/coffre: $(FSOBJ) $(B)/libcoffre.a
	@echo "  LD      $@"
	$(Q)$(CC) $(ALLL) -o $@ $^ $(LIBS)

$(UNITBIN): $(B)/%: $(B)/%.o $(TLIBOBJ) $(B)/libcoffre.a
	@echo "  LD      $@"
	$(Q)$(CC) $(ALLL) -o $@ $^ $(LIBS) $(shell pkg-config --libs check)

define TOOL
$(B)/tests/$(notdir $(1:.c=)): $(B)/$(1:.c=.o) $(B)/libcoffre.a
	@echo "  LD      $$@"
	$$(Q)$$(CC) $$(ALLL) -o $$@ $$^ $$(LIBS)
endef
$(foreach t,$(TOOLSRC),$(eval $(call TOOL,$(t))))

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 \
		$(DESTDIR)$(MANDIR)/man5
	install -m 755 $(B)/coffre $(DESTDIR)$(BINDIR)/coffre
	install -m 644 fs/coffre.1 $(DESTDIR)$(MANDIR)/man1/
	install -m 644 fs/coffre.conf.5 $(DESTDIR)$(MANDIR)/man5/

clean:
	rm -rf $(B)

-include $(ALLOBJ:.o=.d)
