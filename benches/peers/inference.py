"""Time one peer's answers to 128 rows of MNIST and to one, on the weights of a model that fanin trained.

Reads model.safetensors, gives the peer the same network (LayerNorm and ReLU after each hidden layer) with every
absent weight 0, checks its logits against fanin's probabilities, and prints one JSON object per number of rows:
median microseconds. Values reach the peer normalised; fanin normalises them itself.
"""
import argparse
import gzip
import json
import os
import pathlib
import statistics
import tempfile
import time
import warnings

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--peer", required=True, choices=["torch", "torch-csr", "onnxruntime", "deepsparse"])
parser.add_argument("--model", type=pathlib.Path, required=True)
parser.add_argument("--expected", type=pathlib.Path, required=True, help="fanin predict --format json of the rows")
parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of the four IDX files")
parser.add_argument("--threads", type=int, default=1)
arguments = parser.parse_args()
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(arguments.threads)
os.environ["NM_DISABLE_ANALYTICS"] = "1"
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:arguments.threads])

import numpy as np  # noqa: E402  (after the thread counts are set)
from safetensors import safe_open  # noqa: E402

EPS = 1e-5


def layers():
    """Each layer's dense weight [out, in], bias, and γ, β or none."""
    with safe_open(arguments.model, "np") as file:
        names = set(file.keys())
        index, width = 0, int(json.loads(file.metadata()["fanin"])["in_features"])
        while f"layers.{index}.bias" in names:
            bias = file.get_tensor(f"layers.{index}.bias")
            if f"layers.{index}.weight" in names:
                weight = file.get_tensor(f"layers.{index}.weight")
            else:
                values, columns, offsets = (
                    file.get_tensor(f"layers.{index}.weight.{part}") for part in ("values", "col_idx", "row_ptr"))
                weight = np.zeros((len(bias), width), np.float32)
                rows = np.repeat(np.arange(len(bias)), np.diff(offsets.astype(np.int64)))
                weight[rows, columns] = values
            norm = [file.get_tensor(f"layers.{index}.norm.{name}") if f"layers.{index}.norm.{name}" in names else None
                    for name in ("gamma", "beta")]
            yield weight, bias, *norm
            index, width = index + 1, len(bias)


def rows(count):
    """The first rows of the test set, scaled as the model has it."""
    with safe_open(arguments.model, "np") as file:
        scaling = json.loads(json.loads(file.metadata()["fanin"])["scaling"])
    with gzip.open(arguments.data / "t10k-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16, count=count * 784)
    pixels = pixels.reshape(count, 784).astype(np.float32)
    return pixels * np.float32(scaling["scale"]) + np.float32(scaling["shift"])


def onnx_model(path, batch):
    """LayerNorm by its parts, which both engines fuse or run as they like."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, x = [], [], "x"

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def node(operation, inputs, name, **attributes):
        nodes.append(helper.make_node(operation, inputs, [name], **attributes))
        return name

    for i, (weight, bias, gamma, beta) in enumerate(layers()):
        x = node("Gemm", [x, constant(f"w{i}", weight.T.copy()), constant(f"b{i}", bias)], f"z{i}")
        if gamma is None:
            continue
        apart = node("Sub", [x, node("ReduceMean", [x], f"mean{i}", axes=[-1])], f"apart{i}")
        square = node("Pow", [apart, constant(f"two{i}", 2)], f"square{i}")
        variance = node("Add", [node("ReduceMean", [square], f"var{i}", axes=[-1]), constant(f"eps{i}", EPS)], f"v{i}")
        unit = node("Div", [apart, node("Sqrt", [variance], f"std{i}")], f"unit{i}")
        scaled = node("Mul", [unit, constant(f"gamma{i}", gamma)], f"scaled{i}")
        x = node("Relu", [node("Add", [scaled, constant(f"beta{i}", beta)], f"norm{i}")], f"h{i}")
    classes = len(bias)
    graph = helper.make_graph(
        nodes, "mlp", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 784])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, [batch, classes])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    onnx.save(model, path)


def onnxruntime_peer(batch, folder):
    import onnxruntime

    onnx_model(f"{folder}/{batch}.onnx", batch)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    session = onnxruntime.InferenceSession(f"{folder}/{batch}.onnx", options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


def deepsparse_peer(batch, folder):
    import deepsparse

    onnx_model(f"{folder}/{batch}.onnx", batch)
    engine = deepsparse.Engine(f"{folder}/{batch}.onnx", batch_size=batch, num_cores=arguments.threads)
    return lambda x: engine.run([x])[0]


def torch_peer(batch, folder):
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(arguments.threads)
    parts = []
    for weight, bias, gamma, beta in layers():
        weight = torch.from_numpy(weight)
        if arguments.peer == "torch-csr":
            with warnings.catch_warnings():
                # That CSR is in beta.
                warnings.simplefilter("ignore")
                weight = weight.to_sparse_csr()
        norm = None if gamma is None else (torch.from_numpy(gamma), torch.from_numpy(beta))
        parts.append((weight, torch.from_numpy(bias), norm))

    def run(x):
        with torch.no_grad():
            x = torch.from_numpy(x)
            for weight, bias, norm in parts:
                if arguments.peer == "torch-csr":
                    x = torch.addmm(bias[:, None], weight, x.t()).t().contiguous()
                else:
                    x = F.linear(x, weight, bias)
                if norm is not None:
                    x = F.relu_(F.layer_norm(x, x.shape[-1:], *norm, EPS))
            return x.numpy()

    return run


PEERS = {"torch": torch_peer, "torch-csr": torch_peer, "onnxruntime": onnxruntime_peer, "deepsparse": deepsparse_peer}


def main():
    answers = map(json.loads, arguments.expected.read_text().splitlines())
    expected = np.array([list(answer["probabilities"].values()) for answer in answers])
    with tempfile.TemporaryDirectory() as folder:
        for count in (128, 1):
            x = rows(count)
            run = PEERS[arguments.peer](count, folder)
            logits = run(x).astype(np.float64)
            exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
            error = abs(exponentials / exponentials.sum(axis=1, keepdims=True) - expected[:count]).max()
            if error > 1e-4:
                raise SystemExit(f"{arguments.peer} computes something else: {error}")
            seconds, begin = [], time.perf_counter()
            while len(seconds) < 100 or time.perf_counter() - begin < 1:
                start = time.perf_counter()
                run(x)
                seconds.append(time.perf_counter() - start)
            print(json.dumps({"rows": count, "us": round(1e6 * statistics.median(seconds), 1)}), flush=True)


main()
