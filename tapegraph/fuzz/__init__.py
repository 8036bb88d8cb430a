"""Random programs that hold the promise "both modes mean the same" to account; ``tapegraph fuzz`` runs them."""
