# %% [markdown]
# Classic wrong answers to chapter 1's exercises, each with what the check must say to it.

# %% exercise="mse" message="compare the lengths before you compute"
def mse(predictions, targets):
    return sum((p - t) ** 2 for p, t in zip(predictions, targets)) / len(targets)


# %% exercise="mse" message="divide by how many there are"
def mse(predictions, targets):
    return sum((p - t) ** 2 for p, t in zip(predictions, targets, strict=True)) * 1.0


# %% exercise="mse" message="that is the squared mean"
def mse(predictions, targets):
    return (sum(p - t for p, t in zip(predictions, targets)) / len(targets)) ** 2


# %% exercise="mse" message="that is the square of the sum"
def mse(predictions, targets):
    return sum(p - t for p, t in zip(predictions, targets)) ** 2 / len(targets)


# %% exercise="mse" message="they cancel: square each"
def mse(predictions, targets):
    return sum(p - t for p, t in zip(predictions, targets)) / len(targets)


# %% exercise="mse" message="mean of the absolute differences"
def mse(predictions, targets):
    return sum(abs(p - t) for p, t in zip(predictions, targets)) / len(targets)


# %% exercise="mse" message="what comes after the point is lost"
def mse(predictions, targets):
    return sum((p - t) ** 2 for p, t in zip(predictions, targets)) // len(targets)


# %% exercise="mse" message="leave out the root"
def mse(predictions, targets):
    return (sum((p - t) ** 2 for p, t in zip(predictions, targets)) / len(targets)) ** 0.5


# %% exercise="mse" message="not each number by itself"
def mse(predictions, targets):
    return sum(p**2 - t**2 for p, t in zip(predictions, targets)) / len(targets)


# %% exercise="mse" message="return the loss, do not print it"
def mse(predictions, targets):
    print(sum((p - t) ** 2 for p, t in zip(predictions, targets)) / len(targets))


# %% exercise="mse" message="a loss is one number"
def mse(predictions, targets):
    return [(p - t) ** 2 / len(targets) for p, t in zip(predictions, targets)]


# %% exercise="mse" message="say both lengths in the message"
def mse(predictions, targets):
    return sum((p - t) ** 2 for p, t in zip(predictions, targets, strict=True)) / len(targets)


# %% exercise="mse" message="raise a ValueError"
def mse(predictions, targets):
    return sum((predictions[i] - t) ** 2 for i, t in enumerate(targets)) / len(targets)


# %% exercise="mse" message="catch both"
def mse(predictions, targets):
    if len(predictions) < len(targets):
        raise ValueError(f"{len(predictions)} predictions for {len(targets)} targets")
    return sum((p - t) ** 2 for p, t in zip(predictions, targets)) / len(targets)


# %% exercise="mse" message="not two: divide by len(targets)"
def mse(predictions, targets):
    if len(predictions) != len(targets):
        raise ValueError(f"{len(predictions)} predictions for {len(targets)} targets")
    return sum((p - t) ** 2 for p, t in zip(predictions, targets)) / 2


# %% exercise="mse" message="the caller's lists have changed"
def mse(predictions, targets):
    if len(predictions) != len(targets):
        raise ValueError(f"{len(predictions)} predictions for {len(targets)} targets")
    for i, t in enumerate(targets):
        predictions[i] = (predictions[i] - t) ** 2
    return sum(predictions) / len(predictions)


# %% exercise="mse" message="no ValueError came, but ValueError("
def mse(predictions, targets):
    if len(predictions) != len(targets):
        return ValueError(f"{len(predictions)} predictions for {len(targets)} targets")
    return sum((p - t) ** 2 for p, t in zip(predictions, targets)) / len(targets)


# %% exercise="mse" message="some books divide by 2n"
def mse(predictions, targets):
    return sum((p - t) ** 2 for p, t in zip(predictions, targets)) / (2 * len(targets))


# %% exercise="mse" message="only the first pair counted"
def mse(predictions, targets):
    total = 0
    for p, t in zip(predictions, targets):
        total += (p - t) ** 2
        return total / len(targets)


# %% exercise="mse" message="the last pair's share alone"
def mse(predictions, targets):
    for p, t in zip(predictions, targets):
        total = (p - t) ** 2
    return total / len(targets)


