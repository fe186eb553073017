"""GTSRB's and LISA's tables as they lie on disk: read rightly, or left out and told; a loss is never silent."""

from __future__ import annotations

import codecs
import csv
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli_kit import Command, refused
from PIL import Image

from physadv.core.errors import PhysadvError, PhysadvWarning
from physadv.core.files import bundled
from physadv.evaluation.matrix.matrix import read_robustness
from physadv.signs import SignDataset, load_dataset
from physadv.training import Training, train, training_config

HEADER = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"
ROWS = [f"{number:05d}.ppm;20;16;2;1;18;15;{label}" for number, label in enumerate((14, 1, 14, 3, 40, 14))]
ANSWER = [14, 1, 14, 3, 40, 14]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """GTSRB's test split of six pictures, and LISA with three crops."""
    for number in range(6):
        picture(tmp_path / "gtsrb" / "GTSRB" / "Final_Test" / "Images" / f"{number:05d}.ppm")
    put(tmp_path, [HEADER, *ROWS])
    for name in ("stop/stop_1.png", "stop/stop_2.png", "yield/yield_1.png"):
        picture(tmp_path / "lisa" / "crops" / name)
    return tmp_path


def picture(path: Path, size: tuple[int, int] = (20, 16)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (200, 20, 20)).save(path)


def put(root: Path, lines: list[str], *, end: str = "\n", encoding: str = "utf-8", mark: bytes = b"") -> None:
    (root / "gtsrb" / "GT-final_test.csv").write_bytes(mark + "".join(line + end for line in lines).encode(encoding))


def quiet(root: Path, kind: str = "gtsrb") -> SignDataset:
    found = load_dataset(kind, root)
    assert found.notes == ()
    return found


def told(root: Path, kind: str = "gtsrb", split: str | None = None) -> tuple[SignDataset, str]:
    with pytest.warns(PhysadvWarning) as warned:
        found = load_dataset(kind, root, split=split)
    assert tuple(str(one.message) for one in warned) == found.notes
    return found, " | ".join(found.notes)


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", codecs.BOM_UTF8), ("utf-16-le", codecs.BOM_UTF16_LE)])
def test_marks_delimiters_and_line_ends(root: Path, delimiter: str, end: str, encoding: str, mark: bytes) -> None:
    lines = [line.replace(";", delimiter) for line in [HEADER, *ROWS]]
    put(root, lines, end=end, encoding=encoding, mark=mark)
    data = quiet(root)
    assert data.labels.tolist() == ANSWER
    assert {item.roi for item in data.items} == {(2, 1, 18, 15)}


def test_letter_case_further_columns_folders_quotes_and_empty_lines(root: Path) -> None:
    header = "note ; CLASSID; roi.x1 ;roi.y1;Roi.X2;ROI.Y2;filename"
    rows = [f'"größe";{label};2;1;18;15;Images\\{number:05d}.PPM' for number, label in enumerate(ANSWER)]
    put(root, [header, *rows, ";;;;;;", ""], encoding="latin-1")
    data = quiet(root)
    assert data.labels.tolist() == ANSWER
    assert [item.path.name for item in data.items] == [f"{number:05d}.ppm" for number in range(6)]


