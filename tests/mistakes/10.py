# %% [markdown]
# Classic wrong answers to chapter 10's exercises, each with what the check must say to it.


# %% exercise="momentum" message="the velocity must be a tensor of its own"
class SGD(Optimizer):
    defaults = {**Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False}

    def update(self, p, grad, state, group):
        momentum, change = group["momentum"], grad
        if momentum:
            if "momentum_buffer" in state:
                velocity = state["momentum_buffer"]
                velocity *= momentum
                velocity += (1 - group["dampening"]) * grad
            else:
                velocity = state["momentum_buffer"] = grad
            change = grad + momentum * velocity if group["nesterov"] else velocity
        p -= group["lr"] * change


# %% exercise="momentum" message="the first velocity is damped, too"
class SGD(Optimizer):
    defaults = {**Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False}

    def update(self, p, grad, state, group):
        momentum, change = group["momentum"], grad
        if momentum:
            velocity = state.setdefault("momentum_buffer", torch.zeros_like(p))
            velocity *= momentum
            velocity += (1 - group["dampening"]) * grad
            change = grad + momentum * velocity if group["nesterov"] else velocity
        p -= group["lr"] * change


# %% exercise="momentum" message="that is the average of fast.ai's"
class SGD(Optimizer):
    defaults = {**Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False}

    def update(self, p, grad, state, group):
        momentum, change = group["momentum"], grad
        if momentum:
            velocity = state.get("momentum_buffer", torch.zeros_like(p))
            velocity = momentum * velocity + (1 - momentum) * grad
            state["momentum_buffer"] = velocity
            change = grad + momentum * velocity if group["nesterov"] else velocity
        p -= group["lr"] * change


# %% exercise="momentum" message="or only a name of yours changes"
class SGD(Optimizer):
    defaults = {**Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False}

    def update(self, p, grad, state, group):
        momentum, change = group["momentum"], grad
        if momentum:
            velocity = state.get("momentum_buffer")
            if velocity is None:
                velocity = grad.clone()
            else:
                velocity = momentum * velocity + (1 - group["dampening"]) * grad
            state["momentum_buffer"] = velocity
            change = grad + momentum * velocity if group["nesterov"] else velocity
        p = p - group["lr"] * change


# %% exercise="momentum" message="dampening does nothing"
class SGD(Optimizer):
    defaults = {**Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False}

    def update(self, p, grad, state, group):
        momentum, change = group["momentum"], grad
        if momentum:
            velocity = momentum * state.get("momentum_buffer", 0) + grad
            state["momentum_buffer"] = velocity
            change = grad + momentum * velocity if group["nesterov"] else velocity
        p -= group["lr"] * change


# %% exercise="momentum" message="nesterov does nothing"
class SGD(Optimizer):
    defaults = {**Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False}

    def update(self, p, grad, state, group):
        momentum, change = group["momentum"], grad
        if momentum:
            if "momentum_buffer" in state:
                change = momentum * state["momentum_buffer"]
                change = change + (1 - group["dampening"]) * grad
            state["momentum_buffer"] = change
        p -= group["lr"] * change


# %% exercise="momentum" message="m + momentum * m: the first is the gradient"
class SGD(Optimizer):
    defaults = {**Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False}

    def update(self, p, grad, state, group):
        momentum, change = group["momentum"], grad.clone()
        if momentum:
            if "momentum_buffer" in state:
                change = momentum * state["momentum_buffer"]
                change = change + (1 - group["dampening"]) * grad
            state["momentum_buffer"] = change
            if group["nesterov"]:
                change = change + momentum * change
        p -= group["lr"] * change


# %% exercise="momentum" message="momentum 0 keeps nothing"
class SGD(Optimizer):
    defaults = {**Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False}

    def update(self, p, grad, state, group):
        momentum = group["momentum"]
        if "momentum_buffer" in state:
            velocity = state["momentum_buffer"]
            velocity *= momentum
            velocity += (1 - group["dampening"]) * grad
        else:
            velocity = state["momentum_buffer"] = grad.clone()
        change = grad + momentum * velocity if group["nesterov"] else velocity
        p -= group["lr"] * change


