"""A server in this process, and a caller that holds every answer against the server's own OpenAPI document."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
from pathlib import Path

import jsonschema
import numpy as np

from clew.media.pictures import encode_jpeg
from clew.serve.server import make_server
from clew.serve.settings import ServeSettings

HERE = str(Path(__file__).parent)
PRETEND = {"scanner": "pretend:scanner", "scorer": "pretend:scorer"}
BOUNDARY = "----clewboundary"


def on_path():
    """Lets worker processes import the modules of this folder."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if HERE not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([HERE, *filter(None, paths)])


def jpeg(word=b"", side=16):
    """A picture, with a word behind its end."""
    return encode_jpeg(np.zeros((side, side, 3), np.uint8), 90) + word


def form(data, name="face.jpg", field="file", **fields):
    """A multipart form: its bytes and its headers."""
    parts = [(f'name="{key}"', str(value).encode()) for key, value in fields.items()]
    parts.append((f'name="{field}"; filename="{name}"', data))
    body = b"".join(
        b"--%s\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (BOUNDARY.encode(), head.encode(), value)
        for head, value in parts
    )
    return body + f"--{BOUNDARY}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


class Answer:
    """A response, read."""

    def __init__(self, found):
        self.status, self.data = found.status, found.read()
        self.headers = found.headers
        self.kind = (found.headers["Content-Type"] or "").partition(";")[0]

    @property
    def json(self):
        return json.loads(self.data)

    @property
    def problem(self):
        """The name of the problem."""
        assert self.kind == "application/problem+json", (self.status, self.data)
        return self.json["type"].rpartition(":")[2]


class Running:
    """A server on a free port, in a thread of its own."""

    def __init__(self, **settings):
        on_path()
        self.server, self.socket = make_server(ServeSettings(port=0, **settings))
        self.service, self.port = self.server.service, self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.server.run, args=([self.socket],), daemon=True)
        self.thread.start()
        while not self.server.started and self.thread.is_alive():
            time.sleep(0.01)
        self.document = self.ask("GET", "/openapi.json", check=False).json

    def ask(self, method, path, body=None, headers=(), check=True):
        """An answer, which must be one that the document promises."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, body, dict(headers))
        found = Answer(connection.getresponse())
        connection.close()
        if check:
            self.promised(method, path.partition("?")[0], found)
        return found

    def promised(self, method, path, found):
        """The status, kind and shape of an answer are in the document."""
        known = [one for one in self.document["paths"] if like(one, path)]
        if not known or method.lower() not in self.document["paths"][known[0]]:
            return
        told = self.document["paths"][known[0]][method.lower()]["responses"]
        assert str(found.status) in told, (method, path, found.status, found.data)
        content = told[str(found.status)].get("content")
        assert bool(content) == bool(found.data)
        if content:
            assert found.kind in content, (found.kind, list(content))
            if found.kind.endswith("json"):
                jsonschema.validate(
                    found.json, {**content[found.kind]["schema"], "components": self.document["components"]}
                )

    def scan(self, data, path="/v1/scan", **fields):
        """Sends a file."""
        return self.ask("POST", path, *form(data, **fields))

    def job(self, data, **fields):
        """Sends a file as a job; its address."""
        found = self.scan(data, "/v1/jobs", **fields)
        assert found.status == 202, found.data
        return found.headers["Location"]

    def ended(self, address):
        """A job's state once it is over."""
        return self.ask("GET", f"{address}?wait=20").json

    def connected(self):
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def left(self):
        """The files of the private folder."""
        return [path for path in self.service.folder.path.rglob("*") if path.is_file() and path.name != "lock"]

    def stop(self):
        self.server.end()
        self.thread.join(20)
        assert not self.thread.is_alive()


def like(template, path):
    """Whether a path is one that a template of the document stands for."""
    import re

    return re.fullmatch(re.sub(r"\\{[a-z]+\\}", "[^/]+", re.escape(template)), path) is not None


def replies(connection):
    """All that comes until the other side closes."""
    found = b""
    try:
        while piece := connection.recv(65536):
            found += piece
    except ConnectionError:
        pass
    return found
