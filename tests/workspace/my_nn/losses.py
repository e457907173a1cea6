# Relative, absolute and late imports of its own name are all in this package.


def _pairs(ours, theirs):
    if len(ours) != len(theirs):
        raise ValueError(f"a list of {len(theirs)} has no pairs with one of {len(ours)}")
    return list(zip(ours, theirs, strict=True))


class _MeanSquare:
    """Callable, to be different."""

    def __call__(self, predictions, targets):
        total = 0.0
        for guess, truth in _pairs(predictions, targets):
            total += (guess - truth) * (guess - truth)
        return total / len(predictions)


mse = _MeanSquare()


def mse_grad(predictions, targets):
    return [2.0 / len(targets) * (guess - truth) for guess, truth in _pairs(predictions, targets)]
