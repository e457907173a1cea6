# %% [markdown]
# Classic wrong answers to chapter 12's exercises, each with what the check must say to it.


# %% exercise="standardize" message="The difference of two large numbers is rounding"
def standardize(x, dims, eps):
    mean = x.mean(dims, keepdim=True)
    var = (x**2).mean(dims, keepdim=True) - mean**2
    return (x - mean) / (var + eps).sqrt(), mean, var


# %% exercise="standardize" message="one less than the"
def standardize(x, dims, eps):
    mean = x.mean(dims, keepdim=True)
    var = x.var(dims, keepdim=True)
    return (x - mean) / (var + eps).sqrt(), mean, var


# %% exercise="standardize" message="eps is added to the variance, and then comes the root"
def standardize(x, dims, eps):
    mean = x.mean(dims, keepdim=True)
    var = x.var(dims, correction=0, keepdim=True)
    return (x - mean) / (var.sqrt() + eps), mean, var


# %% exercise="standardize" message="divide by the root of the variance"
def standardize(x, dims, eps):
    mean = x.mean(dims, keepdim=True)
    var = x.var(dims, correction=0, keepdim=True)
    return (x - mean) / (var + eps), mean, var


# %% exercise="standardize" message="eps is in it: it is added under the root only"
def standardize(x, dims, eps):
    mean = x.mean(dims, keepdim=True)
    var = x.var(dims, correction=0, keepdim=True) + eps
    return (x - mean) / var.sqrt(), mean, var


# %% exercise="standardize" message="that is the standard deviation, its root"
def standardize(x, dims, eps):
    mean = x.mean(dims, keepdim=True)
    std = x.std(dims, correction=0, keepdim=True)
    return (x - mean) / (std**2 + eps).sqrt(), mean, std


# %% exercise="standardize" message="keepdim=True, and the axes that were asked for"
def standardize(x, dims, eps):
    mean, var = x.mean(0), x.var(0, correction=0)
    return (x - mean) / (var + eps).sqrt(), mean, var


# %% exercise="standardize" message="x has changed: make new tensors"
def standardize(x, dims, eps):
    mean = x.mean(dims, keepdim=True)
    var = x.var(dims, correction=0, keepdim=True)
    x -= mean
    return x / (var + eps).sqrt(), mean, var


# %% exercise="standardize" message="it is the variance"
def standardize(x, dims, eps):
    mean = x.mean(dims, keepdim=True)
    var = x.var(dims, correction=0, keepdim=True)
    return (x - mean) / (var + eps).sqrt(), var, mean


# %% exercise="standardize" message="nothing came back: return three tensors"
def standardize(x, dims, eps):
    mean = x.mean(dims, keepdim=True)
    var = x.var(dims, correction=0, keepdim=True)
    print((x - mean) / (var + eps).sqrt(), mean, var)


# %% exercise="one_line" message="the path through the mean is missing"
def standardize_grad(grad, normal, std, dims):
    return (grad - normal * (grad * normal).mean(dims, keepdim=True)) / std


# %% exercise="one_line" message="the gradient as if they were constants"
def standardize_grad(grad, normal, std, dims):
    return grad / std


# %% exercise="one_line" message="the path through s is missing"
def standardize_grad(grad, normal, std, dims):
    return (grad - grad.mean(dims, keepdim=True)) / std


# %% exercise="one_line" message="the mean of it, not the sum"
def standardize_grad(grad, normal, std, dims):
    along = (grad * normal).sum(dims, keepdim=True)
    return (grad - grad.mean(dims, keepdim=True) - normal * along) / std


# %% exercise="one_line" message="the second mean belongs to z hat: multiply"
def standardize_grad(grad, normal, std, dims):
    common = grad.mean(dims, keepdim=True)
    return (grad - common - (grad * normal).mean(dims, keepdim=True)) / std


# %% exercise="one_line" message="1/s, and not 1/s²"
def standardize_grad(grad, normal, std, dims):
    common = grad.mean(dims, keepdim=True)
    along = (grad * normal).mean(dims, keepdim=True)
    return (grad - common - normal * along) / std**2


# %% exercise="one_line" message="`grad` has changed: leave it"
def standardize_grad(grad, normal, std, dims):
    along = (grad * normal).mean(dims, keepdim=True)
    grad -= grad.mean(dims, keepdim=True)
    return (grad - normal * along) / std


