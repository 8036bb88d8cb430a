"""Every op with a counterpart in PyTorch, on the argument sets of PyTorch's own op tests (OpInfo) and on more of ours."""
