# %% [markdown]
# Classic wrong answers to chapter 1's exercises, each with what the check must say to it.

# %% exercise="mse" message="divide by how many"
def mse(predictions, targets):
    return sum((p - t) ** 2 for p, t in zip(predictions, targets))


# %% exercise="mse" message="square each difference first"
def mse(predictions, targets):
    return (sum(p - t for p, t in zip(predictions, targets)) / len(targets)) ** 2


# %% exercise="mse" message="mean of the absolute differences"
def mse(predictions, targets):
    return sum(abs(p - t) for p, t in zip(predictions, targets)) / len(targets)


# %% exercise="mse" message="zip stopped silently"
def mse(predictions, targets):
    return sum((p - t) ** 2 for p, t in zip(predictions, targets)) / len(targets)


# %% exercise="mse" message="both lengths in the message"
def mse(predictions, targets):
    if len(predictions) != len(targets):
        raise ValueError("unequal lists")
    return sum((p - t) ** 2 for p, t in zip(predictions, targets)) / len(targets)


# %% exercise="numerical_grad" message="one side alone is less exact"
def numerical_grad(f, knobs, step=1e-4):
    slopes = []
    for i, knob in enumerate(knobs):
        up = [*knobs[:i], knob + step, *knobs[i + 1 :]]
        slopes.append((f(up) - f(knobs)) / step)
    return slopes


# %% exercise="numerical_grad" message="the two points are 2 * step apart"
def numerical_grad(f, knobs, step=1e-4):
    slopes = []
    for i, knob in enumerate(knobs):
        up = [*knobs[:i], knob + step, *knobs[i + 1 :]]
        down = [*knobs[:i], knob - step, *knobs[i + 1 :]]
        slopes.append((f(up) - f(down)) / step)
    return slopes


# %% exercise="numerical_grad" message="the caller's list has changed"
def numerical_grad(f, knobs, step=1e-4):
    slopes = []
    for i in range(len(knobs)):
        knobs[i] += step
        up = f(knobs)
        knobs[i] -= 2 * step
        slopes.append((up - f(knobs)) / (2 * step))
    return slopes


# %% exercise="numerical_grad" message="put the first knob back"
def numerical_grad(f, knobs, step=1e-4):
    slopes = []
    nudged = list(knobs)
    for i in range(len(knobs)):
        nudged[i] = knobs[i] - step
        down = f(nudged)
        nudged[i] = knobs[i] + step
        slopes.append((f(nudged) - down) / (2 * step))
    return slopes


# %% exercise="numerical_grad" message="one slope for each knob"
def numerical_grad(f, knobs, step=1e-4):
    up = [knob + step for knob in knobs]
    down = [knob - step for knob in knobs]
    return [(f(up) - f(down)) / (2 * step)]


# %% exercise="line_grad" message="sum over the students: divide by n"
def line_grad(xs, ys, w, b):
    errors = [predict_line(x, w, b) - y for x, y in zip(xs, ys)]
    return 2 * sum(e * x for e, x in zip(errors, xs)), 2 * sum(errors)


# %% exercise="line_grad" message="the sign is turned round"
def line_grad(xs, ys, w, b):
    errors = [y - predict_line(x, w, b) for x, y in zip(xs, ys)]
    return 2 * sum(e * x for e, x in zip(errors, xs)) / len(xs), 2 * sum(errors) / len(xs)


# %% exercise="line_grad" message="the square brings a factor of 2 with it"
def line_grad(xs, ys, w, b):
    errors = [predict_line(x, w, b) - y for x, y in zip(xs, ys)]
    return sum(e * x for e, x in zip(errors, xs)) / len(xs), sum(errors) / len(xs)


# %% exercise="line_grad" message="the offset's slope has no x in it"
def line_grad(xs, ys, w, b):
    errors = [predict_line(x, w, b) - y for x, y in zip(xs, ys)]
    slope = 2 * sum(e * x for e, x in zip(errors, xs)) / len(xs)
    return slope, slope


# %% exercise="line_grad" message="multiply each error by x"
def line_grad(xs, ys, w, b):
    errors = [predict_line(x, w, b) - y for x, y in zip(xs, ys)]
    slope = 2 * sum(errors) / len(xs)
    return slope, slope


# %% exercise="largest_stable_lr" message="best for a single knob"
def largest_stable_lr(xs):
    p, q = 2 * sum(x * x for x in xs) / len(xs), 2 * sum(xs) / len(xs)
    return 1 / ((p + 2) / 2 + (((p - 2) / 2) ** 2 + q * q) ** 0.5)


# %% exercise="largest_stable_lr" message="take the plus"
def largest_stable_lr(xs):
    p, q = 2 * sum(x * x for x in xs) / len(xs), 2 * sum(xs) / len(xs)
    return 2 / ((p + 2) / 2 - (((p - 2) / 2) ** 2 + q * q) ** 0.5)


