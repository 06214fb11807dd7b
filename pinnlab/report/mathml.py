r"""LaTeX to MathML, which browsers show without scripts or fonts from elsewhere.

The subset is what formulas of PDEs need: fractions, roots, sub- and superscripts, primes, Greek,
derivatives and the usual operators, functions by name, growing brackets, accents, sums and
integrals, text, cases and matrices. It covers what SymPy's printer writes. An unknown command is
shown as it is written; only unbalanced input is refused. Everything is escaped, so a formula cannot
bring markup of its own.

The elements are those of MathML Core (W3C), which all current browsers draw.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from pinnlab.errors import DataError
from pinnlab.report.mathml_symbols import (
    ACCENTS,
    ALIGNED,
    BIG,
    DOUBLE,
    FENCES,
    FUNCTIONS,
    IGNORED,
    INTEGRALS,
    LETTERS,
    LIMITS,
    OPERATORS,
    SPACES,
    SYMBOLS,
    UPRIGHT,
)

_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|\d+(?:\.\d+)?|\.\d+|\s+|.", re.DOTALL)

# A formula this long or nested this deep is no formula; the limit also bounds the recursion.
_LONGEST, _DEEPEST = 20_000, 60


def to_mathml(latex: str, *, block: bool = False) -> str:
    r"""A formula as a ``<math>`` element.

    Args:
        latex: The formula; dollar signs around it are taken off.
        block: Whether it stands on a line of its own.

    Returns:
        The element, safe to put into a page.

    Raises:
        DataError: If braces, ``\left`` and ``\right``, or environments are not balanced, or the
            formula is longer or deeper than any formula is.

    Example:
        >>> to_mathml("u_t")
        '<math><msub><mi>u</mi><mi>t</mi></msub></math>'
    """
    source = latex.strip()
    while len(source) > 1 and source.startswith("$") and source.endswith("$"):
        source = source[1:-1].strip()
    if len(source) > _LONGEST:
        raise _unreadable(source, f"{len(source)} characters, more than {_LONGEST}")
    parser = _Parser(_TOKEN.findall(source), source)
    body = parser.row(())
    if parser.peek() is not None:
        raise _unreadable(source, f"a stray '{parser.peek()}'")
    return f'<math display="block">{body}</math>' if block else f"<math>{body}</math>"


def _unreadable(source: str, why: str) -> DataError:
    return DataError(
        "This formula cannot be shown as mathematics",
        expected="balanced LaTeX",
        got=f"{why} in {source[:60]!r}",
        do="check its braces and brackets",
    )


@dataclass
class _Atom:
    """A piece of MathML; how scripts attach to it; whether a function's argument follows it."""

    markup: str
    limits: bool = False
    function: bool = False


def _mi(text: str, upright: bool = False) -> str:
    variant = ' mathvariant="normal"' if upright and len(text) == 1 else ""
    return f"<mi{variant}>{escape(text)}</mi>"


def _mo(text: str, *, stretchy: bool | None = None) -> str:
    grow = "" if stretchy is None else f' stretchy="{str(stretchy).lower()}"'
    return f"<mo{grow}>{escape(text)}</mo>"


