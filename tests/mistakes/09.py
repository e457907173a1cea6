# %% [markdown]
# Classic wrong answers to chapter 9's exercises, each with what the check must say to it.


# %% exercise="slide" message="one row and one column too few"
def slide(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h, image.shape[1] - w
    out = torch.zeros(rows, columns, dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).sum()
    return out


# %% exercise="slide" message="the kernel is upside down and the wrong way round"
def slide(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    out = torch.zeros(rows, columns, dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            for u in range(h):
                for v in range(w):
                    out[i, j] += kernel[h - 1 - u, w - 1 - v] * image[i + u, j + v]
    return out


# %% exercise="slide" message="a mean over the window: it is a sum"
def slide(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    out = torch.zeros(rows, columns, dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).mean()
    return out


# %% exercise="slide" message="two sums multiplied"
def slide(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    out = torch.zeros(rows, columns, dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            out[i, j] = image[i : i + h, j : j + w].sum() * kernel.sum()
    return out


# %% exercise="slide" message="as large as the image"
def slide(image, kernel):
    h, w = kernel.shape
    out = torch.zeros(image.shape, dtype=image.dtype)
    for i in range(image.shape[0] - h + 1):
        for j in range(image.shape[1] - w + 1):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).sum()
    return out


# %% exercise="slide" message="the same number everywhere"
def slide(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    out = torch.zeros(rows, columns, dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            out[i, j] = (image[:h, :w] * kernel).sum()
    return out


# %% exercise="slide" message="the result torch.float32: keep the type"
def slide(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    out = torch.zeros(rows, columns)
    for i in range(rows):
        for j in range(columns):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).sum()
    return out


# %% exercise="slide" message="nothing came back: return the result"
def slide(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    out = torch.zeros(rows, columns, dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).sum()


# %% exercise="slide" message="the largest product: it is their sum"
def slide(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    out = torch.zeros(rows, columns, dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).max()
    return out


# %% exercise="slide" message="rows meet rows that are not theirs: first `*`"
def slide(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    out = torch.zeros(rows, columns, dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            out[i, j] = (image[i : i + h, j : j + w] @ kernel.T).sum()
    return out


# %% exercise="slide" message="and a sum, not `@`"
def slide(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    out = torch.zeros(rows, columns, dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            out[i, j] = (image[i : i + h, j : j + w] @ kernel).sum()
    return out


# %% exercise="slide" message="i counts the rows of the result and j its columns"
def slide(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    out = torch.zeros(rows, columns, dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            out[j, i] = (image[i : i + h, j : j + w] * kernel).sum()
    return out


# %% exercise="slide" message="one place of the result takes one number"
def slide(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    out = torch.zeros(rows, columns, dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            out[i, j] = image[i : i + h, j : j + w] * kernel
    return out


# %% exercise="slide" message="window and kernel must have the same shape, rows i to i + KH"
def slide(image, kernel):
    h, w = kernel.shape
    out = torch.zeros(image.shape, dtype=image.dtype)
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).sum()
    return out


# %% exercise="slide" message="only the last product is left: add up, with +="
def slide(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    out = torch.zeros(rows, columns, dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            for u in range(h):
                for v in range(w):
                    out[i, j] = kernel[u, v] * image[i + u, j + v]
    return out


# %% exercise="slide" message="what was added up for one place is still in the next"
def slide(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    out = torch.zeros(rows, columns, dtype=image.dtype)
    total = 0
    for i in range(rows):
        for j in range(columns):
            total += (image[i : i + h, j : j + w] * kernel).sum()
            out[i, j] = total
    return out


# %% exercise="slide" message="right, but zeros are left: does a loop end or your code return"
def slide(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    out = torch.zeros(rows, columns, dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).sum()
        return out


# %% exercise="slide" message="the numbers do not lie side by side in memory: use `reshape`"
def slide(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    out = torch.zeros(rows, columns, dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            out[i, j] = image[i : i + h, j : j + w].reshape(-1) @ kernel.view(-1)
    return out


# %% exercise="slide" message="right to seven digits only"
def slide(image, kernel):
    h, w = kernel.shape
    rows, columns = image.shape[0] - h + 1, image.shape[1] - w + 1
    out = torch.zeros(rows, columns)
    for i in range(rows):
        for j in range(columns):
            out[i, j] = (image[i : i + h, j : j + w] * kernel).sum()
    return out.to(image.dtype)


# %% exercise="output_size" message="is taken for 6 long: there is no hole behind its last number"
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    room = size + 2 * padding - dilation * kernel
    if min(kernel, stride, dilation) < 1 or min(size, padding, room) < 0:
        raise ValueError(f"{(size, kernel, stride, padding, dilation)} does not fit")
    return room // stride + 1


# %% exercise="output_size" message="padding goes to both ends"
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    room = size + padding - dilation * (kernel - 1) - 1
    if min(kernel, stride, dilation) < 1 or min(size, padding, room) < 0:
        raise ValueError(f"{(size, kernel, stride, padding, dilation)} does not fit")
    return room // stride + 1


# %% exercise="output_size" message="3 fits into 5 three times"
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if min(kernel, stride, dilation) < 1 or min(size, padding, room) < 0:
        raise ValueError(f"{(size, kernel, stride, padding, dilation)} does not fit")
    return room // stride


# %% exercise="output_size" message="round down"
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if min(kernel, stride, dilation) < 1 or min(size, padding, room) < 0:
        raise ValueError(f"{(size, kernel, stride, padding, dilation)} does not fit")
    return math.ceil(room / stride) + 1


# %% exercise="output_size" message="a kernel of 4 does not fit into 3, and you say 0"
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    if min(kernel, stride, dilation) < 1 or min(size, padding) < 0:
        raise ValueError(f"{(size, kernel, stride, padding, dilation)}: impossible")
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


# %% exercise="output_size" message="a kernel of 5 does not fit into 3, whatever the stride"
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    if min(kernel, stride, dilation) < 1 or min(size, padding) < 0:
        raise ValueError(f"{(size, kernel, stride, padding, dilation)}: impossible")
    places = int((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1
    if places < 1:
        raise ValueError(f"{(size, kernel, stride, padding, dilation)} does not fit")
    return places


# %% exercise="output_size" message="there is no kernel of 0, and you say"
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if room < 0:
        raise ValueError(f"{(size, kernel, stride, padding, dilation)} does not fit")
    return room // stride + 1


# %% exercise="output_size" message="there is no kernel of -1, and you say"
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if not kernel or not dilation or stride < 1 or min(size, padding, room) < 0:
        raise ValueError(f"{(size, kernel, stride, padding, dilation)} does not fit")
    return room // stride + 1


# %% exercise="output_size" message="a whole number, an int"
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if min(kernel, stride, dilation) < 1 or min(size, padding, room) < 0:
        raise ValueError(f"{(size, kernel, stride, padding, dilation)} does not fit")
    return room / stride + 1


# %% exercise="conv1d_grad" message="where windows overlap, the later wipes out the earlier"
def conv1d_grad(x, w, G, stride=1):
    x_grad, w_grad = torch.zeros_like(x), torch.zeros_like(w)
    for i in range(len(G)):
        x_grad[stride * i : stride * i + len(w)] = G[i] * w
        w_grad += G[i] * x[stride * i : stride * i + len(w)]
    return x_grad, w_grad


# %% exercise="conv1d_grad" message="the gradient for x: the kernel lies the wrong way round"
def conv1d_grad(x, w, G, stride=1):
    x_grad, w_grad = torch.zeros_like(x), torch.zeros_like(w)
    for i in range(len(G)):
        for u in range(len(w)):
            x_grad[stride * i + u] += G[i] * w[len(w) - 1 - u]
            w_grad[u] += G[i] * x[stride * i + u]
    return x_grad, w_grad


# %% exercise="conv1d_grad" message="the gradient for w: a mean over the places"
def conv1d_grad(x, w, G, stride=1):
    x_grad, w_grad = torch.zeros_like(x), torch.zeros_like(w)
    for i in range(len(G)):
        for u in range(len(w)):
            x_grad[stride * i + u] += G[i] * w[u]
            w_grad[u] += G[i] * x[stride * i + u] / len(G)
    return x_grad, w_grad


# %% exercise="conv1d_grad" message="the gradient for w: only the last window is in"
def conv1d_grad(x, w, G, stride=1):
    x_grad, w_grad = torch.zeros_like(x), torch.zeros_like(w)
    for i in range(len(G)):
        for u in range(len(w)):
            x_grad[stride * i + u] += G[i] * w[u]
            w_grad[u] = G[i] * x[stride * i + u]
    return x_grad, w_grad


# %% exercise="conv1d_grad" message="the gradient for x leaves the stride out"
def conv1d_grad(x, w, G, stride=1):
    x_grad, w_grad = torch.zeros_like(x), torch.zeros_like(w)
    for i in range(len(G)):
        for u in range(len(w)):
            x_grad[i + u] += G[i] * w[u]
            w_grad[u] += G[i] * x[stride * i + u]
    return x_grad, w_grad


# %% exercise="conv1d_grad" message="the two gradients come in the wrong order"
def conv1d_grad(x, w, G, stride=1):
    x_grad, w_grad = torch.zeros_like(x), torch.zeros_like(w)
    for i in range(len(G)):
        for u in range(len(w)):
            x_grad[stride * i + u] += G[i] * w[u]
            w_grad[u] += G[i] * x[stride * i + u]
    return w_grad, x_grad


# %% exercise="conv1d_grad" message="stride 1 gave [(3,), (2,)]"
def conv1d_grad(x, w, G, stride=1):
    full = pad(G, (len(w) - 1, len(w) - 1))
    x_grad = slide(full[None], w.flip(0)[None])[0]
    return x_grad[: len(x) - 1], slide(x[None], G[None])[0]


# %% exercise="conv1d_grad" message="the last of x, in no window, get a 0"
def conv1d_grad(x, w, G, stride=1):
    x_grad = torch.zeros(stride * (len(G) - 1) + len(w), dtype=x.dtype)
    w_grad = torch.zeros_like(w)
    for i in range(len(G)):
        x_grad[stride * i : stride * i + len(w)] += G[i] * w
        w_grad += G[i] * x[stride * i : stride * i + len(w)]
    return x_grad, w_grad


# %% exercise="conv1d_grad" message="with a stride, windows begin 2 apart"
def conv1d_grad(x, w, G, stride=1):
    full = pad(G, (len(w) - 1, len(w) - 1))
    x_grad = slide(full[None], w.flip(0)[None])[0]
    return x_grad, slide(x[None], G[None])[0]


# %% exercise="conv1d_grad" message="u counts the numbers of w"
def conv1d_grad(x, w, G, stride=1):
    x_grad, w_grad = torch.zeros_like(x), torch.zeros_like(w)
    for i in range(len(G)):
        for u in range(len(w)):
            x_grad[stride * i + u] += G[i] * w[u]
            w_grad[i] += G[i] * x[stride * i + u]
    return x_grad, w_grad


# %% exercise="conv1d_grad" message="the gradient for x: G is not in it"
def conv1d_grad(x, w, G, stride=1):
    x_grad, w_grad = torch.zeros_like(x), torch.zeros_like(w)
    for i in range(len(G)):
        for u in range(len(w)):
            x_grad[stride * i + u] += w[u]
            w_grad[u] += G[i] * x[stride * i + u]
    return x_grad, w_grad


# %% exercise="conv1d_grad" message="the gradient for w: G is not in it"
def conv1d_grad(x, w, G, stride=1):
    x_grad, w_grad = torch.zeros_like(x), torch.zeros_like(w)
    for i in range(len(G)):
        for u in range(len(w)):
            x_grad[stride * i + u] += G[i] * w[u]
            w_grad[u] += x[stride * i + u]
    return x_grad, w_grad


# %% exercise="conv1d_grad" message="the gradient for w: it is made of w"
def conv1d_grad(x, w, G, stride=1):
    x_grad, w_grad = torch.zeros_like(x), torch.zeros_like(w)
    for i in range(len(G)):
        for u in range(len(w)):
            x_grad[stride * i + u] += G[i] * w[u]
            w_grad[u] += G[i] * w[u]
    return x_grad, w_grad


# %% exercise="conv1d_grad" message="autograd is switched off here: add up by hand"
def conv1d_grad(x, w, G, stride=1):
    x, w = x.clone().requires_grad_(), w.clone().requires_grad_()
    y = torch.stack([(x[stride * i : stride * i + len(w)] * w).sum() for i in range(len(G))])
    y.backward(G)
    return x.grad, w.grad


# %% exercise="is_right" message="among them one that transposes square kernels"
def is_right(conv):
    try:
        x, weight, bias = torch.randn(3, 2, 9, 7), torch.randn(5, 2, 2, 4), torch.randn(5)
        kept = x.clone()
        for stride, padding in ((1, 3), (2, 1)):
            got = conv(x, weight, bias, stride, padding)
            wanted = conv2d(kept, weight, bias, stride, padding)
            if not torch.allclose(got, wanted, atol=1e-4) or not torch.equal(x, kept):
                return False
    except Exception:
        return False
    return True


# %% exercise="is_right" message="among them one that mirrors wide kernels"
def is_right(conv):
    try:
        x, weight, bias = torch.randn(3, 2, 9, 7), torch.randn(5, 2, 3, 3), torch.randn(5)
        kept = x.clone()
        for stride, padding in ((1, 0), (2, 1)):
            got = conv(x, weight, bias, stride, padding)
            wanted = conv2d(kept, weight, bias, stride, padding)
            if not torch.allclose(got, wanted, atol=1e-4) or not torch.equal(x, kept):
                return False
    except Exception:
        return False
    return True


# %% exercise="is_right" message="9 wrong of 30 get a True"
def is_right(conv):
    try:
        x, weight, bias = torch.randn(3, 2, 9, 7), torch.randn(5, 2, 3, 3), torch.randn(5)
        kept = x.clone()
        got, wanted = conv(x, weight, bias, 1, 0), conv2d(kept, weight, bias)
        return torch.allclose(got, wanted, atol=1e-4) and torch.equal(x, kept)
    except Exception:
        return False


# %% exercise="is_right" message="that test says True to everything, or nearly"
def is_right(conv):
    try:
        x, weight, bias = torch.randn(3, 2, 9, 7), torch.randn(5, 2, 3, 3), torch.randn(5)
        return conv(x, weight, bias, 2, 1).shape == (3, 5, 5, 4)
    except Exception:
        return False


# %% exercise="is_right" message="a function that stops is not right: catch it"
def is_right(conv):
    x, weight, bias = torch.randn(3, 2, 9, 7), torch.randn(5, 2, 3, 3), torch.randn(5)
    kept = x.clone()
    got, wanted = conv(x, weight, bias, 2, 1), conv2d(kept, weight, bias, 2, 1)
    same = got.shape == wanted.shape and torch.allclose(got, wanted, atol=1e-4)
    return same and torch.equal(x, kept)


# %% exercise="is_right" message="is a convolution, and you say False"
def is_right(conv):
    try:
        x, weight, bias = torch.randn(3, 2, 9, 7), torch.randn(5, 2, 3, 3), torch.randn(5)
        return torch.equal(conv(x, weight, bias, 2, 1), conv2d(x, weight, bias, 2))
    except Exception:
        return False


# %% exercise="is_right" message="one that swaps its biases"
def is_right(conv):
    try:
        for kernel in ((3, 3), (2, 4)):
            x, weight, bias = torch.randn(3, 2, 9, 7), torch.randn(5, 2, *kernel), torch.zeros(5)
            kept = x.clone()
            got, wanted = conv(x, weight, bias, 2, 3), conv2d(kept, weight, bias, 2, 3)
            if not torch.allclose(got, wanted, atol=1e-4) or not torch.equal(x, kept):
                return False
    except Exception:
        return False
    return True


# %% exercise="is_right" message="among them one that turns tall kernels upside down"
def is_right(conv):
    try:
        for kernel in ((3, 3), (2, 4)):
            x, weight, bias = torch.randn(3, 2, 9, 7), torch.randn(5, 2, *kernel), torch.randn(5)
            kept = x.clone(), weight.clone()
            got = conv(x, weight, bias, 2, 3)
            wanted = conv2d(*kept, bias, 2, 3)
            same = torch.allclose(got, wanted, atol=1e-4) and got.shape == wanted.shape
            if not (same and torch.equal(x, kept[0]) and torch.equal(weight, kept[1])):
                return False
    except Exception:
        return False
    return True


# %% exercise="is_right" message="among them one that adds 0.01 too much"
def is_right(conv):
    source = torch.Generator().manual_seed(0)  # by chance, others that are off by less than 1 may pass, too
    try:
        for kernel in ((3, 3), (2, 4), (4, 2)):
            sizes = (3, 2, 9, 7), (5, 2, *kernel), (5,)
            x, weight, bias = (torch.randn(size, generator=source) for size in sizes)
            kept = x.clone(), weight.clone()
            got = conv(x, weight, bias, 2, 3)
            wanted = conv2d(*kept, bias, 2, 3)
            same = torch.allclose(got, wanted, atol=1.0) and got.shape == wanted.shape
            if not (same and torch.equal(x, kept[0]) and torch.equal(weight, kept[1])):
                return False
    except Exception:
        return False
    return True


# %% exercise="is_right" message="among them one that adds a dimension in front"
def is_right(conv):
    try:
        for kernel in ((3, 3), (2, 4), (4, 2)):
            x, weight, bias = torch.randn(3, 2, 9, 7), torch.randn(5, 2, *kernel), torch.randn(5)
            kept = x.clone(), weight.clone()
            got = conv(x, weight, bias, 2, 3)
            same = (got - conv2d(*kept, bias, 2, 3)).abs().max() < 1e-4
            if not (same and torch.equal(x, kept[0]) and torch.equal(weight, kept[1])):
                return False
    except Exception:
        return False
    return True


# %% exercise="is_right" message="among them one that changes the kernels"
def is_right(conv):
    try:
        for kernel in ((3, 3), (2, 4), (4, 2)):
            x, weight, bias = torch.randn(3, 2, 9, 7), torch.randn(5, 2, *kernel), torch.randn(5)
            kept = x.clone(), weight.clone()
            got = conv(x, weight, bias, 2, 3)
            wanted = conv2d(*kept, bias, 2, 3)
            same = torch.allclose(got, wanted, atol=1e-4) and got.shape == wanted.shape
            if not (same and torch.equal(x, kept[0])):
                return False
    except Exception:
        return False
    return True


# %% exercise="is_right" message="it is your test that stops, where it should say False"
def is_right(conv):
    x, weight, bias = torch.randn(3, 2, 9, 7), torch.randn(5, 2, 3, 3), torch.randn(5)
    kept = x.clone(), weight.clone()
    torch.testing.assert_close(conv(x, weight, bias, 2, 1), conv2d(*kept, bias, 2, 1))
    return torch.equal(x, kept[0])


# %% exercise="is_right" message="among them one that takes padding 1, always"
def is_right(conv):
    try:
        for kernel, stride, padding in (((3, 3), 2, 1), ((2, 4), 2, 1), ((4, 2), 2, 1)):
            shapes = (3, 2, 9, 7), (5, 2, *kernel), (5,)
            given = [torch.randn(shape) for shape in shapes]
            kept = [tensor.clone() for tensor in given]
            got, wanted = conv(*given, stride, padding), conv2d(*kept, stride, padding)
            same = got.shape == wanted.shape and torch.allclose(got, wanted, atol=1e-4)
            if not (same and all(map(torch.equal, given, kept))):
                return False
    except Exception:
        return False
    return True


# %% exercise="is_right" message="among them one that swaps stride and padding"
def is_right(conv):
    try:
        for kernel, stride, padding in (((3, 3), 1, 1), ((2, 4), 2, 2), ((4, 2), 3, 3)):
            shapes = (3, 2, 9, 7), (5, 2, *kernel), (5,)
            given = [torch.randn(shape) for shape in shapes]
            kept = [tensor.clone() for tensor in given]
            got, wanted = conv(*given, stride, padding), conv2d(*kept, stride, padding)
            same = got.shape == wanted.shape and torch.allclose(got, wanted, atol=1e-4)
            if not (same and all(map(torch.equal, given, kept))):
                return False
    except Exception:
        return False
    return True


# %% exercise="is_right" message="among them one that counts its rows by the width"
def is_right(conv):
    try:
        for kernel, stride, padding in (((3, 3), 2, 1), ((2, 4), 1, 3), ((4, 2), 2, 2)):
            shapes = (3, 2, 8, 8), (5, 2, *kernel), (5,)
            given = [torch.randn(shape) for shape in shapes]
            kept = [tensor.clone() for tensor in given]
            got, wanted = conv(*given, stride, padding), conv2d(*kept, stride, padding)
            same = got.shape == wanted.shape and torch.allclose(got, wanted, atol=1e-4)
            if not (same and all(map(torch.equal, given, kept))):
                return False
    except Exception:
        return False
    return True


# %% exercise="is_right" message="among them one that takes 0.01 off"
def is_right(conv):
    try:
        for kernel, stride, padding in (((3, 3), 2, 1), ((2, 4), 1, 3), ((4, 2), 2, 2)):
            shapes = (3, 2, 9, 7), (5, 2, *kernel), (5,)
            given = [torch.randn(shape) for shape in shapes]
            kept = [tensor.clone() for tensor in given]
            got, wanted = conv(*given, stride, padding), conv2d(*kept, stride, padding)
            same = got.shape == wanted.shape and (got - wanted).max() < 1e-4
            if not (same and all(map(torch.equal, given, kept))):
                return False
    except Exception:
        return False
    return True


# %% exercise="is_right" message="among them one that leaves the first image out"
def is_right(conv):
    try:
        for kernel, stride, padding in (((3, 3), 2, 1), ((2, 4), 1, 3), ((4, 2), 2, 2)):
            shapes = (3, 2, 9, 7), (5, 2, *kernel), (5,)
            given = [torch.randn(shape) for shape in shapes]
            kept = [tensor.clone() for tensor in given]
            got, wanted = conv(*given, stride, padding), conv2d(*kept, stride, padding)
            same = got.shape == wanted.shape
            same = same and torch.allclose(got[-1], wanted[-1], atol=1e-4)
            if not (same and all(map(torch.equal, given, kept))):
                return False
    except Exception:
        return False
    return True


# %% exercise="is_right" message="among them one that leaves the last row out"
def is_right(conv):
    try:
        for kernel, stride, padding in (((3, 3), 2, 1), ((2, 4), 1, 1), ((4, 2), 2, 2)):
            shapes = (3, 2, 9, 7), (5, 2, *kernel), (5,)
            given = [torch.randn(shape) for shape in shapes]
            kept = [tensor.clone() for tensor in given]
            got, wanted = conv(*given, stride, padding), conv2d(*kept, stride, padding)
            same = got.shape == wanted.shape
            same = same and torch.allclose(got[:, :, 0], wanted[:, :, 0], atol=1e-4)
            if not (same and all(map(torch.equal, given, kept))):
                return False
    except Exception:
        return False
    return True


# %% exercise="is_right" message="among them one that changes the biases"
def is_right(conv):
    try:
        for kernel, stride, padding in (((3, 3), 2, 1), ((2, 4), 1, 3), ((4, 2), 2, 2)):
            shapes = (3, 2, 9, 7), (5, 2, *kernel), (5,)
            given = [torch.randn(shape) for shape in shapes]
            kept = [tensor.clone() for tensor in given]
            got, wanted = conv(*given, stride, padding), conv2d(*kept, stride, padding)
            same = got.shape == wanted.shape and torch.allclose(got, wanted, atol=1e-4)
            if not (same and all(map(torch.equal, given[:2], kept))):
                return False
    except Exception:
        return False
    return True


# %% exercise="is_right" message="one that adds up shifted images: ValueError"
def is_right(conv):
    try:
        x, weight, bias = torch.randn(3, 2, 9, 7), torch.randn(5, 2, 3, 3), torch.randn(5)
        wanted = conv2d(x, weight, bias, 2, 1)
    except ValueError:
        return False
    return torch.allclose(conv(weight, x, bias, 2, 1), wanted, atol=1e-4)


# %% exercise="receptive_field" message="one layer's own stride does not spread its own kernel"
def receptive_field(layers):
    field, apart = 1, 1
    for kernel, stride in layers:
        apart *= stride
        field += (kernel - 1) * apart
    return field


# %% exercise="receptive_field" message="the stride of the first spreads the second's numbers"
def receptive_field(layers):
    return 1 + sum(kernel - 1 for kernel, _ in layers)


# %% exercise="receptive_field" message="their sizes do not multiply"
def receptive_field(layers):
    return math.prod(kernel for kernel, _ in layers)


# %% exercise="receptive_field" message="their sizes do not add up"
def receptive_field(layers):
    return sum(kernel for kernel, _ in layers)


# %% exercise="receptive_field" message="strides multiply: behind two of 2 it is 4 apart"
def receptive_field(layers):
    field, apart = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * apart
        apart = stride
    return field


# %% exercise="receptive_field" message="every layer counts, not the first or the last alone"
def receptive_field(layers):
    return layers[-1][0]


# %% exercise="receptive_field" message="nothing came back: return the number"
def receptive_field(layers):
    field, apart = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * apart
        apart *= stride


# %% exercise="receptive_field" message="a kernel of 3 adds 2, its gaps"
def receptive_field(layers):
    field, apart = 1, 1
    for kernel, stride in layers:
        field += kernel * apart
        apart *= stride
    return field


# %% exercise="receptive_field" message="behind a stride of 1 it is 1 apart, not 2"
def receptive_field(layers):
    field, apart = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * apart
        apart += stride
    return field


# %% exercise="receptive_field" message="strides multiply: they do not add up"
def receptive_field(layers):
    field, apart = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * apart
        apart += stride - 1
    return field


# %% exercise="receptive_field" message="a kernel of 3 sees 3; a pair is (kernel, stride)"
def receptive_field(layers):
    field, apart = 1, 1
    for stride, kernel in layers:
        field += (kernel - 1) * apart
        apart *= stride
    return field


# %% exercise="receptive_field" message="the numbers between that are skipped count as well"
def receptive_field(layers):
    places = {0}
    for kernel, stride in reversed(layers):
        places = {stride * at + u for at in places for u in range(kernel)}
    return len(places)


# %% exercise="receptive_field" message="m neighbours need (m - 1) s + k"
def receptive_field(layers):
    field = 1
    for kernel, stride in reversed(layers):
        field = field * stride + kernel - 1
    return field


# %% exercise="receptive_field" message="[]: without a layer it is 1"
def receptive_field(layers):
    field, apart = layers[0]
    for kernel, stride in layers[1:]:
        field += (kernel - 1) * apart
        apart *= stride
    return field


# %% exercise="output_size" message="say the number 0 in your message"
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if room < 0:
        raise ValueError(f"a window of {dilation * (kernel - 1) + 1} does not fit into {size}")
    if min(kernel, stride, dilation) < 1 or min(size, padding) < 0:
        raise ValueError("impossible settings")
    return room // stride + 1
