"""``tapegraph bugs``: seeded bugs in every contender's own idiom, what each says about them, and a score for that."""
