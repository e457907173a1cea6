# %% [markdown]
# Classic wrong answers to chapter 7's exercises, each with what the check must say to it.


# %% exercise="logsumexp" message="1000, 999, 0 overflows: take the largest off first"
def logsumexp(z, dim):
    return z.exp().sum(dim).log()


# %% exercise="logsumexp" message="one row's m drowns another row"
def logsumexp(z, dim):
    largest = z.max()
    return (z - largest).exp().sum(dim).log() + largest


# %% exercise="logsumexp" message="m was taken off, and has to be given back"
def logsumexp(z, dim):
    return (z - z.amax(dim, keepdim=True)).exp().sum(dim).log()


# %% exercise="logsumexp" message="broadcasting made all pairs of them"
def logsumexp(z, dim):
    largest = z.amax(dim, keepdim=True)
    return (z - largest).exp().sum(dim).log() + largest


# %% exercise="logsumexp" message="it is the largest that comes off, with its sign"
def logsumexp(z, dim):
    largest = z.abs().amax(dim, keepdim=True)
    return (z - largest).exp().sum(dim).log() + largest.squeeze(dim)


# %% exercise="logsumexp" message="no limit, no clamp, no small number added"
def logsumexp(z, dim):
    return z.clamp(-80, 80).exp().sum(dim).log()


# %% exercise="logsumexp" message="the result has no dimension for what was summed"
def logsumexp(z, dim):
    largest = z.amax(dim, keepdim=True)
    return (z - largest).exp().sum(dim, keepdim=True).log() + largest


# %% exercise="logsumexp" message="nothing came back: return the result"
def logsumexp(z, dim):
    largest = z.amax(dim, keepdim=True)
    (z - largest).exp().sum(dim).log() + largest.squeeze(dim)


# %% exercise="logsumexp" message="z itself has changed"
def logsumexp(z, dim):
    largest = z.amax(dim, keepdim=True)
    z -= largest
    return z.exp().sum(dim).log() + largest.squeeze(dim)


# %% exercise="logsumexp" message="(1, 3) along 1 is (1,), not (): squeeze `dim`"
def logsumexp(z, dim):
    largest = z.amax(dim, keepdim=True)
    return ((z - largest).exp().sum(dim, keepdim=True).log() + largest).squeeze()


# %% exercise="logsumexp" message="(2, 1, 2) along 2 is (2, 1), not (2, 2): squeeze `dim`"
def logsumexp(z, dim):
    largest = z.amax(dim, keepdim=True)
    return (z - largest).exp().sum(dim).log() + largest.squeeze()


# %% exercise="logsumexp" message="(2, 3) along 0 is (3,), not (1, 3): squeeze `dim`"
def logsumexp(z, dim):
    largest = z.amax(dim, keepdim=True)
    return ((z - largest).exp().sum(dim, keepdim=True).log() + largest).squeeze(1)


# %% exercise="logsumexp" message="a mean of exponentials: it is a sum"
def logsumexp(z, dim):
    largest = z.amax(dim, keepdim=True)
    return (z - largest).exp().mean(dim).log() + largest.squeeze(dim)


# %% exercise="logsumexp" message="for torch.float32 you give torch.float64: keep the type"
def logsumexp(z, dim):
    z = z.double()
    largest = z.amax(dim, keepdim=True)
    return (z - largest).exp().sum(dim).log() + largest.squeeze(dim)


# %% exercise="logsumexp" message="something was done in float32, or a small number added"
def logsumexp(z, dim):
    x = z.float()
    largest = x.amax(dim, keepdim=True)
    return ((x - largest).exp().sum(dim).log() + largest.squeeze(dim)).to(z.dtype)


# %% exercise="logsumexp" message="right numbers, but no gradient goes back from them to z"
@torch.no_grad()
def logsumexp(z, dim):
    largest = z.amax(dim, keepdim=True)
    return (z - largest).exp().sum(dim).log() + largest.squeeze(dim)


# %% exercise="logsumexp" message="not the exponentials' shares of their sum"
def logsumexp(z, dim):
    plain = z.exp().sum(dim).log()
    largest = z.amax(dim, keepdim=True)
    shifted = (z - largest).exp().sum(dim).log() + largest.squeeze(dim)
    return torch.where(plain.isinf(), shifted, plain)


# %% exercise="logsumexp" message="m is the largest, wherever it stands"
def logsumexp(z, dim):
    first = z.select(dim, 0).unsqueeze(dim)
    return (z - first).exp().sum(dim).log() + first.squeeze(dim)


# %% exercise="logsumexp" message="every row's exponentials were added up: sum(dim)"
def logsumexp(z, dim):
    largest = z.amax(dim, keepdim=True)
    return (z - largest).exp().sum().log() + largest.squeeze(dim)


# %% exercise="logsumexp" message="exp(m - z) is the wrong way round"
def logsumexp(z, dim):
    largest = z.amax(dim, keepdim=True)
    return (largest - z).exp().sum(dim).log() + largest.squeeze(dim)


# %% exercise="logsumexp" message="that is the sum of the logits: add exponentials up"
def logsumexp(z, dim):
    return z.exp().prod(dim).log()


# %% exercise="logsumexp" message="wanted is the log of the sum, along dim, of exp(z - m), plus m"
def logsumexp(z, dim):
    largest = z.amax(dim, keepdim=True)
    return (z - largest).exp().sum(dim).log1p() + largest.squeeze(dim)


# %% exercise="logsumexp" message="counts for e to the z, too, and -inf for nothing"
def logsumexp(z, dim):
    largest = z.amax(dim, keepdim=True)
    return (z - largest).clamp(min=-20).exp().sum(dim).log() + largest.squeeze(dim)