def test_what_is_left_out_is_counted_and_named(root: Path) -> None:
    images = root / "gtsrb" / "GTSRB" / "Final_Test" / "Images"
    for number in range(6, 20):
        picture(images / f"{number:05d}.ppm")
    more = [f"{number:05d}.ppm;20;16;2;1;18;15;5" for number in range(6, 20)]
    more[0] = "00006.ppm;20;16;2;1;21;15;5"
    more[1] = "00007.ppm;20;16;2;1;18;15;43"
    more[2] = "00008.ppm;20;16;2;1;18;15;five"
    more[3] = "00009.ppm;20;16;2;1"
    more.append(more[5])
    (images / "00000.ppm").unlink()
    (images / "00002.ppm").unlink()
    (images / "00001.ppm").write_bytes(b"")
    put(root, [HEADER, *ROWS, *more])
    data, note = told(root)
    assert len(data) == 13
    assert "read 13 of 21 rows; 8 left out: 2 pictures missing (first: GT-final_test.csv, line 2)" in note
    for part in (
        "1 file that is not a picture (GT-final_test.csv, line 3)",
        "1 box outside of the picture (GT-final_test.csv, line 8)",
        "1 class that the data set does not have (GT-final_test.csv, line 9)",
        "1 row without the numbers that it needs (GT-final_test.csv, line 10)",
        "1 damaged line (GT-final_test.csv, line 11: is cut: it has 5 values between ';'; the header has 8)",
        "1 row that comes twice (GT-final_test.csv, line 22)",
        "has no row for 1 picture beside it (not used): 00009.ppm",
    ):
        assert part in note
    assert data.subset([0, 1]).notes == data.notes
    chosen = data.select(["speed limit 80"])
    assert len(chosen) == 10
    assert "3 of 13 pictures not used, of classes that are not asked for: " in chosen.notes[-1]


def test_stray_quotation_marks_lose_their_own_rows_alone(root: Path) -> None:
    """One at the start of a row once swallowed all rows up to the next one into a single damaged line."""
    images = root / "gtsrb" / "GTSRB" / "Final_Test" / "Images"
    for number in range(6, 60):
        picture(images / f"{number:05d}.ppm")
    rows = [*ROWS, *(f"{number:05d}.ppm;20;16;2;1;18;15;5" for number in range(6, 60))]
    rows[4], rows[50] = f'"{rows[4]}', f'"{rows[50]}'
    put(root, [HEADER, *rows])
    data, note = told(root)
    assert len(data) == 58
    assert "read 58 of 60 rows; 2 left out: 2 damaged lines (first: GT-final_test.csv, line 6: a quotation mark" in note
    rows[50] = rows[50].removeprefix('"').replace(";5", ';5"')
    put(root, [HEADER, *rows])
    data, note = told(root)
    assert len(data) == 58
    assert "1 row without the numbers that it needs (GT-final_test.csv, line 52)" in note


def test_a_row_says_one_thing_of_a_picture(root: Path) -> None:
    put(root, [HEADER, *ROWS, "00001.ppm;20;16;2;1;18;15;2"])
    with pytest.raises(PhysadvError, match=r"GT-final_test\.csv: line 8: 00001\.ppm is in line 3 too, with other"):
        load_dataset("gtsrb", root)


def test_a_box_of_a_picture_of_another_size_is_left_out(root: Path) -> None:
    picture(root / "gtsrb" / "GTSRB" / "Final_Test" / "Images" / "00001.ppm", (40, 32))
    data, note = told(root)
    assert data.labels.tolist() == [14, 14, 3, 40, 14]
    assert "1 picture of another size than its row says (GT-final_test.csv, line 3)" in note
    put(root, [row.replace(";20;16;", ";;;") for row in (HEADER, *ROWS)])
    assert len(quiet(root)) == 6


def test_a_table_without_rows_is_an_error(root: Path) -> None:
    put(root, [HEADER])
    with pytest.raises(PhysadvError, match=r"GT-final_test\.csv: has no rows"):
        load_dataset("gtsrb", root)


def test_most_of_a_data_set_missing_is_an_error(root: Path) -> None:
    for number in range(4):
        (root / "gtsrb" / "GTSRB" / "Final_Test" / "Images" / f"{number:05d}.ppm").unlink()
    with pytest.raises(PhysadvError, match=r"read 2 of 6 rows; 4 left out: 4 pictures missing .*complete\?"):
        load_dataset("gtsrb", root)


def test_a_cut_table_is_told(root: Path) -> None:
    (root / "gtsrb" / "GT-final_test.csv").write_text("\n".join([HEADER, *ROWS])[:-8])
    data, note = told(root)
    assert data.labels.tolist() == ANSWER[:5]
    assert "1 damaged line (GT-final_test.csv, line 7: is cut: it has 6 values" in note
    (root / "gtsrb" / "GT-final_test.csv").write_text("\n".join([HEADER, *ROWS])[:-1])
    assert "its last line has no line end; if the file was cut, its last value may be wrong" in told(root)[1]


