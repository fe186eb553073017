"""Names of classes: what one list calls a class, another may spell otherwise, and no two classes may become one.

A name is looked for as it stands; then as Unicode has it, whose letters may be composed in several ways (NFC); then
loosely: compatibility forms, case, spaces and punctuation aside, letters and digits of any script kept. Each is
asked only where those before have found nothing, and counts only if it finds one class alone, and if what is dropped
does not change the meaning: a symbol does (an arrow tells two classes apart), and so does where a number ends.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

from physadv.core.errors import PhysadvError

_SEPARATORS = frozenset(
    "_-\u2010\u2011\u2012\u2013\u2014.,:;!?\u00a1\u00bf'\"\u2018\u2019\u201c\u201d\u201e/\\()[]{}\u00ab\u00bb\u3001\u3002\u30fb"
)
"""Punctuation that names are written with or without; other punctuation means something, as symbols do."""
_RAISED = re.compile(r"(\d)([\u00b2\u00b3\u00b9\u2070-\u209c\u2460-\u249b])")
_NUMBER_SIGN = re.compile(r"(?<![^\W_])[-\u2010-\u2013](?=\.?\d)|(?<![^\W_])\.(?=\d)")
_FEET_OR_INCHES = re.compile(r"(?<=\d)(?:['\u2019\u2032]+|[\"\u201d])")


def composed(name: str) -> str:
    """A name in Unicode's normal form C, in which letters that look alike and mean the same are equal."""
    return unicodedata.normalize("NFC", name)


@lru_cache(maxsize=100_000)
def loose(name: str) -> str:
    """A name without case, spaces and punctuation: ``Speed limit 45`` and ``speedLimit45`` are the same.

    Letters, digits and the marks on letters are kept in any script, in Unicode's normal form KC, case folded. A name
    without any of them is itself.
    """
    return "".join(letter for letter in _folded(name) if _is_any(letter, "LNM")) or composed(name)


@lru_cache(maxsize=100_000)
def meaning(name: str) -> tuple[str, ...]:
    """What of a name's spelling tells it apart from others that are loosely the same.

    Its symbols are kept, the sign of a number among them, and two digits that something stands between stay apart:
    ``3.5`` is ``3,5``, and is not ``35``; ``-5`` is not ``5``, ``10%`` not ``10``, and ``lane \u2190`` not
    ``lane \u2192``.
    """
    folded = _NUMBER_SIGN.sub("\N{MINUS SIGN}", _folded(_RAISED.sub(r"\1^\2", name)))
    folded = _FEET_OR_INCHES.sub(lambda marks: "\N{PRIME}" * (2 if marks[0] in '"\u201d' else len(marks[0])), folded)
    kept = "".join(" " if _separates(letter) else letter for letter in folded).split()
    apart = [part for before, part in pairwise(kept) if _is_any(before[-1], "N") and _is_any(part[0], "N")]
    return "".join(kept), *apart


def _separates(letter: str) -> bool:
    return letter in _SEPARATORS or not _is_any(letter, "LNMSP")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _is_any(letter: str, categories: str) -> bool:
    return unicodedata.category(letter)[0] in categories


_FORMS: tuple[Callable[[str], str], ...] = (str, composed, loose)


def find_name(name: str, known: Sequence[str], *, of: str = "the known names") -> int | None:
    """Place of the class that ``name`` means in ``known``, or None if there is none.

    Args:
        name: as a user, a sign or a data set has it.
        known: names of classes, all different.
        of: whose these are, for messages.

    Raises:
        PhysadvError: several are spelt alike but for case, spaces and punctuation, and none is exactly ``name``.
    """
    for form in _FORMS:
        found = [place for place, one in enumerate(known) if form(one) == form(name)]
        if len(found) > 1 and form is not str:
            raise PhysadvError(
                f"class {name!r} may be any of {_listed([known[place] for place in found])} of {of}; "
                "write one of them exactly"
            )
        if found and (form is not loose or meaning(known[found[0]]) == meaning(name)):
            return found[0]
    return None


def match_names(names: Sequence[str], known: Sequence[str], *, of: str, to: str) -> dict[int, int]:
    """Places of ``names`` to places in ``known``, for the names that are classes there; no two have the same one.

    Exact matches are made first, and what they have taken is no longer there for a loose one.

    Args:
        names: names of classes, all different.
        known: likewise.
        of: whose the ``names`` are, for messages.
        to: whose the ``known`` are, for messages.

    Raises:
        PhysadvError: a name may be any of several of ``known``, or several names may be the same one.
    """
    matched: dict[int, int] = {}
    for form in _FORMS:
        taken = set(matched.values())
        open_: dict[str, list[int]] = {}
        for place, one in enumerate(known):
            if place not in taken:
                open_.setdefault(form(one), []).append(place)
        wanted: dict[str, list[int]] = {}
        for place, one in enumerate(names):
            if place not in matched and form(one) in open_:
                wanted.setdefault(form(one), []).append(place)
        for spelt, ours in wanted.items():
            theirs = open_[spelt]
            if len(ours) > 1 or len(theirs) > 1:
                raise PhysadvError(
                    f"{_classes([names[place] for place in ours])} of {of} may be "
                    f"{_classes([known[place] for place in theirs])} of {to}: they differ in case, spaces or "
                    "punctuation alone; give each the same name in both"
                )
            if form is not loose or meaning(names[ours[0]]) == meaning(known[theirs[0]]):
                matched[ours[0]] = theirs[0]
    return matched


def _classes(names: Sequence[str]) -> str:
    return f"class{'es' if len(names) > 1 else ''} {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
