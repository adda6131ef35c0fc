# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# What the scripts that start real servers share.  Each is called as
#
#	NAME.sh start DIR [OPTION...]	prints KEY=VALUE lines
#	NAME.sh stop DIR
#
# DIR is the server's own; it is made if missing and kept after a stop, so
# that a later start goes on with the same content and (with --port) address.
# The lines, each value quoted for the shell:
#
#	URL	for coffre: webdav://... or webdavs://...
#	HTTP	the same for other tools: http://... or https://...
#	USER	user name		PASS	password
#	CA	file with the authority's certificate; empty: no TLS
#	PIN	of the server's key; empty: no TLS
#	DATA	the folder that is served
#	STOP	a command that stops it

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# Missing programs are no failure of what is tested.
need() {
	command -v "$1" >/dev/null || [ -e "$1" ] || {
		echo "SKIP: $1 is not installed"
		exit 77
	}
}

# The account that serves: servers refuse to do it as root.
server_user() {
	if id www-data >/dev/null 2>&1; then
		echo www-data
	else
		echo nobody
	fi
}

# Below those that the kernel gives to connections.
free_port() {
	local p i
	for i in $(seq 50); do
		p=$((10000 + RANDOM % 22000))
		if ! (: <"/dev/tcp/127.0.0.1/$p") 2>/dev/null; then
			echo "$p"
			return
		fi
	done
	die "no free port after $i tries"
}

# Until somebody listens there.
wait_port() {
	local i
	for i in $(seq 800); do
		(: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
		sleep 0.05
	done
	die "nothing listens on port $1 after $i tries"
}

# An authority of our own and a certificate of 127.0.0.1 made by it.
make_certs() {
	local d=$1
	[ -e "$d/server.pem" ] && return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
	    -nodes -days 30 -subj "/CN=Test authority" \
	    -keyout "$d/ca.key" -out "$d/ca.pem" 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
	    -subj "/CN=127.0.0.1" -keyout "$d/server.key" \
	    -out "$d/server.csr" 2>/dev/null
	openssl x509 -req -in "$d/server.csr" -CA "$d/ca.pem" \
	    -CAkey "$d/ca.key" -CAcreateserial -days 30 \
	    -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:localhost") \
	    -out "$d/server.pem" 2>/dev/null
}

pin_of() {
	printf 'sha256//%s' "$(openssl x509 -in "$1" -pubkey -noout |
	    openssl pkey -pubin -outform DER |
	    openssl dgst -sha256 -binary | base64)"
}

# stop_pid FILE: end the process and wait until it is gone.
stop_pid() {
	local pid i
	[ -s "$1" ] || return 0
	pid=$(cat "$1")
	kill "$pid" 2>/dev/null || return 0
	for i in $(seq 100); do
		kill -0 "$pid" 2>/dev/null || return 0
		sleep 0.05
	done
	kill -9 "$pid" 2>/dev/null || [ "$i" -gt 0 ]
}

show() {
	while [ $# -gt 1 ]; do
		printf '%s=%q\n' "$1" "$2"
		shift 2
	done
}
