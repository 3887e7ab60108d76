"""HTML mails: what a reader sees, and of it what the sender wrote."""

import time

import pytest

from channels.email.mail import Mail
from channels.email.visible.html import cut_quotes, read, to_text
from channels.email.visible.reply import written
from tests.bench import reply as bench

OLD = "<div>old words</div>"
HEADER = "<b>From:</b> Shop &lt;a@b.c&gt;<br><b>Sent:</b> Monday, 5 May 2025<br><b>To:</b> Kim<br><b>Subject:</b> x<br>"
LEAD = "On Mon, 5 May 2025 at 10:00, Shop &lt;<a href='mailto:a@b.c'>a@b.c</a>&gt; wrote:"

REPLIES = {
    "Gmail": f'<div dir="ltr">My answer.</div><br><div class="gmail_quote gmail_quote_container">'
    f'<div class="gmail_attr">'
    f"{LEAD}<br></div><blockquote class='gmail_quote' style='border-left:1px solid #ccc'>{OLD}</blockquote></div>",
    "Gmail in a language of no table": '<div>My answer.</div><div class="gmail_quote">'
    '<div class="gmail_attr">Tuon Shop hkk:'
    f"</div><blockquote class='gmail_quote'>{OLD}</blockquote></div>",
    "Outlook": '<div class="WordSection1"><p class="MsoNormal">My answer.<o:p></o:p></p>'
    '<div style="border:none;border-top:'
    f'solid #E1E1E1 1.0pt"><p class="MsoNormal">{HEADER}</p></div>{OLD}</div>',
    "Outlook on the web": '<div>My answer.</div><div id="appendonsend"></div><hr tabindex="-1">'
    '<div id="x_divRplyFwdMsg">'
    f"<b>Zxx:</b> Shop<br><b>Qqq:</b> Kim</div>{OLD}",
    "Outlook on a phone": '<div>My answer.</div><div id="ms-outlook-mobile-signature">'
    'Get <a href="https://aka.ms/x">Outlook'
    f' for Android</a></div><hr><div id="divRplyFwdMsg">{HEADER}</div>{OLD}',
    "new Outlook": '<div>My answer.</div><div id="mail-editor-reference-message-container"><div>'
    f"{HEADER}</div>{OLD}</div>",
    "Apple Mail": f'My answer.<br><div><br><blockquote type="cite"><div>{LEAD}</div><br>{OLD}</blockquote></div>',
    "iPhone": 'My answer.<div id="AppleMailSignature">Sent from my iPhone</div><blockquote type="cite">'
    "Am 05.05.2025 um "
    f'10:00 schrieb Shop:<br></blockquote><blockquote type="cite">{OLD}</blockquote>',
    "Yahoo": f'<div>My answer.</div><div id="yahoo_quoted_12" class="yahoo_quoted"><div>{LEAD}</div>{OLD}</div>',
    "Thunderbird": '<p>My answer.</p><div class="moz-cite-prefix">Am 05.05.25 um 10:00 schrieb Shop:<br></div>'
    f'<blockquote type="cite" cite="mid:x@y">{OLD}</blockquote><div class="moz-signature">-- <br>Kim</div>',
    "Thunderbird, answered below": '<div class="moz-cite-prefix">Am 05.05.25 um 10:00 schrieb Shop:<br></div>'
    f'<blockquote type="cite">{OLD}</blockquote><p>My answer.</p>',
    "GMX": f'<div>My answer.<div name="quote" style="border-left:2px solid #C3D9E5"><div>{HEADER}</div>'
    f"{OLD}</div></div>",
    "Proton": '<div>My answer.</div><div class="protonmail_signature_block">Sent with Proton Mail secure email.</div>'
    f'<div class="protonmail_quote">{LEAD}<br><blockquote class="protonmail_quote">{OLD}</blockquote></div>',
    "Zimbra": f'<div>My answer.</div><hr id="zwchr"><b>From: </b>Shop<br><b>To: </b>Kim<br>{OLD}',
    "Hotmail": f'<div>My answer.<br><hr id="stopSpelling">Date: Mon, 5 May 2025<br>From: a@b.c<br>'
    f"To: d@e.f<br>{OLD}</div>",
    "Notes": "<p>My answer.</p><font>Shop ---05.05.2025 10:00:00---Order</font><br>From: Shop &lt;"
    "a@b.c&gt;<br>To: Kim<br>"
    f"Date: 05.05.2025 10:00<br>Subject: x<hr>{OLD}",
    "Samsung": "My answer.<div>Von meinem Galaxy gesendet</div><div>-------- Urspr&uuml;"
    "ngliche Nachricht --------</div>"
    f"<div>Von: Shop &lt;a@b.c&gt;</div><div>Datum: 05.05.25  10:00</div>{OLD}",
    "QQ": "<div>My answer.</div><div>------------------&nbsp;原始邮件&nbsp;------------------</div>"
    f'<div>发件人:&nbsp;"Shop"&lt;a@b.c&gt;;</div><div>发送时间:&nbsp;2025年5月5日</div>{OLD}',
    "Roundcube": f'<p>My answer.</p><p id="reply-intro">On 2025-05-05 10:00, Shop wrote:</p><blockquote>'
    f"{OLD}</blockquote>",
    "Mail.ru": '<div>My answer.</div><blockquote style="border-left:1px solid #0857A6">Понедельник, 5 мая 2025, 10:00 '
    f"+03:00 от Shop &lt;a@b.c&gt;:<br>{OLD}</blockquote>",
    "Zoho": '<div>My answer.</div><div class="zmail_extra"><div>'
    "---- On Mon, 05 May 2025 10:00:00 +0200 <b>Shop &lt;a@b.c"
    f"&gt;</b> wrote ---</div><blockquote>{OLD}</blockquote></div>",
    "plain text in <pre>": "<pre>My answer.\n\nOn Mon, 5 May 2025 at 10:00, Shop &lt;a@b.c&gt; wrote:\n"
    "&gt; old words\n\n"
    "-- \nKim</pre>",
    "tables": f"<table><tr><td>My answer.</td></tr><tr><td><table><tr><td>{HEADER}</td></tr></table></td>"
    f"</tr></table>{OLD}",
    "a list": "<div>My answer.</div><div class='gmail_quote'>" + LEAD + "<ul><li>old words</li></ul></div>",
    "words typed into the signature": "<div><br></div><div class='gmail_signature'>My answer.</div>"
    f"<div class='gmail_quote'>{LEAD}<blockquote>{OLD}</blockquote></div>",
}