# %% exercise="logsumexp" message="logsumexp of [2.0, 1.0, 0.0] along -1 stops at"
def logsumexp(z, dim):
    largest = z.amax(dim, keepdim=True)
    shape = [length for place, length in enumerate(z.shape) if place != dim]
    return (z - largest).exp().sum(dim).log() + largest.reshape(shape)


# %% exercise="cross_entropy_grad" message="that is the gradient for the probabilities"
def cross_entropy_grad(logits, labels):
    p = log_softmax(logits, 1).exp()
    y = (labels[:, None] == torch.arange(logits.shape[1])).to(p.dtype)
    return -y / p / len(labels)


# %% exercise="cross_entropy_grad" message="4 times too large: L is a mean over the 4 examples"
def cross_entropy_grad(logits, labels):
    p = log_softmax(logits, 1).exp()
    y = (labels[:, None] == torch.arange(logits.shape[1])).to(p.dtype)
    return p - y


# %% exercise="cross_entropy_grad" message="the sign is the wrong way round: it points downhill"
def cross_entropy_grad(logits, labels):
    p = log_softmax(logits, 1).exp()
    y = (labels[:, None] == torch.arange(logits.shape[1])).to(p.dtype)
    return (y - p) / len(labels)


# %% exercise="cross_entropy_grad" message="only the right class has a gradient"
def cross_entropy_grad(logits, labels):
    p = log_softmax(logits, 1).exp()
    y = (labels[:, None] == torch.arange(logits.shape[1])).to(p.dtype)
    return (p - 1) * y / len(labels)


# %% exercise="cross_entropy_grad" message="the softmax went along the batch"
def cross_entropy_grad(logits, labels):
    p = log_softmax(logits, 0).exp()
    y = (labels[:, None] == torch.arange(logits.shape[1])).to(p.dtype)
    return (p - y) / len(labels)


# %% exercise="cross_entropy_grad" message="the exponentials overflowed"
def cross_entropy_grad(logits, labels):
    p = logits.exp() / logits.exp().sum(1, keepdim=True)
    y = (labels[:, None] == torch.arange(logits.shape[1])).to(p.dtype)
    return (p - y) / len(labels)


# %% exercise="cross_entropy_grad" message="the derivative of the softmax once too often"
def cross_entropy_grad(logits, labels):
    p = log_softmax(logits, 1).exp()
    y = (labels[:, None] == torch.arange(logits.shape[1])).to(p.dtype)
    return (p - y) * p * (1 - p) / len(labels)


# %% exercise="cross_entropy_grad" message="L is a mean over 4 examples, not over 12 numbers"
def cross_entropy_grad(logits, labels):
    p = log_softmax(logits, 1).exp()
    y = (labels[:, None] == torch.arange(logits.shape[1])).to(p.dtype)
    return (p - y) / logits.numel()


# %% exercise="cross_entropy_grad" message="Take N and K from the shapes"
def cross_entropy_grad(logits, labels):
    p = log_softmax(logits, 1).exp()
    y = (labels[:, None] == torch.arange(logits.shape[1])).to(p.dtype)
    return (p - y) / 4


# %% exercise="cross_entropy_grad" message=": take N and K from the shapes"
def cross_entropy_grad(logits, labels):
    p = log_softmax(logits, 1).exp()
    return (p - torch.eye(3)[labels].to(p.dtype)) / len(labels)


# %% exercise="cross_entropy_grad" message="1 is taken off whole columns: p[:, labels] means all rows"
def cross_entropy_grad(logits, labels):
    p = log_softmax(logits, 1).exp()
    p[:, labels] -= 1
    return p / len(labels)


# %% exercise="cross_entropy_grad" message="the inner one, e to the z, is missing"
def cross_entropy_grad(logits, labels):
    y = (labels[:, None] == torch.arange(logits.shape[1])).to(logits.dtype)
    return (1 / logits.exp().sum(1, keepdim=True) - y) / len(labels)


# %% exercise="cross_entropy_grad" message="each row has a sum of its own"
def cross_entropy_grad(logits, labels):
    e = logits.exp()
    y = (labels[:, None] == torch.arange(logits.shape[1])).to(e.dtype)
    return (e / e.sum() - y) / len(labels)


# %% exercise="cross_entropy_grad" message="the mean divides both terms, and not the first alone"
def cross_entropy_grad(logits, labels):
    p = log_softmax(logits, 1).exp()
    y = (labels[:, None] == torch.arange(logits.shape[1])).to(p.dtype)
    return p / len(labels) - y


# %% exercise="cross_entropy_grad" message="the first row's largest was taken off the second, too"
def cross_entropy_grad(logits, labels):
    e = (logits - logits.max()).exp()
    y = (labels[:, None] == torch.arange(logits.shape[1])).to(e.dtype)
    return (e / e.sum(1, keepdim=True) - y) / len(labels)


# %% exercise="cross_entropy_grad" message="no limit, no repair of NaN, nothing small added"
def cross_entropy_grad(logits, labels):
    e = logits.clamp(max=80).exp()
    y = (labels[:, None] == torch.arange(logits.shape[1])).to(e.dtype)
    return (e / e.sum(1, keepdim=True) - y) / len(labels)


# %% exercise="cross_entropy_grad" message="by hand, nothing is recorded here"
@torch.enable_grad()
def cross_entropy_grad(logits, labels):
    leaf = logits.clone().requires_grad_()
    cross_entropy(leaf, labels).backward()
    return leaf.grad


# %% exercise="cross_entropy_grad" message="the second term alone: the first is a logarithm of a sum"
def cross_entropy_grad(logits, labels):
    y = (labels[:, None] == torch.arange(logits.shape[1])).to(logits.dtype)
    return -y / len(labels)