# %% exercise="one_line" message="the path through s has a minus"
def standardize_grad(grad, normal, std, dims):
    common = grad.mean(dims, keepdim=True)
    along = (grad * normal).mean(dims, keepdim=True)
    return (grad - common + normal * along) / std


# %% exercise="track" message="momentum is the weight of the new one here"
def track(running, mean, var, n, momentum):
    running[0].lerp_(mean, 1 - momentum)
    running[1].lerp_(var * n / (n - 1), 1 - momentum)


# %% exercise="track" message="it was divided by n, and n - 1 is wanted"
def track(running, mean, var, n, momentum):
    running[0].lerp_(mean, momentum)
    running[1].lerp_(var, momentum)


# %% exercise="track" message="both are as they were"
def track(running, mean, var, n, momentum):
    running_mean, running_var = running
    running_mean = (1 - momentum) * running_mean + momentum * mean
    running_var = (1 - momentum) * running_var + momentum * var * n / (n - 1)


# %% exercise="track" message="the unbiased variance is larger"
def track(running, mean, var, n, momentum):
    running[0].lerp_(mean, momentum)
    running[1].lerp_(var * (n - 1) / n, momentum)


# %% exercise="track" message="the old one was unbiased before"
def track(running, mean, var, n, momentum):
    running[0].lerp_(mean, momentum)
    running[1].lerp_(var, momentum).mul_(n / (n - 1))


# %% exercise="track" message="the old one keeps its whole weight"
def track(running, mean, var, n, momentum):
    running[0].add_(momentum * mean)
    running[1].add_(momentum * var * n / (n - 1))


# %% exercise="track" message="only the running ones may"
def track(running, mean, var, n, momentum):
    var *= n / (n - 1)
    running[0].lerp_(mean, momentum)
    running[1].lerp_(var, momentum)


# %% exercise="neighbours" message="which change of the others would its mean"
def reads_neighbours(model, x):
    others = torch.cat([x[:1], x[1:].flip(0)])
    with torch.no_grad():
        before = copy.deepcopy(model)(x)[0]
        after = copy.deepcopy(model)(others)[0]
    return bool((after - before).abs().max() > 1e-3 * before.abs().max())


# %% exercise="neighbours" message="was it asked about one image alone?"
def reads_neighbours(model, x):
    with torch.no_grad():
        before = copy.deepcopy(model)(x)[0]
        after = copy.deepcopy(model)(x[:1])[0]
    return bool((after - before).abs().max() > 1e-3 * before.abs().max())


# %% exercise="neighbours" message="to ask a model in training mode moves its buffers"
def reads_neighbours(model, x):
    others = x.clone()
    others[1:] = 3 * x[1:] + 1
    with torch.no_grad():
        before, after = model(x)[0], model(others)[0]
    return bool((after - before).abs().max() > 1e-3 * before.abs().max())


# %% exercise="neighbours" message="was it asked in the mode that it is in?"
def reads_neighbours(model, x):
    others = x.clone()
    others[1:] = 3 * x[1:] + 1
    with torch.no_grad():
        before = copy.deepcopy(model).train()(x)[0]
        after = copy.deepcopy(model).train()(others)[0]
    return bool((after - before).abs().max() > 1e-3 * before.abs().max())


# %% exercise="neighbours" message="a layer that subtracts the batch's mean, in evaluation: True"
def reads_neighbours(model, x):
    norms = (nn.BatchNorm1d, nn.BatchNorm2d)
    return any(isinstance(m, norms) and m.training for m in model.modules())


# %% exercise="neighbours" message="rounding, one part in a million"
def reads_neighbours(model, x):
    others = x.clone()
    others[1:] = 3 * x[1:] + 1
    with torch.no_grad():
        before = copy.deepcopy(model)(x)[0]
        after = copy.deepcopy(model)(others)[0]
    return not torch.equal(before, after)


# %% exercise="neighbours" message="x has changed: clone it first"
def reads_neighbours(model, x):
    with torch.no_grad():
        before = copy.deepcopy(model)(x)[0]
        x[1:] = 3 * x[1:] + 1
        after = copy.deepcopy(model)(x)[0]
    return bool((after - before).abs().max() > 1e-3 * before.abs().max())


