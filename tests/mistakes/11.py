# %% [markdown]
# Classic wrong answers to chapter 11's exercises, each with what the check must say to it.


# %% exercise="forecast" message="d: both images get the same bias"
def forecast(q, d, fans):
    pairs = []
    for fan_in in fans:
        q, d = (q + 1 / fan_in) / 6, (d + 1 / fan_in) / 6
        pairs.append((q, d))
    return pairs


# %% exercise="forecast" message="q: the bias is forgotten"
def forecast(q, d, fans):
    return [(q / 6 ** (k + 1), d / 6 ** (k + 1)) for k in range(len(fans))]


# %% exercise="forecast" message="q: ReLU is missing"
def forecast(q, d, fans):
    pairs = []
    for fan_in in fans:
        q, d = (q + 1 / fan_in) / 3, d / 6
        pairs.append((q, d))
    return pairs


# %% exercise="forecast" message="d: a half is missing"
def forecast(q, d, fans):
    pairs = []
    for fan_in in fans:
        q, d = (q + 1 / fan_in) / 6, d / 3
        pairs.append((q, d))
    return pairs


# %% exercise="forecast" message="1/D is the mean square of a normal draw"
def forecast(q, d, fans):
    pairs = []
    for fan_in in fans:
        q, d = (q + 1 / fan_in) / 2, d / 2
        pairs.append((q, d))
    return pairs


# %% exercise="forecast" message="ReLU halves weights and bias together"
def forecast(q, d, fans):
    pairs = []
    for fan_in in fans:
        q, d = q / 6 + 1 / (3 * fan_in), d / 6
        pairs.append((q, d))
    return pairs


# %% exercise="forecast" message="a mean square, without the root"
def forecast(q, d, fans):
    pairs = []
    for fan_in in fans:
        q, d = (q + 1 / fan_in) / 6, d / 6
        pairs.append((q**0.5, d))
    return pairs


# %% exercise="forecast" message="3 pairs, one for each layer, and not 4"
def forecast(q, d, fans):
    pairs = [(q, d)]
    for fan_in in fans:
        q, d = (q + 1 / fan_in) / 6, d / 6
        pairs.append((q, d))
    return pairs


# %% exercise="forecast" message="nothing came back: return the list"
def forecast(q, d, fans):
    for fan_in in fans:
        q, d = (q + 1 / fan_in) / 6, d / 6
        print(q, d)


# %% exercise="hooks" message="the third of the modules is None"
class Hooks:
    def __init__(self, modules, hook, backward=False):
        self.modules, self.hook, self.backward = [*modules], hook, backward
        self.handles = []

    def __enter__(self):
        for module in self.modules:
            put = module.register_full_backward_hook if self.backward else module.register_forward_hook
            self.handles.append(put(self.hook))
        return self

    def __exit__(self, *error):
        self.remove()

    def remove(self):
        while self.handles:
            self.handles.pop().remove()


# %% exercise="hooks" message="hooks are put on before `with` is entered"
class Hooks:
    def __init__(self, modules, hook, backward=False):
        self.handles = [m.register_forward_hook(hook) for m in modules]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.remove()

    def remove(self):
        for handle in self.handles:
            handle.remove()


# %% exercise="hooks" message="was `modules` an iterator"
class Hooks:
    def __init__(self, modules, hook, backward=False):
        self.modules, self.hook, self.backward = modules, hook, backward
        self.handles = []

    def __enter__(self):
        self.handles = [m.register_forward_hook(self.hook) for m in self.modules]
        return self

    def __exit__(self, *error):
        self.remove()

    def remove(self):
        for handle in self.handles:
            handle.remove()


# %% exercise="hooks" message="__exit__ returns something true"
class Hooks:
    def __init__(self, modules, hook, backward=False):
        self.modules, self.hook, self.backward = [*modules], hook, backward
        self.handles = []

    def __enter__(self):
        self.handles = [m.register_forward_hook(self.hook) for m in self.modules]
        return self

    def __exit__(self, *error):
        self.remove()
        return True

    def remove(self):
        for handle in self.handles:
            handle.remove()


# %% exercise="hooks" message="what stands behind `as`"
class Hooks:
    def __init__(self, modules, hook, backward=False):
        self.modules, self.hook, self.backward = [*modules], hook, backward
        self.handles = []

    def __enter__(self):
        self.handles = [m.register_forward_hook(self.hook) for m in self.modules]

    def __exit__(self, *error):
        self.remove()

    def remove(self):
        for handle in self.handles:
            handle.remove()


