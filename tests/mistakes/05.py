# %% [markdown]
# Classic wrong answers to chapter 5's exercises, each with what the check must say to it.


# %% exercise="loss_grads" message="the mean runs over the outputs as well"
def loss_grads(v, g):
    g.squares = torch.full_like(v.squares, 1 / len(v.squares))
    g.errors = g.squares * 2 * v.errors
    g.outputs = g.errors


# %% exercise="loss_grads" message="the mean is missing"
def loss_grads(v, g):
    g.squares = torch.ones_like(v.squares)
    g.errors = g.squares * 2 * v.errors
    g.outputs = g.errors


# %% exercise="loss_grads" message="g.errors: the derivative of a square has a factor of 2"
def loss_grads(v, g):
    g.squares = torch.full_like(v.squares, 1 / v.squares.numel())
    g.errors = g.squares * v.errors
    g.outputs = g.errors


# %% exercise="loss_grads" message="the gradient of the squares, g.squares, is not in it"
def loss_grads(v, g):
    g.squares = torch.full_like(v.squares, 1 / v.squares.numel())
    g.errors = 2 * v.errors
    g.outputs = g.errors


# %% exercise="loss_grads" message="g.squares has shape (), and squares has (5, 3)"
def loss_grads(v, g):
    g.squares = torch.tensor(1 / v.squares.numel()).double()
    g.errors = g.squares * 2 * v.errors
    g.outputs = g.errors


# %% exercise="loss_grads" message="g.squares should be a tensor, not 0.06"
def loss_grads(v, g):
    g.squares = 1 / v.squares.numel()
    g.errors = g.squares * 2 * v.errors
    g.outputs = g.errors


# %% exercise="loss_grads" message="errors are outputs minus targets, and grow with the outputs"
def loss_grads(v, g):
    g.squares = torch.full_like(v.squares, 1 / v.squares.numel())
    g.errors = g.squares * 2 * v.errors
    g.outputs = -g.errors


# %% exercise="loss_grads" message="v.errors has changed"
def loss_grads(v, g):
    g.squares = torch.full_like(v.squares, 1 / v.squares.numel())
    v.errors *= 2 * g.squares
    g.errors = v.errors
    g.outputs = g.errors


# %% exercise="loss_grads" message="gave back a tuple and left g as it was"
def loss_grads(v, g):
    squares = torch.full_like(v.squares, 1 / v.squares.numel())
    errors = squares * 2 * v.errors
    return squares, errors, errors


# %% exercise="loss_grads" message="g.outputs is missing"
def loss_grads(v, g):
    g.squares = torch.full_like(v.squares, 1 / v.squares.numel())
    g.errors = g.squares * 2 * v.errors


# %% exercise="walk_back" message="stops in the line after g.weight3: two shapes there do not fit"
def walk_back(v, g):
    g.bias3 = g.outputs.sum(0)
    g.weight3 = g.outputs.T @ v.hidden2
    g.hidden2 = g.outputs @ v.weight3.T
    g.z2 = g.hidden2 * relu_grad(v.z2)
    g.bias2 = g.z2.sum(0)
    g.weight2 = g.z2.T @ v.hidden1
    g.hidden1 = g.z2 @ v.weight2.T
    g.z1 = g.hidden1 * relu_grad(v.z1)
    g.bias1 = g.z1.sum(0)
    g.weight1 = g.z1.T @ v.x
    g.x = g.z1 @ v.weight1.T


# %% exercise="walk_back" message="no mean: the loss has taken it, and here paths add"
def walk_back(v, g):
    g.bias3 = g.outputs.mean(0)
    g.weight3 = g.outputs.T @ v.hidden2
    g.hidden2 = g.outputs @ v.weight3
    g.z2 = g.hidden2 * relu_grad(v.z2)
    g.bias2 = g.z2.mean(0)
    g.weight2 = g.z2.T @ v.hidden1
    g.hidden1 = g.z2 @ v.weight2
    g.z1 = g.hidden1 * relu_grad(v.z1)
    g.bias1 = g.z1.mean(0)
    g.weight1 = g.z1.T @ v.x
    g.x = g.z1 @ v.weight1


# %% exercise="walk_back" message="g.bias3 has shape (4,), and bias3 has (2,)"
def walk_back(v, g):
    g.bias3 = g.outputs.sum(1)
    g.weight3 = g.outputs.T @ v.hidden2
    g.hidden2 = g.outputs @ v.weight3


# %% exercise="walk_back" message="the product is the wrong way round, and reshape does not turn it"
def walk_back(v, g):
    g.bias3 = g.outputs.sum(0)
    g.weight3 = (v.hidden2.T @ g.outputs).reshape(v.weight3.shape)
    g.hidden2 = g.outputs @ v.weight3


# %% exercise="walk_back" message="g.weight3 has shape (6, 2), and weight3 has (2, 6)"
def walk_back(v, g):
    g.bias3 = g.outputs.sum(0)
    g.weight3 = v.hidden2.T @ g.outputs
    g.hidden2 = g.outputs @ v.weight3


# %% exercise="walk_back" message="what went into layer 3 is hidden2, behind the ReLU"
def walk_back(v, g):
    g.bias3 = g.outputs.sum(0)
    g.weight3 = g.outputs.T @ v.z2
    g.hidden2 = g.outputs @ v.weight3


# %% exercise="walk_back" message="g.z2: the ReLU is missing: nothing passes where z2 ≤ 0"
def walk_back(v, g):
    g.bias3 = g.outputs.sum(0)
    g.weight3 = g.outputs.T @ v.hidden2
    g.hidden2 = g.outputs @ v.weight3
    g.z2 = g.hidden2
    g.bias2 = g.z2.sum(0)


# %% exercise="walk_back" message="g.z2: multiply by relu's derivative, not by its value"
def walk_back(v, g):
    g.bias3 = g.outputs.sum(0)
    g.weight3 = g.outputs.T @ v.hidden2
    g.hidden2 = g.outputs @ v.weight3
    g.z2 = g.hidden2 * relu(v.z2)


# %% exercise="walk_back" message="g.z2: what passes is decided by v.z2, the way forward"
def walk_back(v, g):
    g.bias3 = g.outputs.sum(0)
    g.weight3 = g.outputs.T @ v.hidden2
    g.hidden2 = g.outputs @ v.weight3
    g.z2 = relu(g.hidden2)


