"""Signs: outline, artwork, size, class names; and the data sets that show them.

What needs torch loads on first use, so that the signs can be listed without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from physadv.core.lazy import lazy_names
from physadv.signs.catalog import (
    SIGNS,
    SignField,
    class_names,
    keep_sign,
    kept_sign,
    list_rows,
    load_sign,
    read_sign,
    sign_names,
)
from physadv.signs.sign import Sign

if TYPE_CHECKING:
    from physadv.signs.datasets import DATASETS, Item, SignDataset, data_root, load_dataset, squash
    from physadv.signs.sheet import draw_sheet
else:
    _DATASETS = ("DATASETS", "Item", "SignDataset", "data_root", "load_dataset", "squash")
    __getattr__ = lazy_names(
        __name__, {**dict.fromkeys(_DATASETS, "physadv.signs.datasets"), "draw_sheet": "physadv.signs.sheet"}
    )

__all__ = [
    "DATASETS",
    "SIGNS",
    "Item",
    "Sign",
    "SignDataset",
    "SignField",
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