# %% exercise="neighbours" message="only the first image's answer is to be compared"
def reads_neighbours(model, x):
    others = x.clone()
    others[1:] = 3 * x[1:] + 1
    with torch.no_grad():
        before = copy.deepcopy(model)(x)
        after = copy.deepcopy(model)(others)
    return bool((after - before)[:2].abs().max() > 1e-3 * before.abs().max())


# %% exercise="group" message="groups of"
def standardize_groups(x, num_groups, eps):
    groups = x.unflatten(1, (-1, num_groups))
    dims = tuple(range(2, groups.dim()))
    return Standardized.apply(groups, dims, eps)[0].flatten(1, 2)


# %% exercise="group" message="put groups and channels together again"
def standardize_groups(x, num_groups, eps):
    groups = x.unflatten(1, (num_groups, -1))
    return Standardized.apply(groups, tuple(range(2, groups.dim())), eps)[0]


# %% exercise="group" message="the places belong to the group, too"
def standardize_groups(x, num_groups, eps):
    groups = x.unflatten(1, (num_groups, -1))
    return Standardized.apply(groups, (2,), eps)[0].flatten(1, 2)


# %% exercise="group" message="images are mixed"
def standardize_groups(x, num_groups, eps):
    groups = x.unflatten(1, (num_groups, -1))
    dims = (0, *range(2, groups.dim()))
    return Standardized.apply(groups, dims, eps)[0].flatten(1, 2)


# %% exercise="group" message="that is one group of all channels"
def standardize_groups(x, num_groups, eps):
    return Standardized.apply(x, tuple(range(1, x.dim())), eps)[0]


# %% exercise="group" message="only the first is wanted"
def standardize_groups(x, num_groups, eps):
    groups = x.unflatten(1, (num_groups, -1))
    return Standardized.apply(groups, tuple(range(2, groups.dim())), eps)


# %% exercise="group" message="that is BatchNorm"
def standardize_groups(x, num_groups, eps):
    return Standardized.apply(x, (0, *range(2, x.dim())), eps)[0]


# %% exercise="fold" message="the convolution's own bias is not multiplied"
def fold(conv, norm):
    scale = 1 / (norm.running_var + norm.eps).sqrt()
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = -norm.running_mean * scale
    if norm.bias is not None:
        shift = shift + norm.bias
    if conv.bias is not None:
        shift = shift + conv.bias
    folded = copy.deepcopy(conv)
    folded.weight = nn.Parameter(conv.weight * scale[:, None, None, None])
    folded.bias = nn.Parameter(shift)
    return folded


# %% exercise="fold" message="the convolution's own bias is missing"
def fold(conv, norm):
    scale = 1 / (norm.running_var + norm.eps).sqrt()
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = -norm.running_mean * scale
    if norm.bias is not None:
        shift = shift + norm.bias
    folded = copy.deepcopy(conv)
    folded.weight = nn.Parameter(conv.weight * scale[:, None, None, None])
    folded.bias = nn.Parameter(shift)
    return folded


# %% exercise="fold" message="eps is missing under the root"
def fold(conv, norm):
    scale = 1 / norm.running_var.sqrt()
    shift = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = shift * scale if norm.bias is None else shift * scale + norm.bias
    folded = copy.deepcopy(conv)
    folded.weight = nn.Parameter(conv.weight * scale[:, None, None, None])
    folded.bias = nn.Parameter(shift)
    return folded


# %% exercise="fold" message="the running variance itself: divide by its root"
def fold(conv, norm):
    scale = 1 / (norm.running_var + norm.eps)
    shift = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = shift * scale if norm.bias is None else shift * scale + norm.bias
    folded = copy.deepcopy(conv)
    folded.weight = nn.Parameter(conv.weight * scale[:, None, None, None])
    folded.bias = nn.Parameter(shift)
    return folded


# %% exercise="fold" message="conv or norm has changed: work on a copy"
def fold(conv, norm):
    scale = 1 / (norm.running_var + norm.eps).sqrt()
    shift = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = shift * scale if norm.bias is None else shift * scale + norm.bias
    conv.weight = nn.Parameter(conv.weight * scale[:, None, None, None])
    conv.bias = nn.Parameter(shift)
    return conv


