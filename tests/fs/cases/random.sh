#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Random operations of several workers against a model, amid remounts, an
# emptied cache and uploads.  RANDOM_SECONDS, RANDOM_OPS (of each worker) and
# RANDOM_SEED say how long and which, RANDOM_WHOLE=1 that the time must be
# enough for all of them; a failure is made short and shown.
. "$(dirname "$0")/../lib.sh"
TOOL=$B/tests/random/random
seed=${RANDOM_SEED:-$((RANDOM * 32768 + RANDOM))}
args=(--seed "$seed" --seconds "${RANDOM_SECONDS:-25}"
    --workers "${RANDOM_WORKERS:-4}" --ops "${RANDOM_OPS:-10000000}"
    --remount-every "${RANDOM_REMOUNT:-4000}"
    --save "${RANDOM_SAVE:-$B/random.ops}"
    --shrink "${RANDOM_SHRINK:-60}" ${RANDOM_WHOLE:+--whole})

fs_begin
# A folder in use cannot be unmounted.
cd "$T" || exit 1

# The tester asks for these; they are done here, where the daemon is a child.
asked() {
	case $1 in
	free) "$COFFRE" cache --free 1T "$NAME" ;;
	# With changes going on there may always be more to send.
	sync) "$COFFRE" sync --wait=3 "$NAME" || : ;;
	# Only to stir: that it can be interrupted is no difference.
	drop) echo 2 >/proc/sys/vm/drop_caches || : ;;
	remount) drive_unmount && drive_mount ;;
	*) return 1 ;;
	esac >>"$T/asked.log" 2>&1
}
cat >"$T/hook" <<'EOF'
#!/bin/bash
cd "${0%/*}" || exit 1
exec 7>hook.lock
flock 7
# Opened for both, or the end of the answer before could be read as this one.
exec 6<>answer
echo "$1" >ask
read -r rc <&6
exit "$rc"
EOF
chmod 755 "$T/hook"
mkfifo "$T/ask" "$T/answer"
exec 5<>"$T/ask"

with_model() {
	local pid word rc
	is_plain || args+=(--hook "$T/hook")
	"$TOOL" "$M/random" "${args[@]}" 5<&- &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		read -r -t 1 -u 5 word || continue
		asked "$word"
		rc=$?
		[ "$rc" -eq 0 ] || {
			echo "$word: $rc"
			tail -n 5 "$T/asked.log" "$T/daemon.log"
		}
		echo "$rc" >"$T/answer"
	done
	wait "$pid"
}

mkdir "$R/self" "$R/short" "$M/random"
check "the tester finds a wrong bit and makes its story short" \
    "$TOOL" "$R/self" --self-test
refuse "and says when its time was too short" "$TOOL" "$R/short" \
    --workers 1 --ops 100000000 --seconds 1 --whole
check "every answer is what the model says (seed $seed)" with_model
[ "$N_FAILED" -eq 0 ] || tail -n 20 "$T/asked.log"
rm -rf "$M/random"
mkdir "$M/random"
fs_end
