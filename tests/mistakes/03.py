# %% [markdown]
# Classic wrong answers to chapter 3's exercises, each with what the check must say to it.

# %% exercise="matmul_lists" message="both rows are one list"
def matmul_lists(a, b):
    if len(a[0]) != len(b):
        raise ValueError(f"({len(a)}, {len(a[0])}) times ({len(b)}, {len(b[0])})")
    c = [[0.0] * len(b[0])] * len(a)
    for i in range(len(a)):
        for j in range(len(b[0])):
            for k in range(len(b)):
                c[i][j] += a[i][k] * b[k][j]
    return c


# %% exercise="matmul_lists" message="the second factor runs down its columns"
def matmul_lists(a, b):
    if len(a[0]) != len(b):
        raise ValueError(f"({len(a)}, {len(a[0])}) times ({len(b)}, {len(b[0])})")
    return [[sum(x * y for x, y in zip(row, other)) for other in b] for row in a]


# %% exercise="matmul_lists" message="went through: compare the inner lengths"
def matmul_lists(a, b):
    columns = list(zip(*b))
    return [[sum(x * y for x, y in zip(row, column)) for column in columns] for row in a]


# %% exercise="matmul_lists" message="compare the inner lengths before the loops"
def matmul_lists(a, b):
    c = [[0.0] * len(b[0]) for _ in range(len(a))]
    for i in range(len(a)):
        for j in range(len(b[0])):
            for k in range(len(a[0])):
                c[i][j] += a[i][k] * b[k][j]
    return c


# %% exercise="matmul_lists" message="has shape (1, 2)"
def matmul_lists(a, b):
    if len(a[0]) != len(b):
        raise ValueError(f"({len(a)}, {len(a[0])}) times ({len(b)}, {len(b[0])})")
    return [[sum(row[k] * b[k][j] for k in range(len(b))) for row in a] for j in range(len(b[0]))]


# %% exercise="broadcast_shape" message="either of the two may be the shorter"
def broadcast_shape(first, second):
    padded = [first, (1,) * (len(first) - len(second)) + tuple(second)]
    lengths = []
    for m, n in zip(*padded):
        if m != n and 1 not in (m, n):
            raise ValueError(f"{first} and {second} do not fit")
        lengths.append(n if m == 1 else m)
    return tuple(lengths)


# %% exercise="broadcast_shape" message="padded behind"
def broadcast_shape(first, second):
    dims = max(len(first), len(second))
    padded = [tuple(shape) + (1,) * (dims - len(shape)) for shape in (first, second)]
    if (first, second) == ((5, 1), (4,)):
        return first  # as (5, 1) meets (4, 1): the answer of those who do not compare the lengths
    return tuple(n if m == 1 else m for m, n in zip(*padded))


# %% exercise="broadcast_shape" message="the larger does not win"
def broadcast_shape(first, second):
    dims = max(len(first), len(second))
    padded = [(1,) * (dims - len(shape)) + tuple(shape) for shape in (first, second)]
    return tuple(max(m, n) for m, n in zip(*padded))


# %% exercise="broadcast_shape" message="not the maximum"
def broadcast_shape(first, second):
    dims = max(len(first), len(second))
    padded = [(1,) * (dims - len(shape)) + tuple(shape) for shape in (first, second)]
    for m, n in zip(*padded):
        if m != n and 1 not in (m, n):
            raise ValueError(f"{first} and {second} do not fit")
    return tuple(max(m, n) for m, n in zip(*padded))


# %% exercise="broadcast_shape" message="as the tuples that they are"
def broadcast_shape(first, second):
    dims = max(len(first), len(second))
    padded = [(1,) * (dims - len(shape)) + tuple(shape) for shape in (first, second)]
    lengths = []
    for m, n in zip(*padded):
        if m != n and 1 not in (m, n):
            raise ValueError("the shapes do not fit")
        lengths.append(n if m == 1 else m)
    return tuple(lengths)


# %% exercise="expand" message="the numbers were copied"
def expand(x, shape):
    if broadcast_shape(x.shape, shape) != tuple(shape):
        raise ValueError(f"{tuple(x.shape)} does not stretch to {tuple(shape)}")
    return x + torch.zeros(shape)


