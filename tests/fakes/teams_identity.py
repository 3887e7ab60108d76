"""Who signs what in the fake Teams: Bot Framework's keys and metadata, and Entra's token endpoint, as msal asks it.

It answers from threads of its own, since msal and botbuilder ask it with blocking calls, maybe from the very loop that
runs the test. By HTTP at `url`, and by HTTPS at `login_url`, since msal takes no other; `requests`, which msal uses,
has to be told to trust it: `monkeypatch.setenv("REQUESTS_CA_BUNDLE", identity.ca_file)`. That variable, if it is set,
goes before msal's own `verify`.

    ConfidentialClientApplication(APP_ID, client_credential=identity.secret, instance_discovery=False,
                                  authority=f"{identity.login_url}/{TENANT}")
"""

import json
import ssl
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from jwt.algorithms import RSAAlgorithm

from tests.fakes.teams_workspace import APP_ID, TENANT

JSON = dict[str, Any]

ISSUER = "https://api.botframework.com"
SCOPE = "https://api.botframework.com/.default"
OPENID_PATH = "/v1/.well-known/openidconfiguration"
KEYS_PATH = "/v1/.well-known/keys"


@cache
def private_key(number: int) -> rsa.RSAPrivateKey:
    """Return a key to sign with; made once, since that takes a while. Negative numbers: for those who pretend."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def _certificate() -> bytes:
    """Return a certificate for 127.0.0.1 that vouches for itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + secret


@dataclass
class Key:
    """A key of Bot Framework's, and the channels it may speak for."""

    kid: str
    number: int
    endorsements: tuple[str, ...] = ("msteams",)

    def public(self) -> JSON:
        """Return it as it stands in the JWKS."""
        public = RSAAlgorithm.to_jwk(private_key(self.number).public_key(), as_dict=True)
        return {**public, "use": "sig", "kid": self.kid, "x5t": self.kid, "endorsements": list(self.endorsements)}


@dataclass
class _Fault:
    path: str
    status: int
    left: int


