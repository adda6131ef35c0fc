# SPDX-License-Identifier: GPL-3.0-or-later
#
# Of the makefile: catalogues of messages.  A catalogue packaging/po/LL.po
# whose name is in LINGUAS is compiled, checked and installed.

LOCALEDIR ?= $(DATADIR)/locale
LINGUAS := $(shell cat packaging/po/LINGUAS)
PO      := $(LINGUAS:%=packaging/po/%.po)
MO      := $(LINGUAS:%=$(B)/locale/%/LC_MESSAGES/coffre.mo)

all: $(MO)

# A value that is written otherwise than in the program fails here.
$(MO): $(B)/locale/%/LC_MESSAGES/coffre.mo: packaging/po/%.po
	@mkdir -p $(@D)
	@echo "  MSGFMT  $<"
	$(Q)msgfmt --check -o $@ $<

# What a text is traced back to; all catalogues have the same messages.
$(B)/po/formats.c: packaging/po/fr.po packaging/po/formats.awk
	@mkdir -p $(@D)
	$(Q)LC_ALL=C awk -f packaging/po/formats.awk $< > $@

$(B)/po/formats.o: $(B)/po/formats.c common/util/tr.h $(B)/.flags
	@echo "  CC      $<"
	$(Q)$(CC) $(ALLC) -c -o $@ $<

# Take new messages over from the source.
.PHONY: po install-po
po:
	@B=$(B) scripts/po.sh update

install: install-po
install-po: $(MO)
	for l in $(LINGUAS); do \
		install -d $(DESTDIR)$(LOCALEDIR)/$$l/LC_MESSAGES && \
		install -m 644 $(B)/locale/$$l/LC_MESSAGES/coffre.mo \
			$(DESTDIR)$(LOCALEDIR)/$$l/LC_MESSAGES/ || exit 1; \
	done