# %% exercise="momentum" message="uphill: subtract the change"
class SGD(Optimizer):
    defaults = {**Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False}

    def update(self, p, grad, state, group):
        momentum, change = group["momentum"], grad
        if momentum:
            if "momentum_buffer" in state:
                velocity = state["momentum_buffer"]
                velocity *= momentum
                velocity += (1 - group["dampening"]) * grad
            else:
                velocity = state["momentum_buffer"] = grad.clone()
            change = grad + momentum * velocity if group["nesterov"] else velocity
        p += group["lr"] * change


# %% exercise="corrected" message="what is short is not step times 1 - beta"
def corrected(average, beta, step):
    return average / ((1 - beta) * step)


# %% exercise="corrected" message="right after one step and no more"
def corrected(average, beta, step):
    return average / (1 - beta)


# %% exercise="corrected" message="that is what the 0 still weighs"
def corrected(average, beta, step):
    return average / beta**step


# %% exercise="corrected" message="times what it should be divided by"
def corrected(average, beta, step):
    return average * (1 - beta**step)


# %% exercise="corrected" message="one step too many"
def corrected(average, beta, step):
    return average / (1 - beta ** (step + 1))


# %% exercise="corrected" message="the average was changed"
def corrected(average, beta, step):
    average /= 1 - beta**step
    return average


# %% exercise="corrected" message="nothing came back: return the number"
def corrected(average, beta, step):
    average / (1 - beta**step)


# %% exercise="decay" message="the rate is not in it"
def decay(p, grad, lr, weight_decay, decoupled):
    if decoupled:
        p *= 1 - weight_decay
        return grad
    return grad + weight_decay * p


# %% exercise="decay" message="L2: the rate is in it"
def decay(p, grad, lr, weight_decay, decoupled):
    if decoupled:
        p *= 1 - lr * weight_decay
        return grad
    return grad + lr * weight_decay * p


# %% exercise="decay" message="grad has changed, which is the caller's"
def decay(p, grad, lr, weight_decay, decoupled):
    if decoupled:
        p *= 1 - lr * weight_decay
    else:
        grad += weight_decay * p
    return grad


# %% exercise="decay" message="decoupled: p is as it was"
def decay(p, grad, lr, weight_decay, decoupled):
    if decoupled:
        p = p * (1 - lr * weight_decay)
        return grad
    return grad + weight_decay * p


# %% exercise="decay" message="decoupled: the gradient is no business of this decay"
def decay(p, grad, lr, weight_decay, decoupled):
    if decoupled:
        p *= 1 - lr * weight_decay
    return grad + weight_decay * p


# %% exercise="decay" message="what goes, not what is left"
def decay(p, grad, lr, weight_decay, decoupled):
    if decoupled:
        p *= lr * weight_decay
        return grad
    return grad + weight_decay * p


# %% exercise="decay" message="twice as much as the derivative"
def decay(p, grad, lr, weight_decay, decoupled):
    if decoupled:
        p *= 1 - lr * weight_decay
        return grad
    return grad + 2 * weight_decay * p


# %% exercise="decay" message="nothing came back: return the gradient"
def decay(p, grad, lr, weight_decay, decoupled):
    if decoupled:
        p *= 1 - lr * weight_decay
    else:
        return grad + weight_decay * p


# %% exercise="pictured" message="give shares above 0 that add up to 1"
def pictured(progress):
    schedule = chained((0.2, linear(0.05, 0.4)), (0.7, constant(0.4)), (1.0, cosine(0.4, 0.1)))
    return schedule(progress)


# %% exercise="pictured" message="the fall is a straight line"
def pictured(progress):
    schedule = chained((0.2, linear(0.05, 0.4)), (0.5, constant(0.4)), (0.3, linear(0.4, 0.1)))
    return schedule(progress)


