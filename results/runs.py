"""What the experiments of this folder share: their arguments, the binary, the runs and their file.

`FANIN=BINARY` uses another binary than target/release/fanin. `--quick` trains small networks for
an epoch, two seeds of each, and writes into a temporary folder: a smoke test, whose numbers mean
nothing.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What --quick sets instead of what an experiment says.
QUICK = {"--hidden": "64,64", "--epochs": 1}


def arguments(description):
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smoke test into a temporary folder")
    return parser.parse_args()


def measure(script, quick, cases, seeds, skip_failures=False):
    """Trains every case (its own columns, flags) with every seed.

    Writes a line per run to runs.jsonl beside `script`, the case's columns before what `fanin train
    --json` says. Returns the folder and the runs.
    """
    folder = pathlib.Path(tempfile.mkdtemp()) if quick else pathlib.Path(script).resolve().parent
    fanin, runs = binary(), []
    with open(folder / "runs.jsonl", "w") as file:
        for columns, flags in cases:
            for seed in seeds[:2] if quick else seeds:
                result = train(fanin, shortened(flags) if quick else flags, seed, skip_failures)
                if result is None:
                    continue
                runs.append({**columns, **result})
                file.write(json.dumps(runs[-1]) + "\n")
                file.flush()
                told = [*columns.values(), result["data"], f"seed {seed}"]
                print(f"{', '.join(told)}: {result['test_accuracy']:.2%}", file=sys.stderr)
    return folder, runs


def binary():
    if "FANIN" in os.environ:
        return os.environ["FANIN"]
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
    return ROOT / "target/release/fanin"


def train(fanin, flags, seed, skip_failure):
    command = [fanin, "train", *flags, "--seed", seed, "--json", "--quiet"]
    command = [str(part) for part in command]
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if result.returncode == 0:
        return json.loads(result.stdout)
    if not skip_failure:
        raise SystemExit(f"failed: {' '.join(command)}")
    print(f"passed over: {' '.join(command)}", file=sys.stderr)
    return None


def shortened(flags):
    flags = list(flags)
    for flag, value in QUICK.items():
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
