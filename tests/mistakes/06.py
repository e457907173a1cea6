# %% [markdown]
# Classic wrong answers to chapter 6's exercises, each with what the check must say to it.


# %% exercise="functions" message="1 minus the square of the input: take the result's"
@extend(Value)
def exp(self):
    out = math.exp(self.data)
    return Value(out, "exp", (self,), (out,))


@extend(Value)
def log(self):
    return Value(math.log(self.data), "log", (self,), (1 / self.data,))


@extend(Value)
def tanh(self):
    return Value(math.tanh(self.data), "tanh", (self,), (1 - self.data**2,))


# %% exercise="functions" message="the rule for powers; exp is its own"
@extend(Value)
def exp(self):
    return Value(math.exp(self.data), "exp", (self,), (self.data * math.exp(self.data - 1),))


# %% exercise="functions" message="1 by the result: divide by the input"
@extend(Value)
def exp(self):
    out = math.exp(self.data)
    return Value(out, "exp", (self,), (out,))


@extend(Value)
def log(self):
    out = math.log(self.data)
    return Value(out, "log", (self,), (1 / out,))


# %% exercise="functions" message="overflows: take the value from math.tanh"
@extend(Value)
def exp(self):
    out = math.exp(self.data)
    return Value(out, "exp", (self,), (out,))


@extend(Value)
def log(self):
    return Value(math.log(self.data), "log", (self,), (1 / self.data,))


@extend(Value)
def tanh(self):
    e = math.exp(2 * self.data)
    out = (e - 1) / (e + 1)
    return Value(out, "tanh", (self,), (1 - out**2,))


# %% exercise="functions" message="has no parent, and so no gradient goes back"
@extend(Value)
def exp(self):
    return Value(math.exp(self.data), "exp")


# %% exercise="functions" message="and (self) is none: write (self,)"
@extend(Value)
def exp(self):
    out = math.exp(self.data)
    return Value(out, "exp", (self), (out))


# %% exercise="functions" message="0: missing, or times self.grad"
@extend(Value)
def exp(self):
    out = math.exp(self.data)
    return Value(out, "exp", (self,), (out * self.grad,))


# %% exercise="functions" message="make a Value of it"
@extend(Value)
def exp(self):
    return math.exp(self.data)


# %% exercise="functions" message="nothing came back: return the new Value"
@extend(Value)
def exp(self):
    self.data = math.exp(self.data)


# %% exercise="functions" message="make a new Value and leave it alone"
@extend(Value)
def exp(self):
    self.data = math.exp(self.data)
    return Value(self.data, "exp", (self,), (self.data,))


# %% exercise="functions" message="Value has no method tanh"
@extend(Value)
def exp(self):
    out = math.exp(self.data)
    return Value(out, "exp", (self,), (out,))


@extend(Value)
def log(self):
    return Value(math.log(self.data), "log", (self,), (1 / self.data,))


# %% exercise="unbroadcast" message="a length of 1 was stretched, and is to be summed, too"
def unbroadcast(grad, shape):
    while grad.dim() > len(shape):
        grad = grad.sum(0)
    return grad


# %% exercise="unbroadcast" message="that is the mean, and paths add"
def unbroadcast(grad, shape):
    added = grad.dim() - len(shape)
    dims = (*range(added), *[d for d, n in enumerate(shape, added) if n == 1])
    return grad.mean(dims, keepdim=True).reshape(shape) if dims else grad


# %% exercise="unbroadcast" message="only the first of the copies counted"
def unbroadcast(grad, shape):
    while grad.dim() > len(shape):
        grad = grad[0]
    return grad[tuple(slice(0, n) for n in shape)]


# %% exercise="unbroadcast" message="to `sum` no dimensions are all"
def unbroadcast(grad, shape):
    added = grad.dim() - len(shape)
    dims = (*range(added), *[d for d, n in enumerate(shape, added) if n == 1 != grad.shape[d]])
    total = grad.sum(dims, keepdim=bool(dims))
    return total.reshape(shape) if dims else total


