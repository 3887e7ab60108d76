"""What the agent understands without a model: core/phrases.py and its table."""

import json
import re
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from core import phrases
from core.phrases import (
    is_greeting,
    is_thanks,
    is_unhelpful,
    is_vague,
    promises_person,
    wants_person,
)

DATA = Path(__file__).parents[4] / "shared" / "data"  # the benchmark beside the checkout
SENTENCES = tomllib.loads(Path(__file__).with_name("promises.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        "Hi",
        "hello there!",
        "Hey :)",
        "Good morning, how are you?",
        "HELLOOOO",
        "¡Hola!",
        "Buenos dias",
        "Bonjour à tous",
        "Guten Tag",
        "moin",
        "Olá, tudo bem?",
        "Buongiorno",
        "Goedemiddag",
        "Здравствуйте!",
        "Добрый день",
        "你好",
        "您好，在吗？",
        "السلام عليكم",
        "مرحبًا",
        "नमस्ते",
        "こんにちは",
    ],
)
def test_a_message_that_only_says_hello_is_a_greeting(text: str) -> None:
    assert is_greeting(text)


@pytest.mark.parametrize(
    "text",
    [
        "Hi, where is my parcel?",
        "hello kitty stickers",
        "Hey Jude chords",
        "Hola, ¿dónde está mi pedido?",
        "你好，我的包裹在哪里",
        "Say hello to my bike",
        "Good morning America opening hours",
        "",
        "   ",
        "?!",
        "🚲",
    ],
)
def test_a_greeting_with_a_question_is_a_question(text: str) -> None:
    assert not is_greeting(text)


@pytest.mark.parametrize(
    "text",
    [
        "Thanks!",
        "thank you so much",
        "Perfect, thank you.",
        "ok thx",
        "That worked, thanks a lot!",
        "great",
        "Muchas gracias",
        "¡Perfecto, gracias por su ayuda!",
        "Merci beaucoup",
        "Vielen Dank für Ihre Hilfe",
        "das hat geholfen, danke",
        "Obrigada!",
        "grazie mille",
        "dank je wel",
        "Спасибо большое",
        "谢谢",
        "非常感谢您的帮助",
        "شكرا جزيلا",
        "धन्यवाद",
        "ありがとうございます",
    ],
)
def test_a_message_that_only_says_thanks_needs_no_answer(text: str) -> None:
    assert is_thanks(text)


@pytest.mark.parametrize(
    "text",
    [
        "Thanks, but how do I return it?",
        "thank you card printing",
        "Danke, aber wo ist mein Paket?",
        "How do I write a thank you note?",
        "no thanks to your firmware my display is dead",
    ],
)
def test_thanks_with_a_question_is_a_question(text: str) -> None:
    assert not is_thanks(text)


@pytest.mark.parametrize(
    "text",
    [
        "help",
        "Help!!",
        "It does not work",
        "it doesn't work.",
        "Hello, I have a problem",
        "I need help please",
        "Can you help me?",
        "I have a question",
        "nothing works",
        "something is wrong",
        "no funciona",
        "Tengo un problema",
        "ça ne marche pas",
        "J'ai un problème",
        "Es funktioniert nicht",
        "Hallo, ich habe eine Frage",
        "não funciona",
        "Preciso de ajuda",
        "non funziona",
        "Ho un problema",
        "het werkt niet",
        "Не работает",
        "У меня проблема",
        "我有一个问题",
        "不能用",
        "لدي مشكلة",
        "لا يعمل",
        "मुझे मदद चाहिए",
        "動きません",
        "困っています",
    ],
)
def test_a_question_that_names_nothing_is_vague(text: str) -> None:
    assert is_vague(text)


@pytest.mark.parametrize(
    "text",
    [
        "My display does not work",
        "I have a problem with my battery",
        "Can you help me change my address?",
        "help centre opening hours",
        "error E21",
        "Ich habe ein Problem mit dem Akku",
        "no funciona la batería",
        "电池有问题",
        "battery",
        "refund",
        "",
    ],
)
def test_a_question_that_names_its_subject_is_not_vague(text: str) -> None:
    assert not is_vague(text)