# %% exercise="pictured" message="halfway up, at 0.1, a straight line"
def pictured(progress):
    schedule = chained((0.1, linear(0.05, 0.4)), (0.6, constant(0.4)), (0.3, cosine(0.4, 0.1)))
    return schedule(progress)


# %% exercise="pictured" message="that is a schedule, a function"
def pictured(progress):
    return chained((0.2, linear(0.05, 0.4)), (0.5, constant(0.4)), (0.3, cosine(0.4, 0.1)))


# %% exercise="pictured" message="at progress 0 the picture shows 0.05"
def pictured(progress):
    schedule = chained((0.2, linear(0.0, 0.4)), (0.5, constant(0.4)), (0.3, cosine(0.4, 0.1)))
    return schedule(progress)


# %% exercise="pictured" message="at the end the picture shows 0.1"
def pictured(progress):
    schedule = chained((0.2, linear(0.05, 0.4)), (0.5, constant(0.4)), (0.3, cosine(0.4, 0.0)))
    return schedule(progress)


# %% exercise="pictured" message="at 0.69 the picture shows the plateau"
def pictured(progress):
    schedule = chained((0.2, linear(0.05, 0.4)), (0.4, constant(0.4)), (0.4, cosine(0.4, 0.1)))
    return schedule(progress)


# %% exercise="scheduled" message="Where its fit began must be in `state`"
class Scheduled(Callback):
    def __init__(self, **schedules):
        self.schedules = schedules

    def before_fit(self, learner):
        self.begun = (learner.epoch, learner.step)
        for group in learner.optimizer.param_groups:
            for name in self.schedules:
                if name not in group and not (name == "momentum" and "betas" in group):
                    raise ValueError(f"no setting {name}")

    def before_batch(self, learner):
        if learner.training:
            epoch, step = self.begun
            steps = (learner.epochs - epoch) * len(learner.training_loader)
            for name, schedule in self.schedules.items():
                value = schedule((learner.step - step) / steps)
                for group in learner.optimizer.param_groups:
                    if name == "momentum" and "betas" in group:
                        group["betas"] = (value, group["betas"][1])
                    else:
                        group[name] = value


# %% exercise="scheduled" message="What a resumed training needs stands in `state`"
class Scheduled(Callback):
    def __init__(self, **schedules):
        self.schedules = schedules

    def before_fit(self, learner):
        self.done = 0
        self.steps = (learner.epochs - learner.epoch) * len(learner.training_loader)

    def before_batch(self, learner):
        if learner.training:
            for name, schedule in self.schedules.items():
                for group in learner.optimizer.param_groups:
                    group[name] = schedule(self.done / self.steps)
            self.done += 1


# %% exercise="scheduled" message="a second fit, of 2 epochs, should begin anew"
class Scheduled(Callback):
    def __init__(self, **schedules):
        self.schedules = schedules

    def before_batch(self, learner):
        if learner.training:
            steps = learner.epochs * len(learner.training_loader)
            for name, schedule in self.schedules.items():
                for group in learner.optimizer.param_groups:
                    group[name] = schedule(learner.step / steps)


# %% exercise="scheduled" message="and only one has the rate: set all"
class Scheduled(Callback):
    def __init__(self, **schedules):
        self.schedules, self.state = schedules, ("begun",)

    def before_fit(self, learner):
        self.begun = (learner.epoch, learner.step)

    def before_batch(self, learner):
        if learner.training:
            epoch, step = self.begun
            steps = (learner.epochs - epoch) * len(learner.training_loader)
            for name, schedule in self.schedules.items():
                learner.optimizer.param_groups[0][name] = schedule((learner.step - step) / steps)


