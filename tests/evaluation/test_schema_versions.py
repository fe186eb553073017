"""A schema's version changes with what is in it, and every goal's outcome is in the table."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pyarrow.parquet as pq
import pytest
import torch
from evaluation_kit import ColorVictim, colored_patch, quick_battery
from goal_kit import goal_words
from pydantic import BaseModel

from physadv.core.errors import PhysadvError
from physadv.core.identity import digest_of
from physadv.evaluation import evaluate
from physadv.evaluation.batteries.summary import read_summary
from physadv.evaluation.outcomes import OUTCOMES_VERSION, SCHEMA
from physadv.evaluation.result import RESULTS
from physadv.goals import GOALS, parse_goal
from physadv.victims import Reading


def fields_of(model: type[BaseModel]) -> dict[str, list[str]]:
    """The fields of a model and of all models in it, by class."""
    found = {model.__name__: sorted(model.model_fields)}
    waiting = [field.annotation for field in model.model_fields.values()]
    while waiting:
        kind = waiting.pop()
        waiting += get_args(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind.__name__ not in found:
            found |= fields_of(kind)
    return found


VERSIONS = {"outcomes": (OUTCOMES_VERSION, [(field.name, str(field.type)) for field in SCHEMA])} | {
    name: (kind.model_fields["schema_version"].default, fields_of(kind)) for name, kind in RESULTS.items()
}
DIGESTS = {
    "outcomes": (3, "838a03e3e6be"),
    "batteries": (2, "ef4387dd6f94"),
    "photographs": (2, "183fb5eb96eb"),
    "robustness": (1, "e34ea7955e2b"),
    "certification": (1, "d579c7cd2d5f"),
}


@pytest.mark.parametrize("what", sorted(VERSIONS))
def test_a_schema_that_has_changed_has_another_version(what: str) -> None:
    """If this fails: raise the version of what has changed, and write its new digest here.

    A field that older files may lack, and that has a default, needs the new digest alone.
    """
    version, schema = VERSIONS[what]
    assert (version, digest_of(schema)[:12]) == DIGESTS[what]


@pytest.mark.parametrize("kind", sorted(set(GOALS) - {"runner_up"}))
def test_the_table_says_of_every_goal_what_was_won(kind: str, tmp_path: Path) -> None:
    victim = ColorVictim()
    names = [name for name in victim.classes if name != "stop"]
    words = parse_goal(goal_words(kind, names[0], names[-1], hide=1, least=0.5)).words
    summary = evaluate([colored_patch(goal=words)], [victim], [quick_battery(frames=40)], tmp_path / "run")
    (record,) = summary.records
    assert record.goal == words
    rows = [
        row for row in pq.read_table(tmp_path / "run" / "outcomes.parquet").to_pylist() if row["subject"] == "patch"
    ]
    assert {row["goal"] for row in rows} == {words}
    told = [dict(zip(row["top_classes"], row["top_probabilities"], strict=True)) for row in rows]
    shares = torch.tensor([[one[name] for name in victim.classes] for one in told])
    goal = parse_goal(words).bind(victim, victim.class_index("stop"))
    assert [row["won"] for row in rows] == goal.won(Reading(shares.clamp(min=1e-30).log())).tolist()
    assert record.patch_success.at_goal_raw.hits == sum(row["won"] for row in rows)


def test_a_summary_of_an_older_schema_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text('{"schema_version": 1, "records": []}')
    with pytest.raises(PhysadvError, match="version 1 of a summary; this physadv reads version 2"):
        read_summary(tmp_path)


@pytest.mark.parametrize("words", ["runner_up", "sabotage", "targeted:", "hide:3", ""])
def test_a_patch_whose_goal_says_nothing_to_a_victim_is_scored_at_any_wrong_class(words: str, tmp_path: Path) -> None:
    """Bundles of others may say anything; three classes have no fourth."""
    made = colored_patch(goal=words)
    (record,) = evaluate([made], [ColorVictim()], [quick_battery(frames=40)], tmp_path / "run").records
    assert record.goal == "untargeted"
    if words != "hide:3":
        with pytest.raises(PhysadvError, match="no patch has a target class"):
            evaluate([made], [ColorVictim()], [quick_battery(frames=40)], tmp_path / "b", max_targeted_asr=0.1)
