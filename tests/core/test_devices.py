"""Devices by name: what is understood, what is answered, and what a record tells."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from physadv.attacks import DesignConfig
from physadv.core import devices
from physadv.core.config import validate
from physadv.core.devices import check_device_name, device_name, pick_device
from physadv.core.errors import PhysadvError


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with two CUDA GPUs, as far as torch tells."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(devices, "_cuda_works", lambda: True)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(devices, "_cuda_works", lambda: False)


@pytest.mark.usefixtures("gpus")
@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("auto", "cuda:0"),
        ("gpu", "cuda:0"),
        ("cuda", "cuda:0"),
        ("cuda:1", "cuda:1"),
        ("gpu:1", "cuda:1"),
        ("CUDA:0", "cuda:0"),
        (" cpu ", "cpu"),
        ("cpu:0", "cpu"),
    ],
)
def test_names_of_devices_are_understood(name: str, device: str) -> None:
    assert device_name(name) == device


@pytest.mark.usefixtures("gpus")
def test_a_number_that_there_is_none_of_is_answered_with_those_there_are() -> None:
    with pytest.raises(PhysadvError, match="--device cuda:2: this machine has cuda:0 to cuda:1"):
        pick_device("cuda:2")


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_auto_is_the_cpu_and_others_are_answered() -> None:
    assert device_name("auto") == "cpu"
    for name in ("cuda", "gpu", "cuda:0", "mps"):
        with pytest.raises(PhysadvError, match=rf"--device {name}: .*try --device auto"):
            pick_device(name)


def test_apples_gpu_is_a_gpu_and_is_not_taken_unasked(no_gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert [device_name(name) for name in ("gpu", "mps", "auto")] == ["mps", "mps", "cpu"]


def test_a_gpu_that_does_not_compute_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_old(*shape: int, device: str) -> torch.Tensor:
        raise RuntimeError("no kernel image is available for execution on the device")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", too_old)
    devices._cuda_works.cache_clear()
    assert device_name("auto") == "cpu"
    devices._cuda_works.cache_clear()


@pytest.mark.parametrize("name", ["", "toaster", "cuda:x", "cuda:-1", "cuda:", "tpu", "cpu:1", "gpus"])
def test_other_names_are_one_sentence(name: str) -> None:
    with pytest.raises(PhysadvError, match="unknown device"):
        check_device_name(name)
    with pytest.raises(PhysadvError, match="unknown device"):
        validate(DesignConfig, {"steps": 1, "device": name}, "design")


@pytest.mark.usefixtures("no_gpu")
def test_auto_and_cpu_are_the_same_work_and_the_record_says_which(tmp_path: Path) -> None:
    from physadv.attacks import design

    quick = {"steps": 2, "views": 4, "held_out_frames": 16, "texture_px": 32, "check_every": 1, "true_class": "stop"}
    made = [design(DesignConfig(**quick, device=name), out=tmp_path / name) for name in ("auto", "cpu")]  # type: ignore
    assert [patch.record.config["device"] for patch in made] == ["cpu", "cpu"]
    assert torch.equal(made[0].paint, made[1].paint)