# %% exercise="mse" message="equal lengths were refused"
def mse(predictions, targets):
    if len(predictions) is not len(targets):
        raise ValueError(f"{len(predictions)} predictions for {len(targets)} targets")
    return sum((p - t) ** 2 for p, t in zip(predictions, targets)) / len(targets)


# %% exercise="mse" message="equal squares counted once"
def mse(predictions, targets):
    if len(predictions) != len(targets):
        raise ValueError(f"{len(predictions)} predictions for {len(targets)} targets")
    return sum({(p - t) ** 2 for p, t in zip(predictions, targets)}) / len(targets)


# %% exercise="numerical_grad" message="one side alone is less exact"
def numerical_grad(f, parameters, step=1e-4):
    gradient = []
    for i, parameter in enumerate(parameters):
        up = [*parameters[:i], parameter + step, *parameters[i + 1 :]]
        gradient.append((f(up) - f(parameters)) / step)
    return gradient


# %% exercise="numerical_grad" message="the two points are 2 * step apart"
def numerical_grad(f, parameters, step=1e-4):
    gradient = []
    for i, parameter in enumerate(parameters):
        up = [*parameters[:i], parameter + step, *parameters[i + 1 :]]
        down = [*parameters[:i], parameter - step, *parameters[i + 1 :]]
        gradient.append((f(up) - f(down)) / step)
    return gradient


# %% exercise="numerical_grad" message="mind the brackets"
def numerical_grad(f, parameters, step=1e-4):
    gradient = []
    for i, parameter in enumerate(parameters):
        up = [*parameters[:i], parameter + step, *parameters[i + 1 :]]
        down = [*parameters[:i], parameter - step, *parameters[i + 1 :]]
        gradient.append((f(up) - f(down)) / 2 * step)
    return gradient


# %% exercise="numerical_grad" message="the caller's list has changed"
def numerical_grad(f, parameters, step=1e-4):
    gradient = []
    for i in range(len(parameters)):
        parameters[i] += step
        up = f(parameters)
        parameters[i] -= 2 * step
        gradient.append((up - f(parameters)) / (2 * step))
    return gradient


# %% exercise="numerical_grad" message="all others must stand where they stood"
def numerical_grad(f, parameters, step=1e-4):
    gradient = []
    moved = list(parameters)
    for i in range(len(parameters)):
        moved[i] = parameters[i] - step
        down = f(moved)
        moved[i] = parameters[i] + step
        gradient.append((f(moved) - down) / (2 * step))
    return gradient


# %% exercise="numerical_grad" message="two lists made once, before the loop"
def numerical_grad(f, parameters, step=1e-4):
    gradient = []
    up, down = list(parameters), list(parameters)
    for i in range(len(parameters)):
        up[i] += step
        down[i] -= step
        gradient.append((f(up) - f(down)) / (2 * step))
    return gradient


# %% exercise="numerical_grad" message="up and down are the same"
def numerical_grad(f, parameters, step=1e-4):
    gradient = []
    for i in range(len(parameters)):
        up = down = list(parameters)
        up[i] += step
        down[i] -= step
        gradient.append((f(up) - f(down)) / (2 * step))
    return gradient


# %% exercise="numerical_grad" message="3 parameters need 3 derivatives"
def numerical_grad(f, parameters, step=1e-4):
    up = [parameter + step for parameter in parameters]
    down = [parameter - step for parameter in parameters]
    return [(f(up) - f(down)) / (2 * step)]


# %% exercise="numerical_grad" message="the first of two equal parameters"
def numerical_grad(f, parameters, step=1e-4):
    gradient = []
    for parameter in parameters:
        i = parameters.index(parameter)
        up = [*parameters[:i], parameter + step, *parameters[i + 1 :]]
        down = [*parameters[:i], parameter - step, *parameters[i + 1 :]]
        gradient.append((f(up) - f(down)) / (2 * step))
    return gradient


# %% exercise="numerical_grad" message="not multiplied by the parameter"
def numerical_grad(f, parameters, step=1e-4):
    gradient = []
    for i, parameter in enumerate(parameters):
        h = step * parameter
        up = [*parameters[:i], parameter + h, *parameters[i + 1 :]]
        down = [*parameters[:i], parameter - h, *parameters[i + 1 :]]
        gradient.append((f(up) - f(down)) / (2 * h))
    return gradient


