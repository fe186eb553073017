"""Signs: outline, artwork, size, class names; and the data sets that show them."""

from physadv.signs.catalog import class_names, list_rows, load_sign, read_sign, sign_names
from physadv.signs.sign import Sign

__all__ = ["Sign", "class_names", "list_rows", "load_sign", "read_sign", "sign_names"]
