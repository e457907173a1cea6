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
        momentum, change = group["momentum"], grad.clone()
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


# %% exercise="momentum" message="the rate is in the velocity"
class SGD(Optimizer):
    defaults = {**Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False}

    def update(self, p, grad, state, group):
        momentum, change = group["momentum"], grad
        lr = group["lr"]
        if momentum:
            if "momentum_buffer" in state:
                m = momentum * state["momentum_buffer"] + (1 - group["dampening"]) * lr * grad
            else:
                m = lr * grad
            state["momentum_buffer"] = m
            p -= lr * grad + momentum * m if group["nesterov"] else m
        else:
            p -= lr * grad


# %% exercise="momentum" message="p has got new memory, and views do not follow: p -= …"
class SGD(Optimizer):
    defaults = {**Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False}

    def update(self, p, grad, state, group):
        momentum, change = group["momentum"], grad
        if momentum:
            if "momentum_buffer" in state:
                m = momentum * state["momentum_buffer"] + (1 - group["dampening"]) * grad
            else:
                m = grad.clone()
            state["momentum_buffer"] = m
            change = grad + momentum * m if group["nesterov"] else m
        p.data = p.data - group["lr"] * change


# %% exercise="momentum" message="is not `update`'s business"
class SGD(Optimizer):
    defaults = {**Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False}

    def update(self, p, grad, state, group):
        momentum, change = group["momentum"], grad
        grad = change = grad + group["weight_decay"] * p
        if momentum:
            if "momentum_buffer" in state:
                m = momentum * state["momentum_buffer"] + (1 - group["dampening"]) * grad
            else:
                m = grad.clone()
            state["momentum_buffer"] = m
            change = grad + momentum * m if group["nesterov"] else m
        p -= group["lr"] * change


# %% exercise="momentum" message="a velocity that is in `state` at step 1 was loaded"
class SGD(Optimizer):
    defaults = {**Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False}

    def update(self, p, grad, state, group):
        momentum, change = group["momentum"], grad
        if momentum:
            if state["step"] > 1:
                m = momentum * state["momentum_buffer"] + (1 - group["dampening"]) * grad
            else:
                m = grad.clone()
            state["momentum_buffer"] = m
            change = grad + momentum * m if group["nesterov"] else m
        p -= group["lr"] * change


# %% exercise="momentum" message="they share a velocity"
class SGD(Optimizer):
    defaults = {**Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False}

    def update(self, p, grad, state, group):
        momentum, change = group["momentum"], grad
        if momentum:
            if "momentum_buffer" in state:
                m = momentum * self.m + (1 - group["dampening"]) * grad
            else:
                m = grad.clone()
            state["momentum_buffer"] = self.m = m
            change = grad + momentum * m if group["nesterov"] else m
        p -= group["lr"] * change


# %% exercise="momentum" message="the step is momentum * m alone"
class SGD(Optimizer):
    defaults = {**Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False}

    def update(self, p, grad, state, group):
        momentum, change = group["momentum"], grad
        if momentum:
            if "momentum_buffer" in state:
                m = momentum * state["momentum_buffer"] + (1 - group["dampening"]) * grad
            else:
                m = grad.clone()
            state["momentum_buffer"] = m
            change = momentum * m if group["nesterov"] else m
        p -= group["lr"] * change


# %% exercise="momentum" message="is kept as the velocity: keep m"
class SGD(Optimizer):
    defaults = {**Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False}

    def update(self, p, grad, state, group):
        momentum, change = group["momentum"], grad
        if momentum:
            if "momentum_buffer" in state:
                m = momentum * state["momentum_buffer"] + (1 - group["dampening"]) * grad
            else:
                m = grad.clone()
            state["momentum_buffer"] = m
            change = grad + momentum * m if group["nesterov"] else m
        if momentum: state["momentum_buffer"] = change
        p -= group["lr"] * change


# %% exercise="momentum" message="the first step, too, is g + momentum * m"
class SGD(Optimizer):
    defaults = {**Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False}

    def update(self, p, grad, state, group):
        momentum, change = group["momentum"], grad
        if momentum:
            if "momentum_buffer" in state:
                m = momentum * state["momentum_buffer"] + (1 - group["dampening"]) * grad
            else:
                m = grad.clone()
            state["momentum_buffer"] = m
            change = grad + momentum * m if group["nesterov"] and state["step"] > 1 else m
        p -= group["lr"] * change


# %% exercise="momentum" message="the gradient has changed, which is the caller's"
class SGD(Optimizer):
    defaults = {**Optimizer.defaults, "momentum": 0.0, "dampening": 0.0, "nesterov": False}

    def update(self, p, grad, state, group):
        momentum, change = group["momentum"], grad
        if momentum:
            if "momentum_buffer" in state:
                m = momentum * state["momentum_buffer"] + (1 - group["dampening"]) * grad
            else:
                m = grad.clone()
            state["momentum_buffer"] = m
            change = grad + momentum * m if group["nesterov"] else m
        change *= group["lr"]
        p -= change


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


