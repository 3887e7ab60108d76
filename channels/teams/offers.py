"""Files that were offered to customers in Teams: put into their own store once they agree, or declined.

Teams takes a file from an app in this way only. Called by `door`; the offer is a card that `channel` has sent.
"""

import contextlib
from collections.abc import Mapping
from typing import Any

import structlog

from channels.teams.api import Api
from channels.teams.asides import Asides
from channels.teams.parse import Consented
from core.errors import PermanentError, ThreadlineError
from core.ids import DeliveryId, FileId
from core.messages import File, InboundBounce
from core.store.files import Files
from core.store.inbox import Inbox
from core.store.store import Store

log = structlog.get_logger()

JSON = dict[str, Any]


class Offers:
    """The files that one app has offered."""

    def __init__(self, api: Api, store: Store, files: Files, inbox: Inbox, asides: Asides) -> None:
        self._api = api
        self._store = store
        self._files = files
        self._inbox = inbox
        self._asides = asides

    async def consented(self, consented: Consented, raw: JSON) -> None:
        """Hand a file over, or note that it is declined. It is done once the customer's Teams is answered."""
        file = await self._offered(consented)
        if file is None:
            return
        trouble = "The customer declined the file."
        if consented.upload is not None:
            try:
                await self._hand_over(file, consented, consented.upload)
            except (PermanentError, LookupError) as no:
                trouble = f"The file could not be put into the customer's store: {no}"
            else:
                self._asides.begin(self._take_back(consented))
                return
        delivery = DeliveryId(str(consented.about.get("delivery")))
        with contextlib.suppress(LookupError):
            await self._inbox.accept(InboundBounce(delivery, consented.event, trouble, raw=raw))
            self._asides.begin(self._take_back(consented))

    async def _offered(self, consented: Consented) -> File | None:
        """Return the file that it is about; None for one that was never offered in this very conversation."""
        thread = await self._store.find_thread(self._asides.key(consented.place))
        delivery = DeliveryId(str(consented.about.get("delivery")))
        file = FileId(str(consented.about.get("file")))
        if thread is None or await self._store.deliveries.file_of(thread.id, delivery) != file:
            return None
        try:
            return (await self._files.of_thread(thread.id, file))[0]
        except LookupError:
            return None

    async def _hand_over(self, file: File, consented: Consented, upload: Mapping[str, Any]) -> None:
        """Put a file where the customer's Teams says, and show it in the conversation."""
        await self._api.upload(str(upload.get("uploadUrl")), await self._files.read(file.id))
        shown = {
            "contentType": "application/vnd.microsoft.teams.card.file.info",
            "contentUrl": str(upload.get("contentUrl")),
            "name": str(upload.get("name") or file.name),
            "content": {"uniqueId": str(upload.get("uniqueId")), "fileType": str(upload.get("fileType"))},
        }
        await self._api.send(consented.place, {"type": "message", "attachments": [shown]})

    async def _take_back(self, consented: Consented) -> None:
        """Take away the card that offered the file."""
        try:
            await self._api.delete(consented.place, consented.card)
        except ThreadlineError as no:
            log.info("teams_card_stays", why=str(no))
