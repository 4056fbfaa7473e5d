"""What the experiments of this folder share: their arguments, the binary, the runs and their file.

`FANIN=BINARY` uses another binary than target/release/fanin. `--quick` trains small networks for
an epoch, two seeds of each, and writes into a temporary folder: a smoke test, whose numbers mean
nothing.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The folders of runs that are not done yet.
UNFINISHED = pathlib.Path(tempfile.gettempdir()) / "fanin-unfinished-runs"
# What --quick sets instead of what an experiment says.
QUICK = {"--hidden": "128,128", "--epochs": 1}


def arguments(description):
    return parser(description).parse_args()


def parser(description):
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smoke test into a temporary folder")
    return parser


def measure(script, quick, cases, seeds, skip_failures=False):
    """Trains every case (its own columns, flags) with every seed.

    Writes a line per run to runs.jsonl beside `script`, the case's columns before what `fanin train
    --json` says. Returns the folder and the runs.
    """
    folder, fanin, runs = output_folder(script, quick), binary(), []
    with open(folder / "runs.jsonl", "w") as file:
        for columns, flags in cases:
            for seed in seeds[:2] if quick else seeds:
                result = train(
                    fanin, [*(shortened(flags) if quick else flags), "--seed", seed], skip_failures)
                if result is None:
                    continue
                runs.append({**columns, **result})
                record(file, runs[-1], columns)
    return folder, runs


def measure_side_by_side(script, quick, cases, seeds, inspect=False):
    """`measure` for accuracies, which do not depend on time: a run per core, on one thread each.

    Each run has its `curve` besides, the test accuracy of every epoch, and their `seconds`; with
    `inspect` also the `dead` neurons of its hidden layers. A run that stands in runs.jsonl with the
    same columns and seed is not done again, so that an interrupted experiment goes on where it was.
    """
    folder, fanin = output_folder(script, quick), binary()
    path = folder / "runs.jsonl"
    runs = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    wanted = [(columns, shortened(flags) if quick else flags, seed)
              for columns, flags in cases for seed in (seeds[:2] if quick else seeds)
              if not any(run.items() >= {**columns, "seed": seed}.items() for run in runs)]
    with open(path, "a") as file, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = {pool.submit(train_with_curve, fanin, [*flags, "--threads", 1], seed, inspect): columns
                   for columns, flags, seed in wanted}
        try:
            for future in concurrent.futures.as_completed(futures):
                runs.append({**futures[future], **future.result()})
                record(file, runs[-1], futures[future])
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return folder, runs


def measure_times(script, quick, cases):
    """The seconds of an epoch of every case: the median of three, on one thread; into times.jsonl."""
    folder, fanin = output_folder(script, quick), binary()
    with open(folder / "times.jsonl", "w") as file:
        for columns, flags in cases:
            flags = shortened(flags) if quick else replaced(flags, {"--epochs": 3})
            result = train(fanin, [*flags, "--threads", 1, "--seed", 42])
            told = {key: result[key] for key in ("commit", "isa")}
            line = {**columns, "seconds": result["seconds_per_epoch"], **told}
            file.write(json.dumps(line) + "\n")
            file.flush()
            print(f"{', '.join(map(str, columns.values()))}: {line['seconds']:.3f} s", file=sys.stderr)


def output_folder(script, quick):
    return pathlib.Path(tempfile.mkdtemp()) if quick else pathlib.Path(script).resolve().parent


def record(file, run, columns):
    file.write(json.dumps(run) + "\n")
    file.flush()
    told = [*map(str, columns.values()), run["data"], f"seed {run['seed']}"]
    print(f"{', '.join(told)}: {run['test_accuracy']:.2%}", file=sys.stderr)


def binary():
    if "FANIN" in os.environ:
        return os.environ["FANIN"]
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
    return ROOT / "target/release/fanin"


def train(fanin, flags, skip_failure=False):
    command = [fanin, "train", *flags, "--json", "--quiet"]
    command = [str(part) for part in command]
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if result.returncode == 0:
        return json.loads(result.stdout)
    if not skip_failure:
        raise SystemExit(f"failed: {' '.join(command)}")
    print(f"passed over: {' '.join(command)}", file=sys.stderr)
    return None


def train_with_curve(fanin, flags, seed, inspect):
    # Named after what trains it: after an interruption the run goes on from its checkpoint.
    program = hashlib.sha256(pathlib.Path(fanin).read_bytes()).hexdigest()
    name = hashlib.sha256(json.dumps([program, *map(str, flags), seed]).encode()).hexdigest()[:16]
    run = UNFINISHED / name
    begun = (run / "checkpoint.safetensors").exists()
    result = train(fanin, ["--resume", run] if begun else [*flags, "--seed", seed, "--force", "--out", run])
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    if inspect:
        model = [str(fanin), "inspect", str(run / "model.safetensors"), "--json"]
        layers = json.loads(subprocess.run(model, stdout=subprocess.PIPE, check=True).stdout)
        result["dead"] = sum(layer["dead_neurons"] for layer in layers["topology"])
    shutil.rmtree(run)
    del result["run_dir"]
    epochs = [line for line in lines if "test_accuracy" in line]
    return {**result, "curve": [epoch["test_accuracy"] for epoch in epochs],
            "seconds": [epoch["seconds"] for epoch in epochs]}


def shortened(flags):
    return replaced(flags, QUICK)


def replaced(flags, values):
    """The flags with these values instead of those they have."""
    flags = list(flags)
    for flag, value in values.items():
        if flag in flags:
            at = flags.index(flag)
            del flags[at:at + 2]
        flags += [flag, value]
    return flags


def grouped(runs, *columns):
    """{these columns' values: runs}, in the order of the first run of each."""
    groups = {}
    for run in runs:
        groups.setdefault(tuple(run[column] for column in columns), []).append(run)
    return groups


def row(cells):
    """A line of a table."""
    return f"| {' | '.join(map(str, cells))} |"


def write_table(folder, lines):
    text = "\n".join(lines) + "\n"
    (folder / "table.md").write_text(text)
    print(text)
    print(f"in {folder}", file=sys.stderr)
