import json
from dataclasses import fields
from typing import Any

import pytest

from gmmaug_plugin.fit_record import FitRecord

FULL = FitRecord(
    model="local",
    options={"bandwidth": 0.1, "nested": {"a": [1, None]}},
    seed=2**63,
    photos_per_class={"daisy": 10, "": 2},
    n_skipped=1,
    photos="ab" * 32,
    choices={"daisy": {"candidates": [{"bandwidth": 0.1, "distance": 0.3}], "chosen": 0}},
    redrawn={"daisy": 2},
    measures=({"frechet": 0.3},),
    notes=("No photos were held back.",),
    versions={"numpy": "2.0"},
)


def test_a_record_comes_back_from_json() -> None:
    defaults = FitRecord()
    assert all(getattr(FULL, one.name) != getattr(defaults, one.name) for one in fields(FitRecord))
    for record in (FULL, defaults):
        assert FitRecord.from_json(json.loads(json.dumps(record.as_json()))) == record


def test_missing_fields_take_their_defaults_and_unknown_ones_are_ignored() -> None:
    assert FitRecord.from_json({"seed": 3, "new": 1}) == FitRecord(seed=3)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"seed": "1"},
        {"seed": 1.0},
        {"n_skipped": True},
        {"model": None},
        {"options": []},
        {"notes": "text"},
        {"measures": {}},
        {"redrawn": {"daisy": 1.5}},
        {"notes": [1]},
    ],
    ids=str,
)
def test_other_documents_are_refused(document: Any) -> None:
    with pytest.raises(ValueError, match="Received: "):
        FitRecord.from_json(document)
