"""Which language a customer writes in: core/language.py."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.language import detect
from core.wording import LANGUAGES, Line, text

DATA = Path(__file__).parents[4] / "shared" / "data"  # the benchmark beside the checkout


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("en", "I want to talk to a person"),
        ("en", "my invoice is wrong"),
        ("en", "what does 'привет' mean in your newsletter?"),
        ("en", "I see the error 'Zugriff verweigert' when I log in"),
        ("de", "ich möchte mit einem Menschen sprechen"),
        ("de", "Hi, wo ist mein Paket?"),
        ("de", "WO IST MEIN PAKET GEBLIEBEN"),
        ("es", "quiero hablar con una persona"),
        ("es", "sigue sin funcionar"),
        ("fr", "Bonjour, j'ai un problème"),
        ("fr", "je voudrais parler à une personne"),
        ("pt", "quero falar com uma pessoa"),
        ("pt", "não consigo entrar na minha conta"),
        ("it", "vorrei parlare con una persona"),
        ("it", "il mio pacco non è arrivato"),
        ("nl", "ik wil met een mens spreken"),
        ("nl", "waar is mijn bestelling?"),
        ("ru", "хочу поговорить с человеком"),
        ("ru", "у меня неправильный счёт"),
        ("zh", "我想和真人说话"),
        ("zh", "更新之後螢幕一直是黑的"),
        ("ar", "أريد التحدث مع شخص"),
        ("ar", "أين طلبي؟"),
        ("hi", "मुझे किसी इंसान से बात करनी है"),
        ("hi", "मेरा ऑर्डर कहाँ है?"),
        ("ja", "人と話したいです"),
        ("ja", "まだ動きません"),
    ],
)
def test_a_message_tells_its_language(language: str, message: str) -> None:
    assert detect(message) == language


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("de", "Ich habe bei euch das iPhone 15 Pro Max bestellt, Bestellnummer ORD-2024-0012, aber nichts bekommen"),
        ("fr", "J'obtiens l'erreur ERR_CONNECTION_RESET sur https://shop.example.com/your/cart"),
        ("de", "Schreibt mir bitte an support.team@example.com oder help@example.com, danke"),
        ("de", "Was heißt `TypeError: Cannot read properties of undefined` denn nun?"),
        ("de", "Wo finde ich /usr/share/config/settings.yaml?"),
        ("ja", "私の iPhone 15 Pro Max が起動しません"),
        ("ja", "ログインできません。SSOで403エラー"),
        ("ja", "注文12345の返金"),
        ("zh", "iPhone 15 Pro Max 256GB坏了，打不开"),
        ("zh", "请看https://example.com/help谢谢你们"),
        ("ru", "у меня не работает iPhone 15 Pro Max 256GB после обновления"),
    ],
)
def test_names_codes_and_addresses_do_not_hide_the_language(language: str, message: str) -> None:
    assert detect(message) == language


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("es", "¡Hola!"),
        ("es", "muchas gracias"),
        ("fr", "bonjour"),
        ("fr", "Merci beaucoup !"),
        ("de", "Danke 🙏"),
        ("de", "danke!!! :)"),
        ("de", "hallo zusammen"),
        ("de", "Guten Tag"),
        ("pt", "Olá, bom dia"),
        ("pt", "obrigada"),
        ("it", "Buongiorno"),
        ("it", "Grazie mille!"),
        ("nl", "hoi"),
        ("nl", "dank je wel"),
        ("ru", "Привет"),
        ("ru", "спасибо большое"),
        ("zh", "你好"),
        ("zh", "谢谢！"),
        ("ar", "مرحبًا"),
        ("hi", "नमस्ते"),
        ("hi", "धन्यवाद।"),
        ("ja", "こんにちは"),
    ],
)
def test_a_lone_greeting_or_thank_you_tells_its_language(language: str, message: str) -> None:
    assert detect(message) == language


@pytest.mark.parametrize(
    "message",
    [
        "",
        "   ",
        "ok",
        "OK",
        "hi",
        "hi all",
        "no",
        "si",
        "test",
        "???",
        "😀",
        "12345",
        "hallo",
        "merci",
        "ciao",
        "por favor",
        "tag",
        "hello",
        "thanks",
        "住所変更",
        "返金",
        "請求書",
        "iPhone 15 Pro Max 256GB",
        "WebSphere MQ 9.1",
        "Bosch Serie 6",
        "SKU-8832-B",
        "Anna Schmidt",
        "Müller",
        "https://example.com/hilfe/wie-geht-das",
        "https://example.com/größe-tabelle",
        "anna.schmidt@example.de",
        "src/komponenten/einstellungen/Benutzerverwaltung.tsx",
        '{"fehler": "verboten", "grund": "keine_rechte"}',
        "ERR_CONNECTION_RESET",
        "0x80070057",
        "+49 170 1234567",
    ],
)
def test_too_little_to_tell_is_said_to_be(message: str) -> None:
    assert detect(message) is None


@pytest.mark.parametrize(
    "message",
    [
        "refund order 12345",
        "TypeError: Cannot read properties of undefined (reading 'map')",
        "java.lang.NullPointerException at com.example.Foo(Foo.java:12)",
        'Traceback (most recent call last):\n  File "a.py", line 3, in <module>',
        '{"status": 403, "error": "forbidden"}',
        "SELECT * FROM users WHERE id = 3;",
        "npm ERR! code ELIFECYCLE",
        "2024-05-01T12:33:01Z ERROR [main] c.e.App - connection refused",
        "curl -X POST localhost:8080/api",
        '<div class="kopf">',
    ],
)
def test_code_and_logs_are_no_foreign_language(message: str) -> None:
    assert detect(message) in {"en", None}


@pytest.mark.parametrize(
    "message",
    [
        "jag vill prata med en människa",
        "jeg vil gerne tale med et menneske",
        "chcę rozmawiać z człowiekiem",
        "bir insanla konuşmak istiyorum",
        "vreau să vorbesc cu o persoană",
        "egy emberrel szeretnék beszélni",
        "haluan puhua ihmisen kanssa",
        "vull parlar amb una persona",
        "хочу поговорити з людиною",
        "мені потрібна допомога",
        "Як скинути пароль?",
        "искам да говоря с човек",
        "tôi muốn nói chuyện với người",
        "saya ingin bicara dengan orang",
        "می‌خواهم با یک انسان صحبت کنم",
        "میں کسی انسان سے بات کرنا چاہتا ہوں",
        "मला माणसाशी बोलायचे आहे",
        "사람과 이야기하고 싶어요",
        "θέλω να μιλήσω με άνθρωπο",
        "אני רוצה לדבר עם אדם",
        "ฉันอยากคุยกับคน",
    ],
)
def test_a_language_we_have_no_sentences_in_is_not_taken_for_another(message: str) -> None:
    assert detect(message) is None


LONG = (Line.HANDED_OFF, Line.HANDED_OFF_FAILED, Line.HANDED_OFF_FILE, Line.DECLINED, Line.ASK_BACK, Line.WAITING_LONG)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("line", LONG)
def test_every_language_of_our_sentences_is_told(line: Line, language: str) -> None:
    assert detect(text(line, language)) == language


def test_only_the_beginning_of_a_long_message_is_read() -> None:
    assert detect("Wo ist mein Paket geblieben? " * 40 + "Where is my parcel, please? " * 400) == "de"


@pytest.mark.parametrize("piece", ["x", "a@", "`", "( ", "https://", "ä", "我", "@ ", "A."])
def test_no_text_keeps_the_answer_waiting(piece: str) -> None:
    detect("the library is loaded now")
    start = time.perf_counter()
    detect(piece * 200_000)
    assert time.perf_counter() - start < 0.5


def test_the_library_is_not_loaded_before_it_is_needed() -> None:
    program = "import sys, core.language as it; it.detect('ok'); print('py3langid' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("file", ["bench_support/queries", "bench_support/out_of_scope", "bench_webapps/queries"])
def test_no_english_question_of_the_benchmarks_is_taken_for_another_language(file: str) -> None:
    path = DATA / f"{file}.jsonl"
    if not path.exists():
        pytest.skip("needs ../shared/data, the benchmark that is not part of the repository")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    told = [detect(row["query"]) for row in rows]
    assert set(told) <= {"en", None}
    assert told.count("en") >= 0.98 * len(told)
