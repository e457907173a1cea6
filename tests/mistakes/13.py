# %% [markdown]
# Classic wrong answers to chapter 13's exercises, each with what the check must say to it.


# %% exercise="sample" message="only at negative places is it wrong"
def sample(x, rows, columns):
    H, W = x.shape[2:]
    image = torch.arange(len(x))[:, None, None]
    top, left = rows.detach().long(), columns.detach().long()
    result = 0
    for row in (top, top + 1):
        for column in (left, left + 1):
            share = (1 - (rows - row).abs()) * (1 - (columns - column).abs())
            inside = (row >= 0) & (row < H) & (column >= 0) & (column < W)
            values = x[image, :, row.clamp(0, H - 1), column.clamp(0, W - 1)].movedim(-1, 1)
            result = result + values * (share * inside)[:, None]
    return result


# %% exercise="sample" message="the pixel at the edge is repeated"
def sample(x, rows, columns):
    H, W = x.shape[2:]
    image = torch.arange(len(x))[:, None, None]
    top, left = rows.detach().floor(), columns.detach().floor()
    result = 0
    for row in (top, top + 1):
        for column in (left, left + 1):
            share = (1 - (rows - row).abs()) * (1 - (columns - column).abs())
            r, c = row.clamp(0, H - 1).long(), column.clamp(0, W - 1).long()
            result = result + x[image, :, r, c].movedim(-1, 1) * share[:, None]
    return result


# %% exercise="sample" message="an index of -1 reads the last row"
def sample(x, rows, columns):
    H, W = x.shape[2:]
    image = torch.arange(len(x))[:, None, None]
    top, left = rows.detach().floor().long(), columns.detach().floor().long()
    result = 0
    for row in (top, top + 1):
        for column in (left, left + 1):
            share = (1 - (rows - row).abs()) * (1 - (columns - column).abs())
            result = result + x[image, :, row % H, column % W].movedim(-1, 1) * share[:, None]
    return result


# %% exercise="sample" message="rows and columns are taken for each other"
def sample(x, rows, columns):
    H, W = x.shape[2:]
    image = torch.arange(len(x))[:, None, None]
    top, left = columns.detach().floor(), rows.detach().floor()
    result = 0
    for row in (top, top + 1):
        for column in (left, left + 1):
            share = (1 - (columns - row).abs()) * (1 - (rows - column).abs())
            inside = (row >= 0) & (row < H) & (column >= 0) & (column < W)
            r, c = row.clamp(0, H - 1).long(), column.clamp(0, W - 1).long()
            result = result + x[image, :, r, c].movedim(-1, 1) * (share * inside)[:, None]
    return result


# %% exercise="sample" message="the nearest pixel alone is read"
def sample(x, rows, columns):
    H, W = x.shape[2:]
    image = torch.arange(len(x))[:, None, None]
    row, column = rows.round(), columns.round()
    inside = (row >= 0) & (row < H) & (column >= 0) & (column < W)
    r, c = row.clamp(0, H - 1).long(), column.clamp(0, W - 1).long()
    return x[image, :, r, c].movedim(-1, 1) * inside[:, None]


# %% exercise="sample" message="the axis of the channels is in another place"
def sample(x, rows, columns):
    H, W = x.shape[2:]
    image = torch.arange(len(x))[:, None, None]
    top, left = rows.floor(), columns.floor()
    result = 0
    for row in (top, top + 1):
        for column in (left, left + 1):
            share = (1 - (rows - row).abs()) * (1 - (columns - column).abs())
            inside = (row >= 0) & (row < H) & (column >= 0) & (column < W)
            r, c = row.clamp(0, H - 1).long(), column.clamp(0, W - 1).long()
            result = result + x[image, :, r, c] * (share * inside)[..., None]
    return result


# %% exercise="sample" message="all places are read in the first image"
def sample(x, rows, columns):
    H, W = x.shape[2:]
    image = torch.zeros(len(x), dtype=torch.long)[:, None, None]
    top, left = rows.floor(), columns.floor()
    result = 0
    for row in (top, top + 1):
        for column in (left, left + 1):
            share = (1 - (rows - row).abs()) * (1 - (columns - column).abs())
            inside = (row >= 0) & (row < H) & (column >= 0) & (column < W)
            r, c = row.clamp(0, H - 1).long(), column.clamp(0, W - 1).long()
            result = result + x[image, :, r, c].movedim(-1, 1) * (share * inside)[:, None]
    return result