# %% exercise="corrected" message="float64 became"
def corrected(average, beta, step):
    return torch.as_tensor(average).float() / (1 - beta**step) if isinstance(average, Tensor) else average / (1 - beta**step)


# %% exercise="corrected" message="give a float, as you were given"
def corrected(average, beta, step):
    return average / (1 - torch.tensor(beta, dtype=torch.float64)**step)


# %% exercise="corrected" message="nothing is corrected"
def corrected(average, beta, step):
    return average if step > 100 else average / (1 - beta**step)


# %% exercise="corrected" message="and corrected it should be 7.0"
def corrected(average, beta, step):
    return average / max(1 - beta**step, 1e-3)


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


# %% exercise="decay" message="decoupled: p has got new memory"
def decay(p, grad, lr, weight_decay, decoupled):
    if decoupled:
        p.data = p.data * (1 - lr * weight_decay)
        return grad
    return grad + weight_decay * p


# %% exercise="decay" message="the same is taken from all numbers"
def decay(p, grad, lr, weight_decay, decoupled):
    if decoupled:
        p -= lr * weight_decay
        return grad
    return grad + weight_decay * p


# %% exercise="decay" message="as much from small numbers as from large ones"
def decay(p, grad, lr, weight_decay, decoupled):
    if decoupled:
        p -= lr * weight_decay * p.sign()
        return grad
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


# %% exercise="pictured" message="the plateau ends at 0.7: its share is 0.5"
def pictured(progress):
    return chained((0.2, linear(0.05, 0.4)), (0.7, constant(0.4)), (0.1, cosine(0.4, 0.1)))(progress)


# %% exercise="pictured" message="the fall is a quarter of a wave"
def pictured(progress):
    return chained((0.2, linear(0.05, 0.4)), (0.5, constant(0.4)), (0.3, lambda t: 0.1 + 0.3 * math.cos(math.pi / 2 * t)))(progress)


# %% exercise="pictured" message="the rise is curved"
def pictured(progress):
    return chained((0.2, cosine(0.05, 0.4)), (0.5, constant(0.4)), (0.3, cosine(0.4, 0.1)))(progress)


# %% exercise="pictured" message="the fall has a progress of its own"
def pictured(progress):
    return linear(0.05, 0.4)(progress / 0.2) if progress < 0.2 else 0.4 if progress < 0.7 else cosine(0.4, 0.1)(progress)


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


# %% exercise="scheduled" message="a second fit, of 2 epochs of 3 batches, should begin anew"
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
        self.begun = (0, 0)

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
        self.begun = (0, 0)

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
        self.schedules, self.done, self.steps = schedules, 0, 1

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
        self.begun = (0, 0)

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
        self.begun = (0, 0)

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
        self.begun = (0, 0)

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


# %% exercise="scheduled" message="a validation batch has changed the rate"
class Scheduled(Callback):
    def __init__(self, **schedules):
        self.schedules = schedules
        self.begun = (0, 0)
        self.state = ("begun",)

    def before_fit(self, learner):
        self.begun = (learner.epoch, learner.step)
        for group in learner.optimizer.param_groups:
            for name in self.schedules:
                if name not in group and not (name == "momentum" and "betas" in group):
                    raise ValueError(f"no setting {name}")

    def before_batch(self, learner):
        epoch, step = self.begun
        steps = (learner.epochs - epoch) * len(learner.training_loader)
        for name, schedule in self.schedules.items():
            value = schedule((learner.step - step) / steps)
            for group in learner.optimizer.param_groups:
                if name == "momentum" and "betas" in group:
                    group["betas"] = (value, group["betas"][1])
                else:
                    group[name] = value


# %% exercise="scheduled" message="the second group has no 'momentum': nothing is said"
class Scheduled(Callback):
    def __init__(self, **schedules):
        self.schedules = schedules
        self.begun = (0, 0)
        self.state = ("begun",)

    def before_fit(self, learner):
        self.begun = (learner.epoch, learner.step)
        for group in learner.optimizer.param_groups[:1]:
            for name in self.schedules:
                if name not in group and not (name == "momentum" and "betas" in group):
                    raise ValueError(f"no setting {name}")

    def before_batch(self, learner):
        if not learner.training:
            return
        epoch, step = self.begun
        steps = (learner.epochs - epoch) * len(learner.training_loader)
        for name, schedule in self.schedules.items():
            value = schedule((learner.step - step) / steps)
            for group in learner.optimizer.param_groups:
                if name == "momentum" and "betas" in group:
                    group["betas"] = (value, group["betas"][1])
                else:
                    group[name] = value