# %% exercise="cross_entropy_grad" message="divided by the 4 examples twice"
def cross_entropy_grad(logits, labels):
    p = log_softmax(logits, 1).exp()
    y = (labels[:, None] == torch.arange(logits.shape[1])).to(p.dtype)
    return (p - y) / len(labels) ** 2


# %% exercise="cross_entropy_grad" message="in the third row p is 0 at the right class"
def cross_entropy_grad(logits, labels):
    p, rows = log_softmax(logits, 1).exp(), torch.arange(len(labels))
    jacobian = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    return -jacobian[rows, labels] / p[rows, labels][:, None] / len(labels)


# %% exercise="cross_entropy_grad" message="the second row is wrong: equal logits were all taken"
def cross_entropy_grad(logits, labels):
    p = log_softmax(logits, 1).exp()
    y = logits == logits[torch.arange(len(labels)), labels][:, None]
    return (p - y.to(p.dtype)) / len(labels)


# %% exercise="named_parameters" message="['second.gain', 'second.inner.weight', "
@extend(Module)
def named_parameters(self):
    seen = []
    for name, p in self.members(Parameter).items():
        if not any(torch.equal(p, q) for q in seen):
            seen.append(p)
            yield name, p
    for place, module in self.members(Module).items():
        for name, p in module.named_parameters():
            if not any(torch.equal(p, q) for q in seen):
                seen.append(p)
                yield f"{place}.{name}", p


# %% exercise="named_parameters" message="`in` a list, and ==, compare tensors number by number"
@extend(Module)
def named_parameters(self):
    seen, pairs = [], []
    for name, p in self.members(Parameter).items():
        if p not in seen:
            seen.append(p)
            pairs.append((name, p))
    for place, module in self.members(Module).items():
        for name, p in module.named_parameters():
            if p not in seen:
                seen.append(p)
                pairs.append((f"{place}.{name}", p))
    return iter(pairs)


# %% exercise="named_parameters" message="the modules in the module were not asked"
@extend(Module)
def named_parameters(self):
    return iter(self.members(Parameter).items())


# %% exercise="named_parameters" message="put the place in front, inner.weight"
@extend(Module)
def named_parameters(self):
    yield from self.members(Parameter).items()
    for module in self.members(Module).values():
        yield from module.named_parameters()


# %% exercise="named_parameters" message="what is held in two places comes once"
@extend(Module)
def named_parameters(self):
    yield from self.members(Parameter).items()
    for place, module in self.members(Module).items():
        for name, p in module.named_parameters():
            yield f"{place}.{name}", p


# %% exercise="named_parameters" message="is a Tensor, not a Parameter"
@extend(Module)
def named_parameters(self):
    yield from self.members(torch.Tensor).items()
    for place, module in self.members(Module).items():
        for name, p in module.named_parameters():
            yield f"{place}.{name}", p


# %% exercise="named_parameters" message="the module's own parameter, gain, is missing"
@extend(Module)
def named_parameters(self):
    if not self.members(Module):
        yield from self.members(Parameter).items()
    for place, module in self.members(Module).items():
        for name, p in module.named_parameters():
            yield f"{place}.{name}", p


# %% exercise="named_parameters" message="a module's own parameters come first"
@extend(Module)
def named_parameters(self):
    pairs = []
    for name, part in vars(self).items():
        if isinstance(part, Parameter):
            pairs.append((name, part))
        if isinstance(part, Module):
            pairs += [(f"{name}.{inner}", p) for inner, p in part.named_parameters()]
    seen = {}
    for name, p in pairs:
        seen.setdefault(id(p), (name, p))
    return iter(seen.values())


# %% exercise="named_parameters" message="nothing came back: return, or yield, the pairs"
@extend(Module)
def named_parameters(self):
    print(list(self.members(Parameter)))


# %% exercise="named_parameters" message="(A default such as seen=set() is made only once)"
@extend(Module)
def named_parameters(self, seen=set()):
    for name, p in self.members(Parameter).items():
        if id(p) not in seen:
            seen.add(id(p))
            yield name, p
    for place, module in self.members(Module).items():
        for name, p in module.named_parameters(seen):
            yield f"{place}.{name}", p


# %% exercise="named_parameters" message="empty at the root, which has no parameters of its own"
@extend(Module)
def named_parameters(self, seen=None):
    seen = seen or set()
    for name, p in self.members(Parameter).items():
        if id(p) not in seen:
            seen.add(id(p))
            yield name, p
    for place, module in self.members(Module).items():
        for name, p in module.named_parameters(seen):
            yield f"{place}.{name}", p


# %% exercise="named_parameters" message="self.a and self.b are one parameter"
@extend(Module)
def named_parameters(self):
    pairs = list(self.members(Parameter).items())
    seen = {id(p) for _, p in pairs}
    for place, module in self.members(Module).items():
        for name, p in module.named_parameters():
            if id(p) not in seen:
                seen.add(id(p))
                pairs.append((f"{place}.{name}", p))
    return iter(pairs)


# %% exercise="named_parameters" message="a list came back: give an iterator"
@extend(Module)
def named_parameters(self):
    pairs = list(self.members(Parameter).items())
    for place, module in self.members(Module).items():
        pairs += [(f"{place}.{name}", p) for name, p in module.named_parameters()]
    first = {id(p): name for name, p in reversed(pairs)}
    return [(name, p) for name, p in pairs if first[id(p)] == name]