@pytest.mark.parametrize(
    "text",
    [
        "That didn't help.",
        "that did not help",
        "Not helpful",
        "This is useless",
        "you don't understand me",
        "wrong answer",
        "that's not what I asked",
        "I already tried that, what else?",
        "It still doesn't work",
        "eso no me ayuda",
        "Ça ne m'aide pas",
        "Das hat mir nicht geholfen",
        "isso não ajudou",
        "non mi ha aiutato",
        "dat helpt niet",
        "Это не помогло",
        "没有帮助",
        "هذا لم يساعدني",
        "これは役に立ちません",
    ],
)
def test_a_customer_can_say_that_the_answer_was_no_use(text: str) -> None:
    assert is_unhelpful(text)


@pytest.mark.parametrize(
    "text",
    ["That helped, thanks", "How do I help a friend?", "Is a helmet useful?", "Can I answer an email from my phone?"],
)
def test_other_sentences_do_not_complain_about_the_answer(text: str) -> None:
    assert not is_unhelpful(text)


@pytest.mark.parametrize(
    "text",
    [
        "I want to talk to a person",
        "human please",
        "Human!",
        "person",
        "agent",
        "how to speak tosomebody",
        "Can I speak with someone?",
        "real person pls",
        "please connect me to an agent",
        "get me a manager",
        "My bike arrived broken and your answers are no use, so let me talk to a human being now.",
        "Could you put me through to somebody from your support team?",
        "I'd like to speak to a representative about my refund",
        "transfer me to customer service",
        "I don't want to talk to a bot",
        "is there a real human here?",
        "not you, a real person",
        "I do not know how to reach an operator",
        "why can't I talk to a human",
        "stop the bot",
        "Please escalate this",
        "I asked about my order LF-204816. Nothing helps. Can somebody call me?",
        "talk to a persn",
        "i want to speak with an assitant",
        "I would prefer dealing with a human",
        "I need a live agent",
        "could a real person help me please",
        "Quiero hablar con una persona",
        "¿Puedo hablar con un agente?",
        "páseme con un humano por favor",
        "agente humano",
        "Je veux parler à un humain",
        "puis-je parler avec quelqu'un ?",
        "passez-moi un conseiller",
        "Ich möchte mit einem Menschen sprechen",
        "Kann ich bitte mit jemandem reden?",
        "Bitte verbinden Sie mich mit einem Mitarbeiter",
        "Das funktioniert nicht, ich will einen Menschen sprechen",
        "Mitarbeiter",
        "Quero falar com um atendente",
        "posso falar com uma pessoa?",
        "me transfira para um humano",
        "Vorrei parlare con un operatore",
        "posso parlare con qualcuno?",
        "voglio una persona reale",
        "Ik wil een medewerker spreken",
        "kan ik met iemand praten?",
        "Ik wil graag met een echt mens praten",
        "Хочу поговорить с человеком",
        "Соедините меня с оператором",
        "позовите оператора",
        "живой человек",
        "我想和真人说话",
        "转人工",
        "請幫我轉接人工客服",
        "人工客服",
        "我要找客服",
        "أريد التحدث مع شخص",
        "أريد التحدث إلى موظف",
        "حولني إلى خدمة العملاء",
        "موظف",
        "मुझे किसी इंसान से बात करनी है",
        "एजेंट से बात करनी है",
        "担当者と話したい",
        "オペレーターにつないでください",
        "人と話したいです",
    ],
)
def test_a_customer_who_asks_for_a_person_is_understood(text: str) -> None:
    assert wants_person(text)


