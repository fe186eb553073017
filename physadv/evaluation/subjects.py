"""What stands on the post: a patch, and the controls that are seen in the same frames."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from physadv.core.errors import PhysadvError
from physadv.core.files import sha256
from physadv.evaluation.batteries.summary import SUBJECTS, Subject
from physadv.evaluation.design_record import DesignRecord, making_of
from physadv.goals import Goal, Untargeted, parse_goal
from physadv.patches import Ink, Patch, as_sent, control_patch, load_patch
from physadv.patches.bundle import find_bundle
from physadv.scenes import PaintedSign
from physadv.signs import Sign
from physadv.victims import Victim

TEXTURE_PX = (256, 512)
"""Least and most texels a side; between them, four for a pixel of the largest victim's input."""
CONTROL_SEED = 0
"""Of the random control's texture: the same for all patches, so that two evaluations can be compared."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A patch to be scored.

    Attributes:
        name: of the patch, unique in a run.
        sign: what it is on.
        painted: the painted sign of each subject; clean signs are one object for all patches of a sign.
        record: ``patch.json``.
        making: what of it an evaluation needs.
        folder: of the bundle, None if it was never saved.
        sha256: of everything that is seen of the patch.
    """

    name: str
    sign: Sign
    painted: dict[Subject, PaintedSign]
    record: dict[str, Any]
    making: DesignRecord
    folder: str | None
    sha256: str


def texture_px(input_size_px: int) -> int:
    """Texels a side for victims whose longest input side is ``input_size_px``."""
    return min(max(4 * input_size_px, TEXTURE_PX[0]), TEXTURE_PX[1])


def known_goal(words: str | None, victim: Victim, true_class: int) -> Goal:
    """What a patch was made for, as far as a victim knows its classes; else any wrong class.

    Raises:
        PhysadvError: they are no goal, or a class that they name may be several of the victim's.
    """
    untargeted, goal = Untargeted(true_class), parse_goal(words or Untargeted.kind)
    known = [victim.find_class(name) for name in goal.named]
    if None in known or true_class in known:
        return untargeted
    try:
        return goal.bind(victim, true_class)
    except PhysadvError:  # it has too few classes, for instance
        return untargeted


def load_candidates(
    patches: Sequence[Path | Patch], *, px: int, device: torch.device, ink: Ink = as_sent
) -> list[Candidate]:
    """The patches with their controls, painted at ``px`` texels a side, in colors that reflect what ``ink`` says.

    Raises:
        PhysadvError: none, one is not readable, or two have the same name.
    """
    if not patches:
        raise PhysadvError("no patch to evaluate; name at least one folder")
    clean: dict[str, PaintedSign] = {}
    candidates: list[Candidate] = []
    for spec in patches:
        patch, folder = (spec, None) if isinstance(spec, Patch) else (load_patch(spec), find_bundle(spec))
        candidates.append(_candidate(patch, folder, clean, px, device, ink))
        names = [candidate.name for candidate in candidates]
        if names.count(names[-1]) > 1:
            raise PhysadvError(f"two patches are named {names[-1]!r}; rename the folder of one of them")
    return candidates


def _candidate(
    patch: Patch, folder: Path | None, clean: dict[str, PaintedSign], px: int, device: torch.device, ink: Ink
) -> Candidate:
    painted: dict[Subject, PaintedSign] = {}
    for subject in SUBJECTS:
        if subject == "clean" and patch.sign.fingerprint in clean:
            painted["clean"] = clean[patch.sign.fingerprint]
            continue
        shown = patch if subject == "patch" else control_patch(patch, subject, CONTROL_SEED)
        painted[subject] = PaintedSign(patch.sign, shown.painted(px, ink).to(device), shown.sheeting(px).to(device))
    clean.setdefault(patch.sign.fingerprint, painted["clean"])
    return Candidate(
        name=folder.resolve().name if folder else patch.record.name,
        sign=patch.sign,
        painted=painted,
        record=patch.record.model_dump(mode="json"),
        making=making_of(patch),
        folder=str(folder) if folder else None,
        sha256=_digest(painted, folder),
    )


def _digest(painted: dict[Subject, PaintedSign], folder: Path | None) -> str:
    digest = hashlib.sha256()
    for subject in SUBJECTS:
        for tensor in (painted[subject].rgba, painted[subject].sheeting):
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
    if folder is not None:
        digest.update(sha256(folder / "patch.json").encode())
    return digest.hexdigest()
