# SPDX-License-Identifier: GPL-3.0-or-later
# bash completion for coffre(1).  Commands and options are asked of the
# program itself; drives are the configuration files.
_coffre()
{
	local cur=${COMP_WORDS[COMP_CWORD]} cmd=${COMP_WORDS[1]-} words
	local conf=${XDG_CONFIG_HOME:-$HOME/.config}/coffre f

	if [ "$COMP_CWORD" -eq 1 ]; then
		words=$(coffre --help 2>/dev/null |
		    sed -n 's/^  \([a-z][a-z]*\) .*/\1/p')
	elif [[ $cur == -* ]]; then
		words=$(coffre "$cmd" --help 2>/dev/null |
		    grep -oE -- '--[a-z][a-z-]+')
	else
		for f in "$conf"/*.conf; do
			f=${f##*/}
			words+=" ${f%.conf}"
		done
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -o default -F _coffre coffre
