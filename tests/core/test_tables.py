"""The one reader of tables: whatever a spreadsheet, an editor or a data set left on disk gives the same rows."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from physadv.core.errors import PhysadvError
from physadv.core.tables import harmless, plain, read_table, write_table

COLUMNS = ("Filename", "Width", "ClassId")
ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "cp1252": b"",
}
LETTERS = "abcXYZ019 ._-/\\'\"äöüßé#;,|"
names = st.text(LETTERS, min_size=1, max_size=12).map(str.strip).filter(lambda name: name and plain(name) == name)
rows = st.lists(st.tuples(names, st.integers(0, 9999), st.integers(0, 42)), min_size=1, max_size=6)
QUICK = settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


def put(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(ENCODINGS.get(encoding, b"") + text.encode(encoding))
    return path


def written(header: list[str], body: list[tuple[object, ...]], delimiter: str, end: str, quoting: int) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(header)
    writer.writerows(body)
    return text.getvalue()


@QUICK
@given(
    body=rows,
    encoding=st.sampled_from(sorted(ENCODINGS)),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    case=st.sampled_from([str, str.lower, str.upper, lambda name: f" {name} "]),
    further=st.booleans(),
    blank=st.booleans(),
    ended=st.booleans(),
)
def test_the_same_rows_however_they_are_written(
    tmp_path: Path, body, encoding, delimiter, end, quoting, case, further, blank, ended
) -> None:
    """Encoding, byte-order mark, delimiter, line ends, quotes, letter case, further columns, empty lines: no matter."""
    header = [case(name) for name in COLUMNS]
    whole = [(*row, "x") for row in body] if further else body
    text = written([*header, "Note"] if further else header, whole, delimiter, end, quoting)
    if blank:
        text = text.replace(end, end + end, 1)
    table = read_table(put(tmp_path / "t.csv", text if ended else text.removesuffix(end), encoding), COLUMNS)
    assert [(one.text("Filename"), one.whole("Width"), one.whole("ClassId")) for one in table.whole()] == body
    assert table.unended == (not ended)


@QUICK
@given(rows=st.lists(st.tuples(st.text(max_size=9), st.text("=+-@'\tab", max_size=5)), max_size=5))
def test_what_we_write_we_read_and_no_spreadsheet_runs(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    kept = [
        (one.strip(), two.strip())
        for one, two in rows
        if one.strip() and one.isprintable() and two.strip() and "\0" not in one
    ]
    write_table(tmp_path / "own.csv", ("file", "why"), kept)
    with (tmp_path / "own.csv").open(encoding="utf-8", newline="") as file:
        assert not [cell for row in csv.reader(file) for cell in row if cell[:1] in tuple("=+-@\t\r")]
    lines = read_table(tmp_path / "own.csv", ("file", "why")).whole()
    assert [(line.text("file"), line.text("why")) for line in lines] == kept


@given(st.text("=+-@\t\r'ab1 "))
@settings(derandomize=True, deadline=None)
def test_harmless_and_plain_are_inverse(text: str) -> None:
    assert plain(harmless(text)) == text


def test_excel_names_its_delimiter(tmp_path: Path) -> None:
    path = put(tmp_path / "t.csv", "sep=|\r\nfile|x\r\na;b,c.png|1,5\r\n", "utf-16-le")
    (line,) = read_table(path, ("file", "x")).whole()
    assert (line.number, line.text("file"), line.decimal("x")) == (3, "a;b,c.png", 1.5)


def test_utf_16_without_its_mark(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("file;x\nä.png;3\n".encode("utf-16-be"))
    assert read_table(tmp_path / "t.csv", ("file", "x")).lines[0].text("file") == "ä.png"


def test_a_file_cut_within_a_letter_is_still_utf_8(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("file,x\nä.png,3\nö.png,4\nü".encode()[:-1])
    table = read_table(tmp_path / "t.csv", ("file", "x"))
    assert [line.text("file") for line in table.lines] == ["ä.png", "ö.png"]
    (tmp_path / "t.csv").write_bytes("x,file\n3,caf\u00e9".encode("latin-1"))
    assert read_table(tmp_path / "t.csv", ("file",)).lines[0].text("file") == "café"


def test_damaged_lines_are_told_with_their_numbers(tmp_path: Path) -> None:
    path = put(tmp_path / "t.csv", "file,x,y\na,1,2\nb,1,2,3\nc,1,2,,\n\nd,1")
    table = read_table(path, ("file", "x"))
    assert [line.text("file") for line in table.lines] == ["a", "c"]
    assert [number for number, _ in table.damaged] == [3, 6]
    assert "is cut: it has 2 values" in table.damaged[1][1]
    with pytest.raises(PhysadvError, match=r"t\.csv: line 3: has 4 values between ','; the header has 3"):
        table.whole()


@pytest.mark.parametrize(
    ("body", "kept", "damaged"),
    [
        (['"b;2;x'], "ac", [3]),  # never closes
        (['"b;2;x', "d;3;x", "e;4;x", 'f";5;x'], "adefc", [3]),  # closes four lines on, within a row
        (['b;2;"x', "d;3;x", 'e;4;x"'], "adec", [3]),  # swallows rows, and has as many values as the header
        (['"b;2;x', "d;3;x", '"e;4;x'], "adc", [3, 5]),  # two of them, of which the second opens as it closes
        (['"b";2;"x'], "ac", [3]),
        (['"b" and;2;x', 'd";3;x'], "abdc", []),  # not where they should be, and all in their line
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_stray_quotation_mark_costs_its_own_line(
    tmp_path: Path, body: list[str], kept: str, damaged: list[int], end: str
) -> None:
    path = put(tmp_path / "t.csv", end.join(["file;x;y", "a;1;x", *body, "c;9;x", ""]))
    table = read_table(path, ("file", "x"))
    assert [number for number, _ in table.damaged] == damaged
    files = [line.text("file") for line in table.lines]
    assert [name[0] for name in files] == list(kept)
    if damaged:
        with pytest.raises(
            PhysadvError, match=r"t\.csv: line 3: a quotation mark opens and does not close in its line"
        ):
            table.whole()


def test_a_value_may_run_over_lines_that_are_no_rows(tmp_path: Path) -> None:
    path = put(tmp_path / "t.csv", 'file;x;"the\nnote"\na;1;"bent, see\n\n""police"" report"\nb;2;\n')
    table = read_table(path, ("file", "x", "the note"))
    assert [(line.number, line.text("file")) for line in table.whole()] == [(3, "a"), (6, "b")]
    assert table.lines[0].text("the note").endswith('"police" report')


@pytest.mark.parametrize(
    ("text", "value"), [("12", 12), ("+1.50", 1.5), ("-3e2", -300), ("12,5", 12.5), ("0,125", 0.125), ("14.0", 14)]
)
def test_numbers(tmp_path: Path, text: str, value: float) -> None:
    assert read_table(put(tmp_path / "t.csv", f"x;y\n{text};1\n"), ("x",)).lines[0].decimal("x") == value


@pytest.mark.parametrize("text", ["", "nan", "inf", "1e999", "1_000", "0x10", "one", "1,234", "1,2,3", "٣"])
def test_what_is_no_number_is_one_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(PhysadvError, match=r"t\.csv: line 2: x = "):
        read_table(put(tmp_path / "t.csv", f"x;y\n{text};1\n"), ("x",)).lines[0].decimal("x")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "its columns are none; they should be file,x"),
        (b"file,y\na,1\n", "its columns are file, y; they should be file,x"),
        (b"file,x,X,x\na,1,2,3\n", "3 of its columns are called x"),
        (b"file,x\na,1\0\n", "line 2: holds a zero byte"),
        (b'"file,x\na,1\n', "line 1: a quotation mark opens and does not close in its line"),
        (b'"file,x\na,1\nb,"2\n', "line 1: a quotation mark opens and does not close in its line"),
        (b"file,x\n" + b"a" * 140_000 + b",1\n", "line 2: a value is longer than 131,072 characters"),
        (b"PK\x03\x04 and so on", "is a spreadsheet's workbook; save the table as CSV"),
        (b"\x81\x8d\x8f\x90", "is not a text file in UTF-8, UTF-16 or Latin-1"),
        (codecs.BOM_UTF16_LE + b"f\0i\0\x00\xdc\x00\xdc", "is not a text file"),
    ],
)
def test_what_is_no_table_is_one_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(PhysadvError) as caught:
        read_table(path, ("file", "x"))
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)


def test_no_file_is_one_sentence(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none.csv", "no such file"), (tmp_path, "a folder")):
        with pytest.raises(PhysadvError, match=words):
            read_table(path, ("file",))
