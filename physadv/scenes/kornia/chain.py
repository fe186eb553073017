"""A row of Kornia's augmentations whose parameters are drawn frame by frame, kept, and applied again.

Kornia draws the parameters of a whole batch from torch's one generator. Here frames are drawn in blocks of 64, each
from a seed of its own, so that frame i depends on ``(seed, i)`` alone and a batch of any frames can be put together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeAlias

import torch
from kornia.augmentation import AugmentationSequential, ImageSequential
from kornia.augmentation.base import _BasicAugmentationBase
from kornia.augmentation.container.params import ParamItem
from torch import Tensor, nn

from physadv.core.errors import PhysadvError
from physadv.core.randomness import integers
from physadv.scenes.kornia.modules import reason

BLOCK = 64
"""Frames whose parameters are drawn together."""
MOST_KEPT = 32
"""Numbers a parameter has for each frame, at most, to be kept; a field of noise is drawn again from its seed."""
SEED = "seed"
"""Name of the block's seed among what is kept."""
_BLOCKS_HELD = 4
_DEEPEST = 12

Parameters: TypeAlias = list[ParamItem]


class Chain:
    """Augmentations in a row, on square pictures.

    Attributes:
        modules: Kornia's container.
        px: side of the pictures that go in.
        size: of the pictures that come out, (H, W).
        without_gradient: names of the modules that pass no gradient.
        described: all that the modules are made with.
    """

    def __init__(self, modules: AugmentationSequential, *, px: int) -> None:
        self.modules, self.px = modules, px
        self.described = described(modules)
        self._held: dict[int, Parameters] = {}
        self._steady = modules.random_apply is False and all(
            isinstance(module, _BasicAugmentationBase) for module in modules.children()
        )
        self.without_gradient, self.size = self._tried()

    def draw(self, index: Tensor, *, seed: int) -> dict[str, Tensor]:
        """What there is to keep of the parameters of frames ``index [N]``: the block's seed and all small ones.

        Only the seed is kept where the modules are not the same for all frames.
        """
        blocks = torch.div(index, BLOCK, rounding_mode="floor")
        seeds = integers(blocks, seed=seed, stream="kornia")
        parts: list[dict[str, Tensor]] = []
        for number in torch.unique_consecutive(blocks).tolist():
            rows = index[blocks == number] % BLOCK
            block = int(integers(torch.tensor([number]), seed=seed, stream="kornia"))
            parts.append({name: values[rows] for name, values in self._small(self._block(block)).items()})
        return {SEED: seeds} | {name: torch.cat([part[name] for part in parts]) for name in (parts[0] if parts else {})}

    def __call__(self, pictures: Tensor, index: Tensor, kept: Mapping[str, Tensor]) -> Tensor:
        """Pictures ``[N, 3, px, px]`` of frames ``index [N]`` as their parameters change them, ``[N, 3, H, W]``."""
        seen = pictures.new_zeros(len(pictures), pictures.shape[1], *self.size)
        for which, parameters in self._groups(index, kept, pictures.device):
            seen = seen.index_copy(0, which, self._applied(self.modules, pictures[which], parameters).to(seen))
        return seen

    def matrices(self, index: Tensor, kept: Mapping[str, Tensor]) -> Tensor:
        """Where points of the pictures go, ``[N, 3, 3]`` float64, in pixels of which pixel i covers [i, i + 1)."""
        found = torch.eye(3, dtype=torch.float64, device=index.device).repeat(len(index), 1, 1)
        for which, parameters in self._groups(index, kept, index.device):
            blank = torch.zeros(len(which), 3, self.px, self.px, device=index.device)
            matrix = self.modules.get_transformation_matrix(blank, parameters, recompute=True)
            if matrix is not None:
                found[which] = matrix.double().expand(len(which), 3, 3)
        # Kornia's pixel i has its middle at i
        middle = torch.eye(3, dtype=torch.float64, device=index.device)
        middle[:2, 2] = 0.5
        moved: Tensor = middle @ found @ torch.linalg.inv(middle)
        return moved

    def _groups(
        self, index: Tensor, kept: Mapping[str, Tensor], device: torch.device
    ) -> list[tuple[Tensor, Parameters]]:
        """The frames of each block, and their parameters."""
        if SEED not in kept or not set(self._small(self._block(0))) <= set(kept):
            raise PhysadvError("the frames' parameters are not those of these transforms; sample the scene again")
        groups = []
        for seed in sorted(set(kept[SEED].tolist())):
            which = (kept[SEED] == seed).nonzero()[:, 0]
            rows = (index[which] % BLOCK).cpu()
            own = {name: values[which].to(device) for name, values in kept.items()}
            groups.append((which.to(device), _picked(self._block(seed), rows, device, own)))
        return groups

    def _block(self, seed: int) -> Parameters:
        """The parameters of a block; the last few are held."""
        if seed not in self._held:
            while len(self._held) >= _BLOCKS_HELD:
                self._held.pop(next(iter(self._held)))
            self._held[seed] = _seeded(
                seed, lambda: self.modules.forward_parameters(torch.Size((BLOCK, 3, self.px, self.px)))
            )
        return self._held[seed]

    def _small(self, block: Parameters) -> dict[str, Tensor]:
        """Parameters to keep ``[BLOCK, ...]``, by the names of module and parameter."""
        if not self._steady:
            return {}
        found = {}
        for item in block:
            always = getattr(self.modules.get_submodule(item.name), "p", None) == 1.0
            for key, values in item.data.items():
                if key == "batch_idx" or (key == "batch_prob" and always):
                    continue
                if _of_frames(values) and values[0].numel() <= MOST_KEPT:
                    found[f"{item.name}.{key}"] = values.float() if values.is_floating_point() else values
        return found

    def _applied(self, module: nn.Module, pictures: Tensor, parameters: Any) -> Tensor:
        if isinstance(module, AugmentationSequential):
            seen: Tensor = module(pictures, params=parameters, data_keys=["input"])
        elif isinstance(module, (ImageSequential, _BasicAugmentationBase)):
            seen = module(pictures, params=parameters)
        else:
            seen = module(pictures)
        return seen

    def _tried(self) -> tuple[tuple[str, ...], tuple[int, int]]:
        """Which modules pass no gradient, and the size of what comes out; a module that fails is named.

        Raises:
            PhysadvError: a module does not take such pictures, or does not give pictures.
        """
        shape = torch.Size((2, 3, self.px, self.px))
        start = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1
        pictures, stuck = start, []
        for name, module in self.modules.named_children():
            try:
                parameters = _seeded(0, lambda m=module, p=pictures: _always(_drawn(m, p.shape)))  # type: ignore[misc]
                leaf = pictures.clone().requires_grad_(True)
                seen = self._applied(module, leaf, parameters)
            except Exception as error:  # Kornia refuses by errors of many kinds
                raise PhysadvError(f"{name}: {reason(error)} (with pictures of {self.px} x {self.px})") from error
            if seen.shape[:2] != shape[:2] or not bool(seen.isfinite().all()):
                raise PhysadvError(f"{name}: makes no pictures of three colors of pictures of {self.px} x {self.px}")
            if min(seen.shape) < 1:
                raise PhysadvError(f"{name}: leaves nothing of pictures of {self.px} x {self.px}")
            chance = min(getattr(module, "p", 1.0), getattr(module, "p_batch", 1.0))
            if seen.shape != pictures.shape and chance < 1.0:
                raise PhysadvError(f"{name}: changes the size of pictures, so that all need it: set p to 1.0")
            if not _passes_gradient(seen, leaf):
                stuck.append(name)
            pictures = seen.detach().clamp(0.0, 1.0)
        height, width = pictures.shape[-2:]
        return tuple(stuck), (height, width)


