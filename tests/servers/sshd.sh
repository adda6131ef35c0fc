#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# An OpenSSH server for SFTP on loopback.
#
#	sshd.sh start DIR [--port N] [--password] [--other-key] [--interactive]
#		[--set LINE] [--faults FAULT_SFTP]
#	sshd.sh stop DIR
#
# With --password PASS is set and the account of its own that is made for it
# (root only) wants that; otherwise PASS is empty and KEY is the way in, which
# without root is to the account that runs this.  --other-key shows another
# host key than before.  --interactive asks for the password by a prompt.
# --set adds a line to the configuration.  --faults puts that program before
# OpenSSH's sftp-server, to do what DIR/faults says.
# Besides the lines of common.sh: KEY (private key), HOSTS (known_hosts file),
# ACCOUNT.
set -eu
# shellcheck source=tests/servers/common.sh
. "$(dirname "$0")/common.sh"

cmd=${1:-} dir=${2:-}
[ -n "$dir" ] || die "usage: $0 start|stop DIR [OPTION...]"
shift 2
PATH=$PATH:/usr/sbin:/sbin

# Somebody else may hold the lock of the accounts.
accounts() {
	local i
	for i in $(seq 300); do
		"$@" 2>/dev/null && return
		sleep 0.1
	done
	return 1
}

# End the server and the sessions that it has begun.
if [ "$cmd" = stop ]; then
	if [ -s "$dir/run/pid" ]; then
		# It begins no session while they are counted.
		pid=$(cat "$dir/run/pid")
		kill -STOP "$pid" 2>/dev/null || :
		for p in $(pgrep -P "$pid"); do
			pkill -P "$p" || :
			kill "$p" 2>/dev/null || :
		done
		kill "$pid" 2>/dev/null || :
		kill -CONT "$pid" 2>/dev/null || :
		# The other file it takes away itself when it ends.
		echo "$pid" >"$dir/run/ending"
		stop_pid "$dir/run/ending"
	fi
	rm -f "$dir/run/pid"
	if [ "${1:-}" != --keep ] && [ -s "$dir/account" ]; then
		user=$(cat "$dir/account")
		# What runs as it would keep it.
		gone() {
			getent passwd "$user" >/dev/null || return 0
			pkill -KILL -u "$user" || :
			userdel "$user"
		}
		accounts gone || die "the account $user is left"
		rm -f "$dir/account" "$dir/password"
	fi
	exit
fi
[ "$cmd" = start ] || die "unknown command '$cmd'"
port='' password=no interactive=no hostkey=hostkey set='' faults=''
while [ $# -gt 0 ]; do
	case $1 in
	--port) port=$2; shift ;;
	--password) password=yes ;;
	--interactive) password=yes interactive=yes ;;
	--other-key) hostkey=otherkey ;;
	--set) set=$set$2$'\n'; shift ;;
	--faults) faults=$2; shift ;;
	*) die "unknown option '$1'" ;;
	esac
	shift
done

need sshd
need ssh-keygen
mkdir -p "$dir"/{data,run}
dir=$(cd "$dir" && pwd)
chmod 755 "$dir"
[ -n "$port" ] || port=$(free_port)
[ -e "$dir/$hostkey" ] ||
	ssh-keygen -q -t ed25519 -N '' -f "$dir/$hostkey"
[ -e "$dir/key" ] || ssh-keygen -q -t ed25519 -N '' -C test -f "$dir/key"
[ -e "$dir/key-rsa" ] ||
	ssh-keygen -q -t rsa -b 2048 -N '' -C test -f "$dir/key-rsa"
cat "$dir/key.pub" "$dir/key-rsa.pub" >"$dir/authorized_keys"
chmod 644 "$dir/authorized_keys"

user=$(id -un) pass='' shell=/usr/sbin/nologin
# What is no part of sshd is started by the account's shell.
[ -z "$faults" ] || shell=/bin/sh
if [ "$(id -u)" -eq 0 ]; then
	mkdir -p /run/sshd
	if [ ! -s "$dir/account" ]; then
		user=coffre-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
		# It can be taken away whatever comes.
		echo "$user" >"$dir/account"
		accounts useradd -r -M -d "$dir/data" -s "$shell" "$user" || {
			rm "$dir/account"
			die "no account can be made"
		}
	fi
	user=$(cat "$dir/account")
	chown "$user:" "$dir/data"
	# An account without a password is locked, also for keys.
	if [ ! -s "$dir/password" ]; then
		od -An -N12 -tx4 /dev/urandom | tr -d ' \n' >"$dir/password"
		with_password() {
			chpasswd <<<"$user:$(cat "$dir/password")"
		}
		accounts with_password || {
			rm "$dir/password"
			die "the account gets no password"
		}
	fi
	if [ "$password" = yes ]; then
		pass=$(cat "$dir/password")
	fi
elif [ "$password" = yes ]; then
	echo "SKIP: passwords of SSH need root"
	exit 77
fi

sftp="internal-sftp -d $dir/data"
if [ -n "$faults" ]; then
	for server in /usr/lib{,exec}/{openssh,ssh}/sftp-server; do
		[ ! -x "$server" ] || break
	done
	need "$server"
	# The account can reach it there.
	cp -f "$faults" "$dir/fault_sftp"
	[ -e "$dir/faults" ] || "$dir/fault_sftp" set "$dir/faults"
	sftp="$dir/fault_sftp serve $dir/faults $server -d $dir/data"
fi

cat >"$dir/sshd_config" <<CONF
${set}ListenAddress 127.0.0.1
Port $port
HostKey $dir/$hostkey
PidFile $dir/run/pid
AuthorizedKeysFile $dir/authorized_keys
PubkeyAuthentication $([ "$password" = yes ] && echo no || echo yes)
PasswordAuthentication $([ "$interactive" = yes ] && echo no || echo "$password")
KbdInteractiveAuthentication $interactive
UsePAM $interactive
StrictModes no
AllowUsers $user
MaxStartups 64
MaxSessions 64
LoginGraceTime 20
Subsystem sftp $sftp
ForceCommand $sftp
AllowTcpForwarding no
X11Forwarding no
LogLevel VERBOSE
CONF
/usr/sbin/sshd -f "$dir/sshd_config" -E "$dir/run/log" ||
	die "sshd does not start: $(tail -n 3 "$dir/run/log")"
wait_port "$port"
printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f1,2 \
    <"$dir/$hostkey.pub")" >"$dir/known_hosts.new"
[ -e "$dir/known_hosts" ] || cp "$dir/known_hosts.new" "$dir/known_hosts"
pin=$(ssh-keygen -lf "$dir/$hostkey.pub" | cut -d' ' -f2)
show URL "sftp://$user@127.0.0.1:$port$dir/data/" HTTP "" USER "$user" \
    PASS "$pass" CA "" PIN "$pin" DATA "$dir/data" KEY "$dir/key" \
    HOSTS "$dir/known_hosts" ACCOUNT "$user" \
    STOP "$(cd "$(dirname "$0")" && pwd)/sshd.sh stop $dir"
