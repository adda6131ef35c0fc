#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What bench.sh measures, what is to be reached, and the table of both.

    table.py --list
    table.py VALUES OUT.json [--keep] [--readme] --date D --files N ...

VALUES has a line "work peer number" for each measurement, in the order of
the rounds.  A ratio is that of speeds, so more is better also where seconds
are counted: the median of the ratios of the rounds.
"""
import argparse
import datetime
import json
import os
import statistics
import sys

HIGH, LOW = 1, -1    # what is better
# work, unit, better, what it is, {peer: what is to be reached}
ROWS = [
    ("create", "/s", HIGH, "create, write 4 KiB, close: {files} files",
     {"null": 0.5, "gocryptfs": 1.5}),
    ("stat", "/s", HIGH, "stat of {files} files, cold", {"null": 0.7}),
    ("lslr", "/s", HIGH, "`ls -lR` of {many} files, cold", {"null": 0.7}),
    ("smallread", "/s", HIGH, "open, read 4 KiB: {files} files, cold",
     {"null": 0.5, "gocryptfs": 2}),
    ("unlink", "/s", HIGH, "unlink {files} files", {"null": 0.5}),
    ("rename", "/s", HIGH, "rename {files} files", {"null": 0.5}),
    ("seqwrite", "MB/s", HIGH, "write {mib} MiB and fsync",
     {"gocryptfs": 2}),
    ("seqread", "MB/s", HIGH, "read {mib} MiB that are kept here, cold",
     {"null": 0.5, "gocryptfs": 2}),
    ("randread", "/s", HIGH, "read 4 KiB anywhere in {mib} MiB, cold",
     {"gocryptfs": 1}),
    ("upload", "MB/s", HIGH, "upload {mib} MiB to Apache", {"curl": 0.8}),
    ("uploadsmall", "/s", HIGH, "upload {files} files of 4 KiB to Apache",
     {"rclone": 10}),
    ("download", "MB/s", HIGH, "read {mib} MiB from Apache, nothing kept",
     {"curl": 0.8, "rclone": 1.5}),
    ("linkup", "MB/s", HIGH,
     "upload {link_mib} MiB, 20 ms and 100 Mbit/s each way", {"line": 0.9}),
    ("linkdown", "MB/s", HIGH, "the same: read {link_mib} MiB",
     {"line": 0.9}),
    ("linksmall", "MB/s", HIGH, "the same: upload {files} files of 4 KiB",
     {"line": 1 / 1.2}),
    ("linksmallread", "MB/s", HIGH, "the same: read them, nothing kept",
     {"line": 1 / 1.2}),
    ("tarx", "s", LOW, "`tar x` of a source tree of {src} files",
     {"gocryptfs": 2, "disk": 0.9}),
    ("gitstatus", "s", LOW, "`git status` there, cold",
     {"gocryptfs": 2, "disk": 0.9}),
    ("build", "s", LOW, "a build there, `make -j2`",
     {"gocryptfs": 2, "disk": 0.9}),
    ("firstls", "s", LOW,
     "mount to first `ls`, {many} files, server away, cold", {"": 0.5}),
    ("memory", "MiB", LOW, "memory after {million} files", {"": 150}),
    ("storetree", "", LOW, "bytes on the store per byte: source tree",
     {"": 1.15}),
    ("storebig", "", LOW, "the same: {mib} MiB in a file", {"": 1.13}),
]
SAID = {"disk": "ext4", "null": "null", "line": "line",
        "nullacl": "null, asked for each ACL",
        "most": "the most it had", "curl-to-disk": "curl to disk"}
BEGIN, END = "<!-- speed: made by `make bench` -->", "<!-- speed: end -->"


def number(v):
    if v >= 100:
        return "{:,.0f}".format(v)
    return "%.1f" % v if v >= 10 else "%.2f" % v


def machine():
    cpu = ""
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return "%s, %d cores, %d GiB, Linux %s" % (
        cpu or os.uname().machine, os.cpu_count(), round(pages / 2**30),
        os.uname().release)


def ratio_of(sign, ours, theirs):
    pairs = [(a, b) if sign == HIGH else (b, a)
             for a, b in zip(ours, theirs)]
    return statistics.median(a / b if b else 0 for a, b in pairs)


def row_result(row, runs, sizes, a):
    """One work's entry in the JSON file."""
    work, unit, sign, what, bars = row
    ours = runs.get("coffre", [])
    r = {"what": what.format(**sizes), "unit": unit, "date": a.date,
         "rounds": max(len(v) for v in runs.values()),
         "load": round(max(a.load, os.getloadavg()[2])),
         "better": "high" if sign == HIGH else "low", "peers": {},
         "bars": []}
    for peer, values in runs.items():
        r["peers"][peer] = {"runs": values,
                            "median": statistics.median(values)}
        if peer != "coffre" and ours:
            r["peers"][peer]["ratio"] = round(
                ratio_of(sign, ours, values), 3)
    for peer, bar in bars.items():
        if not ours or (peer and peer not in runs):
            got, ok = None, False
        elif peer:
            got = r["peers"][peer]["ratio"]
            ok = got >= bar
        else:
            got = statistics.median(ours)
            ok = got <= bar
        r["bars"].append({"peer": peer, "bar": round(bar, 3), "got": got,
                          "reached": ok})
    return r


