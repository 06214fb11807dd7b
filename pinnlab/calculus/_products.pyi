LEVELS: int

def product(
    level: int, kind: int, bytes: int, add: bool, m: int, inner: int, n: int, /, *matrices: int
) -> None: ...
