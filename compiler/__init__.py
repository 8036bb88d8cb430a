"""Static mode, second half: graphs become native kernels and a plan; the only package that imports numba."""
