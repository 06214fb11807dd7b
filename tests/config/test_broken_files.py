"""Every broken file is refused with all of the fragments that its header expects."""

from pathlib import Path

import pytest

from pinnlab.config import load_config
from pinnlab.errors import ConfigError

FOLDER = Path(__file__).parent / "broken"
FILES = sorted(FOLDER.glob("*.yaml"))


def expected(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("# expect: ") for line in lines if line.startswith("# expect: ")]


def test_the_corpus_is_large() -> None:
    assert len(FILES) >= 40
    assert all(expected(path) for path in FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_broken_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    with pytest.raises(ConfigError) as caught:
        load_config(path.name)
    message = str(caught.value)
    for fragment in expected(path):
        assert fragment in message, f"{fragment!r} is not in\n{message}"
    count = 1 if "1 error\n" in message else int(message.split(":")[1].split()[0])
    assert len(caught.value.findings) == count
    for finding in caught.value.findings:
        assert finding.what
        assert finding.place.line >= 1
        quoted = finding.place.quote()
        assert not quoted or quoted[1].endswith("^")
