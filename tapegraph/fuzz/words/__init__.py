"""What statements of random programs say: each word is a function that adds one to a scope, where it finds operands."""