# %% exercise="scheduled" message="the rate is the same through the first epoch"
class Scheduled(Callback):
    def __init__(self, **schedules):
        self.schedules, self.state = schedules, ("begun",)

    def before_fit(self, learner):
        self.begun = learner.epoch

    def before_batch(self, learner):
        progress = (learner.epoch - self.begun) / (learner.epochs - self.begun)
        for name, schedule in self.schedules.items():
            for group in learner.optimizer.param_groups:
                group[name] = schedule(progress)


# %% exercise="scheduled" message="do validation batches count?"
class Scheduled(Callback):
    state = ("done", "steps")

    def __init__(self, **schedules):
        self.schedules = schedules

    def before_fit(self, learner):
        self.done = 0
        self.steps = (learner.epochs - learner.epoch) * len(learner.training_loader)

    def before_batch(self, learner):
        for name, schedule in self.schedules.items():
            for group in learner.optimizer.param_groups:
                group[name] = schedule(self.done / self.steps)
        self.done += 1


# %% exercise="scheduled" message="has the second step's rate"
class Scheduled(Callback):
    def __init__(self, **schedules):
        self.schedules, self.state = schedules, ("begun",)

    def before_fit(self, learner):
        self.begun = (learner.epoch, learner.step)

    def before_batch(self, learner):
        if learner.training:
            epoch, step = self.begun
            steps = (learner.epochs - epoch) * len(learner.training_loader)
            for name, schedule in self.schedules.items():
                for group in learner.optimizer.param_groups:
                    group[name] = schedule((learner.step - step + 1) / steps)


# %% exercise="scheduled" message="the schedule begins anew with each epoch"
class Scheduled(Callback):
    def __init__(self, **schedules):
        self.schedules = schedules

    def before_batch(self, learner):
        if learner.training:
            steps = len(learner.training_loader)
            for name, schedule in self.schedules.items():
                for group in learner.optimizer.param_groups:
                    group[name] = schedule((learner.step % steps) / steps)


# %% exercise="scheduled" message="for Adam, momentum is the first of the betas"
class Scheduled(Callback):
    def __init__(self, **schedules):
        self.schedules, self.state = schedules, ("begun",)

    def before_fit(self, learner):
        self.begun = (learner.epoch, learner.step)

    def before_batch(self, learner):
        if learner.training:
            epoch, step = self.begun
            steps = (learner.epochs - epoch) * len(learner.training_loader)
            for name, schedule in self.schedules.items():
                for group in learner.optimizer.param_groups:
                    group[name] = schedule((learner.step - step) / steps)


# %% exercise="scheduled" message="Adam has no 'nesterov': nothing is said"
class Scheduled(Callback):
    def __init__(self, **schedules):
        self.schedules, self.state = schedules, ("begun",)

    def before_fit(self, learner):
        self.begun = (learner.epoch, learner.step)

    def before_batch(self, learner):
        if learner.training:
            epoch, step = self.begun
            steps = (learner.epochs - epoch) * len(learner.training_loader)
            for name, schedule in self.schedules.items():
                value = schedule((learner.step - step) / steps)
                for group in learner.optimizer.param_groups:
                    if name == "momentum" and "betas" in group:
                        group["betas"] = (value, group["betas"][1])
                    else:
                        group[name] = value


# %% exercise="idle" message="the last layer was replaced by a copy"
def idle(model, loss_fn, optimizer, x, y):
    held = [p for group in optimizer.param_groups for p in group["params"]]
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    inside = {name: any(p.shape == q.shape and torch.equal(p, q) for q in held) for name, p in model.named_parameters()}
    kept = copy.deepcopy(optimizer.state_dict())
    model.zero_grad()
    loss_fn(model(x), y).backward()
    old = [p.detach().clone() for p in held]
    optimizer.step()
    reasons = {}
    for name, p in model.named_parameters():
        if not inside[name]:
            reasons[name] = "not in the optimizer"
        elif p.grad is None or not p.grad.any():
            reasons[name] = "no gradient"
        elif torch.equal(p, before[name]) and any(p is q for q in held):
            reasons[name] = "no step"
    with torch.no_grad():
        for p, q in zip(held, old, strict=True):
            p.copy_(q)
    optimizer.load_state_dict(kept)
    model.zero_grad()
    return reasons


