# SPDX-License-Identifier: GPL-3.0-or-later
#
# Of the makefile: what belongs to an installed program besides itself, the
# extensions for file managers, and packages.

ICONDIR ?= $(DATADIR)/icons/hicolor
APPDIR  ?= $(DATADIR)/applications
METADIR ?= $(DATADIR)/metainfo
ZSHDIR  ?= $(DATADIR)/zsh/site-functions
APPID   := org.coffre.Coffre

.PHONY: install-desktop extensions deb test-deb install-nautilus \
	install-caja install-nemo

install: install-desktop
install-desktop:
	install -d $(DESTDIR)$(MANDIR)/man7 $(DESTDIR)$(ZSHDIR) \
		$(DESTDIR)$(APPDIR) $(DESTDIR)$(METADIR) $(DESTDIR)$(LIBDIR) \
		$(DESTDIR)$(DATADIR)/kio/servicemenus \
		$(DESTDIR)$(ICONDIR)/scalable/apps \
		$(DESTDIR)$(ICONDIR)/symbolic/apps
	install -m 644 fs/coffre.7 $(DESTDIR)$(MANDIR)/man7/
	install -m 644 packaging/coffre.zsh $(DESTDIR)$(ZSHDIR)/_coffre
	install -m 644 packaging/$(APPID).desktop $(DESTDIR)$(APPDIR)/
	install -m 644 packaging/coffre-servicemenu.desktop \
		$(DESTDIR)$(DATADIR)/kio/servicemenus/$(APPID).desktop
	install -m 644 packaging/$(APPID).metainfo.xml $(DESTDIR)$(METADIR)/
	install -m 755 packaging/coffre-emblems $(DESTDIR)$(LIBDIR)/
	install -m 644 packaging/icons/coffre.svg \
		$(DESTDIR)$(ICONDIR)/scalable/apps/
	install -m 644 packaging/icons/coffre-symbolic.svg \
		$(DESTDIR)$(ICONDIR)/symbolic/apps/

# ---- the program that speaks to the keyring, where libsecret is there ----

KEYRING := $(shell pkg-config --exists libsecret-1 2>/dev/null && \
	echo $(B)/coffre-keyring)

all: $(KEYRING)
# The headers of others are not ours to keep free of warnings.
$(B)/coffre-keyring: packaging/keyring/keyring.c fs/keyring_exit.h $(B)/.flags
	@echo "  CCLD    $@"
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -I. $(WARN) $(HARD) $(OPT) \
		$(patsubst -I%,-isystem%,$(shell \
		pkg-config --cflags libsecret-1)) $(CPPFLAGS) $(CFLAGS) -pie \
		$(LDSAN) -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS) \
		-o $@ $< $(shell pkg-config --libs libsecret-1 gio-unix-2.0)

install: $(if $(KEYRING),install-keyring)
.PHONY: install-keyring
install-keyring: $(KEYRING)
	install -d $(DESTDIR)$(LIBDIR)
	install -m 755 $(B)/coffre-keyring $(DESTDIR)$(LIBDIR)/

# ---- the program that speaks to the desktop's buses, where GLib is there ----

DESKTOP := $(shell pkg-config --exists gio-unix-2.0 2>/dev/null && \
	echo $(B)/coffre-desktop)

all: $(DESKTOP)
# On a bus of its own it is what a desktop would be.
tools: $(if $(DESKTOP),$(B)/tests/desktop/double)

gioc     = -std=gnu11 -D_GNU_SOURCE -I. $(WARN) $(HARD) $(OPT) \
	$(patsubst -I%,-isystem%,$(shell pkg-config --cflags gio-unix-2.0)) \
	-DLOCALEDIR='"$(LOCALEDIR)"' $(CPPFLAGS) $(CFLAGS) -pie
giol     = $(LDSAN) -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS) \
	$(shell pkg-config --libs gio-unix-2.0)

