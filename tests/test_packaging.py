"""What a source distribution must hold for the compiled code to be built from it."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTENSIONS = SETTINGS["tool"]["setuptools"]["ext-modules"]


def headers(path: Path) -> set[str]:
    """The headers of the project that a file includes, and that these include."""
    names = re.findall(r'^#include "(.+)"', path.read_text(encoding="utf-8"), flags=re.M)
    own = [(path.parent / name).resolve() for name in names]
    found = {str(header.relative_to(ROOT)) for header in own}
    return found.union(*(headers(header) for header in own))


def test_every_file_of_compiled_code_is_built():
    sources = {source for extension in EXTENSIONS for source in extension["sources"]}
    assert sources == {str(path.relative_to(ROOT)) for path in ROOT.glob("pinnlab/**/*.c")}


@pytest.mark.parametrize("extension", EXTENSIONS, ids=lambda extension: extension["name"])
def test_every_header_belongs_to_what_is_packed(extension):
    # One that is missing makes no error: an optional extension is left out then.
    needed = set().union(*(headers(ROOT / source) for source in extension["sources"]))
    assert needed == set(extension.get("depends", []))
