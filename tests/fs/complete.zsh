#!/usr/bin/env zsh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What zsh completes a line to: complete.zsh FILE LINE..., in an interactive
# shell behind a terminal of its own, which FILE's folder is added to.  Of each
# line the matches, one a line, and then an empty one.
emulate -R zsh
zmodload zsh/zpty || exit 77
dir=$(mktemp -d) || exit 1
trap "rm -rf $dir" EXIT
cp $1 $dir/_coffre
shift
cat >$dir/rc <<'RC'
PS1= PS2= RPS1=
unsetopt beep
# It would ask before it lists that many.
LISTMAX=1000
fpath=($DIR $fpath)
autoload -U compinit && compinit -u -D
bindkey -e
bindkey '^I' complete-word
# Matches are noted before they are added; that they are looked up in an array
# (-O, -A, -D) is no completion.
compadd() {
	local -a found
	if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
		builtin compadd -A found "$@"
		(( ! $#found )) || print -rl -- ${^found} >>$DIR/out
	fi
	builtin compadd "$@"
}
over() {
	comppostfuncs=(over)
	: >$DIR/over
}
comppostfuncs=(over)
: >$DIR/ready
RC
zpty z "DIR=$dir TERM=dumb zsh -f -i" || exit 1
zpty -w z ". $dir/rc"
# What it writes is taken off, or it would not go on.
wait_for() {
	local end=$(( SECONDS + 60 )) junk
	while [[ ! -e $1 ]]; do
		while zpty -r -t z junk; do :; done
		(( SECONDS < end )) || { print -u2 "no answer: $junk"; exit 1 }
		sleep 0.05
	done
	rm $1
}
wait_for $dir/ready
for line; do
	: >$dir/out
	zpty -w -n z "$line"$'\t'
	wait_for $dir/over
	sort -u $dir/out
	print
	zpty -w -n z $'\C-u'
done
zpty -d z