# %% exercise="sample" message="no gradient finds its way to rows"
def sample(x, rows, columns):
    H, W = x.shape[2:]
    rows, columns = rows.detach(), columns.detach()
    image = torch.arange(len(x))[:, None, None]
    top, left = rows.floor(), columns.floor()
    result = 0
    for row in (top, top + 1):
        for column in (left, left + 1):
            share = (1 - (rows - row).abs()) * (1 - (columns - column).abs())
            inside = (row >= 0) & (row < H) & (column >= 0) & (column < W)
            r, c = row.clamp(0, H - 1).long(), column.clamp(0, W - 1).long()
            result = result + x[image, :, r, c].movedim(-1, 1) * (share * inside)[:, None]
    return result


# %% exercise="sample" message="just on one it is not"
def sample(x, rows, columns):
    H, W = x.shape[2:]
    image = torch.arange(len(x))[:, None, None]
    result = 0
    for row in (rows.floor(), rows.ceil()):
        for column in (columns.floor(), columns.ceil()):
            share = (1 - (rows - row).abs()) * (1 - (columns - column).abs())
            inside = (row >= 0) & (row < H) & (column >= 0) & (column < W)
            r, c = row.clamp(0, H - 1).long(), column.clamp(0, W - 1).long()
            result = result + x[image, :, r, c].movedim(-1, 1) * (share * inside)[:, None]
    return result


# %% exercise="sample" message="half a pixel off"
def sample(x, rows, columns):
    H, W = x.shape[2:]
    image = torch.arange(len(x))[:, None, None]
    rows, columns = rows - 0.5, columns - 0.5
    result = 0
    for row in (rows.floor(), rows.floor() + 1):
        for column in (columns.floor(), columns.floor() + 1):
            share = (1 - (rows - row).abs()) * (1 - (columns - column).abs())
            inside = (row >= 0) & (row < H) & (column >= 0) & (column < W)
            r, c = row.clamp(0, H - 1).long(), column.clamp(0, W - 1).long()
            result = result + x[image, :, r, c].movedim(-1, 1) * (share * inside)[:, None]
    return result


# %% exercise="sample" message="all channels have the first one's"
def sample(x, rows, columns):
    H, W = x.shape[2:]
    image = torch.arange(len(x))[:, None, None]
    result = 0
    for row in (rows.floor(), rows.floor() + 1):
        for column in (columns.floor(), columns.floor() + 1):
            share = (1 - (rows - row).abs()) * (1 - (columns - column).abs())
            inside = (row >= 0) & (row < H) & (column >= 0) & (column < W)
            r, c = row.clamp(0, H - 1).long(), column.clamp(0, W - 1).long()
            result = result + x[image, :1, r, c].movedim(-1, 1).expand(-1, x.shape[1], -1, -1) * (share * inside)[:, None]
    return result


# %% exercise="sample" message="no loop over images or places"
def sample(x, rows, columns):
    H, W = x.shape[2:]
    found = []
    for pixels, row, column in zip(x, rows, columns, strict=True):
        down = (1 - (row[..., None] - torch.arange(H)).abs()).clamp(min=0)
        along = (1 - (column[..., None] - torch.arange(W)).abs()).clamp(min=0)
        found.append(torch.einsum("chw,pqh,pqw->cpq", pixels, down, along))
    return torch.stack(found)


# %% exercise="sample" message="(3,) came back, and (1, 3, 1, 1) is wanted"
def sample(x, rows, columns):
    down = (1 - (rows[..., None] - torch.arange(x.shape[2])).abs()).clamp(min=0)
    along = (1 - (columns[..., None] - torch.arange(x.shape[3])).abs()).clamp(min=0)
    return torch.einsum("nchw,npqh,npqw->ncpq", x, down, along).squeeze()


# %% exercise="own_draws" message="compare what comes out of equal images"
def has_own_draws(transform, shape):
    x = torch.rand(shape)
    moved = transform(x.clone())
    changed = [not torch.equal(a, b) for a, b in zip(x, moved, strict=True)]
    return any(changed) and not all(changed)


# %% exercise="own_draws" message="in one try of six images nothing happens in half of the cases"
def has_own_draws(transform, shape):
    alike = torch.rand(1, *shape[1:]).repeat(shape[0], 1, 1, 1)
    moved = transform(alike)
    return not torch.equal(moved, moved[:1].expand_as(moved))


# %% exercise="own_draws" message="compare all of the images, and not two of them"
def has_own_draws(transform, shape):
    for _ in range(100):
        moved = transform(torch.rand(1, *shape[1:]).repeat(shape[0], 1, 1, 1))
        if not torch.equal(moved[0], moved[1]):
            return True
    return False