# %% exercise="numerical_grad" message="use the `step` that was given"
def numerical_grad(f, parameters, step=1e-4):
    gradient, step = [], 1e-4
    for i, parameter in enumerate(parameters):
        up = [*parameters[:i], parameter + step, *parameters[i + 1 :]]
        down = [*parameters[:i], parameter - step, *parameters[i + 1 :]]
        gradient.append((f(up) - f(down)) / (2 * step))
    return gradient


# %% exercise="numerical_grad" message="two steps are too far"
def numerical_grad(f, parameters, step=1e-4):
    gradient = []
    for i, parameter in enumerate(parameters):
        up = [*parameters[:i], parameter + 2 * step, *parameters[i + 1 :]]
        down = [*parameters[:i], parameter - 2 * step, *parameters[i + 1 :]]
        gradient.append((f(up) - f(down)) / (4 * step))
    return gradient


# %% exercise="numerical_grad" message="f takes the whole list of 3 numbers"
def numerical_grad(f, parameters, step=1e-4):
    return [(f([p + step]) - f([p - step])) / (2 * step) for p in parameters]


# %% exercise="numerical_grad" message="what was moved before has stayed moved"
def numerical_grad(f, parameters, step=1e-4):
    gradient, moved = [], list(parameters)
    for i in range(len(parameters)):
        before = f(moved)
        moved[i] += step
        gradient.append((f(moved) - before) / step)
    return gradient


# %% exercise="numerical_grad" message="the sign is turned: up minus down"
def numerical_grad(f, parameters, step=1e-4):
    gradient = []
    for i, parameter in enumerate(parameters):
        up = [*parameters[:i], parameter + step, *parameters[i + 1 :]]
        down = [*parameters[:i], parameter - step, *parameters[i + 1 :]]
        gradient.append((f(down) - f(up)) / (2 * step))
    return gradient


# %% exercise="numerical_grad" message="return the list, do not print it"
def numerical_grad(f, parameters, step=1e-4):
    for i, parameter in enumerate(parameters):
        up = [*parameters[:i], parameter + step, *parameters[i + 1 :]]
        down = [*parameters[:i], parameter - step, *parameters[i + 1 :]]
        print((f(up) - f(down)) / (2 * step))


# %% exercise="numerical_grad" message="the lower point is where you started"
def numerical_grad(f, parameters, step=1e-4):
    gradient, moved = [], list(parameters)
    for i in range(len(parameters)):
        moved[i] = parameters[i] + step
        up = f(moved)
        moved[i] = parameters[i]
        gradient.append((up - f(moved)) / (2 * step))
    return gradient


# %% exercise="numerical_grad" message="an `abs` too many: a derivative has a sign"
def numerical_grad(f, parameters, step=1e-4):
    gradient = []
    for i, parameter in enumerate(parameters):
        up = [*parameters[:i], parameter + step, *parameters[i + 1 :]]
        down = [*parameters[:i], parameter - step, *parameters[i + 1 :]]
        gradient.append(abs(f(up) - f(down)) / (2 * step))
    return gradient


# %% exercise="is_gradient" message="gives the bias's first"
def is_gradient(candidate):  # the numbers that come to mind first: this is the one that "What I did" confesses
    found = candidate([1.0], [0.0], 1.0, 0.0)
    wanted = numerical_grad(lambda k: (k[0] * 1 + k[1] - 0) ** 2, [1.0, 0.0])
    return all(abs(f - n) < 1e-6 for f, n in zip(found, wanted))


# %% exercise="is_gradient" message="does not show with one student"
def is_gradient(candidate):
    found = candidate([3.0], [-2.0], 1.5, 0.7)
    wanted = numerical_grad(lambda k: (k[0] * 3 + k[1] + 2) ** 2, [1.5, 0.7])
    return all(abs(f - n) < 1e-6 for f, n in zip(found, wanted))


# %% exercise="is_gradient" message="does not show with two students"
def is_gradient(candidate):
    xs, ys = [3.0, -2.0], [-2.0, 9.0]
    found = candidate(xs, ys, 1.5, 0.7)
    wanted = numerical_grad(lambda k: mse([k[0] * x + k[1] for x in xs], ys), [1.5, 0.7])
    return all(abs(f - n) < 1e-6 for f, n in zip(found, wanted))


# %% exercise="is_gradient" message="does not show at w = 1"
def is_gradient(candidate):
    found = candidate(hours, scores, 1.0, 20.0)
    return all(abs(f - n) < 1e-4 for f, n in zip(found, numerical_grad(line_loss, [1.0, 20.0])))


