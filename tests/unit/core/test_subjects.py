"""What goes to people at once: core/subjects.py and the packaged list."""

import json
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from core.subjects import Match, Subject, Subjects, SubjectsError

DATA = Path(__file__).parents[4] / "shared" / "data"  # the benchmark beside the checkout

OWN = """
[lists]
pet = ["dog", "cat", "(guinea pig|hamster)"]

[vet]
title = "A sick animal"
phrases.en = ["my {pet} (is|got) * (sick|ill)", "poisoned my {pet}"]
phrases.de = ["mein (hund|kater) ist krank"]
unless.en = ["sick of waiting"]

[money]
title = " A large sum "
phrases = ["a million (dollars|euros)"]
"""


def touched(text: str, subjects: Subjects | None = None) -> str | None:
    """The name of the subject that `text` touches."""
    match = (subjects or Subjects.packaged()).find(text)
    return match.subject.name if match else None


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("danger", "I don't want to live anymore"),
        ("danger", "Hi, I don't know who else to write to. I want to die and I have nobody."),
        ("danger", "My son swallowed the button cell from your remote, what should I do??"),
        ("danger", "My husband says he will take his own life because of this debt"),
        ("danger", "we need an ambulance, a man in your car park is unconscious"),
        ("injury", "I was injured when the battery exploded"),
        ("injury", "Your scooter's front fork snapped and I broke my wrist"),
        ("injury", "the charger caught fire last night"),
        ("injury", "My 4 year old was hurt by a sharp edge on the toy"),
        ("injury", "I got an electric shock from the lamp"),
        ("injury", "My wife had an allergic reaction to your cream"),
        ("injury", "I slipped in your store and hurt my back"),
        ("threats", "I know where you live"),
        ("threats", "I will come to your office and kill you"),
        ("threats", "Your courier threatened me with a knife"),
        ("threats", "someone is blackmailing me with my photos"),
        ("fraud", "Someone paid with my card"),
        ("fraud", "My account has been hacked"),
        ("fraud", "hi there is a payment of 49.99 to your company that I did not make"),
        ("fraud", "I don't recognise this charge on my bank statement"),
        ("fraud", "I'm going to ask my bank for a chargeback"),
        ("fraud", "somebody logged into my account and ordered three phones"),
        ("fraud", "an order was placed on my account without my permission"),
        ("fraud", "I think I've been scammed by somebody pretending to be you"),
        ("privacy", "Delete all the data you have about me"),
        ("privacy", "this is a subject access request"),
        ("privacy", "I would like a copy of all personal data you hold about me"),
        ("privacy", "Was my data affected by the data breach last week?"),
        ("privacy", "I can see another customer's invoice in my account"),
        ("legal", "My lawyer will contact you"),
        ("legal", "I'm going to sue you"),
        ("legal", "if I don't get my money by Friday I'll see you in court"),
        ("legal", "I have contacted the ombudsman about your behaviour"),
        ("legal", "We are going to take legal action against your company"),
        ("harassment", "Your driver made racist remarks"),
        ("harassment", "I was discriminated against because I am in a wheelchair"),
        ("harassment", "one of your employees keeps harassing me by text"),
        ("bereavement", "My father passed away and I need to close his account"),
        ("bereavement", "my husband died last month, how do I cancel his subscription"),
        ("bereavement", "I need access to the account of my late mother"),
        ("press", "I'm a journalist with the Guardian and would like a comment"),
        ("press", "I am writing an article about your company"),
        ("press", "Who can I contact for media enquiries?"),
    ],
)
def test_what_happened_to_a_customer_is_for_people(subject: str, text: str) -> None:
    assert touched(text) == subject