_DRAWN = ("training", "_params", "_transform_matri", "_lazy_matrix", "_output", "input_dtype")
"""Beginnings of the names of what a module keeps of its last call."""


def described(part: Any, depth: int = 0) -> Any:
    """What a module, or what it is made of, holds: its class and all plain values, however deep. For an identity."""
    if isinstance(part, Tensor):
        return [str(part.dtype), part.detach().cpu().tolist()]
    if isinstance(part, (str, int, float, bool, type(None))):
        return part
    if isinstance(part, Mapping):
        return {str(key): described(value, depth + 1) for key, value in part.items()}
    if isinstance(part, (list, tuple, set, frozenset)):
        values = [described(one, depth + 1) for one in part]
        return sorted(values, key=str) if isinstance(part, (set, frozenset)) else values
    if isinstance(part, Enum):
        return str(part)
    held = getattr(part, "__dict__", None)
    if (
        depth > _DEEPEST
        or held is None
        or isinstance(part, type)
        or (callable(part) and not isinstance(part, nn.Module))
    ):
        return getattr(part, "__qualname__", type(part).__qualname__)
    kept = {key: value for key, value in held.items() if not key.startswith(_DRAWN) and "hook" not in key}
    return [type(part).__qualname__, {key: described(value, depth + 1) for key, value in kept.items()}]


