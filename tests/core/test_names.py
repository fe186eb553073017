"""A name means one thing: class names in any script, scalars of YAML as they are written, lists of classes in files."""

from __future__ import annotations

import importlib
import json
import pkgutil
import unicodedata
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field
from safetensors.torch import save_file

import physadv
from physadv.attacks import DesignConfig
from physadv.attacks.digital.attack import options_for
from physadv.core.class_lists import known_classes, known_lists
from physadv.core.config import HIDDEN, Config, Text, read_yaml, validate
from physadv.core.config import settings as words_to_settings
from physadv.core.errors import PhysadvError
from physadv.core.names import composed, find_name, loose, match_names, meaning
from physadv.core.yaml_text import dump_yaml, parse_yaml
from physadv.defenses import load_victim
from physadv.evaluation.batteries.battery import Battery, load_battery
from physadv.evaluation.matrix.matrix import RobustnessPlan
from physadv.patches.mask import MASKS
from physadv.signs import SignDataset
from physadv.signs.datasets import Item
from physadv.victims import wrap_module
from physadv.victims.architectures import LisaCnn
from physadv.victims.card import VictimCard

SCRIPTS = st.sampled_from("abcXYZ019 -_./+()éßİıſΑΒγς Стопуй 止まれ停 ストップ قف עצור हिन्दी ไทย 한글 한글 ①²ﬁ Åà 🛑")
NAMES = st.one_of(st.text(SCRIPTS, min_size=1, max_size=8), st.text(min_size=1, max_size=8)).filter(str.strip)
LISTS = st.lists(NAMES, min_size=1, max_size=8, unique_by=composed)
WRITTEN = [
    "00010", "8_13", "1:30", "off", "on", "yes", "no", "y", "N", "1e3", "1e-3", "2024-01-01", "2024-13-45", "0x1F",
    "0o17", "017", "null", "Null", "~", "true", "False", "TRUE", ".inf", "-.INF", ".nan", "1.", ".5", "+1", "1_000.5",
    "=", "30", "1.50", "-0", "0b11", "12e", "2001-12-14t21:59:43.10-05:00", "Überholverbot", "止まれ", "9" * 400,
]  # fmt: skip


# ---- names ---------------------------------------------------------------------------------------------------------


@given(LISTS)
def test_every_name_finds_itself(names: list[str]) -> None:
    assert [find_name(name, names) for name in names] == list(range(len(names)))
    assert match_names(names, names, of="one", to="the other") == {place: place for place in range(len(names))}


@given(LISTS, NAMES)
def test_a_loose_match_is_unique_or_an_error(names: list[str], name: str) -> None:
    alike = [place for place, one in enumerate(names) if loose(one) == loose(name)]
    same = [place for place, one in enumerate(names) if composed(one) == composed(name)]
    if same or len(alike) < 2:
        meant = [place for place in alike if meaning(names[place]) == meaning(name)]
        assert find_name(name, names) == next(iter(same or meant), None)
        return
    with pytest.raises(PhysadvError) as caught:
        find_name(name, names)
    assert all(repr(names[place]) in str(caught.value) for place in alike)


@given(LISTS, LISTS)
def test_no_two_classes_share_a_label(ours: list[str], theirs: list[str]) -> None:
    try:
        matched = match_names(ours, theirs, of="data set 'x'", to="the victim")
    except PhysadvError:
        alike = [*map(loose, ours)], [*map(loose, theirs)]
        assert any(one in alike[1] and max(names.count(one) for names in alike) > 1 for one in alike[0])
        return
    assert len(set(matched.values())) == len(matched)
    for place, label in matched.items():
        assert loose(ours[place]) == loose(theirs[label])
    exact = {place: theirs.index(name) for place, name in enumerate(ours) if name in theirs}
    assert exact.items() <= matched.items()


