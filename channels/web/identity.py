"""Who the customer is, as the site that shows the widget says it: checked before anyone believes it.

The site signs on its own server, with the secret it shares with us, and its page hands the result to the chat page,
which sends it when it starts a session. `chat.py` calls `Identities.read`. Whatever is not provably the site's own
word is refused; the sentence tells the site's owner what to mend, and nothing about the secret or another customer.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jwt
from jwt.types import Options

from channels.web.parse import BadRequest
from core.addresses import mailbox
from core.errors import SetupError
from core.signs import REORDERING

MIN_SECRET = 32  # characters; RFC 7518, section 3.2, asks for a key as long as HMAC-SHA256's output
MAX_TOKEN = 4096
MAX_ID = 150
MAX_NAME = 80
LONGEST = 24 * 3600.0  # seconds a token may be good for
LEEWAY = 30.0  # seconds the site's clock may differ from ours
_LATEST = 1e12  # seconds since 1970: no date later than this is meant

# Times are checked below, by the injected clock, and the subject like any other id.
_OPTIONS: Options = {
    "require": ["sub"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_sub": False,
}
_HOW = "Sign it on your own server, with HS256 and the WIDGET_SECRET of this installation."


class ForgedIdentity(BadRequest):
    """The identity can't be believed: 401 `forged_identity`. The sentence is for the owner of the site."""

    def __init__(self, message: str) -> None:
        super().__init__("forged_identity", message, 401)


@dataclass(frozen=True, slots=True)
class Identity:
    """A customer whom the site vouches for.

    `name` is '' unless the site signed it too, `email` unless it also says that it has proved it to be theirs.
    """

    id: str
    name: str = ""
    email: str = ""

    @property
    def customer(self) -> str:
        """The customer's id among those of all channels; no chat session's own (`web:s_...`) looks like it."""
        return f"web:user:{self.id}"


class Identities:
    """Reads what a chat page shows as its customer's identity."""

    def __init__(self, secret: str, *, clock: Callable[[], float]) -> None:
        """`secret`: shared with the site, '' when there is none. Raises `SetupError` for one that can be guessed."""
        if secret and len(secret) < MIN_SECRET:
            raise SetupError(f"WIDGET_SECRET has {len(secret)} characters; use {MIN_SECRET} or more, chosen at random.")
        self._secret = secret
        self._clock = clock

    def read(self, given: object) -> Identity:
        """Return whom `given` names: a JWT, or an object with `user_id` and `hash`. Raises `ForgedIdentity`."""
        if not self._secret:
            raise ForgedIdentity("Identities are not set up here. Set WIDGET_SECRET, or leave the identity out.")
        if isinstance(given, str):
            return self._from_token(given)
        if isinstance(given, Mapping):
            return self._from_hash(given.get("user_id"), given.get("hash"))
        raise ForgedIdentity('An identity is a JWT, or an object like {"user_id": "42", "hash": "..."}.')

    def _from_token(self, token: str) -> Identity:
        if len(token) > MAX_TOKEN or not token.isascii():
            raise ForgedIdentity(f"An identity token is plain ASCII of at most {MAX_TOKEN:,} characters.")
        claims = self._claims(token)
        self._check_times(claims)
        # OpenID Connect Core 1.0, section 5.1: what is not said to be verified may be anybody's
        email = mailbox(claims.get("email")) if claims.get("email_verified") is True else ""
        return Identity(_user_id(claims.get("sub")), _text(claims.get("name"), MAX_NAME), email)

    def _claims(self, token: str) -> Mapping[str, object]:
        try:
            return jwt.decode(token, self._secret, algorithms=["HS256"], options=_OPTIONS)
        except jwt.MissingRequiredClaimError:
            raise ForgedIdentity('The identity token names nobody. Give your customer\'s id in "sub".') from None
        except jwt.InvalidAudienceError:
            raise ForgedIdentity('The identity token is meant for another service. Leave "aud" out.') from None
        except (jwt.PyJWTError, ValueError, RecursionError):  # the last two: JSON that no one signed
            raise ForgedIdentity(f"The identity token is not signed as it should be. {_HOW}") from None

    def _check_times(self, claims: Mapping[str, object]) -> None:
        now = self._clock()
        ends = _moment(claims, "exp")
        if ends is None:
            raise ForgedIdentity('The identity token has no end. Set "exp" to a time within the next 24 hours.')
        if ends <= now - LEEWAY:
            raise ForgedIdentity("The identity token is too old. Sign a new one whenever the page is loaded.")
        signed, begins = _moment(claims, "iat") or now, _moment(claims, "nbf") or now
        if max(signed, begins) > now + LEEWAY:
            raise ForgedIdentity("The identity token is not good yet. Compare the clocks of the two servers.")
        if ends > min(signed, now) + LONGEST + LEEWAY:
            raise ForgedIdentity('The identity token is good for too long. Set "exp" at most 24 hours ahead.')

    def _from_hash(self, user: object, shown: object) -> Identity:
        found = _user_id(user)
        mac = hmac.new(self._secret.encode(), found.encode(), hashlib.sha256).hexdigest()
        if not isinstance(shown, str) or not hmac.compare_digest(mac.encode(), _bytes(shown)):
            raise ForgedIdentity(
                '"hash" is not the one of "user_id". Make it on your own server: the HMAC-SHA256 of the id, with the '
                "WIDGET_SECRET of this installation as its key, in hexadecimal."
            )
        return Identity(found)


def _bytes(text: str) -> bytes:
    return text[:MAX_TOKEN].lower().encode("utf-8", "replace")


def _moment(claims: Mapping[str, object], name: str) -> float | None:
    """Return the time `name` in seconds since 1970, or None if it is left out. Raises `ForgedIdentity`."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST:
        raise ForgedIdentity(f'"{name}" of the identity token must be a number: seconds since 1970.')
    return float(value)


def _user_id(value: object) -> str:
    """Return `value` if it can stand as it is: a changed id could be another customer's. Raises `ForgedIdentity`."""
    if not isinstance(value, str) or not value.strip():
        raise ForgedIdentity("The identity needs your customer's id, as a string that is not empty.")
    if len(value) > MAX_ID:
        raise ForgedIdentity(f"Your customer's id has {len(value):,} characters; {MAX_ID} is the most.")
    if _printable(value) != value:
        raise ForgedIdentity("Your customer's id has control characters in it. Leave them out.")
    return value


def _printable(text: str) -> str:
    """Return `text` without control characters, and without those that reorder text or no database stores."""
    return "".join(c for c in text if unicodedata.category(c) not in {"Cc", "Cs"} and c not in REORDERING)


def _text(value: object, longest: int) -> str:
    return " ".join(_printable(value).split())[:longest].strip() if isinstance(value, str) else ""
