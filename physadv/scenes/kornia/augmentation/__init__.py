"""The steps of a scene as augmentations in Kornia's sense, to be used wherever Kornia's are."""

from physadv.scenes.kornia.augmentation.camera import RandomLens, RandomQuickJPEG, RandomSensor
from physadv.scenes.kornia.augmentation.light import RandomCastShadow, RandomHaze, RandomIllumination
from physadv.scenes.kornia.augmentation.placement import RandomPlacement
from physadv.scenes.kornia.augmentation.scene import RandomScene
from physadv.scenes.kornia.augmentation.weather import RandomWeather

__all__ = [
    "RandomCastShadow",
    "RandomHaze",
    "RandomIllumination",
    "RandomLens",
    "RandomPlacement",
    "RandomQuickJPEG",
    "RandomScene",
    "RandomSensor",
    "RandomWeather",
]
