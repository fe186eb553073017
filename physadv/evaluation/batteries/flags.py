"""Sanity flags: what makes a record doubtful, loud, with stable codes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from physadv.attacks.gradients import gradient_free
from physadv.core.number_format import percent
from physadv.core.statistics import Rate
from physadv.evaluation.batteries.battery import Battery, Thresholds
from physadv.evaluation.batteries.summary import SEEN_FRAMES, SEEN_PHOTOGRAPHS, Flag, Record, VictimInfo
from physadv.evaluation.design_record import DesignRecord
from physadv.goals import Untargeted, parse_goal

CLEAN_ACCURACY = 0.9
"""Clean accuracy below which a record is doubtful, where the battery asks for nothing else."""
FEW_DRIVES = 10
MEANINGS: dict[str, str] = {
    "edited": "The patch's files were edited after physadv wrote them",
    "unchecked": "Whether the patch's files were edited cannot be told",
    "nothing-to-attack": "The clean sign is never read correctly: there is nothing to attack",
    "clean-accuracy-low": "The clean sign is often misread: misreadings say as much of the victim as of the patch",
    "constant-answer": "The victim's answer does not depend on what it is shown",
    "too-few-frames": "The interval is wider than asked for: more frames are needed",
    "few-drives": "Few drives: the interval is only a rough estimate",
    "no-gain": "The patch has no measurable gain over a control of the same shape",
    "control-nearly-as-good": "A control of the same shape reaches half of the patch's success or more",
    SEEN_FRAMES: "Scored on frames that the patch was designed on",
    SEEN_PHOTOGRAPHS: "Scored on photographs that the patch was designed on",
    "seen-scenes": "All scenes of the battery are scenes of the design, with other seeds",
    "transfer": "The patch was designed against another victim",
    "victim-doubtful": "A trial of the victim found something wrong with it",
    "no-gradient": "The victim gives no gradient: a low success is no proof of robustness",
    "no-target": "The victim does not have the classes that the patch was made for",
    "design": "The design itself warned",
    "transfer-beats-white-box": "A patch made for another victim does better: this design can be improved",
    "defense-costs-accuracy": "The defense itself costs accuracy: the victim was not trained for it",
    "radius-capped": "Many pictures reach the largest radius that so many samples can certify",
    "black-box-beats-gradients": "An attack without gradients does better than one with: the gradients mislead",
    "search": "The attack's own search took note of something",
}
"""Every code, and what it says in general; a flag's own message has the numbers."""
NEARLY = 0.5
"""A control that reaches this share of the patch's success is nearly as good."""


def warning(code: str, message: str) -> Flag:
    """What makes a result doubtful."""
    assert code in MEANINGS, code
    return Flag(level="warning", code=code, message=message)


def info(code: str, message: str) -> Flag:
    """What the reader of a result should know."""
    assert code in MEANINGS, code
    return Flag(level="info", code=code, message=message)


def flags_of(
    record: Record,
    *,
    battery: Battery,
    victim: VictimInfo,
    making: DesignRecord,
    seeds: Sequence[tuple[str, int]],
    photographs: frozenset[str] = frozenset(),
) -> Iterator[Flag]:
    """The flags of one record; ``seeds`` are the battery's ``(scene, seed)`` pairs, ``photographs`` what it shows."""
    yield from _clean_accuracy(record, battery.thresholds)
    yield from _sample_size(record, battery)
    yield from _controls(record)
    yield from _design_frames(battery, making, seeds)
    yield from _design_photographs(battery, making, photographs)
    yield from _victim(record, victim, making)
    if making.edited:
        yield warning(
            "edited",
            "The patch's files were edited after physadv wrote them: what they say of it may be wrong.",
        )
    if making.unchecked:
        yield info(
            "unchecked",
            "Not checked for edits: an older physadv wrote the patch's files, or their digest was taken out.",
        )
    for message in making.flags:
        yield warning("design", f"The design itself warned: {message}")