# %% exercise="hooks" message="somebody else's hook was taken off with yours"
class Hooks:
    def __init__(self, modules, hook, backward=False):
        self.modules, self.hook, self.backward = [*modules], hook, backward

    def __enter__(self):
        for module in self.modules:
            module.register_forward_hook(self.hook)
        return self

    def __exit__(self, *error):
        self.remove()

    def remove(self):
        for module in self.modules:
            module._forward_hooks.clear()


# %% exercise="hooks" message="left by an error, the hooks are still on"
class Hooks:
    def __init__(self, modules, hook, backward=False):
        self.modules, self.hook, self.backward = [*modules], hook, backward
        self.handles = []

    def __enter__(self):
        self.handles = [m.register_forward_hook(self.hook) for m in self.modules]
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.remove()

    def remove(self):
        for handle in self.handles:
            handle.remove()


# %% exercise="hooks" message="with `backward`, no forward hook is wanted"
class Hooks:
    def __init__(self, modules, hook, backward=False):
        self.modules, self.hook = [*modules], hook
        self.handles = []

    def __enter__(self):
        try:
            for module in self.modules:
                self.handles.append(module.register_forward_hook(self.hook))
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *error):
        self.remove()

    def remove(self):
        while self.handles:
            self.handles.pop().remove()


# %% exercise="lsuv" message="it is another mean again"
@torch.no_grad()
def lsuv_(model, batch):
    def scale(layer, inputs, output):
        if not output.amax() > output.amin():
            raise ValueError("constant")
        if layer.bias is not None:
            layer.bias -= output.mean()
        layer.weight /= output.std()
        return layer.forward(inputs[0])

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with Hooks(layers, scale):
        model(batch)
    return model


# %% exercise="lsuv" message="the first is right, and not all of the others"
@torch.no_grad()
def lsuv_(model, batch):
    def scale(layer, inputs, output):
        mean, std = output.mean(), output.std()
        if not output.amax() > output.amin():
            raise ValueError("constant")
        layer.weight /= std
        if layer.bias is not None:
            layer.bias.copy_((layer.bias - mean) / std)

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with Hooks(layers, scale):
        model(batch)
    return model


# %% exercise="lsuv" message="each unit is scaled by a number of its own"
@torch.no_grad()
def lsuv_(model, batch):
    def scale(layer, inputs, output):
        axes = [n for n in range(output.dim()) if n != 1]
        mean, std = output.mean(axes), output.std(axes)
        layer.weight /= std.view(-1, *[1] * (layer.weight.dim() - 1))
        if layer.bias is not None:
            layer.bias.copy_((layer.bias - mean) / std)
        return layer.forward(inputs[0])

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with Hooks(layers, scale):
        model(batch)
    return model


# %% exercise="lsuv" message="nothing is learnt here, so torch.no_grad()"
def lsuv_(model, batch):
    def scale(layer, inputs, output):
        mean, std = output.mean(), output.std()
        layer.weight /= std
        layer.bias -= mean / std
        return (output - mean) / std

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with Hooks(layers, scale):
        model(batch)
    return model


# %% exercise="lsuv" message="divide by the standard deviation of its output"
@torch.no_grad()
def lsuv_(model, batch):
    def scale(layer, inputs, output):
        mean, variance = output.mean(), output.var()
        layer.weight /= variance
        if layer.bias is None:
            return output / variance
        layer.bias.copy_((layer.bias - mean) / variance)
        return (output - mean) / variance

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with Hooks(layers, scale):
        model(batch)
    return model


# %% exercise="lsuv" message="hooks are left on"
@torch.no_grad()
def lsuv_(model, batch):
    def scale(layer, inputs, output):
        mean, std = output.mean(), output.std()
        layer.weight /= std
        if layer.bias is None:
            return output / std
        layer.bias.copy_((layer.bias - mean) / std)
        return (output - mean) / std

    for m in model.modules():
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            m.register_forward_hook(scale)
    model(batch)
    return model


# %% exercise="lsuv" message="cannot be scaled: nothing is said"
@torch.no_grad()
def lsuv_(model, batch):
    def scale(layer, inputs, output):
        mean, std = output.mean(), output.std()
        layer.weight /= std
        if layer.bias is None:
            return output / std
        layer.bias.copy_((layer.bias - mean) / std)
        return (output - mean) / std

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with Hooks(layers, scale):
        model(batch)
    return model


# %% exercise="lsuv" message="give back the model"
@torch.no_grad()
def lsuv_(model, batch):
    def scale(layer, inputs, output):
        mean, std = output.mean(), output.std()
        layer.weight /= std
        if layer.bias is None:
            return output / std
        layer.bias.copy_((layer.bias - mean) / std)
        return (output - mean) / std

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with Hooks(layers, scale):
        model(batch)


