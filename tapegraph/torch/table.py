"""The table of spellings: what PyTorch's functions and methods are called, and what they are here.

Left of the arrow PyTorch's name (several with "/") and signature, right of it the engine's functions and those of
``meanings``. After ";": "f" a function of torch, "m" a method of tensors, "fm" both (the default); with "_" also in place.
"""

TABLE = """
# one operand
abs/absolute(input) -> abs(input)  ;fm_
neg/negative(input) -> negative(input)  ;fm_
positive(input) -> input
sign/sgn(input) -> sign(input)  ;fm_
signbit(input) -> signbit(input)
sqrt(input) -> sqrt(floats(input))  ;fm_
rsqrt(input) -> rsqrt(floats(input))  ;fm_
square(input) -> square(input)  ;fm_
reciprocal(input) -> reciprocal(floats(input))  ;fm_
exp(input) -> exp(input)  ;fm_
exp2(input) -> pow(2.0, floats(input))  ;fm_
expm1(input) -> expm1(input)  ;fm_
log(input) -> log(input)  ;fm_
log2(input) -> log2(input)  ;fm_
log10(input) -> log10(input)  ;fm_
log1p(input) -> log1p(input)  ;fm_
sin(input) -> sin(input)  ;fm_
cos(input) -> cos(input)  ;fm_
tan(input) -> tan(input)  ;fm_
asin/arcsin(input) -> asin(input)  ;fm_
acos/arccos(input) -> acos(input)  ;fm_
atan/arctan(input) -> atan(input)  ;fm_
sinh(input) -> sinh(input)  ;fm_
cosh(input) -> cosh(input)  ;fm_
tanh(input) -> tanh(input)  ;fm_
asinh/arcsinh(input) -> asinh(input)  ;fm_
acosh/arccosh(input) -> acosh(input)  ;fm_
atanh/arctanh(input) -> atanh(input)  ;fm_
sinc(input) -> where(equal(input, 0), 1.0, divide(sin(multiply(floats(input), 3.141592653589793)), multiply(input, 3.141592653589793)))
deg2rad(input) -> multiply(input, 0.017453292519943295)  ;fm_
rad2deg(input) -> multiply(input, 57.29577951308232)  ;fm_
sigmoid(input) -> sigmoid(input)  ;fm_
logit(input, eps=None) -> logit_of(floats(input), eps)  ;fm_
relu(input) -> relu(input)  ;fm_
erf(input) -> erf(input)  ;fm_
erfc(input) -> subtract(1.0, erf(input))  ;fm_
erfinv(input) -> erfinv(input)  ;fm_
lgamma(input) -> lgamma(input)  ;fm_
digamma(input) -> digamma(input)  ;fm_
floor(input) -> floor(input)  ;fm_
ceil(input) -> ceil(input)  ;fm_
round(input, *, decimals=0) -> round(input) if decimals == 0 else divide(round(multiply(input, 10.0 ** decimals)), 10.0 ** decimals)  ;fm_
trunc/fix(input) -> trunc(input)  ;fm_
frac(input) -> subtract(input, trunc(input))  ;fm_
isnan(input) -> isnan(input)
isinf(input) -> isinf(input)
isfinite(input) -> isfinite(input)
isposinf(input) -> equal(input, float("inf"))
isneginf(input) -> equal(input, -float("inf"))
nan_to_num(input, nan=None, posinf=None, neginf=None) -> finite(input, nan, posinf, neginf)  ;fm_
logical_not(input) -> logical_not(input)  ;fm_
bitwise_not(input) -> bitwise_not_of(input)  ;fm_
clone(input, *, memory_format=None) -> copy_of(input)
real(input) -> input
conj(input) -> input
softmax(input, dim=None, dtype=None) -> softmax(floats(input), -1 if dim is None else dim, dtype)
log_softmax(input, dim=None, dtype=None) -> log_softmax(floats(input), -1 if dim is None else dim, dtype)

# two operands
add(input, other, *, alpha=1) -> either("add", input, scaled(other, alpha))  ;fm_
sub/subtract(input, other, *, alpha=1) -> subtract(input, scaled(other, alpha))  ;fm_
rsub(input, other, *, alpha=1) -> subtract(other, scaled(input, alpha))
mul/multiply(input, other) -> either("multiply", input, other)  ;fm_
div/divide(input, other, *, rounding_mode=None) -> quotient(input, other, rounding_mode)  ;fm_
true_divide(input, other) -> divide(input, other)  ;fm_
floor_divide(input, other) -> floor_divide(input, other)  ;fm_
remainder(input, other) -> remainder(input, other)  ;fm_
fmod(input, other) -> subtract(input, multiply(quotient(input, other, "trunc"), other))  ;fm_
pow(input, exponent) -> pow(input, exponent)  ;fm_
float_power(input, exponent) -> pow(astype(input, "float64"), exponent)
maximum/fmax(input, other) -> either("maximum", input, other)
minimum/fmin(input, other) -> either("minimum", input, other)
atan2/arctan2(input, other) -> atan2(input, other)  ;fm_
hypot(input, other) -> hypot(input, other)  ;fm_
copysign(input, other) -> copysign(input, other)  ;fm_
nextafter(input, other) -> nextafter(input, other)
logaddexp(input, other) -> logaddexp(input, other)
xlogy(input, other) -> where(equal(input, 0), 0.0, multiply(input, log(where(equal(input, 0), 1.0, other))))
heaviside(input, values) -> where(equal(input, 0), values, astype(greater(input, 0), values.dtype))
eq(input, other) -> equal(input, other)  ;fm_
ne/not_equal(input, other) -> not_equal(input, other)  ;fm_
lt/less(input, other) -> less(input, other)  ;fm_
le/less_equal(input, other) -> less_equal(input, other)  ;fm_
gt/greater(input, other) -> greater(input, other)  ;fm_
ge/greater_equal(input, other) -> greater_equal(input, other)  ;fm_
equal(input, other) -> same_values(input, other)
allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False) -> bool(all(close(input, other, rtol, atol, equal_nan)))
isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False) -> close(input, other, rtol, atol, equal_nan)
logical_and(input, other) -> logical_and(input, other)  ;fm_
logical_or(input, other) -> logical_or(input, other)  ;fm_
logical_xor(input, other) -> logical_xor(input, other)  ;fm_
bitwise_and(input, other) -> bitwise_and(input, other)  ;fm_
bitwise_or(input, other) -> bitwise_or(input, other)  ;fm_
bitwise_xor(input, other) -> bitwise_xor(input, other)  ;fm_
bitwise_left_shift(input, other) -> bitwise_left_shift(input, other)  ;fm_
bitwise_right_shift(input, other) -> bitwise_right_shift(input, other)  ;fm_
dist(input, other, p=2) -> vector_norm(reshape(subtract(input, other), (-1,)), ord=p)
lerp(input, end, weight) -> add(input, multiply(weight, subtract(end, input)))  ;fm_
addcmul(input, tensor1, tensor2, *, value=1) -> add(input, scaled(multiply(tensor1, tensor2), value))  ;fm_
addcdiv(input, tensor1, tensor2, *, value=1) -> add(input, scaled(divide(tensor1, tensor2), value))  ;fm_
clamp/clip(input, min=None, max=None) -> clamped(input, min, max)  ;fm_
clamp_min(input, min) -> clamped(input, min, None)  ;fm_
clamp_max(input, max) -> clamped(input, None, max)  ;fm_
where(condition, input=None, other=None) -> chosen(condition, input, other)  ;f
masked_fill(input, mask, value) -> filled(input, mask, value)  ;fm_
cross(input, other, dim=None) -> cross(input, other, axis=of_three(input) if dim is None else dim)

# reductions
sum(input, dim=None, keepdim=False, *, dtype=None) -> total(input, dim, keepdim, dtype)
nansum(input, dim=None, keepdim=False, *, dtype=None) -> total(without_nan(input), dim, keepdim, dtype)
mean(input, dim=None, keepdim=False, *, dtype=None) -> mean(cast(input, dtype), axis=axes(dim) if dim != () else None, keepdims=keepdim)
nanmean(input, dim=None, keepdim=False) -> divide(sum(where(isnan(input), 0.0, input), axis=axes(dim), keepdims=keepdim), sum(astype(logical_not(isnan(input)), input.dtype), axis=axes(dim), keepdims=keepdim))
prod(input, dim=None, keepdim=False, *, dtype=None) -> cast(prod(cast(counted(input), dtype), axis=dim, keepdims=keepdim), dtype)
max(input, dim=None, keepdim=False, *, other=None) -> extreme("max", input, dim if other is None else other, keepdim)
min(input, dim=None, keepdim=False, *, other=None) -> extreme("min", input, dim if other is None else other, keepdim)
amax(input, dim=None, keepdim=False) -> extremes("max", input, axes(dim) if dim != () else None, keepdim)
amin(input, dim=None, keepdim=False) -> extremes("min", input, axes(dim) if dim != () else None, keepdim)
aminmax(input, *, dim=None, keepdim=False) -> (min(input, axis=dim, keepdims=keepdim), max(input, axis=dim, keepdims=keepdim))
any(input, dim=None, keepdim=False) -> any(input, axis=axes(dim), keepdims=keepdim)
all(input, dim=None, keepdim=False) -> all(input, axis=axes(dim), keepdims=keepdim)
argmax(input, dim=None, keepdim=False) -> position("argmax", input, dim, keepdim)
argmin(input, dim=None, keepdim=False) -> position("argmin", input, dim, keepdim)
var(input, dim=None, unbiased=None, keepdim=False, *, correction=None) -> spread("var", input, dim, unbiased, keepdim, correction)
std(input, dim=None, unbiased=None, keepdim=False, *, correction=None) -> spread("std", input, dim, unbiased, keepdim, correction)
var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None) -> spread_and_mean("var", input, dim, unbiased, keepdim, correction)
std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None) -> spread_and_mean("std", input, dim, unbiased, keepdim, correction)
logsumexp(input, dim, keepdim=False) -> logsumexp(input, axis=axes(dim), keepdims=keepdim)
norm(input, p="fro", dim=None, keepdim=False, dtype=None) -> shaped_norm(cast(input, dtype), p, dim, keepdim)
median(input, dim=None, keepdim=False) -> median(input, dim, keepdim)
quantile(input, q, dim=None, keepdim=False, *, interpolation="linear") -> quantiles("quantile", input, q, dim, keepdim, interpolation)
nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear") -> quantiles("nanquantile", input, q, dim, keepdim, interpolation)
mode(input, dim=-1, keepdim=False) -> Pair(*most_frequent(input, axis=dim, keepdims=keepdim))
kthvalue(input, k, dim=-1, keepdim=False) -> Pair(*kthvalue(input, k, axis=dim, keepdims=keepdim))
count_nonzero(input, dim=None) -> count_nonzero(input, axis=axes(dim))
histc(input, bins=100, min=0, max=0) -> histogram(input, bins, min, max)
cumsum(input, dim, *, dtype=None) -> cumulative_sum(cast(counted(input), dtype), axis=dim)  ;fm_
cumprod(input, dim, *, dtype=None) -> cumulative_prod(cast(counted(input), dtype), axis=dim)  ;fm_
cummax(input, dim) -> Pair(*cummax(input, axis=dim))
cummin(input, dim) -> Pair(*cummin(input, axis=dim))
logcumsumexp(input, dim) -> log_of_running_sum(input, dim)
diff(input, n=1, dim=-1, prepend=None, append=None) -> diff(input, n=n, axis=dim, prepend=prepend, append=append)
trace(input) -> trace(input)

# joining and rearranging
cat/concat/concatenate(tensors, dim=0) -> concat(joinable(tensors), axis=dim)  ;f
stack(tensors, dim=0) -> stack(tensors, axis=dim)  ;f
vstack/row_stack(tensors) -> stacked(tensors, 2, 0)  ;f
hstack(tensors) -> stacked(tensors, 1, 1)  ;f
dstack(tensors) -> stacked(tensors, 3, 2)  ;f
column_stack(tensors) -> stacked([t if t.ndim > 1 else reshape(t, (-1, 1)) for t in tensors], 2, 1)  ;f
atleast_1d(*tensors) -> at_least(tensors, 1)  ;f
atleast_2d(*tensors) -> at_least(tensors, 2)  ;f
atleast_3d(*tensors) -> at_least(tensors, 3)  ;f
flip(input, *places, dims=None) -> flip(input, axis=numbers(places, dims))
fliplr(input) -> flip(input, axis=1)
flipud(input) -> flip(input, axis=0)
roll(input, shifts, dims=None) -> roll(input, shifts, axis=dims)
rot90(input, k=1, dims=(0, 1)) -> turned(input, k, dims)
tile(input, *times, dims=None) -> tile(input, numbers(times, dims))
repeat(input, *times, repeats=None) -> tile(input, numbers(times, repeats))  ;m
repeat_interleave(input, repeats, dim=None, *, output_size=None) -> repeat(input, repeats, axis=dim)
meshgrid(*tensors, indexing="ij") -> meshes(tensors, indexing)  ;f
cartesian_prod(*tensors) -> tensors[0] if len(tensors) == 1 else stack([reshape(m, (-1,)) for m in meshgrid(*tensors, indexing="ij")], axis=-1)  ;f
tril(input, diagonal=0) -> tril(input, k=diagonal)  ;fm_
triu(input, diagonal=0) -> triu(input, k=diagonal)  ;fm_
diag(input, diagonal=0) -> diag(input, k=diagonal)
diag_embed(input, offset=0, dim1=-2, dim2=-1) -> diag_embed(input, offset=offset, axis1=dim1, axis2=dim2)
diagflat(input, offset=0) -> diag_embed(reshape(input, (-1,)), offset=offset)
vander(x, N=None, increasing=False) -> powers(x, N, increasing)  ;f

# by position
gather(input, dim, index) -> gathered(input, dim, index)
take_along_dim(input, indices, dim=None) -> take_along_axis(reshape(input, (-1,)) if dim is None else input, reshape(indices, (-1,)) if dim is None else indices, axis=0 if dim is None else dim)
scatter(input, dim, index, src=None, *, value=None, reduce=None) -> scattered(input, dim, index, value if src is None else src, reduce)  ;fm_
scatter_add(input, dim, index, src) -> scattered(input, dim, index, src, "sum")  ;fm_
scatter_reduce(input, dim, index, src, reduce, *, include_self=True) -> scattered(input, dim, index, src, reduce, include_self)  ;fm_
index_select(input, dim, index) -> take(input, index, axis=dim)
index_add(input, dim, index, source, *, alpha=1) -> index_add(input, index, scaled(source, alpha), axis=dim)  ;fm_
index_copy(input, dim, index, source) -> index_copy(input, index, source, axis=dim)  ;fm_
index_fill(input, dim, index, value) -> index_copy(input, index, broadcast_to(astype(asarray(value), input.dtype), (*input.shape[:along(input, dim)], index.shape[0], *input.shape[along(input, dim) + 1:])), axis=dim)  ;fm_
index_put(input, indices, values, accumulate=False) -> put_at(input, indices, values, accumulate)  ;fm_
take(input, index) -> take(reshape(input, (-1,)), index, axis=0)
masked_select(input, mask) -> masked_select(input, mask)
masked_scatter(input, mask, source) -> masked_scatter(input, mask, source)  ;fm_
nonzero(input, *, as_tuple=False) -> positions(input, as_tuple)
argwhere(input) -> positions(input, False)
unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None) -> distinct(input, return_inverse, return_counts, dim)
unique_consecutive(input, return_inverse=False, return_counts=False, dim=None) -> runs(input, return_inverse, return_counts, dim)
bincount(input, weights=None, minlength=0) -> bincount(input, weights if weights is None or weights.dtype.kind == "f" else astype(weights, "float64"), minlength=minlength)
sort(input, dim=-1, descending=False, stable=False) -> ordered(input, dim, descending, stable)
argsort(input, dim=-1, descending=False, stable=False) -> argsort(input, axis=dim, descending=descending, stable=True)
msort(input) -> sort(input, axis=0)
topk(input, k, dim=-1, largest=True, sorted=True) -> Pair(*topk(input, k, axis=dim, largest=largest, sorted=sorted))
searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None) -> counted_places(searchsorted(sorted_sequence, input, side="right" if right or side == "right" else "left", sorter=sorter), out_int32)  ;f
bucketize(input, boundaries, *, out_int32=False, right=False) -> counted_places(bucketize(input, boundaries, right=right), out_int32)
isin(elements, test_elements, *, assume_unique=False, invert=False) -> isin(elements, test_elements, invert=invert)  ;f

unfold(input, dimension, size, step) -> windows(input, dimension, size, step)  ;m
block_diag(*tensors) -> blocks(tensors)  ;f
cov(input, *, correction=1, fweights=None, aweights=None) -> covariance(input, correction, fweights, aweights)
corrcoef(input) -> correlation(input)
trapezoid/trapz(y, x=None, *, dx=1.0, dim=-1) -> trapezoids(y, x, dx, dim)  ;f
cumulative_trapezoid(y, x=None, *, dx=1.0, dim=-1) -> trapezoids(y, x, dx, dim, True)  ;f

# products
matmul(input, other) -> matmul(input, other)
mm(input, mat2) -> matmul(input, mat2)
bmm(input, mat2) -> matmul(input, mat2)
mv(input, vec) -> matmul(input, vec)
dot(input, other) -> matmul(input, other)
inner(input, other) -> inner(input, other) if input.ndim and other.ndim else multiply(input, other)
vdot(input, other) -> sum(multiply(input, other))
outer/ger(input, vec2) -> outer(input, vec2)
addmm(input, mat1, mat2, *, beta=1, alpha=1) -> add(scaled(input, beta), scaled(matmul(mat1, mat2), alpha))  ;fm_
addmv(input, mat, vec, *, beta=1, alpha=1) -> add(scaled(input, beta), scaled(matmul(mat, vec), alpha))  ;fm_
addr(input, vec1, vec2, *, beta=1, alpha=1) -> add(scaled(input, beta), scaled(multiply(expand_dims(vec1, axis=1), vec2), alpha))  ;fm_
baddbmm(input, batch1, batch2, *, beta=1, alpha=1) -> add(scaled(input, beta), scaled(matmul(batch1, batch2), alpha))  ;fm_
addbmm(input, batch1, batch2, *, beta=1, alpha=1) -> add(scaled(input, beta), scaled(sum(matmul(batch1, batch2), axis=0), alpha))  ;fm_
einsum(equation, *operands) -> einsum(equation, *(operands[0] if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands))  ;f
tensordot(a, b, dims=2) -> tensordot(a, b, axes=dims)  ;f
chain_matmul(*matrices) -> multi_dot(matrices)  ;f
kron(input, other) -> kron(input, other)
cdist(x1, x2, p=2.0, compute_mode=None) -> cdist(x1, x2, p)  ;f
inverse(input) -> inv(input)
det(input) -> det(input)
logdet(input) -> log(det(input))
slogdet(input) -> slogdet(input)
cholesky(input, upper=False) -> matrix_transpose(cholesky(input)) if upper else cholesky(input)
qr(input, some=True) -> qr(input, mode="reduced" if some else "complete")
pinverse(input, rcond=1e-15) -> pinv(input, rtol=rcond)
svd(input, some=True, compute_uv=True) -> economic_svd(input, some, compute_uv)
cholesky_solve(input, input2, upper=False) -> cholesky_solve(input, input2, upper=upper)
matrix_power(input, n) -> matrix_power(input, n)
matrix_exp(input) -> expm(input)
"""
