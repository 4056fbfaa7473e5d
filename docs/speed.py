#!/usr/bin/env python3
"""Draws docs/speed.svg from the committed tables in results/bench: python3 docs/speed.py

Left: seconds for a training epoch of MNIST. Right: milliseconds for a trained network's answers to
128 rows. Medians of rounds, one thread; both axes of time are logarithmic.
"""

import json
import math
import pathlib
import re
import statistics

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / "results" / "bench"
SPARSITIES = [0.8, 0.9, 0.95, 0.98, 0.99]
BLUE, DARK, ORANGE, GREEN, GREY = "#4d94e8", "#173f8a", "#d9730d", "#2e8b57", "#666666"
WIDTH, HEIGHT, TOP, PANEL_HEIGHT, INSET = 960, 510, 50, 360, 28


def medians(name, keys, times, unit=1.0):
    """The table's medians, by the values of `keys`."""
    table = json.loads((BENCH / name).read_text())
    return {tuple(row[key] for key in keys): unit * statistics.median(row[times]) for row in table}


def measured_on(name):
    """The machine and the commit that a table names."""
    line = next(line for line in (BENCH / name).read_text().splitlines() if "fanin 0." in line)
    machine, rest = line.split("; fanin ", 1)
    return machine, re.search(r"\(([0-9a-f]+)\)", rest)[1]


def training():
    """Each line of the left panel: label, colour, seconds by sparsity."""
    epoch = medians("peers-1t-best.json", ["contestant", "sparsity"], "seconds")
    names = {"csr": "PyTorch CSR", "sparselab": "sparselab", "sparseprop": "SparseProp"}
    fastest = [min((epoch[peer, s], peer) for peer in names) for s in SPARSITIES]
    peers = " or ".join(sorted({names[peer] for _, peer in fastest}))
    dense = epoch["torch dense", 0.0]
    return [
        ("PyTorch dense", GREY, [dense] * len(SPARSITIES)),
        (f"fastest sparse peer: {peers}", ORANGE, [seconds for seconds, _ in fastest]),
        ("fanin, unstructured", BLUE, [epoch["fanin", s] for s in SPARSITIES]),
        ("fanin --share 4", DARK, [epoch["fanin shared", s] for s in SPARSITIES]),
    ]


def answers():
    """Each line of the right panel: label, colour, milliseconds by sparsity."""
    times = medians("inference-1t.json", ["engine", "sparsity", "share", "rows"], "us", 1e-3)
    line = lambda engine, share=1: [times[engine, s, share, 128] for s in SPARSITIES]
    return [
        ("PyTorch dense", GREY, line("torch")),
        ("onnxruntime", GREEN, line("onnxruntime")),
        ("DeepSparse", ORANGE, line("deepsparse")),
        ("fanin, unstructured", BLUE, line("fanin")),
        ("fanin --share 4", DARK, line("fanin", 4)),
    ]


def text(x, y, content, size=13, anchor="middle", colour="#222222", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{colour}" font-weight="{weight}">{content}</text>')


def panel(left, width, title, lines, low, high):
    """A panel from x = `left`, its axis of time from `low` to `high`."""
    step = (width - 2 * INSET) / (len(SPARSITIES) - 1)
    x = lambda index: left + INSET + index * step
    y = lambda time: TOP + PANEL_HEIGHT * math.log(high / time) / math.log(high / low)
    parts = [text(left, TOP - 22, title, 15, "start", weight="bold")]
    for time in [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]:
        if low <= time <= high:
            parts.append(f'<path d="M{left} {y(time):.1f}h{width}" stroke="#e2e2e2"/>')
            parts.append(text(left - 8, y(time) + 4, f"{time:g}", 12, "end"))
    for index, sparsity in enumerate(SPARSITIES):
        parts.append(text(x(index), TOP + PANEL_HEIGHT + 20, f"{100 * sparsity:.0f} %", 12))
    parts.append(text(left + width / 2, TOP + PANEL_HEIGHT + 40, "sparsity of the hidden layers"))
    for label, colour, times in lines:
        points = " ".join(f"{x(i):.1f},{y(time):.1f}" for i, time in enumerate(times))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" '
                     f'stroke-width="2.5"/>')
        for i, time in enumerate(times):
            parts.append(f'<circle cx="{x(i):.1f}" cy="{y(time):.1f}" r="3.5" fill="{colour}"/>')
            if label.startswith("fanin"):
                below = 18 if label.endswith("4") else -9
                parts.append(text(x(i), y(time) + below, f"{time:.2f}", 12, colour=colour))
    for below, (label, colour, _) in enumerate(reversed(lines)):
        y_label, weight = TOP + PANEL_HEIGHT - 12 - 18 * below, "bold" if below == 0 else "normal"
        parts.append(f'<path d="M{left + 8} {y_label - 13}h{7 * len(label)}v18h-{7 * len(label)}z" '
                     f'fill="white"/>')
        parts.append(text(left + 10, y_label, label, 13, "start", colour, weight))
    return parts


def main():
    machine, commit = measured_on("peers-1t-best.md")
    _, answers_commit = measured_on("inference-1t.md")
    parts = panel(60, 370, "A training epoch of MNIST, seconds", training(), 0.012, 10)
    parts += panel(540, 370, "Answers to 128 rows, milliseconds", answers(), 0.012, 10)
    network = f"784-1024-1024-10, one thread of an {machine} (Zen 5); medians of rounds."
    commits = f"Epochs: batch 128, commit {commit}. Answers: commit {answers_commit}."
    parts.append(text(60, HEIGHT - 32, network, 12, "start", "#555555"))
    parts.append(text(60, HEIGHT - 14, commits, 12, "start", "#555555"))
    svg = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           f'font-family="sans-serif"><rect width="100%" height="100%" fill="white"/>\n'
           + "\n".join(parts) + "\n</svg>\n")
    (ROOT / "docs" / "speed.svg").write_text(svg)


main()
