# SPDX-License-Identifier: GPL-3.0-or-later
#
# Of a catalogue (.po): the messages with values in them, as an array of C.
# Strings there are written as in C, but for the names of some macros.
function flush() {
	if (id ~ /%/ && !old)
		print "\t{ " c(id) ", " (many ? c(many) : "NULL") " },"
	id = many = ""
	where = old = 0
}
function c(s) {
	gsub(/<PRI/, "\" PRI", s)
	gsub(/PRI[a-z0-9]+>/, "& \"", s)
	gsub(/> "/, " \"", s)
	return "\"" s "\""
}
BEGIN {
	print "#include <inttypes.h>\n"
	print "#include \"util/tr.h\"\n"
	print "const struct tr_format tr_formats[] = {"
}
/^#~/ { old = 1 }
/^msgid_plural / { where = 2; sub(/^msgid_plural /, "") }
/^msgid / { flush(); where = 1; sub(/^msgid /, "") }
/^msgstr/ { where = 0 }
where && /^"/ {
	sub(/^"/, "")
	sub(/"$/, "")
	if (where == 1)
		id = id $0
	else
		many = many $0
}
END {
	flush()
	print "};"
	print "const size_t tr_nformats = sizeof(tr_formats) / " \
	    "sizeof(*tr_formats);"
}
