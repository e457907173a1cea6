# %% [markdown]
# Classic wrong answers to chapter 14's exercises, each with what the check must say to it.


# %% exercise="block" message="a ReLU behind norm2: F could only add"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1, norm=nn.BatchNorm2d, zero_init=False):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = norm(out_channels)
        if zero_init:
            nn.init.zeros_(self.norm2.weight)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), norm(out_channels))

    def forward(self, x):
        x1 = relu(self.norm1(self.conv1(x)))
        return relu(self.shortcut(x) + relu(self.norm2(self.conv2(x1))))


# %% exercise="block" message="the ReLU stands behind the sum, not before it"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1, norm=nn.BatchNorm2d, zero_init=False):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = norm(out_channels)
        if zero_init:
            nn.init.zeros_(self.norm2.weight)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), norm(out_channels))

    def forward(self, x):
        x1 = relu(self.norm1(self.conv1(x)))
        return self.shortcut(x) + relu(self.norm2(self.conv2(x1)))


# %% exercise="block" message="and the shortcut is the identity"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1, norm=nn.BatchNorm2d, zero_init=False):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = norm(out_channels)
        if zero_init:
            nn.init.zeros_(self.norm2.weight)
        self.shortcut = nn.Identity()
        if in_channels != out_channels:  # the stride is forgotten
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), norm(out_channels))

    def forward(self, x):
        x1 = relu(self.norm1(self.conv1(x)))
        return relu(self.shortcut(x) + self.norm2(self.conv2(x1)))


# %% exercise="block" message="norm1 and norm2 are to be made by `norm`, which was given"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1, norm=nn.BatchNorm2d, zero_init=False):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        if zero_init:
            nn.init.zeros_(self.norm2.weight)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), norm(out_channels))

    def forward(self, x):
        x1 = relu(self.norm1(self.conv1(x)))
        return relu(self.shortcut(x) + self.norm2(self.conv2(x1)))


# %% exercise="block" message="the shortcut is not added"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1, norm=nn.BatchNorm2d, zero_init=False):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = norm(out_channels)
        if zero_init:
            nn.init.zeros_(self.norm2.weight)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), norm(out_channels))

    def forward(self, x):
        self.shortcut(x)
        x = relu(self.norm1(self.conv1(x)))
        return relu(self.norm2(self.conv2(x)))


# %% exercise="block" message="conv2 is Conv2d(5, 5, kernel_size=(3, 3), stride=(2, 2)"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1, norm=nn.BatchNorm2d, zero_init=False):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, stride, 1, bias=False)
        self.norm2 = norm(out_channels)
        if zero_init:
            nn.init.zeros_(self.norm2.weight)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), norm(out_channels))

    def forward(self, x):
        x1 = relu(self.norm1(self.conv1(x)))
        return relu(self.shortcut(x) + self.norm2(self.conv2(x1)))


# %% exercise="block" message="a ReLU before norm1, which belongs behind it"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1, norm=nn.BatchNorm2d, zero_init=False):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = norm(out_channels)
        if zero_init:
            nn.init.zeros_(self.norm2.weight)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), norm(out_channels))

    def forward(self, x):
        x1 = self.norm1(relu(self.conv1(x)))
        return relu(self.shortcut(x) + self.norm2(self.conv2(x1)))


# %% exercise="block" message="each norm stands straight behind its convolution"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1, norm=nn.BatchNorm2d, zero_init=False):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = norm(out_channels)
        if zero_init:
            nn.init.zeros_(self.norm2.weight)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), norm(out_channels))

    def forward(self, x):
        x1 = self.norm1(relu(self.conv1(x)))
        return relu(self.shortcut(x) + self.norm2(relu(self.conv2(x1))))


# %% exercise="block" message="conv1 is given x itself, and not ReLU(x)"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1, norm=nn.BatchNorm2d, zero_init=False):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = norm(out_channels)
        if zero_init:
            nn.init.zeros_(self.norm2.weight)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), norm(out_channels))

    def forward(self, x):
        x1 = relu(self.norm1(self.conv1(relu(x))))
        return relu(self.shortcut(x) + self.norm2(self.conv2(x1)))


