"""What fanin has no setting for: the 90 % sparse network in PyTorch, one thing at a time changed.

reference     as results/mnist/torch_reference.py: He-normal weights, biases 0, LayerNorm with γ and β
no-affine     LayerNorm without γ and β
output-init   the output layer as nn.Linear makes it, biases uniform
unit          inputs from 0 to 1
dense         every connection

Prints a line of JSON per run: variant, seed, test accuracy after each of ten epochs, and the best
of the evaluations after every 100 steps; torch.jsonl has such lines.
Usage: torch_protocol.py DATA_DIR VARIANTS SEEDS, as: torch_protocol.py data/mnist no-affine,unit 42,123
"""
import json
import pathlib
import sys

import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "mnist"))
from torch_reference import accuracy, data, epoch, images, labels, masked_linear  # noqa: E402


def run(variant, seed):
    torch.manual_seed(seed)
    fan_ins = (784, 1024) if variant == "dense" else (78, 102)
    (first, mask1), (second, mask2) = masked_linear(784, 1024, fan_ins[0]), masked_linear(1024, 1024, fan_ins[1])
    output = nn.Linear(1024, 10) if variant == "output-init" else masked_linear(1024, 10, 1024)[0]
    norms = [nn.LayerNorm(1024, elementwise_affine=variant != "no-affine") for _ in range(2)]
    net = nn.Sequential(first, norms[0], nn.ReLU(), second, norms[1], nn.ReLU(), output)
    mean, deviation = (0, 1) if variant == "unit" else (x.mean(), x.std())
    inputs, test_inputs = (x - mean) / deviation, (x_test - mean) / deviation
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)

    epochs, between, step = [], [], 0
    for _ in range(10):
        for _ in epoch(net, optimizer, inputs, y, [(first, mask1), (second, mask2)]):
            step += 1
            if step % 100 == 0:
                between.append(accuracy(net, test_inputs, y_test))
        epochs.append(accuracy(net, test_inputs, y_test))
    return {"variant": variant, "seed": seed, "epochs": epochs, "torch": torch.__version__,
            "best_of_steps": max(between + epochs)}


x, y = images("train-images-idx3-ubyte.gz"), labels("train-labels-idx1-ubyte.gz")
x_test, y_test = images("t10k-images-idx3-ubyte.gz"), labels("t10k-labels-idx1-ubyte.gz")
for variant in sys.argv[2].split(","):
    for seed in map(int, sys.argv[3].split(",")):
        print(json.dumps({"data": data.name, **run(variant, seed)}), flush=True)
