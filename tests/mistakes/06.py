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


# %% exercise="functions" message="Value(400.0).tanh() overflows"
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


# %% exercise="unbroadcast" message="12 are left, and (3,) has 3"
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


# %% exercise="disagreement" message="forgets_upstream and the_first_column_of_G and"
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


# %% exercise="amax" message="b (4) at non-singleton dimension 1'): the result, a sum"
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


# %% exercise="validation_losses" message="the tape would not even be written"
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


# %% exercise="validation_losses" message="one loss for each of 6 batches"
def validation_losses(network, inputs, targets, batch_size):
    losses = []
    with no_grad():
        for x, wanted in zip(inputs.split(batch_size), targets.split(batch_size)):
            losses.append(mse(network.forward(Tensor(x)), wanted).data.item())
    return [math.fsum(losses) / len(losses)]


# %% exercise="validation_losses" message="batches of [4, 4, 4, 4, 4] of 23 images"
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


# %% exercise="unbroadcast" message="not a dimension of it: miscounted, or moved forward by a sum"
def unbroadcast(grad, shape):
    added = grad.dim() - len(shape)
    for d, n in enumerate((1,) * added + tuple(shape)):
        if n == 1:
            grad = grad.sum(d)
    return grad.reshape(shape)


# %% exercise="disagreement" message="that is the mean, and of all places of all inputs"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return max((a - b).abs().mean().item() for a, b in zip(grads, numerical))


# %% exercise="disagreement" message="that is the sum, and of all places of all inputs"
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


# %% exercise="functions" message="Value(-400.0).tanh() overflows"
@extend(Value)
def exp(self):
    out = math.exp(self.data)
    return Value(out, "exp", (self,), (out,))


@extend(Value)
def log(self):
    return Value(math.log(self.data), "log", (self,), (1 / self.data,))


@extend(Value)
def tanh(self):
    e = math.exp(-2 * self.data)
    out = (1 - e) / (1 + e)
    return Value(out, "tanh", (self,), (1 - out**2,))


# %% exercise="functions" message="Value(1e-09).log() is -16.118095651, not"
@extend(Value)
def exp(self):
    out = math.exp(self.data)
    return Value(out, "exp", (self,), (out,))


@extend(Value)
def log(self):
    x = max(self.data, 1e-7)
    return Value(math.log(x), "log", (self,), (1 / x,))


# %% exercise="functions" message="Value(30.0).exp() is 22026.4657948, not"
@extend(Value)
def exp(self):
    out = math.exp(min(self.data, 10))
    return Value(out, "exp", (self,), (out,))


# %% exercise="functions" message="is it rounded, or something added to the input?"
@extend(Value)
def exp(self):
    out = math.exp(self.data)
    return Value(out, "exp", (self,), (out,))


@extend(Value)
def log(self):
    x = self.data + 1e-8
    return Value(math.log(x), "log", (self,), (1 / x,))


# %% exercise="functions" message="the derivative of Value(0.4).log() is 2.5, not 2.49999"
@extend(Value)
def exp(self):
    out = math.exp(self.data)
    return Value(out, "exp", (self,), (out,))


@extend(Value)
def log(self):
    out = math.log(self.data)
    return Value(out, "log", (self,), ((math.log(self.data + 1e-6) - out) / 1e-6,))


# %% exercise="functions" message="exp is called, as a method: without @property"
@extend(Value)
@property
def exp(self):
    out = math.exp(self.data)
    return Value(out, "exp", (self,), (out,))


# %% exercise="functions" message="in `math` it is self.data"
@extend(Value)
def exp(self):
    out = math.exp(self)
    return Value(out, "exp", (self,), (out,))


# %% exercise="functions" message="a power is written **"
@extend(Value)
def exp(self):
    out = math.exp(self.data)
    return Value(out, "exp", (self,), (out,))


@extend(Value)
def log(self):
    return Value(math.log(self.data), "log", (self,), (1 / self.data,))


@extend(Value)
def tanh(self):
    out = math.tanh(self.data)
    return Value(out, "tanh", (self,), (1 - out ^ 2,))