HIDDEN = {
    "display": '<div style="display: none">secret</div>',
    "a class": "<style>.pre { display:none !important } .seen { color: red }</style><p class='big pre'>secret</p>",
    "visibility": '<p style="visibility:hidden">secret</p>',
    "font size": '<div style="font-size:0px"><span>secret</span></div>',
    "one pixel": '<span style="font-size:1px">secret</span>',
    "white on white": '<span style="color: #FFFFFF">secret</span>',
    "nearly white": '<span style="color:rgb(254,254,254)">secret</span>',
    "white font": '<font color="white">secret</font>',
    "black on black": '<td bgcolor="#000000"><span style="color:#000">secret</span></td>',
    "no height": '<div style="max-height:0;overflow:hidden">secret</div>',
    "opacity": '<div style="opacity:0">secret</div>',
    "off the page": '<div style="position:absolute;left:-9999px">secret</div>',
    "Outlook's own": '<span style="mso-hide:all">secret</span>',
    "the attribute": "<div hidden>secret</div>",
    "a comment": "<!-- secret -->",
    "a script": "<script>secret</script>",
    "a style sheet": "<style>secret { color: red }</style>",
    "the title": "<head><title>secret</title></head>",
}

SEEN = {
    "white on black": '<div style="background:#000"><span style="color:#fff">seen</span></div>',
    "large letters in a small frame": '<div style="font-size:0"><span style="font-size:14px">seen</span></div>',
    "visible in hidden": '<div style="visibility:hidden"><span style="visibility:visible">seen</span></div>',
    "hidden on phones only": "<style>@media (max-width:600px){.wide{display:none}}</style><p class='wide'>seen</p>",
    "half transparent": '<p style="opacity:0.5">seen</p>',
    "a fixed height": '<p style="height:0.5em">seen</p>',
}


