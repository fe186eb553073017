"""Options that several commands share: one name, one help text and one range each.

Ranges are those of the configurations; ``tests/cli/test_options_reach.py`` compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from physadv.core.files import check_file, check_writable
from physadv.core.limits import MAX_BATCH, MAX_FRAMES, MAX_RUN_SEED, MAX_VIEWS
from physadv.core.number_format import with_interval

_VICTIM = "A shipped victim's name, or the path of a victim card"
VictimOption: TypeAlias = Annotated[str, typer.Option("--victim", metavar="NAME|CARD", help=f"{_VICTIM}.")]
VictimsOption: TypeAlias = Annotated[
    list[str], typer.Option("--victim", metavar="NAME|CARD", help=f"{_VICTIM}; may be repeated.")
]
DefenseOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--defense", metavar="DEFENSE", help="A defense around every victim, such as jpeg:quality=75; may be repeated."
    ),
]
TrueClassOption: TypeAlias = Annotated[
    str | None, typer.Option("--true-class", help="The victim's name for the sign's class, if no name matches.")
]
GoalOption: TypeAlias = Annotated[
    str,
    typer.Option("--goal", metavar="GOAL", help="untargeted, targeted:CLASS, runner_up ...; see physadv list goals."),
]

_SIGN = typer.Option("--sign", help="The sign: a name (see physadv list signs) or a YAML file.")
SignOption: TypeAlias = Annotated[str, _SIGN]
OptionalSignOption: TypeAlias = Annotated[str | None, _SIGN]
_SCENE = "A scene: a name (see physadv list scenes) or a YAML file"
SceneOption: TypeAlias = Annotated[str, typer.Option("--scene", metavar="SCENE", help=f"{_SCENE}.")]
ScenesOption: TypeAlias = Annotated[
    list[str] | None, typer.Option("--scene", metavar="SCENE", help=f"{_SCENE}; may be repeated.")
]
ViewsOption: TypeAlias = Annotated[int, typer.Option("--views", min=1, max=MAX_VIEWS, help="Frames in each step.")]
CalibrationOption: TypeAlias = Annotated[
    Path | None, typer.Option("--calibration", help="Colors of a printer and a camera: a file of physadv calibrate.")
]

DatasetOption: TypeAlias = Annotated[
    str, typer.Option("--dataset", metavar="DATASET", help="Data set of the pictures: gtsrb, lisa or image-folder.")
]
SplitOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--split", help="Split of the data set. [default: that for training to train, else for testing]"),
]
LimitOption: TypeAlias = Annotated[
    int, typer.Option("--limit", min=1, max=MAX_FRAMES, help="How many pictures; --seed draws them.")
]
DataOption: TypeAlias = Annotated[
    Path | None, typer.Option("--data", help="Folder of the data sets. [default: PHYSADV_DATA]")
]

SetOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="A key that has no option of its own, such as eps=0.03; may be repeated."
    ),
]
BatchOption: TypeAlias = Annotated[
    int, typer.Option("--batch", min=1, max=MAX_BATCH, help="Pictures or frames at once; less needs less memory.")
]
SeedOption: TypeAlias = Annotated[
    int, typer.Option("--seed", min=0, max=MAX_RUN_SEED, help="Seed of all that is drawn at random.")
]
_DEVICE = typer.Option("--device", help="auto (a CUDA GPU if there is one), cpu, cuda, cuda:1, gpu or mps.")
DeviceOption: TypeAlias = Annotated[str, _DEVICE]
OptionalDeviceOption: TypeAlias = Annotated[str | None, _DEVICE]

ResultsArgument: TypeAlias = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="A folder that physadv evaluate or run has written.")
]
CameraOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--camera", help="A file of physadv photos calibrate-camera. [default: focal length in EXIF]"),
]
EveryOption: TypeAlias = Annotated[int, typer.Option("--every", min=1, help="Take every n-th frame of a video.")]
PaperOption: TypeAlias = Annotated[
    str, typer.Option("--paper", help="A5, A4, A3, A2, A1, A0, Letter, Legal or Tabloid.")
]
MarginOption: TypeAlias = Annotated[float, typer.Option("--margin-mm", help="Border that the printer leaves white.")]
BarOption: TypeAlias = Annotated[
    float | None,
    typer.Option("--bar-mm", help="Measured length of the 100 mm bar of a printed sheet; sizes are corrected by it."),
]
IccOption: TypeAlias = Annotated[Path | None, typer.Option("--icc", help="The printer's ICC profile. [default: sRGB]")]
IntentOption: TypeAlias = Annotated[
    str, typer.Option("--intent", help="With --icc: perceptual, relative, saturation or absolute.")
]


def out_folder(text: str) -> Any:
    """``--out`` of a command that writes a folder; one that cannot be written is refused before any work."""
    return typer.Option("--out", help=text, callback=lambda out: _checked(out, check_writable))


def out_file(text: str) -> Any:
    """``--out`` of a command that writes a file; one that cannot be written is refused before any work."""
    return typer.Option("--out", help=text, callback=lambda out: _checked(out, check_file))


def _checked(out: Path | None, check: Callable[[Path], None]) -> Path | None:
    if out is not None:
        check(out)
    return out


def behind(victims: list[str], defenses: list[str] | None) -> list[str]:
    """The victims' names with the defenses around them, as :func:`physadv.defenses.load_victim` takes them."""
    if defenses:
        from physadv.defenses import build_defense

        for words in defenses:
            build_defense(words)
    return ["+".join([victim, *(defenses or ())]) for victim in victims]


def held_out(measured: Mapping[str, Any]) -> str:
    """Success on frames held out, as a patch's record has it: ``93.0 % (89.2 to 95.5) of 256``."""
    from physadv.core.statistics import wilson

    success, frames = measured["held_out_success"], measured["held_out_frames"]
    low, high = wilson(success * frames, frames)
    return f"{with_interval(success, low, high)} of {frames}"
