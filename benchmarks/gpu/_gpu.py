"""What the benchmarks on an accelerator share: the machine, its bandwidth, times and results."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _measure import RESULTS, machine, peak_memory

GIB = 2**30


def place(name: str) -> torch.device:
    """The device of that name; ``auto`` is the first GPU if there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cpu":
        torch.set_num_threads(1)  # processor figures are for one thread
    return device


def describe(device: torch.device) -> dict[str, Any]:
    """The machine that figures belong to."""
    found = machine() | {"device": str(device)}
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        found |= {
            "gpu": properties.name,
            "gpu_memory_gib": round(properties.total_memory / GIB, 1),
            "multiprocessors": properties.multi_processor_count,
            "cuda": torch.version.cuda,
        }
    return found


def wait(device: torch.device) -> None:
    """Until the device has done everything that it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(action: Callable[[], Any], device: torch.device) -> float:
    """Wall time of an action, from an idle device to an idle device."""
    wait(device)
    began = time.perf_counter()
    action()
    wait(device)
    return time.perf_counter() - began


def bandwidth(device: torch.device, numbers: int = 2**28, repeats: int = 10) -> float:
    """Bytes a second of the best of several copies, read and written bytes together."""
    if device.type == "cpu":
        numbers, repeats = 2**24, 5
    source = torch.ones(numbers, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    best = min(seconds(lambda: target.copy_(source), device) for _ in range(repeats))
    return 2 * source.nbytes / best


def forget_peak(device: torch.device) -> None:
    """Let the next peak of memory start from now."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        peak_memory()


def peak_gib(device: torch.device) -> float:
    """Largest memory since :func:`forget_peak`: of the GPU, else of the whole process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / GIB
    return peak_memory()["peak_mib"] / 1024


def store(name: str, payload: Mapping[str, Any], folder: str | None = None) -> Path:
    """Write results as JSON; below ``benchmarks/results/gpu`` unless another folder is given."""
    target = Path(folder) if folder else RESULTS / "gpu"
    target.mkdir(parents=True, exist_ok=True)
    path = target / f"{name}.json"
    path.write_text(json.dumps(payload, indent=2) + "\n", encoding="utf-8")
    return path
