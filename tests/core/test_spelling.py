"""Names of older files, in British spelling, are read as what they are called now, with a warning."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from physadv.core.errors import PhysadvError, PhysadvWarning
from physadv.core.spelling import american
from physadv.evaluation.batteries.summary import read_summary
from physadv.evaluation.outcomes import read_batches, select
from physadv.patches import parse_paint

FROZEN = Path(__file__).parents[1] / "frozen"
FILMS = [[0.1, 0.1, 0.1], [0.9, 0.9, 0.9]]


def test_words_are_changed_inside_of_names() -> None:
    assert american("grey_levels") == "gray_levels"
    assert american("colours") == "colors"
    assert american("centred_at") == "centered_at"
    assert american("kind") == "kind"
    assert american(None) is None


def test_an_old_key_is_read_with_a_warning() -> None:
    with pytest.warns(PhysadvWarning, match="key 'colours' is now called 'colors'"):
        old = parse_paint({"kind": "palette", "colours": FILMS})
    assert old == parse_paint({"kind": "palette", "colors": FILMS})


def test_a_key_in_both_spellings_is_one_too_many() -> None:
    with pytest.raises(PhysadvError, match="unknown key 'colours'"):
        parse_paint({"kind": "palette", "colours": FILMS, "colors": FILMS})


@pytest.mark.parametrize("said", ["grey", {"kind": "grey"}])
def test_an_old_kind_is_read_with_a_warning(said: object) -> None:
    with pytest.warns(PhysadvWarning, match="paint 'grey' is now called 'gray'"):
        assert parse_paint(said) == parse_paint("gray")  # type: ignore[arg-type]


def test_an_old_table_has_the_controls_name_of_now() -> None:
    path = FROZEN / "outcomes-2.parquet"
    assert "grey" in pq.read_table(path)["subject"].to_pylist()
    subjects = [name for batch in read_batches(path) for name in batch.column("subject").to_pylist()]
    assert set(subjects) == {"patch", "clean", "gray", "random"}
    assert sum(len(batch) for batch in select(path, ["index"], subject="gray")) == subjects.count("gray")


def test_an_old_summary_has_the_controls_name_of_now(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_bytes((FROZEN / "batteries-2.json").read_bytes())
    (record,) = read_summary(tmp_path).records
    assert [one.subject for one in record.controls] == ["clean", "gray", "random"]
