#!/usr/bin/env python3
"""Puts runs of fanin into MLflow: mlflow_export.py RUN... [--experiment NAME]

A RUN is the folder of one, or of a sweep whose runs keep their folders. Settings become parameters,
each epoch's values metrics, the result the run's summary, and the folder's files its artifacts.
Needs Python 3.11 and `pip install mlflow`; MLFLOW_TRACKING_URI says where to.
"""
import argparse
import json
import tomllib
from pathlib import Path

import mlflow

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("runs", nargs="+", type=Path)
parser.add_argument("--experiment", default="fanin")
arguments = parser.parse_args()
mlflow.set_experiment(arguments.experiment)
for record in sorted(path for run in arguments.runs for path in run.rglob("run.json")):
    folder = record.parent
    result = json.loads(record.read_text())["result"]
    if result is None:
        print(f"{folder}: not finished, left out")
        continue
    with mlflow.start_run(run_name=folder.name):
        mlflow.log_params(tomllib.loads((folder / "config.toml").read_text()))
        for line in map(json.loads, (folder / "metrics.jsonl").read_text().splitlines()):
            if "epoch" in line:
                values = {name: value for name, value in line.items() if isinstance(value, float)}
                mlflow.log_metrics(values, step=line["epoch"])
        mlflow.set_tags({name: value for name, value in result.items() if value is not None})
        mlflow.log_artifacts(folder)
