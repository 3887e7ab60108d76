"""What a person wrote in a mail stays; what their mail program added goes."""

import textwrap
import time

import pytest

from channels.email.mail import Mail
from channels.email.visible.reply import visible, written
from tests.bench import reply as bench

LEADS = """\
On Mon, Oct 24, 2016 at 3:36 PM Foo Bar <foo@bar.com> wrote:
On Mon, 24 Oct 2016 at 15:36, Foo Bar <foo@bar.com> wrote:
On 24 Oct 2016, at 15:36, Foo Bar <foo@bar.com> wrote:
On October 24, 2016 3:36:12 PM GMT+02:00, Foo Bar <foo@bar.com> wrote:
On Monday, October 24th, 2016 at 3:36 PM, Foo <foo@bar.com> wrote:
On Monday, October 24, 2016, Foo Bar <foo@bar.com> wrote:
At 2016-10-24 15:36:00, "Foo" <foo@bar.com> wrote:
Am Mo., 24. Okt. 2016 um 15:36 Uhr schrieb Foo Bar <foo@bar.com>:
Foo Bar <foo@bar.com> schrieb am Mo., 24. Okt. 2016, 15:36:
Le lun. 24 oct. 2016 à 15:36, Foo Bar <foo@bar.com> a écrit :
Le Lundi 24 octobre 2016 15h36, Foo Bar <foo@bar.com> a écrit :
El lun, 24 oct 2016 a las 15:36, Foo Bar (<foo@bar.com>) escribió:
Il giorno lun 24 ott 2016 alle ore 15:36 Foo Bar <foo@bar.com> ha scritto:
Em seg., 24 de out. de 2016 às 15:36, Foo Bar <foo@bar.com> escreveu:
Foo Bar <foo@bar.com> escreveu (segunda, 24/10/2016 à(s) 15:36):
Op ma 24 okt. 2016 om 15:36 schreef Foo Bar <foo@bar.com>:
Op 24 okt. 2016 om 15:36 heeft Foo Bar <foo@bar.com> het volgende geschreven:
Den mån 24 okt. 2016 kl 15:36 skrev Foo Bar <foo@bar.com>:
Den man. 24. okt. 2016 kl. 15.36 skrev Foo Bar <foo@bar.com>:
man. 24. okt. 2016 kl. 15:36 skrev Foo Bar <foo@bar.com>:
ma 24. lokak. 2016 klo 15.36 Foo Bar (foo@bar.com) kirjoitti:
pon., 24 paź 2016 o 15:36 Foo Bar <foo@bar.com> napisał(a):
Wiadomość napisana przez Foo Bar <foo@bar.com> w dniu 24.10.2016, o godz. 15:36:
po 24. 10. 2016 v 15:36 odesílatel Foo Bar <foo@bar.com> napsal:
po 24. 10. 2016 o 15:36 Foo Bar <foo@bar.com> napísal(a):
Foo Bar <foo@bar.com> ezt írta (időpont: 2016. okt. 24., H, 15:36):
În lun., 24 oct. 2016 la 15:36, Foo Bar <foo@bar.com> a scris:
пн, 24 окт. 2016 г. в 15:36, Foo Bar <foo@bar.com>:
Понедельник, 24 октября 2016, 15:36 +03:00 от Foo <foo@bar.com>:
пн, 24 жовт. 2016 р. о 15:36 Foo Bar <foo@bar.com> пише:
На пн, 24.10.2016 г. в 15:36 Foo Bar <foo@bar.com> написа:
Στις Δευ, 24 Οκτ 2016 στις 3:36 μ.μ., ο/η Foo Bar <foo@bar.com> έγραψε:
Foo Bar <foo@bar.com>, 24 Eki 2016 Pzt, 15:36 tarihinde şunu yazdı:
pon, 24. lis 2016. u 15:36 Foo Bar <foo@bar.com> napisao je:
2016-10-24, pr, 15:36 Foo Bar <foo@bar.com> rašė:
Foo Bar <foo@bar.com> kirjutas kuupäeval E, 24. oktoober 2016 kell 15:36:
Vào Th 2, 24 thg 10, 2016 vào lúc 15:36 Foo Bar <foo@bar.com> đã viết:
Pada tanggal Sen, 24 Okt 2016 pukul 15.36 Foo Bar <foo@bar.com> menulis:
2016年10月24日(月) 15:36 Foo Bar <foo@bar.com>:
2016/10/24 15:36、Foo Bar <foo@bar.com>のメール:
Foo Bar <foo@bar.com> 于2016年10月24日周一 15:36写道：
在 2016年10月24日，下午3:36，Foo Bar <foo@bar.com> 写道：
2016년 10월 24일 (월) 오후 3:36, Foo Bar <foo@bar.com>님이 작성:
في الاثنين، ٢٤ أكتوبر ٢٠١٦ في ٣:٣٦ م تمت كتابة ما يلي بواسطة Foo Bar <foo@bar.com>:
\u202bבתאריך יום ב׳, 24 באוק׳ 2016 ב-15:36 מאת \u202aFoo Bar\u202c <\u202afoo@bar.com\u202c>:\u202c
24.10.2016, 15:36, "Foo" <foo@bar.com>:
---- On Mon, 24 Oct 2016 15:36:00 +0200 Foo Bar <foo@bar.com> wrote ----
""".splitlines()