# %% exercise="block" message="of a convolution and a norm, and not Conv2d(3, 5, kernel_size=(1, 1)"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1, norm=nn.BatchNorm2d, zero_init=False):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = norm(out_channels)
        if zero_init:
            nn.init.zeros_(self.norm2.weight)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    def forward(self, x):
        x1 = relu(self.norm1(self.conv1(x)))
        return relu(self.shortcut(x) + self.norm2(self.conv2(x1)))


# %% exercise="block" message="with zero_init conv2 is 0 as well"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1, norm=nn.BatchNorm2d, zero_init=False):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = norm(out_channels)
        if zero_init:
            nn.init.zeros_(self.norm2.weight)
            nn.init.zeros_(self.conv2.weight)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), norm(out_channels))

    def forward(self, x):
        x1 = relu(self.norm1(self.conv1(x)))
        return relu(self.shortcut(x) + self.norm2(self.conv2(x1)))


# %% exercise="block" message="norm2's weight gets no gradient"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1, norm=nn.BatchNorm2d, zero_init=False):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = norm(out_channels)
        if zero_init:
            self.norm2.weight.requires_grad_(False).zero_()
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), norm(out_channels))

    def forward(self, x):
        x1 = relu(self.norm1(self.conv1(x)))
        return relu(self.shortcut(x) + self.norm2(self.conv2(x1)))


# %% exercise="block" message="forward sets norm2's weight to 0 anew"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1, norm=nn.BatchNorm2d, zero_init=False):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = norm(out_channels)
        self.zero_init = zero_init
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), norm(out_channels))

    def forward(self, x):
        if self.zero_init:
            self.norm2.weight.data.zero_()
        x1 = relu(self.norm1(self.conv1(x)))
        return relu(self.shortcut(x) + self.norm2(self.conv2(x1)))


# %% exercise="block" message="begins at 0, one for each channel, and that of no other norm"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1, norm=nn.BatchNorm2d, zero_init=False):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1 = norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2 = norm(out_channels)
        if zero_init:
            nn.init.zeros_(self.norm1.weight)
            nn.init.zeros_(self.norm2.weight)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), norm(out_channels))

    def forward(self, x):
        x1 = relu(self.norm1(self.conv1(x)))
        return relu(self.shortcut(x) + self.norm2(self.conv2(x1)))