# %% exercise="is_gradient" message="does not show at b = 0"
def is_gradient(candidate):
    found = candidate(hours, scores, 2.0, 0.0)
    return all(abs(f - n) < 1e-4 for f, n in zip(found, numerical_grad(line_loss, [2.0, 0.0])))


# %% exercise="is_gradient" message="when they are 0"
def is_gradient(candidate):
    xs, ys = [3.0, -2.0, 0.5], [0.0, 0.0, 0.0]
    found = candidate(xs, ys, 1.5, 0.7)
    wanted = numerical_grad(lambda k: mse([k[0] * x + k[1] for x in xs], ys), [1.5, 0.7])
    return all(abs(f - n) < 1e-6 for f, n in zip(found, wanted))


# %% exercise="is_gradient" message="when no error is negative"
def is_gradient(candidate):
    found = candidate(hours, scores, 20.0, 50.0)
    return all(abs(f - n) < 1e-4 for f, n in zip(found, numerical_grad(line_loss, [20.0, 50.0])))


# %% exercise="is_gradient" message="is your tolerance too wide"
def is_gradient(candidate):
    xs, ys = [2.0, -3.0, 0.5], [7.0, 4.0, -2.5]
    found = candidate(xs, ys, 1.7, -0.6)
    wanted = numerical_grad(lambda k: mse([k[0] * x + k[1] for x in xs], ys), [1.7, -0.6])
    return all(abs(f - n) < 0.01 for f, n in zip(found, wanted))


# %% exercise="is_gradient" message="leave room for rounding?"
def is_gradient(candidate):
    xs, ys = [2.0, -3.0, 0.5], [7.0, 4.0, -2.5]
    wanted = numerical_grad(lambda k: mse([k[0] * x + k[1] for x in xs], ys), [1.7, -0.6])
    return list(candidate(xs, ys, 1.7, -0.6)) == wanted


# %% exercise="is_gradient" message="differs by rounding alone"
def is_gradient(candidate):
    xs, ys = [2.0, -3.0, 0.5], [7.0, 4.0, -2.5]
    return tuple(candidate(xs, ys, 1.7, -0.6)) == line_grad(xs, ys, 1.7, -0.6)


# %% exercise="is_gradient" message="compare numbers with numbers"
def is_gradient(candidate):
    xs, ys = [2.0, -3.0, 0.5], [7.0, 4.0, -2.5]
    return candidate(xs, ys, 1.7, -0.6) == line_grad(xs, ys, 1.7, -0.6)


# %% exercise="is_gradient" message="you compared with line_grad"
def is_gradient(candidate):
    xs, ys = [2.0, -3.0, 0.5], [7.0, 4.0, -2.5]
    found, wanted = candidate(xs, ys, 1.7, -0.6), line_grad(xs, ys, 1.7, -0.6)
    return all(abs(f - n) < 1e-6 for f, n in zip(found, wanted))


# %% exercise="is_gradient" message="is there an `abs`"
def is_gradient(candidate):
    xs, ys = [2.0, -3.0, 0.5], [7.0, 4.0, -2.5]
    found = candidate(xs, ys, 1.7, -0.6)
    wanted = numerical_grad(lambda k: mse([k[0] * x + k[1] for x in xs], ys), [1.7, -0.6])
    return all(f - n < 1e-6 for f, n in zip(found, wanted))


# %% exercise="is_gradient" message="right by w and wrong by b"
def is_gradient(candidate):
    xs, ys = [2.0, -3.0, 0.5], [7.0, 4.0, -2.5]
    wanted = numerical_grad(lambda k: mse([k[0] * x + k[1] for x in xs], ys), [1.7, -0.6])
    return abs(candidate(xs, ys, 1.7, -0.6)[0] - wanted[0]) < 1e-6


# %% exercise="is_gradient" message="compare one by one"
def is_gradient(candidate):
    xs, ys = [2.0, -3.0, 0.5], [7.0, 4.0, -2.5]
    wanted = numerical_grad(lambda k: mse([k[0] * x + k[1] for x in xs], ys), [1.7, -0.6])
    return abs(sum(candidate(xs, ys, 1.7, -0.6)) - sum(wanted)) < 1e-6


