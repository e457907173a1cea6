"""The base vocabulary: what of PyTorch may be used before anything is re-created.

A word stands for its twins: `abs` is `torch.abs`, the method `.abs`, `torch.nn.functional.abs` where there is one,
and the in-place `abs_`. Everything of `torch` that is not listed here is locked until a chapter unlocks it.
"""

from __future__ import annotations

from groundup.book.plan import operation


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CREATING = _words("""
    arange as_tensor asarray clone copy_ empty empty_like empty_permuted empty_strided eye fill fill_diagonal from_file
    from_numpy frombuffer full full_like linspace logspace meshgrid new new_empty new_empty_strided new_full new_ones
    new_tensor new_zeros ones ones_like tensor tril_indices triu_indices zero_ zeros zeros_like cartesian_prod
    combinations Tensor FloatTensor DoubleTensor IntTensor LongTensor BoolTensor ByteTensor block_diag scalar_tensor
    vander range
""")

INDEXING = _words("""
    argwhere bucketize clip_ diag diag_embed diagflat diagonal diagonal_scatter gather index_add index_copy index_fill
    index_put index_reduce index_select isin masked_fill masked_scatter masked_select narrow narrow_copy newaxis nonzero
    nonzero_static one_hot put scatter scatter_add scatter_reduce searchsorted select select_scatter slice_inverse
    slice_scatter take take_along_dim tril triu unravel_index where
""")

SHAPING = _words("""
    H T adjoint as_strided as_strided_scatter atleast_1d atleast_2d atleast_3d cat chunk column_stack concat
    concatenate contiguous data_ptr dim dim_order dsplit dstack element_size flatten flip fliplr flipud hsplit
    hstack is_contiguous is_same_size is_set_to itemsize mH mT moveaxis movedim nbytes ndim ndimension nelement
    numel pad permute ravel repeat repeat_interleave reshape reshape_as resize resize_as roll rot90 row_stack set_
    shape size split split_with_sizes squeeze stack storage storage_offset storage_type stride swapaxes swapdims t
    tensor_split tile transpose unbind unflatten unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze
    untyped_storage view view_as vsplit vstack contiguous_format preserve_format channels_last channels_last_3d
    memory_format is_shared share_memory_
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
    quantile sort std std_mean sum topk trace unique unique_consecutive var var_mean
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

# what Python's operators and built-in functions call on a tensor; `__matmul__` is not among them
OPERATORS = _words("""
    __abs__ __add__ __and__ __array__ __bool__ __class__ __contains__ __deepcopy__ __delitem__ __dir__ __div__
    __doc__ __eq__ __float__ __floordiv__ __format__ __ge__ __getitem__ __gt__ __hash__ __iadd__ __iand__ __idiv__
    __ifloordiv__ __ilshift__ __imod__ __imul__ __index__ __init__ __int__ __invert__ __ior__ __ipow__ __irshift__
    __isub__ __iter__ __itruediv__ __ixor__ __le__ __len__ __lshift__ __lt__ __mod__ __module__ __mul__ __name__ __ne__
    __neg__ __new__ __or__ __pos__ __pow__ __qualname__ __radd__ __rand__ __rdiv__ __repr__ __reversed__ __rfloordiv__
    __rlshift__ __rmod__ __rmul__ __ror__ __rpow__ __rrshift__ __rshift__ __rsub__ __rtruediv__ __rxor__ __setitem__
    __str__ __sub__ __truediv__ __xor__
""")

# names deeper than torch.X that are base too, each with what it does that a shorter name does as well
BELOW = _words("""
    torch.accelerator.current_accelerator torch.accelerator.is_available torch.accelerator.synchronize
    torch.backends.cudnn.benchmark torch.backends.cudnn.deterministic torch.backends.mps.is_available
    torch.cuda.device_count torch.cuda.is_available torch.cuda.manual_seed torch.cuda.manual_seed_all
    torch.cuda.synchronize torch.mps.synchronize torch.distributions.Beta torch.linalg.norm torch.linalg.vector_norm
    torch.nn.init.constant_ torch.nn.init.normal_ torch.nn.init.ones_ torch.nn.init.uniform_ torch.nn.init.zeros_
    torch.testing.assert_close
""")

# every list of what is free, by its heading on the ledger
LISTS = {
    "Creating": CREATING,
    "Indexing": INDEXING,
    "Shaping": SHAPING,
    "Elementwise arithmetic": ARITHMETIC,
    "Reductions": REDUCTIONS,
    "Random numbers": RANDOM,
    "Types, devices, printing": DTYPES_DEVICES_PRINTING,
    "Python's operators, by the names of their methods": OPERATORS,
    "Deeper in PyTorch: starting values, norms, random numbers, devices, comparing": BELOW,
}
BASE = frozenset().union(*LISTS.values())

# modules whose names may be imported and abbreviated: what they hold is judged where it is used
NAMESPACES = _words("""
    torch torch.accelerator torch.autograd torch.backends torch.backends.cudnn torch.backends.mps torch.cuda
    torch.distributions torch.func torch.linalg torch.mps torch.nn torch.nn.functional torch.nn.init torch.nn.utils
    torch.optim torch.optim.lr_scheduler torch.random torch.special torch.testing torch.utils torch.utils.data
""")

# methods of a tensor that are locked: on an object of unknown type, only these words are taken for PyTorch's
METHODS = _words("""
    __matmul__ __rmatmul__ _make_subclass addbmm addmm addmv addr angle as_subclass baddbmm backward bmm
    broadcast_to ccol_indices cdouble cfloat chalf cholesky cholesky_inverse cholesky_solve coalesce col_indices
    conj conj_physical corrcoef cov cross crow_indices dense_dim dequantize det dot eig expand expand_as geqrf ger
    grad_dtype grad_fn hardshrink hash_tensor inner int_repr inverse is_coalesced is_complex is_conj is_distributed
    is_inference is_leaf is_neg is_nested is_quantized is_sparse is_sparse_csr istft kron log_softmax logaddexp
    logaddexp2 logcumsumexp logdet logsumexp lstsq lu lu_solve matmul matrix_exp matrix_power mm mv orgqr ormqr
    outer output_nr pinverse prelu q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale
    q_zero_point qr qscheme record_stream register_hook register_post_accumulate_grad_hook reinforce relu renorm
    requires_grad resize_as_sparse resolve_conj resolve_neg retain_grad retains_grad row_indices slogdet smm softmax
    sparse_dim sparse_mask sparse_resize sparse_resize_and_clear sspaddmm stft sum_to_size svd symeig to_dense
    to_mkldnn to_padded_tensor to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr
    triangular_solve unfold vdot
""")

# locked too, and so common elsewhere (a dictionary's values) that on an object of unknown type only a run can tell
COMMON = _words("""
    const_data_ptr imag index indices ipu is_ipu is_maia is_meta is_mkldnn is_mps is_mtia is_vulkan is_xla is_xpu layout
    module_load mtia name real solve values volatile xpu
""")


def is_base(name: str) -> bool:
    """Whether a full name of PyTorch may be used from the beginning (of chapter 3)."""
    if operation(name) in _OPERATIONS:
        return True
    above = name.rpartition(".")[0]  # torch.float32.itemsize, torch.Size.numel
    return above not in NAMESPACES and above != "torch.Tensor" and above.startswith("torch.") and is_base(above)


_OPERATIONS = frozenset(operation(word if word in BELOW else f"torch.{word}") for word in BASE)