# %% exercise="shift" message="twice too far"
def centring_shift(leak):
    return (1 - leak) * math.sqrt(2 / math.pi)


# %% exercise="shift" message="the leak is not in it"
def centring_shift(leak):
    return 1 / math.sqrt(2 * math.pi)


# %% exercise="shift" message="what leaks is below 0"
def centring_shift(leak):
    return (1 + leak) / math.sqrt(2 * math.pi)


# %% exercise="shift" message="the root of 2π is missing"
def centring_shift(leak):
    return (1 - leak) / (2 * math.pi)


# %% exercise="shift" message="the sign"
def centring_shift(leak):
    return -(1 - leak) / math.sqrt(2 * math.pi)


# %% exercise="shift" message="positive; how large?"
def centring_shift(leak):
    return (1 - leak) / 2


# %% exercise="shift" message="nothing came back: return the number"
def centring_shift(leak):
    print((1 - leak) / math.sqrt(2 * math.pi))


# %% exercise="shift" message="the leak is squared"
def centring_shift(leak):
    return (1 - leak**2) / math.sqrt(2 * math.pi)


# %% exercise="shift" message="belongs in brackets"
def centring_shift(leak):
    return 1 - leak / math.sqrt(2 * math.pi)


# %% exercise="shift" message="is in the integral already"
def centring_shift(leak):
    return (1 - leak) / math.sqrt(2 * math.pi) / 2


# %% exercise="shift" message="not the text"
def centring_shift(leak):
    return f"{(1 - leak) / math.sqrt(2 * math.pi):.4f}"


# %% exercise="grad_cam" message="gradient times map, place by place"
def grad_cam(model, layer, x, classes):
    seen = []
    with Hooks([layer], lambda m, inputs, output: seen.append(output)):
        score = scores(model, x, classes)
    if len(seen) != 1 or seen[0].dim() != 4:
        raise ValueError(len(seen))
    (grad,) = torch.autograd.grad(score, seen[0])
    return (grad * seen[0].detach()).sum(1).clamp(min=0)


# %% exercise="grad_cam" message="ReLU leaves out what speaks against"
def grad_cam(model, layer, x, classes):
    seen = []
    with Hooks([layer], lambda m, inputs, output: seen.append(output)):
        score = scores(model, x, classes)
    if len(seen) != 1 or seen[0].dim() != 4:
        raise ValueError(len(seen))
    (grad,) = torch.autograd.grad(score, seen[0])
    weights = grad.mean((2, 3), keepdim=True)
    return (weights * seen[0].detach()).sum(1)


# %% exercise="grad_cam" message="each image has weights of its own"
def grad_cam(model, layer, x, classes):
    seen = []
    with Hooks([layer], lambda m, inputs, output: seen.append(output)):
        score = scores(model, x, classes)
    if len(seen) != 1 or seen[0].dim() != 4:
        raise ValueError(len(seen))
    (grad,) = torch.autograd.grad(score, seen[0])
    weights = grad.mean((0, 2, 3), keepdim=True)
    return (weights * seen[0].detach()).sum(1).clamp(min=0)


# %% exercise="grad_cam" message="not of the classes that were given"
def grad_cam(model, layer, x, classes):
    seen = []
    with Hooks([layer], lambda m, inputs, output: seen.append(output)):
        score = model(x).amax(1).sum()
    if len(seen) != 1 or seen[0].dim() != 4:
        raise ValueError(len(seen))
    (grad,) = torch.autograd.grad(score, seen[0])
    weights = grad.mean((2, 3), keepdim=True)
    return (weights * seen[0].detach()).sum(1).clamp(min=0)


# %% exercise="grad_cam" message="a sum over the places"
def grad_cam(model, layer, x, classes):
    seen = []
    with Hooks([layer], lambda m, inputs, output: seen.append(output)):
        score = scores(model, x, classes)
    if len(seen) != 1 or seen[0].dim() != 4:
        raise ValueError(len(seen))
    (grad,) = torch.autograd.grad(score, seen[0])
    weights = grad.sum((2, 3), keepdim=True)
    return (weights * seen[0].detach()).sum(1).clamp(min=0)


# %% exercise="grad_cam" message="the gradients of parameters have changed"
def grad_cam(model, layer, x, classes):
    seen = []
    with Hooks([layer], lambda m, inputs, output: seen.append(output)):
        score = scores(model, x, classes)
    if len(seen) != 1 or seen[0].dim() != 4:
        raise ValueError(len(seen))
    seen[0].retain_grad()
    score.backward()
    weights = seen[0].grad.mean((2, 3), keepdim=True)
    return (weights * seen[0].detach()).sum(1).clamp(min=0)