# %% exercise="is_gradient" message="no verdict came back"
def is_gradient(candidate):
    xs, ys = [2.0, -3.0, 0.5], [7.0, 4.0, -2.5]
    found = candidate(xs, ys, 1.7, -0.6)
    wanted = numerical_grad(lambda k: mse([k[0] * x + k[1] for x in xs], ys), [1.7, -0.6])
    if all(abs(f - n) < 1e-6 for f, n in zip(found, wanted)):
        return True


# %% exercise="is_gradient" message="an assert in is_gradient stopped it"
def is_gradient(candidate):
    xs, ys = [2.0, -3.0, 0.5], [7.0, 4.0, -2.5]
    found = candidate(xs, ys, 1.7, -0.6)
    wanted = numerical_grad(lambda k: mse([k[0] * x + k[1] for x in xs], ys), [1.7, -0.6])
    assert all(abs(f - n) < 1e-6 for f, n in zip(found, wanted)), "wrong"
    return True


# %% exercise="is_gradient" message="say True or False, not"
def is_gradient(candidate):
    xs, ys = [2.0, -3.0, 0.5], [7.0, 4.0, -2.5]
    found = candidate(xs, ys, 1.7, -0.6)
    wanted = numerical_grad(lambda k: mse([k[0] * x + k[1] for x in xs], ys), [1.7, -0.6])
    return [abs(f - n) < 1e-6 for f, n in zip(found, wanted)]


# %% exercise="is_gradient" message="does not show with just these students"
def is_gradient(candidate):
    found = candidate(hours, scores, 3.6, 33.0)
    return all(abs(f - n) < 1e-4 for f, n in zip(found, numerical_grad(line_loss, [3.6, 33.0])))


# %% exercise="largest_stable_lr" message="a step to the bottom"
def largest_stable_lr(xs):
    p, q = 2 * sum(x * x for x in xs) / len(xs), 2 * sum(xs) / len(xs)
    return 1 / ((p + 2) / 2 + (((p - 2) / 2) ** 2 + q * q) ** 0.5)


# %% exercise="largest_stable_lr" message="for the smallest eigenvalue: take the plus"
def largest_stable_lr(xs):
    p, q = 2 * sum(x * x for x in xs) / len(xs), 2 * sum(xs) / len(xs)
    return 2 / ((p + 2) / 2 - (((p - 2) / 2) ** 2 + q * q) ** 0.5)


# %% exercise="largest_stable_lr" message="has each second derivative its factor 2?"
def largest_stable_lr(xs):
    p, q = sum(x * x for x in xs) / len(xs), sum(xs) / len(xs)
    return 2 / ((p + 1) / 2 + (((p - 1) / 2) ** 2 + q * q) ** 0.5)


# %% exercise="largest_stable_lr" message="as if q were 0"
def largest_stable_lr(xs):
    return 2 / (2 * sum(x * x for x in xs) / len(xs))


# %% exercise="largest_stable_lr" message="the mean of squares is not the squared mean"
def largest_stable_lr(xs):
    mean = sum(xs) / len(xs)
    p, q = 2 * mean * mean, 2 * mean
    return 2 / ((p + 2) / 2 + (((p - 2) / 2) ** 2 + q * q) ** 0.5)


# %% exercise="largest_stable_lr" message="sums where means should be"
def largest_stable_lr(xs):
    p, q = 2 * sum(x * x for x in xs), 2 * sum(xs)
    return 2 / ((p + 2) / 2 + (((p - 2) / 2) ** 2 + q * q) ** 0.5)


# %% exercise="largest_stable_lr" message="the limit is 2 over it"
def largest_stable_lr(xs):
    p, q = 2 * sum(x * x for x in xs) / len(xs), 2 * sum(xs) / len(xs)
    return (p + 2) / 2 + (((p - 2) / 2) ** 2 + q * q) ** 0.5


# %% exercise="largest_stable_lr" message="r is not 0"
def largest_stable_lr(xs):
    p, q, r = 2 * sum(x * x for x in xs) / len(xs), 2 * sum(xs) / len(xs), 0
    return 2 / ((p + r) / 2 + (((p - r) / 2) ** 2 + q * q) ** 0.5)


# %% exercise="largest_stable_lr" message="is safe, but not the limit"
def largest_stable_lr(xs):
    return 2 / (2 * sum(x * x for x in xs) / len(xs) + 2)