@pytest.mark.parametrize(
    ("name", "known", "place"),
    [
        ("СТОП", ["уступи", "стоп"], 1),
        ("止まれ", ["徐行", "止まれ"], 1),
        ("Προτεραιότητα", ["ΣΤΟΠ", "προτεραιότητα"], 1),
        ("speedLimit45", ["stop", "Speed limit 45"], 1),
        ("STRASSE", ["weg", "Straße"], 1),
        ("stop", ["Stop", "stop"], 1),
        ("Größe", ["stop", unicodedata.normalize("NFD", "Größe")], 1),
        ("ＳＴＯＰ", ["yield", "stop"], 1),
        ("стоп", ["уступи", "въезд"], None),
        ("कि", ["का", "की"], None),
        ("🛑", ["⚠", "🚸"], None),
        ("3.5", ["35", "3"], None),
        ("8_13", ["813", "stop"], None),
        ("8_13", ["stop", "8:13"], 1),
        ("½", ["12", "1"], None),
        ("10", ["10%", "5"], None),
        ("-5", ["5", "stop"], None),
        ("-5", ["(-5)", "stop"], 0),
        ("limit-5", ["stop", "limit 5"], 1),
        (".5", ["5", "stop"], None),
        ("A", ["A*", "B"], None),
        ("C#", ["C", "D"], None),
        ("2²", ["22", "stop"], None),
        ("2²", ["2^2", "stop"], 0),
        ("m²", ["m2", "n2"], 0),
        ("5'", ["5", "6"], None),
        ("5'", ['5"', "6"], None),
        ("5\u2033", ['5"', "6"], 0),
        ("don't pass", ["Do Not Pass", "dont_pass"], 1),
        ("lane ←", ["lane →", "stop"], None),
        ("C++", ["C"], None),
        ("speed_limit-45", ["speedLimit4", "speedLimit45"], 1),
    ],
)
def test_names_in_other_scripts(name: str, known: list[str], place: int | None) -> None:
    assert find_name(name, known) == place


def test_a_name_that_may_be_two_is_an_error() -> None:
    with pytest.raises(PhysadvError, match=r"'limit 10' may be any of 'limit\+10', 'limit-10' of victim 'v'"):
        find_name("limit 10", ["limit+10", "limit-10", "stop"], of="victim 'v'")


def pictures(*classes: str) -> SignDataset:
    items = [Item(path=Path(f"{label}.png"), label=label) for label in range(len(classes))]
    return SignDataset(kind="image-folder", split="all", classes=classes, items=items)


def test_pictures_are_labeled_in_the_victims_classes() -> None:
    chosen = pictures("уступи", "стоп", "zebra").select(["Стоп", "stop", "Уступи"])
    assert [(item.path.stem, item.label) for item in chosen.items] == [("0", 2), ("1", 0)]
    chosen = pictures("a-b", "a_b").select(["a-b", "c"])
    assert [(item.path.stem, item.label) for item in chosen.items] == [("0", 0)], "an exact match leaves none to share"
    for ours, theirs in ((("a-b", "a_b"), ["A B", "c"]), (("A B",), ["a-b", "a_b"])):
        with pytest.raises(PhysadvError, match="differ in case, spaces or punctuation alone"):
            pictures(*ours).select(theirs)


# ---- scalars -------------------------------------------------------------------------------------------------------


class Any_(Config):
    """Fields of many types."""

    text: str = ""
    name: Text = "x"
    names: tuple[Text, ...] = ()
    keyed: dict[str, str] = Field(default_factory=dict)
    maybe: str | None = "x"
    whole: int = 0
    real: float = 0.0
    limit: float | None = 0.0
    flag: bool = False
    size: int | tuple[int, int] = 1
    free: dict[str, Any] = Field(default_factory=dict)
    below: Any_ | None = None


def read(text: str) -> Any_:
    return validate(Any_, parse_yaml(text), "test")


@pytest.mark.parametrize("word", WRITTEN)
def test_text_is_as_it_is_written(word: str) -> None:
    got = read(
        f"{{text: {word}, name: {word}, names: [{word}, stop], keyed: {{{word}: {word}}}, below: {{text: {word}}}}}"
    )
    assert (got.text, got.name, got.names, got.keyed) == (word, word, (word, "stop"), {word: word})
    assert got.below is not None
    assert got.below.text == word
    assert validate(Any_, parse_yaml(dump_yaml(got.model_dump(mode="json"))), "test") == got