# %% exercise="fold" message="norm.weight and norm.bias are None here"
def fold(conv, norm):
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    shift = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
    folded = copy.deepcopy(conv)
    folded.weight = nn.Parameter(conv.weight * scale[:, None, None, None])
    folded.bias = nn.Parameter(shift * scale + norm.bias)
    return folded


# %% exercise="fold" message="stride is"
def fold(conv, norm):
    scale = 1 / (norm.running_var + norm.eps).sqrt()
    shift = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = shift * scale if norm.bias is None else shift * scale + norm.bias
    folded = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size)
    folded.weight = nn.Parameter(conv.weight * scale[:, None, None, None])
    folded.bias = nn.Parameter(shift)
    return folded


# %% exercise="standardize" message="does not know that it came from x"
@torch.no_grad()
def standardize(x, dims, eps):
    mean = x.mean(dims, keepdim=True)
    var = x.var(dims, correction=0, keepdim=True)
    return (x - mean) / (var + eps).sqrt(), mean, var


# %% exercise="standardize" message="the numbers are right and their gradient is wrong"
def standardize(x, dims, eps):
    with torch.no_grad():
        mean = x.mean(dims, keepdim=True)
        var = x.var(dims, correction=0, keepdim=True)
    return (x - mean) / (var + eps).sqrt(), mean, var


# %% exercise="standardize" message="x is torch.float64, and what comes back"
def standardize(x, dims, eps):
    x = x.float()
    mean = x.mean(dims, keepdim=True)
    var = x.var(dims, correction=0, keepdim=True)
    return (x - mean) / (var + eps).sqrt(), mean, var


# %% exercise="one_line" message="or: divide this term, too"
def standardize_grad(grad, normal, std, dims):
    along = (grad * normal).mean(dims, keepdim=True)
    return (grad - grad.mean(dims, keepdim=True)) / std - normal * along


# %% exercise="one_line" message="one 1/s too many in the last term"
def standardize_grad(grad, normal, std, dims):
    along = (grad * normal).mean(dims, keepdim=True)
    return (grad - grad.mean(dims, keepdim=True) - normal * along / std) / std


# %% exercise="one_line" message="the part along z hat is subtracted twice"
def standardize_grad(grad, normal, std, dims):
    along = 2 * (grad * normal).mean(dims, keepdim=True)
    return (grad - grad.mean(dims, keepdim=True) - normal * along) / std


# %% exercise="track" message="that is the batch's variance"
def track(running, mean, var, n, momentum):
    running_var, running_mean = running
    running_mean.lerp_(mean, momentum)
    running_var.lerp_(var * n / (n - 1), momentum)


# %% exercise="neighbours" message="which change of the others leaves their squares"
def reads_neighbours(model, x):
    others = torch.cat([x[:1], -x[1:]])
    with torch.no_grad():
        before = copy.deepcopy(model)(x)[0]
        after = copy.deepcopy(model)(others)[0]
    return bool((after - before).abs().max() > 1e-3 * before.abs().max())


# %% exercise="neighbours" message="what a gradient does not show"
def reads_neighbours(model, x):
    asked = x.clone().requires_grad_()
    answer = copy.deepcopy(model)(asked)[0]
    weights = torch.linspace(1, 2, answer.numel()).view(answer.shape)
    (grad,) = torch.autograd.grad((answer * weights).sum(), asked)
    return bool(grad[1:].abs().max() > 1e-5 * grad.abs().max())


# %% exercise="neighbours" message="a layer that reads the last image alone"
def reads_neighbours(model, x):
    others = x.clone()
    others[1] = 3 * x[1] + 1
    with torch.no_grad():
        before = copy.deepcopy(model)(x)[0]
        after = copy.deepcopy(model)(others)[0]
    return bool((after - before).abs().max() > 1e-3 * before.abs().max())


# %% exercise="neighbours" message="and as many as before"
def reads_neighbours(model, x):
    with torch.no_grad():
        before = copy.deepcopy(model)(x)[0]
        after = copy.deepcopy(model)(torch.cat([x[:1], 3 * x[1:3] + 1]))[0]
    return bool((after - before).abs().max() > 1e-3 * before.abs().max())


# %% exercise="neighbours" message="an answer of 1000 and something small"
def reads_neighbours(model, x):
    others = x.clone()
    others[1:] = 3 * x[1:] + 1
    with torch.no_grad():
        before = copy.deepcopy(model)(x)[0]
        after = copy.deepcopy(model)(others)[0]
    return not torch.allclose(before, after, rtol=1e-3, atol=0)


