"""torch.version: of the interface, and of what is not there."""

__version__ = "2.13.0+tapegraph"
cuda = None
hip = None