@given(st.text(st.sampled_from("0123456789_.:-+eExXoObnatfruslyYNOF~"), min_size=1, max_size=12))
@settings(max_examples=300)
def test_any_plain_scalar_is_a_name_as_it_is_written(word: str) -> None:
    try:
        plain = yaml.compose(f"[{word}]", yaml.BaseLoader)
    except yaml.YAMLError:
        return
    if not (isinstance(plain.value[0], yaml.ScalarNode) and plain.value[0].value == word):
        return
    assert read(f"names: [{word}]").names == (word,)


def test_numbers_are_numbers_where_numbers_are_asked_for() -> None:
    got = read(
        "{whole: 0x1F, real: 1e-3, limit: null, size: [030, 32], flag: true, maybe: ~, free: {a: 1e-3, b: true, c: ~}}"
    )
    assert (got.whole, got.real, got.limit, got.size, got.flag, got.maybe) == (31, 0.001, None, (30, 32), True, None)
    assert got.free == {"a": 0.001, "b": True, "c": None}
    assert read("real: 1E+3").real == 1000.0
    assert json.dumps(got.model_dump(mode="json"))
    later = validate(Any_, read("free: {name: 007, names: [1e3]}").free, "later")
    assert (later.name, later.names) == ("007", ("1e3",)), "what no type is known of yet keeps how it was written"


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("key", ["whole", "real", "limit", "size"])
def test_true_is_no_number(key: str, value: bool) -> None:
    for data in ({key: value}, parse_yaml(f"{key}: {str(value).lower()}")):
        with pytest.raises(PhysadvError, match=f"{key} = {str(value).lower()}: should be a (whole )?number"):
            validate(Any_, data, "test")
    with pytest.raises(PhysadvError, match=r"size.0 = true: should be a whole number"):
        validate(Any_, {"size": [True, 3]}, "test")


@pytest.mark.parametrize(
    "text", ["!!timestamp foo", "!!int ''", "!!float x", "!!bool foo", "!!binary é", "!!set {a}", "!mine x", "!!map x",
             "&a [*a]", "{[a]: b}", "{a: 1, a: 2}", "[" * 3000]
)  # fmt: skip
def test_what_yaml_cannot_mean_is_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"text: {text}\n", encoding="utf-8")
    with pytest.raises(PhysadvError, match=r"x\.yaml: not valid YAML"):
        read_yaml(path)
    with pytest.raises(PhysadvError, match="--set"):
        words_to_settings([f"text={text}"], "--set")


def test_aliases_do_not_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    with pytest.raises(yaml.YAMLError, match="more than 1,000,000 values"):
        parse_yaml("\n".join(lines))


@pytest.mark.parametrize(
    "words", [["a=1", "a.b=2"], ["a.b=2", "a=1"], ["a=1", "a.b.c=2"], ["a.b.c=1", "a.b=2"], ["a=1", "a=2"]]
)
def test_an_option_is_given_once(words: list[str]) -> None:
    with pytest.raises(PhysadvError, match=f"--set '{words[1]}'"):
        words_to_settings(words, "--set")


def test_options_are_as_their_attack_has_them(tmp_path: Path) -> None:
    got = options_for(["pgd", "fgsm"], ["pgd.eps=1e-2", "eps=3e-2", "steps=0x10"])
    assert got == {"pgd": {"eps": 0.01, "steps": 16}, "fgsm": {"eps": 0.03}}, "an attack's own come before those of all"
    generator = options_for(["advgan"], ["generator=2024"])["advgan"]["generator"]
    assert str(generator) == "2024", "the name of a folder is no number"
    with pytest.raises(PhysadvError, match=r"--set 'eps=2': eps is given twice"):
        options_for(["pgd"], ["eps=1e-2", "eps=2"])