$(B)/coffre-desktop: $(wildcard packaging/desktop/*.[ch]) \
		fs/desktop_words.h $(B)/.flags
	@echo "  CCLD    $@"
	$(Q)$(CC) $(gioc) -o $@ $(filter %.c,$^) $(giol)

$(B)/tests/desktop/double: tests/desktop/double.c $(B)/.flags
	@mkdir -p $(@D)
	@echo "  CCLD    $@"
	$(Q)$(CC) $(gioc) -o $@ $< $(giol)

install: $(if $(DESKTOP),install-helper)
.PHONY: install-helper
install-helper: $(DESKTOP)
	install -d $(DESTDIR)$(LIBDIR)
	install -m 755 $(B)/coffre-desktop $(DESTDIR)$(LIBDIR)/

# ---- extensions: one a file manager, where its -dev package is there ----

EXTDIR := packaging/extensions
EXTSRC := $(wildcard $(EXTDIR)/*.[ch] tests/extensions/*.[ch]) \
	packaging/desktop/notify.c packaging/desktop/notify.h
ext_nautilus := libnautilus-extension-4 gtk4 gmodule-2.0
ext_caja     := libcaja-extension gtk+-3.0 gmodule-2.0
ext_nemo     := libnemo-extension gtk+-3.0 gmodule-2.0
EXTS     = $(foreach m,nautilus caja nemo,$(shell \
	pkg-config --exists $(ext_$(m)) 2>/dev/null && echo $(m)))
# The headers of others are not ours to keep free of warnings.
extc     = -std=gnu11 -D_GNU_SOURCE $(WARN) -I$(EXTDIR) -I. $(HARD) \
	$(OPT) $(patsubst -I%,-isystem%,$(shell \
	pkg-config --cflags $(ext_$*))) -DLOCALEDIR='"$(LOCALEDIR)"' \
	$(CPPFLAGS) $(CFLAGS)
extl     = $(LDSAN) -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS) \
	$(shell pkg-config --libs $(ext_$*))

extensions:
	@$(SUB) $(foreach m,$(EXTS),$(B)/extensions/libcoffre-$(m).so \
		$(B)/extensions/host-$(m)) $(B)/extensions/words
	@echo "extensions built for: $(or $(EXTS),none (their -dev packages \
	are missing))"

$(B)/extensions/libcoffre-%.so: $(EXTDIR)/%.c $(EXTSRC) $(B)/.flags
	@mkdir -p $(@D)
	@echo "  CCLD    $@"
	$(Q)$(CC) $(extc) -fPIC -shared -Wl,-z,defs -Wl,-Bsymbolic -o $@ $< \
		$(EXTDIR)/mark.c $(EXTDIR)/look.c packaging/desktop/notify.c \
		$(extl)

# Stands in for the file manager in tests.
$(B)/extensions/host-%: tests/extensions/host.c $(EXTSRC) $(B)/.flags
	@mkdir -p $(@D)
	@echo "  CCLD    $@"
	$(Q)$(CC) $(extc) -pie -include $*.h -o $@ $< $(extl)

$(B)/extensions/words: tests/extensions/words.c $(EXTDIR)/mark.c \
		$(EXTDIR)/mark.h $(B)/.flags
	@mkdir -p $(@D)
	@echo "  CCLD    $@"
	$(Q)$(CC) -I$(EXTDIR) $(gioc) -o $@ $(filter %.c,$^) $(giol)

# Where each looks is its own matter.
install-nautilus: EXTTO = $(shell pkg-config --define-variable=prefix=$(PREFIX) \
	--variable=extensiondir libnautilus-extension-4)
install-caja: EXTTO = $(shell pkg-config --define-variable=prefix=$(PREFIX) \
	--variable=extensiondir libcaja-extension)
install-nemo: EXTTO = $(shell pkg-config --define-variable=prefix=$(PREFIX) \
	--variable=extensiondir libnemo-extension)
install-nautilus install-caja install-nemo: install-%: \
		$(B)/extensions/libcoffre-%.so
	@test -n '$(EXTTO)' || { echo "no folder of extensions" >&2; exit 1; }
	install -d $(DESTDIR)$(EXTTO)
	install -m 644 $< $(DESTDIR)$(EXTTO)/

# ---- packages ----

deb:
	@scripts/install-deps.sh --deb
	@B=$(B) scripts/make-deb.sh

# Built, looked at by lintian, and put on and off a clean system.
test-deb: deb
	@$(SUB) all tools extensions
	@B=$(abspath $(B)) tests/extensions/emblems.sh
	@B=$(B) tests/package/deb.sh