# %% exercise="named_parameters" message="under its last name, second.gain: the first counts"
@extend(Module)
def named_parameters(self):
    pairs = list(self.members(Parameter).items())
    for place, module in self.members(Module).items():
        pairs += [(f"{place}.{name}", p) for name, p in module.named_parameters()]
    last = {id(p): name for name, p in pairs}
    return ((name, p) for name, p in pairs if last[id(p)] == name)


# %% exercise="named_parameters" message="even if requires_grad is switched off"
@extend(Module)
def named_parameters(self):
    found = list(self.members(Parameter).items())
    for place, module in self.members(Module).items():
        found += [(f"{place}.{name}", p) for name, p in module.named_parameters()]
    first = {id(p): name for name, p in reversed(found)}
    return ((n, p) for n, p in found if first[id(p)] == n and p.requires_grad)


# %% exercise="named_parameters" message="Let each module ask its own"
@extend(Module)
def named_parameters(self):
    pairs = list(self.members(Parameter).items())
    for a, one in self.members(Module).items():
        pairs += [(f"{a}.{name}", p) for name, p in one.members(Parameter).items()]
        for b, two in one.members(Module).items():
            for name, p in two.members(Parameter).items():
                pairs.append((f"{a}.{b}.{name}", p))
    first = {id(p): name for name, p in reversed(pairs)}
    return ((name, p) for name, p in pairs if first[id(p)] == name)


# %% exercise="named_parameters" message="'first.inner.weight', 'first.inner.bias', 'first.later.weight', 'first.later.bias', 'second.inner"
@extend(Module)
def named_parameters(self):
    yield from self.members(Parameter).items()
    for place, module in self.members(Module).items():
        for name, p in module.members(Parameter).items():
            yield f"{place}.{name}", p


# %% exercise="named_parameters" message="['later.weight', 'later.bias'] are missing"
@extend(Module)
def named_parameters(self):
    pairs = list(self.members(Parameter).items())
    for place, module in self.members(Module).items():
        pairs += [(f"{place}.{name}", p) for name, p in module.named_parameters()]
        return iter(pairs)
    return iter(pairs)


# %% exercise="named_parameters" message="a list is no module, and nobody looks into it"
@extend(Module)
def named_parameters(self):
    found = list(self.members(Parameter).items())
    modules = self.members(Module)
    for place, listed in self.members(list).items():
        modules |= {f"{place}.{index}": module for index, module in enumerate(listed)}
    for place, module in modules.items():
        found += [(f"{place}.{name}", p) for name, p in module.named_parameters()]
    first = {id(p): name for name, p in reversed(found)}
    return ((name, p) for name, p in found if first[id(p)] == name)


# %% exercise="named_parameters" message="a dict_items came back: give an iterator"
@extend(Module)
def named_parameters(self):
    found = list(self.members(Parameter).items())
    for place, module in self.members(Module).items():
        found += [(f"{place}.{name}", p) for name, p in module.named_parameters()]
    first = {id(p): name for name, p in reversed(found)}
    return {name: p for name, p in found if first[id(p)] == name}.items()


# %% exercise="named_parameters" message="It only lies in the same memory as a"
@extend(Module)
def named_parameters(self):
    found = list(self.members(Parameter).items())
    for place, module in self.members(Module).items():
        found += [(f"{place}.{name}", p) for name, p in module.named_parameters()]
    first = {p.data_ptr(): name for name, p in reversed(found)}
    return ((name, p) for name, p in found if first[p.data_ptr()] == name)


# %% exercise="split_rows" message="have rows in both parts: that is the leak"
def split_rows(origin, share, generator):
    order = torch.randperm(len(origin), generator=generator)
    count = round(share * len(origin))
    return order[count:], order[:count]


# %% exercise="split_rows" message="every generator gives the same split"
def split_rows(origin, share, generator):
    origins = origin.unique()
    held = torch.isin(origin, origins[: round(share * len(origins))])
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


# %% exercise="split_rows" message="the parts are swapped"
def split_rows(origin, share, generator):
    origins = origin.unique()
    order = torch.randperm(len(origins), generator=generator)
    held = torch.isin(origin, origins[order[: round(share * len(origins))]])
    return held.nonzero()[:, 0], (~held).nonzero()[:, 0]


# %% exercise="split_rows" message="and not from `generator`"
def split_rows(origin, share, generator):
    origins = origin.unique()
    order = torch.randperm(len(origins))
    held = torch.isin(origin, origins[order[: round(share * len(origins))]])
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


# %% exercise="split_rows" message="all are to be as likely, however many rows they have"
def split_rows(origin, share, generator):
    order = origin[torch.randperm(len(origin), generator=generator)].tolist()
    count = round(share * len(origin.unique()))
    chosen = list(dict.fromkeys(order))[:count]  # whoever has more rows comes earlier
    held = torch.isin(origin, torch.tensor(chosen))
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


# %% exercise="split_rows" message="row numbers, and not origins"
def split_rows(origin, share, generator):
    origins = origin.unique()
    order = torch.randperm(len(origins), generator=generator)
    count = round(share * len(origins))
    return origins[order[count:]], origins[order[:count]]


# %% exercise="split_rows" message="such as mask.nonzero()[:, 0]"
def split_rows(origin, share, generator):
    origins = origin.unique()
    order = torch.randperm(len(origins), generator=generator)
    held = torch.isin(origin, origins[order[: round(share * len(origins))]])
    return ~held, held


# %% exercise="split_rows" message="rows [14] are in neither part"
def split_rows(origin, share, generator):
    origins = origin[:-1].unique()
    order = torch.randperm(len(origins), generator=generator)
    held = torch.isin(origin[:-1], origins[order[: round(share * len(origins))]])
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