def test_every_fault_is_told() -> None:
    data = parse_yaml("{whole: x, rael: 1, size: [0, y], below: {limit: off, name: ' '}, names: [a, '']}")
    with pytest.raises(PhysadvError) as caught:
        validate(Any_, data, "f.yaml")
    message = str(caught.value)
    assert message.startswith("f.yaml: 6 faults: (1) unknown key 'rael' (did you mean 'real'?)")
    for fault in ("whole = 'x': should be a whole number", "size.1 = 'y'", "below.limit = 'off': should be a number",
                  "below.name = ' ': should not be empty", "names.1 = '': should not be empty"):  # fmt: skip
        assert fault in message
    assert "\n" not in message
    with pytest.raises(PhysadvError, match=r"^f: size\.0 = 'x': should be a whole number$"):
        validate(Any_, parse_yaml("size: [x, 3]"), "f")
    with pytest.raises(PhysadvError, match=r"^f: rectangles\.0\.x_mm = 'off': should be a number$"):
        validate(
            MASKS["rectangles"],
            parse_yaml("{kind: rectangles, rectangles: [{x_mm: off, y_mm: 0, width_mm: 9, height_mm: 9}]}"),
            "f",
        )


def test_the_faults_of_a_file_within_are_told_as_its_own() -> None:
    words = {"steps": 1, "views": "x", "mask": {"kind": "bars", "wrong": 1, "width": "x"}}
    with pytest.raises(PhysadvError) as caught:
        validate(DesignConfig, words, "f")
    assert "(b) mask: mask: 2 faults: (1) unknown key 'wrong'" in str(caught.value)
    assert "f: 2 faults: (a) views = 'x': should be a whole number" in str(caught.value)


@pytest.mark.parametrize("name", ["\u200b", "speedLimit20\u200b", "\ufeffstop", "a\u202eb"])
def test_a_class_has_no_character_that_nobody_sees(tmp_path: Path, name: str) -> None:
    with pytest.raises(PhysadvError, match=r"classes.*has the invisible character U\+"):
        load_victim(write_card(tmp_path, 2, classes=["stop", name]))