# %% exercise="unbroadcast" message="stops at a reshape: 12 numbers are no 3"
def unbroadcast(grad, shape):
    return grad.reshape(shape)


# %% exercise="unbroadcast" message="nothing was added up"
def unbroadcast(grad, shape):
    return grad


# %% exercise="unbroadcast" message="what was stretched from 1, and over nothing else"
def unbroadcast(grad, shape):
    behind = grad.dim() - len(shape)
    if behind:
        grad = grad.sum(tuple(range(len(shape), grad.dim())))
    dims = tuple(d for d, n in enumerate(shape) if n == 1)
    return grad.sum(dims, keepdim=True) if dims else grad


# %% exercise="unbroadcast" message="a length of 1 has got lost"
def unbroadcast(grad, shape):
    added = grad.dim() - len(shape)
    dims = (*range(added), *[d for d, n in enumerate(shape, added) if n == 1])
    return grad.sum(dims) if dims else grad


# %% exercise="unbroadcast" message="nothing came back: return the tensor"
def unbroadcast(grad, shape):
    print(grad.sum_to_size(shape))


# %% exercise="disagreement" message="the gradient of a plain sum, or mean, is the same everywhere"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]

    def loss():
        return operation(*leaves).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return max((a - b).abs().max().item() for a, b in zip(grads, numerical))


# %% exercise="disagreement" message="backward() begins at a single number, made of leaves"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    operation(*leaves).backward()
    numerical = numerical_grad(lambda: operation(*leaves).data, [leaf.data for leaf in leaves])
    return max((leaf.grad - b).abs().max().item() for leaf, b in zip(leaves, numerical))


# %% exercise="disagreement" message="with the same weights, on both sides?"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]

    def loss():
        out = operation(*leaves)
        return (out * torch.randn(out.shape, dtype=torch.float64)).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return max((a - b).abs().max().item() for a, b in zip(grads, numerical))


# %% exercise="disagreement" message="wrong for the second input only, and got"
def disagreement(operation, *inputs):
    first, *others = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(first, *others).shape, dtype=torch.float64)

    def loss():
        return (operation(first, *others) * weights).sum()

    loss().backward()
    (judged,) = numerical_grad(lambda: loss().data, [first.data])
    return (first.grad - judged).abs().max().item()


# %% exercise="disagreement" message="a leaf that nothing came back to has grad None"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    return max((leaf.grad - b).abs().max().item() for leaf, b in zip(leaves, numerical))


# %% exercise="disagreement" message="all six got 0: is anything compared"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return min((a - b).abs().min().item() for a, b in zip(grads, numerical))