HEADERS = [
    "From: Shop <shop@example.com>\nSent: Monday, 5 May 2025 10:00\nTo: Kim\nSubject: Your order",
    "*From:* Shop\n*Sent:* Monday, 5 May 2025 10:00\n*To:* Kim\n*Subject:* Your order",
    "________________________________\nVon: Shop\nGesendet: Montag, 5. Mai 2025 10:00\nAn: Kim\nBetreff: Auftrag",
    "Gesendet: Montag, 05. Mai 2025 um 10:00 Uhr\nVon: Shop <shop@example.com>\nAn: kim@example.org\nBetreff: Auftrag",
    "De : Shop <shop@example.com>\nEnvoyé : lundi 5 mai 2025 10:00\nÀ : Kim\nObjet : Commande",
    "De: Shop\nEnviado: lunes, 5 de mayo de 2025 10:00\nPara: Kim\nAsunto: Pedido",
    "Da: Shop <shop@example.com>\nData: lunedì 5 maggio 2025 10:00\nA: Kim\nOggetto: Ordine",
    "Van: Shop\nVerzonden: maandag 5 mei 2025 10:00\nAan: Kim\nOnderwerp: Bestelling",
    "Från: Shop\nSkickat: den 5 maj 2025 10:00\nTill: Kim\nÄmne: Beställning",
    "Od: Shop\nWysłano: poniedziałek, 5 maja 2025 10:00\nDo: Kim\nTemat: Zamówienie",
    "От: Shop\nОтправлено: 5 мая 2025 г. 10:00\nКому: Kim\nТема: Заказ",
    "发件人: Shop <shop@example.com>\n发送时间: 2025年5月5日 10:00\n收件人: Kim\n主题: 订单",
    "差出人: Shop <shop@example.com>\n送信日時: 2025年5月5日 10:00\n宛先: Kim\n件名: 注文",
    "보낸 사람: Shop <shop@example.com>\n보낸 날짜: 2025년 5월 5일\n받는 사람: Kim\n제목: 주문",
    "Kimden: Shop\nGönderildi: 5 Mayıs 2025 Pazartesi 10:00\nKime: Kim\nKonu: Sipariş",
    "Date: Mon, 5 May 2025 10:00:00 +0200\nFrom: shop@example.com\nTo: kim@example.org",
    "From: Shop\n <a-very-long-address-that-was-broken@example.com>\nSent: Monday, 5 May 2025 10:00\nTo: Kim",
    "-----Original Message-----",
    "------------------ 原始邮件 ------------------\n发件人: Shop",
    "-------- Ursprüngliche Nachricht --------\nVon: Shop\nDatum: 05.05.25 10:00 (GMT+01:00)\nAn: Kim",
    "  Original Message  \nFrom: Shop\nSent: Monday, 5 May 2025 10:00\nTo: Kim",
    "----- Words no table has -----\nFrom: Shop\nSent: Monday, 5 May 2025 10:00",
    "Shop ---05.05.2025 10:00:00---Your order\n\nFrom: Shop/Org\nTo: Kim/Org\nDate: 05.05.2025 10:00\nSubject: Order",
]