# %% exercise="own_draws" message="did all images that went in equal each other"
def has_own_draws(transform, shape):
    for _ in range(60):
        moved = transform(torch.rand(shape))
        if not torch.equal(moved, moved[:1].expand_as(moved)):
            return True
    return False


# %% exercise="own_draws" message="`expand` makes no copies"
def has_own_draws(transform, shape):
    for _ in range(60):
        moved = transform(torch.rand(1, *shape[1:]).expand(shape))
        if not torch.equal(moved, moved[:1].expand_as(moved)):
            return True
    return False


# %% exercise="own_draws" message="each batch has another draw: compare within one"
def has_own_draws(transform, shape):
    x = torch.rand(1, *shape[1:]).repeat(shape[0], 1, 1, 1)
    first = transform(x.clone())
    return any(not torch.equal(first, transform(x.clone())) for _ in range(60))


# %% exercise="own_draws" message="the second image alone changed"
def has_own_draws(transform, shape):
    for _ in range(60):
        moved = transform(torch.rand(1, *shape[1:]).repeat(shape[0], 1, 1, 1))
        if not torch.equal(moved[0], moved[-1]):
            return True
    return False


# %% exercise="own_draws" message="a blank image hides what is done to it"
def has_own_draws(transform, shape):
    for _ in range(60):
        moved = transform(torch.zeros(shape))
        if not torch.equal(moved, moved[:1].expand_as(moved)):
            return True
    return False


# %% exercise="own_draws" message="do not seed within"
def has_own_draws(transform, shape):
    for _ in range(60):
        torch.manual_seed(0)
        moved = transform(torch.rand(1, *shape[1:]).repeat(shape[0], 1, 1, 1))
        if not torch.equal(moved, moved[:1].expand_as(moved)):
            return True
    return False


# %% exercise="dropout" message="p is the share of zeros"
def dropout(x, p=0.5, training=True):
    if not training:
        return x
    return x * torch.empty_like(x).bernoulli_(p) / p


# %% exercise="dropout" message="what is kept has to be divided by 1 - p"
def dropout(x, p=0.5, training=True):
    if not training:
        return x
    return x * torch.empty_like(x).bernoulli_(1 - p)


# %% exercise="dropout" message="x as it is, neither dropped nor scaled"
def dropout(x, p=0.5, training=True):
    if not training:
        return x * (1 - p)
    return x * torch.empty_like(x).bernoulli_(1 - p)


# %% exercise="dropout" message="some numbers are always dropped together"
def dropout(x, p=0.5, training=True):
    if not training:
        return x
    return x * (torch.rand(len(x), *[1] * (x.dim() - 1)) >= p) / (1 - p)


# %% exercise="dropout" message="nan: nothing is kept, and 0 / 0"
def dropout(x, p=0.5, training=True):
    if not training:
        return x
    return x * torch.empty_like(x).bernoulli_(1 - p) / (1 - p)


# %% exercise="dropout" message="x has changed: make a new tensor"
def dropout(x, p=0.5, training=True):
    if not training:
        return x
    x *= (torch.rand(x.shape) >= p) / (1 - p if p < 1 else 1)
    return x


# %% exercise="dropout" message="not enough values to unpack"
def dropout(x, p=0.5, training=True):
    if not training:
        return x
    n, d = x.shape
    return x * (torch.rand(n, d) >= p) / (1 - p if p < 1 else 1)


# %% exercise="dropout" message="each time as many are dropped"
def dropout(x, p=0.5, training=True):
    if not training:
        return x
    kept = torch.randperm(x.numel()).view(x.shape) >= round(p * x.numel())
    return x * kept / (1 - p if p < 1 else 1)


# %% exercise="dropout" message="the gradient has to be 0 where a number was dropped"
def dropout(x, p=0.5, training=True):
    if not training:
        return x
    return (x * torch.empty_like(x).bernoulli_(1 - p) / (1 - p)).nan_to_num()


# %% exercise="gap" message="the right class gets its part of the share, too"
def contented_gap(label_smoothing, classes):
    if label_smoothing == 0:
        return math.inf
    if label_smoothing == 1:
        return math.log(1e-300 / (1 / classes))
    return math.log((1 - label_smoothing) / (label_smoothing / classes))


# %% exercise="gap" message="the share is dealt out to all classes, the right one included"
def contented_gap(label_smoothing, classes):
    if label_smoothing == 0:
        return math.inf
    return math.log((1 - label_smoothing) * (classes - 1) / label_smoothing)


# %% exercise="gap" message="no class has the whole share"
def contented_gap(label_smoothing, classes):
    if label_smoothing in (0, 1):
        return math.inf
    return math.log((1 - label_smoothing) / label_smoothing)