# %% exercise="idle" message="the parameters have changed: it is a test"
def idle(model, loss_fn, optimizer, x, y):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    kept = copy.deepcopy(optimizer.state_dict())
    model.zero_grad()
    loss_fn(model(x), y).backward()
    optimizer.step()
    reasons = {}
    for name, p in model.named_parameters():
        if id(p) not in held:
            reasons[name] = "not in the optimizer"
        elif p.grad is None or not p.grad.any():
            reasons[name] = "no gradient"
        elif torch.equal(p, before[name]):
            reasons[name] = "no step"
    optimizer.load_state_dict(kept)
    model.zero_grad()
    return reasons


# %% exercise="idle" message="a step that was not taken back: its state is another"
def idle(model, loss_fn, optimizer, x, y):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    model.zero_grad()
    loss_fn(model(x), y).backward()
    optimizer.step()
    reasons = {}
    for name, p in model.named_parameters():
        if id(p) not in held:
            reasons[name] = "not in the optimizer"
        elif p.grad is None or not p.grad.any():
            reasons[name] = "no gradient"
        elif torch.equal(p, before[name]):
            reasons[name] = "no step"
        with torch.no_grad():
            p.copy_(before[name])
    model.zero_grad()
    return reasons


# %% exercise="idle" message="gradients are left"
def idle(model, loss_fn, optimizer, x, y):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    kept = copy.deepcopy(optimizer.state_dict())
    model.zero_grad()
    loss_fn(model(x), y).backward()
    optimizer.step()
    reasons = {}
    for name, p in model.named_parameters():
        if id(p) not in held:
            reasons[name] = "not in the optimizer"
        elif p.grad is None or not p.grad.any():
            reasons[name] = "no gradient"
        elif torch.equal(p, before[name]):
            reasons[name] = "no step"
        with torch.no_grad():
            p.copy_(before[name])
    optimizer.load_state_dict(kept)
    return reasons


# %% exercise="idle" message="three gradients are 0 everywhere"
def idle(model, loss_fn, optimizer, x, y):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    kept = copy.deepcopy(optimizer.state_dict())
    model.zero_grad()
    loss_fn(model(x), y).backward()
    optimizer.step()
    reasons = {}
    for name, p in model.named_parameters():
        if id(p) not in held:
            reasons[name] = "not in the optimizer"
        elif p.grad is None:
            reasons[name] = "no gradient"
        elif torch.equal(p, before[name]):
            reasons[name] = "no step"
        with torch.no_grad():
            p.copy_(before[name])
    optimizer.load_state_dict(kept)
    model.zero_grad()
    return reasons


# %% exercise="idle" message="the first reason counts"
def idle(model, loss_fn, optimizer, x, y):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    kept = copy.deepcopy(optimizer.state_dict())
    model.zero_grad()
    loss_fn(model(x), y).backward()
    optimizer.step()
    reasons = {}
    for name, p in model.named_parameters():
        if p.grad is None or not p.grad.any():
            reasons[name] = "no gradient"
        elif id(p) not in held:
            reasons[name] = "not in the optimizer"
        elif torch.equal(p, before[name]):
            reasons[name] = "no step"
        with torch.no_grad():
            p.copy_(before[name])
    optimizer.load_state_dict(kept)
    model.zero_grad()
    return reasons


# %% exercise="idle" message="float32 knows no number 1e-7 away"
def idle(model, loss_fn, optimizer, x, y):
    held = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    model.zero_grad()
    loss_fn(model(x), y).backward()
    reasons = {}
    for name, p in model.named_parameters():
        if id(p) not in held:
            reasons[name] = "not in the optimizer"
        elif p.grad is None or not p.grad.any():
            reasons[name] = "no gradient"
        elif held[id(p)] == 0:
            reasons[name] = "no step"
    model.zero_grad()
    return reasons