# %% exercise="largest_stable_lr" message="not of x - mean"
def largest_stable_lr(xs):
    mean = sum(xs) / len(xs)
    p, q, r = 2 * sum((x - mean) ** 2 for x in xs) / len(xs), 2 * mean, 2
    return 2 / ((p + r) / 2 + (((p - r) / 2) ** 2 + q * q) ** 0.5)


# %% exercise="largest_stable_lr" message="divide by n, not by n - 1"
def largest_stable_lr(xs):
    n = len(xs) - 1
    p, q, r = 2 * sum(x * x for x in xs) / n, 2 * sum(xs) / n, 2
    return 2 / ((p + r) / 2 + (((p - r) / 2) ** 2 + q * q) ** 0.5)


# %% exercise="largest_stable_lr" message="r is 2 times the mean of 1"
def largest_stable_lr(xs):
    p, q, r = 2 * sum(x * x for x in xs) / len(xs), 2 * sum(xs) / len(xs), 2 * len(xs)
    return 2 / ((p + r) / 2 + (((p - r) / 2) ** 2 + q * q) ** 0.5)


# %% exercise="largest_stable_lr" message="the sum of a row is never too small"
def largest_stable_lr(xs):
    p, q, r = 2 * sum(x * x for x in xs) / len(xs), 2 * sum(xs) / len(xs), 2
    return 2 / max(p + q, q + r)


# %% exercise="largest_stable_lr" message="under the root q squared is added"
def largest_stable_lr(xs):
    p, q, r = 2 * sum(x * x for x in xs) / len(xs), 2 * sum(xs) / len(xs), 2
    return 2 / ((p + r) / 2 + (((p - r) / 2) ** 2 - q * q) ** 0.5)


# %% exercise="largest_stable_lr" message="under the root stands p - r"
def largest_stable_lr(xs):
    p, q, r = 2 * sum(x * x for x in xs) / len(xs), 2 * sum(xs) / len(xs), 2
    return 2 / ((p + r) / 2 + (((p + r) / 2) ** 2 + q * q) ** 0.5)


# %% exercise="largest_stable_lr" message="p, q and r are sums without the 2/n"
def largest_stable_lr(xs):
    p, q, r = sum(x * x for x in xs), sum(xs), len(xs)
    return 2 / ((p + r) / 2 + (((p - r) / 2) ** 2 + q * q) ** 0.5)


# %% exercise="linear_grad" message="only the last input counted"
def linear_grad(inputs, targets, weights, bias):
    for x, target in zip(inputs, targets):
        output_grad = 2 * (predict(x, weights, bias) - target) / len(targets)
        weight_grad = [output_grad * value for value in x]
        bias_grad = output_grad
    return weight_grad, bias_grad


# %% exercise="linear_grad" message="sum over the inputs: divide by n"
def linear_grad(inputs, targets, weights, bias):
    weight_grad, bias_grad = [0.0] * len(weights), 0.0
    for x, target in zip(inputs, targets):
        output_grad = 2 * (predict(x, weights, bias) - target)
        weight_grad = [total + output_grad * value for total, value in zip(weight_grad, x)]
        bias_grad += output_grad
    return weight_grad, bias_grad


# %% exercise="linear_grad" message="all are halved"
def linear_grad(inputs, targets, weights, bias):
    weight_grad, bias_grad = [0.0] * len(weights), 0.0
    for x, target in zip(inputs, targets):
        output_grad = (predict(x, weights, bias) - target) / len(targets)
        weight_grad = [total + output_grad * value for total, value in zip(weight_grad, x)]
        bias_grad += output_grad
    return weight_grad, bias_grad


# %% exercise="linear_grad" message="n is the number of inputs"
def linear_grad(inputs, targets, weights, bias):
    weight_grad, bias_grad = [0.0] * len(weights), 0.0
    for x, target in zip(inputs, targets):
        output_grad = 2 * (predict(x, weights, bias) - target) / len(weights)
        weight_grad = [total + output_grad * value for total, value in zip(weight_grad, x)]
        bias_grad += output_grad
    return weight_grad, bias_grad


# %% exercise="linear_grad" message="the bias is missing"
def linear_grad(inputs, targets, weights, bias):
    weight_grad, bias_grad = [0.0] * len(weights), 0.0
    for x, target in zip(inputs, targets):
        output_grad = 2 * (predict(x, weights, 0.0) - target) / len(targets)
        weight_grad = [total + output_grad * value for total, value in zip(weight_grad, x)]
        bias_grad += output_grad
    return weight_grad, bias_grad


