"""Progress bars: within eighty columns, whatever is counted is text, green with the time when the work is done."""

from __future__ import annotations

import io
import itertools
import re

import pytest
from rich.console import Console

from physadv.cli import progress
from physadv.cli.progress import progress_bar
from physadv.core.progress import Progress, counter, renamed

GREEN = "\x1b[32m"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal of eighty columns gets."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=80, color_system="standard", _environ={})
    monkeypatch.setattr("physadv.cli.progress.Console", lambda **_: console)
    return written


def lines(shown: io.StringIO) -> list[str]:
    bare = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue())
    return [line for line in re.split(r"[\r\n]+", bare) if line.strip()]


def test_a_bar_ends_green_with_its_time(shown: io.StringIO) -> None:
    with progress_bar() as count:
        for done in range(3):
            count(Progress("pictures", done + 1, 4))
        count(Progress("photographs", 1, 2))
    pictures, photographs = lines(shown)[-2:]
    assert re.fullmatch(r"pictures +━+ +4/4 in 0:00 *", pictures), "it is done when the next one begins"
    assert re.fullmatch(r"photographs +━+ +2/2 in 0:00 *", photographs), "or when the work has ended well"
    assert f"{GREEN}in 0:00" in shown.getvalue()
    assert f"{GREEN}━━" in shown.getvalue()


def test_one_of_one_is_counted_too(shown: io.StringIO) -> None:
    with progress_bar() as listener:
        listener(Progress("photographs", 1, 1))
    assert re.search(r"photographs .* 1/1 in 0:00", lines(shown)[-1])


def test_work_that_fails_leaves_its_bar_as_it_was(shown: io.StringIO) -> None:
    def fails() -> None:
        with progress_bar() as count:
            count(Progress("pictures", 1, 4))
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert "1/4" in lines(shown)[-1]
    assert GREEN not in shown.getvalue()


def test_what_fails_before_it_begins_shows_nothing(shown: io.StringIO) -> None:
    with pytest.raises(KeyError), progress_bar():
        raise KeyError
    assert shown.getvalue() == ""


@pytest.mark.parametrize("title", ["yield[/b]", "[red]stop", "[link=x]y[/link]", "a" * 300, "\u6b62\u307e\u308c" * 9])
def test_a_title_is_text_within_the_line(shown: io.StringIO, title: str) -> None:
    with progress_bar() as count:
        count(Progress(title, 1, 123456))
        with progress_bar() as design:
            design(Progress(title, 0.5, None, step=123456, loss=12.345, shares={"held out": 1.0}))
    assert lines(shown)[-1].startswith(title[:8])
    assert max(map(len, lines(shown))) <= 80


def test_a_training_and_a_design_keep_within_the_line(shown: io.StringIO) -> None:
    with progress_bar() as training:
        for step in (1, 1999):
            training(Progress("training", step, 2000, step=step, loss=12.3456, shares={"clean": 1.0, "attacked": 0.5}))
    with progress_bar() as design:
        for fraction in (0.1, 0.9):
            design(Progress("design 1/3", fraction, None, step=99999, loss=12.3456, shares={"held out": 1.0}))
    assert max(map(len, lines(shown))) <= 80
    assert any("held out 100 %" in line for line in lines(shown))
    assert any("clean 100 %  attacked 50 %" in line for line in lines(shown))


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a log gets, that is no terminal; every look at the clock takes ten seconds."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=False, width=80, _environ={})
    clock = itertools.count(0.0, 10.0)
    monkeypatch.setattr("physadv.cli.progress.Console", lambda **_: console)
    monkeypatch.setattr(progress, "monotonic", lambda: next(clock))
    return written


def test_a_log_gets_a_plain_line_now_and_then(log: io.StringIO) -> None:
    with progress_bar() as count:
        for done in range(7):
            count(Progress("pictures [b]", done + 1, 10))
        count(Progress("photographs", 1, 2))
        count(Progress("photographs", 2, 2))
    said = log.getvalue().splitlines()
    assert len(said) == 3, "one every half a minute"
    assert re.fullmatch(r"pictures \[b\]  30 %  3/10  .* left", said[0])
    assert re.fullmatch(r"pictures \[b\]  60 %  6/10  .* left", said[1])
    assert re.fullmatch(r"photographs  100 %  2/2  in \d+:\d\d", said[2])


def test_trainings_and_designs_are_logged_with_what_their_bars_show(log: io.StringIO) -> None:
    with progress_bar() as stands:
        for step in range(1, 4):
            stands(Progress("training", step, 2000, step=step, loss=0.5, shares={"clean": 0.9}))
    assert re.fullmatch(r"training  0 %  3/2000 loss 0\.500 clean 90 %  .* left\n", log.getvalue())


def test_quick_work_leaves_a_log_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar() as count:
        for done in range(1000):
            count(Progress("pictures", done, 1000))
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    assert capsys.readouterr() == ("", "")
    with progress_bar() as count:
        count(Progress("pictures", 1, 4))
    out, error = capsys.readouterr()
    assert (out, error.startswith("pictures  25 %  1/4")) == ("", True)


def test_listeners_are_told_of_what_is_counted_and_by_another_name() -> None:
    told: list[Progress] = []
    counter(told.append, "frames")(3, 10)
    other = renamed(told.append, "mine")
    assert other is not None
    other(Progress("frames", 1, 2, loss=0.5))
    assert told == [Progress("frames", 3, 10), Progress("mine", 1, 2, loss=0.5)]
    counter(None, "frames")(3, 10)
    assert renamed(None, "mine") is None
