"""Data: datasets, samplers and loaders of batches, padding of sequences, data made by rules, and the handwritten digits."""

from tapegraph.data.buckets import BucketSampler
from tapegraph.data.collate import collate, default_collate, default_convert
from tapegraph.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
)
from tapegraph.data.digits import digits
from tapegraph.data.loader import DataLoader
from tapegraph.data.messages import WorkerError
from tapegraph.data.packing import (
    PackedSequence,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    unpack_sequence,
)
from tapegraph.data.padding import bucket_collate, pad_collate, pad_sequence, sequence_mask, unpad_sequence
from tapegraph.data.samplers import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from tapegraph.data.split import random_split, train_test_split
from tapegraph.data.synthetic import (
    ArithmeticTrees,
    CharacterWindows,
    DyckWords,
    Forest,
    Tree,
    Vocabulary,
    adding_problem,
    adding_problem_1997,
    copy_task,
    forest,
    is_balanced,
    spirals,
    tiny_corpus,
    two_moons,
)
from tapegraph.data.worker_info import WorkerInfo, get_worker_info

__all__ = [
    "ArithmeticTrees",
    "BatchSampler",
    "BucketSampler",
    "ChainDataset",
    "CharacterWindows",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DyckWords",
    "Forest",
    "IterableDataset",
    "PackedSequence",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "Tree",
    "Vocabulary",
    "WeightedRandomSampler",
    "WorkerError",
    "WorkerInfo",
    "adding_problem",
    "adding_problem_1997",
    "bucket_collate",
    "collate",
    "copy_task",
    "default_collate",
    "default_convert",
    "digits",
    "forest",
    "get_worker_info",
    "is_balanced",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_collate",
    "pad_packed_sequence",
    "pad_sequence",
    "random_split",
    "sequence_mask",
    "spirals",
    "tiny_corpus",
    "train_test_split",
    "two_moons",
    "unpack_sequence",
    "unpad_sequence",
]
