"""Time one peer on one training epoch of MNIST 784-1024-1024-10 (LayerNorm + ReLU, Adam, batch 128).

Prints one JSON object: seconds per epoch with subnormals kept and with subnormals flushed to zero,
loading included, evaluation excluded, after a warm-up; test accuracy; versions.
Each peer gets the fastest Adam it can run (fused).

With --epochs it trains those instead, subnormals flushed, the learning rate falling to 0 along half
a cosine, and prints the seconds and the test accuracy of each.
"""
import argparse
import gzip
import json
import math
import os
import pathlib
import time

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--peer", required=True, choices=["dense", "masked", "rigl", "csr", "sparselab", "sparseprop"])
parser.add_argument("--sparsity", type=float, default=0.0)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of the four IDX files")
parser.add_argument("--epochs", type=int, help="train so many, and print each")
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--seed", type=int, default=42)
arguments = parser.parse_args()
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = str(arguments.threads)

import numpy as np  # noqa: E402  (after the thread counts are set)
import scipy.sparse  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

BATCH, HIDDEN, WARM_UP_STEPS = 128, 1024, 40


def idx(name, offset):
    with gzip.open(arguments.data / name) as file:
        return np.frombuffer(file.read(), np.uint8, offset=offset)


def images(name):
    pixels = torch.from_numpy(idx(name, 16).reshape(-1, 784).astype(np.float32) / 255)
    return (pixels - 0.1307) / 0.3081


def labels(name):
    return torch.from_numpy(idx(name, 8).astype(np.int64))


def constant_fan_in(out_features, in_features, seed):
    """Every neuron gets the same number of random inputs; He weights for that number."""
    generator = np.random.default_rng(seed)
    fan_in = max(1, round(in_features * (1 - arguments.sparsity)))
    weight = np.zeros((out_features, in_features), np.float32)
    for row in weight:
        columns = generator.choice(in_features, fan_in, replace=False)
        row[columns] = generator.normal(0, (2 / fan_in) ** 0.5, fan_in)
    return weight


class Masked(nn.Module):
    """Dense weights times a 0/1 mask at every forward pass."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(weight))
        self.register_buffer("mask", (self.weight != 0).float())
        self.bias = nn.Parameter(torch.zeros(len(weight)))

    def forward(self, x):
        return F.linear(x, self.weight * self.mask, self.bias)


class Rigl(nn.Module):
    """Dense weights kept zero outside a mask, so that the gradient is dense and costs no extra pass.

    RigL on a mask (Evci et al. 2020): every 100 steps, instead of the optimiser's step, the smallest
    weights go and as many positions of the largest gradient come, with moments of zero.
    """

    EVERY, DROP, END = 100, 0.3, 0.75

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(weight))
        self.register_buffer("mask", (self.weight != 0).float())
        self.bias = nn.Parameter(torch.zeros(len(weight)))

    def forward(self, x):
        return F.linear(x, self.weight, self.bias)

    @torch.no_grad()
    def before_step(self):
        self.weight.grad.mul_(self.mask)

    @torch.no_grad()
    def after_step(self):
        self.weight.mul_(self.mask)

    @torch.no_grad()
    def update(self, fraction, state):
        active = self.mask.view(-1).nonzero().squeeze(1)
        count = int(fraction * len(active))
        weight, gradient, mask = self.weight.view(-1), self.weight.grad.view(-1), self.mask.view(-1)
        dropped = active[weight[active].abs().topk(count, largest=False).indices]
        mask[dropped] = 0
        scores = torch.where(mask == 0, gradient.abs(), -1)
        grown = scores.topk(count).indices
        was = torch.zeros_like(mask)
        was[active] = 1
        mask[grown] = 1
        new = grown[was[grown] == 0]
        for values in (weight, state["exp_avg"].view(-1), state["exp_avg_sq"].view(-1)):
            values[new] = 0
            values.mul_(mask)


class Csr(nn.Module):
    """torch's CSR tensors with hand-made gradients, feature-major as their kernels like it."""

    def __init__(self, weight):
        super().__init__()
        matrix = scipy.sparse.csr_matrix(weight)
        order = scipy.sparse.csr_matrix((np.arange(matrix.nnz), matrix.indices, matrix.indptr), matrix.shape)
        transposed = order.T.tocsr()
        self.shape = matrix.shape
        self.rows, self.columns = torch.from_numpy(matrix.indptr), torch.from_numpy(matrix.indices)
        self.t_rows, self.t_columns = torch.from_numpy(transposed.indptr), torch.from_numpy(transposed.indices)
        self.position = torch.from_numpy(transposed.data)
        self.zeros = self.csr(torch.zeros(matrix.nnz))
        self.values = nn.Parameter(torch.from_numpy(matrix.data))
        self.bias = nn.Parameter(torch.zeros(len(weight)))

    def csr(self, values):
        return torch.sparse_csr_tensor(self.rows, self.columns, values, self.shape, check_invariants=False)

    def csr_transposed(self, values):
        shape = self.shape[::-1]
        return torch.sparse_csr_tensor(self.t_rows, self.t_columns, values, shape, check_invariants=False)

    def forward(self, x):
        return CsrProduct.apply(x.t().contiguous(), self.values, self).t() + self.bias