def test_training_folders_and_their_tables(root: Path) -> None:
    training = root / "gtsrb" / "GTSRB" / "Training"
    for label in (3, 14):
        rows = [f"{track:05d}_00000.ppm;20;16;2;1;18;15;{label}" for track in (2, 0, 1)]
        for track in range(3):
            picture(training / f"{label:05d}" / f"{track:05d}_00000.ppm")
        (training / f"{label:05d}" / f"gt-{label:05d}.CSV").write_text("\n".join([HEADER, *rows, ""]))
    data, note = told(root, split="train")
    assert note.endswith(
        "Training: no picture of 41 of its 43 classes: "
        "00000 (speedLimit20), 00001 (speedLimit30), 00002 (speedLimit50) and 38 more"
    )
    assert [item.path.name[:5] for item in data.items] == ["00000", "00001", "00002"] * 2
    table = training / "00014" / "gt-00014.CSV"
    table.write_text(table.read_text().replace(";14\n", ";13\n", 1))
    data, note = told(root, split="train")
    assert data.labels.tolist() == [3, 3, 3, 14, 14]
    assert "read 5 of 6 rows; 1 left out: 1 class that is not the folder's (gt-00014.CSV, line 2)" in note
    table.unlink()
    with pytest.raises(PhysadvError, match=r"00014: has pictures and no table GT-00014\.csv"):
        load_dataset("gtsrb", root, split="train")


def test_lisas_index_with_windows_paths(root: Path) -> None:
    index = root / "lisa" / "index.csv"
    index.write_bytes(
        codecs.BOM_UTF8 + b"Track;File;x1\r\na;crops\\stop\\stop_1.png;3\r\nb;.\\lisa\\crops\\STOP\\stop_2.PNG;3\r\n"
        b"c;/data/lisa/crops/yield/yield_1.png;3\r\n"
    )
    assert [item.track for item in quiet(root, "lisa").items] == ["a", "b", "c"]
    index.write_text("file,track,label\ncrops/stop/stop_1.png,a,stop\ncrops/stop/none.png,b,stop\n")
    data, note = told(root, "lisa")
    assert [item.track for item in data.items] == ["a", "", ""]
    assert "read 1 of 2 rows; 1 left out: 1 picture missing (index.csv, line 3)" in note
    assert "has no row for 2 pictures beside it (used, without a track): stop/stop_2.png, yield/yield_1.png" in note
    index.write_text("file,track,label\ncrops/stop/stop_1.png,a,yield\ncrops/stop/stop_2.png,b,stop\n")
    assert "1 class that is not the folder's (index.csv, line 2)" in told(root, "lisa")[1]


LISA_HEADER = (
    "Filename;Annotation tag;Upper left corner X;Upper left corner Y;Lower right corner X;Lower right corner Y;"
    "Occluded,On another road;Origin file;Origin frame number;Origin track;Origin track frame number"
)
FRAMES = ("vid0/one.avi_annotations/stop_1.avi_image0.png", "vid0/one.avi_annotations/stop_1.avi_image1.png")
SIGNS = (
    (FRAMES[0], "stop", (2, 3, 10, 12), "stop_1.avi"),
    (FRAMES[0], "yield", (20, 3, 26, 9), "yield_1.avi"),
    (FRAMES[1], "stop", (4, 3, 13, 12), "stop_1.avi"),
)


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """LISA's folder as it is published, with two frames and three signs."""
    base = tmp_path / "lisa"
    for number, name in enumerate(FRAMES):
        pixels = np.random.default_rng(number).integers(0, 255, (24, 40, 3), np.uint8)
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(base / name)
    (base / "allAnnotations.csv").write_text("\n".join([LISA_HEADER, *map(lisa_row, SIGNS), ""]))
    return base


