"""Data: datasets, batches of them, and the handwritten digits."""

from tapegraph.data.dataset import Dataset, Subset, TensorDataset, collate, random_split
from tapegraph.data.digits import digits, train_test_split
from tapegraph.data.loader import DataLoader

__all__ = ["DataLoader", "Dataset", "Subset", "TensorDataset", "collate", "digits", "random_split", "train_test_split"]