def _seeded(seed: int, draw: Callable[[], Any]) -> Any:
    """``draw()`` with torch's own generator at a seed, which is left as it was."""
    state = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        with torch.no_grad():
            return draw()
    finally:
        torch.set_rng_state(state)


def _drawn(module: nn.Module, shape: torch.Size) -> Any:
    return module.forward_parameters(shape) if isinstance(module, (_BasicAugmentationBase, ImageSequential)) else None


def _always(parameters: Any) -> Any:
    """The same parameters, with no frame left out."""
    if isinstance(parameters, list):
        return [ParamItem(item.name, _always(item.data)) for item in parameters]
    if isinstance(parameters, dict) and "batch_prob" in parameters:
        return {**parameters, "batch_prob": torch.ones_like(parameters["batch_prob"])}
    return parameters


def _passes_gradient(seen: Tensor, leaf: Tensor) -> bool:
    if not seen.requires_grad:
        return False
    weights = torch.rand(seen.shape, generator=torch.Generator().manual_seed(1))
    (slope,) = torch.autograd.grad((seen * weights).sum(), leaf, allow_unused=True)
    return slope is not None and bool(slope.isfinite().all()) and bool(slope.abs().max() > 0)


def _of_frames(values: Any) -> bool:
    return isinstance(values, Tensor) and values.ndim > 0 and len(values) == BLOCK


def _picked(parameters: Parameters, rows: Tensor, device: torch.device, kept: Mapping[str, Tensor]) -> Parameters:
    """The parameters of some rows of a block, those that are kept in place of those that were drawn again."""

    def picked(item: ParamItem) -> ParamItem:
        if isinstance(item.data, list):
            return ParamItem(item.name, [picked(one) for one in item.data])
        if item.data is None:
            return item
        return ParamItem(item.name, {key: value(item.name, key, values) for key, values in item.data.items()})

    def value(name: str, key: str, values: Tensor) -> Tensor:
        if key == "forward_input_shape":
            return torch.tensor([len(rows), *values[1:].tolist()])
        if key == "batch_idx":  # numbers of the pictures in their batch
            return torch.arange(len(rows), device=device)[(...,) + (None,) * (values.ndim - 1)].expand_as(values[rows])
        if key == "idx" and values.shape == (1,):  # that of one picture of a batch whose rows are alike
            return torch.zeros_like(values)
        if not _of_frames(values):
            return values.to(device) if isinstance(values, Tensor) else values
        return kept.get(f"{name}.{key}", values[rows].to(device))

    return [picked(item) for item in parameters]
