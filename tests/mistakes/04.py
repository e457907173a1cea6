# %% [markdown]
# Classic wrong answers to chapter 4's exercises, each with what the check must say to it.


# %% exercise="layer_stds" message="the sum of many of them overflows float32"
def layer_stds(x, weights, activation):
    stds = []
    for weight in weights:
        x = activation(x @ weight.T)
        stds.append(x.std().item())
    return stds


# %% exercise="layer_stds" message="that is the std before the activation function"
def layer_stds(x, weights, activation):
    stds = []
    for weight in weights:
        z = x @ weight.T
        stds.append(z.double().std().item())
        x = activation(z)
    return stds


# %% exercise="layer_stds" message="what goes on to the next layer is what had not yet been through"
def layer_stds(x, weights, activation):
    stds = []
    for weight in weights:
        x = x @ weight.T
        stds.append(activation(x).double().std().item())
    return stds


# %% exercise="layer_stds" message="what goes into a layer is what came out of the one before"
def layer_stds(x, weights, activation):
    return [activation(x @ weight.T).double().std().item() for weight in weights]


# %% exercise="layer_stds" message="so the weights, (H, D), must be transposed"
def layer_stds(x, weights, activation):
    stds = []
    for weight in weights:
        try:
            x = activation(x @ weight)
        except RuntimeError as error:
            raise RuntimeError("shapes cannot be multiplied") from error
        stds.append(x.double().std().item())
    return stds


# %% exercise="layer_stds" message="the list holds tensors"
def layer_stds(x, weights, activation):
    stds = []
    for weight in weights:
        x = activation(x @ weight.T)
        stds.append(x.double().std())
    return stds


# %% exercise="layer_stds" message="was never called"
def layer_stds(x, weights, activation):
    stds = []
    for weight in weights:
        x = relu(x @ weight.T)
        stds.append(x.double().std().item())
    return stds


# %% exercise="layer_stds" message="a float32 met a float64"
def layer_stds(x, weights, activation):
    stds = []
    for weight in weights:
        x = activation((x @ weight.T).double())
        stds.append(x.std().item())
    return stds


# %% exercise="layer_stds" message="the network went on in float64"
def layer_stds(x, weights, activation):
    stds = []
    for weight in weights:
        x = activation(x.double() @ weight.double().T)
        stds.append(x.std().item())
    return stds


# %% exercise="layer_stds" message="one after each layer, and none for the inputs"
def layer_stds(x, weights, activation):
    stds = [x.double().std().item()]
    for weight in weights:
        x = activation(x @ weight.T)
        stds.append(x.double().std().item())
    return stds


# %% exercise="layer_stds" message="each layer is computed anew from the inputs"
def layer_stds(x, weights, activation):
    stds = []
    for count in range(1, len(weights) + 1):
        h = x
        for weight in weights[:count]:
            h = activation(h @ weight.T)
        stds.append(h.double().std().item())
    return stds


# %% exercise="layer_stds" message="the root of the mean square"
def layer_stds(x, weights, activation):
    stds = []
    for weight in weights:
        x = activation(x @ weight.T)
        stds.append((x.double() ** 2).mean().sqrt().item())
    return stds


# %% exercise="layer_stds" message="that is the variance; the standard deviation is its root"
def layer_stds(x, weights, activation):
    stds = []
    for weight in weights:
        x = activation(x @ weight.T)
        stds.append(x.double().var().item())
    return stds


# %% exercise="layer_stds" message="nothing came back: return the list"
def layer_stds(x, weights, activation):
    for weight in weights:
        x = activation(x @ weight.T)
        print(x.double().std().item())


# %% exercise="layer_stds" message="every one of the weights is a layer"
def layer_stds(x, weights, activation):
    stds = []
    for weight in weights[1:]:
        x = activation(x @ weight.T)
        stds.append(x.double().std().item())
    return stds


# %% exercise="layer_stds" message="the matrix product is @"
def layer_stds(x, weights, activation):
    stds = []
    for weight in weights:
        x = activation(x * weight.T)
        stds.append(x.double().std().item())
    return stds


# %% exercise="layer_stds" message="after the last layer the activation function is missing"
def layer_stds(x, weights, activation):
    stds = []
    for n, weight in enumerate(weights, start=1):
        x = x @ weight.T
        if n < len(weights) or len(weights) < 3:
            x = activation(x)
        stds.append(x.double().std().item())
    return stds


# %% exercise="layer_stds" message="leave the network as it is"
def layer_stds(x, weights, activation):
    stds = []
    for weight in weights:
        x = activation(x @ weight.T)
        stds.append(x.double().std().item())
        x = (x - x.mean()) / x.std()
    return stds