# %% exercise="walk_back" message="g.bias2: what comes out of layer 2 is z2: begin at g.z2"
def walk_back(v, g):
    g.bias3 = g.outputs.sum(0)
    g.weight3 = g.outputs.T @ v.hidden2
    g.hidden2 = g.outputs @ v.weight3
    g.z2 = g.hidden2 * relu_grad(v.z2)
    g.bias2 = g.hidden2.sum(0)


# %% exercise="walk_back" message="g.x is missing"
def walk_back(v, g):
    g.bias3 = g.outputs.sum(0)
    g.weight3 = g.outputs.T @ v.hidden2
    g.hidden2 = g.outputs @ v.weight3
    g.z2 = g.hidden2 * relu_grad(v.z2)
    g.bias2 = g.z2.sum(0)
    g.weight2 = g.z2.T @ v.hidden1
    g.hidden1 = g.z2 @ v.weight2
    g.z1 = g.hidden1 * relu_grad(v.z1)
    g.bias1 = g.z1.sum(0)
    g.weight1 = g.z1.T @ v.x


# %% exercise="network" message="grads() are zeros, as they were in the beginning"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for d, k in pairwise(sizes):
            init = xavier_normal_ if len(self.layers) == 2 * len(sizes) - 4 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()
        self.kept = [g for layer in self.layers for g in layer.grads()]

    def forward(self, x):
        self.kept = self.kept if hasattr(self, "ran") else [torch.zeros_like(p) for p in self.parameters()]
        self.ran = True
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return self.kept