@pytest.mark.parametrize(
    "text",
    [
        "A person bought my bike",
        "can one person ride two bikes",
        "travel agent discount",
        "How many people work at Larkfield?",
        "I don't want a human",
        "I do not want to talk to a person",
        "no need to connect me to an agent",
        "can I return it without talking to anyone?",
        "How do I let my customers talk to a live agent?",
        "How can visitors on my site chat with a person?",
        "The monitoring agent cannot connect to the server",
        "How do I share a document with someone?",
        "how do I assign a task to a person",
        "How to contact someone on Facebook",
        "Who can see that I talked to someone on Gmail?",
        "human readable export format",
        "talk to human resources",
        "I sold my bike to a person",
        "user agent string",
        "Contact form is broken",
        "Bring it to the shop",
        "Can I send it to the office?",
        "put it on the stand with a person",
        "I spoke to a person yesterday and she said 5 days",
        "Are you a robot?",
        "robot vacuum",
        "What does the operator do in MQ?",
        "How do I change the contact person of my company?",
        "Do I need to be a real person to sign up?",
        "una persona compró mi bici",
        "no quiero hablar con una persona",
        "une personne a pris mon vélo",
        "je ne veux pas parler à un humain",
        "Ich will nicht mit einem Menschen sprechen",
        "eine Person hat mein Rad gekauft",
        "não quero falar com uma pessoa",
        "non voglio parlare con un operatore",
        "ik wil niet met een medewerker praten",
        "не хочу говорить с оператором",
        "不要转人工",
        "人工智能是什么",
        "لا أريد التحدث مع شخص",
        "人間の体重は何キロまでですか",
        "オペレーターと話したくない",
        "",
        "   ",
        "...",
    ],
)
def test_a_person_in_the_sentence_is_not_a_request_for_one(text: str) -> None:
    assert not wants_person(text)


@pytest.mark.parametrize(
    "text",
    [
        "I will connect you with a colleague.",
        "I'm transferring you to a human agent now.",
        "A colleague will contact you shortly.",
        "I can't answer that, but I'll pass your question on to our support team.",
        "Someone from our team will get back to you within one day.",
        "Please hold while I transfer you.",
        "Let me connect you to a specialist.",
        "Your request has been forwarded to our team.",
        "You will be connected to an agent soon.",
        "I've escalated your case to a manager.",
        "Le voy a transferir a un agente.",
        "Un compañero se pondrá en contacto contigo.",
        "Je vous mets en relation avec un conseiller.",
        "Un collègue va vous contacter.",
        "Ich verbinde Sie mit einem Kollegen.",
        "Ein Mitarbeiter wird sich bei Ihnen melden.",
        "Vou transferir você para um atendente.",
        "Um colega entrará em contato.",
        "La metto in contatto con un operatore.",
        "Un collega la contatterà.",
        "Ik verbind u door met een collega.",
        "Een collega neemt contact met u op.",
        "Соединяю вас с оператором.",
        "Наш сотрудник свяжется с вами.",
        "我马上为您转接人工客服。",
        "我们的同事会尽快联系您。",
        "سأقوم بتحويلك إلى موظف.",
        "سيتواصل معك أحد زملائي.",
        "担当者におつなぎします。",
        "担当者より連絡いたします。",
    ],
)
def test_a_text_that_announces_a_person_is_a_promise(text: str) -> None:
    assert promises_person(text)


@pytest.mark.parametrize(
    "text",
    [
        "Would you like me to connect you with a colleague?",
        "If you like, I will connect you to an agent.",
        "The carrier will contact you by text message.",
        "I cannot connect you to a person.",
        "You can return it within 30 days.",
        "Parcels are forwarded to the pick-up point.",
        "A second person can be added under Account.",
        "Soll ich Sie mit einem Kollegen verbinden?",
        "¿Quiere que le transfiera a un agente?",
        "Souhaitez-vous que je vous mette en relation avec un conseiller ?",
        "担当者におつなぎしましょうか？",
        "需要我为您转接人工客服吗？",
        "",
    ],
)
def test_an_offer_or_a_fact_is_no_promise(text: str) -> None:
    assert not promises_person(text)


@pytest.mark.parametrize("text", SENTENCES["looked_at"]["promises"])
def test_whoever_says_that_people_were_called_has_promised_them(text: str) -> None:
    assert promises_person(text)


