"""What a rewrite may promise of the values it keeps, from all of their bits to those of finite values but for rounding."""

FIDELITIES = ("bitwise", "rounding", "finite")
ULP = 8  # units in the last place of the largest number in its equation: what a rule that may round is tested to keep