# %% exercise="scheduled" message="note the learner's step"
class Scheduled(Callback):
    def __init__(self, **schedules):
        self.schedules = schedules
        self.begun = (0, 0)
        self.state = ("begun",)

    def before_fit(self, learner):
        self.begun = (learner.epoch, learner.step)
        for group in learner.optimizer.param_groups:
            for name in self.schedules:
                if name not in group and not (name == "momentum" and "betas" in group):
                    raise ValueError(f"no setting {name}")

    def before_batch(self, learner):
        if not learner.training:
            return
        epoch, step = self.begun
        steps = (learner.epochs - epoch) * len(learner.training_loader)
        for name, schedule in self.schedules.items():
            value = schedule((learner.step - epoch * len(learner.training_loader)) / steps)
            for group in learner.optimizer.param_groups:
                if name == "momentum" and "betas" in group:
                    group["betas"] = (value, group["betas"][1])
                else:
                    group[name] = value


# %% exercise="scheduled" message="which must be there from `__init__` on"
class Scheduled(Callback):
    def __init__(self, **schedules):
        self.schedules = schedules
        self.state = ("begun",)

    def before_fit(self, learner):
        self.begun = (learner.epoch, learner.step)
        for group in learner.optimizer.param_groups:
            for name in self.schedules:
                if name not in group and not (name == "momentum" and "betas" in group):
                    raise ValueError(f"no setting {name}")

    def before_batch(self, learner):
        if not learner.training:
            return
        epoch, step = self.begun
        steps = (learner.epochs - epoch) * len(learner.training_loader)
        for name, schedule in self.schedules.items():
            value = schedule((learner.step - step) / steps)
            for group in learner.optimizer.param_groups:
                if name == "momentum" and "betas" in group:
                    group["betas"] = (value, group["betas"][1])
                else:
                    group[name] = value


# %% exercise="scheduled" message="when the saved epoch has not come back"
class Scheduled(Callback):
    def __init__(self, **schedules):
        self.schedules = schedules
        self.begun = (0, 0)
        self.state = ("begun",)

    def before_fit(self, learner):
        self.begun = (learner.epoch, learner.step)
        self.total = (learner.epochs - learner.epoch) * len(learner.training_loader)
        for group in learner.optimizer.param_groups:
            for name in self.schedules:
                if name not in group and not (name == "momentum" and "betas" in group):
                    raise ValueError(f"no setting {name}")

    def before_batch(self, learner):
        if not learner.training:
            return
        epoch, step = self.begun
        steps = (learner.epochs - epoch) * len(learner.training_loader)
        for name, schedule in self.schedules.items():
            value = schedule((learner.step - step) / self.total)
            for group in learner.optimizer.param_groups:
                if name == "momentum" and "betas" in group:
                    group["betas"] = (value, group["betas"][1])
                else:
                    group[name] = value


# %% exercise="idle" message="the last layer was replaced by a copy"
def idle(model, loss_fn, optimizer, x, y):
    held = [p for group in optimizer.param_groups for p in group["params"]]
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    kept = copy.deepcopy(optimizer.state_dict())
    model.zero_grad()
    optimizer.zero_grad()
    loss_fn(model(x), y).backward()
    reasons = {}
    for name, p in model.named_parameters():
        if not any(torch.equal(p, q) for q in held):
            reasons[name] = "not in the optimizer"
    optimizer.step()
    for name, p in model.named_parameters():
        if name not in reasons and (p.grad is None or not p.grad.any()):
            reasons[name] = "no gradient"
        elif name not in reasons and torch.equal(p, before[name]):
            reasons[name] = "no step"
        with torch.no_grad():
            p.copy_(before[name])
    optimizer.load_state_dict(kept)
    model.zero_grad()
    optimizer.zero_grad()
    return reasons


# %% exercise="idle" message="the parameters have changed: it is a test"
def idle(model, loss_fn, optimizer, x, y):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    kept = copy.deepcopy(optimizer.state_dict())
    model.zero_grad()
    optimizer.zero_grad()
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
    optimizer.zero_grad()
    return reasons


# %% exercise="idle" message="a step that was not taken back: its state or a setting is another"
def idle(model, loss_fn, optimizer, x, y):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    model.zero_grad()
    optimizer.zero_grad()
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
    optimizer.zero_grad()
    return reasons


# %% exercise="idle" message="gradients are left"
def idle(model, loss_fn, optimizer, x, y):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    kept = copy.deepcopy(optimizer.state_dict())
    model.zero_grad()
    optimizer.zero_grad()
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
    optimizer.zero_grad()
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
    optimizer.zero_grad()
    return reasons


