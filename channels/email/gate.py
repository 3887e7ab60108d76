"""Which mails are never answered by a program, in a fixed order, each with its reason.

The channel calls `silent` for each mail before it becomes a message. A mail that is silent here is stored and can be
seen by operators; it starts no answer and changes no state. The sources are RFC 3834, RFC 2919, RFC 5436 section 2.7,
and the headers that mail programs use instead of them.
"""

import re
from dataclasses import dataclass

from channels.email.mail import Address, Envelope, Mail, ReportKind
from channels.email.mime import report
from core.messages import IgnoredBecause


@dataclass(frozen=True, slots=True)
class Own:
    """Who we are: our mailboxes in lower case, and the domain in our Message-IDs ('threadline.…@domain')."""

    addresses: frozenset[str]
    domain: str


def silent(mail: Mail, envelope: Envelope, own: Own) -> IgnoredBecause | None:
    """Return why `mail` gets no answer, None if a person may have written it."""
    if _is_own(mail, own):
        return IgnoredBecause.OWN_MAIL
    if _is_bounce(mail, envelope):
        return IgnoredBecause.BOUNCE
    if _is_automatic(mail):
        return IgnoredBecause.AUTOMATIC
    if _is_list(mail, own):
        return IgnoredBecause.LIST_MAIL
    if mail.report:
        complaint = mail.report.kind is ReportKind.FEEDBACK
        return IgnoredBecause.FEEDBACK_REPORT if complaint else IgnoredBecause.DELIVERY_REPORT
    if not (mail.from_.address or any(one.address for one in mail.reply_to)):
        return IgnoredBecause.NO_SENDER
    return None


_ROBOT = re.compile(
    r"(?:^|[-+])(?:(?:do-?|please-?)?(?:no|not|dont|never)-?(?:reply|respond|response|answer|responder|reponse|antworten)|"
    r"na?o-?respond[ae]r?|ne-?pas-?repondre|nicht-?antworten|non-?rispondere|bounces?)(?:$|[-+]|\d)"
)
_SEPARATORS = re.compile(r"[-_.\s]+")


def is_own_id(message_id: str, own: Own) -> bool:
    """Say whether a Message-ID (without brackets) is one that we gave."""
    lower = message_id.lower()
    return lower.startswith("threadline.") and lower.endswith(f"@{own.domain.lower()}")


def _is_own(mail: Mail, own: Own) -> bool:
    local, _, domain = mail.from_.address.partition("@")
    plain = f"{local.partition('+')[0]}@{domain}"
    return bool({mail.from_.address, plain} & own.addresses) or is_own_id(mail.message_id, own)


def _is_bounce(mail: Mail, envelope: Envelope) -> bool:
    """An empty return path means: never answer this (RFC 5321 section 4.5.5)."""
    path = mail.headers.get("return-path", ())
    return envelope.sender == "" or any(one.strip() in {"", "<>", "<null>"} for one in path)


_AUTO_NAME = re.compile(
    r"auto-?submitted|x-.*auto-?(?:respon[ds]e?(?:r)?|repl(?:y|ied)|generated|submitted|answer).*|"
    r"x-.*(?:machine-?generated|holiday-?reply|vacation|out-?of-?office).*|x-(?!ms-exchange).*loop.*|x-cron-env"
)
"""Headers by which programs say that they wrote. Exchange puts its loop header on what a rule forwards, too."""
_SAID_NO = frozenset({"no", "none", "false", "0"})
_SUPPRESSED = frozenset({"all", "oof", "autoreply"})
_PRECEDENCE = frozenset({"bulk", "junk", "auto_reply", "auto-reply"})


def _is_automatic(mail: Mail) -> bool:
    return (
        any(_says_automatic(name, values) for name, values in mail.headers.items())
        or _word(mail.header("precedence")) in _PRECEDENCE
        or "vacation" in mail.header("x-apple-action").lower()
        or _is_robot(mail)
        or _subject_says_away(mail)
    )


def _says_automatic(name: str, values: tuple[str, ...]) -> bool:
    if name == "x-auto-response-suppress":
        words = {word.strip().lower() for value in values for word in value.split(",")}
        return bool(words & _SUPPRESSED)
    return bool(_AUTO_NAME.fullmatch(name)) and any(value and _word(value) not in _SAID_NO for value in values)


def _word(value: str) -> str:
    """Return the first word of a header, in lower case: 'auto-replied' of 'Auto-Replied (vacation); owner=…'."""
    found = re.match(r"[\w-]+", value.strip().lower())
    return found[0] if found else ""