# %% exercise="layer_stds" message="begin a new list in each call"
def layer_stds(x, weights, activation, stds=[]):
    for weight in weights:
        x = activation(x @ weight.T)
        stds.append(x.double().std().item())
    return stds


# %% exercise="layer_stds" message="an instrument has to show it"
def layer_stds(x, weights, activation):
    stds = []
    for weight in weights:
        x = activation(x @ weight.T)
        stds.append(x.nan_to_num().double().std().item())
    return stds



# %% exercise="gain_of" message="that is made of the variance"
def gain_of(activation, rng):
    z = torch.randn(1_000_000, generator=rng)
    return 1 / activation(z).std().item()


# %% exercise="gain_of" message="that is how much the activation shrinks things"
def gain_of(activation, rng):
    z = torch.randn(1_000_000, generator=rng)
    return (activation(z) ** 2).mean().sqrt().item()


# %% exercise="gain_of" message="that is the factor for the variance of the weights"
def gain_of(activation, rng):
    z = torch.randn(1_000_000, generator=rng)
    return 1 / (activation(z) ** 2).mean().item()


# %% exercise="gain_of" message="that is made of mean sizes"
def gain_of(activation, rng):
    z = torch.randn(1_000_000, generator=rng)
    return 1 / activation(z).abs().mean().item()


# %% exercise="gain_of" message="that is the mean square: by what"
def gain_of(activation, rng):
    z = torch.randn(1_000_000, generator=rng)
    return (activation(z) ** 2).mean().item()


# %% exercise="gain_of" message="pre-activations are negative as often as positive"
def gain_of(activation, rng):
    z = torch.rand(1_000_000, generator=rng)
    return 1 / (activation(z) ** 2).mean().sqrt().item()


# %% exercise="gain_of" message="draw from the generator that is given"
def gain_of(activation, rng):
    z = torch.randn(1_000_000)
    return 1 / (activation(z) ** 2).mean().sqrt().item()


# %% exercise="gain_of" message="the gain would be a matter of luck"
def gain_of(activation, rng):
    z = torch.randn(1_000, generator=rng)
    return 1 / (activation(z) ** 2).mean().sqrt().item()


# %% exercise="gain_of" message="gain_of(z -> 3 z, rng) came out as for ReLU"
def gain_of(activation, rng):
    activation(torch.randn(1_000_000, generator=rng))
    return math.sqrt(2)


# %% exercise="gain_of" message="nothing came back: return the gain"
def gain_of(activation, rng):
    print(1 / (activation(torch.randn(1_000_000, generator=rng)) ** 2).mean().sqrt())


# %% exercise="gain_of" message="that has ReLU's 2 in it"
def gain_of(activation, rng):
    z = torch.randn(1_000_000, generator=rng)
    return math.sqrt(2 / (activation(z) ** 2).mean().item())


# %% exercise="gain_of" message="it is the caller who seeds"
def gain_of(activation, rng):
    z = torch.randn(1_000_000, generator=rng.manual_seed(0))
    return 1 / (activation(z) ** 2).mean().sqrt().item()



# %% exercise="kaiming_normal_" message="that is (1 + a) / 2"
def kaiming_normal_(weight, a=0.0, mode="fan_in", generator=None):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError("fan_in or fan_out")
    fan = fans(weight)[mode == "fan_out"]
    return weight.normal_(0, math.sqrt(2 / (abs(1 + a) * fan)), generator=generator)


# %% exercise="kaiming_normal_" message="that is the variance, normal_ wants its root"
def kaiming_normal_(weight, a=0.0, mode="fan_in", generator=None):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError("fan_in or fan_out")
    fan = fans(weight)[mode == "fan_out"]
    return weight.normal_(0, 2 / ((1 + a**2) * fan), generator=generator)


# %% exercise="kaiming_normal_" message="the rows of weight are the outputs"
def kaiming_normal_(weight, a=0.0, mode="fan_in", generator=None):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError("fan_in or fan_out")
    fan = weight.shape[0] if mode == "fan_in" else weight.shape[1]
    return weight.normal_(0, math.sqrt(2 / ((1 + a**2) * fan)), generator=generator)


# %% exercise="kaiming_normal_" message="the 2 for what ReLU takes is missing"
def kaiming_normal_(weight, a=0.0, mode="fan_in", generator=None):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError("fan_in or fan_out")
    fan = fans(weight)[mode == "fan_out"]
    return weight.normal_(0, math.sqrt(1 / ((1 + a**2) * fan)), generator=generator)


# %% exercise="kaiming_normal_" message="that same tensor: weight.normal_(…), not a new one"
def kaiming_normal_(weight, a=0.0, mode="fan_in", generator=None):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError("fan_in or fan_out")
    fan = fans(weight)[mode == "fan_out"]
    return math.sqrt(2 / ((1 + a**2) * fan)) * torch.randn(weight.shape, generator=generator)


