"""Random numbers that go on where they were saved."""

from typing import Any

import torch


class Dice:
    """A generator that is made on the device where it is first needed.

    Args:
        seed: Of the numbers.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._generator: torch.Generator | None = None
        self._state: torch.Tensor | None = None

    def on(self, device: torch.device) -> torch.Generator:
        """The generator for numbers on a device."""
        if self._generator is None:
            self._generator = torch.Generator(device).manual_seed(self._seed)
            if self._state is not None:
                self._generator.set_state(self._state)
        return self._generator

    def uniform(self, like: torch.Tensor) -> torch.Tensor:
        """Numbers in [0, 1), as many as a tensor has, of its kind."""
        return torch.rand(
            like.shape, generator=self.on(like.device), dtype=like.dtype, device=like.device
        )

    def orders(self, m: int) -> list[list[int]]:
        """One random order of m things for each of them."""
        drawn = torch.rand(m, m, generator=self.on(torch.device("cpu")), dtype=torch.float64)
        return drawn.argsort(1).tolist()

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next numbers depend on."""
        made = self._generator
        return {"seed": self._seed, "state": self._state if made is None else made.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on as if the numbers before had been drawn here."""
        self._generator, self._seed, self._state = None, state["seed"], state["state"]
