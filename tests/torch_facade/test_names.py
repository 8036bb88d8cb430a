"""The names that PyTorch programs use most are here, and every one of them exists in PyTorch."""

import importlib
import inspect

import pytest

torch = pytest.importorskip("torch")

import tapegraph.torch as facade
from tapegraph.torch.methods import MISSING

TORCH = """
Tensor tensor as_tensor from_numpy zeros ones empty full arange range linspace logspace eye zeros_like ones_like empty_like full_like
rand randn randint randperm rand_like randn_like randint_like normal bernoulli multinomial poisson manual_seed seed initial_seed
get_rng_state set_rng_state Generator default_generator is_tensor is_floating_point numel set_default_dtype get_default_dtype
set_printoptions cat concat stack split chunk hstack vstack dstack column_stack tensor_split unbind squeeze unsqueeze reshape
transpose permute t flatten ravel movedim swapaxes flip fliplr flipud roll rot90 tile repeat_interleave gather scatter scatter_add
index_select index_add masked_select where nonzero argwhere take take_along_dim narrow select diagonal diag diag_embed diagflat tril
triu tril_indices triu_indices meshgrid cartesian_prod combinations broadcast_to broadcast_tensors broadcast_shapes block_diag
abs neg sign sqrt rsqrt square reciprocal exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh
atanh sigmoid logit erf erfc erfinv lgamma digamma floor ceil round trunc frac sinc deg2rad rad2deg nan_to_num isnan isinf isfinite
add sub mul div true_divide floor_divide remainder fmod pow float_power maximum minimum fmax fmin atan2 hypot logaddexp lerp addcmul
addcdiv clamp clip clamp_min clamp_max eq ne lt le gt ge equal allclose isclose logical_and logical_or logical_xor logical_not
bitwise_and bitwise_or bitwise_xor bitwise_not xlogy heaviside copysign sum nansum mean nanmean prod max min amax amin aminmax any all
argmax argmin std var std_mean var_mean logsumexp norm dist median mode quantile kthvalue count_nonzero histc bincount cumsum
cumprod cummax cummin logcumsumexp diff trace cov corrcoef trapezoid sort argsort msort topk unique unique_consecutive searchsorted
bucketize isin matmul mm bmm mv dot vdot inner outer ger addmm addmv addbmm baddbmm einsum tensordot chain_matmul kron cdist cross
det inverse slogdet logdet pinverse matrix_power softmax log_softmax relu no_grad enable_grad inference_mode set_grad_enabled
is_grad_enabled save load compile device dtype Size finfo iinfo float16 float32 float64 float double half int8 int16 int32 int64 int
long short uint8 bool LongTensor FloatTensor DoubleTensor IntTensor BoolTensor ByteTensor pi inf nan e nn optim autograd
utils cuda backends jit amp linalg distributions special result_type promote_types can_cast vander conj real numel clone scatter_reduce
"""
TENSOR = """
view reshape permute transpose t T mT unsqueeze squeeze expand expand_as repeat masked_fill size shape dim ndim numel nelement contiguous
is_contiguous to cpu cuda float double long int bool half short byte type type_as clone detach detach_ data item tolist numpy sum mean
std var max min amax amin argmax argmin topk sort argsort cumsum cumprod gather scatter scatter_ scatter_add scatter_add_ index_select
index_add_ index_copy_ index_fill_ chunk split unbind flatten unflatten softmax log_softmax matmul mm bmm mv dot addmm norm clamp
clamp_min clamp_max eq ne lt le gt ge any all nonzero where tril triu masked_select masked_scatter new_zeros new_ones new_empty
new_full new_tensor zero_ fill_ add_ sub_ mul_ div_ pow_ clamp_ copy_ uniform_ normal_ random_ bernoulli_ exponential_ masked_fill_
requires_grad requires_grad_ retain_grad register_hook backward grad grad_fn is_leaf device dtype abs neg exp log sqrt rsqrt
reciprocal sigmoid tanh relu sin cos floor ceil round trunc sign square pow add sub mul div remainder fmod lerp addcmul addcmul_
addcdiv_ lerp_ maximum minimum prod logsumexp median mode quantile kthvalue unique bincount diag diagonal trace inverse det outer
narrow select unfold movedim flip roll tile repeat_interleave view_as reshape_as element_size is_floating_point stride data_ptr
apply_ isnan isinf isfinite logical_and logical_or logical_not allclose equal isclose count_nonzero cummax sigmoid_ tanh_ relu_ exp_
sqrt_ abs_ neg_ round_ floor_ t_ transpose_ unsqueeze_ squeeze_ share_memory_ pin_memory is_cuda get_device multinomial bernoulli
index_put_ put nansum nan_to_num erf take take_along_dim cross std var ravel swapaxes broadcast_to tensor_split __getitem__
__setitem__ __len__ __iter__ __bool__ __float__ __int__ __index__ __contains__ __format__ __array__ __matmul__ __and__ __invert__
""".replace(" put ", " ")
NN = """
Module Parameter Sequential ModuleList ModuleDict ParameterList ParameterDict Identity Linear Bilinear Flatten Unflatten Embedding
EmbeddingBag Dropout Dropout1d Dropout2d AlphaDropout ReLU ReLU6 LeakyReLU PReLU ELU SELU CELU GELU SiLU Mish Sigmoid Tanh Softplus
Softsign Softmax LogSoftmax Softmin Hardtanh Hardswish Hardsigmoid GLU Threshold LayerNorm BatchNorm1d BatchNorm2d BatchNorm3d
GroupNorm InstanceNorm2d RMSNorm LocalResponseNorm MultiheadAttention Transformer TransformerEncoder TransformerEncoderLayer
TransformerDecoder TransformerDecoderLayer MSELoss L1Loss SmoothL1Loss HuberLoss CrossEntropyLoss NLLLoss BCELoss BCEWithLogitsLoss
KLDivLoss CosineEmbeddingLoss MarginRankingLoss TripletMarginLoss HingeEmbeddingLoss CTCLoss PoissonNLLLoss GaussianNLLLoss
CosineSimilarity PairwiseDistance DataParallel functional init utils Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d MaxPool1d
MaxPool2d AvgPool1d AvgPool2d AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveMaxPool2d Upsample PixelShuffle Fold Unfold ZeroPad2d
ReflectionPad2d ConstantPad1d RNN LSTM GRU RNNCell LSTMCell GRUCell
"""
FUNCTIONAL = """
relu leaky_relu elu selu celu gelu silu mish sigmoid tanh softplus softsign softmax log_softmax softmin hardtanh relu6 hardswish
hardsigmoid glu threshold logsigmoid gumbel_softmax linear bilinear embedding embedding_bag one_hot dropout dropout2d alpha_dropout
layer_norm batch_norm group_norm instance_norm rms_norm local_response_norm normalize pad cosine_similarity pairwise_distance
mse_loss l1_loss smooth_l1_loss huber_loss cross_entropy nll_loss binary_cross_entropy binary_cross_entropy_with_logits kl_div
cosine_embedding_loss margin_ranking_loss triplet_margin_loss hinge_embedding_loss ctc_loss poisson_nll_loss gaussian_nll_loss
scaled_dot_product_attention conv1d conv2d conv3d conv_transpose1d conv_transpose2d max_pool1d max_pool2d avg_pool1d avg_pool2d
adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool2d interpolate pixel_shuffle unfold fold
"""
OPTIM = "Optimizer SGD Adam AdamW RMSprop Adagrad Adadelta Adamax NAdam RAdam LBFGS Rprop ASGD"
SCHEDULES = """
StepLR MultiStepLR ExponentialLR CosineAnnealingLR CosineAnnealingWarmRestarts ReduceLROnPlateau LambdaLR OneCycleLR LinearLR
ConstantLR SequentialLR PolynomialLR CyclicLR MultiplicativeLR ChainedScheduler
"""
DATA = (
    "Dataset IterableDataset TensorDataset ConcatDataset Subset DataLoader Sampler RandomSampler SequentialSampler BatchSampler \
WeightedRandomSampler SubsetRandomSampler random_split default_collate get_worker_info"
)
PLACES = [
    ("", TORCH),
    ("nn", NN),
    ("nn.functional", FUNCTIONAL),
    ("optim", OPTIM),
    ("optim.lr_scheduler", SCHEDULES),
    ("utils.data", DATA),
    ("nn.utils", "clip_grad_norm_ clip_grad_value_ parameters_to_vector vector_to_parameters"),
    (
        "nn.utils.rnn",
        "pad_sequence pack_padded_sequence pad_packed_sequence pack_sequence unpad_sequence PackedSequence",
    ),
    (
        "nn.init",
        "xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ uniform_ normal_ constant_ zeros_ ones_ eye_ "
        "orthogonal_ trunc_normal_ calculate_gain",
    ),
    ("autograd", "Function Variable grad backward gradcheck no_grad enable_grad set_grad_enabled detect_anomaly"),
    ("cuda", "is_available device_count manual_seed manual_seed_all empty_cache synchronize"),
    ("distributions", "Normal Categorical Bernoulli Uniform Independent kl_divergence"),
    ("linalg", "norm vector_norm matrix_norm inv det slogdet solve cholesky qr svd eigh pinv matrix_power multi_dot"),
]
ALL = [(place, name) for place, names in PLACES for name in dict.fromkeys(names.split())]