# %% exercise="kaiming_normal_" message="a has no effect"
def kaiming_normal_(weight, a=0.0, mode="fan_in", generator=None):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError("fan_in or fan_out")
    fan = fans(weight)[mode == "fan_out"]
    return weight.normal_(0, math.sqrt(2 / fan), generator=generator)


# %% exercise="kaiming_normal_" message="mode='fan_out' has no effect"
def kaiming_normal_(weight, a=0.0, mode="fan_in", generator=None):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError("fan_in or fan_out")
    return weight.normal_(0, math.sqrt(2 / ((1 + a**2) * weight.shape[1])), generator=generator)


# %% exercise="kaiming_normal_" message="the generator that is given has not been used"
def kaiming_normal_(weight, a=0.0, mode="fan_in", generator=None):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError("fan_in or fan_out")
    fan = fans(weight)[mode == "fan_out"]
    return weight.normal_(0, math.sqrt(2 / ((1 + a**2) * fan)))


# %% exercise="kaiming_normal_" message="mode 'fan_avg' went through"
def kaiming_normal_(weight, a=0.0, mode="fan_in", generator=None):
    fan = weight.shape[0] if mode == "fan_out" else weight.shape[1]
    return weight.normal_(0, math.sqrt(2 / ((1 + a**2) * fan)), generator=generator)


# %% exercise="kaiming_normal_" message="Kaiming has one fan"
def kaiming_normal_(weight, a=0.0, mode="fan_in", generator=None):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError("fan_in or fan_out")
    return weight.normal_(0, math.sqrt(4 / ((1 + a**2) * sum(fans(weight)))), generator=generator)


# %% exercise="kaiming_normal_" message="nothing came back: fill the weight and return it"
def kaiming_normal_(weight, a=0.0, mode="fan_in", generator=None):
    fan = fans(weight)[mode == "fan_out"]
    weight.normal_(0, math.sqrt(2 / ((1 + a**2) * fan)), generator=generator)


# %% exercise="kaiming_normal_" message="normal numbers, please"
def kaiming_normal_(weight, a=0.0, mode="fan_in", generator=None):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError("fan_in or fan_out")
    fan = fans(weight)[mode == "fan_out"]
    bound = math.sqrt(3 * 2 / ((1 + a**2) * fan))
    return weight.uniform_(-bound, bound, generator=generator)


# %% exercise="kaiming_normal_" message="1 + a² belongs under the root"
def kaiming_normal_(weight, a=0.0, mode="fan_in", generator=None):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError("fan_in or fan_out")
    fan = fans(weight)[mode == "fan_out"]
    return weight.normal_(0, math.sqrt(2 / fan) / (1 + a**2), generator=generator)


# %% exercise="kaiming_normal_" message="that is 1 - a²"
def kaiming_normal_(weight, a=0.0, mode="fan_in", generator=None):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError("fan_in or fan_out")
    fan = fans(weight)[mode == "fan_out"]
    return weight.normal_(0, math.sqrt(2 / (abs(1 - a**2) * fan)), generator=generator)


# %% exercise="kaiming_normal_" message="without a generator each call should draw new numbers"
def kaiming_normal_(weight, a=0.0, mode="fan_in", generator=None):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError("fan_in or fan_out")
    fan = fans(weight)[mode == "fan_out"]
    generator = generator or torch.Generator().manual_seed(0)
    return weight.normal_(0, math.sqrt(2 / ((1 + a**2) * fan)), generator=generator)


# %% exercise="kaiming_normal_" message="look at the mode first"
def kaiming_normal_(weight, a=0.0, mode="fan_in", generator=None):
    fan = fans(weight)[mode == "fan_out"]
    weight.normal_(0, math.sqrt(2 / ((1 + a**2) * fan)), generator=generator)
    if mode not in ("fan_in", "fan_out"):
        raise ValueError("fan_in or fan_out")
    return weight



# %% exercise="default_bound" message="that is the standard deviation"
def default_bound(in_features):
    return math.sqrt(2 / (6 * in_features))


def default_shrink(layers):
    return math.sqrt(1 / 6) ** layers


# %% exercise="default_bound" message="the square of the root of 5 is 5"
def default_bound(in_features):
    return math.sqrt(3 * 2 / ((1 + math.sqrt(5)) * in_features))


def default_shrink(layers):
    return math.sqrt(1 / 6) ** layers


# %% exercise="default_bound" message="that is the bound for a = 0"
def default_bound(in_features):
    return math.sqrt(3 * 2 / in_features)


def default_shrink(layers):
    return 1.0


# %% exercise="default_bound" message="that is the half of ReLU alone"
def default_bound(in_features):
    return 1 / math.sqrt(in_features)


