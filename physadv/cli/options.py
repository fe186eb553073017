"""Options that several commands share, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

VictimOption = Annotated[str, typer.Option("--victim", help="A shipped victim's name, or the path of a victim card.")]
DefenseOption = Annotated[
    list[str] | None,
    typer.Option("--defense", help="A defence around every victim, such as jpeg:quality=75; may be repeated."),
]
DeviceOption = Annotated[str, typer.Option(help="cpu, cuda or mps.")]
SeedOption = Annotated[
    int, typer.Option(min=0, max=2**31 - 1, help="Seed of everything that is drawn at random.", show_choices=False)
]

CalibrationOption = Annotated[
    Path | None, typer.Option(help="File of a printer's and a camera's colours, as physadv calibrate writes it.")
]
DataOption = Annotated[Path | None, typer.Option(help="Data folder; in place of PHYSADV_DATA.")]


def behind(victims: list[str], defenses: list[str] | None) -> list[str]:
    """The victims' names with the defences around them, as :func:`physadv.defenses.load` takes them."""
    if defenses:
        from physadv.defenses import build_defense

        for words in defenses:
            build_defense(words)
    return ["+".join([victim, *(defenses or ())]) for victim in victims]
