"""What the drivers of the comparisons share: environments, commands, and the names of what was measured."""
import os
import pathlib
import platform
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RESULTS = ROOT / "results/bench"
# It compiles against the torch that is installed.
SPARSEPROP = ["--no-build-isolation", "sparseprop==0.1.14"]


def environment_python(path, requirements, size, *later):
    """The Python of a virtual environment, built unless it is there whole and has these requirements.

    `later` are further installations.
    """
    python, installed = path / "bin" / "python", path / "installed.txt"
    wanted = (HERE / requirements).read_text() + "".join(f"{packages}\n" for packages in later)
    if not installed.exists() or installed.read_text() != wanted:
        print(f"building {path}: about {size}", file=sys.stderr)
        venv.create(path, with_pip=True)
        for packages in [["-r", HERE / requirements], *later]:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        installed.write_text(wanted)
    return python


def output(command, **variables):
    result = subprocess.run(
        [str(part) for part in command], cwd=ROOT, env={**os.environ, **variables},
        capture_output=True, text=True, check=False,
    )
    if result.returncode != 0:
        raise SystemExit(f"{command} failed:\n{result.stderr}")
    return result.stdout


def versions(pythons, *names):
    """`name==version` of these packages, wherever they are installed."""
    installed = [line for python in pythons for line in output([python, "-m", "pip", "freeze"]).split()]
    return sorted({line for line in installed if line.split("==")[0] in names})


def chosen(sparsities, default):
    """The flag that chooses these sparsities, nothing for the default."""
    return "" if sparsities == default else f" --sparsity {' '.join(map(str, sparsities))}"


def fanin_version():
    return output([ROOT / "target/release/fanin", "--version"]).strip()


def cpu():
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor()
    fields = dict(line.split(":", 1) for line in cpuinfo.read_text().splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    return f"{fields['model name']}, family {fields['cpu family']}, model {fields['model']}"