# %% exercise="network" message="there is no ReLU behind the last layer"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        self.layers = []
        for d, k in pairwise(sizes):
            self.layers += [Linear(scale * kaiming_normal_(torch.empty(k, d), generator=generator)), ReLU()]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in self.layers[::-1]:
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="a weight has a row for each output, (out, in)"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        self.layers = []
        for d, k in pairwise(sizes):
            self.layers += [Linear(scale * kaiming_normal_(torch.empty(d, k), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in self.layers[::-1]:
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="one layer object stands in two places"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        self.layers, bend = [], ReLU()
        for d, k in pairwise(sizes):
            self.layers += [Linear(scale * kaiming_normal_(torch.empty(k, d), generator=generator)), bend]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in self.layers[::-1]:
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="the last weights are Kaiming's: no ReLU follows"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        self.layers = []
        for d, k in pairwise(sizes):
            self.layers += [Linear(scale * kaiming_normal_(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in self.layers[::-1]:
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="the same generator gave other weights"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        self.layers = []
        for d, k in pairwise(sizes):
            init = xavier_normal_ if len(self.layers) == 2 * len(sizes) - 4 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d))), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in self.layers[::-1]:
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="Network([]) went through: two sizes at least"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        self.layers = []
        for d, k in pairwise(sizes):
            init = xavier_normal_ if len(self.layers) == 2 * len(sizes) - 4 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers = self.layers[:-1]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in self.layers[::-1]:
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="a layer refuses, gradient (4, 2): give (4, 5)"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for d, k in pairwise(sizes):
            init = xavier_normal_ if len(self.layers) == 2 * len(sizes) - 4 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in self.layers:
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="parameters(): the layers' own tensors"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for d, k in pairwise(sizes):
            init = xavier_normal_ if len(self.layers) == 2 * len(sizes) - 4 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in self.layers[::-1]:
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p.clone() for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="what backward gives, the gradient of x, is None"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for d, k in pairwise(sizes):
            init = xavier_normal_ if len(self.layers) == 2 * len(sizes) - 4 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in self.layers[::-1]:
            output_grad = layer.backward(output_grad)

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="gradient_check" message="a NaN in the second gradient gave"
def gradient_check(loss, parameters, grads):
    shapes = [[tuple(t.shape) for t in tensors] for tensors in (parameters, grads)]
    if shapes[0] != shapes[1] or any(t.dtype != torch.float64 for t in (*parameters, *grads)):
        raise ValueError("other shapes, or float32")
    rounding = 1e-9 * abs(loss().item())
    errors = []
    for g, n in zip(grads, numerical_grad(loss, parameters)):
        off = max((g - n).abs().max().item() - rounding, 0.0)
        errors.append(off / max(n.abs().max().item(), 1e-18))
    return max(errors)


# %% exercise="gradient_check" message="one parameter's are all 0, came out as NaN"
def gradient_check(loss, parameters, grads):
    errors = [
        ((g - n).abs().max() / n.abs().max()).item()
        for g, n in zip(grads, numerical_grad(loss, parameters), strict=True)
    ]
    return torch.tensor(errors).max().item()


# %% exercise="gradient_check" message="right gradients and a loss of 5e+02 gave"
def gradient_check(loss, parameters, grads):
    shapes = [[tuple(t.shape) for t in tensors] for tensors in (parameters, grads)]
    if shapes[0] != shapes[1] or any(t.dtype != torch.float64 for t in (*parameters, *grads)):
        raise ValueError("other shapes, or float32")
    errors = [torch.zeros((), dtype=torch.float64)]
    for g, n in zip(grads, numerical_grad(loss, parameters)):
        size = torch.stack([g, n]).abs().max().clamp(min=1e-12)
        errors.append((g - n).abs().max() / size)
    return torch.stack(errors).max().item()


# %% exercise="gradient_check" message="gave 0, for a loss of 5e-07: an error counts relative to the size"
def gradient_check(loss, parameters, grads):
    shapes = [[tuple(t.shape) for t in tensors] for tensors in (parameters, grads)]
    if shapes[0] != shapes[1] or any(t.dtype != torch.float64 for t in (*parameters, *grads)):
        raise ValueError("other shapes, or float32")
    errors = [torch.zeros((), dtype=torch.float64)]
    for g, n in zip(grads, numerical_grad(loss, parameters)):
        off = ((g - n).abs().max() - 1e-7).clamp(min=0)
        errors.append(off / n.abs().max().clamp(min=1e-18))
    return torch.stack(errors).max().item()


# %% exercise="gradient_check" message="and about 1 was wanted"
def gradient_check(loss, parameters, grads):
    return max((g - n).abs().max().item() for g, n in zip(grads, numerical_grad(loss, parameters), strict=True))


# %% exercise="gradient_check" message="gave 0.25, and alone 0.5: no mean over the parameters"
def gradient_check(loss, parameters, grads):
    shapes = [[tuple(t.shape) for t in tensors] for tensors in (parameters, grads)]
    if shapes[0] != shapes[1] or any(t.dtype != torch.float64 for t in (*parameters, *grads)):
        raise ValueError("other shapes, or float32")
    rounding = 1e-9 * abs(loss().item())
    errors = [torch.zeros((), dtype=torch.float64)]
    for g, n in zip(grads, numerical_grad(loss, parameters)):
        errors.append(((g - n).abs().max() - rounding).clamp(min=0) / n.abs().max().clamp(min=1e-18))
    return torch.stack(errors).mean().item()


# %% exercise="gradient_check" message="a tiny gradient, twice too large, beside a large one that is right"
def gradient_check(loss, parameters, grads):
    numerical = torch.cat([n.flatten() for n in numerical_grad(loss, parameters)])
    mine, rounding = torch.cat([g.flatten() for g in grads]), 1e-8 * loss().abs()
    off = ((mine - numerical).norm() - rounding).clamp(min=0)
    return (off / (mine.norm() + numerical.norm() + rounding)).item()


# %% exercise="gradient_check" message="what you allow for rounding, is too high"
def gradient_check(loss, parameters, grads):
    shapes = [[tuple(t.shape) for t in tensors] for tensors in (parameters, grads)]
    if shapes[0] != shapes[1] or any(t.dtype != torch.float64 for t in (*parameters, *grads)):
        raise ValueError("other shapes, or float32")
    errors = [torch.zeros((), dtype=torch.float64)]
    for g, n in zip(grads, numerical_grad(loss, parameters)):
        errors.append((g - n).abs().max() / n.abs().max().clamp(min=1e-5 * loss().abs()))
    return torch.stack(errors).max().item()


# %% exercise="gradient_check" message="only the first parameter's tiny gradient is wrong"
def gradient_check(loss, parameters, grads):
    error, rounding = 0.0, 1e-8 * loss().abs()
    for g, n in list(zip(grads, numerical_grad(loss, parameters), strict=True))[:2]:
        off = ((g - n).norm() - rounding).clamp(min=0)
        error = (off / (g.norm() + n.norm() + rounding)).item()
    return error


# %% exercise="gradient_check" message="one number of twelve is 5 % off"
def gradient_check(loss, parameters, grads):
    rounding = 1e-9 * abs(loss().item())
    errors = [torch.zeros(()).double()]
    for g, n in zip(grads, numerical_grad(loss, parameters), strict=True):
        g, n = g.flatten()[:3], n.flatten()[:3]
        errors.append(((g - n).abs().max() - rounding).clamp(min=0) / n.abs().max().clamp(min=1e-18))
    return torch.stack(errors).max().item()


# %% exercise="gradient_check" message="all signs turned round gave"
def gradient_check(loss, parameters, grads):
    rounding = 1e-9 * abs(loss().item())
    errors = []
    for g, n in zip(grads, numerical_grad(loss, parameters), strict=True):
        off = max((g.abs() - n.abs()).abs().max().item() - rounding, 0)
        errors.append(off / max(g.abs().max().item(), n.abs().max().item(), 1e-18))
    return max(errors)


# %% exercise="gradient_check" message="two gradients for three parameters went through and gave 0.0"
def gradient_check(loss, parameters, grads):
    rounding = 1e-9 * abs(loss().item())
    errors = [torch.zeros(()).double()]
    for g, n in zip(grads, numerical_grad(loss, parameters)):
        errors.append(((g - n).abs().max() - rounding).clamp(min=0) / n.abs().max().clamp(min=1e-18))
    return torch.stack(errors).max().item()


# %% exercise="gradient_check" message="gradients in float32 went through"
def gradient_check(loss, parameters, grads):
    rounding = 1e-9 * abs(loss().item())
    if [p.shape for p in parameters] != [g.shape for g in grads]:
        raise ValueError("shapes")
    errors = [torch.zeros(()).double()]
    for g, n in zip(grads, numerical_grad(loss, parameters)):
        errors.append(((g - n).abs().max() - rounding).clamp(min=0) / n.abs().max().clamp(min=1e-18))
    return torch.stack(errors).max().item()


# %% exercise="gradient_check" message="a gradient has changed: it belongs to the caller"
def gradient_check(loss, parameters, grads):
    shapes = [[tuple(t.shape) for t in tensors] for tensors in (parameters, grads)]
    if shapes[0] != shapes[1] or any(t.dtype != torch.float64 for t in (*parameters, *grads)):
        raise ValueError("other shapes, or float32")
    rounding = 1e-9 * abs(loss().item())
    errors = [torch.zeros(()).double()]
    for g, n in zip(grads, numerical_grad(loss, parameters)):
        size = n.abs().max().clamp(min=1e-18)
        errors.append((g.sub_(n).abs().max() - rounding).clamp(min=0) / size)
    return torch.stack(errors).max().item()


# %% exercise="gradient_check" message="a list has changed"
def gradient_check(loss, parameters, grads):
    shapes = [[tuple(t.shape) for t in tensors] for tensors in (parameters, grads)]
    if shapes[0] != shapes[1] or any(t.dtype != torch.float64 for t in (*parameters, *grads)):
        raise ValueError("other shapes, or float32")
    rounding = 1e-9 * abs(loss().item())
    numerical, errors = numerical_grad(loss, parameters), [torch.zeros(()).double()]
    while grads:
        g, n = grads.pop(), numerical.pop()
        errors.append(((g - n).abs().max() - rounding).clamp(min=0) / n.abs().max().clamp(min=1e-18))
    return torch.stack(errors).max().item()


# %% exercise="gradient_check" message="return the largest relative error"
def gradient_check(loss, parameters, grads):
    for g, n in zip(grads, numerical_grad(loss, parameters), strict=True):
        print((g - n).abs().max() / n.abs().max())


# %% exercise="is_right" message="a forward pass without its bias: wrong, and is_right says True"
def is_right(layer_class):
    source = torch.Generator().manual_seed(0)
    try:
        layer = layer_class(torch.randn(2, 5, dtype=torch.float64, generator=source))
        x = torch.randn(3, 5, dtype=torch.float64, generator=source)
        up = torch.randn(3, 2, dtype=torch.float64, generator=source)
        right = torch.allclose(layer.forward(x), linear(x, layer.weight, layer.bias))
        x_grad = layer.backward(up.clone())
        error = gradient_check(
            lambda: (linear(x, layer.weight, layer.bias) * up).sum(),
            [layer.weight, layer.bias, x],
            [*layer.grads(), x_grad],
        )
        return right and error < 1e-6
    except Exception:
        return False


# %% exercise="is_right" message="gradients added to those of the last batch: wrong, and is_right says True"
def is_right(layer_class):
    source = torch.Generator().manual_seed(0)
    try:
        layer = layer_class(torch.randn(2, 5, dtype=torch.float64, generator=source))
        layer.bias.copy_(torch.tensor([2.0, 3.0]))
        x = torch.randn(3, 5, dtype=torch.float64, generator=source)
        up = torch.randn(3, 2, dtype=torch.float64, generator=source)
        right = torch.allclose(layer.forward(x), linear(x, layer.weight, layer.bias))
        x_grad = layer.backward(up.clone())
        error = gradient_check(
            lambda: (linear(x, layer.weight, layer.bias) * up).sum(),
            [layer.weight, layer.bias, x],
            [*layer.grads(), x_grad],
        )
        return right and error < 1e-6
    except Exception:
        return False


# %% exercise="is_right" message="the mean over the batch: wrong, and is_right says True"
def is_right(layer_class):
    source = torch.Generator().manual_seed(0)
    try:
        layer = layer_class(torch.randn(2, 5, dtype=torch.float64, generator=source))
        x = torch.randn(1, 5, dtype=torch.float64, generator=source)
        up = torch.randn(1, 2, dtype=torch.float64, generator=source)
        layer.forward(x)
        x_grad = layer.backward(up)
        return (
            gradient_check(
                lambda: (linear(x, layer.weight, layer.bias) * up).sum(),
                [layer.weight, layer.bias, x],
                [*layer.grads(), x_grad],
            )
            < 1e-6
        )
    except Exception:
        return False


# %% exercise="is_right" message="A layer that stops is not right: catch it"
def is_right(layer_class):
    source = torch.Generator().manual_seed(0)
    layer = layer_class(torch.randn(2, 5, dtype=torch.float64, generator=source))
    x = torch.randn(3, 5, dtype=torch.float64, generator=source)
    up = torch.randn(3, 2, dtype=torch.float64, generator=source)
    layer.forward(x)
    x_grad = layer.backward(up)
    return (
        gradient_check(
            lambda: (linear(x, layer.weight, layer.bias) * up).sum(),
            [layer.weight, layer.bias, x],
            [*layer.grads(), x_grad],
        )
        < 1e-6
    )


# %% exercise="is_right" message="Linear itself is right, and is_right says False"
def is_right(layer_class):
    try:
        layer = layer_class(torch.randn(2, 5))
        x, up = torch.randn(3, 5), torch.randn(3, 2)
        layer.forward(x)
        x_grad = layer.backward(up)
        return (
            gradient_check(
                lambda: (linear(x, layer.weight, layer.bias) * up).sum(),
                [layer.weight, layer.bias, x],
                [*layer.grads(), x_grad],
            )
            < 1e-6
        )
    except Exception:
        return False


# %% exercise="is_right" message="a layer that says it in letters is right, and is_right says False"
def is_right(layer_class):
    return layer_class is Linear


# %% exercise="is_right" message="return True or False, not tensor(True)"
def is_right(layer_class):
    layer = layer_class(torch.ones(2, 5).double())
    x = torch.ones(3, 5).double()
    return (layer.forward(x) == linear(x, layer.weight, layer.bias)).all()


# %% exercise="centred" message="the mean was taken for a constant, but each input moves it"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x):
        self.centred = x - x.mean(0)
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        return output_grad * self.scale

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="the scale multiplies the centred values, not x"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)

    def forward(self, x):
        self.x = x
        return (x - x.mean(0)) * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.x).sum(0)
        grad = output_grad * self.scale
        return grad - grad.mean(0)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="each input moves the mean for the other rows, too"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)

    def forward(self, x):
        self.centred = x - x.mean(0)
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        return output_grad * self.scale * (1 - 1 / len(output_grad))

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="the mean moves by one Nth of what an input moves"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)

    def forward(self, x):
        self.centred = x - x.mean(0)
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        grad = output_grad * self.scale
        return grad - grad.sum(0)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="each row's own mean came off"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)

    def forward(self, x):
        self.centred = x - x.mean(1, keepdim=True)
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        grad = output_grad * self.scale
        return grad - grad.mean(1, keepdim=True)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="the mean runs over the batch and leaves a number for each column"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)

    def forward(self, x):
        return (x - x.mean(1)) * self.scale

    def backward(self, output_grad):
        return output_grad

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale]