class Identity:
    """The two services. What a test may set: `secret`, `tenants` (that may ask for tokens), `token_seconds`, `slow`.

    `slow`: seconds before anything is answered. `asked`: the paths that were asked for, oldest first.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.app_id = APP_ID
        self.secret = "fake~secret"
        self.tenants = {TENANT, "botframework.com"}
        self.token_seconds = 3599
        self.slow = 0.0
        self.asked: list[str] = []
        self.url = ""
        self.login_url = ""
        self.ca_file = ""
        self.keys = [Key(f"k1-{uuid4().hex[:12]}", 0)]
        self._numbers = count(1)
        self._tokens: dict[str, float] = {}
        self._faults: list[_Fault] = []
        self._servers: list[ThreadingHTTPServer] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._files = tempfile.TemporaryDirectory(prefix="teams-identity-")
        path = Path(self._files.name, "login.pem")
        path.write_bytes(_certificate())
        self.ca_file = str(path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        self.url = f"http://127.0.0.1:{self._serve(None)}"
        self.login_url = f"https://127.0.0.1:{self._serve(context)}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()
        self._files.cleanup()

    def _serve(self, context: ssl.SSLContext | None) -> int:
        server = _Server(self)
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self._servers.append(server)
        self._threads.append(thread)
        return int(server.server_address[1])

    @property
    def openid_url(self) -> str:
        """Where Bot Framework's metadata are."""
        return self.url + OPENID_PATH

    # What tests do

    def rotate(self, *, keep: bool = True, endorsements: tuple[str, ...] = ("msteams",)) -> str:
        """Sign with a new key from now on; the old one disappears unless `keep`. Returns its kid."""
        number = self.keys[-1].number + 1
        new = Key(f"k{number + 1}-{self.keys[0].kid[3:]}", number, endorsements)
        self.keys = [*self.keys, new] if keep else [new]
        return new.kid

    def fail(self, path: str = "", *, status: int = 503, left: int = 1) -> None:
        """Answer the next `left` requests for paths with `path` in them with `status`; -1: all from now on."""
        self._faults.append(_Fault(path, status, left))

    def heal(self) -> None:
        """End all trouble."""
        self._faults.clear()
        self.slow = 0.0

    def revoke(self) -> None:
        """Take back all tokens that were given to the app: the Connector refuses them, new ones are good."""
        self._tokens.clear()

    # Tokens

    def sign(self, service_url: str, *, key: Key | None = None, headers: JSON | None = None, **claims: Any) -> str:
        """Return a token as Bot Framework sends it with an activity; `claims` replace its own, None leaves one out."""
        signer, now = key or self.keys[-1], int(time.time())
        usual: JSON = {"serviceurl": service_url, "nbf": now - 5, "exp": now + 3600, "iss": ISSUER, "aud": self.app_id}
        body = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        first = {"kid": signer.kid, "x5t": signer.kid, **(headers or {})}
        return jwt.encode(body, private_key(signer.number), algorithm="RS256", headers=first)

    def give(self) -> str:
        """Return a token for the Connector, as the token endpoint gives it."""
        token = f"eyJ0eXAiOiJKV1Qi.{self.keys[0].kid}.{next(self._numbers)}"
        self._tokens[token] = self.clock() + self.token_seconds
        return token

    def takes(self, token: str) -> bool:
        """Whether the Connector takes a token: it was given, not taken back, and is not too old."""
        return self._tokens.get(token, 0.0) > self.clock()

    # Answers

    def answer(self, path: str, query: JSON, form: JSON, base: str) -> tuple[int, JSON]:
        """Return status and body for a request; a form is a POST."""
        self.asked.append(path)
        time.sleep(self.slow)
        fault = next((one for one in self._faults if one.left and one.path in path), None)
        if fault:
            fault.left -= 1
            return fault.status, {"error": "temporarily_unavailable"}
        if path == OPENID_PATH:
            return 200, self._metadata(base)
        if path == KEYS_PATH:
            return 200, {"keys": [key.public() for key in self.keys]}
        if path == "/common/discovery/instance":
            tenant = urlsplit(query.get("authorization_endpoint", "")).path.split("/")[1]
            return 200, {"tenant_discovery_endpoint": f"{base}/{tenant}/v2.0/.well-known/openid-configuration"}
        tenant, _, rest = path.lstrip("/").partition("/")
        if rest == "v2.0/.well-known/openid-configuration":
            return self._discover(tenant, base)
        if rest == "oauth2/v2.0/token":
            return self._token(tenant, form)
        return 404, {"error": "not_found"}

    @staticmethod
    def _metadata(base: str) -> JSON:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": "https://invalid.botframework.com",
            "jwks_uri": base + KEYS_PATH,
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        }

    def _discover(self, tenant: str, base: str) -> tuple[int, JSON]:
        if tenant not in self.tenants:
            return 400, _oauth("invalid_tenant", 90002, f"Tenant '{tenant}' not found. Check to make sure you have it.")
        return 200, {
            "token_endpoint": f"{base}/{tenant}/oauth2/v2.0/token",
            "authorization_endpoint": f"{base}/{tenant}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/{tenant}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{base}/{tenant}/discovery/v2.0/keys",
            "issuer": f"{base}/{tenant}/v2.0",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        }

    def _token(self, tenant: str, form: JSON) -> tuple[int, JSON]:
        client = form.get("client_id")
        if tenant not in self.tenants:
            return 400, _oauth("invalid_request", 90002, f"Tenant '{tenant}' not found.")
        if form.get("grant_type") != "client_credentials":
            return 400, _oauth("unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        if client != self.app_id:
            words = f"Application with identifier '{client}' was not found in the directory."
            return 400, _oauth("unauthorized_client", 700016, words)
        if form.get("client_secret") != self.secret:
            words = f"Invalid client secret provided. Ensure the secret sent is the value, for app '{client}'."
            return 401, _oauth("invalid_client", 7000215, words)
        if SCOPE not in form.get("scope", "").split():
            return 400, _oauth(
                "invalid_scope", 70011, f"The provided value for scope {form.get('scope')} is not valid."
            )
        life = {"expires_in": self.token_seconds, "ext_expires_in": self.token_seconds}
        return 200, {"token_type": "Bearer", **life, "access_token": self.give()}


def _oauth(error: str, code: int, words: str) -> JSON:
    """Return an error as Entra sends it."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    trace = "33333333-0000-4000-8000-000000000000"
    return {
        "error": error,
        "error_description": f"AADSTS{code}: {words} Trace ID: {trace} Correlation ID: {trace} Timestamp: {stamp}",
        "error_codes": [code],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": trace,
        "error_uri": f"https://login.microsoftonline.com/error?code={code}",
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, identity: Identity) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.identity = identity

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of callers that hang up: some test that."""


class _Handler(BaseHTTPRequestHandler):
    def _answer(self, form: JSON) -> None:
        server = self.server
        assert isinstance(server, _Server)
        parts = urlsplit(self.path)
        base = f"{'https' if isinstance(self.connection, ssl.SSLSocket) else 'http'}://{self.headers['Host']}"
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        status, body = server.identity.answer(parts.path, query, form, base)
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        """Answer a question."""
        self._answer({})

    def do_POST(self) -> None:
        """Answer a form."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self._answer({name: values[0] for name, values in parse_qs(body).items()})

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""
