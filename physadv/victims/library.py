"""Victims by name, by card, or around any module."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from torch import Tensor, nn

from physadv.core.config import load_config, validate
from physadv.core.errors import PhysadvError
from physadv.core.files import sha256
from physadv.core.identity import digest_of_files
from physadv.victims import adapters as _adapters  # noqa: F401 (registers them)
from physadv.victims.adapter import ADAPTERS
from physadv.victims.card import VictimCard
from physadv.victims.loadable_card import LoadableCard
from physadv.victims.outputs import LOGITS, logits_of, parts_of
from physadv.victims.parameters import digest
from physadv.victims.preprocess import InputConfig, Preprocess
from physadv.victims.victim import Victim, device_of, under_attack, warn_doubts

SHIPPED = Path(__file__).parent / "weights"
"""Cards and weights that travel with the package; a card put there is a victim by its file's name."""
SMALLEST_PROBABILITY = 1e-12


class NetworkVictim(Victim):
    """A network behind its preprocessing.

    Attributes:
        card: what it was made from.
        preprocess: from ``[N, 3, H, W]`` in [0,1] to what the network takes.
        network: from there to raw outputs ``[N, K]``.
        by_card: whether there is such a file; else what would stand in it was handed over as arguments.
    """

    def __init__(self, network: nn.Module, *, card: VictimCard, digest: str, source: str, by_card: bool = True) -> None:
        super().__init__(
            name=card.name,
            classes=card.classes,
            input_size=card.input.height_width,
            box=card.input.box,
            differentiable=bool(getattr(network, "differentiable", True)),
            sha256=digest,
            source=source,
        )
        self.why_not = str(getattr(network, "why_not", self.why_not))
        self.card, self.by_card = card, by_card
        self.preprocess = Preprocess(card.input)
        self.network = network
        self._held = [network]  # under attack another one, of the same function, stands in its place
        self._weights = _content(network)
        self.probabilities = card.output == "probabilities"
        self.output_name = None if hasattr(network, "output_name") else card.output_name
        """Which of the outputs; None for a network that has chosen itself."""
        self.answered = ""
        """Digest of what it answers, where that is known."""

    @property
    def fingerprint(self) -> str:
        """Of the weights as they are now, of what the card says, and where there is no file of what it answers."""
        now = _content(self._held[0])
        if now != self._weights:  # trained, or changed by hand, since it was made
            self.sha256, self._weights = now, now
        said = self.card.model_dump_json(exclude={"weights", "description"})
        return hashlib.sha256(f"{self.sha256} {said} {self.answered}".encode()).hexdigest()

    def advice(self, **values: Any) -> str:
        """How to say something else of it, where it was said: in its card, or as arguments.

        >>> shipped_victim("gtsrb-cnn").advice(scale=255, channels="bgr")
        'set scale: 255 and channels: bgr'
        """
        if self.by_card:
            listed = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
            return "set " + " and ".join(f"{key}: {value}" for key, value in listed.items())
        return "say " + " and ".join(f"{key}={value!r}" for key, value in values.items())

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[N, K]`` of ``images`` ``[N, 3, H, W]`` in [0,1], of the same kind of numbers."""
        outputs = self.given(self.preprocess(images)).to(images)
        return outputs.clamp(min=SMALLEST_PROBABILITY).log() if self.probabilities else outputs

    def given(self, prepared: Tensor) -> Tensor:
        """What the network itself gives for prepared pictures: logits or probabilities ``[N, K]``.

        Raises:
            PhysadvError: as :func:`physadv.victims.outputs.logits_of`.
        """
        outputs = self.network(_in_its_numbers(prepared, self.network))
        if isinstance(outputs, Tensor) and outputs.ndim == 2 and outputs.is_floating_point() and not self.output_name:
            return outputs
        return logits_of(
            outputs,
            pictures=len(prepared),
            classes=len(self.classes),
            named=self.output_name,
            source=f"victim {self.name!r}",
        )


def _content(network: nn.Module) -> str:
    return digest(network)


def _in_its_numbers(prepared: Tensor, network: nn.Module) -> Tensor:
    """Pictures as the network's own weights are: a network in double or half precision takes such pictures."""
    dtype = next((one.dtype for one in network.parameters() if one.is_floating_point()), prepared.dtype)
    return prepared.to(dtype)