# %% exercise="split_rows" message="only 8 different splits in 200"
def split_rows(origin, share, generator):
    origins = origin.unique()
    count = round(share * len(origins))
    start = int(torch.randint(len(origins) - count + 1, (1,), generator=generator))
    held = torch.isin(origin, origins[start : start + count])
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


# %% exercise="split_rows" message="28.999999999999996 rounded is 29 origins, and 28 are"
def split_rows(origin, share, generator):
    origins = origin.unique()
    order = torch.randperm(len(origins), generator=generator)
    held = torch.isin(origin, origins[order[: int(share * len(origins))]])
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


# %% exercise="split_rows" message="2.2 rounded is 2 origins, and 3 are held back"
def split_rows(origin, share, generator):
    origins = origin.unique()
    order = torch.randperm(len(origins), generator=generator)
    held = torch.isin(origin, origins[order[: math.ceil(share * len(origins))]])
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


# %% exercise="split_rows" message="only 10 different splits in 200"
def split_rows(origin, share, generator):
    origins = origin.unique()
    start = int(torch.randint(len(origins), (1,), generator=generator))
    places = torch.arange(round(share * len(origins))) * 3 + start
    held = torch.isin(origin, origins[places % len(origins)])
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


# %% exercise="split_rows" message="should be held back for a share of 0.3, not 4"
def split_rows(origin, share, generator):
    origins = origin.unique()
    order = torch.randperm(len(origins), generator=generator)
    held = torch.zeros(int(origin.max()) + 1, dtype=torch.bool)
    held[origins[order[: round(share * len(origins))]]] = True  # -1 is the last place
    return (~held[origin]).nonzero()[:, 0], held[origin].nonzero()[:, 0]


# %% exercise="split_rows" message="nothing was drawn from `generator` itself"
def split_rows(origin, share, generator):
    origins = origin.unique()
    fresh = torch.Generator().manual_seed(generator.initial_seed())
    order = torch.randperm(len(origins), generator=fresh)
    held = torch.isin(origin, origins[order[: round(share * len(origins))]])
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


# %% exercise="evaluate" message="that is the average of the averages"
@torch.no_grad()
def evaluate(model, loss_fn, loader):
    mode, losses, rates = model.training, [], []
    model.eval()
    for x, y in loader:
        logits = model(x)
        losses.append(loss_fn(logits, y).item())
        rates.append((logits.argmax(1) != y).double().mean().item())
    model.train(mode)
    return sum(losses) / len(losses), sum(rates) / len(rates)


# %% exercise="evaluate" message="came in training mode and went out in eval mode"
@torch.no_grad()
def evaluate(model, loss_fn, loader):
    loss, wrong, count = 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item() * len(y)
        wrong += int((logits.argmax(1) != y).sum())
        count += len(y)
    return loss / count, wrong / count


# %% exercise="evaluate" message="came in eval mode and went out in training mode"
@torch.no_grad()
def evaluate(model, loss_fn, loader):
    loss, wrong, count = 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item() * len(y)
        wrong += int((logits.argmax(1) != y).sum())
        count += len(y)
    model.train()
    return loss / count, wrong / count


# %% exercise="evaluate" message="the model ran with recording switched on"
def evaluate(model, loss_fn, loader):
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item() * len(y)
        wrong += int((logits.argmax(1) != y).sum())
        count += len(y)
    model.train(mode)
    return loss / count, wrong / count


# %% exercise="evaluate" message="that is the share that is right"
@torch.no_grad()
def evaluate(model, loss_fn, loader):
    mode, loss, right, count = model.training, 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item() * len(y)
        right += int((logits.argmax(1) == y).sum())
        count += len(y)
    model.train(mode)
    return loss / count, right / count


# %% exercise="evaluate" message="a batch's mean has to be multiplied by len(y)"
@torch.no_grad()
def evaluate(model, loss_fn, loader):
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item()
        wrong += int((logits.argmax(1) != y).sum())
        count += len(y)
    model.train(mode)
    return loss / count, wrong / count


# %% exercise="evaluate" message="no batches: raise a ValueError, not ZeroDivisionError"
@torch.no_grad()
def evaluate(model, loss_fn, loader):
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item() * len(y)
        wrong += int((logits.argmax(1) != y).sum())
        count += len(y)
    model.train(mode)
    return loss / count, wrong / count


# %% exercise="evaluate" message="two floats are wanted"
@torch.no_grad()
def evaluate(model, loss_fn, loader):
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y) * len(y)
        wrong += (logits.argmax(1) != y).sum()
        count += len(y)
    model.train(mode)
    if count == 0:
        raise ValueError("nothing to evaluate")
    return loss / count, wrong / count


# %% exercise="evaluate" message="left in eval mode: put its mode back first"
@torch.no_grad()
def evaluate(model, loss_fn, loader):
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item() * len(y)
        wrong += int((logits.argmax(1) != y).sum())
        count += len(y)
    if count == 0:
        raise ValueError("nothing to evaluate")
    model.train(mode)
    return loss / count, wrong / count


# %% exercise="evaluate" message="recording was off when evaluate was called, and is on now"
def evaluate(model, loss_fn, loader):
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    torch.set_grad_enabled(False)
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item() * len(y)
        wrong += int((logits.argmax(1) != y).sum())
        count += len(y)
    torch.set_grad_enabled(True)
    model.train(mode)
    if count == 0:
        raise ValueError("nothing to evaluate")
    return loss / count, wrong / count


# %% exercise="evaluate" message="loss_fn takes logits: it has the softmax in it already"
@torch.no_grad()
def evaluate(model, loss_fn, loader):
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    for x, y in loader:
        p = torch.nn.functional.log_softmax(model(x), 1).exp()
        loss += loss_fn(p, y).item() * len(y)
        wrong += int((p.argmax(1) != y).sum())
        count += len(y)
    model.train(mode)
    if count == 0:
        raise ValueError("nothing to evaluate")
    return loss / count, wrong / count


