# %% [markdown]
# Classic wrong answers to chapter 8's exercises, each with what the check must say to it.


# %% exercise="notify" message="after CancelBatch from the first method the others were not called"
def notify(methods, learner):
    for method in methods:
        method(learner)


# %% exercise="notify" message="CancelBatch was swallowed: raise it when all were called"
def notify(methods, learner):
    for method in methods:
        try:
            method(learner)
        except (CancelBatch, CancelEpoch, CancelFit):
            pass


# %% exercise="notify" message="of several the widest counts: fit, epoch, batch"
def notify(methods, learner):
    cancelled = None
    for method in methods:
        try:
            method(learner)
        except (CancelBatch, CancelEpoch, CancelFit) as cancel:
            cancelled = cancel
    if cancelled is not None:
        raise cancelled


# %% exercise="notify" message="a ZeroDivisionError in a callback vanished"
def notify(methods, learner):
    cancelled = []
    for method in methods:
        try:
            method(learner)
        except Exception as cancel:
            cancelled.append(cancel)
    for kind in (CancelFit, CancelEpoch, CancelBatch):
        for cancel in cancelled:
            if isinstance(cancel, kind):
                raise cancel


# %% exercise="notify" message="after a ZeroDivisionError the others were called all the same"
def notify(methods, learner):
    raised = []
    for method in methods:
        try:
            method(learner)
        except Exception as error:
            raised.append(error)
    for kind in (Exception, CancelFit, CancelEpoch, CancelBatch):
        for error in raised:
            if kind is not Exception or not isinstance(error, (CancelFit, CancelEpoch, CancelBatch)):
                if isinstance(error, kind):
                    raise error


# %% exercise="notify" message="methods that raise ['CancelBatch', '-', '-']: you return"
def notify(methods, learner):
    cancelled = []
    for method in methods:
        try:
            method(learner)
        except (CancelBatch, CancelEpoch, CancelFit) as cancel:
            cancelled.append(cancel)
    for kind in (CancelFit, CancelEpoch, CancelBatch):
        for cancel in cancelled:
            if isinstance(cancel, kind):
                return cancel


# %% exercise="notify" message="the list `methods` held 3 methods, and you have changed it (0 now)"
def notify(methods, learner):
    cancelled = []
    while methods:
        method = methods.pop(0)
        try:
            method(learner)
        except (CancelBatch, CancelEpoch, CancelFit) as cancel:
            cancelled.append(cancel)
    for kind in (CancelFit, CancelEpoch, CancelBatch):
        for cancel in cancelled:
            if isinstance(cancel, kind):
                raise cancel


# %% exercise="notify" message="Ctrl-C (a KeyboardInterrupt) in method 1 of 0 to 2"
def notify(methods, learner):
    cancelled = []
    for method in methods:
        try:
            method(learner)
        except (KeyboardInterrupt, CancelBatch, CancelEpoch, CancelFit) as cancel:
            cancelled.append(cancel)
    for kind in (CancelFit, CancelEpoch, CancelBatch):
        for cancel in cancelled:
            if isinstance(cancel, kind):
                raise cancel


# %% exercise="notify" message="raise the one that came"
def notify(methods, learner):
    cancelled = []
    for method in methods:
        try:
            method(learner)
        except (CancelBatch, CancelEpoch, CancelFit) as cancel:
            cancelled.append(cancel)
    for kind in (CancelFit, CancelEpoch, CancelBatch):
        if any(isinstance(cancel, kind) for cancel in cancelled):
            raise kind


# %% exercise="notify" message="a subclass (`class AlmostFit(CancelFit)`) cancels what its base class does"
def notify(methods, learner):
    cancelled = []
    for method in methods:
        try:
            method(learner)
        except (CancelBatch, CancelEpoch, CancelFit) as cancel:
            cancelled.append(cancel)
    for kind in (CancelFit, CancelEpoch, CancelBatch):
        for cancel in cancelled:
            if type(cancel) is kind:
                raise cancel


# %% exercise="notify" message="which was raised in an earlier call: begin each call with an empty list"
def notify(methods, learner, cancelled=[]):
    for method in methods:
        try:
            method(learner)
        except (CancelBatch, CancelEpoch, CancelFit) as cancel:
            cancelled.append(cancel)
    for kind in (CancelFit, CancelEpoch, CancelBatch):
        for cancel in cancelled:
            if isinstance(cancel, kind):
                raise cancel


# %% exercise="notify" message="methods that raise []: your code stops at ValueError"
def notify(methods, learner):
    *most, last = methods
    cancelled = []
    for method in (*most, last):
        try:
            method(learner)
        except (CancelBatch, CancelEpoch, CancelFit) as cancel:
            cancelled.append(cancel)
    for kind in (CancelFit, CancelEpoch, CancelBatch):
        for cancel in cancelled:
            if isinstance(cancel, kind):
                raise cancel


