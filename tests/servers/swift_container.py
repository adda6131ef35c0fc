# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the container "bucket": swift_container.py PORT [KEYSTONE [VERSIONS]].

Tries until the servers behind the proxy have come up.
"""
import json
import sys
import time
import urllib.error
import urllib.request

port, keystone, versions = (sys.argv[1:] + ["", ""])[:3]


def ask(url, method="GET", body=None, **headers):
    q = urllib.request.Request(url, data=body, method=method)
    for name, value in headers.items():
        q.add_header(name.replace("_", "-"), value)
    return urllib.request.urlopen(q, timeout=10)


def make():
    if keystone:
        a = ask(keystone + "/auth/tokens", "POST", json.dumps({"auth": {
            "identity": {"methods": ["password"], "password": {"user": {
                "name": "alice", "domain": {"id": "default"},
                "password": "s3cretpw"}}},
            "scope": {"project": {"name": "demo",
                                  "domain": {"id": "default"}}}}}).encode(),
                Content_Type="application/json")
        token = a.headers["X-Subject-Token"]
        project = json.load(a)["token"]["project"]["id"]
        url = "http://127.0.0.1:%s/v1/AUTH_%s" % (port, project)
    else:
        a = ask("http://127.0.0.1:%s/auth/v1.0" % port,
                X_Auth_User="test:alice", X_Auth_Key="s3cretpw")
        token, url = a.headers["X-Auth-Token"], a.headers["X-Storage-Url"]
    ask(url + "/bucket", "PUT", X_Auth_Token=token)
    if versions:
        ask(url + "/bucket", "POST", X_Auth_Token=token,
            X_Versions_Enabled="true")


# The proxy passes by a server that was not up when it asked, for a minute.
end = time.monotonic() + 100
while True:
    try:
        make()
        break
    except (urllib.error.URLError, OSError):
        if time.monotonic() > end:
            raise
        time.sleep(0.2)
