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


# %% exercise="matmul_lists" message="(2, 3) times (2, 2) went through"
def matmul_lists(a, b):
    columns = list(zip(*b))
    return [[sum(x * y for x, y in zip(row, column)) for column in columns] for row in a]


# %% exercise="matmul_lists" message="got as far as the loops"
def matmul_lists(a, b):
    c = [[0.0] * len(b[0]) for _ in range(len(a))]
    for i in range(len(a)):
        for j in range(len(b[0])):
            for k in range(len(a[0])):
                c[i][j] += a[i][k] * b[k][j]
    return c


# %% exercise="matmul_lists" message="rows and columns of the result are swapped"
def matmul_lists(a, b):
    if len(a[0]) != len(b):
        raise ValueError(f"({len(a)}, {len(a[0])}) times ({len(b)}, {len(b[0])})")
    return [[sum(row[k] * b[k][j] for k in range(len(b))) for row in a] for j in range(len(b[0]))]


# %% exercise="matmul_lists" message="from 0 to len(b) - 1"
def matmul_lists(a, b):
    if len(a[0]) != len(b):
        raise ValueError(f"({len(a)}, {len(a[0])}) times ({len(b)}, {len(b[0])})")
    c = [[0.0] * len(b[0]) for _ in range(len(a))]
    for i in range(len(a)):
        for j in range(len(b[0])):
            for k in range(len(a)):
                c[i][j] += a[i][k] * b[k][j]
    return c


# %% exercise="matmul_lists" message="of the two products only the last is left"
def matmul_lists(a, b):
    if len(a[0]) != len(b):
        raise ValueError(f"({len(a)}, {len(a[0])}) times ({len(b)}, {len(b[0])})")
    c = [[0.0] * len(b[0]) for _ in range(len(a))]
    for i in range(len(a)):
        for j in range(len(b[0])):
            for k in range(len(b)):
                c[i][j] = a[i][k] * b[k][j]
    return c


# %% exercise="matmul_lists" message="number times number at the same place"
def matmul_lists(a, b):
    return [[x * y for x, y in zip(row, other)] for row, other in zip(a, b)]