def lisa_row(sign: tuple[str, str, tuple[int, ...], str]) -> str:
    frame, tag, box, track = sign
    return f"{frame};{tag};{';'.join(map(str, box))};0,0;vid0/one.avi;2667;{track};2"


def check_signs(data: SignDataset, base: Path) -> None:
    """The three signs, cut out of the frames by their boxes."""
    assert data.classes == ("stop", "yield")
    assert data.labels.tolist() == [0, 0, 1]
    assert [item.track for item in data.items] == ["stop_1.avi", "stop_1.avi", "yield_1.avi"]
    for number, (frame, _, (x1, y1, x2, y2), _) in enumerate((SIGNS[0], SIGNS[2], SIGNS[1])):
        whole = np.asarray(Image.open(base / frame))
        assert np.array_equal(data.read(number), whole[y1:y2, x1:x2])
    assert data.pixels(32).shape == (3, 32, 32, 3)


def test_lisa_as_it_is_published(frames: Path) -> None:
    check_signs(quiet(frames.parent, "lisa"), frames)
    (frames / "archive").mkdir()
    for entry in ("vid0", "allAnnotations.csv"):
        (frames / entry).rename(frames / "archive" / entry)
    check_signs(quiet(frames.parent, "lisa"), frames / "archive")
    shutil.copy(frames / "archive" / "allAnnotations.csv", frames / "allAnnotations.csv")
    with pytest.raises(PhysadvError, match="has 2 tables of LISA"):
        load_dataset("lisa", frames.parent)


@pytest.mark.parametrize(
    ("change", "encoding"),
    [
        (lambda text: text, "utf-8-sig"),
        (lambda text: text.replace("\n", "\r\n"), "utf-16"),
        (lambda text: text.replace(",", " ").replace(";", ","), "utf-8"),
        (lambda text: text.replace(";", ","), "utf-8"),  # the comma within a column's name is one of its data, too
        (lambda text: text.replace(";", "\t"), "utf-8"),
        (lambda text: text.replace("/", "\\"), "utf-8"),
        (lambda text: text.replace("vid0/one.avi_", "C:\\Daten\\lisa\\VID0\\One.avi_"), "utf-8"),
        (lambda text: text.lower().replace(";stop;", ";STOP;"), "utf-8"),
        (lambda text: text.replace("vid0/one.avi;", "vid0/Straße.avi;"), "latin-1"),
    ],
)
def test_lisas_table_however_it_was_saved(frames: Path, change: Callable[[str], str], encoding: str) -> None:
    table = frames / "allAnnotations.csv"
    table.write_bytes(change(table.read_text()).encode(encoding))
    table.rename(frames / "ALLannotations.CSV")
    check_signs(quiet(frames.parent, "lisa"), frames)


def test_lisas_labels_are_the_same_however_their_letters_are_composed(frames: Path) -> None:
    rows = [lisa_row((FRAMES[0], name, (1 + place, 1, 9, 9), "t")) for place, name in enumerate(("é", "e\u0301", "É"))]
    (frames / "allAnnotations.csv").write_text("\n".join([LISA_HEADER, *rows, ""]), encoding="utf-8")
    assert told(frames.parent, "lisa")[0].classes == ("é",)


def test_a_missing_frame_is_not_another_one_of_the_same_name(frames: Path) -> None:
    Image.new("RGB", (40, 24)).save(frames / "stop_1.png")
    table = frames / "allAnnotations.csv"
    table.write_text(table.read_text() + lisa_row(("vid9/stop_1.png", "speedLimit25", (2, 2, 30, 20), "t")) + "\n")
    data, note = told(frames.parent, "lisa")
    assert data.classes == ("stop", "yield")
    assert "1 picture missing (allAnnotations.csv, line 5)" in note


