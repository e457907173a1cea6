def predict(x, weights, bias):
    if len(x) != len(weights):
        raise ValueError(f"weights of length {len(weights)}, x of length {len(x)}")
    output = bias
    for position in range(len(x)):
        output += weights[position] * x[position]
    return output
