"""docs/tools.md can't rot: what it shows is run here."""

import re
import tomllib
from pathlib import Path
from typing import Any

from core.agent.owned import from_tool
from core.agent.servers import parse
from core.tools import GROUP

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tools.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    """Return the page's blocks of code of one kind."""
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def test_the_tools_of_the_page_are_tools() -> None:
    module: dict[str, Any] = {"__name__": "shop"}
    exec(blocks("python")[0], module)  # noqa: S102 (our own page)
    made = [from_tool(one) for one in module["TOOLS"]]
    assert [(one.name, one.changes) for one in made] == [("order_status", False), ("change_address", True)]


def test_the_packages_settings_name_our_entry_point() -> None:
    project = tomllib.loads(blocks("toml")[0])["project"]
    assert project["entry-points"] == {GROUP: {"shop": "shop:TOOLS"}}


def test_the_servers_of_the_page_can_be_read() -> None:
    shop, stock = parse(blocks("toml")[1])
    assert (shop.url, shop.headers) == ("https://mcp.shop.example/mcp", {"Authorization": "SHOP_TOKEN"})
    assert stock.command[0] == "uvx"
    assert (stock.trust_read_only, stock.for_anyone) == (True, frozenset({"in_stock"}))