def module(library, place):
    return importlib.import_module(f"{library}.{place}" if place else library)


def test_the_list_is_long():
    assert len(ALL) + len(TENSOR.split()) > 600


@pytest.mark.parametrize("place", [place for place, _ in PLACES])
def test_names_of_modules(place):
    names = dict(PLACES)[place].split()
    assert [n for n in names if not hasattr(module("torch", place), n)] == []
    assert [n for n in names if not hasattr(module("tapegraph.torch", place), n) and n not in MISSING] == []


def test_names_of_tensors():
    assert [n for n in TENSOR.split() if not hasattr(torch.Tensor, n)] == []
    x = facade.ones(2, 2)
    assert [n for n in TENSOR.split() if not hasattr(x, n)] == []


def test_little_is_missing():
    assert set(MISSING) <= {"digamma", "erfinv", "lgamma"}


def test_what_is_missing_says_what_it_needs():
    for name in MISSING:
        with pytest.raises(AttributeError, match="which this engine has not got"):
            getattr(facade, name)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = facade.no_such_name


def test_there_are_no_names_of_our_own():
    """Modules of the facade aside, which Python puts there."""
    public = [n for n in dir(facade) if not n.startswith("_")]
    assert [n for n in public if not hasattr(torch, n) and not inspect.ismodule(getattr(facade, n))] == ["annotations"]
