"""A field of true and false takes these two alone, in files, on the command line and from Python."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from cli_kit import Command, refused
from pydantic import BaseModel, Field

import physadv.cli.app  # noqa: F401 (with it, every configuration is there)
from physadv.core.config import Config, load_config, settings, validate
from physadv.core.errors import PhysadvError
from physadv.victims.preprocess import InputConfig


class Switches(Config):
    """Every way to ask for one."""

    plain: bool = True
    perhaps: bool | None = None
    noted: Annotated[bool, Field(description="x")] = True
    several: tuple[bool, ...] = ()
    named: dict[str, bool] = Field(default_factory=dict)


class Outer(Config):
    inner: Switches = Switches()


@pytest.mark.parametrize("value", ["off", "on", "yes", "no", "t", "f", "1", "0", 0, 1, 0.0, "", "None"])
@pytest.mark.parametrize("field", ["plain", "perhaps", "noted"])
def test_nothing_else_is_true_or_false(field: str, value: Any) -> None:
    with pytest.raises(PhysadvError, match=f"x: inner.{field} = .*: should be true or false"):
        validate(Outer, {"inner": {field: value}}, "x")


def test_every_wrong_switch_is_told() -> None:
    wrong = {"plain": "off", "several": [True, "on"], "named": {"a": 1}}
    with pytest.raises(PhysadvError, match=r"3 faults: .*plain = 'off'.*several\.1 = 'on'.*named\.a = 1"):
        validate(Switches, wrong, "x")
    with pytest.raises(PhysadvError, match="plain = 'false': should be true or false, without quotes"):
        validate(Switches, {"plain": "false"}, "x")


@pytest.mark.parametrize(("word", "value"), [("true", True), ("false", False), ("True", True), ("FALSE", False)])
def test_yamls_own_words(tmp_path: Path, word: str, value: bool) -> None:
    (tmp_path / "x.yaml").write_text(f"inner: {{plain: {word}, several: [{word}]}}\n")
    read = load_config(Outer, tmp_path / "x.yaml")
    assert read == validate(Outer, settings([f"inner.plain={word}", f"inner.several=[{word}]"], "--set"), "x")
    assert (read.inner.plain, read.inner.several) == (value, (value,))


def test_from_python_a_number_is_no_switch() -> None:
    assert validate(InputConfig, {"size": 32, "grayscale": True}, "x").grayscale
    with pytest.raises(PhysadvError, match="grayscale = 'yes': should be true or false"):
        validate(InputConfig, {"size": 32, "grayscale": "yes"}, "x")


def test_on_the_command_line(physadv: Command, tmp_path: Path) -> None:
    words = ["attack", "pgd", "--victim", "gtsrb-cnn", "--data", tmp_path, "--out", tmp_path / "out"]
    refused(physadv(*words, "--set", "random_start=off"), "random_start = 'off': should be true or false")
    refused(physadv(*words, "--set", "random_start=0"), "random_start = 0: should be true or false")


def test_every_configuration_is_one_of_ours() -> None:
    """A model that is no Config would take off for false again."""
    own = {
        model
        for model in _below(BaseModel)
        if model.__module__.startswith("physadv.") and not issubclass(model, Config)
    }
    assert own == set()


def _below(model: type[BaseModel]) -> set[type[BaseModel]]:
    return {found for one in model.__subclasses__() for found in ({one} | _below(one))}