def _mrow(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"<mrow>{''.join(parts)}</mrow>"


def _bold(text: str) -> str:
    """Letters and digits of the mathematical bold alphabet; MathML Core has no bold attribute."""
    starts = ((0x41, 0x5A, 0x1D400), (0x61, 0x7A, 0x1D41A), (0x30, 0x39, 0x1D7CE))
    return "".join(
        next((chr(new + ord(c) - low) for low, high, new in starts if low <= ord(c) <= high), c)
        for c in text
    )


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[str], source: str) -> None:
        self.tokens, self.source = tokens, source
        self.place = self.depth = 0

    def peek(self) -> str | None:
        """The next token that is no blank."""
        while self.place < len(self.tokens) and self.tokens[self.place].isspace():
            self.place += 1
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def take(self) -> str:
        token = self.peek()
        if token is None:
            raise _unreadable(self.source, "an end where something is missing")
        self.place += 1
        return token

    def expect(self, token: str) -> None:
        got = self.take()
        if got != token:
            raise _unreadable(self.source, f"'{got}' instead of '{token}'")

    def row(self, ends: tuple[str, ...]) -> str:
        """Atoms up to a token in ``ends``, which is left, or to the end of the formula."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _unreadable(self.source, f"more than {_DEEPEST} levels")
        parts: list[str] = []
        while (token := self.peek()) is not None and token not in ends:
            if token in ("}", "\\right", "\\end", "&", "\\\\"):
                break
            atom = self.scripted()
            if atom.markup:
                parts.append(atom.markup)
            if atom.function and self._argument_follows():
                parts.append('<mspace width="0.17em"></mspace>')
        self.depth -= 1
        return _mrow(parts) if parts else "<mrow></mrow>"

    def _argument_follows(self) -> bool:
        """Whether a blank belongs between a function's name and what comes next."""
        token = self.peek()
        if token == "{":  # SymPy writes \sin{\left(x \right)}
            rest = [t for t in self.tokens[self.place + 1 : self.place + 3] if not t.isspace()]
            token = rest[0] if rest else None
        return token is not None and (token[0].isalnum() or token[0] == "\\") and token not in (
            "\\left", "\\right", "\\end", "\\\\", "\\cdot", "\\times", "\\leq", "\\geq", "\\,",
        )  # fmt: skip

    def scripted(self) -> _Atom:
        """An atom with its sub- and superscripts."""
        base = self.atom()
        low = high = ""
        primes = 0
        while (token := self.peek()) in ("^", "_", "'"):
            self.take()
            if token == "'":
                primes += 1
            elif token == "_":
                low += self.argument()
            else:
                high += self.argument()
        if primes:
            mark = _mo("′" * primes)
            high = f"<mrow>{mark}{high}</mrow>" if high else mark
        if not low and not high:
            return base
        first = base.markup or "<mrow></mrow>"
        under, over, both = (
            ("munder", "mover", "munderover") if base.limits else ("msub", "msup", "msubsup")
        )
        low, high = _single(low), _single(high)
        if low and high:
            markup = f"<{both}>{first}{low}{high}</{both}>"
        elif low:
            markup = f"<{under}>{first}{low}</{under}>"
        else:
            markup = f"<{over}>{first}{high}</{over}>"
        return _Atom(markup, function=base.function)

    def argument(self) -> str:
        """What a command or script applies to: a group or one token."""
        token = self.peek()
        if token == "{":
            return self.group()
        if token is not None and token[0].isdigit():  # x^23 is x², 3
            self.tokens[self.place : self.place + 1] = list(token)
        return self.atom().markup or "<mrow></mrow>"

    def group(self) -> str:
        self.expect("{")
        body = self.row(("}",))
        self.expect("}")
        return body

    def raw(self) -> str:
        """The text of a group as it stands."""
        self.expect("{")
        level, start = 1, self.place
        while self.place < len(self.tokens):
            token = self.tokens[self.place]
            self.place += 1
            level += (token == "{") - (token == "}")
            if level == 0:
                return "".join(self.tokens[start : self.place - 1])
        raise _unreadable(self.source, "an open brace")

    def atom(self) -> _Atom:
        token = self.peek()
        if token == "{":
            return _Atom(self.group())
        token = self.take()
        if token in ("^", "_"):  # nothing before it
            self.place -= 1
            return _Atom("")
        if token in SPACES:
            width = SPACES[token]
            return _Atom(f'<mspace width="{width}em"></mspace>' if width else "")
        if token in SYMBOLS:
            return _Atom(_mo(SYMBOLS[token]))
        if token.startswith("\\"):
            return self.command(token)
        if token[0].isdigit() or (token[0] == "." and len(token) > 1):
            return _Atom(f"<mn>{escape(token)}</mn>")
        if token.isalpha():
            return _Atom(_mi(token))
        if token in "}&":
            raise _unreadable(self.source, f"a stray '{token}'")
        fixed = False if token in "()[]|" else None
        return _Atom(_mo(token, stretchy=fixed))

    def command(self, token: str) -> _Atom:
        if token in IGNORED:
            return _Atom("")
        name = token[1:].rstrip("*")
        if name in LETTERS:
            return _Atom(_mi(LETTERS[name]))
        if name in UPRIGHT:
            return _Atom(_mi(UPRIGHT[name], upright=True))
        if name in OPERATORS:
            fence = name in ("langle", "rangle") or "vert" in name.lower()
            return _Atom(_mo(OPERATORS[name], stretchy=False if fence else None))
        if name in FUNCTIONS:
            return _Atom(_mi(name), function=True)
        if name in LIMITS:
            return _Atom(_mi(name), limits=True, function=True)
        if name in BIG:
            return _Atom(_mo(BIG[name]), limits=name not in INTEGRALS)
        if name in ACCENTS:
            return _Atom(_accent(self.argument(), ACCENTS[name]))
        rule = _RULES.get(name)
        return rule(self) if rule else _Atom(f"<mtext>{escape(token)}</mtext>")

    # --- commands with a structure of their own

    def fraction(self) -> _Atom:
        return _Atom(f"<mfrac>{self.argument()}{self.argument()}</mfrac>")

    def root(self) -> _Atom:
        if self.peek() != "[":
            return _Atom(f"<msqrt>{self.argument()}</msqrt>")
        self.take()
        degree = self.row(("]",))
        self.expect("]")
        return _Atom(f"<mroot>{self.argument()}{degree}</mroot>")

    def fenced(self) -> _Atom:
        opening = self.delimiter()
        body = self.row(("\\right",))
        self.expect("\\right")
        closing = self.delimiter()
        left = _mo(opening, stretchy=True) if opening else ""
        right = _mo(closing, stretchy=True) if closing else ""
        return _Atom(f"<mrow>{left}{body}{right}</mrow>")

    def delimiter(self) -> str:
        token = self.take()
        if token == ".":
            return ""
        return SYMBOLS.get(token) or OPERATORS.get(token.lstrip("\\"), token)

    def environment(self) -> _Atom:
        name = self.raw().rstrip("*")
        if name == "array" and self.peek() == "{":
            self.raw()  # the alignment of the columns
        lines, cells = [], [self.row(())]
        while (token := self.take()) in ("&", "\\\\"):
            if token == "\\\\":
                lines.append(cells)
                cells = []
            cells.append(self.row(()))
        if token != "\\end" or self.raw().rstrip("*") != name:
            raise _unreadable(self.source, f"an open environment '{name}'")
        if cells != ["<mrow></mrow>"]:
            lines.append(cells)
        return _Atom(_table(lines, name))

    def upright(self) -> _Atom:
        return _Atom(_words(self.raw()))

    def operator(self) -> _Atom:
        return _Atom(_words(self.raw()), function=True)

    def words(self) -> _Atom:
        text = self.raw()
        # A blank at an end would be dropped.
        return _Atom(f"<mtext>{escape(re.sub(r'^ | $', chr(0xA0), text))}</mtext>")

    def bold(self) -> _Atom:
        source = self.raw()
        if source.strip().isalnum():
            return _Atom(_mi(_bold(source.strip()), upright=True))
        return _Atom(_Parser(_TOKEN.findall(source), self.source).row(()))

    def double(self) -> _Atom:
        source = self.raw().strip()
        return _Atom(_mi("".join(DOUBLE.get(c, c) for c in source), upright=True))

    def underlined(self) -> _Atom:
        return _Atom(f"<munder>{self.argument()}{_mo('_')}</munder>")

    def boxed(self) -> _Atom:
        return _Atom(self.argument())