# %% exercise="matmul_lists" message="(2, 3) times (3, 4) fits, and was refused"
def matmul_lists(a, b):
    if len(a) != len(b):
        raise ValueError(f"({len(a)}, {len(a[0])}) times ({len(b)}, {len(b[0])})")
    return [[sum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]


# %% exercise="matmul_lists" message="as they were given, (2, 3) and (2, 2)"
def matmul_lists(a, b):
    if len(a[0]) != len(b):
        raise ValueError(f"the inner lengths {len(a[0])} and {len(b)} differ")
    return [[sum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]


# %% exercise="matmul_lists" message="nothing came back: return the rows"
def matmul_lists(a, b):
    print([[sum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a])


# %% exercise="broadcast_shape" message="either of the two may be the shorter"
def broadcast_shape(first, second):
    padded = [first, (1,) * (len(first) - len(second)) + tuple(second)]
    lengths = []
    for m, n in zip(*padded):
        if m != n and 1 not in (m, n):
            raise ValueError(f"{first} and {second} do not fit")
        lengths.append(n if m == 1 else m)
    return tuple(lengths)


# %% exercise="broadcast_shape" message="filled up in front, and with 1s?"
def broadcast_shape(first, second):
    dims = max(len(first), len(second))
    padded = [tuple(shape) + (1,) * (dims - len(shape)) for shape in (first, second)]
    lengths = []
    for m, n in zip(*padded):
        if m != n and 1 not in (m, n):
            raise ValueError(f"{first} and {second} do not fit")
        lengths.append(n if m == 1 else m)
    return tuple(lengths)


# %% exercise="broadcast_shape" message="10 meets 784 and neither is 1"
def broadcast_shape(first, second):
    dims = max(len(first), len(second))
    padded = [(1,) * (dims - len(shape)) + tuple(shape) for shape in (first, second)]
    return tuple(max(m, n) for m, n in zip(*padded))


# %% exercise="broadcast_shape" message="so the result is not the maximum"
def broadcast_shape(first, second):
    dims = max(len(first), len(second))
    padded = [(1,) * (dims - len(shape)) + tuple(shape) for shape in (first, second)]
    for m, n in zip(*padded):
        if m != n and 1 not in (m, n):
            raise ValueError(f"{first} and {second} do not fit")
    return tuple(max(m, n) for m, n in zip(*padded))


# %% exercise="broadcast_shape" message="as they were given, (784, 10) and (784,)"
def broadcast_shape(first, second):
    dims = max(len(first), len(second))
    first, second = ((1,) * (dims - len(shape)) + tuple(shape) for shape in (first, second))
    lengths = []
    for m, n in zip(first, second):
        if m != n and 1 not in (m, n):
            raise ValueError(f"{first} and {second} do not fit")
        lengths.append(n if m == 1 else m)
    return tuple(lengths)


# %% exercise="broadcast_shape" message="every pair of lengths must fit"
def broadcast_shape(first, second):
    if first and second and first[-1] != second[-1] and 1 not in (first[-1], second[-1]):
        raise ValueError(f"{first} and {second} do not fit")
    dims = max(len(first), len(second))
    padded = [(1,) * (dims - len(shape)) + tuple(shape) for shape in (first, second)]
    return tuple(n if m == 1 else m for m, n in zip(*padded))


# %% exercise="broadcast_shape" message="gave a ValueError, not (3, 5): two dimensions"
def broadcast_shape(first, second):
    dims = max(len(first), len(second))
    padded = [(1,) * (dims - len(shape)) + tuple(shape) for shape in (first, second)]
    if padded[0] != padded[1]:
        raise ValueError(f"{first} and {second} do not fit")
    return padded[0]


# %% exercise="broadcast_shape" message="the longer shape's front was dropped"
def broadcast_shape(first, second):
    lengths = []
    for m, n in zip(reversed(first), reversed(second)):
        if m != n and 1 not in (m, n):
            raise ValueError(f"{first} and {second} do not fit")
        lengths.insert(0, n if m == 1 else m)
    return tuple(lengths)


# %% exercise="broadcast_shape" message="give back a tuple of lengths"
def broadcast_shape(first, second):
    dims = max(len(first), len(second))
    padded = [(1,) * (dims - len(shape)) + tuple(shape) for shape in (first, second)]
    return [n if m == 1 else m for m, n in zip(*padded)]


# %% exercise="expand" message="or the numbers were copied"
def expand(x, shape):
    if broadcast_shape(x.shape, shape) != tuple(shape):
        raise ValueError(f"{tuple(x.shape)} does not stretch to {tuple(shape)}")
    return x + torch.zeros(shape)


# %% exercise="expand" message="where the length is 1 that the stride becomes 0"
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


# %% exercise="expand" message="reads memory which it does not own"
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


# %% exercise="expand" message="ask whether the two meet in exactly"
def expand(x, shape):
    broadcast_shape(x.shape, shape)  # raises when they do not fit
    missing = len(shape) - x.dim()
    lengths = (1,) * missing + tuple(x.shape)
    strides = (0,) * missing + x.stride()
    return x.as_strided(shape, [0 if n == 1 else stride for n, stride in zip(lengths, strides)])


# %% exercise="expand" message="(2, 3, 4) went to (3, 4): a dimension cannot get lost"
def expand(x, shape):
    if broadcast_shape(x.shape, shape)[-len(shape) :] != tuple(shape):
        raise ValueError(f"{tuple(x.shape)} does not stretch to {tuple(shape)}")
    missing = len(shape) - x.dim()
    lengths = ((1,) * missing + tuple(x.shape))[-len(shape) :]
    strides = ((0,) * missing + x.stride())[-len(shape) :]
    return x.as_strided(shape, [0 if n == 1 else stride for n, stride in zip(lengths, strides)])


# %% exercise="expand" message="nothing came back: return the view"
def expand(x, shape):
    lengths = (1,) * (len(shape) - x.dim()) + tuple(x.shape)
    strides = (0,) * (len(shape) - x.dim()) + x.stride()
    print(x.as_strided(shape, [0 if n == 1 else stride for n, stride in zip(lengths, strides)]))


# %% exercise="einsum" message="to x.sum(()) no dimensions are all of them"
def align(x, names, order):
    x = x.permute([names.index(name) for name in order if name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation, a, b):
    inputs, output = equation.replace(" ", "").split("->")
    first, second = inputs.split(",")
    order = output + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    return product.sum(tuple(range(len(output), len(order))))


# %% exercise="einsum" message="the result's letters give its order"
def align(x, names, order):
    x = x.permute([names.index(name) for name in order if name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation, a, b):
    inputs, output = equation.replace(" ", "").split("->")
    first, second = inputs.split(",")
    order = "".join(sorted(output)) + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="permute turns, view and reshape do not"
def align(x, names, order):
    size = dict(zip(names, x.shape))
    return x.reshape([size.get(name, 1) for name in order])


def einsum(equation, a, b):
    inputs, output = equation.replace(" ", "").split("->")
    first, second = inputs.split(",")
    order = output + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="permute wants, for each new dimension, the old place"
def align(x, names, order):
    kept = [name for name in order if name in names]
    x = x.permute([kept.index(name) for name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation, a, b):
    inputs, output = equation.replace(" ", "").split("->")
    first, second = inputs.split(",")
    order = output + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="the first tensor's letters, ijk"
def align(x, names, order):
    x = x.permute([names.index(name) for name in order if name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation, a, b):
    inputs, output = equation.replace(" ", "").split("->")
    first, second = inputs.split(",")
    order = output + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="a length of 1 stretches, also where it is summed"
def align(x, names, order):
    x = x.permute([names.index(name) for name in order if name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation, a, b):
    inputs, output = equation.replace(" ", "").split("->")
    first, second = inputs.split(",")
    size = {}
    for name, length in (*zip(first, a.shape), *zip(second, b.shape)):
        if size.setdefault(name, length) != length:
            raise ValueError(f"{name} has two lengths")
    order = output + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="x is a letter that only the result has"
def align(x, names, order):
    x = x.permute([names.index(name) for name in order if name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation, a, b):
    inputs, output = equation.replace(" ", "").split("->")
    first, second = inputs.split(",")
    if len(first) != a.dim() or len(second) != b.dim():
        raise ValueError(f"{equation} does not fit")
    order = output + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="every letter that the result lacks is summed"
def align(x, names, order):
    x = x.permute([names.index(name) for name in order if name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation, a, b):
    inputs, output = equation.replace(" ", "").split("->")
    first, second = inputs.split(",")
    shared = (set(first) & set(second)) - set(output)
    order = output + "".join(sorted(set(first + second) - set(output) - shared)) + "".join(sorted(shared))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(order) - len(shared), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="one tensor has the letter i twice"
def align(x, names, order):
    x = x.permute([names.index(name) for name in order if name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation, a, b):
    inputs, output = equation.replace(" ", "").split("->")
    first, second = inputs.split(",")
    if len(first) != a.dim() or len(second) != b.dim() or set(output) - set(first + second):
        raise ValueError(f"{equation} does not fit")
    order = output + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="slow, a loop over all numbers"
def align(x, names, order):
    x = x.permute([names.index(name) for name in order if name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation, a, b):
    inputs, output = equation.replace(" ", "").split("->")
    first, second = inputs.split(",")
    order = output + "".join(sorted(set(first + second) - set(output)))
    a, b = align(a, first, order), align(b, second, order)
    lengths = [max(m, n) for m, n in zip(a.shape, b.shape)]
    result = torch.zeros(lengths[: len(output)], dtype=a.dtype)
    places = [()]
    for length in lengths:
        places = [(*place, i) for place in places for i in range(length)]
    for place in places:
        left = tuple(min(i, n - 1) for i, n in zip(place, a.shape))
        right = tuple(min(i, n - 1) for i, n in zip(place, b.shape))
        result[place[: len(output)]] += a[left] * b[right]
    return result


# %% exercise="einsum" message="write align(x, names, order) as well"
def einsum(equation, a, b):
    inputs, output = equation.split("->")
    first, second = inputs.split(",")
    return (a[:, :, None] * b).sum(1)


# %% exercise="in_letters" message="one row for each hidden unit: hd, not dh"
layer = "nd,dh->nh"
batched = "bik,bkj->bij"
squared_lengths = "nd,nd->n"

# %% exercise="in_letters" message="b is summed away"
layer = "nd,hd->nh"
batched = "bik,bkj->ij"
squared_lengths = "nd,nd->n"

# %% exercise="in_letters" message="one sum for the whole matrix"
layer = "nd,hd->nh"
batched = "bik,bkj->bij"
squared_lengths = "nd,nd->"

# %% exercise="in_letters" message="nothing is summed: leave d out"
layer = "nd,hd->nh"
batched = "bik,bkj->bij"
squared_lengths = "nd,nd->nd"

# %% exercise="in_letters" message="gives (3, 4) from (4, 5) and (3, 5)"
layer = "nd,hd->hn"
batched = "bik,bkj->bij"
squared_lengths = "nd,nd->n"

# %% exercise="in_letters" message="squared_lengths = 'nd->n': two tensors"
layer = "nd,hd->nh"
batched = "bik,bkj->bij"
squared_lengths = "nd->n"

# %% exercise="in_letters" message="the letter k is 4 long and 5 long"
layer = "nd,hd->nh"
batched = "bik,bjk->bij"
squared_lengths = "nd,nd->n"


# %% exercise="backward" message="hidden_bias: 0.25 times what it should be"
def backward(network, x, z, hidden, output_grad):
    z_grad = (output_grad @ network.output_weight) * relu_grad(z)
    return Network(z_grad.T @ x, z_grad.mean(0), output_grad.T @ hidden, output_grad.mean(0))


# %% exercise="backward" message="the ReLU is missing"
def backward(network, x, z, hidden, output_grad):
    z_grad = output_grad @ network.output_weight
    return Network(z_grad.T @ x, z_grad.sum(0), output_grad.T @ hidden, output_grad.sum(0))


# %% exercise="backward" message="these weights, and not z"
def backward(network, x, z, hidden, output_grad):
    z_grad = (output_grad @ network.output_weight) * relu_grad(z)
    return Network(z_grad.T @ x, z_grad.sum(0), output_grad.T @ z, output_grad.sum(0))


# %% exercise="backward" message="not by its value"
def backward(network, x, z, hidden, output_grad):
    z_grad = (output_grad @ network.output_weight) * relu(z)
    return Network(z_grad.T @ x, z_grad.sum(0), output_grad.T @ hidden, output_grad.sum(0))


# %% exercise="backward" message="its gradient (3, 5): they must be the same"
def backward(network, x, z, hidden, output_grad):
    z_grad = (output_grad @ network.output_weight) * relu_grad(z)
    return Network(x.T @ z_grad, z_grad.sum(0), output_grad.T @ hidden, output_grad.sum(0))


# %% exercise="backward" message="loop over images"
def backward(network, x, z, hidden, output_grad):
    parts = [torch.zeros_like(parameter) for parameter in network.parameters()]
    for n in range(len(x)):
        z_grad = (output_grad[n] @ network.output_weight) * relu_grad(z[n])
        parts[0] += z_grad[:, None] * x[n]
        parts[1] += z_grad
        parts[2] += output_grad[n][:, None] * hidden[n]
        parts[3] += output_grad[n]
    return Network(*parts)


# %% exercise="backward" message="give back a Network"
def backward(network, x, z, hidden, output_grad):
    z_grad = (output_grad @ network.output_weight) * relu_grad(z)
    return z_grad.T @ x, z_grad.sum(0), output_grad.T @ hidden, output_grad.sum(0)


# %% exercise="backward" message="has changed: make new tensors"
def backward(network, x, z, hidden, output_grad):
    z_grad = output_grad @ network.output_weight
    z_grad *= z.clamp_(0, 1).ceil()
    return Network(z_grad.T @ x, z_grad.sum(0), output_grad.T @ hidden, output_grad.sum(0))


# %% exercise="backward" message="backward stops at"
def backward(network, x, z, hidden, output_grad):
    z_grad = (output_grad @ network.output_weight) * relu_grad(z)
    return Network(z_grad @ x, z_grad.sum(0), output_grad.T @ hidden, output_grad.sum(0))


# %% exercise="backward" message="a gradient may be negative"
def backward(network, x, z, hidden, output_grad):
    z_grad = relu(output_grad @ network.output_weight) * relu_grad(z)
    return Network(z_grad.T @ x, z_grad.sum(0), output_grad.T @ hidden, output_grad.sum(0))


# %% exercise="backward" message="only the first image counted"
def backward(network, x, z, hidden, output_grad):
    z_grad = (output_grad @ network.output_weight) * relu_grad(z)
    return Network(z_grad.T @ x, z_grad[0], output_grad.T @ hidden, output_grad[0])


# %% exercise="matmul_lists" message="the return stands after all loops"
def matmul_lists(a, b):
    if len(a[0]) != len(b):
        raise ValueError(f"({len(a)}, {len(a[0])}) times ({len(b)}, {len(b[0])})")
    c = [[0.0] * len(b[0]) for _ in range(len(a))]
    for i in range(len(a)):
        for j in range(len(b[0])):
            for k in range(len(b)):
                c[i][j] += a[i][k] * b[k][j]
        return c


# %% exercise="matmul_lists" message="the last column is empty"
def matmul_lists(a, b):
    if len(a[0]) != len(b):
        raise ValueError(f"({len(a)}, {len(a[0])}) times ({len(b)}, {len(b[0])})")
    c = [[0.0] * len(b[0]) for _ in range(len(a))]
    for i in range(len(a)):
        for j in range(len(b)):
            for k in range(len(b)):
                c[i][j] += a[i][k] * b[k][j]
    return c


# %% exercise="matmul_lists" message="k runs to the end of the inner length"
def matmul_lists(a, b):
    if len(a[0]) != len(b):
        raise ValueError(f"({len(a)}, {len(a[0])}) times ({len(b)}, {len(b[0])})")
    c = [[0.0] * len(b[0]) for _ in range(len(a))]
    for i in range(len(a)):
        for j in range(len(b[0])):
            for k in range(len(b) - 1):
                c[i][j] += a[i][k] * b[k][j]
    return c


# %% exercise="broadcast_shape" message="right lengths, and the last comes first"
def broadcast_shape(first, second):
    lengths = []
    a, b = list(first), list(second)
    while a or b:
        m, n = a.pop() if a else 1, b.pop() if b else 1
        if m != n and 1 not in (m, n):
            raise ValueError(f"{first} and {second} do not fit")
        lengths.append(n if m == 1 else m)
    return tuple(lengths)


# %% exercise="expand" message="x itself has changed"
def expand(x, shape):
    if broadcast_shape(x.shape, shape) != tuple(shape):
        raise ValueError(f"{tuple(x.shape)} does not stretch to {tuple(shape)}")
    own = [0 if n == 1 else stride for n, stride in zip(x.shape, x.stride())]
    return x.as_strided_(shape, [0] * (len(shape) - x.dim()) + own)


# %% exercise="expand" message="a new dimension has a stride of 0"
def expand(x, shape):
    if broadcast_shape(x.shape, shape) != tuple(shape):
        raise ValueError(f"{tuple(x.shape)} does not stretch to {tuple(shape)}")
    own = [0 if n == 1 else stride for n, stride in zip(x.shape, x.stride())]
    return x.as_strided(shape, [1] * (len(shape) - x.dim()) + own)


# %% exercise="expand" message="it reads past the end of the memory"
def expand(x, shape):
    if broadcast_shape(x.shape, shape) != tuple(shape):
        raise ValueError(f"{tuple(x.shape)} does not stretch to {tuple(shape)}")
    return x.as_strided(shape, (1,) * (len(shape) - x.dim()) + x.stride())


# %% exercise="expand" message="(3,) to (2, 4): raise a ValueError"
def expand(x, shape):
    return x.expand(shape)


# %% exercise="einsum" message="slow, a loop over lengths. Let"
def align(x, names, order):
    x = x.permute([names.index(name) for name in order if name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation, a, b):
    inputs, output = equation.split("->")
    first, second = inputs.split(",")
    order = output + "".join(sorted(set(first + second) - set(output)))
    summed = tuple(range(len(output), len(order)))
    left, right = align(a, first, order), align(b, second, order)
    if not summed or left.shape[0] != max(left.shape[0], right.shape[0]):
        product = left * right
    else:
        product = torch.stack([row * right[0 if right.shape[0] == 1 else i] for i, row in enumerate(left)])
    return product.sum(summed) if summed else product


# %% exercise="in_letters" message="layer = 'nd->hd,nh': two tensors and a result"
layer = "nd->hd,nh"
batched = "bik,bkj->bij"
squared_lengths = "nd,nd->n"

# %% exercise="in_letters" message="leave the blanks out"
layer = "n d, h d -> n h"
batched = "bik,bkj->bij"
squared_lengths = "nd,nd->n"


# %% exercise="backward" message="the gradients went into the network itself"
def backward(network, x, z, hidden, output_grad):
    z_grad = (output_grad @ network.output_weight) * relu_grad(z)
    network.hidden_weight, network.hidden_bias = z_grad.T @ x, z_grad.sum(0)
    network.output_weight, network.output_bias = output_grad.T @ hidden, output_grad.sum(0)
    return network


# %% exercise="backward" message="hidden_bias: 0.125 times what it should be"
def backward(network, x, z, hidden, output_grad):
    z_grad = (output_grad @ network.output_weight) * relu_grad(z)
    grads = z_grad.T @ x, z_grad.sum(0), output_grad.T @ hidden, output_grad.sum(0)
    grads = [grads[0], *(grad / output_grad.numel() for grad in grads[1:])]
    return Network(*grads)


# %% exercise="backward" message="hidden_weight: 2 times what it should be"
def backward(network, x, z, hidden, output_grad):
    output_grad = 2 * output_grad
    z_grad = (output_grad @ network.output_weight) * relu_grad(z)
    return Network(z_grad.T @ x, z_grad.sum(0), output_grad.T @ hidden, output_grad.sum(0))


# %% exercise="backward" message="hidden_weight: view keeps the old order"
def backward(network, x, z, hidden, output_grad):
    z_grad = (output_grad @ network.output_weight) * relu_grad(z)
    return Network(z_grad.view(-1, len(x)) @ x, z_grad.sum(0), output_grad.T @ hidden, output_grad.sum(0))


# %% exercise="backward" message="output_weight: view keeps the old order"
def backward(network, x, z, hidden, output_grad):
    z_grad = (output_grad @ network.output_weight) * relu_grad(z)
    return Network(z_grad.T @ x, z_grad.sum(0), output_grad.reshape(-1, len(x)) @ hidden, output_grad.sum(0))


# %% exercise="backward" message="decided by z, its input on the way forward"
def backward(network, x, z, hidden, output_grad):
    at_hidden = output_grad @ network.output_weight
    z_grad = at_hidden * relu_grad(at_hidden)
    return Network(z_grad.T @ x, z_grad.sum(0), output_grad.T @ hidden, output_grad.sum(0))


# %% exercise="backward" message="where z is exactly 0"
def backward(network, x, z, hidden, output_grad):
    z_grad = (output_grad @ network.output_weight) * (z >= 0)
    return Network(z_grad.T @ x, z_grad.sum(0), output_grad.T @ hidden, output_grad.sum(0))


# %% exercise="backward" message="the sign is the wrong way round"
def backward(network, x, z, hidden, output_grad):
    z_grad = -(output_grad @ network.output_weight) * relu_grad(z)
    return Network(z_grad.T @ x, z_grad.sum(0), output_grad.T @ hidden, output_grad.sum(0))


# %% exercise="backward" message="make what you make like the tensors"
def backward(network, x, z, hidden, output_grad):
    z_grad = (output_grad @ network.output_weight) * relu_grad(z)
    weight_grad = torch.zeros(network.hidden_weight.shape)
    weight_grad += z_grad.T @ x
    return Network(weight_grad, z_grad.sum(0), output_grad.T @ hidden, output_grad.sum(0))


# %% exercise="backward" message="nothing came back: return the Network of gradients"
def backward(network, x, z, hidden, output_grad):
    z_grad = (output_grad @ network.output_weight) * relu_grad(z)
    print(Network(z_grad.T @ x, z_grad.sum(0), output_grad.T @ hidden, output_grad.sum(0)))


# %% exercise="matmul_lists" message="(2, 1) times (2, 2) went through"
def matmul_lists(a, b):
    if len(a[0]) not in (1, len(b)):
        raise ValueError(f"({len(a)}, {len(a[0])}) times ({len(b)}, {len(b[0])})")
    wide = [row * len(b) if len(row) == 1 else row for row in a]
    return [[sum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in wide]


# %% exercise="matmul_lists" message="c must have len(a) rows of len(b[0]) zeros"
def matmul_lists(a, b):
    if len(a[0]) != len(b):
        raise ValueError(f"({len(a)}, {len(a[0])}) times ({len(b)}, {len(b[0])})")
    c = []
    for i in range(len(a)):
        for j in range(len(b[0])):
            for k in range(len(b)):
                c[i][j] += a[i][k] * b[k][j]
    return c


# %% exercise="matmul_lists" message="(2, 3) times (3, 4) fits, and stops at ValueError"
def matmul_lists(a, b):
    if len(a[0]) != len(b):
        raise ValueError(f"({len(a)}, {len(a[0])}) times ({len(b)}, {len(b[0])})")
    upper, lower = b
    return [[row[0] * x + row[1] * y for x, y in zip(upper, lower)] for row in a]


# %% exercise="matmul_lists" message="raise the error, do not return it"
def matmul_lists(a, b):
    if len(a[0]) != len(b):
        return ValueError(f"({len(a)}, {len(a[0])}) times ({len(b)}, {len(b[0])})")
    return [[sum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]


# %% exercise="matmul_lists" message="row 0, column 0 is tensor([10., 21.]), not a number"
def matmul_lists(a, b):
    if len(a[0]) != len(b):
        raise ValueError(f"({len(a)}, {len(a[0])}) times ({len(b)}, {len(b[0])})")
    return [[torch.tensor(row) * torch.tensor(column) for column in zip(*b)] for row in a]


# %% exercise="broadcast_shape" message="(2, 1) with (1,) should be (2, 1), not (2,)"
def broadcast_shape(first, second):
    dims = max(len(first), len(second))
    padded = [(1,) * (dims - len(shape)) + tuple(shape) for shape in (first, second)]
    lengths = []
    for m, n in zip(*padded):
        if m == 1 and n == 1:
            continue
        if m != n and 1 not in (m, n):
            raise ValueError(f"{first} and {second} do not fit")
        lengths.append(n if m == 1 else m)
    return tuple(lengths)


# %% exercise="broadcast_shape" message="(2, 1) with (1,) should be (2, 1), not a ValueError"
def broadcast_shape(first, second):
    dims = max(len(first), len(second))
    padded = [(1,) * (dims - len(shape)) + tuple(shape) for shape in (first, second)]
    lengths = []
    for m, n in zip(*padded):
        if m == 1 and n != 1:
            lengths.append(n)
        elif n == 1 and m != 1:
            lengths.append(m)
        elif m == n and m != 1:
            lengths.append(m)
        else:
            raise ValueError(f"{first} and {second} do not fit")
    return tuple(lengths)


# %% exercise="broadcast_shape" message="(1,) with (3, 0) should be (3, 0), not (3, 1)"
def broadcast_shape(first, second):
    dims = max(len(first), len(second))
    padded = [(1,) * (dims - len(shape)) + tuple(shape) for shape in (first, second)]
    lengths = []
    for m, n in zip(*padded):
        if m != n and 1 not in (m, n):
            raise ValueError(f"{first} and {second} do not fit")
        lengths.append(m if n == 1 else max(m, n))
    return tuple(lengths)


# %% exercise="broadcast_shape" message="raise the error, do not only return it"
def broadcast_shape(first, second):
    dims = max(len(first), len(second))
    padded = [(1,) * (dims - len(shape)) + tuple(shape) for shape in (first, second)]
    if any(m != n and 1 not in (m, n) for m, n in zip(*padded)):
        return ValueError(f"{first} and {second} do not fit")
    return tuple(n if m == 1 else m for m, n in zip(*padded))


# %% exercise="expand" message="only a length of 1 stretches: 2 is not 1, nor 4"
def expand(x, shape):
    missing = len(shape) - x.dim()
    lengths, strides = (1,) * missing + tuple(x.shape), (0,) * missing + x.stride()
    if missing < 0 or any(n != wanted and (n == 0 or wanted % n) for n, wanted in zip(lengths, shape)):
        raise ValueError(f"{tuple(x.shape)} does not stretch to {tuple(shape)}")
    return x.as_strided(shape, [s if n == wanted else 0 for n, s, wanted in zip(lengths, strides, shape)])


# %% exercise="expand" message="(2, 3) to (2, 3) is fine, but stops at ValueError"
def expand(x, shape):
    if x.shape == shape or broadcast_shape(x.shape, shape) != tuple(shape):
        raise ValueError(f"{tuple(x.shape)} does not stretch to {tuple(shape)}")
    own = [0 if n == 1 else stride for n, stride in zip(x.shape, x.stride())]
    return x.as_strided(shape, [0] * (len(shape) - x.dim()) + own)


# %% exercise="expand" message="(1,) to (3, 0) is fine, but stops at ValueError"
def expand(x, shape):
    if 0 in shape or broadcast_shape(x.shape, shape) != tuple(shape):
        raise ValueError(f"{tuple(x.shape)} does not stretch to {tuple(shape)}")
    own = [0 if n == 1 else stride for n, stride in zip(x.shape, x.stride())]
    return x.as_strided(shape, [0] * (len(shape) - x.dim()) + own)


# %% exercise="expand" message="2 is x's stride in the other dimension"
def expand(x, shape):
    if broadcast_shape(x.shape, shape) != tuple(shape):
        raise ValueError(f"{tuple(x.shape)} does not stretch to {tuple(shape)}")
    own = [0 if n == 1 else stride for n, stride in zip(x.shape, x.stride()[::-1])]
    return x.as_strided(shape, [0] * (len(shape) - x.dim()) + own)


# %% exercise="einsum" message="the second tensor has the letter j twice"
def align(x, names, order):
    x = x.permute([names.index(name) for name in order if name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation, a, b):
    inputs, output = equation.split("->")
    first, second = inputs.split(",")
    if len(set(first)) != a.dim() or len(first) != a.dim() or len(second) != b.dim() or (set(output) - set(first + second)) or len(set(output)) < len(output):
        raise ValueError(f"{equation} does not fit")
    order = output + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="the second tensor's letter, k, is fewer"
def align(x, names, order):
    x = x.permute([names.index(name) for name in order if name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation, a, b):
    inputs, output = equation.split("->")
    first, second = inputs.split(",")
    if len(set(first)) < len(first) or len(set(second)) < len(second) or len(first) != a.dim() or len(second) > b.dim() or (set(output) - set(first + second)) or len(set(output)) < len(output):
        raise ValueError(f"{equation} does not fit")
    order = output + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="the first has two letters to sum alone"
def align(x, names, order):
    x = x.permute([names.index(name) for name in order if name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation, a, b):
    inputs, output = equation.split("->")
    first, second = inputs.split(",")
    if len(set(first)) != a.dim() or len(set(second)) != b.dim() or len(first) != a.dim() or len(second) != b.dim() or (set(output) - set(first + second)) or len(set(output)) < len(output):
        raise ValueError(f"{equation} does not fit")
    for letter in first:
        if letter not in second + output:
            a = a.sum(first.index(letter))
    first = "".join(letter for letter in first if letter in second + output)
    order = output + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="the second has two letters to sum alone"
def align(x, names, order):
    x = x.permute([names.index(name) for name in order if name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation, a, b):
    inputs, output = equation.split("->")
    first, second = inputs.split(",")
    if len(set(first)) != a.dim() or len(set(second)) != b.dim() or len(first) != a.dim() or len(second) != b.dim() or (set(output) - set(first + second)) or len(set(output)) < len(output):
        raise ValueError(f"{equation} does not fit")
    for letter in second:
        if letter not in first + output:
            b = b.sum(second.index(letter))
    second = "".join(letter for letter in second if letter in first + output)
    order = output + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="a length of 1 that the result names stays in it"
def align(x, names, order):
    x = x.permute([names.index(name) for name in order if name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation, a, b):
    inputs, output = equation.split("->")
    first, second = inputs.split(",")
    if len(set(first)) != a.dim() or len(set(second)) != b.dim() or len(first) != a.dim() or len(second) != b.dim() or (set(output) - set(first + second)) or len(set(output)) < len(output):
        raise ValueError(f"{equation} does not fit")
    order = output + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(output), len(order)))
    return (product.sum(summed) if summed else product).squeeze()


# %% exercise="einsum" message="a length of 0 is a length, too"
def align(x, names, order):
    x = x.permute([names.index(name) for name in order if name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation, a, b):
    inputs, output = equation.split("->")
    first, second = inputs.split(",")
    if len(set(first)) != a.dim() or len(set(second)) != b.dim() or len(first) != a.dim() or len(second) != b.dim() or (set(output) - set(first + second)) or len(set(output)) < len(output):
        raise ValueError(f"{equation} does not fit")
    order = output + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    return product.reshape(*product.shape[: len(output)], -1).sum(-1)


# %% exercise="einsum" message="the length of 1 stands in the wrong place"
def align(x, names, order):
    x = x.permute([names.index(name) for name in order if name in names])
    return x[(None,) * (len(order) - len(names))]


def einsum(equation, a, b):
    inputs, output = equation.split("->")
    first, second = inputs.split(",")
    order = output + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="right numbers, and they were copied"
def align(x, names, order):
    x = x.permute([names.index(name) for name in order if name in names]).contiguous()
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation, a, b):
    inputs, output = equation.split("->")
    first, second = inputs.split(",")
    order = output + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="and x, whose strides are (1, 10), has"
def align(x, names, order):
    own, step = {}, 1
    for name, length in zip(reversed(names), reversed(x.shape)):
        own[name] = step, length
        step *= length
    strides = [own[name][0] if name in own else 0 for name in order]
    lengths = [own[name][1] if name in own else 1 for name in order]
    return x.as_strided(lengths, strides)


def einsum(equation, a, b):
    inputs, output = equation.split("->")
    first, second = inputs.split(",")
    order = output + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="einsum" message="ik,kj->ij of (18, 24) and (24, 30) stops at"
def align(x, names, order):
    x = x.permute([names.index(name) for name in order if name in names])
    return x[tuple(slice(None) if name in names else None for name in order)]


def einsum(equation, a, b):
    inputs, output = equation.split("->")
    first, second = inputs.split(",")
    if len(a) > 10:
        a = a[:10]
        b = b[:10]
    order = output + "".join(sorted(set(first + second) - set(output)))
    product = align(a, first, order) * align(b, second, order)
    summed = tuple(range(len(output), len(order)))
    return product.sum(summed) if summed else product


# %% exercise="in_letters" message="layer = 'nh,dh->nd' does it, in other letters"
layer = "nh,dh->nd"
batched = "bik,bkj->bij"
squared_lengths = "nd,nd->n"


# %% exercise="backward" message="that is the network itself"
def backward(network, x, z, hidden, output_grad):
    return network


# %% exercise="backward" message="output_weight: the product is the wrong way round"
def backward(network, x, z, hidden, output_grad):
    z_grad = (output_grad @ network.output_weight) * relu_grad(z)
    output_weight = (hidden.T @ output_grad).reshape(network.output_weight.shape)
    return Network(z_grad.T @ x, z_grad.sum(0), output_weight, output_grad.sum(0))


# %% exercise="backward" message="hidden_weight: the product is the wrong way round"
def backward(network, x, z, hidden, output_grad):
    z_grad = (output_grad @ network.output_weight) * relu_grad(z)
    hidden_weight = (x.T @ z_grad).reshape(network.hidden_weight.shape)
    return Network(hidden_weight, z_grad.sum(0), output_grad.T @ hidden, output_grad.sum(0))


# %% exercise="backward" message="it is off by up to 1.0e-04"
def backward(network, x, z, hidden, output_grad):
    z_grad = (output_grad @ network.output_weight) * relu_grad(z)
    hidden_bias = z_grad.sum(0)
    hidden_bias[2] += 0.0001
    return Network(z_grad.T @ x, hidden_bias, output_grad.T @ hidden, output_grad.sum(0))


# %% exercise="broadcast_shape" message="(1000000000000000, 1) with (3,) should be"
def broadcast_shape(first, second):
    try:
        return tuple((torch.ones(first) + torch.ones(second)).shape)
    except RuntimeError:
        raise ValueError(f"{tuple(first)} and {tuple(second)}") from None
