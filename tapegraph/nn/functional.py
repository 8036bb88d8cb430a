"""F: what layers compute, as functions of arrays; the names and meanings are PyTorch's, axes are called ``axis``."""

from engine.ops.activations import (
    celu,
    glu,
    gumbel_softmax,
    hard_shrink,
    hard_sigmoid,
    hard_swish,
    hardmax,
    hardtanh,
    logsigmoid,
    mish,
    prelu,
    relu6,
    rrelu,
    selu,
    softmin,
    softshrink,
    softsign,
    tanhshrink,
    threshold,
    thresholded_relu,
)
from engine.ops.activations import hard_shrink as hardshrink
from engine.ops.activations import hard_sigmoid as hardsigmoid
from engine.ops.activations import hard_swish as hardswish
from engine.ops.attention import scaled_dot_product_attention
from engine.ops.bilinear import bilinear
from engine.ops.channel_norm import batch_norm, group_norm, instance_norm
from engine.ops.convolve import (
    conv,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from engine.ops.create import one_hot
from engine.ops.ctc import ctc_loss
from engine.ops.dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from engine.ops.embedding import embedding, embedding_bag
from engine.ops.folding import fold, unfold
from engine.ops.grid import affine_grid, grid_sample
from engine.ops.heads import multi_head_attention
from engine.ops.linalg import linear
from engine.ops.losses import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from engine.ops.losses_binary import bce_with_logits as binary_cross_entropy_with_logits
from engine.ops.losses_binary import binary_cross_entropy, multilabel_soft_margin_loss, soft_margin_loss
from engine.ops.losses_classes import cross_entropy, nll_loss
from engine.ops.losses_distance import (
    cosine_embedding_loss,
    cosine_similarity,
    pairwise_distance,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from engine.ops.losses_likelihood import gaussian_nll_loss, kl_div, poisson_nll_loss
from engine.ops.losses_margin import (
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
)
from engine.ops.math import sigmoid, tanh
from engine.ops.nn import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    silu,
    softmax,
    softplus,
)
from engine.ops.normalization import layer_norm, local_response_norm, normalize, rms_norm
from engine.ops.pad import pad_from_last as pad
from engine.ops.pooling import global_avg_pool, global_max_pool
from engine.ops.pools import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from engine.ops.positions import rotary_encoding, sinusoidal_encoding
from engine.ops.resize import interpolate
from engine.ops.shape import flatten
from engine.ops.shuffle import channel_shuffle, pixel_shuffle, pixel_unshuffle

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "affine_grid",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "channel_shuffle",
    "conv",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "embedding",
    "embedding_bag",
    "feature_alpha_dropout",
    "flatten",
    "fold",
    "gaussian_nll_loss",
    "gelu",
    "global_avg_pool",
    "global_max_pool",
    "glu",
    "grid_sample",
    "group_norm",
    "gumbel_softmax",
    "hard_shrink",
    "hard_sigmoid",
    "hard_swish",
    "hardmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hinge_embedding_loss",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log_softmax",
    "logsigmoid",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mish",
    "mse_loss",
    "multi_head_attention",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "rotary_encoding",
    "rrelu",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "sinusoidal_encoding",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "thresholded_relu",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "unfold",
]
