"""The review as a page on this machine: loopback only, behind a token, nothing from elsewhere."""

import hmac
import json
import secrets
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from threading import Lock

from immunerecon.review.messages import answer
from immunerecon.review.opening import Review
from immunerecon.review.packing import pack

HOST = "127.0.0.1"
LONGEST_MESSAGE = 1 << 20  # bytes

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_FILES = {
    "": ("page.html", "text/html; charset=utf-8"),
    "review.js": ("review.js", "text/javascript; charset=utf-8"),
    "review.css": ("review.css", "text/css; charset=utf-8"),
}


class ReviewServer(ThreadingHTTPServer):
    """Serves one review on the loopback interface.

    Parameters
    ----------
    review
        What is reviewed.
    port
        0 takes a free one.
    """

    daemon_threads = True

    def __init__(self, review: Review, *, port: int = 0) -> None:
        self.review = review
        self.token = secrets.token_urlsafe(24)
        self.lock = Lock()
        super().__init__((HOST, port), _Handler)

    @property
    def address(self) -> str:
        """Host and port, as a browser names them."""
        return f"{HOST}:{self.server_address[1]}"

    @property
    def url(self) -> str:
        """The page, with its token."""
        return f"http://{self.address}/{self.token}/"


class _Handler(BaseHTTPRequestHandler):
    """Answers the page's requests."""

    server: ReviewServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_version = "immunerecon"
    sys_version = ""

    def do_GET(self) -> None:
        """Send the page or one of its files."""
        name = self._asked()
        if name is None:
            return
        if name not in _FILES:
            self._refuse(404, "There is no such page")
            return
        file, kind = _FILES[name]
        self._send(200, kind, (files("immunerecon.review") / "web" / file).read_bytes())

    def do_POST(self) -> None:
        """Answer a message."""
        name = self._asked()
        if name is None:
            return
        length = self.headers.get("Content-Length", "")
        if name != "ask" or self.headers.get_content_type() != "application/json":
            self._refuse(404, "Messages are JSON and go to ask")
        elif self.headers.get("Origin") != f"http://{self.headers['Host']}":
            self._refuse(403, "Only this page itself may ask")
        elif not length.isdigit() or int(length) > LONGEST_MESSAGE:
            self._refuse(413, "The message is too long")
        else:
            self._answer(self.rfile.read(int(length)))

    def _answer(self, body: bytes) -> None:
        try:
            message = json.loads(body)
        except ValueError:
            self._refuse(400, "The message is not JSON")
            return
        with self.server.lock:
            reply = answer(self.server.review, message)
        self._send(200, "application/octet-stream", pack(reply))

    def _asked(self) -> str | None:
        """Return the name behind the token, None where the request was refused."""
        port = self.server.server_address[1]
        # Another name for this machine would let a foreign page in (DNS rebinding).
        if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
            self._refuse(403, "Open the address that immunerecon review printed")
            return None
        token, _, name = self.path.lstrip("/").partition("/")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            self._refuse(404, "Open the address that immunerecon review printed, with its token")
            return None
        return name.partition("?")[0]

    def _refuse(self, status: int, reason: str) -> None:
        self.close_connection = True
        self._send(status, "text/plain; charset=utf-8", reason.encode())

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        headers = {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(content))}
        if self.close_connection:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal belongs to the person."""


def serve(review: Review, *, port: int = 0, ready: Callable[[str], object] = print) -> None:
    """Serve a review until the person ends it with Ctrl+C.

    Parameters
    ----------
    review
        From `open_review`.
    port
        0 takes a free one.
    ready
        Is told the page's address once it can be opened.
    """
    with ReviewServer(review, port=port) as server:
        ready(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
