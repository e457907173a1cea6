"""What pages show from docs/results can be read, and says where it comes from."""

from __future__ import annotations

import pytest

from groundup.recorded import RESULTS, recorded


@pytest.mark.parametrize("name", sorted(path.stem for path in RESULTS.glob("*.json")))
def test_a_record_says_where_it_comes_from(name: str) -> None:
    assert {"what", "command", "date", "machine", "versions"} <= recorded(name).keys()


def test_an_unknown_record_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(FileNotFoundError, match="there are: learner"):
        recorded("nothing")
