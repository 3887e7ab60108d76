"""What operators do in Slack, handed to the inbox: lines in a case's thread, presses, forms, and /support.

Called by `channel`. Each handler returns once what was done is stored, or is known to come to nothing; what is told to
the operator in private, and forms, come after that. A copy of an event carries the id of the first.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from channels.desk.answers import LATER, NEVER_READ, NO_CASE, TOO_MANY_FILES, lane, refused
from channels.desk.commands import ACTIONS, afterwards, command, heading
from channels.desk.doings import Doings, NoChange
from channels.later import Later
from channels.slack import parse as slack_parse
from channels.slack import words
from channels.slack.desk import parse, views
from channels.slack.desk.home import Overview
from channels.slack.desk.operators import Operators
from channels.slack.desk.posting import Poster, about
from channels.slack.names import Posted
from core.case import Case
from core.desk import Operator
from core.errors import TemporaryError, ThreadlineError
from core.ids import CaseId, OperatorId
from core.messages import DeskEvent
from core.store.files import MAX_FILE
from core.store.receipts import DONE, REFUSED

log = structlog.get_logger()

JSON = Mapping[str, Any]

_AT_ONCE = 2.0  # seconds for the answer to a command: Slack waits for three
_STILL_COMES = 900.0  # seconds in which Slack may still bring a line that it could not bring before
_MOST_OTHERS = 1_000

TOO_LARGE = "{name} is larger than {most} MB, so nothing of this line was kept or sent."
CARD_DELETED = (
    "The first message of this thread was deleted, so nothing written here goes anywhere. If it was a case, its card "
    "is posted again: go on there. /support shows it."
)
NOT_OPENED = "Slack did not open the form. Press the button again."


@dataclass(frozen=True, slots=True)
class _Thread:
    """A thread that is a case's."""

    case: CaseId