# %% exercise="unbroadcast" message="brought back to (4, 1), has become torch.float64"
def unbroadcast(grad, shape):
    grad = grad.double()
    while grad.dim() > len(shape):
        grad = grad.sum(0)
    for d, n in enumerate(shape):
        if n == 1:
            grad = grad.sum(d, keepdim=True)
    return grad


# %% exercise="unbroadcast" message="over the wrong dimensions? Both shapes are aligned on the right"
def unbroadcast(grad, shape):
    added = grad.dim() - len(shape)
    dims = (*range(added), *[d for d, n in enumerate(shape) if n == 1])
    return grad.sum(dims).reshape(shape) if dims else grad


# %% exercise="unbroadcast" message="everything was added up, and not all of it was repeated"
def unbroadcast(grad, shape):
    dims = [d for d in range(grad.dim()) if d >= len(shape) or shape[d] != grad.shape[d]]
    return grad.sum(dims).reshape(shape) if dims else grad


# %% exercise="unbroadcast" message="where a length is 0, -1 can be any"
def unbroadcast(grad, shape):
    grad = grad.reshape(-1, *grad.shape[grad.dim() - len(shape) :]).sum(0)
    for d, n in enumerate(shape):
        if n == 1:
            grad = grad.sum(d, keepdim=True)
    return grad


# %% exercise="unbroadcast" message="`shape` begins only at dimension 1"
def unbroadcast(grad, shape):
    dims = [d for d in range(grad.dim()) if shape[d] == 1]
    return grad.sum(dims, keepdim=True) if dims else grad


# %% exercise="disagreement" message="one number for all inputs, and not a tensor of shape (1,)"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return torch.stack([(a - b).abs().max() for a, b in zip(grads, numerical)]).amax(0, keepdim=True)


# %% exercise="disagreement" message="give back a number, not a Tensor"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return Tensor(torch.stack([(a - b).abs().max() for a, b in zip(grads, numerical)]).amax(0))


# %% exercise="disagreement" message="as it is, not rounded"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return round(max((a - b).abs().max().item() for a, b in zip(grads, numerical)), 3)


# %% exercise="disagreement" message="not its square"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return max(((a - b) ** 2).max().item() for a, b in zip(grads, numerical))


# %% exercise="disagreement" message="not how many differ, but by how much"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return sum(int(((a - b).abs() > 1e-6).sum()) for a, b in zip(grads, numerical))


# %% exercise="disagreement" message="not whether they differ, but by how much"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return float(not all(torch.allclose(a, b, atol=1e-6) for a, b in zip(grads, numerical)))


# %% exercise="disagreement" message="take abs() of each"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return max(abs((a - b).sum().item()) for a, b in zip(grads, numerical))


# %% exercise="disagreement" message="of all inputs the largest counts, without its sign"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return (grads[-1] - numerical[-1]).abs().max().item()


# %% exercise="disagreement" message="got nan: the difference itself, not divided"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return max(((a - b) / b).abs().max().item() for a, b in zip(grads[::-1], numerical[::-1]))


# %% exercise="disagreement" message="the gradient of b is 0, and by finite differences, too"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    if any(leaf.grad is None for leaf in leaves):
        return 1.0
    return max((a - b).abs().max().item() for a, b in zip(grads, numerical))


# %% exercise="disagreement" message="only_the_first got 0: a leaf that nothing came back to"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return max((leaf.grad - b).abs().max().item() for leaf, b in zip(leaves, numerical) if leaf.grad is not None)


# %% exercise="disagreement" message="the_first_row_of_G got 0"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = 1 + torch.arange(math.prod(operation(*leaves).shape[-1:])).double()

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return max((a - b).abs().max().item() for a, b in zip(grads, numerical))


# %% exercise="disagreement" message="the_first_column_of_G got 0"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(operation(*leaves).shape[:1], dtype=torch.float64).reshape(-1, 1)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return max((a - b).abs().max().item() for a, b in zip(grads, numerical))


# %% exercise="disagreement" message="the sum of x**4 is right, and got"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = 1 + torch.rand(operation(*leaves).shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves], 1e-2)
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return max((a - b).abs().max().item() for a, b in zip(grads, numerical))


