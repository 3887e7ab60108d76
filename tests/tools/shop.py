"""A shop's tools: what became of an order, and another address for it. An owner's package looks like this one.

`installed` stands in for `pip install`: it puts the package's entry point where Python finds it.
"""

import os
from pathlib import Path
from typing import Annotated, Any

import aiohttp

from core.tools import Caller, Secret, ToolError, tool

SERVICE = "SHOP_URL"
Order = Annotated[str, "The order's number, as the customer wrote it, for example 1042"]


@tool
async def order_status(caller: Caller, order: Order) -> dict[str, Any]:
    """Look up one of the customer's orders: what is in it, where it is, and where it goes."""
    return await ask("GET", caller, order)


@tool(
    changes=True,
    sentence={
        "en": "Change the delivery address of order {order} to {address}",
        "de": "Die Lieferadresse der Bestellung {order} ändern in {address}",
    },
)
async def change_address(
    caller: Caller, order: Order, address: Annotated[str, "The whole new address on one line"]
) -> str:
    """Change where an order is delivered, as long as it has not been sent."""
    await ask("PUT", caller, order, "/address", {"address": address})
    return f"Order {order} will be delivered to {address}."


@tool(changes=True, sentence="Cancel order {order}")
async def cancel_order(
    caller: Caller, order: Order, pin: Annotated[str, "The PIN on the order's confirmation", Secret]
) -> str:
    """Cancel an order that has not been sent. It needs the PIN that stands on its confirmation."""
    await ask("PUT", caller, order, "/cancelled", {"pin": pin})
    return f"Order {order} is cancelled."


async def ask(
    method: str, caller: Caller, order: str, what: str = "", body: dict[str, str] | None = None
) -> dict[str, Any]:
    """Call the shop's service for its own customer, with the key by which it knows a change again."""
    url = f"{os.environ[SERVICE]}/customers/{caller.customer}/orders/{order}{what}"
    headers = {"Idempotency-Key": caller.idempotency_key}
    async with aiohttp.ClientSession() as http, http.request(method, url, json=body, headers=headers) as response:
        if response.status == 404:
            raise ToolError(f"This customer has no order {order}.")
        if response.status == 409:
            raise ToolError(f"Order {order} has been sent already, so it can't be changed.")
        response.raise_for_status()
        found: dict[str, Any] = await response.json()
        return found


TOOLS = [order_status, change_address, cancel_order]


def installed(folder: Path, name: str = "shop", value: str = "tests.tools.shop:TOOLS") -> Path:
    """Put the entry point into `folder`, which is to stand on Python's path; returns the folder."""
    meta = folder / f"{name}_tools-1.0.dist-info"
    meta.mkdir(parents=True)
    (meta / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-tools\nVersion: 1.0\n")
    (meta / "entry_points.txt").write_text(f"[threadline.tools]\n{name} = {value}\n")
    return folder
