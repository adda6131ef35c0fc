# SPDX-License-Identifier: GPL-3.0-or-later
"""An S3 service in memory that takes nothing but the canonical form.

    strict_s3.py PIDFILE [OPTION...] [PORT]

Prints its port and goes on in the background of whoever reads it.  A request
whose path, query, headers or body are not exactly what the signature's
standard form says is refused with a code that names the fault.  One bucket,
"bucket"; the key is AKIDSTRICT, the secret s3cret/key+with=chars.

    --sig2          signature version 2 instead of 4
    --token TEXT    want this session token
    --skew SECONDS  its clock is that far ahead
    --page N        at most so many keys in a page of a listing
    --list1         knows ListObjects only, and ignores list-type=2
    --virtual       the bucket stands in the host name
    --path PATH     in front of the bucket
    --uncond        501 to a condition;  --ignore  ignores it
    --versions      keeps versions;  --lock  and lets nobody delete them, and
                    takes nothing without Content-MD5
    --endless       makes more versions up wherever they are listed
    --blind STATUS  answers that to a listing of versions; 200: with one of
                    objects
    --lifecycle P,P a rule for each of these prefixes deletes by age
    --deny A,A      403 to these of the bucket's settings
    --tls PEM KEY   speaks TLS; reads them anew at SIGHUP
    --log FILE      appends the status and the path of each request

From SIGUSR1 until SIGUSR2 the secret is another.  For tests, unsigned: GET
/secret-is/WORD makes that the secret, GET /refusals tells how often somebody
was not known.
"""
import argparse
import base64
import hashlib
import hmac
import os
import signal
import socket
import ssl
import sys
import threading
import time
import urllib.parse
from email.utils import formatdate, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

KEY, SECRET, BUCKET = "AKIDSTRICT", "s3cret/key+with=chars", "bucket"
# Refusals of who asks.
WHO = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken",
       "InvalidToken")
SUB = ("acl", "lifecycle", "location", "object-lock", "versionId",
       "versioning", "versions")


class Refusal(Exception):
    def __init__(self, status, code, text=""):
        super().__init__(code)
        self.status, self.code, self.text = status, code, text