@pytest.mark.parametrize(
    ("language", "subject", "text"),
    [
        ("es", "danger", "No quiero seguir viviendo, ya no puedo más"),
        ("es", "injury", "Mi hijo se quemó la mano con el cargador"),
        ("es", "legal", "Mi abogado se pondrá en contacto con ustedes"),
        ("es", "privacy", "Borren todos los datos que tienen sobre mí"),
        ("es", "fraud", "Alguien ha pagado con mi tarjeta"),
        ("es", "injury", "Ayer mi mujer se cayó de la bicicleta porque falló el freno y está en el hospital"),
        ("es", "fraud", "Me ha llegado un cobro de 80 euros que yo no he autorizado"),
        ("es", "legal", "Si esto no se soluciona pondré una denuncia en consumo"),
        ("es", "privacy", "Ejerzo mi derecho de supresión de todos mis datos"),
        ("es", "bereavement", "Necesito dar de baja la línea porque mi madre ha muerto"),
        ("es", "threats", "Un vendedor me está amenazando por mensajes"),
        ("fr", "danger", "Je n'en peux plus, je veux mourir"),
        ("fr", "injury", "La batterie a explosé et je me suis brûlé la main"),
        ("fr", "legal", "Mon avocat va prendre contact avec vous"),
        ("fr", "privacy", "Supprimez toutes les données que vous avez sur moi"),
        ("fr", "fraud", "Quelqu'un a utilisé ma carte bancaire sur votre site"),
        ("fr", "injury", "Ma fille s'est brûlée avec votre bouilloire"),
        ("fr", "fraud", "Il y a un débit de 60 euros sur mon compte que je n'ai jamais autorisé"),
        ("fr", "legal", "Sans réponse de votre part, je saisirai le tribunal"),
        ("fr", "privacy", "Au titre du RGPD, je demande l'effacement de mes données personnelles"),
        ("fr", "bereavement", "Mon père vient de mourir et je dois résilier son contrat"),
        ("fr", "threats", "Je reçois des menaces de mort d'un autre utilisateur"),
        ("de", "danger", "Ich will nicht mehr leben"),
        ("de", "injury", "Der Akku ist explodiert und ich habe mir die Hand verbrannt"),
        ("de", "legal", "Mein Anwalt wird sich bei Ihnen melden"),
        ("de", "privacy", "Löschen Sie alle Daten, die Sie über mich gespeichert haben"),
        ("de", "fraud", "Jemand hat mit meiner Karte bezahlt"),
        ("de", "injury", "Bei der Fahrt ist der Lenker gebrochen und ich bin gestürzt"),
        ("de", "fraud", "Auf meinem Kontoauszug ist eine Abbuchung von Ihnen, die ich nicht autorisiert habe"),
        ("de", "legal", "Ich habe den Fall meinem Anwalt übergeben"),
        ("de", "privacy", "Ich möchte eine Auskunft nach Art. 15 DSGVO"),
        ("de", "bereavement", "Meine Mutter ist letzte Woche gestorben"),
        ("de", "threats", "Ich habe Morddrohungen erhalten"),
        ("de", "fraud", "Mein Account wurde geknackt und jemand hat damit bestellt"),
        ("de", "legal", "Ich erstatte Anzeige bei der Polizei"),
        ("pt", "danger", "Não quero mais viver"),
        ("pt", "injury", "A bateria explodiu e eu me queimei"),
        ("pt", "legal", "Meu advogado vai entrar em contato com vocês"),
        ("pt", "privacy", "Quero que apaguem todos os meus dados"),
        ("pt", "fraud", "Alguém usou meu cartão para comprar no site de vocês"),
        ("pt", "injury", "Meu filho se machucou com o brinquedo de vocês"),
        ("pt", "fraud", "Apareceu uma compra na minha fatura que eu não fiz"),
        ("pt", "legal", "Vou reclamar no Procon e procurar um advogado"),
        ("pt", "privacy", "Com base na LGPD, solicito a exclusão dos meus dados"),
        ("pt", "bereavement", "O titular da conta faleceu"),
        ("pt", "threats", "Estou recebendo ameaças de um vendedor"),
        ("it", "danger", "Voglio morire, non ce la faccio più"),
        ("it", "injury", "La batteria è esplosa e mi sono bruciato la mano"),
        ("it", "legal", "Il mio avvocato vi contatterà"),
        ("it", "privacy", "Cancellate tutti i dati che avete su di me"),
        ("it", "fraud", "Qualcuno ha usato la mia carta di credito"),
        ("it", "injury", "Mia figlia si è fatta male con il vostro giocattolo"),
        ("it", "fraud", "C'è un addebito di 50 euro che non ho mai autorizzato"),
        ("it", "legal", "Procederò per vie legali"),
        ("it", "privacy", "Chiedo la cancellazione dei miei dati ai sensi del GDPR"),
        ("it", "bereavement", "Mia nonna è venuta a mancare e devo disdire il contratto"),
        ("it", "threats", "Ricevo minacce da un venditore"),
        ("nl", "danger", "Ik wil niet meer leven"),
        ("nl", "injury", "De accu is ontploft en ik heb mijn hand verbrand"),
        ("nl", "legal", "Mijn advocaat neemt contact met jullie op"),
        ("nl", "privacy", "Verwijder alle gegevens die jullie over mij hebben"),
        ("nl", "fraud", "Iemand heeft met mijn creditcard betaald"),
        ("nl", "injury", "Mijn zoontje is gewond geraakt door het speelgoed"),
        ("nl", "fraud", "Er is geld van mijn rekening afgeschreven zonder mijn toestemming"),
        ("nl", "legal", "Ik doe aangifte bij de politie"),
        ("nl", "privacy", "Op grond van de AVG wil ik inzage in mijn persoonsgegevens"),
        ("nl", "bereavement", "Wegens het overlijden van mijn man wil ik het abonnement stoppen"),
        ("nl", "threats", "Ik word bedreigd door een verkoper"),
        ("ru", "danger", "Я больше не хочу жить"),
        ("ru", "injury", "Аккумулятор взорвался, и я получил ожог"),
        ("ru", "legal", "Мой адвокат свяжется с вами"),
        ("ru", "privacy", "Удалите все мои персональные данные"),
        ("ru", "fraud", "Кто-то расплатился моей картой"),
        ("ru", "injury", "Мой сын обжёгся вашим чайником"),
        ("ru", "fraud", "С моей карты списали деньги без моего согласия"),
        ("ru", "legal", "Буду жаловаться в Роспотребнадзор"),
        ("ru", "privacy", "Требую удалить мои личные данные из вашей базы"),
        ("ru", "bereavement", "У меня умерла мама, на её имя оформлен договор"),
        ("ru", "threats", "Продавец угрожает мне расправой"),
        ("zh", "danger", "我不想活了"),
        ("zh", "injury", "电池爆炸了，我的手被烧伤"),
        ("zh", "legal", "我的律师会联系你们"),
        ("zh", "privacy", "请删除你们保存的关于我的所有个人信息"),
        ("zh", "fraud", "有人盗刷了我的信用卡"),
        ("zh", "injury", "孩子玩你们的玩具时手指被割伤了"),
        ("zh", "fraud", "我没有买过东西，可是信用卡被盗刷了"),
        ("zh", "legal", "再不退款我就去消协投诉你们"),
        ("zh", "privacy", "你们泄露了我的个人信息"),
        ("zh", "bereavement", "账户持有人是我母亲，她上个月去世了"),
        ("zh", "threats", "卖家恐吓我，说知道我家在哪里"),
        ("ar", "danger", "أريد أن أموت"),
        ("ar", "injury", "انفجرت البطارية واحترقت يدي"),
        ("ar", "legal", "محاميي سيتواصل معكم"),
        ("ar", "privacy", "احذفوا جميع بياناتي الشخصية"),
        ("ar", "fraud", "شخص ما استخدم بطاقتي"),
        ("ar", "injury", "ابنتي أصيبت بحروق بسبب الغلاية"),
        ("ar", "fraud", "هناك عملية خصم لم أقم بها على بطاقتي"),
        ("ar", "legal", "سأتقدم بشكوى إلى حماية المستهلك"),
        ("ar", "privacy", "أطالب بحذف بياناتي الشخصية من أنظمتكم"),
        ("ar", "bereavement", "صاحب الحساب متوفى"),
        ("ar", "threats", "أتعرض للتهديد من أحد البائعين"),
        ("hi", "danger", "मैं मरना चाहता हूँ"),
        ("hi", "injury", "बैटरी फट गई और मेरा हाथ जल गया"),
        ("hi", "legal", "मेरा वकील आपसे संपर्क करेगा"),
        ("hi", "privacy", "मेरा सारा डेटा हटा दीजिए"),
        ("hi", "fraud", "किसी ने मेरे कार्ड से भुगतान किया है"),
        ("hi", "injury", "चार्जर में आग लग गई"),
        ("hi", "fraud", "मेरे कार्ड से बिना मेरी अनुमति पैसे काट लिए गए"),
        ("hi", "legal", "मैं उपभोक्ता फोरम में शिकायत करूँगा"),
        ("hi", "privacy", "मेरा व्यक्तिगत डेटा लीक हो गया है"),
        ("hi", "bereavement", "मेरी माँ की मृत्यु हो गई है"),
        ("hi", "threats", "मुझे जान से मारने की धमकी मिली है"),
        ("ja", "danger", "もう死にたいです"),
        ("ja", "injury", "バッテリーが爆発して手をやけどしました"),
        ("ja", "legal", "弁護士に相談しました"),
        ("ja", "privacy", "私に関する個人情報をすべて削除してください"),
        ("ja", "fraud", "誰かに私のクレジットカードを使われました"),
        ("ja", "injury", "子どもがおもちゃで怪我をしました"),
        ("ja", "fraud", "注文した覚えがないのにカードから引き落とされています"),
        ("ja", "legal", "消費者センターに相談します"),
        ("ja", "privacy", "個人情報の開示を請求します"),
        ("ja", "bereavement", "契約者の母が先月他界しました"),
        ("ja", "threats", "殺害予告を受けました"),
    ],
)
def test_it_is_for_people_in_the_other_languages_too(language: str, subject: str, text: str) -> None:
    assert touched(text) == subject, language


