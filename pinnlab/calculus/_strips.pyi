from typing import Any

STRIP_BYTES: int
INSTRUCTION_BYTES: int

def run(code: Any, rows: int, columns: int, bytes: int, owner: object, /) -> None: ...
