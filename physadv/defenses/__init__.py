"""Defenses: a victim that wraps a victim, so that whatever attacks or scores one does so to the other unchanged."""

from physadv.defenses import recipes as _recipes  # noqa: F401 (registers the defenses)
from physadv.defenses.defense import DEFENSES, Adaptive, Defended, Defense, build_defense, defended
from physadv.defenses.library import VICTIMS, VictimField, load_victim
from physadv.defenses.recipes.patch_cleanser import PatchCertificates, certify_patch
from physadv.defenses.recipes.randomized_smoothing import Certificates, certify

__all__ = [
    "DEFENSES",
    "VICTIMS",
    "Adaptive",
    "Certificates",
    "Defended",
    "Defense",
    "PatchCertificates",
    "VictimField",
    "build_defense",
    "certify",
    "certify_patch",
    "defended",
    "load_victim",
]