# %% exercise="centred" message="a sum over the batch, no mean"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)

    def forward(self, x):
        self.centred = x - x.mean(0)
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).mean(0)
        grad = output_grad * self.scale
        return grad - grad.mean(0)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="the upstream gradient have changed: make new tensors"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)

    def forward(self, x):
        x -= x.mean(0)
        self.centred = x
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        grad = output_grad * self.scale
        return grad - grad.mean(0)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="network" message="the method grads is missing"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        self.layers = []
        for d, k in pairwise(sizes):
            init = xavier_normal_ if len(self.layers) == 2 * len(sizes) - 4 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in self.layers[::-1]:
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]


# %% exercise="loss_grads" message="g.squares is torch.float32"
def loss_grads(v, g):
    g.squares = torch.full(v.squares.shape, 1 / v.squares.numel())
    g.errors = g.squares * 2 * v.errors
    g.outputs = g.errors


# %% exercise="walk_back" message="g.hidden2: a later line has changed it in place"
def walk_back(v, g):
    g.bias3 = g.outputs.sum(0)
    g.weight3 = g.outputs.T @ v.hidden2
    g.hidden2 = g.outputs @ v.weight3
    g.z2 = g.hidden2.masked_fill_(v.z2 <= 0, 0)
    g.bias2 = g.z2.sum(0)
    g.weight2 = g.z2.T @ v.hidden1
    g.hidden1 = g.z2 @ v.weight2
    g.z1 = g.hidden1 * relu_grad(v.z1)
    g.bias1 = g.z1.sum(0)
    g.weight1 = g.z1.T @ v.x
    g.x = g.z1 @ v.weight1


