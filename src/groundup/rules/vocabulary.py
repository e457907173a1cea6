"""The base vocabulary: what of PyTorch may be used before anything is re-created, and what one unlock covers.

A word stands for its twins: `abs` is `torch.abs`, the method `.abs`, `torch.nn.functional.abs` where there is one,
and the in-place `abs_`. Everything of `torch` that is not listed here is locked until a chapter unlocks it.
"""

from __future__ import annotations

from collections.abc import Iterable

# Python's own spellings of `@`, and ways to a method by its name.
OPERATOR_FUNCTIONS = {
    f"{module}.{word}": "@"
    for module in ("operator", "_operator")
    for word in ("matmul", "imatmul", "__matmul__", "__imatmul__")
}
GETTERS = ("operator.methodcaller", "operator.attrgetter")
BUILTINS = ("eval", "exec", "__import__")
UNSEEN = (  # nothing that is read in a file would tell what these do
    *BUILTINS,
    *(f"builtins.{word}" for word in BUILTINS),
    "importlib.import_module",
    "pkgutil.resolve_name",
    "sys.modules",
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CREATING = _words("""
    arange as_tensor asarray clone copy_ empty empty_like empty_permuted empty_strided eye fill fill_diagonal from_file
    frombuffer full full_like linspace logspace meshgrid new new_empty new_empty_strided new_full new_ones new_tensor
    new_zeros ones ones_like tensor tril_indices triu_indices zero_ zeros zeros_like cartesian_prod combinations Tensor
    FloatTensor DoubleTensor IntTensor LongTensor BoolTensor ByteTensor block_diag scalar_tensor vander range
""")

INDEXING = _words("""
    argwhere bucketize clip_ diag diag_embed diagflat diagonal diagonal_scatter gather index_add index_copy index_fill
    index_put index_reduce index_select isin masked_fill masked_scatter masked_select narrow narrow_copy newaxis nonzero
    nonzero_static put scatter scatter_add scatter_reduce searchsorted select select_scatter slice_inverse slice_scatter
    take take_along_dim tril triu unravel_index where
""")

SHAPING = _words("""
    H T adjoint as_strided as_strided_scatter atleast_1d atleast_2d atleast_3d cat chunk column_stack concat concatenate
    contiguous data_ptr dim dim_order dsplit dstack element_size flatten flip fliplr flipud hsplit hstack is_contiguous
    is_same_size is_set_to itemsize mH mT moveaxis movedim nbytes ndim ndimension nelement numel permute ravel repeat
    repeat_interleave reshape reshape_as resize resize_as roll rot90 row_stack set_ shape size split split_with_sizes
    squeeze stack storage storage_offset storage_type stride swapaxes swapdims t tensor_split tile transpose unbind
    unflatten unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze untyped_storage view view_as vsplit vstack
    contiguous_format preserve_format channels_last channels_last_3d memory_format is_shared share_memory_
""")

ARITHMETIC = _words("""
    abs absolute acos acosh add addcdiv addcmul all allclose any arccos arccosh arcsin arcsinh arctan arctan2 arctanh
    asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor
    ceil clamp clamp_max clamp_min clip copysign cos cosh deg2rad digamma div divide e eq equal erf erfc erfinv exp exp2
    expm1 fix float_power floor floor_divide fmax fmin fmod frac frexp gcd ge greater greater_equal gt heaviside hypot
    i0 igamma igammac inf isclose isfinite isinf isnan isneginf isposinf isreal lcm ldexp le lerp less less_equal lgamma
    log log10 log1p log2 logical_and logical_not logical_or logical_xor logit lt maximum minimum mul multiply mvlgamma
    nan nan_to_num ne neg negative nextafter not_equal pi polygamma positive pow rad2deg reciprocal remainder round
    rsqrt rsub sgn sigmoid sign signbit sin sinc sinh sqrt square sub subtract tan tanh true_divide trunc xlogy apply_
    map_ map2_
""")

REDUCTIONS = _words("""
    amax amin aminmax argmax argmin argsort bincount count_nonzero cummax cummin cumprod cumsum diff dist histc
    histogram histogramdd kthvalue max mean median min mode msort nanmean nanmedian nanquantile nansum norm prod
    quantile sort std std_mean sum sum_to_size topk trace unique unique_consecutive var var_mean
""")

RANDOM = _words("""
    Generator bernoulli cauchy_ default_generator exponential_ fork_rng geometric_ get_rng_state initial_seed
    log_normal_ manual_seed multinomial normal poisson rand rand_like randint randint_like randn randn_like random
    randperm seed set_rng_state uniform_
""")

DTYPES_DEVICES_PRINTING = _words("""
    Size __version__ bfloat16 bool byte can_cast char cpu cuda data detach device double dtype finfo float float16
    float32 float64 get_default_device get_default_dtype get_device get_num_threads grad half iinfo int
    int16 int32 int64 int8 is_cpu is_cuda is_floating_point is_nonzero is_signed is_tensor item load long numpy
    pin_memory is_pinned promote_types result_type save set_default_device set_default_dtype set_num_threads
    set_printoptions short strided to tolist type type_as typename uint8 uint16 uint32 uint64
    use_deterministic_algorithms
""")

BASE = CREATING | INDEXING | SHAPING | ARITHMETIC | REDUCTIONS | RANDOM | DTYPES_DEVICES_PRINTING

# names deeper than torch.X that are base too
BASE_BELOW = _words("""
    torch.accelerator.current_accelerator torch.accelerator.is_available torch.accelerator.synchronize
    torch.backends.mps.is_available torch.cuda.device_count torch.cuda.is_available torch.cuda.manual_seed
    torch.cuda.manual_seed_all torch.cuda.synchronize torch.mps.synchronize
""")

# modules whose names may be imported and abbreviated: what they hold is judged where it is used
NAMESPACES = _words("""
    torch torch.accelerator torch.autograd torch.backends torch.backends.mps torch.cuda torch.func torch.linalg
    torch.mps torch.nn torch.nn.functional torch.nn.init torch.nn.utils torch.optim torch.optim.lr_scheduler
    torch.random torch.special torch.utils torch.utils.data
""")

# methods of a tensor that are locked: on an object of unknown type, only these words are taken for PyTorch's
METHODS = _words("""
    __matmul__ __rmatmul__ addbmm addmm addmv addr baddbmm backward bmm broadcast_to cholesky
    cholesky_inverse cholesky_solve corrcoef cov cross det dot eig expand expand_as geqrf ger grad_fn hardshrink inner
    inverse is_leaf istft kron log_softmax logaddexp logaddexp2 logcumsumexp logdet logsumexp lstsq lu lu_solve matmul
    matrix_exp matrix_power mm mv orgqr ormqr outer pinverse prelu qr register_hook register_post_accumulate_grad_hook
    relu renorm requires_grad retain_grad retains_grad slogdet smm softmax sspaddmm stft svd triangular_solve unfold
    vdot
""")

# what one unlock covers besides its own twins (words as above, full names for the rest)
FAMILIES = {
    "torch.matmul": _words("""
        @ mm bmm mv dot inner vdot outer ger addmm addmv addbmm baddbmm addr chain_matmul torch.linalg.matmul
        torch.linalg.vecdot torch.linalg.multi_dot __matmul__ __rmatmul__
    """),
    "torch.einsum": _words("tensordot"),
    "torch.broadcast_tensors": _words("broadcast_to broadcast_shapes expand expand_as"),
    "torch.nn.init.xavier_normal_": _words("torch.nn.init.xavier_uniform_ torch.nn.init.calculate_gain"),
    "torch.nn.init.kaiming_normal_": _words("torch.nn.init.kaiming_uniform_ torch.nn.init.calculate_gain"),
    "torch.Tensor.backward": _words("""
        requires_grad grad_fn is_leaf retain_grad retains_grad register_hook register_post_accumulate_grad_hook
        torch.autograd.backward torch.autograd.grad
    """),
    "torch.Tensor.requires_grad_": _words("requires_grad"),
    "torch.no_grad": _words("""
        enable_grad inference_mode is_grad_enabled set_grad_enabled torch.autograd.no_grad torch.autograd.enable_grad
        torch.autograd.set_grad_enabled
    """),
    "torch.nn.functional.log_softmax": _words("softmax torch.nn.LogSoftmax torch.nn.Softmax"),
    "torch.nn.functional.cross_entropy": _words("nll_loss torch.nn.CrossEntropyLoss torch.nn.NLLLoss"),
    "torch.logsumexp": _words("logaddexp logaddexp2 logcumsumexp"),
    "torch.nn.Linear": _words("linear"),
    "torch.nn.Sequential": _words("torch.nn.ModuleList"),
    "torch.optim.SGD": _words("torch.optim.Optimizer"),
    "torch.utils.data.DataLoader": _words("""
        torch.utils.data.Dataset torch.utils.data.TensorDataset torch.utils.data.Subset torch.utils.data.Sampler
        torch.utils.data.SequentialSampler torch.utils.data.RandomSampler torch.utils.data.BatchSampler
        torch.utils.data.default_collate
    """),
    "torch.nn.functional.unfold": _words("torch.nn.Unfold fold torch.nn.Fold"),
    "torch.nn.BatchNorm1d": _words("batch_norm"),
    "torch.nn.BatchNorm2d": _words("batch_norm"),
    "torch.nn.LayerNorm": _words("layer_norm"),
    "torch.nn.GroupNorm": _words("group_norm"),
    "torch.nn.Dropout": _words("dropout"),
    "torch.nn.AdaptiveAvgPool2d": _words("adaptive_avg_pool2d"),
}

TWINS = ("torch.nn.functional.", "torch.Tensor.", "torch.random.", "torch.")


def operation(name: str) -> str:
    """The word that all twins of a name share; the name itself for what lies deeper, such as `torch.nn.Linear`."""
    prefix = next((prefix for prefix in TWINS if name.startswith(prefix)), "")
    word = name.removeprefix(prefix)
    if "." in word:
        return name
    return word if word.endswith("__") else word.removesuffix("_")


def is_base(name: str) -> bool:
    """Whether a full name of PyTorch may be used from the beginning (of chapter 3)."""
    word = operation(name)
    if word in _BASE_WORDS or name in BASE_BELOW:
        return True
    above = name.rpartition(".")[0]  # torch.float32.itemsize, torch.Size.numel
    return above not in NAMESPACES and above != "torch.Tensor" and above.startswith("torch.") and is_base(above)


def covering(name: str, unlocks: Iterable[str]) -> list[str]:
    """Those of the unlocked names that make `name` usable: its own ones, else the one closest above it."""
    word = operation(name)
    unlocks = list(unlocks)
    own = [target for target in unlocks if operation(target) == word or word in FAMILIES.get(target, ())]
    above = [target for target in unlocks if name.startswith(f"{target}.")]
    return own or sorted(above, key=len)[-1:]


_BASE_WORDS = frozenset(map(operation, (f"torch.{word}" for word in BASE)))