# %% exercise="limit" message="no batch of validation even began: CancelEpoch takes it along"
class LimitBatches(Callback):
    def __init__(self, most):
        self.most = most

    def before_epoch(self, learner):
        self.batches = 0

    def before_batch(self, learner):
        self.batches += learner.training
        if learner.training and self.batches > self.most:
            raise CancelEpoch


# %% exercise="limit" message="3 epochs were wanted, and 1 begun: CancelFit ends everything"
class LimitBatches(Callback):
    def __init__(self, most):
        self.most = most

    def before_epoch(self, learner):
        self.batches = 0

    def before_batch(self, learner):
        self.batches += learner.training
        if learner.training and self.batches > self.most:
            raise CancelFit


# %% exercise="limit" message="3 batches in the first epoch, none in the next: begin to count anew"
class LimitBatches(Callback):
    def __init__(self, most):
        self.most, self.batches = most, 0

    def before_batch(self, learner):
        self.batches += learner.training
        if learner.training and self.batches > self.most:
            raise CancelBatch


# %% exercise="limit" message="all batches of validation were cancelled"
class LimitBatches(Callback):
    def __init__(self, most):
        self.most = most

    def before_epoch(self, learner):
        self.batches = 0

    def before_batch(self, learner):
        self.batches += 1
        if self.batches > self.most:
            raise CancelBatch


# %% exercise="limit" message="4 training batches, and it should be 3: one too many"
class LimitBatches(Callback):
    def __init__(self, most):
        self.most = most

    def before_epoch(self, learner):
        self.batches = -1

    def before_batch(self, learner):
        self.batches += learner.training
        if learner.training and self.batches > self.most:
            raise CancelBatch


# %% exercise="limit" message="every batch was used: are they counted"
class LimitBatches(Callback):
    def __init__(self, most):
        self.most = most

    def before_epoch(self, learner):
        self.batches = 0

    def before_batch(self, learner):
        self.batches += learner.training
        if learner.training and self.batches > self.most:
            return CancelBatch


# %% exercise="limit" message="3 batches are used, and the model ran on 7: cancel before"
class LimitBatches(Callback):
    def __init__(self, most):
        self.most = most

    def before_epoch(self, learner):
        self.batches = 0

    def after_backward(self, learner):
        self.batches += 1
        if self.batches > self.most:
            raise CancelBatch


# %% exercise="limit" message="the next 3 make [0, 0, 1] steps: learner.step and learner.epoch count"
class LimitBatches(Callback):
    def __init__(self, most):
        self.most = most

    def before_batch(self, learner):
        if learner.training and learner.step >= self.most * (learner.epoch + 1):
            raise CancelBatch


# %% exercise="limit" message="leave the loader as it is, and cancel what is too much"
class LimitBatches(Callback):
    def __init__(self, most):
        self.most = most

    def before_fit(self, learner):
        pairs = zip(range(self.most), learner.training_loader)
        learner.training_loader = [batch for _, batch in pairs]


# %% exercise="limit" message="those were the last ones: use the first"
class LimitBatches(Callback):
    def __init__(self, most):
        self.most = most

    def before_epoch(self, learner):
        self.batches = 0

    def before_batch(self, learner):
        self.batches += learner.training
        if learner.training and self.batches <= self.most:
            raise CancelBatch


# %% exercise="limit" message="validation was cut, and training was not"
class LimitBatches(Callback):
    def __init__(self, most):
        self.most = most

    def before_epoch(self, learner):
        self.batches = 0

    def before_batch(self, learner):
        self.batches += not learner.training
        if not learner.training and self.batches > self.most:
            raise CancelBatch


# %% exercise="limit" message="no loader is to be exchanged"
class LimitBatches(Callback):
    def __init__(self, most):
        self.most = most

    def before_epoch(self, learner):
        self.whole = learner.training_loader
        learner.training_loader = list(self.whole)[: self.most]

    def after_epoch(self, learner):
        learner.training_loader = self.whole


# %% exercise="limit" message="each epoch's first event, before_epoch, begins the count"
class LimitBatches(Callback):
    def __init__(self, most):
        self.most, self.batches = most, 0

    def before_batch(self, learner):
        if not learner.training:
            self.batches = 0
            return
        self.batches += 1
        if self.batches > self.most:
            raise CancelBatch


# %% exercise="limit" message="LimitBatches(3), without validation: training stops at TypeError"
class LimitBatches(Callback):
    def __init__(self, most):
        self.most = most

    def before_epoch(self, learner):
        self.batches = 0

    def before_batch(self, learner):
        self.batches += learner.training
        if learner.training and self.batches > self.most:
            learner.run_batches(learner.validation_loader, False)
            raise CancelEpoch