# %% exercise="grad_cam" message="still hangs on the graph"
def grad_cam(model, layer, x, classes):
    seen = []
    with Hooks([layer], lambda m, inputs, output: seen.append(output)):
        score = scores(model, x, classes)
    if len(seen) != 1 or seen[0].dim() != 4:
        raise ValueError(len(seen))
    (grad,) = torch.autograd.grad(score, seen[0], retain_graph=True)
    weights = grad.mean((2, 3), keepdim=True)
    return (weights * seen[0]).sum(1).clamp(min=0)


# %% exercise="grad_cam" message="a hook is left, after an error in the model"
def grad_cam(model, layer, x, classes):
    seen = []
    handle = layer.register_forward_hook(lambda m, inputs, output: seen.append(output))
    score = scores(model, x, classes)
    handle.remove()
    if len(seen) != 1 or seen[0].dim() != 4:
        raise ValueError(len(seen))
    (grad,) = torch.autograd.grad(score, seen[0])
    weights = grad.mean((2, 3), keepdim=True)
    return (weights * seen[0].detach()).sum(1).clamp(min=0)


# %% exercise="grad_cam" message="a layer that the model does not call: a ValueError"
def grad_cam(model, layer, x, classes):
    seen = []
    with Hooks([layer], lambda m, inputs, output: seen.append(output)):
        score = scores(model, x, classes)
    (grad,) = torch.autograd.grad(score, seen[0])
    weights = grad.mean((2, 3), keepdim=True)
    return (weights * seen[0].detach()).sum(1).clamp(min=0)


# %% exercise="forecast" message="the pair is (q, d), in this order"
def forecast(q, d, fans):
    pairs = []
    for fan_in in fans:
        q, d = (q + 1 / fan_in) / 6, d / 6
        pairs.append((d, q))
    return pairs


# %% exercise="forecast" message="a²/3, and not a²/12"
def forecast(q, d, fans):
    pairs = []
    for fan_in in fans:
        q, d = (q + 1 / fan_in) / 24, d / 24
        pairs.append((q, d))
    return pairs


# %% exercise="forecast" message="q: each layer goes on from the last"
def forecast(q, d, fans):
    return [((q + 1 / fan_in) / 6, d / 6 ** (k + 1)) for k, fan_in in enumerate(fans)]


# %% exercise="hooks" message="register_backward_hook is the old one"
class Hooks:
    def __init__(self, modules, hook, backward=False):
        self.modules, self.hook, self.backward = [*modules], hook, backward
        self.handles = []

    def __enter__(self):
        way = "backward" if self.backward else "forward"
        try:
            for module in self.modules:
                self.handles.append(getattr(module, f"register_{way}_hook")(self.hook))
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *error):
        self.remove()

    def remove(self):
        while self.handles:
            self.handles.pop().remove()


# %% exercise="hooks" message="the module does not hand it on"
class Hooks:
    def __init__(self, modules, hook, backward=False):
        self.modules, self.hook, self.backward = [*modules], hook, backward
        self.handles = []

    def __enter__(self):
        way = "full_backward" if self.backward else "forward"
        try:
            for module in self.modules:
                put = getattr(module, f"register_{way}_hook")
                self.handles.append(put(lambda *a: (self.hook(*a), None)[1]))
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *error):
        self.remove()

    def remove(self):
        while self.handles:
            self.handles.pop().remove()


# %% exercise="hooks" message="Refuses()"
class Hooks:
    def __init__(self, modules, hook, backward=False):
        self.modules, self.hook, self.backward = [*modules], hook, backward
        self.handles = []

    def __enter__(self):
        way = "full_backward" if self.backward else "forward"
        try:
            for module in self.modules:
                self.handles.append(getattr(module, f"register_{way}_hook")(self.hook))
        except AttributeError:
            self.remove()
            raise
        return self

    def __exit__(self, *error):
        self.remove()

    def remove(self):
        while self.handles:
            self.handles.pop().remove()


# %% exercise="lsuv" message="by rounding the deviation is not 0"
@torch.no_grad()
def lsuv_(model, batch):
    def scale(layer, inputs, output):
        mean, std = output.mean(), output.std()
        if std == 0:
            raise ValueError("constant")
        layer.weight /= std
        if layer.bias is None:
            return output / std
        layer.bias.copy_((layer.bias - mean) / std)
        return (output - mean) / std

    with Hooks([m for m in model.modules() if hasattr(m, "weight")], scale):
        model(batch)
    return model


