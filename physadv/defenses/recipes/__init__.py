"""The defenses of the literature; importing this registers every file's."""

from physadv.core.registry import import_all

import_all(__path__, __name__)