@pytest.mark.parametrize(
    "text",
    [
        "How do I write a terms page?",
        "Where are your terms?",
        "Do you ship to a court?",
        "How do I change my legal name?",
        "How do I report fraud on my site dashboard?",
        "How do I delete my account?",
        "How can I make my store GDPR compliant?",
        "My site visitors ask me to delete their data, how do I do that?",
        "How do I protect my store against chargebacks?",
        "A customer opened a chargeback, where do I upload evidence?",
        "Which template is best for a law firm?",
        "Can I share my calendar with my lawyer?",
        "How do I hire a lawyer template?",
        "I'm Sue, I ordered a bike last week",
        "Who pays for damages in transit?",
        "The battery died after two days",
        "My husband says the battery died",
        "The user session died",
        "The child process died with exit code 9",
        "the death of a process is not logged",
        "How do I kill a process?",
        "I'll shoot you an email with the logs",
        "I'm dying to get my new bike",
        "I accidentally deleted my page",
        "I pressed the button by accident",
        "Do you have an accident insurance for e-bikes?",
        "the memory usage exploded after the upgrade",
        "Our sales are on fire",
        "The update has eaten my battery",
        "I work at a hospital and need 20 bikes",
        "the order was sent to the hospital",
        "The JDBC driver hit my connection limit",
        "Can someone please help me using my account?",
        "I haven't made the payment yet",
        "I was charged twice",
        "The app does not recognise my card",
        "a strange transaction appears in the WebSphere log",
        "Access denied: unauthorized",
        "What happens if there is a data breach?",
        "How can I see another user's details in the admin panel?",
        "Does your app discriminate between upper and lower case?",
        "Google is threatening to suspend my listing",
        "Where do I find your press kit?",
        "What CSS media query should I use?",
        "I am the reporter of this bug",
        "I'm writing an article on my blog and the editor freezes",
        "I lost my child theme settings",
        "I broke my front wheel",
        "The driver was rude",
        "",
        "   ",
        "?!",
    ],
)
def test_a_question_that_only_mentions_the_topic_is_answered(text: str) -> None:
    assert touched(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "mi teléfono murió",
        "mi conexión se cortó",
        "¿Cómo escribo el aviso legal de mi web?",
        "¿Dónde puedo descargar mis datos?",
        "La batería murió después de dos días",
        "ma batterie est morte",
        "mon appel a été coupé",
        "On m'a volé mon vélo",
        "Où sont vos conditions générales ?",
        "Comment supprimer mon compte ?",
        "La batterie est morte",
        "mein Akku ist tot",
        "Lieferung ins Krankenhaus möglich?",
        "Ich habe die Zahlung noch nicht getätigt",
        "Wo finde ich die AGB?",
        "Wie lösche ich mein Konto?",
        "Der Akku ist nach zwei Tagen tot",
        "meu celular morreu",
        "Onde estão os termos de uso?",
        "Como excluo minha conta?",
        "A bateria morreu depois de dois dias",
        "il mio display si è rotto",
        "è mancata la corrente",
        "non ho ancora fatto il pagamento",
        "Dove trovo i termini e condizioni?",
        "Come elimino il mio account?",
        "La batteria è morta dopo due giorni",
        "kunt u die verwijderen?",
        "mijn telefoon is dood",
        "Waar vind ik de voorwaarden?",
        "Hoe verwijder ik mijn account?",
        "De accu is na twee dagen leeg",
        "мой телефон умер",
        "доставка в больницу",
        "встретимся в офисе",
        "Где условия использования?",
        "Как удалить аккаунт?",
        "Батарея умерла через два дня",
        "我的电脑中毒了",
        "怎么防止账号被盗",
        "我的卡被刷了两次",
        "CSS媒体查询怎么用",
        "我想死机重启怎么办",
        "服务条款在哪里",
        "怎么删除账户",
        "电池两天就没电了",
        "كيف يمكنني استخدام بطاقتي",
        "كيف أمنع اختراق حسابي",
        "التوصيل إلى المستشفى",
        "أين شروط الاستخدام؟",
        "كيف أحذف حسابي؟",
        "نفدت البطارية بعد يومين",
        "क्या आप अस्पताल में डिलीवरी करते हैं?",
        "नियम और शर्तें कहाँ हैं?",
        "मैं अपना अकाउंट कैसे हटाऊँ?",
        "बैटरी दो दिन में खत्म हो गई",
        "感電する危険はありますか",
        "不正アクセスを防ぐには",
        "自分のデータを削除する方法",
        "利用規約はどこですか",
        "アカウントを削除するには",
        "バッテリーが二日で切れました",
    ],
)
def test_a_question_that_only_mentions_the_topic_is_answered_in_the_other_languages_too(text: str) -> None:
    assert touched(text) is None