def quote(s, safe=""):
    return urllib.parse.quote(s, safe="-_.~" + safe)


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    # ---- the form ----------------------------------------------------------

    def split(self):
        """Path and query, refused unless they are in the one form."""
        raw, _, query = self.path.partition("?")
        path = urllib.parse.unquote(raw, errors="strict")
        if quote(path, "/") != raw:
            raise Refusal(400, "PathNotCanonical", raw)
        pairs = []
        for part in query.split("&") if query else []:
            name, eq, value = part.partition("=")
            if not eq:
                raise Refusal(400, "QueryWithoutEquals", part)
            pairs.append((name, value))
        if pairs != sorted(pairs):
            raise Refusal(400, "QueryNotSorted", query)
        plain = [(urllib.parse.unquote(n), urllib.parse.unquote(v))
                 for n, v in pairs]
        if [(quote(n), quote(v)) for n, v in plain] != pairs:
            raise Refusal(400, "QueryNotCanonical", query)
        return raw, path, query, dict(plain)

    def check4(self, raw, query, body):
        conf, h = self.server.conf, self.headers
        auth = h.get("authorization", "")
        if not auth.startswith("AWS4-HMAC-SHA256 "):
            raise Refusal(403, "AccessDenied", "no signature")
        field = dict(f.split("=", 1) for f in auth[17:].split(", "))
        key, day, region, service, end = field["Credential"].split("/")
        if key != KEY:
            raise Refusal(403, "InvalidAccessKeyId")
        if (service, end) != ("s3", "aws4_request"):
            raise Refusal(403, "SignatureDoesNotMatch", "scope")
        if region != "strict-1":
            raise Refusal(400, "AuthorizationHeaderMalformed",
                          "<Region>strict-1</Region>")
        names = field["SignedHeaders"].split(";")
        if names != sorted(names) or "host" not in names:
            raise Refusal(403, "SignedHeadersNotCanonical")
        for name in h:
            if name.lower().startswith("x-amz-") and \
                    name.lower() not in names:
                raise Refusal(403, "HeaderNotSigned", name)
        want = hashlib.sha256(body).hexdigest()
        if h.get("x-amz-content-sha256") != want:
            raise Refusal(400, "XAmzContentSHA256Mismatch")
        stamp = h["x-amz-date"]
        when = time.mktime(time.strptime(stamp, "%Y%m%dT%H%M%SZ")) \
            - time.timezone
        if stamp[:8] != day:
            raise Refusal(403, "SignatureDoesNotMatch", "day")
        if abs(when - time.time() - conf.skew) > 900:
            raise Refusal(403, "RequestTimeTooSkewed")
        lines = [self.command, raw, query]
        for name in names:
            values = h.get_all(name)
            if not values or len(values) != 1:
                raise Refusal(403, "SignedHeaderMissing", name)
            lines.append("%s:%s" % (name, " ".join(values[0].split())))
        lines += ["", ";".join(names), want]
        text = "AWS4-HMAC-SHA256\n%s\n%s/%s/s3/aws4_request\n%s" % (
            stamp, day, region,
            hashlib.sha256("\n".join(lines).encode()).hexdigest())
        secret = self.server.secret.encode()
        k = sign(sign(sign(sign(b"AWS4" + secret, day), region),
                      "s3"), "aws4_request")
        if sign(k, text).hex() != field["Signature"]:
            raise Refusal(403, "SignatureDoesNotMatch")

    def check2(self, raw, sub):
        h = self.headers
        lines = [self.command, h.get("content-md5", ""),
                 h.get("content-type", ""), h.get("date", "")]
        lines += sorted("%s:%s" % (n.lower(), h[n]) for n in h
                        if n.lower().startswith("x-amz-"))
        if self.server.conf.virtual:
            raw = "/" + BUCKET + raw
        at = sorted(n + ("=" + v if v else "") for n, v in sub.items()
                    if n in SUB)
        lines.append(raw + ("?" + "&".join(at) if at else ""))
        mac = hmac.new(self.server.secret.encode(), "\n".join(lines).encode(),
                       hashlib.sha1).digest()
        auth = h.get("authorization", "")
        if not auth.startswith("AWS %s:" % KEY):
            raise Refusal(403, "InvalidAccessKeyId")
        if auth != "AWS %s:%s" % (KEY, base64.b64encode(mac).decode()):
            raise Refusal(403, "SignatureDoesNotMatch")
        when = parsedate_to_datetime(h["date"]).timestamp()
        if abs(when - time.time() - self.server.conf.skew) > 900:
            raise Refusal(403, "RequestTimeTooSkewed")

    def check(self, raw, query, sub, body):
        conf = self.server.conf
        if "transfer-encoding" in self.headers or \
                "aws-chunked" in self.headers.get("content-encoding", ""):
            raise Refusal(400, "BodyInChunks")
        if self.headers.get("x-amz-security-token") != conf.token:
            raise Refusal(400, "ExpiredToken" if conf.token
                          else "InvalidToken")
        if conf.sig2:
            self.check2(raw, sub)
        else:
            self.check4(raw, query, body)
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        given = self.headers.get("content-md5")
        if given not in (None, md5):
            raise Refusal(400, "BadDigest")
        if conf.lock and self.command == "PUT" and not given:
            self.server.bare += 1
            raise Refusal(400, "InvalidRequest", "Content-MD5 is required "
                          "for PUT requests with Object Lock parameters")

    # ---- the answers -------------------------------------------------------

    def reply(self, status, body=b"", headers=()):
        if self.server.conf.log:
            with open(self.server.conf.log, "a") as f:
                f.write("%d %s\n" % (status, self.path))
        self.send_response_only(status)
        self.send_header("Date", formatdate(
            time.time() + self.server.conf.skew, usegmt=True))
        for name, value in headers:
            self.send_header(name, value)
        if not any(n == "Content-Length" for n, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def reply_xml(self, root, text, status=200):
        self.reply(status, ("<?xml version='1.0' encoding='UTF-8'?>\n"
                            "<%s xmlns='http://s3.amazonaws.com/doc/"
                            "2006-03-01/'>%s</%s>" % (root, text, root)
                            ).encode(), [("Content-Type",
                                          "application/xml")])

    def place(self, path):
        """The key; None for the bucket itself."""
        conf = self.server.conf
        if not path.startswith(conf.path):
            raise Refusal(404, "NoSuchBucket")
        path = path[len(conf.path):]
        if conf.virtual:
            host = self.headers["host"]
            if not host.startswith(BUCKET + "."):
                raise Refusal(404, "NoSuchBucket", host)
            return path[1:] or None
        if path.split("/")[1] != BUCKET:
            raise Refusal(404, "NoSuchBucket", path)
        return path[len(BUCKET) + 2:] or None

    def serve(self):
        if self.path == "/versions-kept":
            # For tests, unsigned: everything it holds, also out of sight.
            kept = sum(len(v) for v in self.server.objects.values())
            return self.reply(200, str(kept).encode())
        if self.path == "/deletes":
            return self.reply(200, str(self.server.deletes).encode())
        if self.path == "/without-md5":
            return self.reply(200, str(self.server.bare).encode())
        if self.path.startswith("/secret-is/"):
            self.server.secret = self.path[len("/secret-is/"):]
            return self.reply(204)
        if self.path == "/refusals":
            return self.reply(200, str(self.server.refusals).encode())
        try:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = True
                return
            raw, path, query, sub = self.split()
            self.check(raw, query, sub, body)
            key = self.place(path)
            with self.server.lock:
                if key is None:
                    self.bucket(sub)
                else:
                    self.object(key, sub, body)
        except Refusal as e:
            if e.code in WHO:
                self.server.refusals += 1
            text = e.text if e.text.startswith("<Region") else ""
            self.reply_xml("Error", "<Code>%s</Code><Message>%s</Message>%s"
                           % (e.code, escape(e.text), text), e.status)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = serve

    # ---- objects: key -> versions, the newest last -------------------------

    def object(self, key, sub, body):
        conf, have = self.server.conf, self.server.objects
        kept = have.get(key, [])
        now = kept[-1] if kept and kept[-1][1] is not None else None
        stamp = [("x-amz-version-id", now[0])] \
            if now and conf.versions else []
        if self.command == "PUT":
            if "if-none-match" in self.headers and not conf.ignore:
                if conf.uncond:
                    raise Refusal(501, "NotImplemented")
                if now:
                    raise Refusal(412, "PreconditionFailed")
            match = self.headers.get("if-match")
            if match and not conf.ignore:
                if conf.uncond:
                    raise Refusal(501, "NotImplemented")
                tag = hashlib.md5(now[1]).hexdigest() if now else None
                # As Ceph does: with quotes it is never the right one.
                if match != tag:
                    raise Refusal(412, "PreconditionFailed")
            self.server.count += 1
            new = ("v%d" % self.server.count, body)
            have[key] = kept + [new] if conf.versions else [new]
            return self.reply(200, headers=[
                ("ETag", '"%s"' % hashlib.md5(body).hexdigest())])
        if self.command == "DELETE":
            return self.delete(key, kept, sub.get("versionId"))
        if not now:
            raise Refusal(404, "NoSuchKey")
        data, size = now[1], len(now[1])
        span = self.headers.get("range")
        if self.command == "HEAD":
            return self.reply(200, headers=stamp + [
                ("ETag", '"%s"' % hashlib.md5(data).hexdigest()),
                ("Content-Length", str(size))])
        if not span:
            return self.reply(200, data, stamp)
        first, last = (int(n) for n in span[6:].split("-"))
        if first >= size:
            raise Refusal(416, "InvalidRange")
        last = min(last, size - 1)
        self.reply(206, data[first:last + 1], stamp + [
            ("Content-Range", "bytes %d-%d/%d" % (first, last, size))])

    def delete(self, key, kept, version):
        conf, have = self.server.conf, self.server.objects
        self.server.deletes += 1
        if version:
            if conf.lock:
                raise Refusal(403, "AccessDenied")
            kept = [v for v in kept if v[0] != version]
        elif conf.versions:
            self.server.count += 1
            kept = kept + [("v%d" % self.server.count, None)]
        else:
            kept = []
        if kept:
            have[key] = kept
        else:
            have.pop(key, None)
        self.reply(204)

    # ---- the bucket --------------------------------------------------------

    def bucket(self, sub):
        conf = self.server.conf
        if self.command != "GET":
            raise Refusal(405, "MethodNotAllowed")
        if any(a in sub for a in conf.deny.split(",")):
            raise Refusal(403, "AccessDenied")
        if "versioning" in sub:
            return self.reply_xml("VersioningConfiguration",
                                  "<Status>Enabled</Status>"
                                  if conf.versions else "")
        if "object-lock" in sub:
            if not conf.lock:
                raise Refusal(404, "ObjectLockConfigurationNotFoundError")
            return self.reply_xml(
                "ObjectLockConfiguration", "<ObjectLockEnabled>Enabled"
                "</ObjectLockEnabled><Rule><DefaultRetention><Mode>"
                "COMPLIANCE</Mode><Days>30</Days></DefaultRetention></Rule>")
        if "lifecycle" in sub:
            if conf.lifecycle is None:
                raise Refusal(404, "NoSuchLifecycleConfiguration")
            return self.reply_xml("LifecycleConfiguration", "".join(
                "<Rule><Filter><Prefix>%s</Prefix></Filter><Status>Enabled"
                "</Status><Expiration><Days>30</Days></Expiration></Rule>"
                % escape(p) for p in conf.lifecycle.split(",")))
        if "versions" in sub and conf.blind not in (0, 200):
            raise Refusal(conf.blind, "NoSuchKey" if conf.blind == 404
                          else "InvalidArgument")
        if "versions" in sub and not conf.blind:
            return self.versions(sub)
        self.list(sub)

    def show(self, sub, key):
        return escape(quote(key, "/") if sub.get("encoding-type") == "url"
                      else key)

    def list(self, sub):
        conf = self.server.conf
        is2 = sub.get("list-type") == "2" and not conf.list1
        after = sub.get("marker", "")
        if is2 and "continuation-token" in sub:
            # Opaque, and full of what has to be encoded.
            after = base64.b64decode(
                sub["continuation-token"][2:]).decode()
        prefix = sub.get("prefix", "")
        live = sorted(k for k, v in self.server.objects.items()
                      if v[-1][1] is not None and k.startswith(prefix)
                      and k > after)
        page = live[:min(conf.page, int(sub.get("max-keys", 1000)))]
        more = len(live) > len(page)
        text = "<IsTruncated>%s</IsTruncated>" % str(more).lower()
        if "encoding-type" in sub:
            text += "<EncodingType>url</EncodingType>"
        if is2 and more:
            text += "<NextContinuationToken>+/%s</NextContinuationToken>" % (
                base64.b64encode(page[-1].encode()).decode())
        for k in page:
            text += "<Contents><Key>%s</Key><Size>%d</Size></Contents>" % (
                self.show(sub, k), len(self.server.objects[k][-1][1]))
        self.reply_xml("ListBucketResult", text)

    def versions(self, sub):
        every = []
        for k in sorted(self.server.objects):
            if k.startswith(sub.get("prefix", "")):
                kept = self.server.objects[k]
                every += [(k, v, v is kept[-1]) for v in reversed(kept)]
        at = 0
        if "key-marker" in sub:
            mark = (sub["key-marker"], sub.get("version-id-marker"))
            at = next((i + 1 for i, (k, v, _) in enumerate(every)
                       if (k, v[0]) == mark), None)
            if at is None:
                at = sum(1 for k, v, _ in every if k < mark[0])
        size = min(self.server.conf.page, int(sub.get("max-keys", 1000)))
        if self.server.conf.endless:
            at = 0
            every = [(sub["prefix"], ("w%d" % (self.server.count + i), b""),
                      False) for i in range(size + 1)]
            self.server.count += size
        page = every[at:at + size]
        more = at + len(page) < len(every)
        text = "<IsTruncated>%s</IsTruncated>" % str(more).lower()
        if "encoding-type" in sub:
            text += "<EncodingType>url</EncodingType>"
        if more:
            text += ("<NextKeyMarker>%s</NextKeyMarker><NextVersionIdMarker>"
                     "%s</NextVersionIdMarker>" % (
                         self.show(sub, page[-1][0]), page[-1][1][0]))
        for k, (v, data), latest in page:
            tag = "DeleteMarker" if data is None else "Version"
            text += ("<%s><Key>%s</Key><VersionId>%s</VersionId><IsLatest>%s"
                     "</IsLatest></%s>" % (tag, self.show(sub, k), v,
                                           str(latest).lower(), tag))
        self.reply_xml("ListVersionsResult", text)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    tls = None
    live = set()

    def tls_read(self, *_):
        # Another context: nobody resumes what began with the old one.
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*self.conf.tls)
        self.tls = tls
        for s in list(self.live):
            socket.socket.shutdown(s, socket.SHUT_RDWR)

    def secret_is(self, secret):
        self.secret = secret

    def finish_request(self, request, address):
        if self.tls is None:
            return super().finish_request(request, address)
        with self.tls.wrap_socket(request, server_side=True) as s:
            self.live.add(s)
            try:
                super().finish_request(s, address)
            finally:
                self.live.discard(s)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("pidfile")
    for name in ("sig2", "list1", "virtual", "uncond", "ignore", "versions",
                 "lock", "endless"):
        a.add_argument("--" + name, action="store_true")
    a.add_argument("--token")
    a.add_argument("--lifecycle")
    a.add_argument("--deny", default="none")
    a.add_argument("--path", default="")
    a.add_argument("--skew", type=int, default=0)
    a.add_argument("--page", type=int, default=1000)
    a.add_argument("--blind", type=int, default=0)
    a.add_argument("--tls", nargs=2)
    a.add_argument("--log")
    a.add_argument("port", nargs="?", type=int, default=0)
    conf = a.parse_args()
    conf.versions |= conf.lock
    server = Server(("127.0.0.1", conf.port), Handler)
    server.conf, server.objects, server.count = conf, {}, 0
    server.secret = SECRET
    signal.signal(signal.SIGUSR1, lambda *_: server.secret_is("another"))
    signal.signal(signal.SIGUSR2, lambda *_: server.secret_is(SECRET))
    if conf.tls:
        server.tls_read()
        signal.signal(signal.SIGHUP, server.tls_read)
    server.bare = server.deletes = 0
    server.lock = threading.Lock()
    server.refusals = 0
    with open(conf.pidfile, "w") as f:
        f.write(str(os.getpid()))
    print(server.server_address[1], flush=True)
    # Whoever started it reads the one line and goes on.
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    sys.stdin.close()
    server.serve_forever()


os.environ["TZ"] = "UTC"
time.tzset()
main()