# %% exercise="clip" message="below max_norm=1.5, were changed to 1.500: short ones stay"
def clip_grad_norm_(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([(grad**2).sum() for grad in grads]).sum().sqrt()
    for grad in grads:
        grad *= max_norm / (norm + 1e-6)
    return norm


# %% exercise="clip" message="each tensor on its own: the norm is that of all together"
def clip_grad_norm_(parameters, max_norm):
    norms = []
    for p in parameters:
        if p.grad is not None:
            norms.append((p.grad**2).sum().sqrt())
            p.grad *= (max_norm / (norms[-1] + 1e-6)).clamp(max=1)
    return (torch.stack(norms) ** 2).sum().sqrt()


# %% exercise="clip" message="number by number: that turns the direction"
def clip_grad_norm_(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([(grad**2).sum() for grad in grads]).sum().sqrt()
    for grad in grads:
        grad.clamp_(-max_norm, max_norm)
    return norm


# %% exercise="clip" message="nothing was shortened"
def clip_grad_norm_(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([(grad**2).sum() for grad in grads]).sum().sqrt()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1)
    for grad in grads:
        grad = grad * factor
    return norm


# %% exercise="clip" message="you return the norm as it is afterwards"
def clip_grad_norm_(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([(grad**2).sum() for grad in grads]).sum().sqrt()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1)
    for grad in grads:
        grad *= factor
    return norm * factor


# %% exercise="clip" message="the third without a gradient, from a generator: your code stops"
def clip_grad_norm_(parameters, max_norm):
    norm = torch.stack([(p.grad**2).sum() for p in parameters]).sum().sqrt()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1)
    for p in parameters:
        p.grad *= factor
    return norm


# %% exercise="clip" message="p.grad is a new tensor: scale the one that is there"
def clip_grad_norm_(parameters, max_norm):
    parameters = [p for p in parameters if p.grad is not None]
    norm = torch.stack([(p.grad**2).sum() for p in parameters]).sum().sqrt()
    for p in parameters:
        p.grad = p.grad * (max_norm / (norm + 1e-6)).clamp(max=1)
    return norm


# %% exercise="clip" message="nothing came back: return the norm"
def clip_grad_norm_(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([(grad**2).sum() for grad in grads]).sum().sqrt()
    for grad in grads:
        grad *= (max_norm / (norm + 1e-6)).clamp(max=1)


# %% exercise="clip" message="gradients of 0 have become NaN: 0 divided by 0"
def clip_grad_norm_(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([(grad**2).sum() for grad in grads]).sum().sqrt()
    for grad in grads:
        grad *= (max_norm / (norm + 1e-6)).clamp(max=1) * norm / norm
    return norm


# %% exercise="clip" message="what is left of a generator the second time"
def clip_grad_norm_(parameters, max_norm):
    norm = torch.stack([(p.grad**2).sum() for p in parameters if p.grad is not None]).sum().sqrt()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1)
    for p in parameters:
        if p.grad is not None:
            p.grad *= factor
    return norm


# %% exercise="clip" message="below max_norm=4.0, were changed to 4.000"
def clip_grad_norm_(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([(grad**2).sum() for grad in grads]).sum().sqrt()
    if norm > 1:
        for grad in grads:
            grad *= max_norm / (norm + 1e-6)
    return norm


# %% exercise="clip" message="divided by the largest number of them all"
def clip_grad_norm_(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([grad.abs().max() for grad in grads]).max()
    if norm > max_norm:
        for grad in grads:
            grad *= max_norm / (norm + 1e-6)
    return norm


# %% exercise="clip" message="divided by the root of the *mean* of the squares"
def clip_grad_norm_(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = (torch.cat([grad.flatten() for grad in grads]) ** 2).mean().sqrt()
    if norm > max_norm:
        for grad in grads:
            grad *= max_norm / (norm + 1e-6)
    return norm


# %% exercise="clip" message="max_norm is divided by the sum of the tensors' norms"
def clip_grad_norm_(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([(grad**2).sum().sqrt() for grad in grads]).sum()
    if norm > max_norm:
        for grad in grads:
            grad *= max_norm / (norm + 1e-6)
    return norm


# %% exercise="clip" message="your norm is torch.float32"
def clip_grad_norm_(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([(grad**2).sum() for grad in grads]).sum().sqrt()
    if norm > max_norm:
        for grad in grads:
            grad *= max_norm / (norm + 1e-6)
    return torch.tensor(norm.item())


# %% exercise="clip" message="divided by the norm of the parameters"
def clip_grad_norm_(parameters, max_norm):
    parameters = list(parameters)
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([(p.detach() ** 2).sum() for p in parameters]).sum().sqrt()
    if norm > max_norm:
        for grad in grads:
            grad *= max_norm / (norm + 1e-6)
    return norm


# %% exercise="clip" message="two tensors, no gradient at all: your code stops at"
def clip_grad_norm_(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([(grad**2).sum() for grad in grads]).sum().sqrt()
    if norm > max_norm:
        for grad in grads:
            grad *= max_norm / (norm + 1e-6)
    return norm


# %% exercise="clip" message="upside down: max_norm is divided by the norm"
def clip_grad_norm_(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([(grad**2).sum() for grad in grads]).sum().sqrt()
    if norm > max_norm:
        for grad in grads:
            grad *= norm / max_norm
    return norm



# %% exercise="clip" message="does `return` stand in the loop?"
def clip_grad_norm_(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([(grad**2).sum() for grad in grads]).sum().sqrt()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1)
    for grad in grads:
        grad *= factor
        return norm



# %% exercise="clip" message="by the norm of those before the one that has no gradient"
def clip_grad_norm_(parameters, max_norm):
    grads = []
    for p in parameters:
        if p.grad is None:
            break
        grads.append(p.grad)
    norm = torch.stack([(grad**2).sum() for grad in grads]).sum().sqrt()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1)
    for grad in grads:
        grad *= factor
    return norm



# %% exercise="clip" message="by the norm of the last tensor: is each added to those before?"
def clip_grad_norm_(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    for grad in grads:
        norm = (grad**2).sum().sqrt()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1)
    for grad in grads:
        grad *= factor
    return norm



# %% exercise="clip" message="p.grad.data has been exchanged"
def clip_grad_norm_(parameters, max_norm):
    parameters = [p for p in parameters if p.grad is not None]
    norm = torch.stack([(p.grad**2).sum() for p in parameters]).sum().sqrt()
    for p in parameters:
        p.grad.data = p.grad.data * (max_norm / (norm + 1e-6)).clamp(max=1)
    return norm



# %% exercise="clip" message="the gradients are float32 now, and your norm is torch.float64"
def clip_grad_norm_(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.tensor(sum((grad**2).sum().item() for grad in grads) ** 0.5, dtype=torch.float64)
    factor = (max_norm / (norm + 1e-6)).clamp(max=1)
    for grad in grads:
        grad *= factor
    return norm



# %% exercise="clip" message="the norm of all together is compared, with max_norm"
def clip_grad_norm_(parameters, max_norm):
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([(grad**2).sum() for grad in grads]).sum().sqrt() if grads else torch.tensor(0.0)
    for grad in grads:
        if (grad**2).sum().sqrt() > max_norm:
            grad *= max_norm / (norm + 1e-6)
    return norm



# %% exercise="clip" message="you have switched off gradients for everybody"
def clip_grad_norm_(parameters, max_norm):
    torch.set_grad_enabled(False)
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = sum(((grad**2).sum() for grad in grads), torch.zeros(())).sqrt()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1)
    for grad in grads:
        grad *= factor
    return norm


# %% exercise="first_not_finite" message="let each function that you put in call the forward of its own module"
def first_not_finite(model, x):
    names = [] if x.isfinite().all() else ["the input"]
    modules = list(model.named_modules())
    for name, module in modules:
        forward = module.forward

        def look(*arguments):
            output = forward(*arguments)
            if not output.isfinite().all():
                names.append(name)
            return output

        module.forward = look
    with torch.no_grad():
        model(x)
    for _, module in modules:
        del module.forward
    return names[0] if names else None


# %% exercise="first_not_finite" message="the modules were left with new attributes"
def first_not_finite(model, x):
    names = [] if x.isfinite().all() else ["the input"]

    def watched(name, forward):
        def look(*arguments):
            output = forward(*arguments)
            if not output.isfinite().all():
                names.append(name)
            return output

        return look

    for name, module in model.named_modules():
        module.forward = watched(name, module.forward)
    with torch.no_grad():
        model(x)
    return names[0] if names else None


# %% exercise="first_not_finite" message="the model stopped at an error, and its modules were left with new attributes"
def first_not_finite(model, x):
    names = [] if x.isfinite().all() else ["the input"]

    def watched(name, forward):
        def look(*arguments, **options):
            output = forward(*arguments, **options)
            if not finite(output):
                names.append(name)
            return output

        return look

    modules = list(model.named_modules())
    buffers = [(b, b.clone()) for b in model.buffers()]
    for name, module in modules:
        module.forward = watched(name, module.forward)
    with torch.no_grad():
        model(x)
    for _, module in modules:
        del module.forward
    for b, old in buffers:
        b.copy_(old)
    return names[0] if names else None


# %% exercise="first_not_finite" message="an infinite output is not finite either"
def first_not_finite(model, x):
    names = ["the input"] if x.isnan().any() else []

    def watched(name, forward):
        def look(*arguments):
            output = forward(*arguments)
            if output.isnan().any():
                names.append(name)
            return output

        return look

    modules = list(model.named_modules())
    try:
        for name, module in modules:
            module.forward = watched(name, module.forward)
        with torch.no_grad():
            model(x)
    finally:
        for _, module in modules:
            vars(module).pop("forward", None)
    return names[0] if names else None


# %% exercise="first_not_finite" message="'2' passes on the NaN that it was given"
def first_not_finite(model, x):
    names = [] if x.isfinite().all() else ["the input"]

    def watched(name, forward):
        def look(*arguments):
            output = forward(*arguments)
            if not output.isfinite().all() and name:
                names.append(name)
            return output

        return look

    modules = list(model.named_modules())
    try:
        for name, module in modules:
            module.forward = watched(name, module.forward)
        with torch.no_grad():
            model(x)
    finally:
        for _, module in modules:
            vars(module).pop("forward", None)
    return names[-1] if names else None


# %% exercise="first_not_finite" message="the whole model is the last to put something out"
def first_not_finite(model, x):
    if not x.isfinite().all():
        return "the input"
    seen = {}

    def watched(name, forward):
        def look(*arguments):
            seen[name] = forward(*arguments)
            return seen[name]

        return look

    modules = list(model.named_modules())
    try:
        for name, module in modules:
            module.forward = watched(name, module.forward)
        with torch.no_grad():
            model(x)
    finally:
        for _, module in modules:
            vars(module).pop("forward", None)
    for name, _ in modules:
        if name in seen and not seen[name].isfinite().all():
            return name
    return None


# %% exercise="first_not_finite" message="x has nan in it: 'the input', and not"
def first_not_finite(model, x):
    names = []

    def watched(name, forward):
        def look(*arguments):
            output = forward(*arguments)
            if not output.isfinite().all():
                names.append(name)
            return output

        return look

    modules = list(model.named_modules())
    try:
        for name, module in modules:
            module.forward = watched(name, module.forward)
        with torch.no_grad():
            model(x)
    finally:
        for _, module in modules:
            vars(module).pop("forward", None)
    return names[0] if names else None


# %% exercise="first_not_finite" message="children called one after another are not the model"
def first_not_finite(model, x):
    for name, module in model.named_children():
        x = module(x)
        if not x.isfinite().all():
            return name
    return None


# %% exercise="first_not_finite" message="buffers have to be kept, all"
def first_not_finite(model, x):
    names = [] if finite(x) else ["the input"]

    def watched(name, forward):
        def look(*arguments, **options):
            output = forward(*arguments, **options)
            if not finite(output):
                names.append(name)
            return output

        return look

    modules = list(model.named_modules())
    try:
        for name, module in modules:
            module.forward = watched(name, module.forward)
        with torch.no_grad():
            model(x)
    finally:
        for _, module in modules:
            vars(module).pop("forward", None)
    return names[0] if names else None


# %% exercise="first_not_finite" message="each number put out is finite (2e38), and only their sum is not"
def first_not_finite(model, x):
    names = [] if finite(x) else ["the input"]

    def watched(name, forward):
        def look(*arguments):
            output = forward(*arguments)
            if not output.sum().isfinite():
                names.append(name)
            return output

        return look

    modules = list(model.named_modules())
    try:
        for name, module in modules:
            module.forward = watched(name, module.forward)
        with torch.no_grad():
            model(x)
    finally:
        for _, module in modules:
            vars(module).pop("forward", None)
    return names[0] if names else None


# %% exercise="first_not_finite" message="and nothing comes back: is there a return?"
def first_not_finite(model, x):
    names = [] if finite(x) else ["the input"]

    def watched(name, forward):
        def look(*arguments):
            output = forward(*arguments)
            if not finite(output):
                names.append(name)
            return output

        return look

    modules = list(model.named_modules())
    try:
        for name, module in modules:
            module.forward = watched(name, module.forward)
        with torch.no_grad():
            model(x)
    finally:
        for _, module in modules:
            vars(module).pop("forward", None)
    if names:
        print(names[0])


# %% exercise="first_not_finite" message="'0.two' put out a tuple, with a NaN inside"
def first_not_finite(model, x):
    names = [] if finite(x) else ["the input"]

    def watched(name, forward):
        def look(*arguments, **options):
            output = forward(*arguments, **options)
            if isinstance(output, torch.Tensor) and not finite(output):
                names.append(name)
            return output

        return look

    modules = list(model.named_modules())
    buffers = [(b, b.clone()) for b in model.buffers()]
    try:
        for name, module in modules:
            module.forward = watched(name, module.forward)
        with torch.no_grad():
            model(x)
    finally:
        for _, module in modules:
            del module.forward
        for b, old in buffers:
            b.copy_(old)
    return names[0] if names else None


# %% exercise="first_not_finite" message="a module had a `forward` on the object before"
def first_not_finite(model, x):
    names = [] if finite(x) else ["the input"]

    def watched(name, forward):
        def look(*arguments, **options):
            output = forward(*arguments, **options)
            if not finite(output):
                names.append(name)
            return output

        return look

    modules = list(model.named_modules())
    buffers = [(b, b.clone()) for b in model.buffers()]
    try:
        for name, module in modules:
            module.forward = watched(name, module.forward)
        with torch.no_grad():
            model(x)
    finally:
        for _, module in modules:
            del module.forward
        for b, old in buffers:
            b.copy_(old)
    return names[0] if names else None


# %% exercise="first_not_finite" message="is the model run in the mode that it is in?"
@torch.no_grad()
def first_not_finite(model, x):
    names = [] if finite(x) else ["the input"]
    model = copy.deepcopy(model)
    model.eval()

    def watched(name, forward):
        def look(*arguments, **options):
            output = forward(*arguments, **options)
            if not finite(output):
                names.append(name)
            return output

        return look

    for name, module in model.named_modules():
        module.forward = watched(name, module.forward)
    model(x)
    return names[0] if names else None



# %% exercise="first_not_finite" message="in eval mode, in which the model is, all is well"
@torch.no_grad()
def first_not_finite(model, x):
    names = [] if finite(x) else ["the input"]
    model = copy.deepcopy(model)
    model.train()

    def watched(name, forward):
        def look(*arguments, **options):
            output = forward(*arguments, **options)
            if not finite(output):
                names.append(name)
            return output

        return look

    for name, module in model.named_modules():
        module.forward = watched(name, module.forward)
    model(x)
    return names[0] if names else None



# %% exercise="first_not_finite" message="hand on all arguments, those with names, too"
@torch.no_grad()
def first_not_finite(model, x):
    names = [] if finite(x) else ["the input"]
    model = copy.deepcopy(model)

    def watched(name, forward):
        def look(*arguments):
            output = forward(*arguments)
            if not finite(output):
                names.append(name)
            return output

        return look

    for name, module in model.named_modules():
        module.forward = watched(name, module.forward)
    model(x)
    return names[0] if names else None



# %% exercise="first_not_finite" message="the model stopped at an error, and you say that all is well"
@torch.no_grad()
def first_not_finite(model, x):
    names = [] if finite(x) else ["the input"]
    model = copy.deepcopy(model)

    def watched(name, forward):
        def look(*arguments, **options):
            output = forward(*arguments, **options)
            if not finite(output):
                names.append(name)
            return output

        return look

    for name, module in model.named_modules():
        module.forward = watched(name, module.forward)
    with suppress(Exception):
        model(x)
    return names[0] if names else None



# %% exercise="first_not_finite" message="is '' taken for no name"
@torch.no_grad()
def first_not_finite(model, x):
    names = [] if finite(x) else ["the input"]
    model = copy.deepcopy(model)

    def watched(name, forward):
        def look(*arguments, **options):
            output = forward(*arguments, **options)
            if not finite(output):
                names.append(name)
            return output

        return look

    for name, module in model.named_modules():
        module.forward = watched(name, module.forward)
    model(x)
    return next((name for name in names if name), None)



# %% exercise="first_not_finite" message="the class's own, was exchanged for the whole notebook"
@torch.no_grad()
def first_not_finite(model, x):
    names = [] if finite(x) else ["the input"]

    def watched(name, forward):
        def look(*arguments, **options):
            output = forward(*arguments, **options)
            if not finite(output):
                names.append(name)

        return look

    for name, module in model.named_modules():
        type(module).forward = watched(name, type(module).forward)
    model(x)
    return names[0] if names else None


# %% exercise="first_not_finite" message="the modules were left in another mode: each has its own"
@torch.no_grad()
def first_not_finite(model, x):
    training = model.training
    model.train(training)
    return "the input"


# %% exercise="first_not_finite" message="gradients are switched off for everybody"
def first_not_finite(model, x):
    torch.set_grad_enabled(False)
    return None if finite(x) else "the input"


# %% exercise="first_not_finite" message="does each function hand on what it got?"
@torch.no_grad()
def first_not_finite(model, x):
    model, names = copy.deepcopy(model), []

    def watched(name, forward):
        def look(*arguments, **options):
            if not finite(forward(*arguments, **options)):
                names.append(name)

        return look

    for name, module in model.named_modules():
        module.forward = watched(name, module.forward)
    model(x)
    return names[0] if names else None


# %% exercise="early_stopping" message="a snapshot that shares the model's memory goes on training"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner):
        self.waited += 1
        if monitored(learner, self.monitor) < self.best:
            self.best, self.waited = monitored(learner, self.monitor), 0
            self.weights = learner.model.state_dict()
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)


# %% exercise="early_stopping" message="should stop after epoch 5: counted, raised, the 3 kept?"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner):
        self.waited += 1
        if monitored(learner, self.monitor) < self.best:
            self.best, self.waited = monitored(learner, self.monitor), 0
            self.weights = copy.deepcopy(learner.model.state_dict())
        return self.waited >= self.patience

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)


# %% exercise="early_stopping" message="stops one epoch too late, after 6"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner):
        if self.waited >= self.patience:
            raise CancelFit
        self.waited += 1
        if monitored(learner, self.monitor) < self.best:
            self.best, self.waited = monitored(learner, self.monitor), 0
            self.weights = copy.deepcopy(learner.model.state_dict())

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)


# %% exercise="early_stopping" message="count anew from each better one"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner):
        if monitored(learner, self.monitor) < self.best:
            self.best = monitored(learner, self.monitor)
            self.weights = copy.deepcopy(learner.model.state_dict())
        else:
            self.waited += 1
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)


# %% exercise="early_stopping" message="compare with the lowest, not with the one before"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights, self.before = math.inf, 0, None, math.inf

    def after_epoch(self, learner):
        value = monitored(learner, self.monitor)
        self.waited = 0 if value < self.before else self.waited + 1
        self.before = value
        if value < self.best:
            self.best = value
            self.weights = copy.deepcopy(learner.model.state_dict())
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)


# %% exercise="early_stopping" message="equal is not better"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner):
        self.waited += 1
        if monitored(learner, self.monitor) <= self.best:
            self.best, self.waited = monitored(learner, self.monitor), 0
            self.weights = copy.deepcopy(learner.model.state_dict())
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)


# %% exercise="early_stopping" message="training came to its end without being stopped"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner):
        self.waited += 1
        if monitored(learner, self.monitor) < self.best:
            self.best, self.waited = monitored(learner, self.monitor), 0
            self.weights = copy.deepcopy(learner.model.state_dict())
        if self.waited >= self.patience:
            learner.model.load_state_dict(self.weights)
            raise CancelFit


# %% exercise="early_stopping" message="NaN is not lower than anything"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner):
        self.waited += 1
        if not monitored(learner, self.monitor) >= self.best:
            self.best, self.waited = monitored(learner, self.monitor), 0
            self.weights = copy.deepcopy(learner.model.state_dict())
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)


# %% exercise="early_stopping" message="4.5 was taken for the best: the lowest is left out"
class EarlyStopping(Callback):
    order = 50
    state = ("waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        if patience < 1:
            raise ValueError(f"{patience=}")
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def before_fit(self, learner):
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner):
        self.waited += 1
        value = monitored(learner, self.monitor)
        if value < self.best:
            self.best, self.waited = value, 0
            self.weights = copy.deepcopy(learner.model.state_dict())
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)


