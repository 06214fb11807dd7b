"""The signs that LaTeX names, as the characters that MathML writes."""


def _pairs(text: str) -> dict[str, str]:
    """``"alpha α beta β"`` as a dictionary."""
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Set in italics, like a variable.
LETTERS = _pairs("""
    alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι
    kappa κ lambda λ lamda λ mu μ nu ν xi ξ pi π varpi ϖ rho ρ varrho ϱ sigma σ varsigma ς tau τ
    upsilon υ phi ϕ varphi φ chi χ psi ψ omega ω ell ℓ hbar ℏ imath ı jmath ȷ infty ∞ emptyset ∅
    Re ℜ Im ℑ aleph ℵ
""")

# Capital Greek, and the signs of analysis, stand upright.
UPRIGHT = _pairs("""
    Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω partial ∂
    nabla ∇
""")

OPERATORS = _pairs(r"""
    cdot ⋅ times × div ÷ pm ± mp ∓ ast ∗ star ⋆ circ ∘ bullet ∙ leq ≤ le ≤ geq ≥ ge ≥ neq ≠ ne ≠
    approx ≈ equiv ≡ sim ∼ simeq ≃ cong ≅ propto ∝ ll ≪ gg ≫ to → rightarrow → leftarrow ←
    mapsto ↦ Rightarrow ⇒ Leftarrow ⇐ Leftrightarrow ⇔ implies ⟹ iff ⟺ uparrow ↑ downarrow ↓
    forall ∀ exists ∃ neg ¬ wedge ∧ vee ∨ land ∧ lor ∨ cap ∩ cup ∪ setminus ∖ subset ⊂ subseteq ⊆
    supset ⊃ supseteq ⊇ in ∈ notin ∉ ni ∋ otimes ⊗ oplus ⊕ perp ⊥ parallel ∥ mid ∣ colon :
    dots … ldots … cdots ⋯ vdots ⋮ ddots ⋱ langle ⟨ rangle ⟩ lvert | rvert | vert | lVert ‖
    rVert ‖ Vert ‖ lfloor ⌊ rfloor ⌋ lceil ⌈ rceil ⌉ lbrace { rbrace } lbrack [ rbrack ] prime ′
    dagger † backslash \ degree °
""")

# Single tokens that are written with another character, and escaped ones.
SYMBOLS = {
    "-": "−",
    "*": "∗",
    "~": "\u00a0",
    "\\{": "{",
    "\\}": "}",
    "\\|": "‖",
    "\\_": "_",
    "\\%": "%",
    "\\&": "&",
    "\\#": "#",
    "\\$": "$",
}

BIG = _pairs("sum ∑ prod ∏ int ∫ iint ∬ iiint ∭ oint ∮ bigcup ⋃ bigcap ⋂")
INTEGRALS = _words("int iint iiint oint")

FUNCTIONS = _words("""
    sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan asin acos atan log ln exp det
    dim ker tr arg deg gcd sgn erf
""")

# Functions whose subscript stands below them.
LIMITS = _words("lim max min sup inf limsup liminf argmin argmax")

ACCENTS = _pairs("""
    hat ^ widehat ^ bar ¯ overline ¯ tilde ~ widetilde ~ vec → dot ˙ ddot ¨ check ˇ breve ˘
""")

# Blanks by their width in em.
SPACES = {
    "\\!": 0.0,
    "\\,": 0.17,
    "\\thinspace": 0.17,
    "\\:": 0.22,
    "\\>": 0.22,
    "\\ ": 0.25,
    "\\;": 0.28,
    "\\enspace": 0.5,
    "\\quad": 1.0,
    "\\qquad": 2.0,
}

# Hints on size and style that a browser decides by itself.
IGNORED = _words(r"""
    \displaystyle \textstyle \scriptstyle \limits \nolimits \nonumber \notag \big \Big \bigg \Bigg
    \bigl \bigr \Bigl \Bigr \rm \bf \it \mathstrut
""")

# Brackets around the lines of an environment.
FENCES = {"pmatrix": "()", "bmatrix": "[]", "Bmatrix": "{}", "vmatrix": "||", "Vmatrix": "‖‖"}
ALIGNED = _words("aligned align split")

DOUBLE = _pairs("R ℝ N ℕ Z ℤ C ℂ Q ℚ P ℙ E 𝔼 I 𝕀 T 𝕋 S 𝕊")