def victim_names() -> list[str]:
    """Names of the shipped victims."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def shipped_victim(name: str) -> Victim:
    """A victim of :func:`victim_names`, as :func:`read_victim`."""
    path = SHIPPED / f"{name}.yaml"
    return _victim(load_config(LoadableCard, path), file=str(path), source=name)


def read_victim(path: Path) -> Victim:
    """The victim of a card, in ``eval`` mode, after a trial on signs and noise (:mod:`physadv.victims.trial`).

    Raises:
        PhysadvError: a wrong card; weights that are missing, unreadable or of another network; outputs that are not one
            logit a class or not finite.
    """
    return _victim(load_config(LoadableCard, path), file=str(path), source=str(path))


def victim_of_card(card: Mapping[str, Any], source: str, folder: Path | None = None) -> Victim:
    """As :func:`read_victim`, of what a card says; its paths start at ``folder``."""
    return _victim(validate(LoadableCard, dict(card), source, folder=folder), file=source, source=str(card.get("name")))


def _victim(card: VictimCard, *, file: str, source: str) -> Victim:
    from physadv.victims.trial import try_out

    weights = Path(card.weights)
    try:
        adapter = ADAPTERS[card.adapter]
        network, files = adapter.load(card, weights), adapter.files(weights)
        content = sha256(weights) if len(files) == 1 else digest_of_files(files, root=weights.parent)
        victim = NetworkVictim(network, card=card, digest=content, source=source).eval()
        try_out(victim, torch.device("cpu"))
    except PhysadvError as error:
        raise (error if str(weights) in str(error) else PhysadvError(f"{file}: {error}")) from error
    return victim


def wrap_module(
    module: nn.Module | Callable[[Tensor], Any],
    *,
    classes: Sequence[str] | str,
    size: int | tuple[int, int] | None = None,
    name: str | None = None,
    output: str = "logits",
    output_name: str | int | None = None,
    trial: bool = True,
    **input_options: Any,
) -> Victim:
    """Any module, or a plain function, as a victim; a module's mode and parameters are left as they are.

    Args:
        module: from prepared pictures ``[N, C, H, W]`` to ``[N, K]``, or to a tuple, mapping or dataclass with that.
        classes: K class names in the order of the outputs, or the path of a file with them, or a known list.
        size: native side, or height and width, in pixels; found out where the network takes one size alone.
        name: how tables and reports call it; its class's or function's name if not given.
        output: ``logits`` or ``probabilities``.
        output_name: which of several outputs, by name or number.
        trial: show it some pictures and look for what makes its answers doubtful; False for a network that is still
            to be trained.
        input_options: further keys of :class:`InputConfig`, such as ``mean`` and ``std``.

    Raises:
        PhysadvError: a wrong option, or outputs that are not one logit a class.
    """
    from physadv.victims.trial import RANDOM, answers, one_size, try_out

    called = name or str(getattr(module, "__name__", type(module).__name__))
    source = f"victim {called!r}"
    if not callable(module):
        raise PhysadvError(
            f"{source}: is a {type(module).__name__}, which cannot be shown pictures; hand in a network or a function "
            "(physadv.load_victim takes a name or a card)"
        )
    network = module if isinstance(module, nn.Module) else Function(module).eval()
    _check_mode(network, source)
    card = {
        "name": called,
        "weights": "-",
        "classes": _in_order(classes, source),
        "output": output,
        "output_name": None if output_name is None else str(output_name),
    }

    def victim_of(side: int | tuple[int, int]) -> NetworkVictim:
        prepared = validate(InputConfig, {"size": side, **input_options}, f"{source}: input")
        made = validate(VictimCard, {**card, "input": prepared}, source)
        victim = NetworkVictim(network, card=made, digest=digest(network), source=called, by_card=False)
        victim.preprocess.to(device_of(network))
        victim.training = network.training
        victim.preprocess.train(network.training)
        return victim

    victim = victim_of(size) if size is not None else one_size(victim_of, source)
    if trial:
        victim.answered = answers(try_out(victim, device_of(network)))
        if victim.answered == RANDOM and isinstance(network, Function):
            victim.answered = f"{RANDOM} {uuid4()}"  # nothing says whether another one is the same
        warn_doubts(victim)
    return victim


def _check_mode(network: nn.Module, source: str) -> None:
    """Whether a network can be set to ``eval`` and back: frozen and exported programs cannot.

    Raises:
        PhysadvError: it cannot.
    """
    try:
        modes = [(part, part.training) for part in network.modules()]
        network.train(network.training)
        for part, mode in modes:
            part.training = mode
    except (AttributeError, NotImplementedError) as error:
        raise PhysadvError(
            f"{source}: is a frozen or exported program, whose mode cannot be set; hand in a function that calls it, "
            "such as lambda pictures: program(pictures)"
        ) from error


def _in_order(classes: Any, source: str) -> Any:
    """Class names as they were handed over, if that says their order.

    Raises:
        PhysadvError: it does not: of a set there is none, and of a mapping it is not said which are the names.
    """
    if isinstance(classes, (Mapping, Set)):
        kind = "mapping" if isinstance(classes, Mapping) else "set"
        raise PhysadvError(f"{source}: classes is a {kind}; it should be a list of names in the order of the outputs")
    return classes if isinstance(classes, str) else tuple(classes)


class Function(nn.Module):
    """A plain function as a network: without parameters, and in its own hands what it does in ``eval``.

    It is shown pictures on the CPU, for a function is not moved to a GPU by anybody but its maker.
    """

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> Any:
        """What the function gives."""
        return self.function(images.cpu())


def as_victim(model: Any, **options: Any) -> Victim:
    """A victim as it is, or any module or function as one, with the options of :func:`wrap_module`.

    Raises:
        PhysadvError: ``model`` is none of these, class names are missing, or there are options for a victim that
            brings its own.
    """
    given = {key: value for key, value in options.items() if value is not None}
    if isinstance(model, Victim):
        if given:
            raise PhysadvError(f"{next(iter(given))}: victim {model.name!r} brings its own; leave it out")
        return model
    if not callable(model):
        raise PhysadvError(
            f"victim = {model!r}: expected a torch module, a function of pictures, or a victim that is loaded"
        )
    if "classes" not in given:
        raise PhysadvError(
            f"victim {getattr(model, '__name__', type(model).__name__)!r}: say what its outputs stand for: "
            "classes=[...], the class names in their order"
        )
    return wrap_module(model, **given)


def victim_of_pictures(model: Any, pictures: Tensor, **options: Any) -> Victim:
    """As :func:`as_victim`, where the pictures that a model is to read say what is not said of it.

    Args:
        model: a victim, a module or a function.
        pictures: ``[N, 3, H, W]``; without ``size``, the model takes them as they are.
        options: as of :func:`wrap_module`; without ``classes`` they are called by their numbers.

    Raises:
        PhysadvError: as :func:`as_victim`, or the model does not say how many classes it has.
    """
    given = {key: value for key, value in options.items() if value is not None}
    if isinstance(model, Victim) or not callable(model):
        return as_victim(model, **given)
    given.setdefault("size", tuple(pictures.shape[2:]))
    if "classes" not in given:
        given["classes"] = [str(number) for number in range(_count_of(model, pictures[:2], given))]
    return as_victim(model, **given)


def _count_of(model: Any, pictures: Tensor, options: dict[str, Any]) -> int:
    """How many logits a model gives, of pictures that it can read."""
    network = model if isinstance(model, nn.Module) else Function(model)
    told = {key: value for key, value in options.items() if key in InputConfig.model_fields}
    prepare = Preprocess(validate(InputConfig, told, "the model's input"))
    with torch.no_grad(), under_attack(network, quicken=False):
        try:
            given = network(_in_its_numbers(prepare(pictures.detach().cpu().clone()).to(device_of(network)), network))
        except Exception as error:  # of any kind: it is the user's own code
            reason = (str(error).strip().split("\n")[0] or type(error).__name__)[:200]
            size = " x ".join(map(str, pictures.shape[2:]))
            raise PhysadvError(f"victim: its network cannot take an input of {size} pixels ({reason})") from error
    parts = parts_of(given) or {LOGITS: given}
    chosen = options.get("output_name", LOGITS)
    shapes = {str(name): tuple(getattr(value, "shape", ())) for name, value in parts.items()}
    counts = {name: shape[1] for name, shape in shapes.items() if len(shape) == 2 and shape[0] == len(pictures)}
    if str(chosen) in counts:
        return int(counts[str(chosen)])
    if len(counts) == 1:
        return int(next(iter(counts.values())))
    raise PhysadvError(
        f"victim: its network gives {', '.join(f'{name}: {list(shape)}' for name, shape in shapes.items())}; say "
        "classes=[...] and, of several outputs, which: output_name=..."
    )


MODEL_OPTIONS = frozenset({"classes", "size", "name", "output", "output_name", *InputConfig.model_fields})
"""Names of the options of :func:`wrap_module` that describe a model."""