def test_what_lisas_table_loses_is_told(frames: Path) -> None:
    table = frames / "allAnnotations.csv"
    more = [
        ("vid0/none.png", "stop", (1, 1, 5, 5), "t"),
        (FRAMES[1], "stop", (30, 3, 41, 12), "t"),
        SIGNS[1],
        (FRAMES[1], "", (6, 6, 9, 9), "t"),
    ]
    rows = [*map(lisa_row, [*SIGNS, *more]), lisa_row(SIGNS[0])[:60]]
    Image.new("RGB", (40, 24)).save(frames / "vid0" / "other.png")
    rows += [lisa_row((FRAMES[1], "stop", (1, 1, 5 + number, 5), "t")) for number in range(4)]
    rows.append(rows.pop(7))
    table.write_text("\n".join([LISA_HEADER, *rows]))
    data, note = told(frames.parent, "lisa")
    assert len(data) == 7
    for part in (
        "read 7 of 12 rows; 5 left out",
        "1 picture missing (allAnnotations.csv, line 5)",
        "1 box outside of the picture (allAnnotations.csv, line 6)",
        "1 row that comes twice (allAnnotations.csv, line 7)",
        "1 row without a class (allAnnotations.csv, line 8)",
        "1 damaged line (allAnnotations.csv, line 13: is cut",
        "has no row for 1 picture beside it (not used): vid0/other.png",
    ):
        assert part in note
    table.write_text("\n".join([LISA_HEADER, *map(lisa_row, [*SIGNS, (FRAMES[0], "merge", SIGNS[0][2], "t")])]))
    with pytest.raises(PhysadvError, match=r"line 5: .*image0\.png is in line 2 too, with other values"):
        load_dataset("lisa", frames.parent)


def test_a_frames_signs_are_told_apart_by_class_and_box(frames: Path) -> None:
    """Two signs of a frame are two pictures: one may be of a class that a victim knows, the other not."""
    data = load_dataset("lisa", frames.parent)
    known = data.among(["stop", "merge"])
    assert known.labels.tolist() == [0, 0]
    assert {item.window for item in known.items} == {SIGNS[0][2], SIGNS[2][2]}
    moved = (frames / "allAnnotations.csv").read_text().replace(";2;3;10;12;", ";2;3;11;12;")
    (frames / "allAnnotations.csv").write_text(moved)
    assert load_dataset("lisa", frames.parent).fingerprint != data.fingerprint


@pytest.mark.data
def test_real_lisa_as_it_is_published(data_folder: Path, tmp_path: Path) -> None:
    """A table in the published form, over frames that are black but for their crops, gives the real crops."""
    index = list(csv.DictReader((data_folder / "lisa" / "index.csv").open()))[::250]
    by_frame: dict[str, list[dict[str, str]]] = {}
    for row in index:
        by_frame.setdefault(row["frame_png"], []).append(row)
    lines = [LISA_HEADER]
    for frame, rows in by_frame.items():
        shown = Image.new("RGB", (1024, 800))
        for row in rows:
            with Image.open(data_folder / "lisa" / row["file"]) as crop:
                shown.paste(crop, (int(row["x1"]), int(row["y1"])))
            box = tuple(int(row[name]) for name in ("x1", "y1", "x2", "y2"))
            lines.append(lisa_row((frame, row["label"], box, row["track"])))
        (tmp_path / "lisa" / frame).parent.mkdir(parents=True, exist_ok=True)
        shown.save(tmp_path / "lisa" / frame)
    (tmp_path / "lisa" / "allAnnotations.csv").write_text("\n".join([*lines, ""]))
    ours, theirs = quiet(tmp_path, "lisa"), load_dataset("lisa", data_folder)
    by_name = {item.path.name: number for number, item in enumerate(theirs.items)}
    assert len(ours) == len(index)
    for number, item in enumerate(ours.items):
        (row,) = (row for row in by_frame[item.path.relative_to(tmp_path / "lisa").as_posix()])
        other = by_name[Path(row["file"]).name]
        assert np.array_equal(ours.read(number), theirs.read(other))
        assert (ours.classes[item.label], item.track) == (row["label"], theirs.items[other].track)