class Actions:
    """What operators of one desk channel do."""

    def __init__(
        self, doings: Doings, poster: Poster, operators: Operators, overview: Overview, team: Callable[[], str]
    ) -> None:
        self._doings = doings
        self._desk = doings.desk
        self._store = doings.store
        self._inbox = doings.inbox
        self._clock = doings.clock
        self._poster = poster
        self._operators = operators
        self._overview = overview
        self._team = team
        self._others: OrderedDict[str, str] = OrderedDict()  # threads that are no case's: what their writers are told
        self._later = Later("operator_not_answered", desk=doings.desk)

    async def close(self) -> None:
        """Wait for what was begun after an event was taken."""
        await self._later.finish()

    def _say(self, user: str, text: str, root: str = "") -> None:
        self._later.begin(self._poster.whisper(user, text, root))

    # Lines in a case's thread

    async def message(self, event: JSON) -> None:
        """Take a message event of the desk's channel; what is written outside of cases' threads is nobody's business.

        Raises LookupError for a change of a line that Slack may still bring.
        """
        happened = slack_parse.event({"event": event}, slack_parse.Me(self._team(), ""))
        if not isinstance(happened, slack_parse.Said | slack_parse.Changed):
            return
        if happened.place.channel != self._poster.channel:
            return
        root = happened.place.root
        own = happened.ts if isinstance(happened, slack_parse.Said) else Posted.parse(happened.of).ts
        if root == own:
            return
        case = await self._case_of(root)
        if isinstance(case, str):
            if case:
                self._say(happened.user, case, root)
            return
        team = happened.team if isinstance(happened, slack_parse.Said) else _team_of(event)
        operator = await self._operators.find(happened.user, team)
        if isinstance(operator, str):
            self._say(happened.user, operator, root)
        elif isinstance(happened, slack_parse.Said):
            await self._line(case.case, operator, happened, event)
        else:
            await self._change(case.case, operator, happened, event)

    async def _case_of(self, root: str) -> "_Thread | str":
        """Return the case whose thread this is; or what is told to its writers, mostly nothing.

        A card that was posted but not written down yet says itself which case it is.
        """
        card = str(Posted(self._poster.channel, root))
        known = await self._store.cases.with_card(self._desk, card)
        if known:
            return _Thread(known)
        if root in self._others:
            return self._others[root]
        found = await self._poster.thread(root, most=1)
        me = await self._poster.me()
        if found and not me:
            raise TemporaryError("Slack does not say who the app is.", retry_after=5)
        case = str(about(found[0], me).get("case") or "") if found else ""
        if case:
            return _Thread(CaseId(case))
        deleted = bool(found) and found[0].get("subtype") == "tombstone"
        self._others[root] = CARD_DELETED if deleted else ""
        if len(self._others) > _MOST_OTHERS:
            self._others.popitem(last=False)
        return self._others[root]

    async def _line(self, case: CaseId, operator: Operator, said: slack_parse.Said, event: JSON) -> None:
        if said.left_out:
            self._say(said.user, TOO_MANY_FILES.format(most=slack_parse.MOST_FILES), said.place.root)
            return
        for file in said.files:
            if file.size > MAX_FILE:
                most = MAX_FILE // 1024 // 1024
                self._say(said.user, TOO_LARGE.format(name=file.name, most=most), said.place.root)
                return
        text = await self._words(said.text, event)
        done = await self._doings.line(case, said.event, operator, text, said.files, event)
        await self._enter(done, said.user, said.place.root)

    async def _words(self, text: str, event: JSON) -> str:
        names = await self._operators.names(words.mentioned(text))
        return words.shown(text, event, names=names)

    async def _change(self, case: CaseId, operator: Operator, changed: slack_parse.Changed, event: JSON) -> None:
        user, root = changed.user, changed.place.root
        message = await self._store.receipts.message_of(lane(case), changed.of)
        if message is None:
            if self._clock() - float(Posted.parse(changed.of).ts) < _STILL_COMES:
                raise LookupError(f"no line {changed.of}")
            self._say(user, NEVER_READ, root)
            return
        text = None if changed.text is None else await self._words(changed.text, event.get("message") or {})
        try:
            done = await self._doings.change(case, message, changed.event, operator, text, event)
        except NoChange as no:
            self._say(user, str(no), root)
            return
        await self._enter(done, user, root)

    # Presses and forms

    async def pressed(self, body: JSON) -> None:
        """Take a press of a button or a choice in a menu. Raises ValueError for what Slack would not send."""
        asked, press = parse.asked(body), slack_parse.pressed(body, slack_parse.Me(self._team(), ""))
        if asked is None or press is None:
            return
        root = press.place.root if press.place.root != press.ts else ""
        operator = await self._operators.find_here(press.user, press.team)
        if isinstance(operator, str):
            self._say(press.user, operator, root)
        elif asked.action is None:
            self._later.begin(self._open(asked, operator, press, root))
        else:
            event = DeskEvent(
                asked.case,
                press.event,
                operator.id,
                operator.name,
                asked.action,
                outcome=asked.outcome,
                message=asked.message,
                desk="",  # a line that is withdrawn by a button is the app's own, and has to show it
            )
            await self._enter(event, press.user, root)

    async def _open(self, asked: parse.Asked, operator: Operator, press: slack_parse.Pressed, root: str) -> None:
        try:
            case = await self._store.cases.get(asked.case)
            view = await self._form(asked, case, operator, press.user, root)
            await self._poster.open(press.trigger, view)
        except LookupError:
            await self._poster.whisper(press.user, NO_CASE, root)
        except ThreadlineError as no:
            log.warning("slack_form_not_opened", form=asked.form, why=str(no))
            await self._poster.whisper(press.user, NOT_OPENED, root)

    async def _form(self, asked: parse.Asked, case: Case, operator: Operator, user: str, root: str) -> dict[str, Any]:
        form = parse.About(case.id, root, asked.message)
        match asked.form:
            case "suggestion":
                return views.suggestion(case, form, refused(case, operator.id))
            case "hint":
                return views.hint(form)
            case "note":
                return views.note(form)
            case "correct":
                said = await self._doings.said(case.id, asked.message) if asked.message else None
                return views.correct(form, said.text if said else "")
            case _:
                return views.assign(form, user, await self._elsewhere())

    async def _elsewhere(self) -> dict[OperatorId, str]:
        """Return the operators who have no account in this workspace."""
        accounts = await self._store.credentials.accounts()
        names = await self._store.cases.operator_names(active=True)
        here = f"slack:{self._team()}/"
        return {
            id_: name for id_, name in names.items() if not any(one.startswith(here) for one in accounts.get(id_, ()))
        }

    async def filled(self, body: JSON) -> None:
        """Take a form that was sent. Raises ValueError, KeyError for what Slack would not send."""
        form = parse.filled(body)
        if form is None:
            return
        operator = await self._operators.find_here(form.sender, form.team)
        if isinstance(operator, str):
            self._say(form.sender, operator, form.about.root)
            return
        event = DeskEvent(
            form.about.case,
            form.event,
            operator.id,
            operator.name,
            form.action,
            form.text,
            to=await self._whom(form),
            message=form.about.message,
            desk="",  # as above: what is written in a form stands nowhere here yet
        )
        await self._enter(event, form.sender, form.about.root)

    async def _whom(self, form: parse.Filled) -> OperatorId | None:
        """Return whom a case is for; a colleague who never did anything here becomes an operator now."""
        if form.operator or not form.user:
            return form.operator
        found = await self._operators.find_here(form.user)
        return None if isinstance(found, str) else found.id

    # /support

    async def command(self, body: JSON) -> dict[str, Any]:
        """Return the answer to a command, for the one who typed it."""
        user, team = str(body["user_id"]), str(body.get("team_id") or "")
        operator = await self._operators.find_here(user, team)
        if isinstance(operator, str):
            return {"text": operator}
        asked = command(str(body.get("text") or ""))
        if asked.word not in ACTIONS or asked.number is None:
            return await self._overview.answer(asked, operator)
        try:
            case = await self._store.cases.numbered(asked.number)
        except LookupError:
            return {"text": heading(asked, 0)}
        event_id = f"command:{body.get('trigger_id') or ''}:{user}"
        action, text = ACTIONS[asked.word], asked.rest if asked.word == "forget" else ""
        event = DeskEvent(case.id, event_id, operator.id, operator.name, action, text, desk=self._desk)
        told = await self._inbox.told(event, await self._inbox.accept(event), _AT_ONCE)
        if told.state == REFUSED:
            return {"text": told.result}
        if told.state != DONE:
            return {"text": LATER}
        return await self._overview.answer(afterwards(asked), operator)

    # Into the inbox

    async def _enter(self, event: DeskEvent, user: str, root: str) -> None:
        await self._doings.enter(event, lambda word: self._poster.whisper(user, word, root), self._later)


def _team_of(event: JSON) -> str:
    """Return the workspace of who changed a message, '' if it is our own."""
    message = event.get("message") or event.get("previous_message") or {}
    return str(message.get("user_team") or message.get("source_team") or "")