# %% exercise="evaluate" message="or every answer was taken for wrong"
@torch.no_grad()
def evaluate(model, loss_fn, loader):
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item() * len(y)
        wrong = int((logits.argmax(1) != y).sum()) / len(y)
        count += len(y)
    model.train(mode)
    if count == 0:
        raise ValueError("nothing to evaluate")
    return loss / count, wrong


# %% exercise="evaluate" message="the loader here can be gone through only once"
@torch.no_grad()
def evaluate(model, loss_fn, loader):
    mode = model.training
    model.eval()
    count = sum(len(y) for _, y in loader)
    if count == 0:
        raise ValueError("nothing to evaluate")
    loss = sum(loss_fn(model(x), y).item() * len(y) for x, y in loader)
    wrong = sum(int((model(x).argmax(1) != y).sum()) for x, y in loader)
    model.train(mode)
    return loss / count, wrong / max(0, count - count * (loss == 0))


# %% exercise="evaluate" message="recording is still switched off for everybody"
def evaluate(model, loss_fn, loader):
    torch.set_grad_enabled(False)
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item() * len(y)
        wrong += int((logits.argmax(1) != y).sum())
        count += len(y)
    model.train(mode)
    if count == 0:
        raise ValueError("nothing to evaluate")
    return loss / count, wrong / count


# %% exercise="evaluate" message="after the ValueError for no batches recording is still off"
def evaluate(model, loss_fn, loader):
    before = torch.is_grad_enabled()
    torch.set_grad_enabled(False)
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item() * len(y)
        wrong += int((logits.argmax(1) != y).sum())
        count += len(y)
    model.train(mode)
    if count == 0:
        raise ValueError("nothing to evaluate")
    torch.set_grad_enabled(before)
    return loss / count, wrong / count


# %% exercise="evaluate" message="and the modules in it are in eval mode"
@torch.no_grad()
def evaluate(model, loss_fn, loader):
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item() * len(y)
        wrong += int((logits.argmax(1) != y).sum())
        count += len(y)
    model.training = mode
    if count == 0:
        raise ValueError("nothing to evaluate")
    return loss / count, wrong / count


# %% exercise="evaluate" message="and the modules in it are in training mode"
@torch.no_grad()
def evaluate(model, loss_fn, loader):
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item() * len(y)
        wrong += int((logits.argmax(1) != y).sum())
        count += len(y)
    model.train()
    model.training = mode
    if count == 0:
        raise ValueError("nothing to evaluate")
    return loss / count, wrong / count


# %% exercise="evaluate" message="in per cent: a share, from 0 to 1, is wanted"
@torch.no_grad()
def evaluate(model, loss_fn, loader):
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item() * len(y)
        wrong += int((logits.argmax(1) != y).sum())
        count += len(y)
    model.train(mode)
    if count == 0:
        raise ValueError("nothing to evaluate")
    return loss / count, 100 * wrong / count


# %% exercise="evaluate" message="and do not round"
@torch.no_grad()
def evaluate(model, loss_fn, loader):
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item() * len(y)
        wrong += int((logits.argmax(1) != y).sum())
        count += len(y)
    model.train(mode)
    if count == 0:
        raise ValueError("nothing to evaluate")
    return loss / count, round(wrong / count, 4)


# %% exercise="evaluate" message="loss and errors are 0, but there is an example"
@torch.no_grad()
def evaluate(model, loss_fn, loader):
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item() * len(y)
        wrong += int((logits.argmax(1) != y).sum())
        count += len(y)
    model.train(mode)
    if not wrong:
        raise ValueError("nothing to evaluate")
    return loss / count, wrong / count


# %% exercise="evaluate" message="the parameters' own gradients, or requires_grad, have changed"
@torch.no_grad()
def evaluate(model, loss_fn, loader):
    for p in model.parameters():
        p.grad = torch.zeros_like(p)  # "without gradients"
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item() * len(y)
        wrong += int((logits.argmax(1) != y).sum())
        count += len(y)
    model.train(mode)
    if count == 0:
        raise ValueError("nothing to evaluate")
    return loss / count, wrong / count


# %% exercise="evaluate" message="a batch's rate has to be multiplied by len(y)"
@torch.no_grad()
def evaluate(model, loss_fn, loader):
    mode, loss, wrong, count = model.training, 0.0, 0, 0
    model.eval()
    for x, y in loader:
        logits = model(x)
        loss += loss_fn(logits, y).item() * len(y)
        wrong += (logits.argmax(1) != y).double().mean().item()
        count += len(y)
    model.train(mode)
    if count == 0:
        raise ValueError("nothing to evaluate")
    return loss / count, wrong / count


# %% exercise="resume" message="the generator does not stand where it stood"
def training_state(model, optimizer, generator, epoch):
    state = {f"model.{name}": t.clone() for name, t in model.state_dict().items()}
    state["lr"] = torch.tensor(optimizer.param_groups[0]["lr"], dtype=torch.float64)
    state["epoch"] = torch.tensor(epoch)
    return state


def restore(state, model, optimizer, generator):
    model.load_state_dict({name[6:]: t for name, t in state.items() if name.startswith("model.")})
    optimizer.param_groups[0]["lr"] = state["lr"].item()
    return int(state["epoch"])


# %% exercise="resume" message="keep it in float64, as Python does"
def training_state(model, optimizer, generator, epoch):
    state = {f"model.{name}": t.clone() for name, t in model.state_dict().items()}
    state["lr"] = torch.tensor(optimizer.param_groups[0]["lr"])
    state["generator"] = generator.get_state()
    state["epoch"] = torch.tensor(epoch)
    return state


