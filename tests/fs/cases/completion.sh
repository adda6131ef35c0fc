#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What bash and zsh complete: every command, option and setting there is, the
# drives where one can stand, and no more; whatever the user's language.
. "$(dirname "$0")/../lib.sh"

is_plain && skip "is about the command line, not about POSIX"
T=$(mktemp -d "${TMPDIR:-/tmp}/coffre-fs.XXXXXX")
trap fs_cleanup EXIT
trap 'exit 143' TERM INT HUP
fs_home
mkdir -p "$T/bin" "$T/config/coffre" "$T/here"
ln -s "$COFFRE" "$T/bin/coffre"
touch "$T/config/coffre/home.conf" "$T/config/coffre/work.conf"
touch "$T/here/afile"
cd "$T/here" || exit 1
export PATH=$T/bin:$PATH

# Of each line the matches, one a line, and then an empty one.  Where there are
# none bash takes files, unless it was told not to.
cat >"$T/complete.bash" <<'EOT'
compopt() {
	[[ $* != "+o default" ]] || files=
}
. "$1"
shift
for line; do
	read -ra COMP_WORDS <<<"$line"
	[[ $line != *' ' ]] || COMP_WORDS+=('')
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=() files=afile
	_coffre
	[ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($files)
	printf '%s\n' "${COMPREPLY[@]}" | sed 's/=$//; /^$/d' | sort -u
	echo
done
EOT
in_bash() {
	bash "$T/complete.bash" "$TOP/packaging/coffre.bash" "$@"
}
in_zsh() {
	"$TOP/tests/fs/complete.zsh" "$TOP/packaging/coffre.zsh" "$@"
}

# ---- what there is ------------------------------------------------------------

help() {
	LC_ALL=C coffre "$@" --help
}
commands() {
	help "$@" | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p'
}
options() {
	help "$@" | sed '/^Options of -o/q' |
	    grep -oE '^  [- a-z,]*--[a-z-]+' | grep -oE -- '--[a-z-]+'
}
settings() {
	help mount | sed -n '/^Options of -o/,$ {
	    s/^  \([a-z_][a-z_]*\).*/\1/p
	}'
}
flat() {
	LC_ALL=C sort -u | tr '\n' ' ' | sed 's/ $//'
}

# LINE => MATCHES, all of them; -: none.
{
	echo "coffre unm => unmount"
	echo "coffre store  => $(commands store | flat)"
	{
		commands | grep -vx store
		commands store | sed 's/^/store /'
	} | while read -r c; do
		# shellcheck disable=SC2086
		echo "coffre $c -- => $(options $c | flat)"
	done
	cat <<-'EOT'
	coffre unmount  => home work
	coffre sync w => work
	coffre store add  => home work
	coffre status --json  => home work
	coffre init  => -
	coffre recover  => -
	coffre setup  => -
	coffre version  => -
	coffre init --store  => -
	coffre cache --limit  => -
	coffre recover --ca  => afile
	coffre autostart  => disable enable
	coffre keyring e => enable
	coffre places  => add remove
	coffre autostart enable  => home work
	coffre cache f => free
	coffre cache free  => afile
	coffre pin  => afile
	coffre store presets ovhc => ovhcloud
	EOT
	echo "coffre mount -o  => $(settings | flat)"
} >"$T/want"
mapfile -t LINES < <(sed 's/ => .*//' "$T/want")

# ---- what is completed ----------------------------------------------------------

# both SHELL: each line in one run.
both() {
	local sh=$1 line want got
	check "$sh completes what it is asked for" \
	    sh_out "$sh" "$T/$sh.out" "coffre " "${LINES[@]}"
	exec 7<"$T/$sh.out"
	got=$(paragraph)
	for line in $(commands); do
		check "$sh: the command $line" \
		    grep -qw -- "$line" <<<"$got"
	done
	while IFS= read -r line; do
		want=${line#* => }
		[ "$want" != - ] || want=
		got=$(paragraph)
		# What can be a drive or a file is both for zsh.
		[ "$sh" != zsh ] || [[ " $want " != *" home "* &&
		    " $want " != *" work "* ]] ||
			got=${got#afile }
		check "$sh: ${line%% => *}" same_words "$got" "$want"
	done <"$T/want"
	exec 7<&-
	sh_out "$sh" "$T/$sh.fr" "coffre store " "coffre mount -o " \
	    "coffre mount --"
}
sh_out() {
	local sh=$1 out=$2
	shift 2
	"in_$sh" "$@" >"$out"
}
# The next line's matches.
paragraph() {
	local l all=
	while read -r l <&7 && [ -n "$l" ]; do
		all="$all$l "
	done
	echo "${all% }"
}
same_words() {
	[ "$(tr ' ' '\n' <<<"$1" | flat)" = "$(tr ' ' '\n' <<<"$2" |
	    flat)" ] || { say "completed: $1"; say "wanted: $2"; return 1; }
}
# The same lines, however help is worded.
in_french() {
	LANGUAGE=fr LC_ALL=C.UTF-8 sh_out "$1" "$T/$1.french" \
	    "coffre store " "coffre mount -o " "coffre mount --" &&
	    diff "$T/$1.fr" "$T/$1.french"
}
both bash
check "bash: the same in French" in_french bash
if command -v zsh >/dev/null; then
	both zsh
	check "zsh: the same in French" in_french zsh
else
	skip_part "zsh: completion" "zsh is missing"
fi
fs_count
[ "$N_FAILED" -eq 0 ]
