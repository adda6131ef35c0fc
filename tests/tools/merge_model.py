#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The merge rules of common/vault/MERGE.md once more, slow and short.

    merge_model.py make COUNT SEED    print histories with their views
    merge_model.py check TOOL         compare TOOL's view of each history on
                                      standard input with ours and with the
                                      one that stands there

A second opinion for common/vault/merge*.c: nothing here is incremental and
nothing is clever.  Histories come from simulated devices that work and
exchange journals at random.
"""
import functools
import itertools
import json
import random
import subprocess
import sys

TOP = "root"


def seq(op):
    return int(op["id"].rpartition(":")[2])


def dev(op):
    return op["id"].rpartition(":")[0]


def rank(op):
    return (op["lamport"], dev(op), seq(op))


def knew(later, op):
    """The author of `later` had seen `op`."""
    return later["seen"].get(dev(op), 0) >= seq(op)


class Tree:
    def __init__(self, ops):
        self.by = {t: {} for t in ("create", "place", "put", "delete")}
        for op in sorted(ops, key=rank):
            self.by[op["op"]].setdefault(op["node"], []).append(op)
        self.at = {}
        for op in sorted(itertools.chain(*self.by["place"].values()),
                         key=rank):
            if op["node"] not in self.above(op["parent"]):
                self.at[op["node"]] = op

    def above(self, node):
        """The node and every folder over it."""
        line = [node]
        while line[-1] in self.at:
            line.append(self.at[line[-1]]["parent"])
        return line

    def of(self, what, node):
        return self.by[what].get(node, [])

    def kind(self, node):
        return self.of("create", node)[0]["kind"]

    def lives(self, node):
        acts = [o for t in ("create", "place", "put")
                for o in self.of(t, node)]
        return bool(node in self.at and self.of("create", node) and not any(
            all(knew(d, o) for o in acts) for d in self.of("delete", node)))

    @functools.cached_property
    def shown(self):
        alive = [n for n in self.at if self.lives(n)]
        return set(itertools.chain(*map(self.above, alive))) - {TOP}

    def path(self, node):
        """Folders with the same names all the way up are the same."""
        return tuple(self.at[n]["name"] for n in self.above(node)
                     if n != TOP)[::-1]

    def versions(self, node):
        puts = self.of("put", node)
        over = puts + self.of("delete", node)
        return sorted((p for p in puts if not any(knew(o, p) for o in over
                                                  if o is not p)),
                      key=rank, reverse=True)

    def view(self):
        first, lines, used = {(): TOP}, [], {}
        order = sorted(self.shown, key=lambda n: rank(self.at[n]))
        for n in order:
            if self.kind(n) == "dir":
                first.setdefault(self.path(n), n)
        for n in order:
            path = self.path(n)
            if self.kind(n) == "dir" and first[path] != n:
                continue
            k = used[path] = used.get(path, -1) + 1
            puts = self.versions(n) if self.kind(n) == "file" else []
            for i, p in enumerate(puts or [None]):
                lines.append({
                    "parent": first[path[:-1]], "name": path[-1], "rank": k,
                    "node": n, "kind": self.kind(n),
                    "version": p and p["id"], "loser": i > 0})
        return sorted(lines, key=lambda e: (
            e["parent"], e["name"], e["rank"], e["node"], e["loser"],
            e["version"] or ""))


class Machine:
    """A device: works on what it sees."""

    def __init__(self, name, rng):
        self.name, self.rng, self.ops, self.made = name, rng, [], 0

    def seen(self):
        have = {}
        for op in self.ops:
            have[dev(op)] = max(have.get(dev(op), 0), seq(op))
        return have

    def emit(self, what, node, **more):
        have = self.seen()
        self.ops.append({
            "id": f"{self.name}:{have.get(self.name, 0) + 1}",
            "lamport": 1 + max((o["lamport"] for o in self.ops), default=0),
            "seen": have, "op": what, "node": node, **more})

    def fetch(self, other):
        have = self.seen()
        self.ops += [o for o in other.ops if seq(o) > have.get(dev(o), 0)]

    def work(self):
        rng, tree = self.rng, Tree(self.ops)
        lines = [e for e in tree.view() if not e["loser"]]
        folders = [TOP] + [e["node"] for e in lines if e["kind"] == "dir"]
        where = {"parent": rng.choice(folders), "name": rng.choice("xyz")}
        what = rng.choice(["new"] * 3 + ["move"] * 3 + ["write"] * 4 +
                          ["remove"] * 2)
        if what == "new" or not lines:
            self.made += 1
            node = f"{self.name}{self.made}"
            kind = rng.choice(("file", "dir"))
            self.emit("create", node, kind=kind)
            self.emit("place", node, **where)
            return
        e = rng.choice(lines)
        if what == "move":
            self.emit("place", e["node"], **where)
        elif what == "write" and e["kind"] == "file":
            self.emit("put", e["node"])
        elif what == "remove" and e["kind"] == "file":
            self.emit("delete", e["node"])
        elif what == "remove" and not any(
                x["parent"] == e["node"] for x in lines):
            path = tree.path(e["node"])
            for n in [n for n in tree.shown if tree.kind(n) == "dir" and
                      tree.path(n) == path]:
                self.emit("delete", n)


def make(seed):
    rng = random.Random(seed)
    crew = [Machine(n, rng) for n in "PQRS"[:2 + seed % 3]]
    for _ in range(rng.randint(8, 40)):
        rng.choice(crew).work()
        if rng.random() < .2:
            a, b = rng.sample(crew, 2)
            a.fetch(b)
    for m in crew[1:]:
        crew[0].fetch(m)
    ops = crew[0].ops
    return {"seed": seed, "ops": ops, "view": Tree(ops).view()}


def text(x):
    return json.dumps(x, separators=(",", ":"))


def check(tool):
    lines = sys.stdin.read().splitlines()
    run = subprocess.run([tool], input="\n".join(lines) + "\n", text=True,
                         stdout=subprocess.PIPE, check=True)
    got = run.stdout.splitlines()
    bad = abs(len(lines) - len(got))
    for n, (line, theirs) in enumerate(zip(lines, got), 1):
        h = json.loads(line)
        ours = text(Tree(h["ops"]).view())
        if not ours == theirs == text(h.get("view", json.loads(theirs))):
            bad += 1
            print(f"line {n} differs\n  {ours}\n  {theirs}")
    print(f"{len(lines)} histories, {bad} differ")
    return 1 if bad or not lines else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"] and len(sys.argv) == 4:
        for s in range(int(sys.argv[2])):
            print(text(make(int(sys.argv[3]) + s)))
    elif sys.argv[1:2] == ["check"] and len(sys.argv) == 3:
        sys.exit(check(sys.argv[2]))
    else:
        sys.exit(__doc__)
