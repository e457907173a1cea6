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


# %% exercise="named_parameters" message="second's parameters are missing"
@extend(Module)
def named_parameters(self):
    seen = []
    for name, p in self.held(Parameter).items():
        if not any(torch.equal(p, q) for q in seen):
            seen.append(p)
            yield name, p
    for place, module in self.held(Module).items():
        for name, p in module.named_parameters():
            if not any(torch.equal(p, q) for q in seen):
                seen.append(p)
                yield f"{place}.{name}", p


# %% exercise="named_parameters" message="`in` a list, and ==, compare tensors number by number"
@extend(Module)
def named_parameters(self):
    seen, pairs = [], []
    for name, p in self.held(Parameter).items():
        if p not in seen:
            seen.append(p)
            pairs.append((name, p))
    for place, module in self.held(Module).items():
        for name, p in module.named_parameters():
            if p not in seen:
                seen.append(p)
                pairs.append((f"{place}.{name}", p))
    return iter(pairs)


# %% exercise="named_parameters" message="the modules in the module were not asked"
@extend(Module)
def named_parameters(self):
    return iter(self.held(Parameter).items())


# %% exercise="named_parameters" message="put the place in front, inner.weight"
@extend(Module)
def named_parameters(self):
    yield from self.held(Parameter).items()
    for module in self.held(Module).values():
        yield from module.named_parameters()


# %% exercise="named_parameters" message="what is held in two places comes once"
@extend(Module)
def named_parameters(self):
    yield from self.held(Parameter).items()
    for place, module in self.held(Module).items():
        for name, p in module.named_parameters():
            yield f"{place}.{name}", p


# %% exercise="named_parameters" message="is a Tensor, not a Parameter"
@extend(Module)
def named_parameters(self):
    yield from self.held(torch.Tensor).items()
    for place, module in self.held(Module).items():
        for name, p in module.named_parameters():
            yield f"{place}.{name}", p


# %% exercise="named_parameters" message="the module's own parameter, gain, is missing"
@extend(Module)
def named_parameters(self):
    if not self.held(Module):
        yield from self.held(Parameter).items()
    for place, module in self.held(Module).items():
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
    print(list(self.held(Parameter)))


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


# %% exercise="evaluate" message="was left in eval mode"
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


# %% exercise="evaluate" message="went out in training mode"
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


# %% exercise="evaluate" message="gradients were recorded"
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


# %% exercise="resume" message="the generator does not stand where it stood"
def training_state(model, optimizer, generator, epoch):
    state = {f"model.{name}": t.clone() for name, t in model.state_dict().items()}
    state["lr"] = torch.tensor(optimizer.param_groups[0]["lr"], dtype=torch.float64)
    state["epoch"] = torch.tensor(epoch)
    return state


def restore(state, model, optimizer, generator):
    model.load_state_dict(
        {name[6:]: t for name, t in state.items() if name.startswith("model.")}
    )
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
    model.load_state_dict(
        {name[6:]: t for name, t in state.items() if name.startswith("model.")}
    )
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
    model.load_state_dict(
        {name[6:]: t for name, t in state.items() if name.startswith("model.")}
    )
    optimizer.param_groups[0]["lr"] = state["lr"].item()
    generator.set_state(state["generator"])
    return int(state["epoch"])


# %% exercise="resume" message="the learning rate was not put back"
def training_state(model, optimizer, generator, epoch):
    state = {f"model.{name}": t.clone() for name, t in model.state_dict().items()}
    state["generator"] = generator.get_state()
    state["epoch"] = torch.tensor(epoch)
    return state


def restore(state, model, optimizer, generator):
    model.load_state_dict(
        {name[6:]: t for name, t in state.items() if name.startswith("model.")}
    )
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
    for place, layer in model.held(Module).items():
        for name in layer.held(Parameter):
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
    model.load_state_dict(
        {name[6:]: t for name, t in state.items() if name.startswith("model.")}
    )
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
    model.load_state_dict(
        {name[6:]: t for name, t in state.items() if name.startswith("model.")}
    )
    optimizer.param_groups[0]["lr"] = state["lr"].item()
    generator.set_state(state["generator"])