def lines_of(r):
    """Cells: what, ours, the other, theirs, bar, ratio, reached."""
    out, unit = [], " " + r["unit"] if r["unit"] else ""
    ours = r["peers"].get("coffre")
    first = [r["what"], number(ours["median"]) + unit if ours else "-"]
    seen = set()
    for b in r["bars"]:
        peer = b["peer"]
        seen.add(peer)
        p = r["peers"].get(peer)
        if b["got"] is None:
            verdict = "not measured"
        else:
            verdict = "ok" if b["reached"] else "not reached"
        out.append(first + [
            SAID.get(peer, peer), number(p["median"]) + unit if p else "",
            ("≥ %.2f" if peer else "≤ %.2f") % b["bar"],
            "%.2f" % b["got"] if peer and b["got"] is not None else "",
            verdict])
        first = ["", ""]
    for peer, p in r["peers"].items():
        if peer != "coffre" and peer not in seen:
            out.append(first + [
                SAID.get(peer, peer), number(p["median"]) + unit, "",
                "%.2f" % p["ratio"] if peer != "most" else "", ""])
            first = ["", ""]
    return out


HEADS = ["work", "Coffre", "beside", "", "to reach", "ratio", ""]


def text_table(all_lines):
    rows = [HEADS] + all_lines
    widths = [max(len(r[i]) for r in rows) for i in range(len(HEADS))]
    return "\n".join("  ".join(
        c.ljust(w) if i in (0, 2, 6) else c.rjust(w)
        for i, (c, w) in enumerate(zip(r, widths))).rstrip() for r in rows)


def markdown_table(all_lines):
    rows = [HEADS, ["---", "--:", "---", "--:", "--:", "--:", "---"]]
    return "\n".join("| " + " | ".join(c for c in r) + " |"
                     for r in rows + all_lines)


def readme_write(out, all_lines, path="README.md"):
    with open(path) as f:
        s = f.read()
    if BEGIN not in s or END not in s:
        sys.exit("table.py: README.md has no place for the table")
    rows = out["rows"].values()
    dates = sorted({r["date"] for r in rows})
    load = max(r["load"] for r in rows)
    busy = "" if load <= os.cpu_count() else (
        "\nOthers worked on the machine meanwhile: up to %d processes wanted"
        " to run at once." % load)
    text = "%s\nMedians of %s, %s, on: %s.%s\n\n%s\n" % (
        BEGIN, " to ".join("%d" % n for n in sorted(
            {min(r["rounds"] for r in rows), max(r["rounds"] for r in rows)})
        ) + " rounds", " and ".join(sorted({dates[0], dates[-1]})),
        out["machine"], busy, markdown_table(all_lines))
    s = s[:s.index(BEGIN)] + text + s[s.index(END):]
    with open(path, "w") as f:
        f.write(s)


def values_read(path):
    runs = {}
    with open(path) as f:
        for line in f:
            work, peer, value = line.split()
            runs.setdefault(work, {}).setdefault(peer, []).append(
                float(value))
    return runs


def main():
    if sys.argv[1:] == ["--list"]:
        for row in ROWS:
            print("%s\t%s" % (row[0], row[3].replace("{", "").replace(
                "}", "")))
        return
    ap = argparse.ArgumentParser()
    ap.add_argument("values")
    ap.add_argument("out")
    ap.add_argument("--keep", action="store_true")
    ap.add_argument("--readme", action="store_true")
    ap.add_argument("--date", default=str(datetime.date.today()))
    ap.add_argument("--load", type=float, default=0)
    names = ("files", "mib", "link-mib", "many", "million", "src")
    for n in names:
        ap.add_argument("--" + n, type=int, default=0)
    a = ap.parse_args()
    sizes = {k: "{:,}".format(v) for k, v in vars(a).items()
             if isinstance(v, int)}
    out = {"machine": machine(), "rows": {}}
    if a.keep and os.path.exists(a.out):
        with open(a.out) as f:
            out["rows"] = json.load(f)["rows"]
    runs = values_read(a.values)
    for row in ROWS:
        if row[0] in runs:
            out["rows"][row[0]] = row_result(row, runs[row[0]], sizes, a)
    out["rows"] = {row[0]: out["rows"][row[0]] for row in ROWS
                   if row[0] in out["rows"]}
    with open(a.out, "w") as f:
        json.dump(out, f, indent=1)
    lines = [x for r in out["rows"].values() for x in lines_of(r)]
    print(text_table(lines))
    bars = [b for r in out["rows"].values() for b in r["bars"]]
    print("\n%d of %d reached.  Ratios of speed, the median of the rounds."
          "  %s, %s" % (sum(b["reached"] for b in bars), len(bars), a.date,
                        out["machine"]))
    if a.readme:
        readme_write(out, lines)


main()
