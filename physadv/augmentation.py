"""Light, shadow, air, lens, sensor, JPEG, weather, placement and whole scenes as Kornia augmentations.

They are modules in the sense of ``kornia.augmentation``: they work alone, in ``torch.nn.Sequential`` and in
``AugmentationSequential``, move masks, boxes and keypoints along, and replay a picture by its parameters.

    augment = AugmentationSequential(RandomPlacement(), RandomSensor(), data_keys=["input", "mask"])
    pictures, masks = augment(pictures, masks)
"""

from physadv.scenes.kornia.augmentation import *  # noqa: F403
from physadv.scenes.kornia.augmentation import __all__ as __all__
