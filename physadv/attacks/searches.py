"""Searches: how a perturbation's parameters move, given the gradient of the loss."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, SerializeAsAny
from torch import Tensor

from physadv.core.config import Config, beside, collected, parse_kind
from physadv.core.named import YAML
from physadv.core.registry import Registry

State = dict[str, Tensor]


class Search(Config, ABC):
    """A first-order search. Its state is a mapping of tensors, so that a checkpoint holds all of it."""

    kind: str

    @abstractmethod
    def begin(self, theta: Tensor) -> State:
        """State before the first step."""

    @abstractmethod
    def step(self, theta: Tensor, gradient: Tensor, state: State, *, progress: float) -> tuple[Tensor, State]:
        """Next parameters and state; ``progress`` in [0,1] is the share of the budget that is spent."""


def cosine_decay(progress: float, *, floor: float = 0.05) -> float:
    """From 1 down to ``floor`` along half a cosine (Loshchilov & Hutter 2017, eq. 5, without restarts)."""
    return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))


SEARCHES: Registry[type[Search]] = Registry("search")
"""Kinds of search by name."""


def parse_search(spec: str | Path | Mapping[str, Any] | Search) -> Search:
    """A search from its kind's name, a YAML file, a mapping, or itself.

    Raises:
        PhysadvError: unknown kind, unreadable file, unknown key or wrong value.
    """
    return spec if isinstance(spec, Search) else parse_kind(spec, SEARCHES)


SearchConfig: TypeAlias = Annotated[SerializeAsAny[Search], BeforeValidator(collected(parse_search)), beside(YAML)]
"""A search inside another configuration: a kind's name, a YAML file's path, or the search's own keys."""
