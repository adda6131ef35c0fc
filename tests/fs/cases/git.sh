#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A git repository lives on the mount.
# Also over: webdav, sftp, s3
. "$(dirname "$0")/../lib.sh"
fs_begin

export GIT_AUTHOR_NAME=T GIT_AUTHOR_EMAIL=t@example.org
export GIT_COMMITTER_NAME=T GIT_COMMITTER_EMAIL=t@example.org
git config --global init.defaultBranch main
git config --global --add safe.directory '*'

commits() {
	local i
	for i in $(seq 12); do
		echo "line $i" >>file && mkdir -p "d$i" &&
		    seq "$i" 2000 >"d$i/numbers" && git add -A &&
		    git commit -qm "commit $i" || return 1
	done
}
is_clean() {
	[ -z "$(git status --porcelain)" ]
}

check "a repository is made" git init -q repo
cd repo || exit 1
check "commits are made" commits
check "git gc packs" git gc -q
check "a branch is made and merged" sh -c 'git checkout -qb b &&
    echo b >b && git add b && git commit -qm b && git checkout -q main &&
    git merge -q --no-ff -m merge b'
check "the work tree is clean" is_clean
check "git fsck finds nothing" git fsck --full --strict
cd ..
check "a clone is made" git clone -q repo clone
check "a clone to the local disk is made" git clone -q repo "$R/clone"
check "fsck of the clone finds nothing" git -C clone fsck --full
check "both clones have the same commit" test \
    "$(git -C clone rev-parse HEAD)" = "$(git -C "$R/clone" rev-parse HEAD)"
check "a repack replaces the packs" git -C clone repack -qad
check "fsck finds nothing after it" git -C clone fsck --full

fs_end
