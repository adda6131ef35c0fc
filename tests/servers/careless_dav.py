#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A WebDAV server as careless as some are.

    careless_dav.py DIR PIDFILE [PORT]

It writes uploads in place (half of one can be read; with a larger one it takes
its time to begin), ignores conditions on PUT, knows no ranges, answers 500 to
a PUT into a missing collection, and writes hrefs with scheme and host.  MOVE
honours Overwrite.  Prints its port.

DIR.fault, "METHOD STATUS", spoils the next PUT, when it is done, or the next
MOVE, which is not done: by that answer, or with 0 by none to what was done.
"""
import os
import shutil
import sys
import time
import urllib.parse
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):
        pass

    def place(self, path):
        path = urllib.parse.unquote(urllib.parse.urlsplit(path).path)
        return os.path.join(self.server.root, path.strip("/"))

    def reply(self, code, body=b"", kind="text/plain"):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fault(self):
        at = self.server.root + ".fault"
        try:
            with open(at) as f:
                method, status = f.read().split()
        except FileNotFoundError:
            return None
        if method != self.command:
            return None
        os.unlink(at)
        return int(status)

    def reply_or(self, fault, code):
        if fault == 0:
            self.close_connection = True
        else:
            self.reply(fault or code)

    def read_body(self, out=None):
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0:
            piece = self.rfile.read1(min(left, 8192))
            if not piece:
                self.close_connection = True
                return False
            left -= len(piece)
            if out:
                out.write(piece)
                out.flush()
        return True

    def do_GET(self):
        at = self.place(self.path)
        if not os.path.isfile(at):
            return self.reply(404)
        with open(at, "rb") as f:
            self.reply(200, f.read(), "application/octet-stream")

    do_HEAD = do_GET

    def do_PUT(self):
        at = self.place(self.path)
        if not os.path.isdir(os.path.dirname(at)):
            self.read_body()
            return self.reply(500)
        if int(self.headers.get("Content-Length") or 0) > 32768:
            time.sleep(0.05)
        with open(at, "wb") as f:
            if self.read_body(f):
                self.reply_or(self.fault(), 201)

    def do_DELETE(self):
        at = self.place(self.path)
        if not os.path.exists(at):
            return self.reply(404)
        if os.path.isdir(at):
            shutil.rmtree(at)
        else:
            os.unlink(at)
        self.reply(204)

    def do_MKCOL(self):
        at = self.place(self.path)
        if os.path.exists(at):
            return self.reply(405)
        if not os.path.isdir(os.path.dirname(at)):
            return self.reply(409)
        try:
            os.mkdir(at)
        except FileExistsError:
            return self.reply(405)
        self.reply(201)

    def do_MOVE(self):
        to = self.headers.get("Destination", "")
        if not to.startswith("http://"):
            return self.reply(400)
        src, dst = self.place(self.path), self.place(to)
        fault = self.fault()
        if fault:
            return self.reply(fault)
        if not os.path.exists(src):
            return self.reply(404)
        if self.headers.get("Overwrite", "T") == "F":
            try:
                os.link(src, dst)
            except FileExistsError:
                return self.reply(412)
            os.unlink(src)
        else:
            os.replace(src, dst)
        self.reply_or(fault, 201)

    def entry(self, path, at):
        is_dir = os.path.isdir(at)
        href = "http://%s%s%s" % (
            self.headers["Host"], urllib.parse.quote(path).lower(),
            "/" if is_dir and not path.endswith("/") else "")
        size = "" if is_dir else (
            "<d:getcontentlength>%d</d:getcontentlength>"
            % os.path.getsize(at))
        when = formatdate(os.path.getmtime(at), usegmt=True)
        return ("<d:response><d:href>%s</d:href><d:propstat><d:prop>"
                "<d:resourcetype>%s</d:resourcetype>%s"
                "<d:getlastmodified>%s</d:getlastmodified></d:prop>"
                "<d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
                "</d:response>" % (escape(href), "<d:collection/>"
                                   if is_dir else "", size, when))

    def do_PROPFIND(self):
        self.read_body()
        at = self.place(self.path)
        if not os.path.exists(at):
            return self.reply(404)
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        found = [self.entry(path, at)]
        if self.headers.get("Depth") == "1" and os.path.isdir(at):
            for name in os.listdir(at):
                try:
                    found.append(self.entry(path.rstrip("/") + "/" + name,
                                            os.path.join(at, name)))
                except FileNotFoundError:
                    pass
        body = ("<?xml version='1.0'?><d:multistatus xmlns:d='DAV:'>"
                + "".join(found) + "</d:multistatus>")
        self.reply(207, body.encode(), "application/xml")


def main():
    server = ThreadingHTTPServer(
        ("127.0.0.1", int(sys.argv[3]) if len(sys.argv) > 3 else 0), Handler)
    server.daemon_threads = True
    server.root = os.path.abspath(sys.argv[1])
    with open(sys.argv[2], "w") as f:
        f.write(str(os.getpid()))
    print(server.server_address[1], flush=True)
    # Whoever started it reads the one line and goes on.
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    server.serve_forever()


main()