FOOTERS = [
    "Sent from my iPhone",
    "Get Outlook for Android<https://aka.ms/x>",
    "Sent from Yahoo Mail on Android",
    "Von meinem iPhone gesendet",
    "Diese Nachricht wurde von meinem Android-Mobiltelefon mit K-9 Mail gesendet.",
    "Envoyé de mon iPhone",
    "Enviado desde mi iPhone",
    "Inviato da iPhone",
    "Enviado do meu iPhone",
    "Verzonden vanaf mijn iPhone",
    "Skickat från min iPhone",
    "Sendt fra min iPhone",
    "Lähetetty iPhonesta",
    "Wysłane z iPhone'a",
    "Odesláno z mého iPhonu",
    "Отправлено с iPhone",
    "iPhone'umdan gönderildi",
    "iPhoneから送信",
    "发自我的iPhone",
    "나의 iPhone에서 보냄",
    "-- \nKim Example\nBoss",
    "--\nKim Example\n+49 30 1234567",
    "_____\nKim Example\nhttps://example.com",
    "________________________________\nThis e-mail is confidential. If you are not the intended recipient, please "
    "notify the sender\nand delete this message. Unauthorized use of its contents is prohibited.",
    "Le informazioni contenute in questo messaggio e negli allegati sono riservate e per uso esclusivo del\n"
    "destinatario. Se ricevete questo messaggio per errore, vi preghiamo di cancellarlo.",
    "Virus-free. www.avast.com",
    "Diese E-Mail ist vertraulich. Wenn Sie nicht der richtige Adressat sind, informieren Sie\nbitte den Absender und "
    "vernichten Sie diese E-Mail.",
]