def _clean_accuracy(record: Record, thresholds: Thresholds) -> Iterator[Flag]:
    wanted = thresholds.min_clean_accuracy if thresholds.min_clean_accuracy is not None else CLEAN_ACCURACY
    value = record.clean_accuracy.value
    if record.clean_correct == 0:
        yield warning("nothing-to-attack", "The clean sign was never read correctly, so there is nothing to attack.")
    elif value is not None and value < wanted:
        yield warning(
            "clean-accuracy-low",
            f"The clean sign was read correctly in only {percent(value, 1)} of these frames ({percent(wanted, 1)} "
            "wanted): misreadings say as much about the victim as about the patch.",
        )


def _sample_size(record: Record, battery: Battery) -> Iterator[Flag]:
    half = half_width(record.headline)
    if half is not None and half > battery.half_width:
        yield warning(
            "too-few-frames",
            f"The headline is known to ±{100 * half:.1f} points, ±{100 * battery.half_width:g} were asked for: "
            f"about {_needed(record.headline, battery.half_width)} times as many frames are needed.",
        )
    if 0 < record.approaches < FEW_DRIVES:
        drives = f"{record.approaches} drive{'' if record.approaches == 1 else 's'}"
        yield warning(
            "few-drives", f"Only {drives}: an interval from fewer than {FEW_DRIVES} is only a rough estimate."
        )


def half_width(rate: Rate) -> float | None:
    """Half the width of a rate's interval."""
    return None if rate.low is None or rate.high is None else (rate.high - rate.low) / 2.0


def _needed(rate: Rate, wanted: float) -> str:
    return f"{((half_width(rate) or 0.0) / wanted) ** 2:.2g}"


def _controls(record: Record) -> Iterator[Flag]:
    gain, value = record.gain, record.headline.value
    if value is None or value == 0.0 or gain.difference.value is None:
        return
    control = value - gain.difference.value
    if gain.difference.low is not None and gain.difference.low <= 0.0:
        yield warning(
            "no-gain",
            f"The {gain.control} control fooled the victim in {percent(control, 1)} of the frames, the patch in "
            f"{percent(value, 1)}: the interval of the gain contains zero.",
        )
    elif control >= NEARLY * value:
        yield warning(
            "control-nearly-as-good",
            f"The {gain.control} control alone reaches {percent(control, 1)} of the patch's {percent(value, 1)}: "
            "covering the sign does much of what the patch does.",
        )


def _design_frames(battery: Battery, making: DesignRecord, seeds: Sequence[tuple[str, int]]) -> Iterator[Flag]:
    for scene, seed in seeds:
        if seed == making.seed and scene in making.scenes:
            yield warning(
                SEEN_FRAMES,
                f"The patch was designed on scene {scene} with seed {seed}, which this battery uses too: it is scored "
                "on frames that it has seen.",
            )
    if making.scenes and all(scene in making.scenes for scene, _ in seeds):
        yield info(
            "seen-scenes", f"Battery {battery.name} holds only scenes that the patch was designed in, with other seeds."
        )


def _design_photographs(battery: Battery, making: DesignRecord, photographs: frozenset[str]) -> Iterator[Flag]:
    seen = len(photographs & making.photographs)
    if seen:
        yield warning(
            SEEN_PHOTOGRAPHS,
            f"The patch was designed on {seen} of the {len(photographs)} photographs that battery {battery.name} "
            "shows: its success in them says little about other pictures.",
        )


def _victim(record: Record, victim: VictimInfo, making: DesignRecord) -> Iterator[Flag]:
    same = making.victim_sha256 == victim.sha256 if making.victim_sha256 and victim.sha256 else None
    if same is None and making.victim is not None:
        same = making.victim == victim.name
    if same is False:
        yield info("transfer", f"The patch was designed against {making.victim}, not against this victim.")
    for doubt in victim.doubts:
        yield warning("victim-doubtful", f"Victim {victim.name}: {doubt}.")
    if not victim.differentiable:
        yield no_gradient()
    if making.aimed and record.goal == Untargeted.kind:
        yield info(
            "no-target",
            f"The patch was made for {making.goal}, which means nothing to this victim; only untargeted success can be "
            "scored.",
        )


