"""The attacks of the literature, a file each; importing this registers them all."""

from physadv.attacks.recipes import gradient_sign

__all__ = ["gradient_sign"]
