"""A session's table: what is measured is held to what can be; an edit that makes no sense is one sentence."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from session_kit import GOOD

from physadv.core.errors import PhysadvError
from physadv.core.tables import read_table
from physadv.photos.session import (
    TABLE,
    Row,
    Session,
    load_session,
    read_crop,
    was_edited,
    write_given_up,
    write_session,
    write_table,
)

FLAT = (1.0, 2.0, 3.0, 2.0, 4.0, 6.0, 0.0, 0.0, 1.0)
"""A matrix without an inverse."""


@pytest.fixture
def session(tmp_path: Path) -> Path:
    folder = tmp_path / "session"
    folder.mkdir()
    write_table(folder, [Row(**GOOD), Row(**{**GOOD, "file": "b.jpg"})])
    write_session(folder, Session(sign="us/stop", photographs="somewhere"))
    return folder


def edit(folder: Path, name: str, value: Any, *, row: int = 1) -> None:
    """Writes another value into the table, as any tool may."""
    table = pq.read_table(folder / TABLE)
    rows = table.to_pylist()
    rows[row][name] = value
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), folder / TABLE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("distance_m", 0.0),
        ("distance_m", -1.0),
        ("distance_m", math.nan),
        ("distance_m", 1e9),
        ("distance_sd_m", math.nan),
        ("distance_sd_m", -1.0),
        ("yaw_deg", 1e9),
        ("yaw_deg", math.nan),
        ("pitch_deg", 91.0),
        ("roll_deg", math.inf),
        ("angle_deg", -1.0),
        ("yaw_sd_deg", -1.0),
        ("confidence", 1.5),
        ("width_px", 0),
        ("height_px", -3),
        ("sign_px", 0.0),
        ("focal_px", 0.0),
        ("box_left", math.nan),
        ("box_width", 0.0),
        ("box_height", math.nan),
        ("exposure_ev", math.inf),
        ("homography", [math.nan] * 9),
        ("homography", list(FLAT)),
        ("homography", [1.0, 0.0]),
        ("homography", None),
        ("chart", [0.1, 0.2]),
        ("subject", "nobody"),
        ("crop", "../../secret.png"),
        ("crop", "/etc/secret.png"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_its_photograph(session: Path, name: str, value: Any) -> None:
    edit(session, name, value)
    with pytest.raises(PhysadvError, match=rf"photos\.parquet: b\.jpg: .*{name}"):
        load_session(session)


def test_a_distance_by_an_assumed_focal_length_is_not_known(session: Path) -> None:
    """Older sessions hold one, which only says how large the sign is in the picture."""
    edit(session, "focal_source", "assumed")
    known, unknown = load_session(session)[1]
    assert (known.has_distance, known.distance_m) == (True, 150.0)
    assert not unknown.has_distance
    assert math.isnan(unknown.distance_m)
    assert math.isnan(unknown.distance_sd_m)


def test_a_far_and_a_cut_sign_are_fine(session: Path) -> None:
    edit(session, "box_left", -40.0)
    assert [row.file for row in load_session(session)[1]] == ["a.jpg", "b.jpg"]


def test_a_photograph_listed_twice_is_refused(session: Path) -> None:
    edit(session, "file", "a.jpg")
    with pytest.raises(PhysadvError, match=r"photos\.parquet: a\.jpg is given twice; each photograph counts once"):
        load_session(session)


def test_a_box_beside_its_crop_is_refused(session: Path) -> None:
    (session / "crops").mkdir()
    Image.new("RGB", (26, 26)).save(session / "crops" / "a.png")
    assert read_crop(session, Row(**GOOD)).shape == (26, 26, 3)
    for change in ({"box_left": 30.0}, {"box_top": -13.0}, {"box_width": 1e6}):
        with pytest.raises(PhysadvError, match=r"a\.jpg: the sign's box .* does not lie in its crop of 26 x 26 px"):
            read_crop(session, Row(**{**GOOD, **change}))


@settings(max_examples=60, derandomize=True, deadline=None)
@given(cut=st.integers(0, 4000), flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), max_size=3))
def test_a_damaged_table_is_read_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, cut: int, flips: Any
) -> None:
    folder = tmp_path_factory.mktemp("session")
    write_table(folder, [Row(**GOOD)])
    write_session(folder, Session(sign="us/stop", photographs="somewhere"))
    data = bytearray((folder / TABLE).read_bytes())
    for place, bits in flips:
        data[place % len(data)] ^= bits
    (folder / TABLE).write_bytes(bytes(data[: len(data) - cut]) if cut < len(data) else b"")
    try:
        rows = load_session(folder)[1]
    except PhysadvError:
        return
    assert all(np.isfinite([row.distance_m, row.yaw_deg, *row.homography]).all() for row in rows)


def test_a_session_whose_digest_was_emptied_is_edited(session: Path) -> None:
    told = json.loads((session / "session.json").read_text())
    for digest, changed in ((told["sha256"], False), ("", True), (None, True), ("0" * 64, True)):
        (session / "session.json").write_text(json.dumps({**told, "sha256": digest}))
        assert was_edited(session, load_session(session)[0]) is changed
    del told["sha256"]
    (session / "session.json").write_text(json.dumps(told))
    assert was_edited(session, load_session(session)[0]) is None


def test_names_that_look_like_formulas_are_harmless_in_a_spreadsheet(tmp_path: Path) -> None:
    names = ["=HYPERLINK(1).jpg", "-2+3.jpg", "@sum.jpg", "'=odd.jpg", "plain.jpg", 'comma, and "quote".jpg']
    write_given_up(tmp_path, [(name, "the sign is not found") for name in names])
    with (tmp_path / "given_up.csv").open(newline="") as file:
        shown = [row[0] for row in csv.reader(file)][1:]
    assert not [name for name in shown if name[0] in "=+-@"]
    assert sorted(line.text("file") for line in read_table(tmp_path / "given_up.csv", ("file", "why")).lines) == sorted(
        names
    )
