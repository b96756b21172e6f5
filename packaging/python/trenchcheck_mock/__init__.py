"""The reference Trenchcoat API for tests: starts `trenchcheck mock`, and gives each test a workspace of its own."""

from __future__ import annotations

import json
import os
import subprocess
from types import TracebackType
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

__all__ = ["Mock", "Refused", "Workspace"]

# Nobody stands between this machine and itself.
_direct = build_opener(ProxyHandler({}))


class Refused(Exception):
    """What the mock says when it cannot do what was asked."""


class Workspace:
    """Keys, sessions, clock and journal of one test."""

    def __init__(self, mock: Mock, made: dict[str, Any]) -> None:
        self._mock, self._path = mock, f"workspaces/{made['id']}"
        #: The base URL, which goes before `/api/v1/…`.
        self.url: str = mock.url + made["base_url"]

    def key(self, *scopes: str, name: str = "plugin", plan: str = "standard") -> str:
        """Makes a key with these scopes, `write:events` and `read:analytics`, and gives it."""
        spec = {"name": name, "scopes": scopes, "plan": plan}
        return str(self._mock.control("POST", f"{self._path}/keys", spec)["key"])

    def fault(self, **spec: Any) -> str:
        """Makes something go wrong, such as `status=429, retry_after=7, first=1`; gives the fault's id."""
        return str(self._mock.control("POST", f"{self._path}/faults", spec)["id"])

    def advance(self, seconds: float) -> None:
        """Sets the clock forward: what a client in a test does instead of waiting."""
        self._mock.control("POST", f"{self._path}/clock/advance", {"ms": round(seconds * 1000)})

    def journal(self, **filters: Any) -> list[dict[str, Any]]:
        """What was sent and what became of it, oldest first; `status="4xx"` for instance leaves out the others."""
        return list(self._mock.control("GET", f"{self._path}/journal?{urlencode(filters)}")["entries"])

    def wait(self, count: int, timeout: float = 5.0, **filters: Any) -> list[dict[str, Any]]:
        """The requests that match, as soon as there are so many of them."""
        query = urlencode({"count": count, "timeout_ms": round(timeout * 1000), **filters})
        found = self._mock.control("GET", f"{self._path}/journal/wait?{query}")
        if not found["complete"]:
            raise Refused(f"{found['count']} of {count} requests came in {timeout} s")
        return list(found["entries"])

    def close(self) -> None:
        """Gives it back."""
        self._mock.control("DELETE", self._path)

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Mock:
    """A mock on a free port of this machine, until it is stopped."""

    def __init__(self, *arguments: str, program: str | None = None) -> None:
        """`program` is the one in the variable TRENCHCHECK, else `trenchcheck`; `arguments` are more of `mock`'s."""
        program = program or os.environ.get("TRENCHCHECK", "trenchcheck")
        command = [program, "mock", "--port", "0", "--json", *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        # The ready line: whoever has read it can send requests.
        line = self._process.stdout.readline()
        if not line:
            self.stop()
            raise Refused(f"{' '.join(command)} ended with exit code {self._process.returncode}")
        ready = json.loads(line)
        #: The base URL of the default workspace, in which the well-known keys are.
        self.url: str = ready["url"]
        #: The well-known keys by their variables, such as `TRENCHCHECK_KEY_READ`.
        self.keys: dict[str, str] = {key["variable"]: key["key"] for key in ready["keys"] if "key" in key}

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Uses the control API, which `/_mock/openapi.json` describes."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/_mock/{path}", data=data, method=method)
        try:
            with _direct.open(request, timeout=70) as answer:
                text = answer.read()
        except HTTPError as refusal:
            with refusal:
                raise Refused(json.load(refusal)["error"]["message"]) from None
        return json.loads(text)["data"] if text else None

    def workspace(self, **settings: Any) -> Workspace:
        """A fresh workspace, under settings such as `deviations=["as-deployed"]` or `limits={"standard": "5/10s"}`."""
        return Workspace(self, self.control("POST", "workspaces", settings))

    def stop(self) -> None:
        """Ends it; what is under way is answered."""
        self._process.terminate()
        self._process.wait(timeout=15)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Mock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