# %% exercise="early_stopping" message="for how many epochs the lowest has stood is left out"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        if patience < 1:
            raise ValueError(f"{patience=}")
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def before_fit(self, learner):
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner):
        self.waited += 1
        value = monitored(learner, self.monitor)
        if value < self.best:
            self.best, self.waited = value, 0
            self.weights = copy.deepcopy(learner.model.state_dict())
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)


# %% exercise="early_stopping" message="not of 2: the best are left out"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited")

    def __init__(self, monitor="validation_loss", patience=3):
        if patience < 1:
            raise ValueError(f"{patience=}")
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def before_fit(self, learner):
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner):
        self.waited += 1
        value = monitored(learner, self.monitor)
        if value < self.best:
            self.best, self.waited = value, 0
            self.weights = copy.deepcopy(learner.model.state_dict())
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)


# %% exercise="early_stopping" message="state is empty: what does it have to remember"
class EarlyStopping(Callback):
    order = 50
    state = ()

    def __init__(self, monitor="validation_loss", patience=3):
        if patience < 1:
            raise ValueError(f"{patience=}")
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def before_fit(self, learner):
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner):
        self.waited += 1
        value = monitored(learner, self.monitor)
        if value < self.best:
            self.best, self.waited = value, 0
            self.weights = copy.deepcopy(learner.model.state_dict())
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)


