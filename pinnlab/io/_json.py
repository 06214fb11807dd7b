"""JSON that every reader accepts, also where numbers are not finite.

JSON has no NaN and no infinity. They are written as the texts ``"NaN"``, ``"Infinity"`` and
``"-Infinity"``, and these three texts are read as numbers again.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

_NAMES = {math.inf: "Infinity", -math.inf: "-Infinity"}
_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def to_json(value: Any, *, indent: int | None = None) -> str:
    """The JSON text of nested mappings, sequences, numbers, arrays, texts, booleans and None.

    Tuples, arrays and tensors become lists.

    Raises:
        TypeError: If there is anything else; its place is named.
    """
    return json.dumps(_plain(value, "the value"), indent=indent, allow_nan=False)


def from_json(text: str) -> Any:
    """What `to_json` wrote.

    Raises:
        ValueError: If the text is no JSON.
    """
    return _numbers(json.loads(text))


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist(), where)
    if isinstance(value, torch.Tensor):
        return _plain(value.detach().cpu().tolist(), where)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        number = float(value)
        return number if math.isfinite(number) else _NAMES.get(number, "NaN")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"a key of {where} is not a text but {key!r}")
        return {key: _plain(item, f"{where}['{key}']") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{where}[{k}]") for k, item in enumerate(value)]
    raise TypeError(f"{where} is a {type(value).__name__}, which JSON cannot hold")


def _numbers(value: Any) -> Any:
    if isinstance(value, str):
        return _NUMBERS.get(value, value)
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return value