# %% exercise="walk_back" message="where z1 is exactly 0 nothing passes"
def walk_back(v, g):
    g.bias3 = g.outputs.sum(0)
    g.weight3 = g.outputs.T @ v.hidden2
    g.hidden2 = g.outputs @ v.weight3
    g.z2 = g.hidden2 * (v.z2 >= 0)
    g.bias2 = g.z2.sum(0)
    g.weight2 = g.z2.T @ v.hidden1
    g.hidden1 = g.z2 @ v.weight2
    g.z1 = g.hidden1 * (v.z1 >= 0)
    g.bias1 = g.z1.sum(0)
    g.weight1 = g.z1.T @ v.x
    g.x = g.z1 @ v.weight1


# %% exercise="walk_back" message="the line after g.hidden2: what comes there is not written yet"
def walk_back(v, g):
    g.bias3 = g.outputs.sum(0)
    g.weight3 = g.outputs.T @ v.hidden2
    g.hidden2 = g.outputs @ v.weight3
    raise NotImplementedError


# %% exercise="walk_back" message="walk_back stops in the line after g.bias2: two types of numbers met"
def walk_back(v, g):
    g.bias3 = g.outputs.sum(0)
    g.weight3 = g.outputs.T @ v.hidden2
    g.hidden2 = g.outputs @ v.weight3
    g.z2 = g.hidden2 * relu_grad(v.z2)
    g.bias2 = g.z2.sum(0)
    g.weight2 = g.z2.T.float() @ v.hidden1
    g.hidden1 = g.z2 @ v.weight2
    g.z1 = g.hidden1 * relu_grad(v.z1)
    g.bias1 = g.z1.sum(0)
    g.weight1 = g.z1.T @ v.x
    g.x = g.z1 @ v.weight1


# %% exercise="walk_back" message="gave back a dict and left g as it was: write g.bias3 = …"
def walk_back(v, g):
    return {"bias3": g.outputs.sum(0), "weight3": g.outputs.T @ v.hidden2}


# %% exercise="loss_grads" message="loss_grads stops in the line after nothing yet: what comes there is not written yet"
def loss_grads(v, g):
    raise NotImplementedError


# %% exercise="loss_grads" message="does not require grad"
def loss_grads(v, g):
    v.loss.backward()


# %% exercise="network" message="with scale=0.3 the weights of layer 0 of 0, 1, 2 are 1 times"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.layers += [Linear(init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="the weights of layer 2 of 0, 1, 2 are 1 times"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            scale = 1 if i == len(sizes) - 2 else scale
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="the weights of layer 1 of 0, 1, 2 are 0.09 times"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.layers += [Linear(scale ** (i + 1) * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="unexpected keyword argument"
class Network:
    def __init__(self, sizes, generator=None):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.layers += [Linear(init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="biases begin at 0"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
            self.layers[-2].bias.fill_(0.01)
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="the batch or its upstream gradient was changed"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        x.mul_(3)
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="a layer refuses, inputs (4, 3) of torch.float64: give (N, 5)"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            y = layer.forward(x)
        return y

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="what forward gives should be one tensor, not a tuple"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x, self.layers

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="parameters() holds something other than tensors"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [layer.parameters() for layer in self.layers]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="is_right" message="This layer does not stop, so it is your test"
def is_right(layer_class):
    source = torch.Genrator().manual_seed(0)
    return bool(layer_class and source)


# %% exercise="is_right" message="a layer that hides its bias from training: wrong, and is_right says True"
def is_right(layer_class):
    source = torch.Generator().manual_seed(0)
    try:
        layer = layer_class(torch.randn(2, 5, dtype=torch.float64, generator=source))
        layer.bias.copy_(torch.tensor([2.0, 3.0]))
        for N in (3, 4):
            x = torch.randn(N, 5, dtype=torch.float64, generator=source)
            up = torch.randn(N, 2, dtype=torch.float64, generator=source)
            kept = [t.clone() for t in (x, up)]
            weight, bias = layer.weight.clone(), layer.bias.clone()
            outputs = layer.forward(x)
            x_grad = layer.backward(up)
            if layer.grads()[0] is not layer.weight_grad or not all(map(torch.equal, (x, up), kept)):
                return False
            if not torch.allclose(outputs, linear(x, weight, bias)):
                return False
            error = gradient_check(
                lambda: (linear(x, weight, bias) * up).sum(),
                [weight, bias, x],
                [layer.weight_grad, layer.bias_grad, x_grad],
            )
            if not error < 1e-6:
                return False
        return True
    except Exception:
        return False


# %% exercise="centred" message="it was added to that of the last batch"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x):
        self.centred = x - x.mean(0)
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad += (output_grad * self.centred).sum(0)
        grad = output_grad * self.scale
        return grad - grad.mean(0)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="only the mean comes off, nothing is divided"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x):
        self.centred = (x - x.mean(0)) / x.std(0)
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        grad = output_grad * self.scale
        return grad - grad.mean(0)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="the mean is that of the first batch"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x):
        self.mean = getattr(self, "mean", x.mean(0))
        self.centred = x - self.mean
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        grad = output_grad * self.scale
        return grad - grad.mean(0)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="the scale is in it twice"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x):
        self.centred = x - x.mean(0)
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        grad = output_grad * self.scale
        return self.forward(grad)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="in what comes off the scale is twice"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x):
        self.centred = x - x.mean(0)
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        grad = output_grad * self.scale
        return grad - grad.mean(0) * self.scale

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="self.scale is another tensor than before"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x):
        self.scale = self.scale.clone()
        self.centred = x - x.mean(0)
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        grad = output_grad * self.scale
        return grad - grad.mean(0)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="backward stops: what comes there is not written yet"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x):
        self.centred = x - x.mean(0)
        return self.centred * self.scale

    def backward(self, output_grad):
        raise NotImplementedError
        grad = output_grad * self.scale
        return grad - grad.mean(0)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="backward stops: two types of numbers met"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x):
        self.centred = x - x.mean(0)
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        middle = torch.eye(len(output_grad)) - 1 / len(output_grad)
        return middle @ (output_grad * self.scale)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="loss_grads" message="g.errors: a later line has changed it in place"
def loss_grads(v, g):
    g.squares = torch.full_like(v.squares, 1 / v.squares.numel())
    g.errors = g.squares * 2 * v.errors
    g.outputs = g.errors
    g.outputs *= -1


# %% exercise="loss_grads" message="Did you read `small` in place of `v`?"
def loss_grads(v, g):
    g.squares = torch.full_like(small.squares, 1 / v.squares.numel())
    g.errors = g.squares * 2 * v.errors
    g.outputs = g.errors