def restore(state, model, optimizer, generator):
    model.load_state_dict({name[6:]: t for name, t in state.items() if name.startswith("model.")})
    optimizer.param_groups[0]["lr"] = state["lr"].item()
    generator.set_state(state["generator"])
    return int(state["epoch"])


# %% exercise="resume" message="the snapshot went on training with the model"
def training_state(model, optimizer, generator, epoch):
    state = {f"model.{name}": t for name, t in model.state_dict().items()}
    state["lr"] = torch.tensor(optimizer.param_groups[0]["lr"], dtype=torch.float64)
    state["generator"] = generator.get_state()
    state["epoch"] = torch.tensor(epoch)
    return state


def restore(state, model, optimizer, generator):
    model.load_state_dict({name[6:]: t for name, t in state.items() if name.startswith("model.")})
    optimizer.param_groups[0]["lr"] = state["lr"].item()
    generator.set_state(state["generator"])
    return int(state["epoch"])


# %% exercise="resume" message="was not put back into the optimizer that restore was given"
def training_state(model, optimizer, generator, epoch):
    state = {f"model.{name}": t.clone() for name, t in model.state_dict().items()}
    state["generator"] = generator.get_state()
    state["epoch"] = torch.tensor(epoch)
    return state


def restore(state, model, optimizer, generator):
    model.load_state_dict({name[6:]: t for name, t in state.items() if name.startswith("model.")})
    generator.set_state(state["generator"])
    return int(state["epoch"])


# %% exercise="resume" message="the buffer `mean` was not saved"
def training_state(model, optimizer, generator, epoch):
    state = {name: p.detach().clone() for name, p in model.named_parameters()}
    state["lr"] = torch.tensor(optimizer.param_groups[0]["lr"], dtype=torch.float64)
    state["generator"] = generator.get_state()
    state["epoch"] = torch.tensor(epoch)
    return state


def restore(state, model, optimizer, generator):
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(state[name])
    optimizer.param_groups[0]["lr"] = state["lr"].item()
    generator.set_state(state["generator"])
    return int(state["epoch"])


# %% exercise="resume" message="the optimizer still holds the old ones"
def training_state(model, optimizer, generator, epoch):
    state = {f"model.{name}": t.clone() for name, t in model.state_dict().items()}
    state["lr"] = torch.tensor(optimizer.param_groups[0]["lr"], dtype=torch.float64)
    state["generator"] = generator.get_state()
    state["epoch"] = torch.tensor(epoch)
    return state


def restore(state, model, optimizer, generator):
    model.mean.copy_(state["model.mean"])
    for place, layer in model.members(Module).items():
        for name in layer.members(Parameter):
            setattr(layer, name, Parameter(state[f"model.{place}.{name}"]))
    optimizer.param_groups[0]["lr"] = state["lr"].item()
    generator.set_state(state["generator"])
    return int(state["epoch"])


# %% exercise="resume" message="torch.tensor(…) makes one of a number"
def training_state(model, optimizer, generator, epoch):
    return {
        **{f"model.{name}": t.clone() for name, t in model.state_dict().items()},
        "lr": optimizer.param_groups[0]["lr"],
        "generator": generator.get_state(),
        "epoch": epoch,
    }


def restore(state, model, optimizer, generator):
    model.load_state_dict({name[6:]: t for name, t in state.items() if name.startswith("model.")})
    optimizer.param_groups[0]["lr"] = state["lr"]
    generator.set_state(state["generator"])
    return state["epoch"]


# %% exercise="resume" message="restore returns the epoch"
def training_state(model, optimizer, generator, epoch):
    state = {f"model.{name}": t.clone() for name, t in model.state_dict().items()}
    state["lr"] = torch.tensor(optimizer.param_groups[0]["lr"], dtype=torch.float64)
    state["generator"] = generator.get_state()
    state["epoch"] = torch.tensor(epoch)
    return state


def restore(state, model, optimizer, generator):
    model.load_state_dict({name[6:]: t for name, t in state.items() if name.startswith("model.")})
    optimizer.param_groups[0]["lr"] = state["lr"].item()
    generator.set_state(state["generator"])


# %% exercise="resume" message="training has changed the state"
def training_state(model, optimizer, generator, epoch):
    state = {f"model.{name}": t.clone() for name, t in model.state_dict().items()}
    state["lr"] = torch.tensor(optimizer.param_groups[0]["lr"], dtype=torch.float64)
    state["generator"] = generator.get_state()
    state["epoch"] = torch.tensor(epoch)
    return state


def restore(state, model, optimizer, generator):
    model.mean.copy_(state["model.mean"])
    for name, p in model.named_parameters():
        p.data = state[f"model.{name}"]
    optimizer.param_groups[0]["lr"] = state["lr"].item()
    generator.set_state(state["generator"])
    return int(state["epoch"])


# %% exercise="resume" message="restore has taken something out of the state"
def training_state(model, optimizer, generator, epoch):
    state = {f"model.{name}": t.clone() for name, t in model.state_dict().items()}
    state["lr"] = torch.tensor(optimizer.param_groups[0]["lr"], dtype=torch.float64)
    state["generator"] = generator.get_state()
    state["epoch"] = torch.tensor(epoch)
    return state


def restore(state, model, optimizer, generator):
    optimizer.param_groups[0]["lr"] = state.pop("lr").item()
    generator.set_state(state.pop("generator"))
    epoch = int(state.pop("epoch"))
    model.load_state_dict({name[6:]: t for name, t in state.items()})
    return epoch


