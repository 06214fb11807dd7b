"""Errors that say what was expected, what came, and what to do.

Every misuse raises a :class:`PinnlabError` where the objects meet, before anything is computed.
All of them are ``ValueError`` as well, so that generic code keeps working.
"""

import difflib
from collections.abc import Iterable
from typing import Any


class PinnlabError(ValueError):
    """A misuse, told in up to four parts.

    Args:
        what: The sentence that names the thing that is wrong.
        expected: What would have been right.
        got: What came instead.
        do: What the user can do about it.
    """

    def __init__(
        self,
        what: str,
        *,
        expected: object | None = None,
        got: object | None = None,
        do: str | None = None,
    ) -> None:
        self.what, self.expected, self.got, self.do = what, expected, got, do
        lines = [what.rstrip()]
        if expected is not None:
            lines.append(f"  expected: {expected}")
        if got is not None:
            lines.append(f"  got:      {got}")
        if do is not None:
            lines.append(f"  do:       {do}")
        super().__init__("\n".join(lines))


class DeclarationError(PinnlabError):
    """A problem, equation, condition or option that does not fit together."""


class GeometryError(PinnlabError):
    """A geometry, mesh or boundary piece that cannot be used."""


class DataError(PinnlabError):
    """A data file or table that cannot be used."""


class ConfigError(PinnlabError):
    """A configuration file that cannot be used; carries every finding at once.

    Args:
        what: All findings as a readable text.
        findings: The findings themselves, :class:`pinnlab.config.Finding`.
        expected: As in :class:`PinnlabError`.
        got: As in :class:`PinnlabError`.
        do: As in :class:`PinnlabError`.
    """

    def __init__(
        self,
        what: str,
        *,
        findings: Iterable[Any] = (),
        expected: object | None = None,
        got: object | None = None,
        do: str | None = None,
    ) -> None:
        super().__init__(what, expected=expected, got=got, do=do)
        self.findings = list(findings)


class CheckpointError(PinnlabError):
    """A checkpoint, solution file or run folder that cannot be used."""


def nearest(name: str, options: Iterable[str]) -> str:
    """A suggestion such as ``"did you mean 'width'?"``, or an empty text if nothing is near."""
    close = difflib.get_close_matches(str(name), [str(option) for option in options], n=1)
    return f"did you mean '{close[0]}'?" if close else ""