# %% exercise="lsuv" message="is as it was: it stands in a `Sequential` inside"
@torch.no_grad()
def lsuv_(model, batch):
    x = batch
    for layer in model:
        output = layer(x)
        if hasattr(layer, "weight"):
            mean, std = output.mean(), output.std()
            if output.amax() == output.amin():
                raise ValueError("constant")
            layer.weight /= std
            layer.bias.copy_((layer.bias - mean) / std)
        x = layer(x)
    return model


# %% exercise="lsuv" message="and is in evaluation now: leave"
@torch.no_grad()
def lsuv_(model, batch):
    def scale(layer, inputs, output):
        mean, std = output.mean(), output.std()
        if output.amax() == output.amin():
            raise ValueError("constant")
        layer.weight /= std
        if layer.bias is None:
            return output / std
        layer.bias.copy_((layer.bias - mean) / std)
        return (output - mean) / std

    model.eval()
    with Hooks([m for m in model.modules() if hasattr(m, "weight")], scale):
        model(batch)
    return model


# %% exercise="grad_cam" message="is in evaluation now, and was in training"
def grad_cam(model, layer, x, classes):
    model.eval()
    seen = []
    with Hooks([layer], lambda m, inputs, output: seen.append(output)):
        score = scores(model, x, classes)
    if len(seen) != 1 or seen[0].dim() != 4:
        raise ValueError("not one map")
    (grad,) = torch.autograd.grad(score, seen[0])
    weights = grad.mean((2, 3), keepdim=True)
    return (weights * seen[0].detach()).sum(1).clamp(min=0)


# %% exercise="grad_cam" message="divided by its largest number"
def grad_cam(model, layer, x, classes):
    seen = []
    with Hooks([layer], lambda m, inputs, output: seen.append(output)):
        score = scores(model, x, classes)
    if len(seen) != 1 or seen[0].dim() != 4:
        raise ValueError("not one map")
    (grad,) = torch.autograd.grad(score, seen[0])
    maps = (grad.mean((2, 3), keepdim=True) * seen[0].detach()).sum(1).clamp(min=0)
    return maps / maps.amax((1, 2), keepdim=True).clamp(min=1e-12)


# %% exercise="grad_cam" message="requires no gradient any more"
def grad_cam(model, layer, x, classes):
    seen = []
    model.requires_grad_(False)
    x = x.clone().requires_grad_()
    with Hooks([layer], lambda m, inputs, output: seen.append(output)):
        score = scores(model, x, classes)
    if len(seen) != 1 or seen[0].dim() != 4:
        raise ValueError("not one map")
    (grad,) = torch.autograd.grad(score, seen[0])
    weights = grad.mean((2, 3), keepdim=True)
    return (weights * seen[0].detach()).sum(1).clamp(min=0)


# %% exercise="grad_cam" message="a frozen network, whose parameters require no gradient"
def grad_cam(model, layer, x, classes):
    seen = []
    with Hooks([layer], lambda m, inputs, output: seen.append(output)):
        score = scores(model, x, classes)
    if len(seen) != 1 or seen[0].dim() != 4:
        raise ValueError(len(seen))
    (grad,) = torch.autograd.grad(score, seen[0])
    weights = grad.mean((2, 3), keepdim=True)
    return (weights * seen[0].detach()).sum(1).clamp(min=0)


# %% exercise="grad_cam" message="requires gradients afterwards"
def grad_cam(model, layer, x, classes):
    for p in model.parameters():
        p.requires_grad_()
    seen = []
    with Hooks([layer], lambda m, inputs, output: seen.append(output)):
        score = scores(model, x, classes)
    if len(seen) != 1 or seen[0].dim() != 4:
        raise ValueError(len(seen))
    (grad,) = torch.autograd.grad(score, seen[0])
    weights = grad.mean((2, 3), keepdim=True)
    return (weights * seen[0].detach()).sum(1).clamp(min=0)


# %% exercise="grad_cam" message="now the caller's images require a gradient"
def grad_cam(model, layer, x, classes):
    if not any(p.requires_grad for p in model.parameters()):
        x.requires_grad_()
    seen = []
    with Hooks([layer], lambda m, inputs, output: seen.append(output)):
        score = scores(model, x, classes)
    if len(seen) != 1 or seen[0].dim() != 4:
        raise ValueError(len(seen))
    (grad,) = torch.autograd.grad(score, seen[0])
    weights = grad.mean((2, 3), keepdim=True)
    return (weights * seen[0].detach()).sum(1).clamp(min=0)