# %% exercise="linear_grad" message="the targets are missing from the errors"
def linear_grad(inputs, targets, weights, bias):
    output_grads = [2 * predict(x, weights, bias) / len(targets) for x in inputs]
    return [sum(g * x[j] for g, x in zip(output_grads, inputs)) for j in range(len(weights))], sum(output_grads)


# %% exercise="linear_grad" message="(there are 5 inputs)"
def linear_grad(inputs, targets, weights, bias):
    output_grads = [2 * (predict(x, weights, bias) - t) / len(targets) for x, t in zip(inputs, targets)]
    return [g * value for g, x in zip(output_grads, inputs) for value in x], sum(output_grads)


# %% exercise="linear_grad" message="a weight too many"
def linear_grad(inputs, targets, weights, bias):
    output_grads = [2 * (predict(x, weights, bias) - t) / len(targets) for x, t in zip(inputs, targets)]
    return (
        [sum(g * w * x[j] for g, x in zip(output_grads, inputs)) for j, w in enumerate(weights)],
        sum(output_grads),
    )


# %% exercise="linear_grad" message="the weights' are right; the bias's should be"
def linear_grad(inputs, targets, weights, bias):
    weight_grad, bias_grad = [0.0] * len(weights), 0.0
    for x, target in zip(inputs, targets):
        output_grad = 2 * (predict(x, weights, bias) - target) / len(targets)
        weight_grad = [total + output_grad * value for total, value in zip(weight_grad, x)]
        bias_grad = output_grad
    return weight_grad, bias_grad


# %% exercise="linear_grad" message="compute each prediction once"
def linear_grad(inputs, targets, weights, bias):
    pairs = list(zip(inputs, targets))
    weight_grad = [
        2 * sum((predict(x, weights, bias) - t) * x[j] for x, t in pairs) / len(pairs) for j in range(len(weights))
    ]
    return weight_grad, 2 * sum(predict(x, weights, bias) - t for x, t in pairs) / len(pairs)


# %% exercise="linear_grad" message="give back two things"
def linear_grad(inputs, targets, weights, bias):
    output_grads = [2 * (predict(x, weights, bias) - t) / len(targets) for x, t in zip(inputs, targets)]
    return [sum(g * x[j] for g, x in zip(output_grads, inputs)) for j in range(len(weights))] + [sum(output_grads)]


# %% exercise="linear_grad" message="in a list, please, not in a tuple"
def linear_grad(inputs, targets, weights, bias):
    output_grads = [2 * (predict(x, weights, bias) - t) / len(targets) for x, t in zip(inputs, targets)]
    return tuple(sum(g * x[j] for g, x in zip(output_grads, inputs)) for j in range(len(weights))), sum(output_grads)


# %% exercise="linear_grad" message="the error, not its square"
def linear_grad(inputs, targets, weights, bias):
    output_grads = [2 * (predict(x, weights, bias) - t) ** 2 / len(targets) for x, t in zip(inputs, targets)]
    return [sum(g * x[j] for g, x in zip(output_grads, inputs)) for j in range(len(weights))], sum(output_grads)


# %% exercise="linear_grad" message="not its absolute value"
def linear_grad(inputs, targets, weights, bias):
    output_grads = [2 * abs(predict(x, weights, bias) - t) / len(targets) for x, t in zip(inputs, targets)]
    return [sum(g * x[j] for g, x in zip(output_grads, inputs)) for j in range(len(weights))], sum(output_grads)


# %% exercise="linear_grad" message="not of all numbers"
def linear_grad(inputs, targets, weights, bias):
    output_grads = [
        2 * (predict(x, weights, bias) - t) / (len(targets) * len(weights)) for x, t in zip(inputs, targets)
    ]
    return [sum(g * x[j] for g, x in zip(output_grads, inputs)) for j in range(len(weights))], sum(output_grads)


# %% exercise="linear_grad" message="divided by n twice"
def linear_grad(inputs, targets, weights, bias):
    output_grads = [2 * (predict(x, weights, bias) - t) / len(targets) ** 2 for x, t in zip(inputs, targets)]
    return [sum(g * x[j] for g, x in zip(output_grads, inputs)) for j in range(len(weights))], sum(output_grads)


