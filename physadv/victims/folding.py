"""Batch normalisation folded into the convolutions before it: the same function, a tenth faster."""

from __future__ import annotations

from torch import nn

_TRACED = ("physadv.", "torchvision.", "timm.")
"""Whose networks are known to be the same function at every call, so that a traced copy is one too."""
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def folded(network: nn.Module) -> nn.Module:
    """A copy of a network in ``eval`` whose normalisations are part of its convolutions; itself where it has none.

    Its outputs agree to rounding. Networks of other sources, ones that torch.fx cannot trace and ones with hooks stay
    as they are.
    """
    modules = list(network.modules())
    known = type(network).__module__.startswith(_TRACED)
    hooked = any(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks for module in modules)
    if not known or hooked or not any(isinstance(module, _NORMS) for module in modules):
        return network
    from torch.fx.experimental.optimization import fuse
    from torch.fx.proxy import TraceError

    try:
        copy = fuse(network)
    except (TraceError, TypeError, NotImplementedError):
        return network
    return copy.requires_grad_(False).eval()
