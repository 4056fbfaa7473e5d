"""The 90 % sparse MNIST network in PyTorch, written apart from fanin: does its accuracy agree?

Constant fan-in (78 and 102), He-normal weights with that fan-in, biases 0, LayerNorm and ReLU, dense
output, Adam 1e-3, batch 128, mask reapplied after each update, 10 epochs. Prints seed, last and best
test accuracy. results/protocol/torch_protocol.py has all but the network from here.
Usage: torch_reference.py DATA_DIR SEED...
"""
import gzip
import math
import pathlib
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

data = pathlib.Path(sys.argv[1])
torch.set_num_threads(1)


def read(name, offset):
    return np.frombuffer(gzip.open(data / name).read(), np.uint8, offset=offset)


def images(name):
    return torch.tensor(read(name, 16).reshape(-1, 784) / 255.0, dtype=torch.float32)


def labels(name):
    return torch.tensor(read(name, 8).astype(np.int64))


def masked_linear(in_features, out_features, fan_in):
    layer, mask = nn.Linear(in_features, out_features), torch.zeros(out_features, in_features)
    for row in mask:
        row[torch.randperm(in_features)[:fan_in]] = 1
    with torch.no_grad():
        layer.weight.normal_(0, math.sqrt(2 / fan_in))
        layer.weight *= mask
        layer.bias.zero_()
    return layer, mask


def epoch(net, optimizer, x, y, masked):
    """An epoch in batches of 128, the masks of `masked` reapplied; yields after every step."""
    for batch in torch.randperm(len(x)).split(128):
        loss = F.cross_entropy(net(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for layer, mask in masked:
                layer.weight *= mask
        yield


def accuracy(net, x, y):
    with torch.no_grad():
        return (net(x).argmax(1) == y).float().mean().item()


if __name__ == "__main__":
    x, y = (images("train-images-idx3-ubyte.gz") - 0.1307) / 0.3081, labels("train-labels-idx1-ubyte.gz")
    x_test, y_test = (images("t10k-images-idx3-ubyte.gz") - 0.1307) / 0.3081, labels("t10k-labels-idx1-ubyte.gz")
    for seed in map(int, sys.argv[2:]):
        torch.manual_seed(seed)
        (first, mask1), (second, mask2) = masked_linear(784, 1024, 78), masked_linear(1024, 1024, 102)
        output, _ = masked_linear(1024, 10, 1024)
        net = nn.Sequential(first, nn.LayerNorm(1024), nn.ReLU(), second, nn.LayerNorm(1024), nn.ReLU(), output)
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
        accuracies = []
        for _ in range(10):
            for _ in epoch(net, optimizer, x, y, [(first, mask1), (second, mask2)]):
                pass
            accuracies.append(accuracy(net, x_test, y_test))
        print(f"seed {seed}: last {accuracies[-1]:.4f}, best {max(accuracies):.4f}", flush=True)
