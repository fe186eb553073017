"""Signs: outline, artwork, size, class names; and the data sets that show them."""

from physadv.signs.catalog import class_names, keep_sign, kept_sign, list_rows, load_sign, read_sign, sign_names
from physadv.signs.datasets import DATASETS, Item, SignDataset, data_root, load_dataset, squash
from physadv.signs.sheet import draw_sheet
from physadv.signs.sign import Sign

__all__ = [
    "DATASETS",
    "Item",
    "Sign",
    "SignDataset",
    "class_names",
    "data_root",
    "draw_sheet",
    "keep_sign",
    "kept_sign",
    "list_rows",
    "load_dataset",
    "load_sign",
    "read_sign",
    "sign_names",
    "squash",
]