class CsrProduct(torch.autograd.Function):
    @staticmethod
    def forward(context, x, values, layer):
        context.x, context.layer = x, layer
        context.values = values.detach()
        return layer.csr(context.values) @ x

    @staticmethod
    def backward(context, dy):
        dy, layer = dy.contiguous(), context.layer
        dw = torch.sparse.sampled_addmm(layer.zeros, dy, context.x.t(), beta=0.0).values()
        dx = None
        if context.needs_input_grad[0]:
            dx = layer.csr_transposed(context.values[layer.position]) @ dy
        return dx, dw, None


def hidden_layer(in_features, out_features, seed):
    if arguments.peer == "dense":
        return nn.Linear(in_features, out_features)
    if arguments.peer == "sparselab":
        import sparselab

        return sparselab.SparseLinear(in_features, out_features, sparsity=arguments.sparsity)
    weight = constant_fan_in(out_features, in_features, seed)
    if arguments.peer in ("masked", "rigl"):
        return {"masked": Masked, "rigl": Rigl}[arguments.peer](weight)
    if arguments.peer == "csr":
        return Csr(weight)
    from sparseprop.modules import SparseLinear

    return SparseLinear(torch.from_numpy(weight), nn.Parameter(torch.zeros(out_features)))


torch.set_num_threads(arguments.threads)
torch.manual_seed(arguments.seed)
x_train, y_train = images("train-images-idx3-ubyte.gz"), labels("train-labels-idx1-ubyte.gz")
x_test, y_test = images("t10k-images-idx3-ubyte.gz"), labels("t10k-labels-idx1-ubyte.gz")
model = nn.Sequential(
    hidden_layer(784, HIDDEN, 1), nn.LayerNorm(HIDDEN), nn.ReLU(),
    hidden_layer(HIDDEN, HIDDEN, 2), nn.LayerNorm(HIDDEN), nn.ReLU(),
    nn.Linear(HIDDEN, 10),
)
optimizer = torch.optim.Adam(model.parameters(), lr=arguments.lr, fused=True)
rewired = [module for module in model if isinstance(module, Rigl)]
# As in a run of 20 epochs; the timed ones are the first of it, where updates never pause.
last_update = Rigl.END * 20 * math.ceil(len(x_train) / BATCH)
step = 0
schedule = None
if arguments.epochs:
    steps = arguments.epochs * math.ceil(len(x_train) / BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)


def train(steps=None):
    global step
    for batch in torch.randperm(len(x_train)).split(BATCH)[:steps]:
        loss = F.cross_entropy(model(x_train[batch]), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        step += 1
        if rewired and step % Rigl.EVERY == 0 and step < last_update:
            fraction = Rigl.DROP / 2 * (1 + math.cos(math.pi * step / last_update))
            for module in rewired:
                module.update(fraction, optimizer.state[module.weight])
            continue
        for module in rewired:
            module.before_step()
        optimizer.step()
        for module in rewired:
            module.after_step()
        if schedule:
            schedule.step()


def timed_epoch():
    started = time.perf_counter()
    train()
    return time.perf_counter() - started


def test_accuracy():
    with torch.no_grad():
        predicted = torch.cat([model(x).argmax(1) for x in x_test.split(2000)])
    return (predicted == y_test).float().mean().item()


if arguments.epochs:
    torch.set_flush_denormal(True)
    curve = [{"seconds": timed_epoch(), "test_accuracy": test_accuracy()} for _ in range(arguments.epochs)]
    print(json.dumps({"curve": curve, "torch": torch.__version__}))
    raise SystemExit
train(WARM_UP_STEPS)
kept = timed_epoch()
can_flush = torch.set_flush_denormal(True)
flushed = timed_epoch() if can_flush else None
print(json.dumps({
    "seconds_subnormals_kept": kept,
    "seconds_subnormals_flushed": flushed,
    "test_accuracy": test_accuracy(),
    "torch": torch.__version__,
    "capability": torch.backends.cpu.get_cpu_capability(),
}))
