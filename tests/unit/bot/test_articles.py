"""Files of approved articles: whole or not there, and the report and its time."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.articles import write_whole
from bot.jobs import at


def test_a_file_is_written_whole_and_a_second_time_in_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "articles"
    for content in ("# Old\n", "# Néw 显示器\n"):
        write_whole(folder, "x-1.md", content)
        assert (folder / "x-1.md").read_text(encoding="utf-8") == content
    assert [path.name for path in folder.iterdir()] == ["x-1.md"]


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "x-1.md").mkdir()
    with pytest.raises(OSError, match="x-1"):
        write_whole(tmp_path, "x-1.md", "# X\n")
    assert [path.name for path in tmp_path.iterdir()] == ["x-1.md"]


def test_a_link_in_the_folder_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("precious")
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "x-1.md").symlink_to(tmp_path / "outside")
    write_whole(tmp_path / "articles", "x-1.md", "# X\n")
    assert (tmp_path / "outside").read_text() == "precious"
    assert (tmp_path / "articles" / "x-1.md").read_text() == "# X\n"


@pytest.mark.parametrize(
    ("when", "fires"),
    [
        ("08:30", datetime(2027, 1, 15, 8, 30, tzinfo=UTC)),
        ("Mon 08:30", datetime(2027, 1, 18, 8, 30, tzinfo=UTC)),
        ("fri 7:05", datetime(2027, 1, 15, 7, 5, tzinfo=UTC)),
        ("THU 23:59", datetime(2027, 1, 21, 23, 59, tzinfo=UTC)),
    ],
)
def test_the_digest_and_the_report_come_at_the_desks_time(when: str, fires: datetime) -> None:
    zone = ZoneInfo("America/New_York")
    friday = datetime(2027, 1, 15, 5, 0, tzinfo=zone).astimezone(UTC)
    assert at(when, "America/New_York").get_next_fire_time(None, friday) == fires.replace(tzinfo=zone)