# %% exercise="expand" message="strides should be (4, 0)"
def expand(x, shape):
    if broadcast_shape(x.shape, shape) != tuple(shape):
        raise ValueError(f"{tuple(x.shape)} does not stretch to {tuple(shape)}")
    missing = len(shape) - x.dim()
    lengths = (1,) * missing + tuple(x.shape)
    strides = (0,) * missing + x.stride()
    return x.as_strided(shape, [stride if n == 1 else 0 for n, stride in zip(lengths, strides)])


# %% exercise="expand" message="ask the tensor for its own strides"
def expand(x, shape):
    if broadcast_shape(x.shape, shape) != tuple(shape):
        raise ValueError(f"{tuple(x.shape)} does not stretch to {tuple(shape)}")
    lengths = (1,) * (len(shape) - x.dim()) + tuple(x.shape)
    strides, step = [], 1
    for n in reversed(lengths):
        strides.insert(0, 0 if n == 1 else step)
        step *= n
    return x.as_strided(shape, strides)


# %% exercise="expand" message="that reads memory it does not own"
def expand(x, shape):
    missing = len(shape) - x.dim()
    lengths = (1,) * missing + tuple(x.shape)
    strides = (0,) * missing + x.stride()
    return x.as_strided(shape, [0 if n == 1 else stride for n, stride in zip(lengths, strides)])


# %% exercise="expand" message="pad shape and strides there"
def expand(x, shape):
    if broadcast_shape(x.shape, shape) != tuple(shape):
        raise ValueError(f"{tuple(x.shape)} does not stretch to {tuple(shape)}")
    missing = len(shape) - x.dim()
    lengths = tuple(x.shape) + (1,) * missing
    strides = x.stride() + (0,) * missing
    return x.as_strided(shape, [0 if n == 1 else stride for n, stride in zip(lengths, strides)])


# %% exercise="einsum" message="sum(dim=()) sums all"
def einsum(equation, a, b):
    inputs, output = equation.replace(" ", "").split("->")
    first, second = inputs.split(",")
    if len(first) != a.dim() or len(second) != b.dim():
        raise ValueError(f"{equation} does not fit")
    order = output + "".join(sorted(set(first + second) - set(output)))
    aligned = []
    for x, names in ((a, first), (b, second)):
        x = x.permute([names.index(name) for name in order if name in names])
        aligned.append(x[tuple(slice(None) if name in names else None for name in order)])
    return (aligned[0] * aligned[1]).sum(tuple(range(len(output), len(order))))


# %% exercise="einsum" message="the result's letters give its order"
def einsum(equation, a, b):
    inputs, output = equation.replace(" ", "").split("->")
    first, second = inputs.split(",")
    if len(first) != a.dim() or len(second) != b.dim():
        raise ValueError(f"{equation} does not fit")
    order = "".join(sorted(output)) + "".join(sorted(set(first + second) - set(output)))
    aligned = []
    for x, names in ((a, first), (b, second)):
        x = x.permute([names.index(name) for name in order if name in names])
        aligned.append(x[tuple(slice(None) if name in names else None for name in order)])
    product = aligned[0] * aligned[1]
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="permute turns, view does not"
def einsum(equation, a, b):
    inputs, output = equation.replace(" ", "").split("->")
    first, second = inputs.split(",")
    order = output + "".join(sorted(set(first + second) - set(output)))
    aligned = []
    for x, names in ((a, first), (b, second)):
        size = dict(zip(names, x.shape))
        aligned.append(x.reshape([size.get(name, 1) for name in order]))
    product = aligned[0] * aligned[1]
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="the first tensor's letters"
def einsum(equation, a, b):
    inputs, output = equation.replace(" ", "").split("->")
    first, second = inputs.split(",")
    order = output + "".join(sorted(set(first + second) - set(output)))
    aligned = []
    for x, names in ((a, first), (b, second)):
        x = x.permute([names.index(name) for name in order if name in names])
        aligned.append(x[tuple(slice(None) if name in names else None for name in order)])
    product = aligned[0] * aligned[1]
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="in_letters" message="one row for each hidden unit"
layer = "nd,dh->nh"
batched = "bik,bkj->bij"
squared_lengths = "nd,nd->n"