def _single(markup: str) -> str:
    """One element: two scripts of the same kind in a row are put side by side."""
    return markup if markup.count("><") == 0 or not markup else f"<mrow>{markup}</mrow>"


def _accent(base: str, mark: str) -> str:
    grow = mark == "¯"
    return f'<mover accent="true">{base}{_mo(mark, stretchy=grow)}</mover>'


def _words(text: str) -> str:
    plain = re.sub(r"\\[, ;:!]|~", " ", text).replace("\\_", "_").strip()
    return _mi(plain, upright=True)


def _table(lines: list[list[str]], name: str) -> str:
    opening, closing = "{ " if name == "cases" else FENCES.get(name, "  ")
    rows = []
    for cells in lines:
        parts = []
        for k, cell in enumerate(cells):
            side = "left" if name == "cases" else "center"
            if name in ALIGNED:
                side = "right" if k % 2 == 0 else "left"
            parts.append(f'<mtd style="text-align:{side}">{cell}</mtd>')
        rows.append(f"<mtr>{''.join(parts)}</mtr>")
    left = "" if opening == " " else _mo(opening, stretchy=True)
    right = "" if closing == " " else _mo(closing, stretchy=True)
    return f"<mrow>{left}<mtable>{''.join(rows)}</mtable>{right}</mrow>"


_RULES: dict[str, Callable[[_Parser], _Atom]] = {
    **dict.fromkeys(("frac", "dfrac", "tfrac", "cfrac"), _Parser.fraction),
    **dict.fromkeys(
        ("mathrm", "mathsf", "mathtt", "mathit", "mathcal", "mathscr"), _Parser.upright
    ),
    **dict.fromkeys(("text", "textrm", "textit", "textbf", "mbox"), _Parser.words),
    **dict.fromkeys(("mathbf", "boldsymbol", "bm"), _Parser.bold),
    "sqrt": _Parser.root,
    "left": _Parser.fenced,
    "begin": _Parser.environment,
    "operatorname": _Parser.operator,
    "mathbb": _Parser.double,
    "underline": _Parser.underlined,
    "boxed": _Parser.boxed,
}