# %% exercise="disagreement" message="the weights have the shape of what comes out"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    weights = torch.randn(inputs[0].shape, dtype=torch.float64)

    def loss():
        return (operation(*leaves) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [leaf.data for leaf in leaves])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip(leaves, numerical)]
    return max((a - b).abs().max().item() for a, b in zip(grads, numerical))


# %% exercise="disagreement" message="this loss is not made of the leaves"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    operation(*inputs).sum().backward()
    numerical = numerical_grad(lambda: operation(*leaves).sum().data, [leaf.data for leaf in leaves])
    return max((leaf.grad - b).abs().max().item() for leaf, b in zip(leaves, numerical))


# %% exercise="disagreement" message="a Tensor of ours has no item()"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    operation(*leaves).sum().backward()
    numerical = numerical_grad(lambda: operation(*leaves).sum().item(), [leaf.data for leaf in leaves])
    return max((leaf.grad - b).abs().max().item() for leaf, b in zip(leaves, numerical))


# %% exercise="disagreement" message="backward() takes no gradient: make one number first"
def disagreement(operation, *inputs):
    leaves = [Tensor(x.clone(), requires_grad=True) for x in inputs]
    out = operation(*leaves)
    out.backward(torch.randn(out.shape, dtype=torch.float64))
    return 0.0


# %% exercise="disagreement" message="the inputs are one, two or more"
def disagreement(operation, *inputs):
    a, b = (Tensor(x.clone(), requires_grad=True) for x in inputs)
    weights = torch.randn(operation(a, b).shape, dtype=torch.float64)

    def loss():
        return (operation(a, b) * weights).sum()

    loss().backward()
    numerical = numerical_grad(lambda: loss().data, [a.data, b.data])
    grads = [judged * 0 if leaf.grad is None else leaf.grad for leaf, judged in zip((a, b), numerical)]
    return max((g - judged).abs().max().item() for g, judged in zip(grads, numerical))


# %% exercise="amax" message="b (3) at non-singleton dimension 1'): the result, a sum"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    largest = (x == spread(out, x, dim, keepdim)).to(x.dtype)
    share = largest / largest.sum(dim, keepdim=True)
    if keepdim:
        return recorded("amax", out, (self, lambda G: G * share))
    return recorded("amax", out, (self, lambda G: (G[None] if dim == 0 else G[..., None]) * share))


# %% exercise="amax" message="all 0: are numbers compared with numbers, not a Tensor?"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    largest = self == out
    return recorded("amax", out, (self, lambda G: spread(G, x, dim, keepdim) * largest))


# %% exercise="amax" message="counted along another dimension"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    largest = (x == spread(out, x, dim, keepdim)).to(x.dtype)
    share = largest / largest.sum(-1, keepdim=True)
    return recorded("amax", out, (self, lambda G: spread(G, x, dim, keepdim) * share))


# %% exercise="amax" message="divided twice by how many are largest"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    largest = (x == spread(out, x, dim, keepdim)).to(x.dtype)
    count = largest.sum(dim, keepdim=True)
    share = largest / count
    return recorded("amax", out, (self, lambda G: spread(G, x, dim, keepdim) / count * share))


# %% exercise="amax" message="all got the same part: only the largest do"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    return recorded("amax", out, (self, lambda G: spread(G, x, dim, keepdim) / x.shape[dim]))


# %% exercise="amax" message="so 0 is divided by 0: count"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    largest = x * (x == spread(out, x, dim, keepdim))
    share = largest / largest.sum(dim, keepdim=True)
    return recorded("amax", out, (self, lambda G: spread(G, x, dim, keepdim) * share))


# %% exercise="amax" message="is [5.0, 7.0, 0.0], not [5.0, 7.0, -1.5]"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, torch.zeros_like(self.data.select(dim, 0))
    for part in x.unbind(dim):
        out = torch.maximum(out, part)
    out = out.unsqueeze(dim) if keepdim else out
    largest = (x == spread(out, x, dim, keepdim)).to(x.dtype)
    share = largest / largest.sum(dim, keepdim=True)
    return recorded("amax", out, (self, lambda G: spread(G, x, dim, keepdim) * share))