# %% exercise="gap" message="the quotient with all others together"
def contented_gap(label_smoothing, classes):
    right = 1 - label_smoothing + label_smoothing / classes
    return math.log(right / (1 - right)) if right < 1 else math.inf


# %% exercise="gap" message="is nearly right: give it exactly"
def contented_gap(label_smoothing, classes):
    if label_smoothing == 0:
        return math.inf
    wanted = 1 - label_smoothing + label_smoothing / classes
    distance = 0.0
    for _ in range(20000):
        right = 1 / (1 + (classes - 1) * math.exp(-distance))
        distance -= 0.01 * (right - wanted)
    return round(distance, 4)


# %% exercise="gap" message="the quotient: take its logarithm"
def contented_gap(label_smoothing, classes):
    other = label_smoothing / classes
    return (1 - label_smoothing + other) / other


# %% exercise="gap" message="the distance of the probabilities, and not of the logits"
def contented_gap(label_smoothing, classes):
    return 1 - label_smoothing


# %% exercise="gap" message="that is the right class's probability"
def contented_gap(label_smoothing, classes):
    return 1 - label_smoothing + label_smoothing / classes


# %% exercise="gap" message="The loss is never content then"
def contented_gap(label_smoothing, classes):
    other = label_smoothing / classes
    return math.log((1 - label_smoothing + other) / other)


# %% exercise="gain" message="that is for rates of different images"
def gain(before, after):
    rates = before.double().mean(), after.double().mean()
    error = sum(rate * (1 - rate) / len(before) for rate in rates) ** 0.5
    return (rates[0] - rates[1]).item(), error.item()


# %% exercise="gain" message="a falling error rate is a gain"
def gain(before, after):
    d = after.double() - before.double()
    return d.mean().item(), (d.std() / len(d) ** 0.5).item()


# %% exercise="gain" message="a gain counts for, a loss against"
def gain(before, after):
    d = (before != after).double()
    return d.mean().item(), (d.std() / len(d) ** 0.5).item()


# %% exercise="gain" message="the standard deviation of one: divide by the root"
def gain(before, after):
    d = before.double() - after.double()
    return d.mean().item(), d.std().item()


# %% exercise="gain" message="the standard error alone"
def gain(before, after):
    d = before.double() - after.double()
    return d.mean().item(), (2 * d.std() / len(d) ** 0.5).item()


# %% exercise="gain" message="booleans cannot be subtracted"
def gain(before, after):
    d = before - after
    return d.mean().item(), (d.std() / len(d) ** 0.5).item()


# %% exercise="ece" message="each bin counts alike"
def expected_calibration_error(probabilities, labels, bins=10):
    count, confidence, right = reliability(probabilities, labels, bins)
    return (confidence - right).abs().nanmean().item()


# %% exercise="ece" message="nan: only"
def expected_calibration_error(probabilities, labels, bins=10):
    count, confidence, right = reliability(probabilities, labels, bins)
    return ((count * (confidence - right).abs()).sum() / count.sum()).item()


# %% exercise="ece" message="must not cancel"
def expected_calibration_error(probabilities, labels, bins=10):
    count, confidence, right = reliability(probabilities, labels, bins)
    gaps = (confidence - right).nan_to_num()
    return ((count * gaps).sum() / count.sum()).abs().item()


# %% exercise="ece" message="squared: no, the"
def expected_calibration_error(probabilities, labels, bins=10):
    count, confidence, right = reliability(probabilities, labels, bins)
    gaps = ((confidence - right) ** 2).nan_to_num()
    return ((count * gaps).sum() / count.sum()).item()


# %% exercise="ece" message="the largest of the distances"
def expected_calibration_error(probabilities, labels, bins=10):
    count, confidence, right = reliability(probabilities, labels, bins)
    return (confidence - right).abs().nan_to_num().max().item()


# %% exercise="ece" message="`bins` is not used"
def expected_calibration_error(probabilities, labels, bins=10):
    count, confidence, right = reliability(probabilities, labels, 10)
    return ((count * (confidence - right).abs()).nansum() / count.sum()).item()


# %% exercise="ece" message="answer by answer, where"
def expected_calibration_error(probabilities, labels, bins=10):
    confidence, answers = probabilities.max(1)
    return (confidence - (answers == labels).double()).abs().mean().item()


# %% exercise="ece" message="not by how many bins have some"
def expected_calibration_error(probabilities, labels, bins=10):
    count, confidence, right = reliability(probabilities, labels, bins)
    return (count * (confidence - right).abs()).nanmean().item()
