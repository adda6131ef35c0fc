#compdef coffre
# SPDX-License-Identifier: GPL-3.0-or-later
# zsh completion for coffre(1).  Commands, options and settings are asked of
# the program itself; drives are the configuration files.

# In the language that is read here; what is shown is in the user's.
_coffre_help()
{
	LC_ALL=C coffre "$@" --help 2>/dev/null
}

# Lines "  name   what it does" as NAME:WHAT.
_coffre_commands()
{
	local -a list

	list=(${(f)"$(coffre "$@" --help 2>/dev/null |
	    sed -n 's/^  \([a-z][a-z]*\)  *\(.*\)/\1:\2/p')"})
	_describe -t commands command list
}

# One line an option, in the words of _arguments; a help text that stands on
# the next line is joined first.
_coffre_options()
{
	coffre "$@" --help 2>/dev/null | sed -n '/^[^ ].* -o[ ,]/q
	    /^  .*--[a-z]/ {
		/^  [^ ].*  [^ ]/b out
		/^ *--[^ ]* [^ ]*  /b out
		/^ *--[^ ]*  /b out
		N
		s/\n  */  /
		:out
		p
	    }' | while read -r line; do
		local what=${line##*  } left=${line%%  *} short= arg=
		what=${${what//\[/(}//\]/)}
		what=${what//:/\\:}
		if [[ $left == -?,\ * ]]; then
			short=${left[1,2]}
			left=${left#*, }
		fi
		case $left in
		*\ *)
			arg=":${left#* }:"
			left=${left%% *}
			case $left in
			--options) arg+=" _coffre_settings $*" ;;
			--*-file|--ca|--key) arg+=_files ;;
			*) arg+=' ' ;;
			esac
			;;
		*\[=*)
			left=${left%%\[*}
			;;
		esac
		[[ -z $short ]] || print -r -- "$short""[$what]$arg"
		print -r -- "$left""[$what]$arg"
	done
}

_coffre_settings()
{
	local -a list

	list=(${(f)"$(coffre "$1" --help 2>/dev/null |
	    sed -n '/^[^ ].* -o[ ,]/,$ {
		s/^  \([a-z_][a-z_]*\)=[^ ]*  *\(.*\)/\1[\2]:value: /p
		s/^  \([a-z_][a-z_]*\)  *\(.*\)/\1[\2]/p
	    }')"})
	_values -s , setting $list
}

_coffre_drives()
{
	local -a list

	list=(${XDG_CONFIG_HOME:-$HOME/.config}/coffre/*.conf(N:t:r))
	_alternative "drives:drive:($list)" 'files:path:_files'
}

_coffre_cache()
{
	(( CURRENT != 2 )) || compadd free
	if [[ $words[2] == free ]] && (( CURRENT > 2 )); then
		_files
	else
		_coffre_drives
	fi
}

_coffre_providers()
{
	local -a list

	list=(${(f)"$(coffre store presets --json 2>/dev/null |
	    sed -n 's/^{"id":"\([^"]*\)".*/\1/p' | sort -u)"})
	compadd -a list
}

_coffre()
{
	local -a cmd opts
	local usage what=_coffre_drives

	if (( CURRENT == 2 )); then
		_coffre_commands
		return
	fi
	cmd=($words[2])
	usage=${"$(_coffre_help $cmd)"%%$'\n'*}
	if [[ $usage == *' COMMAND '* ]]; then
		if (( CURRENT == 3 )); then
			_coffre_commands $cmd
			return
		fi
		cmd+=($words[3])
		usage=${"$(_coffre_help $cmd)"%%$'\n'*}
	fi
	# A new name, or none at all.
	if [[ $usage != *NAME* || $cmd == (init|recover) ]]; then
		what=' '
	fi
	opts=(${(f)"$(_coffre_options $cmd)"})
	case $cmd in
	'store presets') what=_coffre_providers ;;
	cache) what=_coffre_cache ;;
	pin|unpin) what=_files ;;
	esac
	if [[ $cmd == (autostart|keyring) ]] && (( CURRENT == 3 )); then
		what='(enable disable)'
	elif [[ $cmd == places ]] && (( CURRENT == 3 )); then
		what='(add remove)'
	fi
	words=(coffre "${(@)words[$#cmd+2,-1]}")
	(( CURRENT -= $#cmd ))
	_arguments -S $opts "*:drive:$what"
}

_coffre "$@"