# %% exercise="early_stopping" message="what the fit before has left must be forgotten before_fit"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        if patience < 1:
            raise ValueError(f"{patience=}")
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner):
        self.waited += 1
        value = monitored(learner, self.monitor)
        if value < self.best:
            self.best, self.waited = value, 0
            self.weights = copy.deepcopy(learner.model.state_dict())
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)


# %% exercise="early_stopping" message="there is no epoch to leave"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        if patience < 1:
            raise ValueError(f"{patience=}")
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def before_fit(self, learner):
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner):
        self.waited += 1
        value = monitored(learner, self.monitor)
        if value < self.best:
            self.best, self.waited = value, 0
            self.weights = copy.deepcopy(learner.model.state_dict())
        if self.waited >= self.patience:
            raise CancelEpoch

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)


# %% exercise="early_stopping" message="and the buffer that of epoch"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        if patience < 1:
            raise ValueError(f"{patience=}")
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def before_fit(self, learner):
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner):
        self.waited += 1
        value = monitored(learner, self.monitor)
        if value < self.best:
            self.best, self.waited = value, 0
            self.weights = [p.detach().clone() for p in learner.model.parameters()]
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            with torch.no_grad():
                for p, kept in zip(learner.model.parameters(), self.weights, strict=True):
                    p.copy_(kept)