def _is_robot(mail: Mail) -> bool:
    """A server's address, or one that says 'no reply': unless Reply-To names a person, as contact forms do."""
    path = mail.header("return-path")
    if report.is_daemon(mail.from_) or report.is_daemon(path):
        return True
    return _says_no_reply(mail.from_) and all(_says_no_reply(one) or report.is_daemon(one) for one in mail.reply_to)


def _says_no_reply(address: Address) -> bool:
    return bool(_ROBOT.search(_SEPARATORS.sub("-", address.address.partition("@")[0])))


_AWAY = re.compile(
    r"(?:\[[^\]]{1,40}\]\s*)*(?:"
    r"auto(?:matic|mated)?[- ]?(?:reply|response|answer)|automatic(?:ally generated)? message|auto[- ]?responder|"
    r"out of (?:the )?office(?: auto-?reply| reply)?|vacation (?:auto-?)?(?:reply|response)|away from (?:the )?office|"
    r"automatische (?:antwort|antwoord)|automatisch antwoord|automatische e-?mail-?antwort|abwesenheitsnotiz|"
    r"abwesenheitsmeldung|abwesenheits(?:assistent|benachrichtigung)|nicht im büro|"
    r"afwezigheidsbericht|niet aanwezig|"
    r"r[ée]ponse automatique|message d.absence|absence du bureau|absent du bureau|notification d.absence|"
    r"respuesta autom[áa]tica|fuera de (?:la )?oficina|ausente de la oficina|"
    r"risposta automatica|fuori (?:sede|ufficio)|risposta non al computer|"
    r"resposta autom[áa]tica|fora do escrit[óo]rio|ausência temporária|aus[êe]ncia do escrit[óo]rio|"
    r"autosvar|automatisk svar|automatiskt svar|ikke til stede|"
    r"automaattinen vastaus|poissaoloilmoitus|"
    r"automatyczna odpowied[źz]|odpowied[źz] automatyczna|poza biurem|"
    r"automatick[áa] odpov[ěe][ďd]|automatick[áa] odpove[ďd]|mimo kancel[áa][řr]|"
    r"automatikus v[áa]lasz|házon kívül|r[ăa]spuns automat|otomatik yan[ıi]t|ofis d[ıi][şs][ıi]nda|"
    r"αυτόματη απάντηση|автоматический ответ|автоответ|автоматична відповідь|автоматичен отговор|"
    r"samodejni odgovor|automatski odgovor|automatinis atsakymas|automātiska atbilde|automaatvastus|"
    r"自動応答|自動返信|不在通知|自动回复|自動回覆|自动答复|자동 회신|부재중|"
    r"תשובה אוטומטית|رد تلقائي|الرد التلقائي|ตอบกลับอัตโนมัติ|trả lời tự động|balasan otomatis|svar automatisk"
    r"|(?P<word>ooo|abwesend|afwezig|fr[åa]nvaro|fr[åa]nvarande|fravær|poissa|nieobecno[śs][ćc])"
    r")(?P<after>.?)",
    re.IGNORECASE | re.DOTALL,
)
_NOTES = re.compile(r"AUTO: .*\b(?:out of|away|not in|abwesend|returning|vacation)\b", re.DOTALL)
"""HCL Notes writes 'AUTO: Jo is out of the office'. In other languages a mail about a car begins with 'Auto:'."""


def _subject_says_away(mail: Mail) -> bool:
    """Say whether the subject is one that a vacation program makes.

    Those put their words and a colon before the subject they answer ('Automatic reply: My order'), or send nothing
    else. A customer who asks about such replies writes on ('Automatic replies setting missing'); then the words count
    only if the mail also answers one.
    """
    subject = mail.subject.strip()
    found = _AWAY.match(subject)
    if not found:
        return bool(_NOTES.match(subject))
    rest = subject[found.start("after") :].strip()
    if rest.startswith((":", "：")) or (not found["word"] and rest in {"", "!", "."}):
        return True
    return not found["after"].isalnum() and "?" not in rest and bool(mail.in_reply_to or mail.references)


def _is_list(mail: Mail, own: Own) -> bool:
    """A mailing list, or a newsletter; but not the list that our own mailbox is (a group that forwards to us)."""
    if _is_own_list(mail, own):
        return False
    named = any(name.startswith("list-") or name in {"mailing-list", "x-mailing-list"} for name in mail.headers)
    return named or _word(mail.header("precedence")) == "list"


def _is_own_list(mail: Mail, own: Own) -> bool:
    post, ident = mail.header("list-post").lower(), mail.header("list-id").lower()
    return any(f"mailto:{address}>" in post or f"<{address.replace('@', '.')}>" in ident for address in own.addresses)