def test_pictures_that_an_image_folder_does_not_take_are_told(tmp_path: Path) -> None:
    picture(tmp_path / "stop" / "1.png")
    picture(tmp_path / "stop" / "2.avif")
    picture(tmp_path / "stop" / "4.tga")
    picture(tmp_path / "3.png")
    picture(tmp_path / "stop" / "5.png")
    (tmp_path / "stop" / "5.png").rename(tmp_path / "stop" / "5")
    (tmp_path / "stop" / "LICENSE").write_text("of the pictures")
    data, note = told(tmp_path, "image-folder")
    assert len(data) == 1
    assert "3 pictures left out, for only" in note
    assert "stop/2.avif, stop/4.tga, stop/5" in note
    assert "1 picture left out, in no class folder: 3.png" in note


def test_attack_tells_what_it_does_not_use_and_keeps_it(root: Path, tmp_path: Path, physadv: Command) -> None:
    (root / "gtsrb" / "GTSRB" / "Final_Test" / "Images" / "00000.ppm").unlink()
    out = tmp_path / "out"
    words = ["attack", "fgsm", "--victim", "gtsrb-cnn", "--data", root, "--out", out]
    code, table, said = physadv(*words)
    assert code == 0
    assert re.search(r"fgsm: \d+\W%\W\(\d+\W\d+\) read clean, \d+\W%\W\(\d+\W\d+\) under attack", table), table
    assert f"warning: {root / 'gtsrb' / 'GT-final_test.csv'}: read 5 of 6 rows; 1 left out: 1 picture missing" in said
    assert ".py:" not in said
    (note,) = read_robustness(out).notes
    assert "read 5 of 6 rows" in note
    assert "read 5 of 6 rows" in (out / "report.html").read_text()
    (record, table) = (out / "cells" / "0-0.json", out / "cells" / "0-0.parquet")
    whole, rows = record.read_text(), table.read_bytes()
    for damaged in (record, table):
        damaged.write_bytes(damaged.read_bytes()[:-40])
        assert physadv(*words)[0] == 0, "a cell that is cut is computed again"
        assert record.read_text().replace(" ", "")[:200] == whole.replace(" ", "")[:200]
        assert table.read_bytes() == rows


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Class folders of 40 pictures, of which 11 break off after sound headers."""
    for number in range(40):
        path = tmp_path / "data" / ("stop", "yield")[number % 2] / f"{number:02d}.png"
        pixels = np.random.default_rng(number).integers(0, 255, (32, 32, 3), np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        if number < 11:
            path.write_bytes(path.read_bytes()[:-400])
    return tmp_path / "data"


def test_every_damaged_picture_is_named_at_once(damaged: Path) -> None:
    data = load_dataset("image-folder", damaged)
    for use in (data.check, lambda: data.pixels(16), lambda: list(data.batches(16))):
        with pytest.raises(PhysadvError) as caught:
            use()
        said = str(caught.value)
        assert said.startswith(f"{damaged}: 11 of 40 pictures cannot be read; replace or remove them: stop/00.png (")
        assert said.endswith(" and 1 more")
    for number in range(1, 11):
        (damaged / ("stop", "yield")[number % 2] / f"{number:02d}.png").unlink()
    with pytest.raises(PhysadvError, match=rf"^{damaged}/stop/00\.png: .*; replace or remove it$"):
        load_dataset("image-folder", damaged).check()


@pytest.mark.parametrize(
    "words",
    [
        ("attack", "fgsm", "--victim", "gtsrb-cnn"),
        ("certify", "gtsrb-cnn", "--defense", "patch-cleanser:patch_px=6"),
        ("train", "clean", "--steps", 1, "--set", "held_out=16", "--set", "frames=0"),
        ("train-advgan", "--set", "steps=1"),
        ("evaluate", "patch", "--victim", "gtsrb-cnn", "--battery", "stationary-15", "--frames", 15),
    ],
    ids=lambda words: str(words[0]),
)
def test_damaged_pictures_are_found_before_the_work(
    damaged: Path, tmp_path: Path, physadv: Command, words: tuple[object, ...]
) -> None:
    words = tuple(bundled("patches") / "de-stop-bars" if word == "patch" else word for word in words)
    words = (*words, "--data", damaged, "--dataset", "image-folder", "--out", tmp_path / "out")
    refused(physadv(*words), "11 of 40 pictures cannot be read", "stop/00.png")
    assert not [path for path in tmp_path.glob("out/*") if path.name != "run.json"]
    for number in range(11):
        (damaged / ("stop", "yield")[number % 2] / f"{number:02d}.png").unlink()
    if words[0] == "attack":
        code, _, error = physadv(*words)
        assert code == 0, error


def test_the_test_split_of_a_training_is_read_before_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model card is measured on it afterwards: hours later, a damaged picture would still be one."""
    training = root / "gtsrb" / "GTSRB" / "Training" / "00014"
    rows = [f"{number:05d}_00000.ppm;20;16;2;1;18;15;14" for number in range(40)]
    for number in range(40):
        picture(training / f"{number:05d}_00000.ppm")
    (training / "GT-00014.csv").write_text("\n".join([HEADER, *rows, ""]))
    test = root / "gtsrb" / "GTSRB" / "Final_Test" / "Images" / "00003.ppm"
    test.write_bytes(test.read_bytes()[:-40])
    monkeypatch.setattr(Training, "run", lambda *_, **__: pytest.fail("trained before all was read"))
    config = training_config("clean", steps=1, frames=0, held_out=16)
    with pytest.raises(PhysadvError, match=r"00003\.ppm: .*; replace or remove it"):
        train(config, root / "out", data=root)
    assert not (root / "out").exists()