# %% exercise="disagreement" message="the inputs have changed: give the leaves copies"
def disagreement(operation, *inputs):
    for x in inputs:
        x += 0.1
    leaves = [Tensor(x, requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return max((a - b).abs().max().item() for a, b in zip(grads, numerical))


# %% exercise="disagreement" message="call the operation anew for each loss"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    out = operation(*leaves)
    weights = torch.randn(out.shape, dtype=torch.float64)
    (out * weights).sum().backward()
    (out * weights).sum().backward()
    return 0.0


# %% exercise="amax" message="got the whole gradient: [4, 1, 4, 0] has two of them"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    largest = (x == spread(out, x, dim, keepdim)).to(x.dtype)
    return recorded("amax", out, (self, lambda G: spread(G, x, dim, keepdim) * largest))


# %% exercise="amax" message="of several equally large only one got a gradient"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x = self.data
    out, places = x.max(dim, keepdim=True)

    def vjp(G):
        G = G if keepdim else G.unsqueeze(dim)
        return torch.zeros_like(x).scatter(dim, places, G)

    return recorded("amax", out if keepdim else out.squeeze(dim), (self, vjp))


# %% exercise="amax" message="the upstream gradient is not in it"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    largest = (x == spread(out, x, dim, keepdim)).to(x.dtype)
    return recorded("amax", out, (self, lambda G: largest / largest.sum(dim, keepdim=True)))


# %% exercise="amax" message="all got it: only where x is the largest"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    return recorded("amax", out, (self, lambda G: spread(G, x, dim, keepdim)))


# %% exercise="amax" message="divide by how many are largest in this row"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    largest = (x == spread(out, x, dim, keepdim)).to(x.dtype)
    share = largest / (largest.sum() / out.numel())
    return recorded("amax", out, (self, lambda G: spread(G, x, dim, keepdim) * share))


# %% exercise="amax" message="multiplied by the largest itself"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    largest = x * (x == spread(out, x, dim, keepdim))
    return recorded("amax", out, (self, lambda G: spread(G, x, dim, keepdim) * largest))


# %% exercise="amax" message="was not recorded: give it an edge to self"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    return Tensor(self.data.amax(dim, keepdim=keepdim))


# %% exercise="amax" message="the result, a sum or the upstream gradient meets"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    largest = (x == x.amax(dim, keepdim=True)).to(x.dtype)
    return recorded("amax", out, (self, lambda G: G * largest / largest.sum(dim)))


# %% exercise="amax" message="`recorded` makes it"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    return self.data.amax(dim, keepdim=keepdim)


# %% exercise="validation_losses" message="the graphs are still held while the loop runs"
def validation_losses(network, inputs, targets, batch_size):
    losses = []
    for x, wanted in zip(inputs.split(batch_size), targets.split(batch_size)):
        losses.append(mse(network.forward(Tensor(x)), wanted))
    return [loss.data.item() for loss in losses]


# %% exercise="validation_losses" message="a measurement needs no backward()"
def validation_losses(network, inputs, targets, batch_size):
    losses = []
    for x, wanted in zip(inputs.split(batch_size), targets.split(batch_size)):
        loss = mse(network.forward(Tensor(x)), wanted)
        loss.backward()
        losses.append(loss.data.item())
    return losses


# %% exercise="validation_losses" message="within our no_grad() the tape would not even be"
def validation_losses(network, inputs, targets, batch_size):
    losses = []
    for x, wanted in zip(inputs.split(batch_size), targets.split(batch_size)):
        losses.append(mse(network.forward(Tensor(x)), wanted).data.item())
    return losses


# %% exercise="validation_losses" message="give back plain floats, not"
def validation_losses(network, inputs, targets, batch_size):
    losses = []
    with no_grad():
        for x, wanted in zip(inputs.split(batch_size), targets.split(batch_size)):
            losses.append(mse(network.forward(Tensor(x)), wanted).detach())
    return losses


# %% exercise="validation_losses" message="the tape is still off after the measurement"
def validation_losses(network, inputs, targets, batch_size):
    Tensor.recording = False
    losses = []
    for x, wanted in zip(inputs.split(batch_size), targets.split(batch_size)):
        losses.append(mse(network.forward(Tensor(x)), wanted).data.item())
    return losses


# %% exercise="validation_losses" message="the next training would stand still"
def validation_losses(network, inputs, targets, batch_size):
    for parameter in network.parameters():
        parameter.requires_grad = False
    losses = []
    for x, wanted in zip(inputs.split(batch_size), targets.split(batch_size)):
        losses.append(mse(network.forward(Tensor(x)), wanted).data.item())
    return losses


# %% exercise="validation_losses" message="one loss for each of 5 batches"
def validation_losses(network, inputs, targets, batch_size):
    losses = []
    with no_grad():
        for x, wanted in zip(inputs.split(batch_size), targets.split(batch_size)):
            losses.append(mse(network.forward(Tensor(x)), wanted).data.item())
    return [math.fsum(losses) / len(losses)]


# %% exercise="validation_losses" message="and the last has 3"
def validation_losses(network, inputs, targets, batch_size):
    losses = []
    with no_grad():
        for i in range(len(inputs) // batch_size):
            some = slice(i * batch_size, (i + 1) * batch_size)
            losses.append(mse(network.forward(Tensor(inputs[some])), targets[some]).data.item())
    return losses


# %% exercise="functions" message="the order is data, op, parents, local"
@extend(Value)
def exp(self):
    out = math.exp(self.data)
    return Value(out, (self,), (out,), "exp")


# %% exercise="functions" message="its parent is the Value, self, and not the number in it"
@extend(Value)
def exp(self):
    out = math.exp(self.data)
    return Value(out, "exp", (self.data,), (out,))


# %% exercise="functions" message="1 by the result: do not divide"
@extend(Value)
def exp(self):
    out = math.exp(self.data)
    return Value(out, "exp", (self,), (1 / out,))


# %% exercise="unbroadcast" message="mind that to it an empty tuple of dimensions means all"
def unbroadcast(grad, shape):
    added = grad.dim() - len(shape)
    dims = (*range(added), *[d for d, n in enumerate(shape, added) if n == 1 != grad.shape[d]])
    return grad.sum(dims).reshape(shape)


# %% exercise="unbroadcast" message="a length of 1 is left over"
def unbroadcast(grad, shape):
    added = grad.dim() - len(shape)
    dims = (*range(added), *[d for d, n in enumerate(shape, added) if n == 1])
    return grad.sum(dims, keepdim=True) if dims else grad


# %% exercise="unbroadcast" message="after each sum the dimensions behind it move one forward"
def unbroadcast(grad, shape):
    added = grad.dim() - len(shape)
    for d, n in enumerate((1,) * added + tuple(shape)):
        if n == 1:
            grad = grad.sum(d)
    return grad.reshape(shape)


# %% exercise="disagreement" message="that is the mean, and the largest of 35 places counts"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return max((a - b).abs().mean().item() for a, b in zip(grads, numerical))


# %% exercise="disagreement" message="that is the sum, and the largest of 35 places counts"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return sum((a - b).abs().sum().item() for a, b in zip(grads, numerical))


# %% exercise="disagreement" message="without its sign: take abs()"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return max((a - b).max().item() for a, b in zip(grads, numerical))


# %% exercise="disagreement" message="the absolute difference, as it is"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    data = [leaf.data for leaf in leaves]
    grads = [torch.zeros_like(leaf.data) if leaf.grad is None else leaf.grad for leaf in leaves]
    return gradient_check(lambda: loss().data, data, grads)


# %% exercise="disagreement" message="it takes the tensors one by one: operation(*leaves)"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    operation(leaves).sum().backward()
    return 0.0


# %% exercise="disagreement" message="numerical_grad wants PyTorch's tensors: take .data"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    operation(*leaves).sum().backward()
    numerical = numerical_grad(lambda: operation(*leaves).sum(), leaves)
    return max((leaf.grad - b).abs().max().item() for leaf, b in zip(leaves, numerical))


# %% exercise="amax" message="divided by how many numbers a row has"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    largest = (x == spread(out, x, dim, keepdim)).to(x.dtype) / x.shape[dim]
    return recorded("amax", out, (self, lambda G: spread(G, x, dim, keepdim) * largest))


# %% exercise="amax" message="is not the largest of its row: only what equals it"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    largest = ((x - spread(out, x, dim, keepdim)).abs() < 1e-6).to(x.dtype)
    share = largest / largest.sum(dim, keepdim=True)
    return recorded("amax", out, (self, lambda G: spread(G, x, dim, keepdim) * share))


# %% exercise="amax" message=": the result or a sum meets something"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    largest = (x == out).to(x.dtype)
    share = largest / largest.sum(dim, keepdim=True)
    return recorded("amax", out, (self, lambda G: spread(G, x, dim, keepdim) * share))


# %% exercise="validation_losses" message="is neither a float nor has it item(): .data.item()"
def validation_losses(network, inputs, targets, batch_size):
    losses = []
    with no_grad():
        for x, wanted in zip(inputs.split(batch_size), targets.split(batch_size)):
            losses.append(float(mse(network.forward(Tensor(x)), wanted)))
    return losses
