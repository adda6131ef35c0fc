#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that answers as Nextcloud does, in what a store asks of it.

    nextcloud_dav.py DIR PIDFILE LOGFILE QUOTA [PORT]

One account: id "alice-id", logs in as "alice@example.org", with the password
given in DIR/password or an app password got by Login Flow v2 (whoever opens
the address of the flow grants it).  Files lie in DIR/files, what was deleted
in DIR/trash, what was written over in DIR/versions.  QUOTA in bytes, 0: none.
While there is a file DIR/keep-trash, nobody may delete from the trash.

As measured on Nextcloud 24: OCS wants OCS-APIRequest (412 without); a flow
that was not granted yet is 404 and a granted one is told once; a wrong
password is answered later each time; PUT into a missing collection is 409,
to a name that ends in .part 423, over the quota 507, and is atomic; an
unquoted entity tag never matches; no LOCK.

As its source has it: what is deleted is listed in the trash as NAME.dSECONDS
with the place where it was below the account, and goes there with its old
versions; a DELETE of it there ends both, and one of the trash itself ends all
that is in it.
"""
import base64
import hashlib
import json
import os
import secrets
import shutil
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

UID = "alice-id"
LOGIN = "alice@example.org"
FILES = "/remote.php/dav/files/"
TRASH = "/remote.php/dav/trashbin/" + UID + "/trash"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):
        pass

    # ---- frame

    def reply(self, code, body=b"", kind="text/html; charset=UTF-8",
              headers=()):
        self.server.note("%s %s %d" % (self.command, self.path, code))
        self.send_response(code)
        if body:
            self.send_header("Content-Type", kind)
        for name, value in headers:
            self.send_header(name, value)
        if code not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and code not in (204, 304):
            self.wfile.write(body)

    def reply_json(self, code, value):
        self.reply(code, json.dumps(value).encode(),
                   "application/json; charset=utf-8")

    def body(self):
        left = int(self.headers.get("Content-Length") or 0)
        data = b""
        while left > 0:
            piece = self.rfile.read1(min(left, 65536))
            if not piece:
                self.close_connection = True
                return None
            left -= len(piece)
            data += piece
        return data

    def is_known(self):
        head = self.headers.get("Authorization", "")
        try:
            kind, value = head.split(" ", 1)
            user, word = base64.b64decode(value).decode().split(":", 1)
        except ValueError:
            return False
        if (kind.lower() == "basic" and user in (UID, LOGIN)
                and self.server.knows(word)):
            self.word = word
            return True
        time.sleep(self.server.refuse())
        return False

    def handle_any(self):
        path = urllib.parse.urlsplit(self.path).path
        data = self.body()
        if data is None:
            return
        if path.startswith("/index.php/login/v2"):
            return self.login(path, data)
        if not self.is_known():
            return self.reply(401, b"<html>no</html>", headers=[
                ("WWW-Authenticate", 'Basic realm="Nextcloud"')])
        if path.startswith("/ocs/"):
            return self.ocs(path)
        if path == TRASH or path.startswith(TRASH + "/"):
            return self.trash(urllib.parse.unquote(path[len(TRASH) + 1:]))
        if not path.startswith(FILES):
            return self.reply(404, b"<html>not found</html>")
        rest = urllib.parse.unquote(path[len(FILES):])
        owner, _, rest = rest.partition("/")
        if owner != UID or ".." in rest.split("/"):
            return self.reply(404)
        at = os.path.join(self.server.files, rest.strip("/"))
        method = getattr(self, "dav_" + self.command.lower(), None)
        if not method:
            return self.reply(501)
        method(at, data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any
    do_MKCOL = do_MOVE = do_PROPFIND = do_LOCK = handle_any

    # ---- log-in and OCS

    def login(self, path, data):
        base = "http://" + self.headers["Host"]
        flows = self.server.flows
        if path == "/index.php/login/v2" and self.command == "POST":
            token, flow = secrets.token_hex(32), secrets.token_hex(32)
            flows[token] = {"flow": flow, "word": None}
            return self.reply_json(200, {
                "poll": {"token": token,
                         "endpoint": base + "/index.php/login/v2/poll"},
                "login": base + "/index.php/login/v2/flow/" + flow})
        if path == "/index.php/login/v2/poll":
            form = urllib.parse.parse_qs(data.decode())
            token = form.get("token", [""])[0]
            if not flows.get(token, {}).get("word"):
                return self.reply_json(404, [])
            word = flows.pop(token)["word"]
            return self.reply_json(200, {
                "server": base, "loginName": LOGIN, "appPassword": word})
        for f in flows.values():
            if path.endswith("/flow/" + f["flow"]):
                f["word"] = self.server.app_password()
                return self.reply(200, b"<html>granted</html>")
        self.reply(403)

    def ocs(self, path):
        if self.headers.get("OCS-APIRequest") != "true":
            return self.reply_json(412, {"message": "CSRF check failed"})
        if path == "/ocs/v2.php/cloud/user":
            data = {"id": UID, "email": LOGIN, "quota": {"quota": -3}}
        elif path == "/ocs/v2.php/cloud/capabilities":
            data = {"version": {"major": 24, "string": "24.0.5"},
                    "capabilities": {
                        "files": {"undelete": True, "versioning": True},
                        "dav": {"chunking": "1.0"}}}
        elif (path == "/ocs/v2.php/core/apppassword"
              and self.command == "DELETE"):
            self.server.revoke(self.word)
            data = []
        else:
            return self.reply_json(404, {})
        self.reply_json(200, {"ocs": {"meta": {"statuscode": 200},
                                      "data": data}})

    # ---- the trash

    def trash_entry(self, name):
        where = escape(self.server.places.get(name, ""))
        return ("<d:response><d:href>%s/%s</d:href><d:propstat><d:prop>"
                "<d:resourcetype>%s</d:resourcetype>"
                "<nc:trashbin-filename>%s</nc:trashbin-filename>"
                "<nc:trashbin-original-location>%s"
                "</nc:trashbin-original-location>"
                "<nc:trashbin-deletion-time>%s</nc:trashbin-deletion-time>"
                "</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
                "</d:response>" % (
                    TRASH, escape(urllib.parse.quote(name)),
                    "<d:collection/>" if os.path.isdir(os.path.join(
                        self.server.root, "trash", name)) else "",
                    escape(name.rpartition(".d")[0]), where,
                    name.rpartition(".d")[2]))

    def trash(self, name):
        name = name.strip("/")
        server, place = self.server, os.path.join(self.server.root, "trash")
        with server.lock:
            if "/" in name or (name and name not in os.listdir(place)):
                return self.reply(404)
            if self.command == "DELETE":
                if os.path.exists(os.path.join(server.root, "keep-trash")):
                    return self.reply(403)
                for n in [name] if name else os.listdir(place):
                    server.purge(n)
                return self.reply(204)
            if self.command != "PROPFIND":
                return self.reply(405)
            names = [name] if name else sorted(os.listdir(place))
            found = "" if name else (
                "<d:response><d:href>%s/</d:href><d:propstat><d:prop>"
                "<d:resourcetype><d:collection/></d:resourcetype></d:prop>"
                "<d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
                "<d:propstat><d:prop><nc:trashbin-original-location/>"
                "</d:prop><d:status>HTTP/1.1 404 Not Found</d:status>"
                "</d:propstat></d:response>" % TRASH)
            if name or self.headers.get("Depth") != "0":
                found += "".join(self.trash_entry(n) for n in names)
        self.reply(207, ("<?xml version='1.0'?><d:multistatus "
                         "xmlns:d='DAV:' xmlns:nc='http://nextcloud.org/ns'>"
                         + found + "</d:multistatus>").encode(),
                   "application/xml; charset=utf-8")

    # ---- files

    def dav_get(self, at, data):
        if not os.path.isfile(at):
            return self.reply(404)
        with open(at, "rb") as f:
            whole = f.read()
        span = self.headers.get("Range", "")
        if not span.startswith("bytes="):
            tag = self.server.tags.get(at, '"0"')
            return self.reply(200, whole, "application/octet-stream",
                              [("ETag", tag)])
        first, _, last = span[6:].partition("-")
        first, last = int(first), int(last or len(whole) - 1)
        if first >= len(whole):
            return self.reply(416)
        last = min(last, len(whole) - 1)
        self.reply(206, whole[first:last + 1], "application/octet-stream", [
            ("Content-Range", "bytes %d-%d/%d" % (first, last, len(whole)))])

    dav_head = dav_get

    def dav_put(self, at, data):
        if at.endswith(".part"):
            return self.reply(423)
        if not os.path.isdir(os.path.dirname(at)):
            return self.reply(409)
        with self.server.lock:
            is_there = os.path.exists(at)
            if is_there and self.headers.get("If-None-Match") == "*":
                return self.reply(412)
            match = self.headers.get("If-Match")
            if match and match != self.server.tags.get(at):
                return self.reply(412)
            if self.server.left() < len(data):
                return self.reply(507)
            if is_there:
                self.server.keep_version(at)
            temp = at + ".ocTransferId%s.part" % secrets.token_hex(4)
            with open(temp, "wb") as f:
                f.write(data)
            os.replace(temp, at)
            tag = self.server.tags[at] = '"%s"' % secrets.token_hex(16)
        self.reply(204 if is_there else 201, headers=[
            ("ETag", tag), ("OC-ETag", tag)])

    def dav_delete(self, at, data):
        with self.server.lock:
            if not os.path.exists(at):
                return self.reply(404)
            self.server.keep_trash(at)
        self.reply(204)

    def dav_mkcol(self, at, data):
        if os.path.exists(at):
            return self.reply(405)
        if not os.path.isdir(os.path.dirname(at)):
            return self.reply(409)
        try:
            os.mkdir(at)
        except FileExistsError:
            return self.reply(405)
        self.reply(201)

    def dav_move(self, at, data):
        to = urllib.parse.urlsplit(self.headers.get("Destination", "")).path
        if not to.startswith(FILES + UID + "/"):
            return self.reply(400)
        to = os.path.join(self.server.files, urllib.parse.unquote(
            to[len(FILES + UID + "/"):]))
        with self.server.lock:
            if not os.path.exists(at):
                return self.reply(404)
            if (os.path.exists(to)
                    and self.headers.get("Overwrite", "T") == "F"):
                return self.reply(412)
            os.replace(at, to)
        self.reply(201)

    def entry(self, path, at):
        is_dir = os.path.isdir(at)
        prop = "<d:resourcetype>%s</d:resourcetype>" % (
            "<d:collection/>" if is_dir else "")
        if is_dir:
            left = self.server.left() if self.server.quota else -3
            prop += ("<d:quota-available-bytes>%d</d:quota-available-bytes>"
                     "<d:quota-used-bytes>%d</d:quota-used-bytes>"
                     % (left, self.server.used()))
        else:
            prop += ("<d:getcontentlength>%d</d:getcontentlength>"
                     % os.path.getsize(at))
        tag = hashlib.md5(path.encode()).hexdigest()
        return ("<d:response><d:href>%s%s</d:href><d:propstat><d:prop>%s"
                "<d:getetag>&quot;%s&quot;</d:getetag></d:prop><d:status>"
                "HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
                % (escape(urllib.parse.quote(path.rstrip("/"))),
                   "/" if is_dir else "", prop, tag))

    def dav_propfind(self, at, data):
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
        self.reply(207, ("<?xml version='1.0'?><d:multistatus "
                         "xmlns:d='DAV:' xmlns:oc='http://owncloud.org/ns'>"
                         + "".join(found) + "</d:multistatus>").encode(),
                   "application/xml; charset=utf-8")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def setup(self, root, log, quota):
        self.root, self.log, self.quota = root, log, quota
        self.files = os.path.join(root, "files")
        for name in ("files", "trash", "versions", "trash-versions"):
            os.makedirs(os.path.join(root, name), exist_ok=True)
        try:
            with open(os.path.join(root, "places")) as f:
                self.places = json.load(f)
        except FileNotFoundError:
            self.places = {}
        self.lock = threading.RLock()
        self.flows = {}
        self.tags = {}
        self.delay = 0.05
        self.words = os.path.join(root, "words")

    def note(self, line):
        with self.lock, open(self.log, "a") as f:
            f.write(line + "\n")

    def knows(self, word):
        with open(os.path.join(self.root, "password")) as f:
            if word == f.read().strip():
                return True
        try:
            with open(self.words) as f:
                return word in f.read().split()
        except FileNotFoundError:
            return False

    def app_password(self):
        word = secrets.token_hex(36)
        with self.lock, open(self.words, "a") as f:
            f.write(word + "\n")
        return word

    def revoke(self, word):
        with self.lock:
            with open(self.words) as f:
                left = [w for w in f.read().split() if w != word]
            with open(self.words, "w") as f:
                f.write("".join(w + "\n" for w in left))

    def refuse(self):
        with self.lock:
            self.delay = min(self.delay * 2, 2)
            return self.delay

    def versions_of(self, at):
        return os.path.join(self.root, "versions",
                            hashlib.md5(at.encode()).hexdigest())

    def keep_version(self, at):
        to = self.versions_of(at)
        os.makedirs(to, exist_ok=True)
        shutil.copyfile(at, os.path.join(to, "%d-%s" % (
            time.time(), secrets.token_hex(4))))

    def keep_trash(self, at):
        """With its versions; two of a name in a second: the next one."""
        stamp = int(time.time())
        while True:
            name = "%s.d%d" % (os.path.basename(at), stamp)
            to = os.path.join(self.root, "trash", name)
            if not os.path.exists(to):
                break
            stamp += 1
        os.replace(at, to)
        self.places[name] = os.path.relpath(at, self.files)
        if os.path.isdir(self.versions_of(at)):
            os.replace(self.versions_of(at), os.path.join(
                self.root, "trash-versions", name))
        with open(os.path.join(self.root, "places"), "w") as f:
            json.dump(self.places, f)

    def purge(self, name):
        for place in ("trash", "trash-versions"):
            at = os.path.join(self.root, place, name)
            if os.path.isdir(at):
                shutil.rmtree(at)
            elif os.path.exists(at):
                os.remove(at)

    def used(self):
        size = 0
        for place in ("files", "trash"):
            for d, _, names in os.walk(os.path.join(self.root, place)):
                for n in names:
                    try:
                        size += os.path.getsize(os.path.join(d, n))
                    except FileNotFoundError:
                        pass
        return size

    def left(self):
        if not self.quota:
            return 1 << 60
        return max(self.quota - self.used(), 0)


def main():
    server = Server(("127.0.0.1", int(sys.argv[5]) if len(sys.argv) > 5
                     else 0), Handler)
    server.setup(os.path.abspath(sys.argv[1]), sys.argv[3],
                 int(sys.argv[4]))
    with open(sys.argv[2], "w") as f:
        f.write(str(os.getpid()))
    print(server.server_address[1], flush=True)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    server.serve_forever()


main()