@pytest.mark.data
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_same_pictures_in_torchvisions_order(split: str, data_folder: Path) -> None:
    from torchvision.datasets import GTSRB

    samples = GTSRB(root=data_folder, split=split)._samples
    data = load_dataset("gtsrb", data_folder, split=split)
    assert data.notes == ()
    assert [(str(item.path), item.label) for item in data.items] == [(str(path), label) for path, label in samples]


@pytest.mark.data
def test_real_gtsrb_through_a_spreadsheet(data_folder: Path, tmp_path: Path) -> None:
    """The official table saved again by a spreadsheet: UTF-16, tabs, another order of the columns."""
    base = tmp_path / "gtsrb"
    (base / "GTSRB").mkdir(parents=True)
    os.symlink(data_folder / "gtsrb" / "GTSRB" / "Final_Test", base / "GTSRB" / "Final_Test")
    lines = (data_folder / "gtsrb" / "GT-final_test.csv").read_text().splitlines()
    turned = ["\t".join(reversed(line.split(";"))) for line in lines]
    (base / "GT-final_test.csv").write_bytes("\r\n".join([*turned, ""]).encode("utf-16"))
    ours, theirs = load_dataset("gtsrb", tmp_path), load_dataset("gtsrb", data_folder)
    assert ours.notes == ()
    assert [(item.path.name, item.label, item.roi) for item in ours.items] == [
        (item.path.name, item.label, item.roi) for item in theirs.items
    ]


@pytest.mark.data
def test_real_lisa_with_backslashes(data_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "lisa").mkdir()
    os.symlink(data_folder / "lisa" / "crops", tmp_path / "lisa" / "crops")
    shutil.copy(data_folder / "lisa" / "index.csv", tmp_path / "lisa" / "index.csv")
    text = (tmp_path / "lisa" / "index.csv").read_text().replace("/", "\\").replace(",", ";")
    (tmp_path / "lisa" / "index.csv").write_text(text, encoding="utf-16")
    ours, theirs = load_dataset("lisa", tmp_path), load_dataset("lisa", data_folder)
    assert ours.notes == ()
    assert [item.track for item in ours.items] == [item.track for item in theirs.items]
    assert all(item.track for item in ours.items)