def no_gradient() -> Flag:
    """Of a victim that cannot be differentiated."""
    return info(
        "no-gradient",
        "No gradient reaches the picture through this victim: a low success here does not prove robustness; these "
        f"attacks need none: {', '.join(gradient_free())}.",
    )


def transfer_flags(record: Record, others: Sequence[Record], white_box: set[tuple[str, str]]) -> Iterator[Flag]:
    """A patch designed against another victim that beats the one designed against this victim: a weak design.

    ``white_box`` holds the ``(patch, victim)`` pairs where the patch was designed against that victim.
    """
    if (record.patch, record.victim) not in white_box or record.patch_success.untargeted.low is None:
        return
    high = record.patch_success.untargeted.high or 0.0
    for other in others:
        same = (other.victim, other.battery, other.true_class) == (record.victim, record.battery, record.true_class)
        low = other.patch_success.untargeted.low
        if same and (other.patch, other.victim) not in white_box and low is not None and low > high:
            yield warning(
                "transfer-beats-white-box",
                f"Patch {other.patch}, which never saw this victim, fools it more often: a better design exists.",
            )


def above(what: str, value: float, limit: float, name: str) -> str:
    """The sentence of a limit that is exceeded: which figure, the limit, by how much, and the limit's name."""
    measured, allowed, over = _told_apart(value, limit)
    return f"{what} {measured} is above the limit of {allowed} by {over} points [{name}]"


def below(what: str, value: float, limit: float, name: str) -> str:
    """The sentence of a least value that is not reached."""
    measured, wanted, under = _told_apart(value, limit)
    return f"{what} {measured} is below the {wanted} wanted by {under} points [{name}]"


def _told_apart(value: float, limit: float) -> tuple[str, str, str]:
    """Two shares and the points between them, with as many decimals as it takes to tell one from the other."""
    for decimals in (1, 2, 3, 4):
        between = f"{abs(value - limit) * 100:.{decimals}f}"
        if float(between) > 0.0:
            break
    return f"{value * 100:.{decimals}f} %", f"{limit * 100:.{decimals}f} %", between


def failures_of(record: Record, thresholds: Thresholds) -> Iterator[str]:
    """One sentence for each pass threshold that the record missed."""
    for name, (what, value) in limited(record).items():
        limit = getattr(thresholds, name)
        if limit is not None and value is None:
            yield f"{what} could not be measured: the clean sign was never read correctly [{name}]"
        elif limit is not None and value is not None and value > limit:
            yield above(what, value, limit, name)
    least, clean = thresholds.min_clean_accuracy, record.clean_accuracy.value
    if least is not None and clean is not None and clean < least:
        yield below("clean accuracy", clean, least, "min_clean_accuracy")


def limited(record: Record) -> dict[str, tuple[str, float | None]]:
    """Each upper limit's name to the figure that it bounds: in words, and as measured (None: could not be)."""
    aimed = record.goal != Untargeted.kind
    aim = f"{record.kind} success ({parse_goal(record.goal).phrase})" if aimed else "targeted success"
    return {
        "max_asr": ("untargeted success (any wrong class)", record.patch_success.untargeted.value),
        "max_targeted_asr": (aim, record.patch_success.at_goal.value if aimed else 0.0),
        "max_gain": ("adversarial gain, untargeted", record.gain_untargeted.difference.value),
        "max_fooled_drives": ("share of drives fooled", _drives_fooled(record)),
    }


def _drives_fooled(record: Record) -> float | None:
    return record.consecutive.rate.value if record.consecutive else 0.0