# %% exercise="largest_stable_lr" message="each entry has a factor of 2"
def largest_stable_lr(xs):
    p, q = sum(x * x for x in xs) / len(xs), sum(xs) / len(xs)
    return 2 / ((p + 1) / 2 + (((p - 1) / 2) ** 2 + q * q) ** 0.5)


# %% exercise="largest_stable_lr" message="the slope's own curvature is not all"
def largest_stable_lr(xs):
    return 2 / (2 * sum(x * x for x in xs) / len(xs))


# %% exercise="linear_grad" message="only the last input counted"
def linear_grad(inputs, targets, weights, bias):
    for x, target in zip(inputs, targets):
        slope = 2 * (predict(x, weights, bias) - target) / len(targets)
        weight_slopes = [slope * value for value in x]
        bias_slope = slope
    return weight_slopes, bias_slope


# %% exercise="linear_grad" message="sum over the inputs: divide by n"
def linear_grad(inputs, targets, weights, bias):
    weight_slopes, bias_slope = [0.0] * len(weights), 0.0
    for x, target in zip(inputs, targets):
        slope = 2 * (predict(x, weights, bias) - target)
        weight_slopes = [total + slope * value for total, value in zip(weight_slopes, x)]
        bias_slope += slope
    return weight_slopes, bias_slope


# %% exercise="linear_grad" message="all slopes are halved"
def linear_grad(inputs, targets, weights, bias):
    weight_slopes, bias_slope = [0.0] * len(weights), 0.0
    for x, target in zip(inputs, targets):
        slope = (predict(x, weights, bias) - target) / len(targets)
        weight_slopes = [total + slope * value for total, value in zip(weight_slopes, x)]
        bias_slope += slope
    return weight_slopes, bias_slope


# %% exercise="linear_grad" message="the bias is missing"
def linear_grad(inputs, targets, weights, bias):
    weight_slopes, bias_slope = [0.0] * len(weights), 0.0
    for x, target in zip(inputs, targets):
        slope = 2 * (predict(x, weights, 0.0) - target) / len(targets)
        weight_slopes = [total + slope * value for total, value in zip(weight_slopes, x)]
        bias_slope += slope
    return weight_slopes, bias_slope


# %% exercise="linear_grad" message="loop over pixels"
def linear_grad(inputs, targets, weights, bias):
    slopes = [2 * (predict(x, weights, bias) - t) / len(targets) for x, t in zip(inputs, targets)]
    return [slope * value for slope, x in zip(slopes, inputs) for value in x], sum(slopes)


# %% exercise="mse" message="not two: len(targets)"
def mse(predictions, targets):
    if len(predictions) != len(targets):
        raise ValueError(f"{len(predictions)} predictions for {len(targets)} targets")
    return sum((p - t) ** 2 for p, t in zip(predictions, targets)) / 2


# %% exercise="mse" message="catch both"
def mse(predictions, targets):
    if len(predictions) < len(targets):
        raise ValueError(f"{len(predictions)} predictions for {len(targets)} targets")
    return sum((p - t) ** 2 for p, t in zip(predictions, targets)) / len(targets)


# %% exercise="numerical_grad" message="mind the brackets"
def numerical_grad(f, knobs, step=1e-4):
    slopes = []
    for i, knob in enumerate(knobs):
        up = [*knobs[:i], knob + step, *knobs[i + 1 :]]
        down = [*knobs[:i], knob - step, *knobs[i + 1 :]]
        slopes.append((f(up) - f(down)) / 2 * step)
    return slopes


# %% exercise="line_grad" message="the 2 of the square and the 1/n"
def line_grad(xs, ys, w, b):
    errors = [predict_line(x, w, b) - y for x, y in zip(xs, ys)]
    return sum(e * x for e, x in zip(errors, xs)), sum(errors)


# %% exercise="line_grad" message="the targets are missing"
def line_grad(xs, ys, w, b):
    errors = [predict_line(x, w, b) for x in xs]
    return 2 * sum(e * x for e, x in zip(errors, xs)) / len(xs), 2 * sum(errors) / len(xs)


# %% exercise="largest_stable_lr" message="the mean of squares is not the squared mean"
def largest_stable_lr(xs):
    mean = sum(xs) / len(xs)
    p, q = 2 * mean * mean, 2 * mean
    return 2 / ((p + 2) / 2 + (((p - 2) / 2) ** 2 + q * q) ** 0.5)


# %% exercise="linear_grad" message="n is the number of inputs"
def linear_grad(inputs, targets, weights, bias):
    weight_slopes, bias_slope = [0.0] * len(weights), 0.0
    for x, target in zip(inputs, targets):
        slope = 2 * (predict(x, weights, bias) - target) / len(weights)
        weight_slopes = [total + slope * value for total, value in zip(weight_slopes, x)]
        bias_slope += slope
    return weight_slopes, bias_slope