# %% exercise="shares" message="divide by how many places there are"
def shares(size, out):
    rows = torch.zeros(out, size, dtype=torch.float64)
    for i in range(out):
        rows[i, i * size // out : -(-(i + 1) * size // out)] = 1
    return rows


# %% exercise="shares" message="the last place is to be rounded up"
def shares(size, out):
    rows = torch.zeros(out, size, dtype=torch.float64)
    for i in range(out):
        first, last = i * size // out, (i + 1) * size // out
        rows[i, first:last] = 1 / max(last - first, 1)
    return rows


# %% exercise="shares" message="output 11 reads the places [14, 15, 16], and should [15, 16]"
def shares(size, out):
    rows = torch.zeros(out, size, dtype=torch.float64)
    for i in range(out):
        first, last = math.floor(i * (size / out)), math.ceil((i + 1) * (size / out))
        rows[i, first:last] = 1 / (last - first)
    return rows


# %% exercise="shares" message="a row for each output, turn it round"
def shares(size, out):
    rows = torch.zeros(size, out, dtype=torch.float64)
    for i in range(out):
        first, last = i * size // out, -(-(i + 1) * size // out)
        rows[first:last, i] = 1 / (last - first)
    return rows


# %% exercise="shares" message="the numbers are torch.float32: float64"
def shares(size, out):
    rows = torch.zeros(out, size)
    for i in range(out):
        first, last = i * size // out, -(-(i + 1) * size // out)
        rows[i, first:last] = 1 / (last - first)
    return rows


# %% exercise="shares" message="every place of a slice counts alike"
def shares(size, out):
    rows = torch.zeros(out, size, dtype=torch.float64)
    for i in range(out):
        first, last = i * size / out, (i + 1) * size / out
        for place in range(size):  # by how much of it lies between the two
            rows[i, place] = max(min(place + 1, last) - max(place, first), 0) / (last - first)
    return rows


# %% exercise="shares" message="output 0 reads the places [0, 1, 2], and should [0, 1]"
def shares(size, out):
    rows = torch.zeros(out, size, dtype=torch.float64)
    for i in range(out):
        first, last = i * size // out, -(-(i + 1) * size // out)
        rows[i, first : last + 1] = 1 / (last + 1 - first)
    return rows


# %% exercise="shares" message="output 2 reads the right places, but its shares add up to 0.6667"
def shares(size, out):
    rows = torch.zeros(out, size, dtype=torch.float64)
    for i in range(out):
        first, last = i * size // out, (i + 1) * size // out + 1
        rows[i, first:last] = 1 / (last - first)
    return rows


# %% exercise="shares" message="right to about seven digits, as float32 is"
def shares(size, out):
    rows = torch.zeros(out, size)
    for i in range(out):
        first, last = i * size // out, -(-(i + 1) * size // out)
        rows[i, first:last] = 1 / (last - first)
    return rows.double()


# %% exercise="shares" message="output 15 reads the places [14, 15], and should [15]"
def shares(size, out):
    rows = torch.zeros(out, size, dtype=torch.float64)
    for i in range(out):
        first, last = math.floor(i / out * size), math.ceil((i + 1) / out * size)
        rows[i, first:last] = 1 / (last - first)
    return rows


# %% exercise="shares" message="shares(28, 26): output"
def shares(size, out):
    ends = torch.linspace(0, size, out + 1)
    rows = torch.zeros(out, size, dtype=torch.float64)
    for i in range(out):
        first, last = int(ends[i].floor()), int(ends[i + 1].ceil())
        rows[i, first:last] = 1 / (last - first)
    return rows


# %% exercise="cost" message="what is left is rounded up"
def block_cost(in_channels, out_channels, height, width, stride):
    weights = 9 * in_channels * out_channels + 9 * out_channels * out_channels
    norms = 2
    if stride != 1 or in_channels != out_channels:
        weights += in_channels * out_channels
        norms += 1
    return weights + norms * 2 * out_channels, weights * (height // stride) * (width // stride)


# %% exercise="cost" message="two for each channel"
def block_cost(in_channels, out_channels, height, width, stride):
    weights = 9 * in_channels * out_channels + 9 * out_channels * out_channels
    if stride != 1 or in_channels != out_channels:
        weights += in_channels * out_channels
    return weights, weights * -(-height // stride) * -(-width // stride)


# %% exercise="cost" message="the projection shortcut is missing"
def block_cost(in_channels, out_channels, height, width, stride):
    weights = 9 * in_channels * out_channels + 9 * out_channels * out_channels
    return weights + 4 * out_channels, weights * -(-height // stride) * -(-width // stride)


# %% exercise="cost" message="as many channels as go out"
def block_cost(in_channels, out_channels, height, width, stride):
    weights = 2 * 9 * in_channels * out_channels
    norms = 2
    if stride != 1 or in_channels != out_channels:
        weights += in_channels * out_channels
        norms += 1
    return weights + norms * 2 * out_channels, weights * -(-height // stride) * -(-width // stride)


# %% exercise="cost" message="the stride leaves fewer"
def block_cost(in_channels, out_channels, height, width, stride):
    weights = 9 * in_channels * out_channels + 9 * out_channels * out_channels
    norms = 2
    if stride != 1 or in_channels != out_channels:
        weights += in_channels * out_channels
        norms += 1
    return weights + norms * 2 * out_channels, weights * height * width


# %% exercise="cost" message="one multiply-add"
def block_cost(in_channels, out_channels, height, width, stride):
    weights = 9 * in_channels * out_channels + 9 * out_channels * out_channels
    norms = 2
    if stride != 1 or in_channels != out_channels:
        weights += in_channels * out_channels
        norms += 1
    return weights + norms * 2 * out_channels, 2 * weights * -(-height // stride) * -(-width // stride)


# %% exercise="cost" message="the parameters come first, then the multiply-adds"
def block_cost(in_channels, out_channels, height, width, stride):
    weights = 9 * in_channels * out_channels + 9 * out_channels * out_channels
    norms, way = 2, 0
    if stride != 1 or in_channels != out_channels:
        way = in_channels * out_channels
        norms += 1
    places = -(-height // stride) * -(-width // stride)
    parameters = weights + way + norms * 2 * out_channels
    return (weights + way) * places, parameters


# %% exercise="cost" message="2 norms, and the convolutions have no bias"
def block_cost(in_channels, out_channels, height, width, stride):
    weights = 9 * in_channels * out_channels + 9 * out_channels * out_channels
    norms, way = 2, 0
    if stride != 1 or in_channels != out_channels:
        way = in_channels * out_channels
        norms += 1
    places = -(-height // stride) * -(-width // stride)
    parameters = weights + way + norms * 3 * out_channels
    return parameters, (weights + way) * places


# %% exercise="cost" message="the projection is 1 × 1"
def block_cost(in_channels, out_channels, height, width, stride):
    weights = 9 * in_channels * out_channels + 9 * out_channels * out_channels
    norms, way = 2, 0
    if stride != 1 or in_channels != out_channels:
        way = 9 * in_channels * out_channels
        norms += 1
    places = -(-height // stride) * -(-width // stride)
    parameters = weights + way + norms * 2 * out_channels
    return parameters, (weights + way) * places


# %% exercise="cost" message="the projection skips places, too"
def block_cost(in_channels, out_channels, height, width, stride):
    weights = 9 * in_channels * out_channels + 9 * out_channels * out_channels
    norms, way = 2, 0
    if stride != 1 or in_channels != out_channels:
        way = in_channels * out_channels
        norms += 1
    places = -(-height // stride) * -(-width // stride)
    parameters = weights + way + norms * 2 * out_channels
    return parameters, weights * places + way * height * width


# %% exercise="cost" message="without a padding fewer places would be left"
def block_cost(in_channels, out_channels, height, width, stride):
    weights = 9 * in_channels * out_channels + 9 * out_channels * out_channels
    norms, way = 2, 0
    if stride != 1 or in_channels != out_channels:
        way = in_channels * out_channels
        norms += 1
    places = ((height - 3) // stride + 1) * ((width - 3) // stride + 1)
    parameters = weights + way + norms * 2 * out_channels
    return parameters, (weights + way) * places


# %% exercise="cost" message="norm1 stands behind conv1: out_channels"
def block_cost(in_channels, out_channels, height, width, stride):
    weights = 9 * in_channels * out_channels + 9 * out_channels * out_channels
    norms, way = 2, 0
    if stride != 1 or in_channels != out_channels:
        way = in_channels * out_channels
        norms += 1
    places = -(-height // stride) * -(-width // stride)
    parameters = weights + way + (norms - 1) * 2 * out_channels + 2 * in_channels
    return parameters, (weights + way) * places


# %% exercise="cost" message="two norms are counted; the shortcut has a third"
def block_cost(in_channels, out_channels, height, width, stride):
    weights = 9 * in_channels * out_channels + 9 * out_channels * out_channels
    norms, way = 2, 0
    if stride != 1 or in_channels != out_channels:
        way = in_channels * out_channels
    places = -(-height // stride) * -(-width // stride)
    parameters = weights + way + norms * 2 * out_channels
    return parameters, (weights + way) * places


# %% exercise="cost" message="14880 multiply-adds, not 8928"
def block_cost(in_channels, out_channels, height, width, stride):
    weights = 9 * in_channels * out_channels + 9 * out_channels * out_channels
    norms, way = 2, 0
    if stride != 1 or in_channels != out_channels:
        way = in_channels * out_channels
        norms += 1
    places = (height // stride + height % stride) * (width // stride + width % stride)
    parameters = weights + way + norms * 2 * out_channels
    return parameters, (weights + way) * places


# %% exercise="coins" message="the middle is counted twice"
def sign_test(first_only, second_only):
    if first_only < 0 or second_only < 0:
        raise ValueError("counts")
    n, few = first_only + second_only, min(first_only, second_only)
    return 2 * sum(math.comb(n, k) for k in range(few + 1)) / 2**n


# %% exercise="coins" message="in either direction: this is one side only"
def sign_test(first_only, second_only):
    n, few = first_only + second_only, min(first_only, second_only)
    return sum(math.comb(n, k) for k in range(few + 1)) / 2**n


# %% exercise="coins" message="exactly this division; those that are more uneven count as well"
def sign_test(first_only, second_only):
    n = first_only + second_only
    return math.comb(n, first_only) / 2**n


# %% exercise="coins" message="this division itself counts"
def sign_test(first_only, second_only):
    n, uneven = first_only + second_only, abs(first_only - second_only)
    return sum(math.comb(n, k) for k in range(n + 1) if abs(n - 2 * k) > uneven) / 2**n


# %% exercise="coins" message="turn to floats only at the end"
def sign_test(first_only, second_only):
    n, uneven = first_only + second_only, abs(first_only - second_only)
    return sum(math.comb(n, k) * 0.5**n for k in range(n + 1) if abs(n - 2 * k) >= uneven)


# %% exercise="coins" message="sign_test(-1, 3) gives 0.0"
def sign_test(first_only, second_only):
    n, uneven = first_only + second_only, abs(first_only - second_only)
    return sum(math.comb(n, k) for k in range(n + 1) if abs(n - 2 * k) >= uneven) / 2**n


# %% exercise="coins" message="over the middle: a tail ends at the smaller count"
def sign_test(first_only, second_only):
    n = first_only + second_only
    return min(1, 2 * sum(math.comb(n, k) for k in range(first_only + 1)) / 2**n)


# %% exercise="coins" message="a ValueError is wanted, and not AssertionError()"
def sign_test(first_only, second_only):
    assert first_only >= 0 and second_only >= 0
    n, uneven = first_only + second_only, abs(first_only - second_only)
    return sum(math.comb(n, k) for k in range(n + 1) if abs(n - 2 * k) >= uneven) / 2**n


# %% exercise="split" message="the last rows are held back"
def split_by_class(labels, share=0.2, seed=0):
    rows = torch.arange(len(labels))
    count = round(share * len(labels))
    return rows[:-count], rows[-count:]


# %% exercise="split" message="class by class, and rounded to the nearest"
def split_by_class(labels, share=0.2, seed=0):
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    count = round(share * len(labels))
    while any(not 0 < (labels[order[:count]] == k).sum() < (labels == k).sum() for k in labels.unique()):
        order = order.roll(1)
    return order[count:].sort()[0], order[:count].sort()[0]


# %% exercise="split" message="use a torch.Generator of your own"
def split_by_class(labels, share=0.2, seed=0):
    torch.manual_seed(seed)
    held_back = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        rows = (labels == label).nonzero().flatten()
        count = min(max(round(share * len(rows)), 1), len(rows) - 1)
        held_back[rows[torch.randperm(len(rows))[:count]]] = True
    return (~held_back).nonzero().flatten(), held_back.nonzero().flatten()


# %% exercise="split" message="come second, where those held back belong"
def split_by_class(labels, share=0.2, seed=0):
    source = torch.Generator().manual_seed(seed)
    held_back = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        rows = (labels == label).nonzero().flatten()
        count = min(max(round(share * len(rows)), 1), len(rows) - 1)
        held_back[rows[torch.randperm(len(rows), generator=source)[:count]]] = True
    return held_back.nonzero().flatten(), (~held_back).nonzero().flatten()


# %% exercise="split" message="one generator for all classes"
def split_by_class(labels, share=0.2, seed=0):
    if not 0 < share < 1:
        raise ValueError("share")
    held_back = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        rows = (labels == label).nonzero().flatten()
        if len(rows) < 2:
            raise ValueError("one")
        source = torch.Generator().manual_seed(seed)
        count = min(max(round(share * len(rows)), 1), len(rows) - 1)
        held_back[rows[torch.randperm(len(rows), generator=source)[:count]]] = True
    return (~held_back).nonzero().flatten(), held_back.nonzero().flatten()


# %% exercise="split" message="nothing is left of it to train on"
def split_by_class(labels, share=0.2, seed=0):
    source = torch.Generator().manual_seed(seed)
    held_back = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        rows = (labels == label).nonzero().flatten()
        count = max(round(share * len(rows)), 1)
        held_back[rows[torch.randperm(len(rows), generator=source)[:count]]] = True
    return (~held_back).nonzero().flatten(), held_back.nonzero().flatten()


# %% exercise="split" message="none is held back; at least one"
def split_by_class(labels, share=0.2, seed=0):
    source = torch.Generator().manual_seed(seed)
    held_back = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        rows = (labels == label).nonzero().flatten()
        count = round(share * len(rows))
        held_back[rows[torch.randperm(len(rows), generator=source)[:count]]] = True
    return (~held_back).nonzero().flatten(), held_back.nonzero().flatten()


# %% exercise="split" message="ways to hold back 8 rows of 40"
def split_by_class(labels, share=0.2, seed=0):
    if not 0 < share < 1:
        raise ValueError("share")
    source = torch.Generator().manual_seed(seed)
    held_back = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        rows = (labels == label).nonzero().flatten()
        if len(rows) < 2:
            raise ValueError("one")
        count = min(max(round(share * len(rows)), 1), len(rows) - 1)
        held_back[rows.roll(int(torch.randint(len(rows), (1,), generator=source)))[:count]] = True
    return (~held_back).nonzero().flatten(), held_back.nonzero().flatten()


# %% exercise="split" message="share 1.5: a ValueError is wanted, and none came"
def split_by_class(labels, share=0.2, seed=0):
    if share <= 0 or share == 1:
        raise ValueError("share")
    source = torch.Generator().manual_seed(seed)
    held_back = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        rows = (labels == label).nonzero().flatten()
        if len(rows) < 2:
            raise ValueError("one")
        count = min(max(round(share * len(rows)), 1), len(rows) - 1)
        held_back[rows[torch.randperm(len(rows), generator=source)[:count]]] = True
    return (~held_back).nonzero().flatten(), held_back.nonzero().flatten()


# %% exercise="split" message="classes [-2, 3, 5, 7, 10], share and seed (0.2, 1): your code stops"
def split_by_class(labels, share=0.2, seed=0):
    if not 0 < share < 1:
        raise ValueError("share")
    source = torch.Generator().manual_seed(seed)
    held_back = torch.zeros(len(labels), dtype=torch.bool)
    for label in range(int(labels.max()) + 1):
        rows = (labels == label).nonzero().flatten()
        if len(rows) < 2:
            raise ValueError("one")
        count = min(max(round(share * len(rows)), 1), len(rows) - 1)
        held_back[rows[torch.randperm(len(rows), generator=source)[:count]]] = True
    return (~held_back).nonzero().flatten(), held_back.nonzero().flatten()


# %% exercise="split" message="another seed, and the same rows"
def split_by_class(labels, share=0.2, seed=0):
    if not 0 < share < 1:
        raise ValueError("share")
    source = torch.Generator().manual_seed(seed)
    held_back = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        rows = (labels == label).nonzero().flatten()
        if len(rows) < 2:
            raise ValueError("one")
        count = min(max(round(share * len(rows)), 1), len(rows) - 1)
        held_back[rows[-count:]] = True
    return (~held_back).nonzero().flatten(), held_back.nonzero().flatten()