# ---- lists of classes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "content", "names"),
    [
        ("c.txt", "\ufeff00010\nstop sign\r\n止まれ\n\n", ["00010", "stop sign", "止まれ"]),
        ("c.csv", "ClassId,SignName\n1,Yield\n0,Limit (20km/h)\n2,\"a, b\"\n", ["Limit (20km/h)", "Yield", "a, b"]),
        ("c.csv", "2;c\n0;a\n3;d\n1;b\n", ["a", "b", "c", "d"]),
        ("c.csv", "a,2\nb,1\n", ["b", "a"]),
        ("c.csv", "label,id\n70,0\n50,1\n", ["70", "50"]),
        ("c.csv", "id,class id,name\n1,2,b\n0,1,a\n", ["a", "b"]),
        ("c.csv", "class,meaning\n1,b\n0,a\n", ["a", "b"]),
        ("c.csv", "label\n70\n50\n", ["70", "50"]),
        ("c.csv", "name,class_idx\nb,1\na,0\n", ["a", "b"]),
        ("c.csv", "name,position\na,0\nb,1\n", ["a", "b"]),
        ("c.csv", "name,severity\na,3\nb,3\n", ["a", "b"]),
        ("c.csv", "name\nstop\n30\n", ["stop", "30"]),
        ("c.csv", "stop\nyield\n", ["stop", "yield"]),
        ("c.csv", "name,id,color\nb,1,red\na,0,blue\n", ["a", "b"]),
        ("c.csv", "id,name\n0,30\n1,50\n", ["30", "50"]),
        ("c.csv", "class,label\nstop,1\nyield,0\n", ["yield", "stop"]),
        ("c.tsv", "0\tstop\n1\tgive way\n", ["stop", "give way"]),
        ("c.json", '["stop", "00010", 30]', ["stop", "00010", "30"]),
        ("c.json", '{"2": "k", "1": "j", "0": "a"}', ["a", "j", "k"]),
        ("c.json", '{"stop": 1, "yield": 0}', ["yield", "stop"]),
        ("c.json", '{"classes": ["stop", "yield"]}', ["stop", "yield"]),
        ("c.yaml", "names: {0: person, 1: off}", ["person", "off"]),
        ("c.yml", "[stop, 1:30, null]", ["stop", "1:30", "null"]),
    ],
)  # fmt: skip
def test_classes_may_lie_in_a_file_beside_the_card(tmp_path: Path, file: str, content: str, names: list[str]) -> None:
    (tmp_path / file).write_text(content, encoding="utf-8")
    card = write_card(tmp_path, len(names), classes=file)
    victim = load_victim(card)
    assert victim.classes == tuple(names)
    listed = load_victim(write_card(tmp_path, len(names), classes=names))
    assert victim.fingerprint == listed.fingerprint, "names count, not where they are written"
    (tmp_path / file).write_text(content.replace("stop", "halt").replace("a", "ä"), encoding="utf-8")
    if (changed := load_victim(card)).classes != tuple(names):
        assert changed.fingerprint != victim.fingerprint


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("c.txt", "stop\n\nyield\n", "line 2 is empty"),
        ("c.txt", "", "has no class names"),
        ("c.csv", "a,b\nc,d\n", "no column of names that can be told"),
        ("c.csv", "70,0\n50,1\n", "no column of names that can be told"),
        ("c.csv", "class,label\n70,0\n50,1\n", "no column of names that can be told"),
        ("c.csv", "id,name\n0,a\nid,name\n1,b\n", "line 3: id = 'id': should be a whole number"),
        ("c.csv", "name,position\nb,1\na,0\n", "its column 'position' gives another order than its rows"),
        ("c.csv", "id,name,key\n0,a,1\n1,b,0\n", "its column 'key' gives another order than 'id'"),
        ("c.csv", "id\n0\n1\n", "no column of names that can be told"),
        ("c.csv", "id,weight\n0,1\n1,2\n", "no column of names that can be told"),
        ("c.csv", "id,name,class name\n0,a,b\n1,c,d\n", "several columns of names"),
        ("c.csv", "id,index,name\n0,1,a\n1,0,b\n", "'id' and 'index' give two orders"),
        ("c.csv", "number,name\n274,stop\n101,danger\n", "its numbers are not 0 to 1, nor 1 to 2"),
        ("c.csv", "0;a\n5;b\n", "its numbers are not 0 to 1, nor 1 to 2"),
        ("c.yaml", "{0: a, 5: b}", "its numbers are not 0 to 1, nor 1 to 2"),
        ("c.json", '{"a": 1, "b": 3}', "its numbers are not 0 to 1, nor 1 to 2"),
        ("c.csv", "stop,120\nyield,80\n", "its numbers are not 0 to 1, nor 1 to 2"),
        ("c.csv", "id,name\n0,a\n0,b\n", "id 0 is given to 2 classes"),
        ("c.csv", "id,name\n0,a\n1\n", "line 3: has 1 values"),
        ("c.json", '{"0": "a", "0": "b"}', "'0' comes twice"),
        ("c.json", '{"30": 0, "50": 1}', "which numbers are names"),
        ("c.json", '{"stop": "a"}', "should be a list of class names"),
        ("c.json", "[true, false]", "True is not the name of a class"),
        ("c.json", "{", "not valid JSON"),
        ("c.yaml", "[", "not valid YAML"),
        ("c.txt", "stop\nStop\nstop\n", "class 'stop' is listed 2 times"),
        ("c.md", "stop\n", "one of coco, gtsrb, lisa"),
        ("gone.txt", None, "gone.txt: cannot be read (no such file)"),
        ("~nobody/c.txt", None, "c.txt: cannot be read (no such file)"),
    ],
)
def test_a_wrong_list_of_classes_is_one_sentence(tmp_path: Path, file: str, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / file).write_text(content, encoding="utf-8")
    with pytest.raises(PhysadvError, match=r"card\.yaml: classes") as caught:
        load_victim(write_card(tmp_path, 3, classes=file))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["coco", "gtsrb", "lisa"])
def test_known_lists_have_names(tmp_path: Path, name: str) -> None:
    assert name in known_lists()
    count = {"coco": 80, "gtsrb": 43, "lisa": 47}[name]
    assert load_victim(write_card(tmp_path, count, classes=name)).classes == known_classes(name)
    module = LisaCnn(count)
    assert wrap_module(module, classes=name, size=32, trial=False).classes == known_classes(name)


@pytest.mark.parametrize("wrong", ["''", "'  '", '"a\\nb"', '"\\e[31m"'])
def test_a_class_has_a_name_of_one_line(tmp_path: Path, wrong: str) -> None:
    card = write_card(tmp_path, 2, classes=["stop", "WRONG"])
    card.write_text(card.read_text().replace("WRONG", wrong))
    with pytest.raises(PhysadvError, match=r"classes.1 = "):
        load_victim(card)