# %% exercise="idle" message="the first reason counts"
def idle(model, loss_fn, optimizer, x, y):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    kept = copy.deepcopy(optimizer.state_dict())
    model.zero_grad()
    optimizer.zero_grad()
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
    optimizer.zero_grad()
    return reasons


# %% exercise="idle" message="float32 knows no number 1e-7 away"
def idle(model, loss_fn, optimizer, x, y):
    held = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    model.zero_grad()
    optimizer.zero_grad()
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
    optimizer.zero_grad()
    return reasons


# %% exercise="idle" message="a parameter has changed that only the optimizer holds"
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
    model.zero_grad()
    return reasons


# %% exercise="idle" message="frozen: old gradients count as this batch"
def idle(model, loss_fn, optimizer, x, y):
    held = [p for group in optimizer.param_groups for p in group["params"]]
    old = [p.detach().clone() for p in held]
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    kept = copy.deepcopy(optimizer.state_dict())
    loss_fn(model(x), y).backward()
    optimizer.step()
    reasons = {}
    for name, p in model.named_parameters():
        if all(p is not q for q in held):
            reasons[name] = "not in the optimizer"
        elif p.grad is None or not p.grad.any():
            reasons[name] = "no gradient"
        elif torch.equal(p, before[name]):
            reasons[name] = "no step"
    with torch.no_grad():
        for p, q in zip(held, old, strict=True):
            p.copy_(q)
    optimizer.load_state_dict(kept)
    model.zero_grad()
    optimizer.zero_grad()
    return reasons


# %% exercise="idle" message="the model was training, and no longer is"
def idle(model, loss_fn, optimizer, x, y):
    model.eval()
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    kept = copy.deepcopy(optimizer.state_dict())
    model.zero_grad()
    optimizer.zero_grad()
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
    model.zero_grad()
    optimizer.zero_grad()
    return reasons


# %% exercise="idle" message="tiny gradients are not 0"
def idle(model, loss_fn, optimizer, x, y):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    kept = copy.deepcopy(optimizer.state_dict())
    model.zero_grad()
    optimizer.zero_grad()
    loss_fn(model(x), y).backward()
    optimizer.step()
    reasons = {}
    for name, p in model.named_parameters():
        if id(p) not in held:
            reasons[name] = "not in the optimizer"
        elif p.grad is None or p.grad.norm() < 1e-8:
            reasons[name] = "no gradient"
        elif torch.equal(p, before[name]):
            reasons[name] = "no step"
        with torch.no_grad():
            p.copy_(before[name])
    optimizer.load_state_dict(kept)
    model.zero_grad()
    optimizer.zero_grad()
    return reasons


# %% exercise="idle" message="a sum of 0 is not 0 everywhere"
def idle(model, loss_fn, optimizer, x, y):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    kept = copy.deepcopy(optimizer.state_dict())
    model.zero_grad()
    optimizer.zero_grad()
    loss_fn(model(x), y).backward()
    optimizer.step()
    reasons = {}
    for name, p in model.named_parameters():
        if id(p) not in held:
            reasons[name] = "not in the optimizer"
        elif p.grad is None or p.grad.sum() == 0:
            reasons[name] = "no gradient"
        elif torch.equal(p, before[name]):
            reasons[name] = "no step"
        with torch.no_grad():
            p.copy_(before[name])
    optimizer.load_state_dict(kept)
    model.zero_grad()
    optimizer.zero_grad()
    return reasons


# %% exercise="idle" message="holds the last layer in the second"
def idle(model, loss_fn, optimizer, x, y):
    held = {id(p) for group in optimizer.param_groups[:1] for p in group["params"]}
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    kept = copy.deepcopy(optimizer.state_dict())
    model.zero_grad()
    optimizer.zero_grad()
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
    model.zero_grad()
    optimizer.zero_grad()
    return reasons


# %% exercise="idle" message="a list of tensors asks =="
def idle(model, loss_fn, optimizer, x, y):
    held = [p for group in optimizer.param_groups for p in group["params"]]
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    kept = copy.deepcopy(optimizer.state_dict())
    model.zero_grad()
    optimizer.zero_grad()
    loss_fn(model(x), y).backward()
    optimizer.step()
    reasons = {}
    for name, p in model.named_parameters():
        if p not in held:
            reasons[name] = "not in the optimizer"
        elif p.grad is None or not p.grad.any():
            reasons[name] = "no gradient"
        elif torch.equal(p, before[name]):
            reasons[name] = "no step"
        with torch.no_grad():
            p.copy_(before[name])
    optimizer.load_state_dict(kept)
    model.zero_grad()
    optimizer.zero_grad()
    return reasons