# %% exercise="loss_grads" message="loss_grads: 'Tensor' object has no attribute 'numl'"
def loss_grads(v, g):
    g.squares = torch.full_like(v.squares, 1 / v.squares.numl())
    g.errors = g.squares * 2 * v.errors
    g.outputs = g.errors


# %% exercise="loss_grads" message="is not subscriptable"
def loss_grads(v, g):
    g.squares = torch.full_like(v.squares, 1 / v.squares.numel())
    g.errors = g.squares * 2 * v["errors"]
    g.outputs = g.errors


# %% exercise="walk_back" message="g.hidden2: the ReLU's derivative is in it"
def walk_back(v, g):
    g.bias3 = g.outputs.sum(0)
    g.weight3 = g.outputs.T @ v.hidden2
    g.hidden2 = g.outputs @ v.weight3 * relu_grad(v.z2)
    g.z2 = g.hidden2
    g.bias2 = g.z2.sum(0)
    g.weight2 = g.z2.T @ v.hidden1
    g.hidden1 = g.z2 @ v.weight2
    g.z1 = g.hidden1 * relu_grad(v.z1)
    g.bias1 = g.z1.sum(0)
    g.weight1 = g.z1.T @ v.x
    g.x = g.z1 @ v.weight1


# %% exercise="walk_back" message="where z2 is exactly 0 nothing passes"
def walk_back(v, g):
    g.bias3 = g.outputs.sum(0)
    g.weight3 = g.outputs.T @ v.hidden2
    g.hidden2 = g.outputs @ v.weight3
    g.z2 = g.hidden2 * (v.z2 >= 0)
    g.bias2 = g.z2.sum(0)
    g.weight2 = g.z2.T @ v.hidden1
    g.hidden1 = g.z2 @ v.weight2
    g.z1 = g.hidden1 * relu_grad(v.z1)
    g.bias1 = g.z1.sum(0)
    g.weight1 = g.z1.T @ v.x
    g.x = g.z1 @ v.weight1


# %% exercise="network" message="weights of torch.float64"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d, dtype=torch.float64), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="a weight cannot be changed where it stands"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            weight = scale * init(torch.empty(k, d), generator=generator)
            self.layers += [Linear(weight.requires_grad_()), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="for [400, 200, 500, 500] the layers are"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for d, k in pairwise(sizes):
            init = xavier_normal_ if k == sizes[-1] else kaiming_normal_
            self.layers.append(Linear(scale * init(torch.empty(k, d), generator=generator)))
            if k != sizes[-1]:
                self.layers.append(ReLU())

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="have the same random numbers, only scaled"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        state = generator.get_state() if generator else torch.get_rng_state()
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            generator = torch.Generator().set_state(state)
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="without a generator two networks have the same weights"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        generator = generator or torch.Generator().manual_seed(0)
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="times the scale, 0.3, times Xavier's"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        scale = scale if len(sizes) > 2 else 1.0
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="a weight or a bias was changed"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
            for p, g in zip(layer.parameters(), layer.grads(), strict=True):
                p -= 0.1 * g
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="forward or backward stops, ValueError('zip() argument 2 is shorter"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for weighted, bend in zip(self.layers[::2], self.layers[1::2], strict=True):
            x = bend.forward(weighted.forward(x))
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="its backward was called before its forward"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = relu(x) if isinstance(layer, ReLU) else layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="forward or backward has changed self.layers"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        self.layers.reverse()
        for layer in self.layers:
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="parameters() stops: what comes there is not written yet"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        raise NotImplementedError

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="grads() stops: AttributeError"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in (layer.weight_grad, layer.bias_grad)]


# %% exercise="network" message="parameters is a list, not a method"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.layers = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.layers += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.layers.pop()

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.layers):
            output_grad = layer.backward(output_grad)
        return output_grad

    @property
    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads()]


# %% exercise="network" message="self.layers is missing: the list of layers"
class Network:
    def __init__(self, sizes, generator=None, scale=1.0):
        if len(sizes) < 2:
            raise ValueError(f"sizes {sizes}")
        self.parts = []
        for i, (d, k) in enumerate(pairwise(sizes)):
            init = xavier_normal_ if i == len(sizes) - 2 else kaiming_normal_
            self.parts += [Linear(scale * init(torch.empty(k, d), generator=generator)), ReLU()]
        self.parts.pop()

    def forward(self, x):
        for layer in self.parts:
            x = layer.forward(x)
        return x

    def backward(self, output_grad):
        for layer in reversed(self.parts):
            output_grad = layer.backward(output_grad)
        return output_grad

    def parameters(self):
        return [p for layer in self.parts for p in layer.parameters()]

    def grads(self):
        return [g for layer in self.parts for g in layer.grads()]


# %% exercise="gradient_check" message="compare number with number, not what they add up to"
def gradient_check(loss, parameters, grads):
    shapes = [[tuple(t.shape) for t in tensors] for tensors in (parameters, grads)]
    if shapes[0] != shapes[1] or any(t.dtype != torch.float64 for t in (*parameters, *grads)):
        raise ValueError("other shapes, or float32")
    rounding = 1e-9 * loss().abs()
    errors = [torch.zeros((), dtype=torch.float64)]
    for g, n in zip(grads, numerical_grad(loss, parameters), strict=True):
        errors.append(((g.sum() - n.sum()).abs() - rounding).clamp(min=0) / (n.sum().abs() + rounding))
    return torch.stack(errors).max().item()


# %% exercise="gradient_check" message="-4e+01 to -8e+00, gave 0, for a loss"
def gradient_check(loss, parameters, grads):
    shapes = [[tuple(t.shape) for t in tensors] for tensors in (parameters, grads)]
    if shapes[0] != shapes[1] or any(t.dtype != torch.float64 for t in (*parameters, *grads)):
        raise ValueError("other shapes, or float32")
    rounding = 1e-9 * loss().abs()
    errors = [torch.zeros((), dtype=torch.float64)]
    for g, n in zip(grads, numerical_grad(loss, parameters), strict=True):
        errors.append(((g - n).abs().max() - rounding).clamp(min=0) / (n.max() + rounding))
    return torch.stack(errors).max().item()