# %% exercise="neighbours" message="numbers that move up and down, and keep their mean"
def reads_neighbours(model, x):
    others = x.clone()
    others[1:] = 3 * x[1:] + 1
    with torch.no_grad():
        before = copy.deepcopy(model)(x)[0]
        after = copy.deepcopy(model)(others)[0]
    return bool((after.mean() - before.mean()).abs() > 1e-3 * before.abs().max())


# %% exercise="group" message="`view` wants numbers that lie in order"
def standardize_groups(x, num_groups, eps):
    rows = x.view(len(x), num_groups, -1)
    return Standardized.apply(rows, (2,), eps)[0].view(x.shape)


# %% exercise="group" message="the last axis is left out"
def standardize_groups(x, num_groups, eps):
    groups = x.unflatten(1, (num_groups, -1))
    dims = tuple(range(2, max(x.dim(), 3)))
    return Standardized.apply(groups, dims, eps)[0].flatten(1, 2)


# %% exercise="fold" message="dilation is"
def fold(conv, norm):
    scale = 1 / (norm.running_var + norm.eps).sqrt()
    shift = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = shift * scale if norm.bias is None else shift * scale + norm.bias
    folded = nn.Conv2d(
        conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride,
        conv.padding, groups=conv.groups, padding_mode=conv.padding_mode,
    )  # fmt: skip
    folded.weight = nn.Parameter(conv.weight * scale[:, None, None, None])
    folded.bias = nn.Parameter(shift)
    return folded


# %% exercise="fold" message="padding_mode is"
def fold(conv, norm):
    scale = 1 / (norm.running_var + norm.eps).sqrt()
    shift = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = shift * scale if norm.bias is None else shift * scale + norm.bias
    folded = nn.Conv2d(
        conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride,
        conv.padding, conv.dilation, conv.groups,
    )  # fmt: skip
    folded.weight = nn.Parameter(conv.weight * scale[:, None, None, None])
    folded.bias = nn.Parameter(shift)
    return folded


# %% exercise="fold" message="a new layer has to be told so"
def fold(conv, norm):
    scale = 1 / (norm.running_var + norm.eps).sqrt()
    shift = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = shift * scale if norm.bias is None else shift * scale + norm.bias
    folded = nn.Conv2d(
        conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride,
        conv.padding, conv.dilation, conv.groups, padding_mode=conv.padding_mode,
    )  # fmt: skip
    with torch.no_grad():
        folded.weight.copy_(conv.weight * scale[:, None, None, None])
        folded.bias.copy_(shift)
    return folded


# %% exercise="fold" message="the mode of conv or norm has changed"
def fold(conv, norm):
    norm.train()
    scale = 1 / (norm.running_var + norm.eps).sqrt()
    shift = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = shift * scale if norm.bias is None else shift * scale + norm.bias
    folded = copy.deepcopy(conv)
    folded.weight = nn.Parameter(conv.weight * scale[:, None, None, None])
    folded.bias = nn.Parameter(shift)
    return folded


# %% exercise="fold" message="a norm of 1 were folded: raise ValueError"
def fold(conv, norm):
    with torch.no_grad():
        scale = 1 / (norm.running_var + norm.eps).sqrt()
        shift = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
        if norm.weight is not None:
            scale = scale * norm.weight
        shift = shift * scale if norm.bias is None else shift * scale + norm.bias
        folded = copy.deepcopy(conv)
        folded.weight = nn.Parameter(conv.weight * scale[:, None, None, None])
        folded.bias = nn.Parameter(shift)
        return folded


# %% exercise="fold" message="a ValueError is wanted, and not"
def fold(conv, norm):
    with torch.no_grad():
        scale = 1 / (norm.running_var.reshape(conv.out_channels) + norm.eps).sqrt()
        shift = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
        if norm.weight is not None:
            scale = scale * norm.weight
        shift = shift * scale if norm.bias is None else shift * scale + norm.bias
        folded = copy.deepcopy(conv)
        folded.weight = nn.Parameter(conv.weight * scale[:, None, None, None])
        folded.bias = nn.Parameter(shift)
        return folded