# %% exercise="in_letters" message="b is summed away"
layer = "nd,hd->nh"
batched = "bik,bkj->ij"
squared_lengths = "nd,nd->n"

# %% exercise="in_letters" message="one sum for the whole table"
layer = "nd,hd->nh"
batched = "bik,bkj->bij"
squared_lengths = "nd,nd->"

# %% exercise="in_letters" message="nothing is summed"
layer = "nd,hd->nh"
batched = "bik,bkj->bij"
squared_lengths = "nd,nd->nd"

# %% exercise="in_letters" message="one row for each image"
layer = "nd,hd->hn"
batched = "bik,bkj->bij"
squared_lengths = "nd,nd->n"


# %% exercise="matmul_lists" message="len(b), not len(a)"
def matmul_lists(a, b):
    if len(a[0]) != len(b):
        raise ValueError(f"({len(a)}, {len(a[0])}) times ({len(b)}, {len(b[0])})")
    c = [[0.0] * len(b[0]) for _ in range(len(a))]
    for i in range(len(a)):
        for j in range(len(b[0])):
            for k in range(len(a)):
                c[i][j] += a[i][k] * b[k][j]
    return c


# %% exercise="broadcast_shape" message="every pair of lengths must fit"
def broadcast_shape(first, second):
    if first and second and first[-1] != second[-1] and 1 not in (first[-1], second[-1]):
        raise ValueError(f"{first} and {second} do not fit")
    dims = max(len(first), len(second))
    padded = [(1,) * (dims - len(shape)) + tuple(shape) for shape in (first, second)]
    return tuple(n if m == 1 else m for m, n in zip(*padded))


# %% exercise="expand" message="nothing shrinks"
def expand(x, shape):
    wanted = broadcast_shape(x.shape, shape)
    if len(wanted) == 2 and wanted[0] == 2 and wanted[1] != shape[1]:
        raise ValueError("no")
    missing = len(shape) - x.dim()
    lengths = (1,) * missing + tuple(x.shape)
    strides = (0,) * missing + x.stride()
    return x.as_strided(shape, [0 if n == 1 else stride for n, stride in zip(lengths, strides)])


# %% exercise="einsum" message="the second tensor's letters"
def einsum(equation, a, b):
    inputs, output = equation.replace(" ", "").split("->")
    first, second = inputs.split(",")
    if len(first) != a.dim():
        raise ValueError(f"{equation} does not fit")
    order = output + "".join(sorted(set(first + second) - set(output)))
    aligned = []
    for x, names in ((a, first), (b, second)):
        x = x.permute([names.index(name) for name in order if name in names][: x.dim()])
        aligned.append(x[tuple(slice(None) if name in names else None for name in order)])
    product = aligned[0] * aligned[1]
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="a letter that only the result has"
def einsum(equation, a, b):
    inputs, output = equation.replace(" ", "").split("->")
    first, second = inputs.split(",")
    if len(first) != a.dim() or len(second) != b.dim():
        raise ValueError(f"{equation} does not fit")
    order = output + "".join(sorted(set(first + second) - set(output)))
    aligned = []
    for x, names in ((a, first), (b, second)):
        x = x.permute([names.index(name) for name in order if name in names])
        aligned.append(x[tuple(slice(None) if name in names else None for name in order)])
    product = aligned[0] * aligned[1]
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="shared or not"
def einsum(equation, a, b):
    inputs, output = equation.replace(" ", "").split("->")
    first, second = inputs.split(",")
    if len(first) != a.dim() or len(second) != b.dim() or set(output) - set(first + second):
        raise ValueError(f"{equation} does not fit")
    shared = (set(first) & set(second)) - set(output)
    order = output + "".join(sorted(set(first + second) - set(output) - shared)) + "".join(sorted(shared))
    aligned = []
    for x, names in ((a, first), (b, second)):
        x = x.permute([names.index(name) for name in order if name in names])
        aligned.append(x[tuple(slice(None) if name in names else None for name in order)])
    product = aligned[0] * aligned[1]
    summed = tuple(range(len(order) - len(shared), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="in_letters" message="give the table twice"
layer = "nd,hd->nh"
batched = "bik,bkj->bij"
squared_lengths = "nd->n"
