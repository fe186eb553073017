"""Every registered runner: each job once, in order, none twice, told of as it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from physadv.core.progress import Listener, Progress
from physadv.evaluation.runners.runner import RUNNERS, Job


@dataclass(frozen=True)
class Squared(Job[int]):
    """Writes a number's square into a file."""

    number: int
    folder: Path
    made: list[int] = field(default_factory=list, compare=False)

    @property
    def size(self) -> int:
        return self.number

    def kept(self) -> int | None:
        path = self.folder / str(self.number)
        return int(path.read_text()) if path.exists() else None

    def make(self, listener: Listener | None) -> int:
        if self.number == 13:
            raise RuntimeError("stopped")
        self.made.append(self.number)
        (self.folder / str(self.number)).write_text(str(self.number**2))
        return self.number**2


@pytest.mark.parametrize("name", RUNNERS)
def test_cells_are_made_once_and_come_in_order(name: str, tmp_path: Path) -> None:
    made: list[int] = []
    jobs = [Squared(number, tmp_path, made) for number in (3, 1, 4, 2)]
    told: list[Progress] = []
    assert list(RUNNERS[name]().run(jobs, stage="numbers", listener=told.append)) == [9, 1, 16, 4]
    assert sorted(made) == [1, 2, 3, 4]
    assert [(one.stage, one.total) for one in told] == [("numbers", 10)] * 4
    assert [one.done for one in told] == [3, 4, 8, 10]
    (tmp_path / "4").unlink()
    assert list(RUNNERS[name]().run(jobs)) == [9, 1, 16, 4]
    assert sorted(made) == [1, 2, 3, 4, 4], "only what is missing is made again"


@pytest.mark.parametrize("name", RUNNERS)
def test_what_was_made_before_a_failure_is_kept(name: str, tmp_path: Path) -> None:
    jobs = [Squared(number, tmp_path) for number in (2, 13, 5)]
    with pytest.raises(RuntimeError, match="stopped"):
        list(RUNNERS[name]().run(jobs))
    assert jobs[0].kept() == 4
