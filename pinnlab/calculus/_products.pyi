LEVELS: int

def product(
    level: int,
    kind: int,
    bytes: int,
    add: int,
    m: int,
    inner: int,
    n: int,
    biased: int,
    /,
    *matrices_and_owner: object,
) -> None: ...