def test_the_packaged_list_can_be_shown_with_its_most_urgent_subject_first() -> None:
    packaged = Subjects.packaged()
    assert packaged.names == (
        "danger", "injury", "threats", "fraud", "privacy", "legal", "harassment", "bereavement", "press",
    )  # fmt: skip
    assert next(iter(packaged)) == Subject("danger", "Danger to life or self-harm")
    assert all(subject.title[0].isupper() for subject in packaged)


def test_where_a_message_touches_two_subjects_the_first_of_the_list_counts() -> None:
    assert touched("My lawyer will contact you, and I was injured") == "injury"
    own = Subjects.parse('[b]\ntitle = "B"\nphrases = ["my lawyer"]\n[a]\ntitle = "A"\nphrases = ["injured"]')
    assert touched("I was injured, my lawyer will write", own) == "b"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, MY LAWYER, Mr X, writes. Mÿ  Lawyer’s office will call!", "Mÿ  Lawyer’s office will call"),
        ("请问：我不想活了。", "不想活"),
        (unicodedata.normalize("NFD", "もう電池が爆発して困る"), unicodedata.normalize("NFD", "電池が爆発")),
        ("Mi hijo: ¡Alguien ha PAGADO con mi tarjeta!", "Alguien ha PAGADO con mi tarjeta"),
    ],
)
def test_the_desk_reads_the_words_as_the_customer_wrote_them(text: str, words: str) -> None:
    own = Subjects.parse(
        '[legal]\ntitle = "Legal"\nphrases.en = ["my (lawyer|lawyers) * will call"]\nphrases.zh = ["不想活"]\n'
        'phrases.ja = ["電池が爆発"]\nphrases.es = ["alguien * con mi tarjeta"]'
    )
    assert own.find(text) == Match(Subject("legal", "Legal"), words)