# %% exercise="resume" message="copy into the tensors that are there, load_state_dict"
def training_state(model, optimizer, generator, epoch):
    state = {f"model.{name}": t.clone() for name, t in model.state_dict().items()}
    state["lr"] = torch.tensor(optimizer.param_groups[0]["lr"], dtype=torch.float64)
    state["generator"] = generator.get_state()
    state["epoch"] = torch.tensor(epoch)
    return state


def restore(state, model, optimizer, generator):
    model.mean = state["model.mean"]
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(state[f"model.{name}"])
    optimizer.param_groups[0]["lr"] = state["lr"].item()
    generator.set_state(state["generator"])
    return int(state["epoch"])


# %% exercise="resume" message="the rate was 0.023333333333333334 and is 0.1"
def training_state(model, optimizer, generator, epoch):
    state = {f"model.{name}": t.clone() for name, t in model.state_dict().items()}
    state["lr"] = torch.tensor(optimizer.param_groups[0]["lr"], dtype=torch.float64)
    state["generator"] = generator.get_state()
    state["epoch"] = torch.tensor(epoch)
    return state


def restore(state, model, optimizer, generator):
    weights = {n[6:]: t for n, t in state.items() if n.startswith("model.")}
    model.load_state_dict(weights)
    optimizer.param_groups[0]["lr"] = 0.1
    generator.set_state(state["generator"])
    return int(state["epoch"])


# %% exercise="resume" message="to save has changed the model or the optimizer"
def training_state(model, optimizer, generator, epoch):
    state = {f"model.{name}": t.clone() for name, t in model.state_dict().items()}
    state["lr"] = torch.tensor(optimizer.param_groups[0]["lr"], dtype=torch.float64)
    optimizer.param_groups[0]["lr"] = state["lr"]
    state["generator"] = generator.get_state()
    state["epoch"] = torch.tensor(epoch)
    return state


def restore(state, model, optimizer, generator):
    model.load_state_dict({name[6:]: t for name, t in state.items() if name.startswith("model.")})
    optimizer.param_groups[0]["lr"] = state["lr"].item()
    generator.set_state(state["generator"])
    return int(state["epoch"])


# %% exercise="resume" message="the parameters have another dtype, or requires_grad has changed"
def training_state(model, optimizer, generator, epoch):
    state = {f"model.{name}": t.clone() for name, t in model.state_dict().items()}
    state["lr"] = torch.tensor(optimizer.param_groups[0]["lr"], dtype=torch.float64)
    state["generator"] = generator.get_state()
    state["epoch"] = torch.tensor(epoch)
    return state


def restore(state, model, optimizer, generator):
    own = model.state_dict()
    for p in model.parameters():
        p.requires_grad_(False)
    for name, t in own.items():
        t.copy_(state[f"model.{name}"])
    optimizer.param_groups[0]["lr"] = state["lr"].item()
    generator.set_state(state["generator"])
    return int(state["epoch"])


# %% exercise="resume" message="the optimizer has lost its list of parameters"
def training_state(model, optimizer, generator, epoch):
    state = {f"model.{name}": t.clone() for name, t in model.state_dict().items()}
    state["lr"] = torch.tensor(optimizer.param_groups[0]["lr"], dtype=torch.float64)
    state["generator"] = generator.get_state()
    state["epoch"] = torch.tensor(epoch)
    return state


def restore(state, model, optimizer, generator):
    model.load_state_dict({name[6:]: t for name, t in state.items() if name.startswith("model.")})
    optimizer.param_groups = [{"lr": state["lr"].item()}]
    generator.set_state(state["generator"])
    return int(state["epoch"])


# %% exercise="resume" message="recording is switched off for everybody"
def training_state(model, optimizer, generator, epoch):
    state = {f"model.{name}": t.clone() for name, t in model.state_dict().items()}
    state["lr"] = torch.tensor(optimizer.param_groups[0]["lr"], dtype=torch.float64)
    state["generator"] = generator.get_state()
    state["epoch"] = torch.tensor(epoch)
    return state


def restore(state, model, optimizer, generator):
    torch.set_grad_enabled(False)
    model.load_state_dict({name[6:]: t for name, t in state.items() if name.startswith("model.")})
    optimizer.param_groups[0]["lr"] = state["lr"].item()
    generator.set_state(state["generator"])
    return int(state["epoch"])


# %% exercise="resume" message="cannot be converted to type uint8"
def training_state(model, optimizer, generator, epoch):
    state = {f"model.{name}": t.clone() for name, t in model.state_dict().items()}
    state["lr"] = torch.tensor(optimizer.param_groups[0]["lr"], dtype=torch.float64)
    state["generator"] = generator.get_state()
    state["epoch"] = torch.tensor(epoch, dtype=torch.uint8)
    return state


def restore(state, model, optimizer, generator):
    model.load_state_dict({name[6:]: t for name, t in state.items() if name.startswith("model.")})
    optimizer.param_groups[0]["lr"] = state["lr"].item()
    generator.set_state(state["generator"])
    return int(state["epoch"])


# %% exercise="resume" message="restore stops at ValueError"
def training_state(model, optimizer, generator, epoch):
    state = {f"model.{name}": t.clone() for name, t in model.state_dict().items()}
    state["lr"] = torch.tensor(optimizer.param_groups[0]["lr"], dtype=torch.float64)
    state["generator"] = generator.get_state()
    state["epoch"] = torch.tensor(epoch)
    return state


def restore(state, model, optimizer, generator):
    model.load_state_dict({name.replace("model.", ""): t for name, t in state.items() if name.startswith("model.")})
    optimizer.param_groups[0]["lr"] = state["lr"].item()
    generator.set_state(state["generator"])
    return int(state["epoch"])