# %% exercise="early_stopping" message="you look at the validation loss: `monitor` says at what to look"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        if patience < 1:
            raise ValueError(f"{patience=}")
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def before_fit(self, learner):
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner):
        self.waited += 1
        value = monitored(learner, "validation_loss")
        if value < self.best:
            self.best, self.waited = value, 0
            self.weights = copy.deepcopy(learner.model.state_dict())
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)


# %% exercise="early_stopping" message="any number can be the lowest"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        if patience < 1:
            raise ValueError(f"{patience=}")
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = None, 0, None

    def before_fit(self, learner):
        self.best, self.waited, self.weights = None, 0, None

    def after_epoch(self, learner):
        self.waited += 1
        value = monitored(learner, self.monitor)
        if not self.best or value < self.best:
            self.best, self.waited = value, 0
            self.weights = copy.deepcopy(learner.model.state_dict())
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)


# %% exercise="early_stopping" message="a patience of 0: a ValueError, at least 1"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def before_fit(self, learner):
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner):
        self.waited += 1
        value = monitored(learner, self.monitor)
        if value < self.best:
            self.best, self.waited = value, 0
            self.weights = copy.deepcopy(learner.model.state_dict())
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)


# %% exercise="early_stopping" message="learner.model, or its weight, is another object now"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        if patience < 1:
            raise ValueError(f"{patience=}")
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def before_fit(self, learner):
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner):
        self.waited += 1
        value = monitored(learner, self.monitor)
        if value < self.best:
            self.best, self.waited = value, 0
            self.weights = copy.deepcopy(learner.model)
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model = self.weights


