"""So many requests a minute, for each subject on its own."""

import pytest

from channels.web.limits import RateLimit, TooMany


def test_one_too_many_is_told_when_to_come_back() -> None:
    limit = RateLimit({"messages": 3})
    for _ in range(3):
        limit.check("messages", "s_1")
    with pytest.raises(TooMany) as caught:
        limit.check("messages", "s_1")
    assert 1 <= int(caught.value.headers["Retry-After"]) <= 60


def test_one_subject_does_not_hold_up_another_nor_one_kind_the_other() -> None:
    limit = RateLimit({"messages": 1, "sessions": 1})
    limit.check("messages", "s_1")
    limit.check("messages", "s_2")
    limit.check("sessions", "s_1")
    with pytest.raises(TooMany):
        limit.check("messages", "s_2")


def test_a_large_request_counts_as_many() -> None:
    limit = RateLimit({"megabytes": 10})
    limit.check("megabytes", "a", cost=8)
    with pytest.raises(TooMany):
        limit.check("megabytes", "a", cost=3)
    limit.check("megabytes", "b", cost=3)