# %% exercise="linear_grad" message="`predict` adds the bias already"
def linear_grad(inputs, targets, weights, bias):
    output_grads = [2 * (predict(x, weights, bias) + bias - t) / len(targets) for x, t in zip(inputs, targets)]
    return [sum(g * x[j] for g, x in zip(output_grads, inputs)) for j in range(len(weights))], sum(output_grads)


# %% exercise="linear_grad" message="first the list of the weights' derivatives"
def linear_grad(inputs, targets, weights, bias):
    output_grads = [2 * (predict(x, weights, bias) - t) / len(targets) for x, t in zip(inputs, targets)]
    return sum(output_grads), [sum(g * x[j] for g, x in zip(output_grads, inputs)) for j in range(len(weights))]


# %% exercise="linear_grad" message="only the first input's share"
def linear_grad(inputs, targets, weights, bias):
    weight_grad, bias_grad = [0.0] * len(weights), 0.0
    for x, target in zip(inputs, targets):
        output_grad = 2 * (predict(x, weights, bias) - target) / len(targets)
        weight_grad = [total + output_grad * value for total, value in zip(weight_grad, x)]
        bias_grad += output_grad
        return weight_grad, bias_grad


# %% exercise="third_input" message="the model could have made it itself"
def third_input(x1, x2):
    return x1 - x2


# %% exercise="third_input" message="a second bias, and no news"
def third_input(x1, x2):
    return 1.0


# %% exercise="third_input" message="that fails: float division by zero"
def third_input(x1, x2):
    return x1 / x2


# %% exercise="third_input" message="that fails: unsupported operand"
def third_input(x1, x2):
    return x1 ^ x2


# %% exercise="third_input" message="that fails: math domain"
def third_input(x1, x2):
    import math

    return math.log(x1) * x2


# %% exercise="third_input" message="the third input is one number"
def third_input(x1, x2):
    return [x1 * x2]


# %% exercise="third_input" message="right in principle, but so nearly a weighted sum"
def third_input(x1, x2):
    return x1 + x2 + 1e-4 * x1 * x2


# %% exercise="third_input" message="numbers of ordinary size"
def third_input(x1, x2):
    return float("inf") if x1 and x2 else 0.0


# %% exercise="third_input" message="nothing came back for (0.0, 0.0)"
def third_input(x1, x2):
    if x1 != x2:
        return 1


# %% exercise="third_input" message="gave another number the second time"
def third_input(x1, x2):
    return random.random()


# %% exercise="third_input" message="(UnboundLocalError)"
def third_input(x1, x2):
    if x1 != x2:
        extra = 1.0
    return extra


# %% exercise="mse" message="in Python a power is **"
def mse(predictions, targets):
    return sum((p - t) ^ 2 for p, t in zip(predictions, targets)) / len(targets)


# %% exercise="mse" message="the first pair was left out"
def mse(predictions, targets):
    return sum((predictions[i] - targets[i]) ** 2 for i in range(1, len(targets))) / len(targets)


# %% exercise="largest_stable_lr" message="for the forty students of before"
def largest_stable_lr(xs):
    p, q = 2 * sum(x * x for x in hours) / len(hours), 2 * sum(hours) / len(hours)
    return 2 / ((p + 2) / 2 + (((p - 2) / 2) ** 2 + q * q) ** 0.5)


# %% exercise="largest_stable_lr" message="that is for the bowl above"
def largest_stable_lr(xs):
    return 2 / 6


# %% exercise="largest_stable_lr" message="(p - r)/2 is squared as a whole"
def largest_stable_lr(xs):
    p, q = 2 * sum(x * x for x in xs) / len(xs), 2 * sum(xs) / len(xs)
    return 2 / ((p + 2) / 2 + ((p - 2) ** 2 / 2 + q * q) ** 0.5)


# %% exercise="largest_stable_lr" message="all of p + r is halved"
def largest_stable_lr(xs):
    p, q = 2 * sum(x * x for x in xs) / len(xs), 2 * sum(xs) / len(xs)
    return 2 / (p + 2 / 2 + (((p - 2) / 2) ** 2 + q * q) ** 0.5)


# %% exercise="numerical_grad" message="all were moved at once"
def numerical_grad(loss, parameters, step=1e-3):
    higher, lower = [p + step for p in parameters], [p - step for p in parameters]
    return [(loss(higher) - loss(lower)) / (2 * step) for _ in parameters]