KEPT = {
    "a sentence that begins with From": "From: I see an error\nTo: my surprise it works\n\nWhat now?",
    "a journey": "From: Berlin\nTo: Paris\nDate: 3 May 2024\n\nI want to change this booking.",
    "a form": "Name: Kim\nEmail: kim@example.com\nSubject: Refund\n\nMessage: please help",
    "headers shown by the customer": "The headers:\n\nFrom: a@b.c\nTo: d@e.f\nSubject: Hi\n\nWhy does it bounce?",
    "a mail the customer wrote": "On 3 May 2021 at 10:00 I wrote:\n\nPlease cancel.\n\nWhat now?",
    "what a colleague wrote": "Your colleague bob@example.com wrote:\n\nWe will refund it.\n\nBut nothing came.",
    "what a driver wrote": "At 10:30 on 3 May 2024 the driver wrote:\nnobody at home.\n\nI was at home!",
    "an error shown": "The error says:\n> cannot open file\n\nWhat does it mean?",
    "an error shown at the end": "Please help. The error says:\n\n> cannot open file",
    "a quote that is all there is": "> only a quote\n> nothing else",
    "rules between paragraphs": "Two things:\n--\nThe invoice is wrong, could you mend it?\n--\nWhere is my parcel?",
    "a table": "| a | b |\n|---|---|\n| 1 | 2 |\n\nIs this right?",
    "a log between rules": "Here:\n--------\n2024-01-01 ERROR x\n--------\nCan you help?",
    "a payment": "Sent from my account to yours on Monday: 300 EUR.\nWhere is it?",
    "a parcel": "Where was it sent from?\n\nSent from Hamburg by DHL",
    "a postscript": "Regards,\nKim\n\nPS: please call me at +49 123 456789.",
    "code with a signature in it": "```\n> x\n-- \nOn Mon, 5 May 2025 at 10:00, Kim <kim@x.y> wrote:\n"
    "```\nwhat is this?",
    "a wish to delete": "Please delete this message and this email, I sent it in error.",
    "the mailing list": "Hello,\n\nplease take me off your mailing list. I told you already.",
    "a virus program": "Does it help?\n\nAvast blocks your program since the update.",
    "a complaint in a disclaimer's words": "Hello,\n\nthis message and its attachment reached me in error. It is "
    "marked confidential, and I am not the intended recipient, so I will delete it.",
    "a phone that works": "On the computer it fails.\n\nFrom my iPhone it works",
    "a phone that does not": "Am Rechner geht es.\n\nVon meinem Handy geht es nicht",
    "a way of sending": "How I sent it?\n\nSent via the mobile app yesterday",
    "two parts": "Order 123 is fine.\n--\nPlease cancel order 456 as well.",
    "steps under a heading": "Steps\n-----\n1. open https://example.com\n2. click",
    "a link under a heading": "Broken pages\n------------\nhttps://example.com/a\nhttps://example.com/b",
    "a postscript below a signature": "Thanks.\n\n-- \nKim\n\nPS: cancel order 456, too.",
    "a greeting above a quote without signs": "Hello Shop,\n\nOn Mon, 5 May 2025 at 10:00, Shop <a@b.c> wrote:\n\n"
    "What is your order?\n\nIt is 12345.",
    "a link as an answer": "> Which page?\nhttps://example.com/a\n> And who are you?\nKim",
    "a picture": "🎉",
}


@pytest.mark.parametrize("lead", LEADS)
def test_a_reply_above_a_quote_is_found_in_any_language(lead: str) -> None:
    broken = "\n".join(textwrap.wrap(lead, 60, break_long_words=False, break_on_hyphens=False))
    for shape in (
        f"My answer.\n\n{lead}\n> old words\n>\n> more",
        f"My answer.\n{broken}\n\n> old words",
        f"My answer.\n\n{lead}\n\nold words\nmore",
        f"My answer.\n\n> {lead}\n>\n> old words",
    ):
        assert visible(shape) == "My answer."


@pytest.mark.parametrize("lead", LEADS)
def test_a_reply_below_a_quote_is_found_in_any_language(lead: str) -> None:
    assert visible(f"{lead}\n> old words\n> more\n\nMy answer.") == "My answer."


@pytest.mark.parametrize("headers", HEADERS)
def test_a_reply_above_a_header_block_is_found(headers: str) -> None:
    assert visible(f"My answer.\n\n{headers}\n\nold words\n") == "My answer."


@pytest.mark.parametrize("footer", FOOTERS)
def test_signatures_and_footers_go(footer: str) -> None:
    quote = "On Mon, 5 May 2025 at 10:00, Shop <shop@example.com> wrote:\n> old words"
    assert visible(f"My answer.\n\n{footer}\n") == "My answer."
    assert visible(f"My answer.\n\n{footer}\n\n{quote}\n") == "My answer."
    assert visible(f"{quote}\n\nMy answer.\n\n{footer}\n") == "My answer."


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT.keys())
def test_what_the_customer_wrote_stays(text: str) -> None:
    assert visible(text) == text


def test_answers_given_piece_by_piece_stay_below_their_questions() -> None:
    mail = (
        "Hello,\n\nOn Mon, 5 May 2025 at 10:00, Shop <shop@example.com> wrote:\n> What is your order?\n\n12345\n\n"
        "> And your name?\n\nKim\n\n> Regards\n> Shop\n\n-- \nKim"
    )
    assert visible(mail) == "Hello,\n\n> What is your order?\n\n12345\n\n> And your name?\n\nKim"


