"""A mail goes out once, whole and signed; whatever the server says or does has a meaning the worker knows."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from channels.base import Sent
from channels.email.letters.outgoing import DkimKey, Encryption, Outgoing, Server
from channels.email.letters.render import Letter, compose, to_bytes
from channels.email.mail import Address
from core.delivery import DeliveryState
from core.errors import PermanentError, SetupError, TemporaryError, ThreadlineError
from tests.fakes.smtp_server import Certificate, Drop, Reaction, SmtpServer

LETTER = Letter(
    to=(Address("ada@example.com", "Ada"),),
    from_address="help@support.example",
    message_id="d1.x@support.example",
    date=1_800_000_000.0,
    subject="Tyres",
    text_markdown="Two years.\n\n.\n\n..dots\n\n---\nFrom here on",
    delivery="d1",
    in_reply_to="q1@example.com",
    reply_to="help+T-1@support.example",
)
RAW = to_bytes(compose(LETTER))
BOUNCE = "bounce+d1@support.example"
ADA = ["ada@example.com"]
BOTH = ["ada@example.com", "bob@example.com"]


@asynccontextmanager
async def outgoing(server: SmtpServer, **options: Any) -> AsyncIterator[Outgoing]:
    opened = Outgoing(
        options.pop("url", f"smtp://127.0.0.1:{server.port}"), hello="support.example", **{"patience": 5.0, **options}
    )
    try:
        yield opened
    finally:
        await opened.close()


async def failure(sending: Awaitable[Sent]) -> ThreadlineError:
    with pytest.raises(ThreadlineError) as caught:
        await sending
    return caught.value


async def test_a_mail_arrives_byte_for_byte_and_is_delivered_under_its_message_id() -> None:
    async with SmtpServer() as server, outgoing(server) as out:
        sent = await out.send(RAW, BOUNCE, ADA)
    assert sent == Sent(DeliveryState.DELIVERED, "d1.x@support.example")
    assert server.mails[0].raw == RAW
    assert (server.mails[0].sender, server.mails[0].recipients) == (BOUNCE, ADA)
    assert f"SIZE={len(RAW)}" in server.mails[0].options
    assert server.words[0] == "EHLO support.example"


async def test_a_mail_without_a_return_path_goes_out_with_an_empty_one() -> None:
    async with SmtpServer() as server, outgoing(server) as out:
        await out.send(RAW, "", ADA)
    assert server.words[1].startswith("MAIL FROM:<>")


async def test_everybody_gets_one_copy_however_often_they_are_named() -> None:
    async with SmtpServer() as server, outgoing(server) as out:
        await out.send(RAW, BOUNCE, ["ada@example.com", "bob@bücher.example", "ada@example.com"])
    assert server.mails[0].recipients == ["ada@example.com", "bob@xn--bcher-kva.example"]


@pytest.mark.parametrize(
    "tail", [b"\n", b"\r\n", b"", b"\n.\n", b"\r\n.\r\nMAIL FROM:<evil@example.com>\r\n", b"\r.\r"]
)
async def test_no_body_can_end_the_mail_early(tail: bytes) -> None:
    async with SmtpServer() as server, outgoing(server) as out:
        await out.send(b"Message-ID: <d1@x>\n\nhello" + tail, BOUNCE, ADA)
        await out.send(RAW, BOUNCE, ADA)
    assert len(server.mails) == 2
    assert [word.split()[0] for word in server.words] == [
        "EHLO",
        "MAIL",
        "RCPT",
        "DATA",
        "RSET",
        "MAIL",
        "RCPT",
        "DATA",
        "QUIT",
    ]
    assert server.mails[0].raw.replace(b"\r\n", b"").count(b"\n") == 0


@pytest.mark.parametrize(
    ("word", "said", "kind"),
    [
        ("MAIL", "550 5.7.1 Not you", PermanentError),
        ("MAIL", "552 5.3.4 Too big", PermanentError),
        ("MAIL", "451 4.3.0 Not now", TemporaryError),
        ("MAIL", "530 5.7.0 Must issue a STARTTLS command first", TemporaryError),
        ("MAIL", "421 4.3.2 Shutting down", TemporaryError),
        ("RCPT", "550 5.1.1 No such user", PermanentError),
        ("RCPT", "450 4.2.0 Greylisted", TemporaryError),
        ("DATA", "554 5.5.1 No", PermanentError),
        ("DATA", "451 4.3.0 Not now", TemporaryError),
        ("DOT", "554 5.7.1 Spam", PermanentError),
        ("DOT", "452 4.3.1 Disk full", TemporaryError),
        ("DOT", "421 4.3.2 Shutting down", TemporaryError),
        ("DOT", "nonsense", TemporaryError),
    ],
)
async def test_what_the_server_says_decides_whether_it_is_tried_again(
    word: str, said: str, kind: type[ThreadlineError]
) -> None:
    async with SmtpServer() as server, outgoing(server) as out:
        server.on(word, said)
        error = await failure(out.send(RAW, BOUNCE, ADA))
        assert type(error) is kind
        assert said in str(error)
        assert isinstance(error, PermanentError) or (error.retry_after or 0) >= 5  # type: ignore[attr-defined]
        assert (await out.send(RAW, BOUNCE, ADA)).state is DeliveryState.DELIVERED


async def test_the_refused_recipient_is_named() -> None:
    async with SmtpServer() as server, outgoing(server) as out:
        server.on("RCPT", "550-5.1.1 No such user\r\n550 5.1.1 here")
        assert str(await failure(out.send(RAW, BOUNCE, ADA))) == (
            "The mail server refused ada@example.com: 550 5.1.1 No such user 5.1.1 here"
        )


async def test_when_some_are_refused_the_others_get_it_and_operators_read_who_did_not() -> None:
    async with SmtpServer() as server, outgoing(server) as out:
        server.on("RCPT", "250 Ok", "550 5.1.1 No such user")
        sent = await out.send(RAW, BOUNCE, BOTH)
    assert sent.state is DeliveryState.PARTIAL
    assert sent.error == "The mail server refused bob@example.com: 550 5.1.1 No such user"
    assert sent.platform_id == "d1.x@support.example"
    assert server.mails[0].recipients == ADA


async def test_while_one_refusal_is_for_now_only_the_mail_is_tried_again() -> None:
    async with SmtpServer() as server, outgoing(server) as out:
        server.on("RCPT", "550 5.1.1 No such user", "451 4.7.1 Greylisted")
        assert isinstance(await failure(out.send(RAW, BOUNCE, BOTH)), TemporaryError)
    assert server.mails == []


@pytest.mark.parametrize("word", ["HELLO", "EHLO", "MAIL", "RCPT", "DATA", "DOT"])
@pytest.mark.parametrize("loss", list(Drop))
async def test_a_lost_connection_means_again_wherever_it_was_lost(word: str, loss: Drop) -> None:
    async with SmtpServer() as server, outgoing(server, patience=0.2) as out:
        server.on(word, loss)
        error = await failure(out.send(RAW, BOUNCE, ADA))
        assert isinstance(error, TemporaryError)
        assert error.retry_after == 5
        assert len(server.mails) == (word == "DOT")
        assert (await out.send(RAW, BOUNCE, ADA)).state is DeliveryState.DELIVERED
    assert {mail.raw for mail in server.mails} == {RAW}


async def test_a_server_that_is_not_there_is_waited_for_the_longer_the_longer_it_is_away() -> None:
    async with SmtpServer() as server:
        pass
    async with outgoing(server) as out:
        first = await failure(out.send(RAW, BOUNCE, ADA))
        assert isinstance(first, TemporaryError)
        assert first.retry_after == 5
        assert "can't be reached" in str(first)
        out._away_since = asyncio.get_running_loop().time() - 60
        assert 180 <= ((await failure(out.send(RAW, BOUNCE, ADA))).retry_after or 0) < 190  # type: ignore[attr-defined]
        out._away_since = 0.0 - 10**6
        assert (await failure(out.send(RAW, BOUNCE, ADA))).retry_after == 600  # type: ignore[attr-defined]


@pytest.mark.parametrize("said", ["554 5.3.2 No SMTP service here", "421 4.3.2 Busy"])
async def test_a_server_that_will_not_talk_is_never_the_mails_fault(said: str) -> None:
    async with SmtpServer() as server, outgoing(server) as out:
        server.on("HELLO", said)
        assert isinstance(await failure(out.send(RAW, BOUNCE, ADA)), TemporaryError)


async def test_a_server_that_refuses_our_name_is_never_the_mails_fault() -> None:
    async with SmtpServer() as server, outgoing(server) as out:
        server.on("EHLO", "550 5.7.1 Who?")
        server.on("HELO", "550 5.7.1 Who?")
        error = await failure(out.send(RAW, BOUNCE, ADA))
        assert isinstance(error, TemporaryError)
        assert error.retry_after == 900


async def test_a_server_without_ehlo_is_greeted_the_old_way() -> None:
    async with SmtpServer() as server, outgoing(server) as out:
        server.on("EHLO", "502 5.5.2 What?")
        await out.send(RAW, BOUNCE, ADA)
    assert server.mails[0].options == ""


async def test_mail_keeps_using_an_open_connection() -> None:
    async with SmtpServer() as server, outgoing(server) as out:
        for _ in range(3):
            await out.send(RAW, BOUNCE, ADA)
        server.on("RCPT", "550 5.1.1 No such user")
        await failure(out.send(RAW, BOUNCE, ADA))
        await out.send(RAW, BOUNCE, ADA)
        assert server.connections == 1
    assert server.words[-1] == "QUIT"


async def test_a_connection_the_server_has_closed_meanwhile_is_replaced() -> None:
    async with SmtpServer() as server, outgoing(server) as out:
        await out.send(RAW, BOUNCE, ADA)
        await server.hang_up()
        assert (await out.send(RAW, BOUNCE, ADA)).state is DeliveryState.DELIVERED
        server.on("RSET", "421 4.4.2 Idle for too long")
        assert (await out.send(RAW, BOUNCE, ADA)).state is DeliveryState.DELIVERED
        assert server.connections == 3


async def test_an_unused_connection_is_closed_after_a_while() -> None:
    async with SmtpServer() as server, outgoing(server, keep=0.01) as out:
        await out.send(RAW, BOUNCE, ADA)
        async with asyncio.timeout(5):
            await server.left.wait()
    assert server.words[-1] == "QUIT"


async def test_many_mails_share_four_connections() -> None:
    async with SmtpServer() as server, outgoing(server) as out:
        sent = await asyncio.gather(*(out.send(RAW, BOUNCE, [f"c{n}@example.com"]) for n in range(40)))
        assert {one.state for one in sent} == {DeliveryState.DELIVERED}
        assert server.connections == server.most_at_once == 4
    assert {mail.recipients[0] for mail in server.mails} == {f"c{n}@example.com" for n in range(40)}


async def test_a_send_that_is_called_off_leaves_no_half_mail_behind() -> None:
    async with SmtpServer() as server, outgoing(server) as out:
        server.on("RCPT", Drop.THE_BALL)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await out.send(RAW, BOUNCE, ADA)
        assert (await out.send(RAW, BOUNCE, BOTH)).state is DeliveryState.DELIVERED
        assert server.connections == 2


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@",
        "a da@example.com",
        "ada@example.com>\r\nRCPT TO:<x@example.com",
        "a(b)@example.com",
        "<ada@example.com>",
        "ada@exa_mple..com",
        "@example.com",
    ],
)
async def test_an_address_that_is_none_is_refused_before_a_word_is_said(address: str) -> None:
    async with SmtpServer() as server, outgoing(server) as out:
        assert isinstance(await failure(out.send(RAW, BOUNCE, [*ADA, address])), PermanentError)
        assert server.connections == 0
        assert isinstance(await failure(out.send(RAW, BOUNCE, [])), PermanentError)


async def test_an_address_outside_ascii_goes_to_servers_that_know_them() -> None:
    raw = to_bytes(compose(replace(LETTER, to=(Address("jürgen@example.com"),))))
    async with SmtpServer() as server, outgoing(server) as out:
        await out.send(raw, BOUNCE, ["jürgen@example.com"])
    assert server.mails[0].options.endswith("SMTPUTF8")
    assert server.mails[0].recipients == ["jürgen@example.com"]
    assert "To: jürgen@example.com".encode() in server.mails[0].raw
    async with SmtpServer(extensions=()) as server, outgoing(server) as out:
        assert isinstance(await failure(out.send(raw, BOUNCE, ["jürgen@example.com"])), PermanentError)
        assert (await out.send(RAW, BOUNCE, ADA)).state is DeliveryState.DELIVERED


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.make(tmp_path_factory.mktemp("tls"), "127.0.0.1")


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.make(tmp_path_factory.mktemp("strange"), "mail.elsewhere.example")


LOGINS = {"bot@support.example": "p@ss/word"}


async def test_starttls_and_the_password_come_before_the_mail(certificate: Certificate) -> None:
    async with SmtpServer(tls="starttls", certificate=certificate, logins=LOGINS) as server:
        url = f"smtp://bot%40support.example:p%40ss%2Fword@127.0.0.1:{server.port}?starttls=yes"
        async with outgoing(server, url=url, ca=certificate.path) as out:
            await out.send(RAW, BOUNCE, ADA)
    assert (server.mails[0].encrypted, server.mails[0].user) == (True, "bot@support.example")
    assert [word.split()[0] for word in server.words[:4]] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]


async def test_a_connection_can_be_encrypted_from_its_first_byte(certificate: Certificate) -> None:
    async with (
        SmtpServer(tls="first", certificate=certificate) as server,
        outgoing(server, url=f"smtps://127.0.0.1:{server.port}", ca=certificate.path) as out,
    ):
        await out.send(RAW, BOUNCE, ADA)
    assert server.mails[0].encrypted


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize("trusted", [True, False])
async def test_a_certificate_that_does_not_vouch_for_the_server_stops_everything(
    scheme: str, trusted: bool, certificate: Certificate, strange: Certificate
) -> None:
    shown, ca = (strange, strange.path) if trusted else (certificate, None)
    async with SmtpServer(tls="first" if scheme == "smtps" else "starttls", certificate=shown, logins=LOGINS) as server:
        url = f"{scheme}://bot%40support.example:p%40ss%2Fword@127.0.0.1:{server.port}?starttls=yes"
        async with outgoing(server, url=url, ca=ca) as out:
            error = await failure(out.send(RAW, BOUNCE, ADA))
    assert isinstance(error, TemporaryError)
    assert error.retry_after == 900
    assert "certificate" in str(error)
    assert not any(word.startswith(("AUTH", "MAIL")) for word in server.words)


async def test_a_server_without_starttls_gets_neither_password_nor_mail() -> None:
    async with SmtpServer(logins=LOGINS) as server:
        url = f"smtp://bot%40support.example:p%40ss%2Fword@127.0.0.1:{server.port}?starttls=yes"
        async with outgoing(server, url=url) as out:
            error = await failure(out.send(RAW, BOUNCE, ADA))
    assert isinstance(error, TemporaryError)
    assert error.retry_after == 900
    assert server.words == ["EHLO support.example"]


@pytest.mark.parametrize(("said", "wait"), [("535 5.7.8 Wrong", 900), ("454 4.7.0 Later", 5)])
async def test_a_password_that_is_not_taken_waits_for_the_owner(
    said: Reaction, wait: float, capsys: pytest.CaptureFixture[str]
) -> None:
    async with SmtpServer(logins=LOGINS) as server:
        url = f"smtp://bot%40support.example:secret-word@127.0.0.1:{server.port}"
        server.on("AUTH", said)
        async with outgoing(server, url=url) as out:
            error = await failure(out.send(RAW, BOUNCE, ADA))
    assert isinstance(error, TemporaryError)
    assert error.retry_after == wait
    assert "mail_server" in (printed := capsys.readouterr().out)
    assert "secret-word" not in printed + str(error)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.com", Server("mail.example.com", 25, Encryption.STARTTLS)),
        ("smtp://u:p@mail.example.com", Server("mail.example.com", 587, Encryption.STARTTLS, "u", "p")),
        (
            "smtp://u%40x:p%2F%3A@mail.example.com:2525",
            Server("mail.example.com", 2525, Encryption.STARTTLS, "u@x", "p/:"),
        ),
        ("smtps://u:p@mail.example.com", Server("mail.example.com", 465, Encryption.FIRST, "u", "p")),
        ("smtp://mail.example.com?starttls=no", Server("mail.example.com", 25, Encryption.NONE)),
        ("smtp://127.0.0.1:2525", Server("127.0.0.1", 2525, Encryption.NONE)),
        ("smtp://[::1]:2525/", Server("::1", 2525, Encryption.NONE)),
        ("smtp://localhost?starttls=yes", Server("localhost", 25, Encryption.STARTTLS)),
    ],
)
def test_the_servers_address_says_how_it_is_spoken_to(url: str, server: Server) -> None:
    assert Server.read(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example.com",
        "http://u:secret@x",
        "smtp://",
        "smtp://u:secret@x:port",
        "smtp://x/path",
        "smtp://u:secret@x?starttls=maybe",
        "smtp://x:99999",
    ],
)
def test_an_address_that_is_none_is_refused_with_the_fix_and_without_the_password(url: str) -> None:
    with pytest.raises(SetupError, match="smtp://user:password@") as caught:
        Server.read(url)
    assert "secret" not in str(caught.value)


def test_a_password_is_never_printed() -> None:
    assert "secret" not in repr(Server.read("smtp://u:secret@mail.example.com"))


Dns = Callable[..., bytes]


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def published(key: rsa.RSAPrivateKey) -> Dns:
    """What DNS answers for the key."""
    public = b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    def answer(name: bytes, timeout: int = 5) -> bytes:
        assert name == b"mail._domainkey.support.example."
        return b"v=DKIM1; k=rsa; p=" + public

    return answer


@pytest.fixture(params=[PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
def signing(request: pytest.FixtureRequest, key: rsa.RSAPrivateKey, tmp_path: Path) -> DkimKey:
    path = tmp_path / "dkim.pem"
    pem = key.private_bytes(Encoding.PEM, request.param, NoEncryption())
    path.write_bytes(pem.replace(b"\n", b"\r\n"))
    return DkimKey.read(path, "mail", "support.example")


@pytest.mark.parametrize("raw", [RAW, RAW.replace(b"\r\n", b"\n"), RAW + b"\r\n\r\n", RAW.removesuffix(b"\r\n")])
async def test_the_signature_holds_for_what_arrives(raw: bytes, signing: DkimKey, published: Dns) -> None:
    async with SmtpServer() as server, outgoing(server, dkim=signing) as out:
        sent = await out.send(raw, BOUNCE, ADA)
    assert sent.platform_id == LETTER.message_id
    arrived = server.mails[0].raw
    assert dkim.verify(arrived, dnsfunc=published)
    assert not dkim.verify(arrived.replace(b"Two years", b"Ten years"), dnsfunc=published)


@pytest.mark.parametrize("name", ["From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "In-Reply-To",
                                  "References", "Content-Type", "MIME-Version", "Auto-Submitted"])  # fmt: skip
async def test_no_header_can_be_added_or_changed_behind_the_signature(
    name: str, signing: DkimKey, published: Dns
) -> None:
    async with SmtpServer() as server, outgoing(server, dkim=signing) as out:
        await out.send(RAW, BOUNCE, ADA)
    arrived = server.mails[0].raw
    assert dkim.verify(b"Received: by elsewhere\r\n" + arrived, dnsfunc=published)
    assert not dkim.verify(name.encode() + b": forged@example.com\r\n" + arrived, dnsfunc=published)


@pytest.mark.parametrize(
    "content", [b"", b"not a key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_key_that_cannot_sign_is_refused_at_the_start_with_the_fix(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "dkim.pem"
    path.write_bytes(content)
    with pytest.raises(SetupError, match="openssl genrsa 2048"):
        DkimKey.read(path, "mail", "support.example")
    with pytest.raises(SetupError, match="can't be used"):
        DkimKey.read(tmp_path / "missing.pem", "mail", "support.example")


def test_a_key_is_never_printed(signing: DkimKey) -> None:
    assert "PRIVATE" not in repr(signing)


def test_a_file_of_certificates_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("not a certificate")
    for wrong in (path, tmp_path / "missing.pem"):
        with pytest.raises(SetupError, match="not a file of certificates"):
            Outgoing("smtp://127.0.0.1", hello="support.example", ca=wrong)