# %% exercise="amax" message="is [5.0, 9.0, 8.0], not [5.0, 7.0, -1.5]"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.abs().amax(dim, keepdim=keepdim)
    largest = (x.abs() == spread(out, x, dim, keepdim)).to(x.dtype)
    share = largest / largest.sum(dim, keepdim=True)
    return recorded("amax", out, (self, lambda G: spread(G, x, dim, keepdim) * share))


# %% exercise="amax" message="the way back returns nothing"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    largest = (x == spread(out, x, dim, keepdim)).to(x.dtype)

    def vjp(G):
        spread(G, x, dim, keepdim) * largest / largest.sum(dim, keepdim=True)

    return recorded("amax", out, (self, vjp))


# %% exercise="amax" message="an edge is a pair: (self, function)"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    largest = (x == spread(out, x, dim, keepdim)).to(x.dtype)
    return recorded("amax", out, self, lambda G: spread(G, x, dim, keepdim) * largest)


# %% exercise="amax" message="an edge is a pair of self and a function of G"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    largest = (x == spread(out, x, dim, keepdim)).to(x.dtype)
    return recorded("amax", out, (self, largest / largest.sum(dim, keepdim=True)))


# %% exercise="amax" message="max(dim) gives values and places: take amax"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    out = self.data.max(dim, keepdim=keepdim)
    return recorded("amax", out, (self, lambda G: G))


# %% exercise="amax" message="; without keepdim it was right"
@extend(Tensor)
def amax(self, dim, keepdim=False):
    x, out = self.data, self.data.amax(dim, keepdim=keepdim)
    largest = (x == spread(out, x, dim, keepdim)).to(x.dtype)
    share = largest / largest.sum(dim, keepdim=True)
    return recorded("amax", out, (self, lambda G: G.unsqueeze(dim) * share))


# %% exercise="validation_losses" message="batches of [6, 6, 6, 5] of 23 images"
def validation_losses(network, inputs, targets, batch_size):
    losses = []
    with no_grad():
        for x, wanted in zip(inputs.chunk(batch_size), targets.chunk(batch_size)):
            losses.append(mse(network.forward(Tensor(x)), wanted).data.item())
    return losses


# %% exercise="validation_losses" message="the tape was off before, and is on afterwards"
def validation_losses(network, inputs, targets, batch_size):
    Tensor.recording = False
    losses = []
    for x, wanted in zip(inputs.split(batch_size), targets.split(batch_size)):
        losses.append(mse(network.forward(Tensor(x)), wanted).data.item())
    Tensor.recording = True
    return losses


# %% exercise="validation_losses" message="the gradients that the parameters had are gone"
def validation_losses(network, inputs, targets, batch_size):
    losses = []
    for x, wanted in zip(inputs.split(batch_size), targets.split(batch_size)):
        loss = mse(network.forward(Tensor(x)), wanted)
        losses.append(loss.data.item())
        loss.backward()
    for parameter in network.parameters():
        parameter.grad = None
    return losses


# %% exercise="validation_losses" message="inputs or targets have changed: a batch of split() is a view"
def validation_losses(network, inputs, targets, batch_size):
    losses = []
    with no_grad():
        for x, wanted in zip(inputs.split(batch_size), targets.split(batch_size)):
            wanted -= network.forward(Tensor(x)).data
            losses.append((wanted**2).mean().item())
    return losses


# %% exercise="validation_losses" message="no_grad() with its brackets makes one"
def validation_losses(network, inputs, targets, batch_size):
    losses = []
    with no_grad:
        for x, wanted in zip(inputs.split(batch_size), targets.split(batch_size)):
            losses.append(mse(network.forward(Tensor(x)), wanted).data.item())
    return losses


# %% exercise="validation_losses" message="one image is no batch: split the inputs"
def validation_losses(network, inputs, targets, batch_size):
    losses = []
    with no_grad():
        for x, wanted in zip(inputs, targets):
            losses.append(mse(network.forward(Tensor(x)), wanted).data.item())
    return losses


# %% exercise="validation_losses" message="network.forward was never called"
def validation_losses(network, inputs, targets, batch_size):
    losses = []
    with no_grad():
        for x, wanted in zip(inputs.split(batch_size), targets.split(batch_size)):
            for layer in network.layers:
                x = layer.forward(x if isinstance(x, Tensor) else Tensor(x))
            losses.append(mse(x, wanted).data.item())
    return losses