def test_a_reply_that_points_below_brings_the_mail_that_it_was_written_into() -> None:
    mail = "See my answers below in red.\n\nFrom: Shop\nSent: Monday, 5 May 2025 10:00\nTo: Kim\n\nYour order? 12345"
    assert visible(mail) == mail


def test_an_empty_reply_is_empty() -> None:
    lead = "On Mon, 5 May 2025 at 10:00, Shop <shop@example.com> wrote:\n"
    assert visible(f"{lead}> old words\n") == ""
    assert visible(f"Sent from my iPhone\n\n{lead}\nold words\n") == ""
    assert visible("Sent from my iPhone") == ""


def test_a_forwarded_mail_is_to_be_read() -> None:
    mail = "Is this from you?\n\n---------- Forwarded message ---------\nFrom: Spam <a@b.c>\nDate: 5 May\n\nYou won\n"
    assert visible(mail) == mail.strip()
    apple = "Is this from you?\n\n-- \nKim\n\n> Begin forwarded message:\n>\n> From: Spam <a@b.c>\n>\n> You won"
    assert "You won" not in visible(apple)
    for subject in ("Fwd: You won", "WG: You won", "TR : You won", "轉寄: You won"):
        shown = written(Mail(subject=subject, text=apple)).visible
        assert shown.startswith("Is this from you?") and shown.endswith("> You won") and "-- " not in shown


def test_a_forwarded_mail_without_a_word_is_its_content() -> None:
    mail = "---------- Forwarded message ---------\nFrom: Spam <a@b.c>\nDate: 5 May\nSubject: Hi\n\nYou won\n"
    assert visible(mail) == "You won"


def test_the_text_part_is_preferred_and_the_whole_text_kept() -> None:
    mail = Mail(subject="Re: x", text="Yes.\r\n\r\n> old words\r\n", html="<p>No.</p>")
    assert written(mail).visible == "Yes."
    assert "old words" in written(mail).full


@pytest.mark.parametrize("text", ["", " \n", "Please view this email in your browser."])
def test_the_html_part_is_read_where_the_text_part_says_nothing(text: str) -> None:
    mail = Mail(text=text, html="<p>Yes.</p><blockquote type=cite>old words</blockquote>")
    assert written(mail).visible == "Yes."
    assert "old words" in written(mail).full


def test_line_breaks_of_all_systems_are_read() -> None:
    for end in ("\n", "\r\n", "\r"):
        assert visible(f"One{end}two{end}{end}> old{end}> words{end}") == "One\ntwo"


@pytest.mark.parametrize(
    ("name", "text"), list(bench.large_texts()), ids=lambda value: value if len(value) < 50 else ""
)
def test_no_text_takes_long(name: str, text: str) -> None:
    start = time.process_time()
    visible(text)
    assert time.process_time() - start < 1.0, name


def test_time_grows_with_the_length_only() -> None:
    """Four times the text, at most about four times the time (plus what a clock can't tell)."""
    for name, text in bench.large_texts():
        quarter, whole = (bench.milliseconds(visible, text[:size]) for size in (len(text) // 4, len(text)))
        assert whole < 8 * quarter + 40, name


def test_the_pairs_of_five_projects_come_out_as_they_permit() -> None:
    if not (bench.PAIRS / "pairs.jsonl").exists():
        pytest.skip("needs ../shared/data/email_reply, pairs that are not part of the repository")
    tallies = bench.measure(bench.read_pairs(bench.PAIRS))
    text, html, mails = (tallies[f"{kind} pairs"] for kind in ("text", "html", "eml"))
    assert text.matched >= 0.95 * text.pairs
    assert text.lost == []
    assert len(text.leaked) <= 0.05 * text.pairs
    assert html.matched >= 0.9 * html.pairs
    assert mails.matched == mails.pairs