@pytest.mark.parametrize("text", SENTENCES["looked_at"]["harmless"])
def test_words_about_people_who_were_not_called_promise_nobody(text: str) -> None:
    assert not promises_person(text)


def test_nine_of_ten_promises_are_understood_that_the_table_was_not_written_for() -> None:
    promises, harmless = SENTENCES["only_measured"]["promises"], SENTENCES["only_measured"]["harmless"]
    assert sum(map(promises_person, promises)) / len(promises) >= 0.9
    assert sum(map(promises_person, harmless)) / len(harmless) <= 0.02


@pytest.mark.parametrize(
    ("text", "promised"),
    [
        ("I have not called a colleague.", False),
        ("I do not know, but I have called a colleague.", True),
        ("If you like, I will call a colleague.", False),
        ("If you like tea, so do I, but I have called a colleague.", True),
        ("A colleague will write to you before delivery.", False),
        ("A colleague will write to you before lunch.", True),
    ],
)
def test_a_no_or_a_condition_counts_for_what_it_stands_with(text: str, promised: bool) -> None:
    assert promises_person(text) is promised


def test_at_most_one_of_ten_thousand_paragraphs_of_real_help_pages_is_taken_for_a_promise() -> None:
    if not DATA.is_dir():
        pytest.skip("needs ../shared/data, the benchmark that is not part of the repository")
    paragraphs = [
        paragraph
        for page in sorted(DATA.glob("bench_*/kb/*.md"))
        for paragraph in re.split(r"\n\s*\n", page.read_text(encoding="utf-8"))
    ]
    mistaken = [paragraph for paragraph in paragraphs if promises_person(paragraph)]
    assert len(mistaken) / len(paragraphs) <= 0.0001, mistaken


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000,
        "help " * 200_000,
        "support support " * 12,
        "i want to talk to " * 50_000,
        "transfer me to a a a " * 2_000,
        "\u0300" * 10_000,
        "ok " * 23 + "x",
    ],
    ids=["one word", "vague", "filler", "requests", "moves", "accents", "nearly"],
)
def test_no_text_keeps_the_agent_busy(text: str) -> None:
    wants_person("x")  # the patterns are built at the first use
    started = time.process_time()
    for understood in (is_greeting, is_thanks, is_vague, is_unhelpful, wants_person, promises_person):
        understood(text)
    assert time.process_time() - started < 1.0


def _lines(name: str) -> list[dict[str, Any]]:
    if not DATA.is_dir():
        pytest.skip("needs ../shared/data, the benchmark that is not part of the repository")
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def test_nineteen_of_twenty_real_requests_for_a_person_are_understood() -> None:
    asked = [
        row["query"] for row in _lines("bench_support/out_of_scope.jsonl") if row["kind"] == "explicit_human_request"
    ]
    understood = sum(wants_person(query) for query in asked)
    assert understood / len(asked) >= 0.95


def test_at_most_three_of_a_thousand_real_questions_are_taken_for_such_a_request() -> None:
    other = [
        row["query"]
        for bench in ("bench_support", "bench_webapps")
        for name in ("queries", "out_of_scope")
        for row in _lines(f"{bench}/{name}.jsonl")
        if row.get("kind") != "explicit_human_request"
    ]
    mistaken = [query for query in other if wants_person(query)]
    assert len(mistaken) / len(other) <= 0.003, mistaken


@pytest.mark.parametrize(
    "text",
    ["No me ha ayudado", "That did not help either", "Das hat auch nicht geholfen", "Ça ne m'a pas aidé non plus"],
)
def test_no_help_is_never_taken_for_thanks(text: str) -> None:
    assert (phrases.is_unhelpful(text), phrases.is_only_unhelpful(text), phrases.is_thanks(text)) == (True, True, False)


def test_a_question_beside_the_complaint_is_still_a_question() -> None:
    text = "That did not help. How long does delivery take to Scotland?"
    assert (phrases.is_unhelpful(text), phrases.is_only_unhelpful(text)) == (True, False)
