import my_nn.network as net


def error_rate(predicted, labels):
    wrong = [1 for p, y in zip(predicted, labels, strict=True) if p != y]
    return len(wrong) / len(labels)


def dead_units(network, inputs):
    alive = set()
    for x in inputs:
        alive |= {place for place, value in enumerate(net.forward(network, x)[1]) if value}
    return len(network.hidden_bias) - len(alive)