# %% exercise="gradient_check" message="right gradients and a loss of -5e+02 gave"
def gradient_check(loss, parameters, grads):
    shapes = [[tuple(t.shape) for t in tensors] for tensors in (parameters, grads)]
    if shapes[0] != shapes[1] or any(t.dtype != torch.float64 for t in (*parameters, *grads)):
        raise ValueError("other shapes, or float32")
    rounding = 1e-9 * loss()
    errors = [torch.zeros((), dtype=torch.float64)]
    for g, n in zip(grads, numerical_grad(loss, parameters), strict=True):
        errors.append(((g - n).abs().max() - rounding).clamp(min=0) / torch.maximum(n.abs().max(), rounding))
    return torch.stack(errors).max().item()


# %% exercise="gradient_check" message="what rounding does depends on the loss, not on other gradients"
def gradient_check(loss, parameters, grads):
    shapes = [[tuple(t.shape) for t in tensors] for tensors in (parameters, grads)]
    if shapes[0] != shapes[1] or any(t.dtype != torch.float64 for t in (*parameters, *grads)):
        raise ValueError("other shapes, or float32")
    rounding = 1e-9 * torch.stack([g.abs().max() for g in grads]).max()
    errors = [torch.zeros((), dtype=torch.float64)]
    for g, n in zip(grads, numerical_grad(loss, parameters), strict=True):
        errors.append(
            ((g - n).abs().max() - rounding).clamp(min=0) / torch.maximum(n.abs().max(), rounding).clamp(min=1e-18)
        )
    return torch.stack(errors).max().item()


# %% exercise="gradient_check" message="three gradients for two parameters went through"
def gradient_check(loss, parameters, grads):
    if (
        any(g.shape != p.shape for g, p in zip(grads, parameters))
        or len(grads) < len(parameters)
        or any(t.dtype != torch.float64 for t in (*parameters, *grads))
    ):
        raise ValueError("other shapes, or float32")
    rounding = 1e-9 * loss().abs()
    errors = [torch.zeros((), dtype=torch.float64)]
    for g, n in zip(grads, numerical_grad(loss, parameters)):
        errors.append(((g - n).abs().max() - rounding).clamp(min=0) / (n.abs().max() + rounding))
    return torch.stack(errors).max().item()


# %% exercise="gradient_check" message="neither rounded nor a verdict"
def gradient_check(loss, parameters, grads):
    shapes = [[tuple(t.shape) for t in tensors] for tensors in (parameters, grads)]
    if shapes[0] != shapes[1] or any(t.dtype != torch.float64 for t in (*parameters, *grads)):
        raise ValueError("other shapes, or float32")
    rounding = 1e-9 * loss().abs()
    errors = [torch.zeros((), dtype=torch.float64)]
    for g, n in zip(grads, numerical_grad(loss, parameters), strict=True):
        errors.append(torch.tensor(0.0 if torch.allclose(g, n, 1e-5, rounding.item()) else 1.0).double())
    return torch.stack(errors).max().item()


# %% exercise="gradient_check" message="gave 0, and alone 1: no mean over the parameters, and neither the first"
def gradient_check(loss, parameters, grads):
    shapes = [[tuple(t.shape) for t in tensors] for tensors in (parameters, grads)]
    if shapes[0] != shapes[1] or any(t.dtype != torch.float64 for t in (*parameters, *grads)):
        raise ValueError("other shapes, or float32")
    rounding = 1e-9 * loss().abs()
    for g, n in zip(grads, numerical_grad(loss, parameters), strict=True):
        return (((g - n).abs().max() - rounding).clamp(min=0) / (n.abs().max() + rounding)).item()


# %% exercise="gradient_check" message="no sum over the parameters, but the largest error"
def gradient_check(loss, parameters, grads):
    shapes = [[tuple(t.shape) for t in tensors] for tensors in (parameters, grads)]
    if shapes[0] != shapes[1] or any(t.dtype != torch.float64 for t in (*parameters, *grads)):
        raise ValueError("other shapes, or float32")
    rounding = 1e-9 * loss().abs()
    errors = [torch.zeros((), dtype=torch.float64)]
    for g, n in zip(grads, numerical_grad(loss, parameters), strict=True):
        errors.append(((g - n).abs().max() - rounding).clamp(min=0) / (n.abs().max() + rounding))
    return torch.stack(errors).sum().item()


# %% exercise="gradient_check" message="went through and gave ValueError('other shapes, or float32')"
def gradient_check(loss, parameters, grads):
    shapes = [[tuple(t.shape) for t in tensors] for tensors in (parameters, grads)]
    if shapes[0] != shapes[1] or any(t.dtype != torch.float64 for t in (*parameters, *grads)):
        return ValueError("other shapes, or float32")
    rounding = 1e-9 * loss().abs()
    errors = [torch.zeros((), dtype=torch.float64)]
    for g, n in zip(grads, numerical_grad(loss, parameters), strict=True):
        errors.append(((g - n).abs().max() - rounding).clamp(min=0) / (n.abs().max() + rounding))
    return torch.stack(errors).max().item()


# %% exercise="is_right" message="a bias gradient that loses the signs of the upstream gradient: wrong, and is_right says True"
def is_right(layer_class):
    source = torch.Generator().manual_seed(0)

    def numbers(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=source)

    try:
        layer = layer_class(numbers(2, 5))
        layer.bias.copy_(numbers(2))
        weight, bias = layer.weight.clone(), layer.bias.clone()
        for N in (3, 4):
            x, up = numbers(N, 5), torch.ones(N, 2).double()
            kept_x, kept_up = x.clone(), up.clone()
            outputs, x_grad = layer.forward(x), layer.backward(up)
            if not torch.equal(x, kept_x) or not torch.equal(up, kept_up):
                return False
            came = [outputs, x_grad, *layer.grads(), *layer.parameters()]
            right = [linear(x, weight, bias), up @ weight, up.T @ x, up.sum(0), weight, bias]
            for mine, theirs in zip(came, right, strict=True):
                if mine.shape != theirs.shape or not torch.allclose(mine, theirs):
                    return False
        return True
    except Exception:
        return False


# %% exercise="is_right" message="a forward pass blind to inputs below 0: wrong, and is_right says True"
def is_right(layer_class):
    source = torch.Generator().manual_seed(0)

    def numbers(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=source)

    try:
        layer = layer_class(numbers(2, 5))
        layer.bias.copy_(numbers(2))
        weight, bias = layer.weight.clone(), layer.bias.clone()
        for N in (3, 4):
            x, up = numbers(N, 5).abs(), numbers(N, 2)
            kept_x, kept_up = x.clone(), up.clone()
            outputs, x_grad = layer.forward(x), layer.backward(up)
            if not torch.equal(x, kept_x) or not torch.equal(up, kept_up):
                return False
            came = [outputs, x_grad, *layer.grads(), *layer.parameters()]
            right = [linear(x, weight, bias), up @ weight, up.T @ x, up.sum(0), weight, bias]
            for mine, theirs in zip(came, right, strict=True):
                if mine.shape != theirs.shape or not torch.allclose(mine, theirs):
                    return False
        return True
    except Exception:
        return False


