# SPDX-License-Identifier: GPL-3.0-or-later
"""Keystone on loopback: keystone_serve.py CONFIGURATION PORT."""
import sys

conf, port = sys.argv[1], int(sys.argv[2])
sys.argv = ["keystone", "--config-file", conf]

import sqlalchemy                                       # noqa: E402
from sqlalchemy.pool import StaticPool                  # noqa: E402

real = sqlalchemy.create_engine


def create_engine(url, **more):
    """One connection for all: SQLite locks out a second that writes."""
    for name in ("pool_size", "max_overflow", "pool_timeout",
                 "pool_recycle"):
        more.pop(name, None)
    more["poolclass"] = StaticPool
    more.setdefault("connect_args", {})["check_same_thread"] = False
    return real(url, **more)


sqlalchemy.create_engine = create_engine

from keystone.server import wsgi                        # noqa: E402
from wsgiref.simple_server import (                     # noqa: E402
    WSGIRequestHandler, WSGIServer, make_server)


class Server(WSGIServer):
    request_queue_size = 64


class Handler(WSGIRequestHandler):
    def log_message(self, *args):
        pass


make_server("127.0.0.1", port, wsgi.initialize_public_application(),
            server_class=Server, handler_class=Handler).serve_forever()