@given(LISTS.filter(lambda names: len(names) > 1))
def test_a_written_card_is_read_as_it_was(names: list[str]) -> None:
    about = {"name": "m", "weights": "-", "input": {"size": 32}, "classes": names}
    if any(unicodedata.category(letter) in ("Cc", "Cs") or letter in HIDDEN for name in names for letter in name):
        with pytest.raises(PhysadvError, match=r"control character|UTF-8|invisible character"):
            validate(VictimCard, about, "test")
        return
    card = validate(VictimCard, about, "test")
    assert validate(VictimCard, parse_yaml(dump_yaml(card.model_dump(mode="json"))), "test") == card


def write_card(folder: Path, count: int, **words: Any) -> Path:
    """A card of an untrained network with so many outputs."""
    torch.manual_seed(0)
    save_file(LisaCnn(count).state_dict(), str(folder / "weights.safetensors"))
    about = {"name": "m", "architecture": "lisa-cnn", "weights": "weights.safetensors", "input": {"size": 32}, **words}
    (folder / "card.yaml").write_text(dump_yaml(about), encoding="utf-8")
    return folder / "card.yaml"


# ---- limits --------------------------------------------------------------------------------------------------------


def configurations() -> list[type[Config]]:
    """Every configuration of the package, and the records that are written as such."""
    for module in pkgutil.walk_packages(physadv.__path__, "physadv."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, rest = [], [Config]
    while rest:
        rest += (below := rest.pop().__subclasses__())
        found += [one for one in below if one.__module__.startswith("physadv.")]
    return sorted(set(found), key=lambda one: one.__qualname__)


def _limits(kind: Any, told: list[Any]) -> list[set[str]]:
    """Which limits the whole numbers of a type have."""
    if get_origin(kind) is Annotated:
        return _limits(get_args(kind)[0], [*told, *kind.__metadata__])
    if kind is int:
        parts = [part for one in told for part in getattr(one, "metadata", [one])]
        return [{name for part in parts for name in ("ge", "gt", "le", "lt") if getattr(part, name, None) is not None}]
    if get_origin(kind) is Literal:
        return []
    return [found for part in get_args(kind) for found in _limits(part, told)]


def test_every_whole_number_of_a_configuration_has_an_upper_limit() -> None:
    bare = {
        (one.__name__, name)
        for one in configurations()
        for name, field in one.model_fields.items()
        for limits in _limits(field.annotation, list(field.metadata))
        if not limits & {"le", "lt"} and (limits or isinstance(field.default, int))
    }
    assert bare <= {("PhotographSummary", "outcomes_version")}


@pytest.mark.parametrize(
    ("model", "words", "said"),
    [
        (DesignConfig, {"steps": 1, "held_out_frames": 10**7}, "held_out_frames = 10000000: should be at most 100000"),
        (DesignConfig, {"steps": 10**12}, "steps = 1000000000000: should be at most 1000000"),
        (DesignConfig, {"steps": 1, "views": 10**9}, "views = 1000000000: should be at most 4096"),
        (DesignConfig, {"seconds": 1e12}, "seconds = 1000000000000.0: should be at most 2592000"),
        (DesignConfig, {"steps": 1, "texture_px": 10**6}, "texture_px = 1000000: should be at most 2048"),
        (RobustnessPlan, {"victims": ["v"], "attacks": [{"attack": "fgsm"}], "batch": 10**9}, "batch = 1000000000"),
        (Battery, {"name": "b", "entries": [{"scene": "wide", "seed": 0, "frames": 10**9}]}, "frames = 1000000000"),
    ],
)  # fmt: skip
def test_a_slip_of_the_pen_is_told(model: type[Config], words: dict[str, Any], said: str) -> None:
    with pytest.raises(PhysadvError) as caught:
        validate(model, words, "test")
    assert said in str(caught.value)


def test_drives_count_with_their_frames() -> None:
    with pytest.raises(PhysadvError, match=r"approaches = 900000 of scene drive-by are .* at most 1,000,000"):
        load_battery({"name": "b", "entries": [{"scene": "drive-by", "seed": 0, "approaches": 900_000}]})
