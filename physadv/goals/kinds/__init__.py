"""The kinds of goals, one file each; a new file in this folder registers itself."""

from physadv.core.registry import import_all

import_all(__path__, __name__)