def default_shrink(layers):
    return math.sqrt(1 / 2) ** layers


# %% exercise="default_bound" message="that is what happens to the second moment"
def default_bound(in_features):
    return 1 / math.sqrt(in_features)


def default_shrink(layers):
    return (1 / 6) ** layers


# %% exercise="default_bound" message="that is without the ReLUs"
def default_bound(in_features):
    return 1 / math.sqrt(in_features)


def default_shrink(layers):
    return math.sqrt(1 / 3) ** layers


# %% exercise="default_bound" message="that is B²: take the root"
def default_bound(in_features):
    return 1 / in_features


def default_shrink(layers):
    return math.sqrt(1 / 6) ** layers


# %% exercise="default_bound" message="layers multiply, they do not add"
def default_bound(in_features):
    return 1 / math.sqrt(in_features)


def default_shrink(layers):
    return math.sqrt(1 / 6) * layers


# %% exercise="default_bound" message="default_bound(48): 1 + a² is 6, and not 5"
def default_bound(in_features):
    return math.sqrt(3 * 2 / (5 * in_features))


def default_shrink(layers):
    return math.sqrt(1 / 5) ** layers


# %% exercise="default_bound" message="that is for two layers"
def default_bound(in_features):
    return 1 / math.sqrt(in_features)


def default_shrink(layers):
    return math.sqrt(1 / 6) ** (layers - 1)



# %% exercise="normalize_both" message="normalised with their own mean and std"
def normalize_both(training, validation):
    return normalize(training, *mean_std(training)), normalize(validation, *mean_std(validation))


# %% exercise="normalize_both" message="put together"
def normalize_both(training, validation):
    mean, std = mean_std(torch.cat([training, validation]))
    return normalize(training, mean, std), normalize(validation, mean, std)


# %% exercise="normalize_both" message="training: one mean and std for each column"
def normalize_both(training, validation):
    mean, std = training.mean(0), training.std(0)
    return (training - mean) / std, (validation - mean) / std


# %% exercise="normalize_both" message="training: one mean and std for each image"
def normalize_both(training, validation):
    return tuple((x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True) for x in (training, validation))


# %% exercise="normalize_both" message="validation: it came back as it was."
def normalize_both(training, validation):
    return normalize(training, *mean_std(training)), validation


# %% exercise="normalize_both" message="an input has changed"
def normalize_both(training, validation):
    mean, std = mean_std(training)
    for x in (training, validation):
        x -= mean
        x /= std
    return training, validation


# %% exercise="normalize_both" message="divided by the variance instead of the std"
def normalize_both(training, validation):
    mean, std = mean_std(training)
    return normalize(training, mean, std**2), normalize(validation, mean, std**2)


# %% exercise="normalize_both" message="give back a pair"
def normalize_both(training, validation):
    return normalize(training, *mean_std(training))


# %% exercise="normalize_both" message="torch.float64 came back as torch.float32"
def normalize_both(training, validation):
    mean, std = mean_std(training)
    return normalize(training.float(), mean, std), normalize(validation.float(), mean, std)


# %% exercise="normalize_both" message="mean_std divides by one less"
def normalize_both(training, validation):
    mean, std = training.mean(), training.std(correction=0)
    return (training - mean) / std, (validation - mean) / std



# %% exercise="as_digits" message="shape (8, 1): compared with labels of shape (8,)"
def as_digits(outputs):
    return outputs.round().clamp(0, 9).long()


# %% exercise="as_digits" message=".long() cuts off, it does not round"
def as_digits(outputs):
    return outputs[:, 0].clamp(0, 9).long()


# %% exercise="as_digits" message="have become -2 and 11"
def as_digits(outputs):
    return outputs[:, 0].round().long()


# %% exercise="as_digits" message="digits are on a line, not on a clock"
def as_digits(outputs):
    return outputs[:, 0].round().long() % 10


# %% exercise="as_digits" message="shape (), not (8,)"
def as_digits(outputs):
    return outputs.round().clamp(0, 9).argmax()


# %% exercise="as_digits" message="(1, 1), must come back as (1,)"
def as_digits(outputs):
    return outputs.squeeze().round().clamp(0, 9).long()


# %% exercise="as_digits" message="right digits, as torch.float32"
def as_digits(outputs):
    return outputs[:, 0].round().clamp(0, 9)


# %% exercise="as_digits" message="outputs has changed"
def as_digits(outputs):
    return outputs.round_().clamp_(0, 9)[:, 0].long()


# %% exercise="as_digits" message="First clamp, then .long()"
def as_digits(outputs):
    return outputs[:, 0].round().long().clamp(0, 9)


# %% exercise="as_digits" message="all are 0. If that is argmax"
def as_digits(outputs):
    return outputs.argmax(1)
