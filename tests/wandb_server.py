"""As much of a W&B server as sending runs and saving a dashboard needs; it keeps what it is told."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ENTITY = "team"
API_KEY = "0123456789" * 4
_OPERATION = re.compile(r"(?:query|mutation)\s+(\w+)")
_STREAM = re.compile(r"/files/[^/]+/[^/]+/([^/]+)/file_stream")

Answer = Callable[["WandbServer", dict[str, Any]], dict[str, Any]]


class WandbServer:
    """Answers on a port of its own until `close`."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        """Operation and variables of each call, in order."""
        self.ends: dict[str, list[int]] = {}
        """By run: the exit codes with which it was finished, one after the other."""
        self.artifacts: dict[tuple[str, str], str] = {}
        """Id of each version, by name and digest."""
        self.committed: set[str] = set()
        self.views: dict[str, dict[str, Any]] = {}
        """Saved dashboards by name."""
        self.uploads = 0
        handler = type("Handler", (_Handler,), {"state": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answers no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    def told(self, operation: str) -> list[dict[str, Any]]:
        """Variables of all calls of an operation."""
        return [variables for name, variables in self.calls if name == operation]

    def answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data of one call; empty for what is not known."""
        match = _OPERATION.search(query)
        name = match[1] if match else ""
        self.calls.append((name, variables))
        known = _ANSWERS.get(name)
        return known(self, variables) if known else {}


def _viewer(_: WandbServer, __: dict[str, Any]) -> dict[str, Any]:
    user = {"id": "u", "username": ENTITY, "email": "", "admin": False, "flags": "{}", "entity": ENTITY}
    teams = {"edges": [{"node": {"id": "t", "name": ENTITY}}]}
    return {"viewer": {**user, "teams": teams}, "serverInfo": {"features": []}}


def _bucket(_: WandbServer, told: dict[str, Any]) -> dict[str, Any]:
    project = {"id": "p", "name": told["project"], "entity": {"id": "e", "name": told["entity"] or ENTITY}}
    name = told["name"]
    bucket = {
        "id": name,
        "name": name,
        "displayName": told["displayName"],
        "config": "{}",
        "project": project,
    }
    return {"upsertBucket": {"bucket": {**bucket, "historyLineCount": 0}, "inserted": True}}


def _resume(state: WandbServer, told: dict[str, Any]) -> dict[str, Any]:
    empty = {"summaryMetrics": "{}", "config": "{}", "historyTail": "[]", "eventsTail": "[]", "tags": []}
    counts = dict.fromkeys(("logLineCount", "historyLineCount", "eventsLineCount"), 0)
    run = {"id": told["name"], "name": told["name"], **empty, **counts, "wandbConfig": '{"t": 1}'}
    there = told["name"] in state.ends
    entity = {"id": "e", "name": ENTITY}
    return {"model": {"id": "p", "name": "atc", "entity": entity, "bucket": run if there else None}}


def _artifact(state: WandbServer, told: dict[str, Any]) -> dict[str, Any]:
    given = told["input"]
    key = (given["artifactCollectionName"], given["digest"])
    id_ = state.artifacts.setdefault(
        key, base64.b64encode(f"Artifact:{len(state.artifacts)}".encode()).decode()
    )
    now = "COMMITTED" if id_ in state.committed else "PENDING"
    sequence = {"id": key[0], "latestArtifact": None}
    return {"createArtifact": {"artifact": {"id": id_, "state": now, "artifactSequence": sequence}}}


def _manifest(state: WandbServer, told: dict[str, Any]) -> dict[str, Any]:
    file = {"id": "f", "uploadUrl": f"{state.url}/upload/manifest", "uploadHeaders": []}
    return {"createArtifactManifest": {"artifactManifest": {"id": told["artifactID"], "file": file}}}


def _artifact_files(state: WandbServer, told: dict[str, Any]) -> dict[str, Any]:
    edges = [
        {
            "node": {
                "storagePath": file["name"],
                "uploadUrl": f"{state.url}/upload/{number}",
                "uploadHeaders": [],
                "uploadMultipartUrls": None,
                "artifact": {"id": file["artifactID"]},
            }
        }
        for number, file in enumerate(told["input"]["artifactFiles"])
    ]
    return {"createArtifactFiles": {"files": {"edges": edges}}}


def _commit(state: WandbServer, told: dict[str, Any]) -> dict[str, Any]:
    state.committed.add(told["artifactID"])
    return {"commitArtifact": {"artifact": {"id": told["artifactID"], "digest": ""}}}


def _use(_: WandbServer, told: dict[str, Any]) -> dict[str, Any]:
    return {"useArtifact": {"artifact": {"id": told["input"]["artifactID"]}}}


def _run_files(state: WandbServer, told: dict[str, Any]) -> dict[str, Any]:
    files = [{"name": name, "uploadUrl": f"{state.url}/upload/{name}"} for name in told["files"]]
    return {"createRunFiles": {"runID": told["run"], "uploadHeaders": [], "files": files}}


def _save_view(state: WandbServer, told: dict[str, Any]) -> dict[str, Any]:
    there = told["name"] in state.views
    state.views[told["name"]] = told
    return {
        "upsertView": {"view": {"id": f"id of {told['name']}", "name": told["name"]}, "inserted": not there}
    }


def _view(state: WandbServer, told: dict[str, Any]) -> dict[str, Any]:
    view = state.views.get(told["viewName"])
    edges = []
    if view is not None:
        node = {"id": f"id of {view['name']}", "displayName": view["displayName"], "spec": view["spec"]}
        edges = [{"node": node}]
    return {"project": {"allViews": {"edges": edges}}}


_ANSWERS: dict[str, Answer] = {
    "Viewer": _viewer,
    "GetDefaultEntity": _viewer,
    "ServerFeaturesQuery": lambda _, __: {"serverInfo": {"features": []}},
    "UpsertBucket": _bucket,
    "RunResumeStatus": _resume,
    "CreateArtifact": _artifact,
    "CreateArtifactManifest": _manifest,
    "CreateArtifactFiles": _artifact_files,
    "CommitArtifact": _commit,
    "UseArtifact": _use,
    "CreateRunFiles": _run_files,
    "UpsertView2": _save_view,
    "View": _view,
}


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever is killed hangs up without a word."""


class _Handler(BaseHTTPRequestHandler):
    state: WandbServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self._body()
        if self.path.startswith("/graphql"):
            told = json.loads(body)
            self._reply({"data": self.state.answer(told["query"], told.get("variables") or {})})
        elif (stream := _STREAM.match(self.path)) is not None:
            told = json.loads(body)
            ends = self.state.ends.setdefault(stream[1], [])
            if told.get("complete"):
                ends.append(told["exitcode"])
            self._reply({"exitcode": None, "limits": {}})
        else:
            self._reply({}, 404)

    def do_PUT(self) -> None:
        self._body()
        self.state.uploads += 1
        self._reply({})

    def do_GET(self) -> None:
        self._reply({}, 404)

    def log_message(self, format: str, *args: object) -> None:
        """Quietly."""

    def _body(self) -> bytes:
        import gzip

        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _reply(self, content: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