@pytest.mark.parametrize("page", REPLIES.values(), ids=REPLIES.keys())
def test_the_reply_is_found_in_the_pages_of_mail_programs(page: str) -> None:
    assert written(Mail(html=page)).visible == "My answer."
    assert "old words" in written(Mail(html=page)).full


@pytest.mark.parametrize("page", REPLIES.values(), ids=REPLIES.keys())
def test_a_page_without_its_quotes_is_still_a_page(page: str) -> None:
    cut = cut_quotes(page)
    assert "My answer." in cut and "old words" not in cut
    assert "old words" not in to_text(cut)


@pytest.mark.parametrize("piece", HIDDEN.values(), ids=HIDDEN.keys())
def test_what_a_reader_does_not_see_is_not_read(piece: str) -> None:
    page = f"<p>before</p>{piece}<p>after</p>"
    shown = to_text(page)
    assert "secret" not in shown and "before" in shown and "after" in shown
    assert "secret" not in written(Mail(html=page)).visible


@pytest.mark.parametrize("piece", SEEN.values(), ids=SEEN.keys())
def test_what_a_reader_sees_is_read(piece: str) -> None:
    assert to_text(piece) == "seen"


def test_answers_between_quotes_stay_with_their_questions() -> None:
    page = (
        f"<div class='gmail_quote'><div class='gmail_attr'>{LEAD}</div><blockquote>"
        f"Your order?</blockquote><div>12345</div>"
        "<blockquote>And your name?</blockquote><div>Kim</div><blockquote>Regards, Shop</blockquote></div>"
    )
    assert written(Mail(html=page)).visible == "> Your order?\n12345\n> And your name?\nKim"


def test_a_forwarded_page_stays() -> None:
    page = (
        '<div>Is this yours?</div><div class="gmail_quote"><div class="gmail_attr">'
        "---------- Forwarded message ---------<br>"
        "From: Spam &lt;a@b.c&gt;<br>Date: Mon, 5 May 2025<br></div>You won</div>"
    )
    assert "You won" in to_text(cut_quotes(page))
    assert written(Mail(subject="Fwd: prize", html=page)).visible.endswith("You won")
    outlook = f"<p>Is this yours?</p><div id='divRplyFwdMsg'>{HEADER}</div><p>You won</p>"
    assert "You won" not in written(Mail(subject="RE: prize", html=outlook)).visible
    assert "You won" in written(Mail(subject="FW: prize", html=outlook)).visible


def test_what_the_writer_sets_apart_stays() -> None:
    assert to_text(cut_quotes("<p>It says:</p><blockquote>error 5</blockquote>")) == "It says:\n\n> error 5"
    indented = '<div>One</div><blockquote style="margin:0 0 0 40px;border:none;padding:0">two</blockquote>'
    assert to_text(cut_quotes(indented)) == "One\ntwo"


def test_lists_and_tables_are_laid_out() -> None:
    assert to_text("<ul><li>one<li>two</ul>") == "* one\n  * two"
    assert to_text("<table><tr><td>a<td>b</table>").split() == ["a", "b"]


@pytest.mark.parametrize(
    "page", ["", " ", "<html></html>", "<!-- -->", "<p", "\x00", "<?xml version='1.0' encoding='x'?>"]
)
def test_a_page_without_words_is_empty(page: str) -> None:
    assert read(page) == ("", "")
    assert to_text(cut_quotes(page)) == ""


def test_a_page_too_deep_for_a_parser_is_still_read() -> None:
    page = "<style>a</style>" + "<div>" * 100_000 + "words" + "</div>" * 100_000
    assert to_text(page) == "words"
    assert written(Mail(html="<table><tr><td>" * 500 + "words")).visible == "words"


def test_the_words_of_a_very_long_page_are_all_there() -> None:
    page = "".join(f"<p>line {number}</p>" for number in range(40_000))
    assert to_text(page).count("line") == 40_000
    assert written(Mail(html=page)).visible.count("line") == 40_000
    assert written(Mail(html=f"<p>My answer.</p><blockquote>{page}</blockquote>")).visible == "My answer."


@pytest.mark.parametrize(
    ("name", "page"), list(bench.large_pages()), ids=lambda value: value if len(value) < 50 else ""
)
def test_no_page_takes_long(name: str, page: str) -> None:
    start = time.process_time()
    written(Mail(html=page))
    assert time.process_time() - start < 10.0, name