# %% exercise="early_stopping" message="it had had enough, and ends after 6 epochs: before_epoch has to ask"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        if patience < 1:
            raise ValueError(f"{patience=}")
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def before_fit(self, learner):
        self.best, self.waited, self.weights = math.inf, 0, None

    def after_epoch(self, learner):
        self.waited += 1
        value = monitored(learner, self.monitor)
        if value < self.best:
            self.best, self.waited = value, 0
            self.weights = copy.deepcopy(learner.model.state_dict())
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)



# %% exercise="early_stopping" message="a checkpoint cannot hold it"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        if patience < 1:
            raise ValueError(f"{patience=}")
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def before_fit(self, learner):
        self.best, self.waited, self.weights = math.inf, 0, None

    def before_epoch(self, learner):
        if self.waited >= self.patience:
            raise CancelFit

    def after_epoch(self, learner):
        self.waited += 1
        value = monitored(learner, self.monitor)
        if value < self.best:
            self.best, self.waited = value, 0
            self.weights = copy.deepcopy(learner.model)
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights.state_dict())



# %% exercise="early_stopping" message="nobody has measured the second of 3 epochs, and nothing complains"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        if patience < 1:
            raise ValueError(f"{patience=}")
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def before_fit(self, learner):
        self.best, self.waited, self.weights = math.inf, 0, None

    def before_epoch(self, learner):
        if self.waited >= self.patience:
            raise CancelFit

    def after_epoch(self, learner):
        self.waited += 1
        value = learner.history[-1][self.monitor]
        if value < self.best:
            self.best, self.waited = value, 0
            self.weights = copy.deepcopy(learner.model.state_dict())
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)



# %% exercise="early_stopping" message="a patience of 0: raise a ValueError, and not AssertionError()"
class EarlyStopping(Callback):
    order = 50
    state = ("best", "waited", "weights")

    def __init__(self, monitor="validation_loss", patience=3):
        assert patience >= 1
        self.monitor, self.patience = monitor, patience
        self.best, self.waited, self.weights = math.inf, 0, None

    def before_fit(self, learner):
        self.best, self.waited, self.weights = math.inf, 0, None

    def before_epoch(self, learner):
        if self.waited >= self.patience:
            raise CancelFit

    def after_epoch(self, learner):
        self.waited += 1
        value = monitored(learner, self.monitor)
        if value < self.best:
            self.best, self.waited = value, 0
            self.weights = copy.deepcopy(learner.model.state_dict())
        if self.waited >= self.patience:
            raise CancelFit

    def after_fit(self, learner):
        if self.weights is not None:
            learner.model.load_state_dict(self.weights)