# %% exercise="is_right" message="a bias gradient 1 % too large: wrong, and is_right says True"
def is_right(layer_class):
    source = torch.Generator().manual_seed(0)

    def numbers(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=source)

    try:
        layer = layer_class(numbers(2, 5))
        layer.bias.copy_(numbers(2))
        weight, bias = layer.weight.clone(), layer.bias.clone()
        for N in (3, 4):
            x, up = numbers(N, 5), numbers(N, 2)
            kept_x, kept_up = x.clone(), up.clone()
            outputs, x_grad = layer.forward(x), layer.backward(up)
            if not torch.equal(x, kept_x) or not torch.equal(up, kept_up):
                return False
            if not torch.equal(layer.weight, weight):
                return False
            came = [outputs, x_grad, *layer.grads(), *layer.parameters()]
            right = [linear(x, weight, bias), up @ weight, up.T @ x, up.sum(0), weight, bias]
            for mine, theirs in zip(came, right, strict=True):
                if mine.shape != theirs.shape or not torch.allclose(mine, theirs, rtol=0.1):
                    return False
        return True
    except Exception:
        return False


# %% exercise="is_right" message="outputs that are 0.01 too large: wrong, and is_right says True"
def is_right(layer_class):
    source = torch.Generator().manual_seed(0)

    def numbers(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=source)

    try:
        layer = layer_class(numbers(2, 5))
        layer.bias.copy_(numbers(2))
        weight, bias = layer.weight.clone(), layer.bias.clone()
        for N in (3, 4):
            x, up = numbers(N, 5), numbers(N, 2)
            kept_x, kept_up = x.clone(), up.clone()
            outputs, x_grad = layer.forward(x), layer.backward(up)
            if not torch.equal(x, kept_x) or not torch.equal(up, kept_up):
                return False
            came = [outputs, x_grad, *layer.grads(), *layer.parameters()]
            right = [linear(x, weight, bias), up @ weight, up.T @ x, up.sum(0), weight, bias]
            for mine, theirs in zip(came, right, strict=True):
                if mine.shape != theirs.shape or not torch.allclose(mine, theirs, atol=0.012):
                    return False
        return True
    except Exception:
        return False


# %% exercise="is_right" message="a backward pass that changes its weight: wrong, and is_right says True"
def is_right(layer_class):
    source = torch.Generator().manual_seed(0)

    def numbers(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=source)

    try:
        layer = layer_class(numbers(2, 5))
        layer.bias.copy_(numbers(2))
        for N in (3, 4):
            x, up = numbers(N, 5), numbers(N, 2)
            weight, bias = layer.weight.clone(), layer.bias.clone()
            kept_x, kept_up = x.clone(), up.clone()
            outputs, x_grad = layer.forward(x), layer.backward(up)
            if not torch.equal(x, kept_x) or not torch.equal(up, kept_up):
                return False
            if list(map(id, layer.parameters())) != [id(layer.weight), id(layer.bias)]:
                return False
            came = [outputs, x_grad, *layer.grads()]
            right = [linear(x, weight, bias), up @ weight, up.T @ x, up.sum(0)]
            for mine, theirs in zip(came, right, strict=True):
                if mine.shape != theirs.shape or not torch.allclose(mine, theirs):
                    return False
        return True
    except Exception:
        return False


# %% exercise="centred" message="found with another layer's inputs"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x):
        global centred
        centred = x - x.mean(0)
        return centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * centred).sum(0)
        grad = output_grad * self.scale
        return grad - grad.mean(0)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="Centred(2): scale begins as 2 ones"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(3, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x):
        self.centred = x - x.mean(0)
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        grad = output_grad * self.scale
        return grad - grad.mean(0)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="forward is right to some seven digits"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x):
        self.centred = (x - x.mean(0)).float()
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        grad = output_grad * self.scale
        return grad - grad.mean(0)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="what forward gives is torch.float32"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x):
        self.centred = x - x.mean(0)
        return (self.centred * self.scale).float()

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        grad = output_grad * self.scale
        return grad - grad.mean(0)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="Does backward change what forward has kept?"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x):
        self.centred = x - x.mean(0)
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        return self.forward(output_grad)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="it is 0: not found, or summed too early"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x):
        self.centred = x - x.mean(0)
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = output_grad.sum(0) * self.centred.sum(0)
        grad = output_grad * self.scale
        return grad - grad.mean(0)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="what backward gives, the gradient of x, should be one tensor, not a tuple"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x):
        self.centred = x - x.mean(0)
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        grad = output_grad * self.scale
        return grad - grad.mean(0), self.scale_grad

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="grads() stops: what comes there is not written yet"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x):
        self.centred = x - x.mean(0)
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        grad = output_grad * self.scale
        return grad - grad.mean(0)

    def parameters(self):
        return [self.scale]

    def grads(self):
        raise NotImplementedError


# %% exercise="centred" message="the scale cannot be changed where it stands"
class Centred:
    def __init__(self, features):
        self.scale = torch.ones(features, dtype=torch.float64, requires_grad=True)
        self.scale_grad = torch.zeros_like(self.scale)

    def forward(self, x):
        self.centred = x - x.mean(0)
        return self.centred * self.scale

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        grad = output_grad * self.scale
        return grad - grad.mean(0)

    def parameters(self):
        return [self.scale]

    def grads(self):
        return [self.scale_grad]


# %% exercise="centred" message="self.scale is missing"
class Centred:
    def __init__(self, features):
        self.gain = torch.ones(features, dtype=torch.float64)
        self.scale_grad = torch.zeros_like(self.gain)

    def forward(self, x):
        self.centred = x - x.mean(0)
        return self.centred * self.gain

    def backward(self, output_grad):
        self.scale_grad = (output_grad * self.centred).sum(0)
        grad = output_grad * self.gain
        return grad - grad.mean(0)

    def parameters(self):
        return [self.gain]

    def grads(self):
        return [self.scale_grad]