def test_an_own_list_takes_the_place_of_the_packaged_one() -> None:
    own = Subjects.parse(OWN)
    assert own.names == ("vet", "money")
    assert [subject.title for subject in own] == ["A sick animal", "A large sum"]
    assert touched("I was injured when the battery exploded", own) is None
    assert touched("My hamster is suddenly very sick!", own) == "vet"
    assert touched("Mein Hund ist krank", own) == "vet"
    assert touched("Who wants a million Euros?", own) == "money"


def test_a_clause_with_an_exception_does_not_count_but_the_next_one_does() -> None:
    own = Subjects.parse(OWN)
    assert touched("my cat is sick of waiting for the parcel", own) is None
    assert touched("my cat is sick of waiting for the parcel, and my dog is sick", own) == "vet"


def test_a_phrase_is_not_put_together_from_two_sentences() -> None:
    assert touched("Here is the address of my lawyer. Will you contact me?") is None


def test_the_beginning_and_the_end_of_a_long_message_are_read() -> None:
    filler = "the log says nothing new here\n" * 1000
    assert touched("My lawyer will contact you. " + filler) == "legal"
    assert touched(filler + "My lawyer will contact you.") == "legal"
    assert touched(filler + "My lawyer will contact you. " + filler) is None


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("", ["is empty", "[legal]"]),
        ("# only notes\n", ["is empty"]),
        ('[lists]\nx = ["y"]', ["is empty"]),
        ('lists = 3\n[a]\ntitle = "A"\nphrases = ["x"]', ["'lists'", "another name"]),
        ("[legal\n", ["no TOML", "line 1", "[legal]"]),
        ('[legal]\ntitle = "A\n', ["no TOML", "line 2"]),
        ('title = "Legal"\nphrases = ["x"]', ["'title' (line 1)", "outside a subject"]),
        ('\n[legal]\nphrases = ["x"]', ["[legal] (line 2)", "no title"]),
        ('[legal]\ntitle = " "\nphrases = ["x"]', ["[legal] (line 1)", "no title"]),
        ('[legal]\ntitle = "Legal"', ["[legal] (line 1)", "no phrases"]),
        ('[legal]\ntitle = "Legal"\nphrases = []', ["no phrases"]),
        ('[legal]\ntitle = "Legal"\nphrases.en = []', ["no phrases"]),
        ('[legal]\ntitle = "Legal"\nphrase = ["x"]', ["key 'phrase'", "title, phrases, unless"]),
        ('[legal]\ntitle = "Legal"\nphrases = "my lawyer"', ["[legal] phrases", "list of texts in quotes"]),
        ('[legal]\ntitle = "Legal"\nphrases.en = [1]', ["[legal] phrases.en", "list of texts in quotes"]),
        ('[legal]\ntitle = "L"\nphrases = ["a"]\nunless = "b"', ["[legal] unless", "list of texts in quotes"]),
        ('[legal]\ntitle = "L"\nphrases = [\n"my (lawyer"\n]', ["(line 4)", "'my (lawyer'", "bracket"]),
        ('[legal]\ntitle = "L"\nphrases = ["a) b (c"]', ["'a) b (c'", "bracket"]),
        ('[legal]\ntitle = "L"\nphrases = ["a (b", "c) d"]', ["'a (b'", "bracket"]),
        ('[legal]\ntitle = "L"\nphrases = ["my }lawyer"]', ["'}'", "has no meaning"]),
        ('[legal]\ntitle = "L"\nphrases = ["my {who} said"]', ["'who'", "(this|that)"]),
        ('[lists]\na = ["{a} b"]\n[legal]\ntitle = "L"\nphrases = ["{a}"]', ["[lists] a (line 2)", "'a'"]),
        ('[lists]\na = 3\n[legal]\ntitle = "L"\nphrases = ["b"]', ["[lists] a", "list of texts"]),
        ('[legal]\ntitle = "L"\nphrases.en = ["have i been hacked?"]', ["phrases.en (line 3)", "leave the '?' out"]),
        ('[legal]\ntitle = "L"\nphrases = ["i was hurt. call me"]', ["punctuation", "two phrases"]),
        ('[legal]\ntitle = "L"\nphrases = ["a * b * c * d * e * f"]', ["more than 4 '*'", "two phrases"]),
        ('[legal]\ntitle = "L"\nphrases = ["x", ""]', ["fits every message"]),
        ('[legal]\ntitle = "L"\nphrases = ["x", "!!"]', ["'!!'", "fits every message"]),
        ('[legal]\ntitle = "L"\nphrases = ["x", "my? *"]', ["'my? *'", "fits every message"]),
        ('[legal]\ntitle = "L"\nphrases = ["x"]\nunless = ["*"]', ["unless (line 4)", "fits every message"]),
        ('[lists]\na = ["b?"]\n[legal]\ntitle = "L"\nphrases = ["{a}"]', ["'{a}'", "fits every message"]),
    ],
)
def test_a_list_that_cannot_be_used_says_where_and_what_to_change(toml: str, said: list[str]) -> None:
    with pytest.raises(SubjectsError) as caught:
        Subjects.parse(toml)
    for part in said:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "my " * 33_333,
        "my friend " * 10_000,
        "someone " * 12_500,
        "i was my her kids " * 5_000,
        "delete all data you " * 5_000,
        "my lawyer i someone my card delete all my " * 2_400,
        "payment " * 12_500,
        "我的" * 50_000,
        "私のカード" * 20_000,
        "\u0300" * 100_000,
        "ﷺ" * 100_000,
        "a.b," * 25_000,
    ],
    ids=lambda text: text[:12].strip(),
)
def test_no_text_keeps_the_list_busy(text: str) -> None:
    packaged = Subjects.packaged()  # the patterns are built at the first use
    started = time.process_time()
    packaged.find(text)
    assert time.process_time() - started < 0.5


def _questions(name: str) -> list[dict[str, Any]]:
    if not DATA.is_dir():
        pytest.skip("needs ../shared/data, the benchmark that is not part of the repository")
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def test_at_most_three_of_a_thousand_real_questions_are_kept_from_the_bot() -> None:
    asked = [
        row["query"] for bench in ("bench_support", "bench_webapps") for row in _questions(f"{bench}/queries.jsonl")
    ]
    kept = [question for question in asked if touched(question)]
    assert len(kept) / len(asked) <= 0.003, kept


def test_of_the_questions_nobody_could_answer_only_a_payment_the_customer_never_made_is_sensitive() -> None:
    rows = [row for bench in ("bench_support", "bench_webapps") for row in _questions(f"{bench}/out_of_scope.jsonl")]
    kept = {row["query"] for row in rows if touched(row["query"])}
    assert kept <= {"I found a charge for a direct debit that was not made by me."}
