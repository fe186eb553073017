"""A small sticker, found from decisions alone: paint over all, drop what is not needed, improve the rest."""

from __future__ import annotations

import itertools
import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from physadv.attacks.digital.attack import ATTACKS, Attack, Knowledge
from physadv.attacks.digital.changes import Change, Covered
from physadv.attacks.digital.norm_balls import lengths, per_row
from physadv.attacks.digital.problem import Problem
from physadv.attacks.digital.queries import at_once, conditions, decisions, looks_left
from physadv.attacks.digital.starting_points import ENOUGH, Candidates, noise, pooled, winners
from physadv.attacks.digital.transforms import transformed
from physadv.core.limits import MAX_COUNT, MAX_QUERIES

_YIELDING = (0.75, 0.5, 0.25)
"""Shares of the threshold that are tried in turn where the sticker is larger than allowed."""


@ATTACKS.register("hard-label-sticker")
class HardLabelSticker(Attack):
    """Mask and colors of a sticker that survives small transforms, in the manner of GRAPHITE (section IV).

    The whole picture is painted over so that it wins: with a target by a picture of the pool, else in one color.
    Blocks of patches, then single ones, are dropped as long as enough of the transformed pictures win (mask
    generation). Random gradient-free steps of the patches' colors then raise that share (boosting), which lets more
    patches drop. The paper orders patches by a heat map and drops them one by one; blocks that halve ask less. A
    picture without a start is left unchanged.
    """

    kind: Literal["hard-label-sticker"] = "hard-label-sticker"
    paper: ClassVar[str] = "Feng et al. 2022 (GRAPHITE), arXiv:2002.07088"
    knowledge: ClassVar[Knowledge] = "decisions"
    max_queries: int = Field(default=5000, ge=1, le=MAX_QUERIES)
    cells: int = Field(default=8, ge=2, le=256)
    """Patches along each side of the picture; of a pixel at least."""
    transforms: int = Field(default=8, ge=1, le=MAX_COUNT)
    """Looks of an estimate: the picture as it is, the others shifted, scaled, turned and brightened at random."""
    threshold: float = Field(default=0.75, gt=0, le=1)
    """Share of the transformed pictures that has to win for a patch to be dropped."""
    max_area: float = Field(default=0.25, gt=0, le=1)
    """Of the sticker, as a share of the picture; patches are dropped down to it even where that loses."""
    rounds: int = Field(default=3, ge=1, le=MAX_COUNT)
    """Of dropping and improving."""
    boosts: int = Field(default=8, ge=0, le=MAX_COUNT)
    """Steps of the colors in a round."""
    samples: int = Field(default=10, ge=1, le=MAX_COUNT)
    """Directions of an estimate of the colors' gradient."""
    sigma: float = Field(default=0.3, gt=0)
    """Standard deviation of these directions, in units of colors in [0,1]."""
    step_size: float = Field(default=0.3, gt=0)
    """Of a step of the colors, root mean square over the patches."""
    start_tries: int = Field(default=10, ge=1, le=MAX_COUNT)
    """Pictures of the pool, and noises, that are tried as a start."""

    def change(self) -> Change:
        """Opaque paint somewhere."""
        return Covered()

    def search(self, problem: Problem, generator: torch.Generator) -> Tensor:
        """The sticker of every picture that has one."""
        paint, have = winners(problem, self._starts(problem, generator), max_queries=self.max_queries)
        sides = [min(self.cells, side) for side in problem.pictures.shape[-2:]]
        cells = have[:, None, None].expand(-1, *sides).clone()
        rows = problem.rows[have]
        for turn in range(self.rounds):
            step = conditions(problem, turn + 1, every=1)
            cells[rows] = self.smaller(problem, paint[rows], cells[rows], rows, generator, step=step)
            if turn == self.rounds - 1:
                cells[rows] = self.admissible(problem, paint[rows], cells[rows], rows, generator, step=step)
            for _ in range(self.boosts):
                paint[rows] = self.boosted(problem, paint[rows], cells[rows], rows, generator, step=step)
        return _sticker(paint, cells)

    def _starts(self, problem: Problem, generator: torch.Generator) -> Candidates:
        pool, solid = pooled(problem, self.start_tries), _solid(problem)
        ordered = (pool, solid) if problem.goal.toward else (solid, pool)
        return itertools.chain(*ordered, noise(problem, generator, self.start_tries))

    def shares(
        self, problem: Problem, theta: Tensor, rows: Tensor, generator: torch.Generator, *, step: int
    ) -> tuple[Tensor, Tensor]:
        """Share of looks won ``[M]`` by stickers ``[M, 4, H, W]``, and of those as they are, ``[M]``.

        The transforms are the same for all; the generator decides them.
        """
        drawn = torch.rand(self.transforms - 1, 5, generator=generator) * 2.0 - 1.0
        won = []
        numbers = torch.arange(len(rows), device=rows.device)
        for some in torch.split(numbers, max(1, at_once(problem) // self.transforms)):
            changed = problem.changed(theta[some], rows[some])
            every = torch.cat([changed[None], transformed(changed, drawn)]).flatten(0, 1)
            share = decisions(problem, every, rows[some].repeat(self.transforms), step=step)
            won.append(share.reshape(self.transforms, -1))
        shares = torch.cat(won, dim=1)
        return shares.mean(0), shares[0]

    def _able(self, problem: Problem, rows: Tensor, estimates: int = 1) -> Tensor:
        return looks_left(problem, self.max_queries, rows) >= estimates * self.transforms

    def smaller(
        self, problem: Problem, paint: Tensor, cells: Tensor, rows: Tensor, generator: torch.Generator, *, step: int
    ) -> Tensor:
        """The patches ``[M, G, G]`` (bool) that are needed, of those given."""
        able = self._able(problem, rows).nonzero()[:, 0]
        cells, floor = cells.clone(), torch.full_like(paint[:, 0, 0, 0], self.threshold)
        if len(able):
            share, _ = self.shares(problem, _sticker(paint[able], cells[able]), rows[able], generator, step=step)
            floor[able] = torch.minimum(floor[able], share)
        size = 2 ** max(0, math.ceil(math.log2(max(cells.shape[1:]))) - 1)
        while size:
            cells = self._dropped(problem, paint, cells, rows, floor, generator, size=size, step=step)
            size //= 2
        return cells

    def admissible(
        self, problem: Problem, paint: Tensor, cells: Tensor, rows: Tensor, generator: torch.Generator, *, step: int
    ) -> Tensor:
        """The patches, no more than are allowed: first those that cost little are dropped, at last any."""
        for part in _YIELDING:
            floor = torch.full_like(paint[:, 0, 0, 0], part * self.threshold)
            cells = self._dropped(problem, paint, cells, rows, floor, generator, large=True, step=step)
        return self._trimmed(cells, paint, generator)

    def _dropped(
        self,
        problem: Problem,
        paint: Tensor,
        cells: Tensor,
        rows: Tensor,
        floor: Tensor,
        generator: torch.Generator,
        *,
        size: int = 1,
        large: bool = False,
        step: int,
    ) -> Tensor:
        """The patches less the blocks of ``size x size`` without which ``floor [M]`` is kept, tried in random order.

        With ``large`` only stickers above the area allowed are made smaller.
        """
        blocks = _blocks(cells, size)
        order = torch.rand(len(cells), len(blocks), generator=generator).argsort(1).to(cells.device)
        for nth in range(len(blocks)):
            if large and not bool((self._area(cells, paint) > self.max_area).any()):
                break
            block = blocks[order[:, nth]]
            tried = (cells & block).flatten(1).any(1) & self._able(problem, rows)
            if large:
                tried &= self._area(cells, paint) > self.max_area
            which = tried.nonzero()[:, 0]
            if not len(which):
                continue
            less = cells[which] & ~block[which]
            share, plain = self.shares(problem, _sticker(paint[which], less), rows[which], generator, step=step)
            good = (share >= floor[which]) & ((plain >= ENOUGH) | large)
            cells = cells.index_copy(0, which[good], less[good])
        return cells

    def _area(self, cells: Tensor, paint: Tensor) -> Tensor:
        return _sticker(paint, cells)[:, 3].flatten(1).mean(1)

    def _trimmed(self, cells: Tensor, paint: Tensor, generator: torch.Generator) -> Tensor:
        """Patches in random order, as long as there is room for them."""
        order = torch.rand(cells.flatten(1).shape, generator=generator).argsort(1).to(cells.device)
        kept = cells
        for nth in range(order.shape[1]):
            large = self._area(kept, paint) > self.max_area
            if not bool(large.any()):
                break
            gone = F.one_hot(order[:, nth], order.shape[1]).bool().reshape(cells.shape)
            kept = kept & ~(gone & large[:, None, None])
        return kept

    def boosted(
        self, problem: Problem, paint: Tensor, cells: Tensor, rows: Tensor, generator: torch.Generator, *, step: int
    ) -> Tensor:
        """Paint ``[M, 3, H, W]`` after a step along the estimated gradient of the share won, where that is no loss.

        The estimate is a mean of random directions, each weighted by what it gains (Nesterov & Spokoiny 2017, eq. 22);
        a color is moved as a whole in each patch, and all candidates see the same transforms.
        """
        which = (self._able(problem, rows, self.samples + 2) & cells.flatten(1).any(1)).nonzero()[:, 0]
        if not len(which):
            return paint
        seed = int(torch.randint(2**31, (), generator=generator))

        def share_of(candidate: Tensor, of: Tensor) -> Tensor:
            same = torch.Generator().manual_seed(seed)
            return self.shares(problem, _sticker(candidate, cells[of]), rows[of], same, step=step)[0]

        before = share_of(paint[which], which)
        unsure = before < 1.0
        which, before = which[unsure], before[unsure]
        ascent = torch.zeros_like(paint[which])
        for _ in range(self.samples if len(which) else 0):
            drawn = torch.randn(len(which), 3, *cells.shape[1:], generator=generator).to(paint)
            direction = F.interpolate(drawn, size=paint.shape[-2:])
            gain = share_of((paint[which] + self.sigma * direction).clamp(0.0, 1.0), which) - before
            ascent += per_row(gain, direction) * direction
        covered = _sticker(paint, cells)[which, 3:]
        ascent = ascent * covered
        moving = lengths(ascent, "l2") > 0
        which, before, ascent, covered = which[moving], before[moving], ascent[moving], covered[moving]
        if not len(which):
            return paint
        size = self.step_size * (3.0 * covered.flatten(1).sum(1)).sqrt() / lengths(ascent, "l2")
        stepped = (paint[which] + per_row(size, ascent) * ascent).clamp(0.0, 1.0)
        good = share_of(stepped, which) >= before
        return paint.index_copy(0, which[good], stepped[good])


def _sticker(paint: Tensor, cells: Tensor) -> Tensor:
    """Parameters of :class:`Covered` ``[M, 4, H, W]``."""
    where = F.interpolate(cells[:, None].to(paint), size=paint.shape[-2:])
    return torch.cat([paint, where], dim=1)


def _blocks(cells: Tensor, size: int) -> Tensor:
    """Squares of ``size`` patches a side that tile the grid, bool ``[K, G, G]``."""
    down, right = (torch.arange(side, device=cells.device) // size for side in cells.shape[1:])
    across = int(right.max()) + 1
    number = down[:, None] * across + right
    return number == torch.arange(int(number.max()) + 1, device=cells.device)[:, None, None]


def _solid(problem: Problem) -> Candidates:
    """Pictures of one color each."""
    colors = ((0.0,) * 3, (1.0,) * 3, (0.5,) * 3, *itertools.permutations((1.0, 0.0, 0.0)), (1.0, 1.0, 0.0))
    for color in dict.fromkeys(colors):
        made = problem.pictures.new_tensor(color)[None, :, None, None].expand_as(problem.pictures)
        yield made, torch.ones_like(problem.rows, dtype=torch.bool)
