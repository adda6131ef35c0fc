# SPDX-License-Identifier: GPL-3.0-or-later
# bash completion for coffre(1).  Commands, options and settings are asked of
# the program itself; drives are the configuration files.

# In the language that is read here.
_coffre_help()
{
	LC_ALL=C coffre "$@" --help 2>/dev/null
}

_coffre_commands()
{
	_coffre_help "$@" | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p'
}

# Settings behind -o: what follows the line "Options of -o".
_coffre_settings()
{
	_coffre_help "$@" | sed -n '/^Options of -o/,$ {
		s/^  \([a-z_]*=\).*/\1/p
		s/^  \([a-z_]*\)\( .*\)*$/\1/p
	}'
}

_coffre_drives()
{
	local f

	for f in "${XDG_CONFIG_HOME:-$HOME/.config}"/coffre/*.conf; do
		f=${f##*/}
		[ "$f" = '*.conf' ] || echo "${f%.conf}"
	done
}

_coffre_providers()
{
	coffre store presets --json 2>/dev/null |
	    sed -n 's/^{"id":"\([^"]*\)".*/\1/p' | sort -u
}

_coffre()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local cmd=("${COMP_WORDS[1]-}") usage words i

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_coffre_commands) \
		    --help --version" -- "$cur")
		return
	fi
	# A command may have commands of its own.
	usage=$(_coffre_help "${cmd[0]}" | head -n 1)
	if [[ $usage == *" COMMAND "* ]]; then
		if [ "$COMP_CWORD" -eq 2 ]; then
			mapfile -t COMPREPLY < <(compgen -W \
			    "$(_coffre_commands "${cmd[0]}")" -- "$cur")
			return
		fi
		cmd+=("${COMP_WORDS[2]}")
		usage=$(_coffre_help "${cmd[@]}" | head -n 1)
	fi
	if [[ $prev == -o || $prev == --options ]]; then
		i=
		[[ $cur != *,* ]] || i=${cur%,*},
		mapfile -t COMPREPLY < <(compgen -P "$i" -W \
		    "$(_coffre_settings "${cmd[@]}")" -- "${cur##*,}")
		compopt -o nospace
		return
	fi
	case $prev in
	--*-file|--ca|--key) return ;;	# a file, by default
	--*)
		# One blank, and what it wants.
		if _coffre_help "${cmd[@]}" | grep -q -- "^  .*$prev [^ ]"; then
			compopt +o default
			return
		fi
		;;
	esac
	if [[ $cur == -* ]]; then
		words=$(_coffre_help "${cmd[@]}" |
		    sed -n 's/^  \(-[a-z], \)* *\(--[a-z-]*\).*/\2/p')
	elif [[ ${cmd[0]} == @(autostart|keyring) && $COMP_CWORD -eq 2 ]]; then
		words='enable disable'
	elif [[ ${cmd[0]} == places && $COMP_CWORD -eq 2 ]]; then
		words='add remove'
	elif [ "${cmd[*]}" = "store presets" ]; then
		words=$(_coffre_providers)
	elif [[ ${cmd[0]} == pin || ${cmd[0]} == unpin ]] ||
	    [[ ${cmd[0]} == cache && ${COMP_WORDS[2]} == free &&
	    $COMP_CWORD -gt 2 ]]; then
		return		# files, by default
	elif [ "${cmd[*]}" = cache ]; then
		words="free $(_coffre_drives)"
	elif [[ $usage == *NAME* && ${cmd[0]} != @(init|recover) ]]; then
		words=$(_coffre_drives)
	else
		compopt +o default
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -o default -F _coffre coffre
