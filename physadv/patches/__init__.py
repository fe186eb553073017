"""What is put on a sign: masks, paint, printable colors, and the bundle on disk."""

from physadv.patches import mask_kinds as mask_kinds  # registers the kinds
from physadv.patches import paint_kinds as _paint_kinds  # noqa: F401 (registers them)
from physadv.patches.bundle import (
    BUNDLE_PX,
    CHECKPOINT,
    NOTICE,
    Patch,
    PatchRecord,
    VictimNote,
    bundle_of,
    check_replaceable,
    find_bundle,
    load_patch,
    new_patch,
    save_patch,
)
from physadv.patches.compose import compose, compose_texels, with_rim
from physadv.patches.controls import CONTROLS, control_patch
from physadv.patches.freeform_mask import freeform_mask
from physadv.patches.mask import MASKS, InMillimeters, Mask, MaskConfig, MaskField, Shapes, build_mask, parse_mask
from physadv.patches.paint import PAINTS, PaintConfig, PaintKind, parse_paint
from physadv.patches.patch_of_picture import patch_from_picture
from physadv.patches.printability import (
    Inks,
    PaintedTexels,
    Palette,
    generic_palette,
    load_palette,
    non_printability,
    total_variation,
)
from physadv.patches.printer_colors import Calibration, Ink, as_sent, ink_of, load_calibration, save_calibration
from physadv.patches.rectangle_mask import check_fits, discover_mask

__all__ = [
    "BUNDLE_PX",
    "CHECKPOINT",
    "CONTROLS",
    "MASKS",
    "NOTICE",
    "PAINTS",
    "Calibration",
    "InMillimeters",
    "Ink",
    "Inks",
    "Mask",
    "MaskConfig",
    "MaskField",
    "PaintConfig",
    "PaintKind",
    "PaintedTexels",
    "Palette",
    "Patch",
    "PatchRecord",
    "Shapes",
    "VictimNote",
    "as_sent",
    "build_mask",
    "bundle_of",
    "check_fits",
    "check_replaceable",
    "compose",
    "compose_texels",
    "control_patch",
    "discover_mask",
    "find_bundle",
    "freeform_mask",
    "generic_palette",
    "ink_of",
    "load_calibration",
    "load_palette",
    "load_patch",
    "new_patch",
    "non_printability",
    "parse_mask",
    "parse_paint",
    "patch_from_picture",
    "save_calibration",
    "save_patch",
    "total_variation",
    "with_rim",
]
