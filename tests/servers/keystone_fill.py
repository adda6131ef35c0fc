# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a project, users and the object store's entry in a new Keystone.

    keystone_fill.py KEYSTONE STORAGE

Prints the id of an application credential of the user alice.
"""
import json
import sys
import urllib.request

base, storage = sys.argv[1], sys.argv[2]


def call(method, path, body=None, token=None):
    data = json.dumps(body).encode() if body is not None else None
    q = urllib.request.Request(base + path, data=data, method=method)
    q.add_header("Content-Type", "application/json")
    if token:
        q.add_header("X-Auth-Token", token)
    with urllib.request.urlopen(q, timeout=30) as a:
        text = a.read()
        return (json.loads(text) if text else {},
                a.headers.get("X-Subject-Token"))


def login(user, password, project):
    return call("POST", "/auth/tokens", {"auth": {
        "identity": {"methods": ["password"], "password": {"user": {
            "name": user, "domain": {"id": "default"},
            "password": password}}},
        "scope": {"project": {"name": project,
                              "domain": {"id": "default"}}}}})[1]


root = login("admin", "adminpw", "admin")


def make(kind, one, **body):
    return call("POST", "/" + kind, {one: body}, root)[0][one]["id"]


def find(kind, name):
    return call("GET", "/%s?name=%s" % (kind, name), None,
                root)[0][kind][0]["id"]


demo = make("projects", "project", name="demo", domain_id="default")
alice = make("users", "user", name="alice", domain_id="default",
             password="s3cretpw")
swift = make("users", "user", name="swift", domain_id="default",
             password="swiftpw")
for project, user, role in ((demo, alice, "member"),
                            (find("projects", "admin"), swift, "admin")):
    call("PUT", "/projects/%s/users/%s/roles/%s" % (
        project, user, find("roles", role)), None, root)
service = make("services", "service", type="object-store", name="swift")
make("endpoints", "endpoint", service_id=service, interface="public",
     region="RegionOne", url=storage)
token = login("alice", "s3cretpw", "demo")
print(call("POST", "/users/%s/application_credentials" % alice, {
    "application_credential": {"name": "coffre",
                               "secret": "appcredsecret"}},
    token)[0]["application_credential"]["id"])
