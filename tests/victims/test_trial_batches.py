"""A model whose answer to a picture depends on the pictures beside it, or on chance, is found when it is loaded."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from physadv.core.errors import PhysadvError
from physadv.defenses import load_victim
from physadv.victims import wrap_module

SHIPPED = load_victim("gtsrb-cnn")
NETWORK: nn.Module = SHIPPED.network  # type: ignore[assignment]


class Sequence(nn.Module):
    """A recurrent layer that takes the batch for time."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network, self.layer = NETWORK, nn.LSTM(43, 43)

    def forward(self, images: Tensor) -> Tensor:
        logits = self.network(images)
        return logits + 8.0 * self.layer(logits)[0]


def beside_the_first(images: Tensor) -> Tensor:
    return NETWORK(images) + 0.5 * (NETWORK(images) - NETWORK(images[:1]))


def of_large_batches(images: Tensor) -> Tensor:
    return NETWORK(images - images.mean(0) if len(images) > 8 else images)


def random_but_for_the_first(images: Tensor) -> Tensor:
    logits = NETWORK(images)
    return torch.cat([logits[:1], logits[1:] + 20.0 * torch.randn_like(logits[1:])])


@pytest.mark.parametrize(
    "network", [Sequence().eval(), beside_the_first, of_large_batches], ids=["sequence", "first", "large"]
)
def test_an_answer_that_depends_on_the_batch_is_refused(network: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(PhysadvError, match="changes with the pictures beside it"):
        wrap_module(network, name="odd", classes=SHIPPED.classes, size=32, box="either")


def test_chance_is_told_wherever_it_is() -> None:
    found = wrap_module(random_but_for_the_first, name="odd", classes=SHIPPED.classes, size=32, box="either")
    assert any("it is random" in doubt for doubt in found.doubts)


def test_the_shipped_networks_raise_no_alarm() -> None:
    for name in ("gtsrb-cnn", "gtsrb-cnn-robust"):
        assert load_victim(name).doubts == ()
