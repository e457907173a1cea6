"""Records: the numbers that a chapter hands to the pages outside it."""

import json

import pytest

from groundup import record
from groundup.record import RECORDS, append


@pytest.fixture
def entries(tmp_path, monkeypatch):
    path = tmp_path / "records"
    monkeypatch.setenv(RECORDS, str(path))
    return lambda: [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("value", "written"), [(3, 3.0), (0.5, 0.5), ([1, 2.5], [1.0, 2.5]), ((7,), [7.0]), (True, 1.0)]
)
def test_a_number_or_a_list_of_them(entries, value, written):
    record("error rate", value)
    assert entries() == [{"entry": "record", "name": "error rate", "value": written}]


def test_numbers_of_other_libraries(entries):
    import numpy as np

    torch = pytest.importorskip("torch")
    record("numpy", np.float32(0.5))
    record("torch", torch.tensor(0.25))
    assert [entry["value"] for entry in entries()] == [0.5, 0.25]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [], [1.0, float("nan")]])
@pytest.mark.parametrize("running", [True, False])
def test_what_is_no_finite_number_is_refused_in_and_out_of_a_run(tmp_path, monkeypatch, value, running):
    path = tmp_path / "records"
    monkeypatch.setenv(RECORDS, str(path) if running else "")
    with pytest.raises(ValueError, match="give a finite number or a list of them"):
        record("loss", value)
    assert not path.exists()


def test_nothing_is_written_outside_a_run(tmp_path, monkeypatch):
    monkeypatch.delenv(RECORDS, raising=False)
    monkeypatch.chdir(tmp_path)
    record("loss", 1.0)
    assert list(tmp_path.iterdir()) == []


def test_entries_are_added_in_order(entries):
    record("ŷ", 1)
    append("certificate", {"name": "torch.matmul"})
    assert [(entry["entry"], entry["name"]) for entry in entries()] == [
        ("record", "ŷ"),
        ("certificate", "torch.matmul"),
    ]
