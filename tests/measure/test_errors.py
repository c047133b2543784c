#!/usr/bin/env python3
"""errors.py on the host: ops whose outputs err no more than eager's; an output that is spoiled does.  Exit 77 without torch.
usage: test_errors.py ERRORS.PY LIBLIGER LIBLIGERC SPECS"""
import importlib.util
import pathlib
import subprocess
import sys
import tempfile

if importlib.util.find_spec("torch") is None:
    print("SKIPPED: no torch here, whose eager errors these are held against")
    sys.exit(77)
errors, library, compiler, specs = sys.argv[1:]
OPS = ["swiglu", "rope", "embedding"]


def run(specs, ops):
    with tempfile.TemporaryDirectory() as d:
        return subprocess.run([sys.executable, errors, "--host", "--rows=4", "--type=bf16", library, compiler, specs, d + "/rows.csv", *ops], capture_output=True, text=True)


well = run(specs, OPS)
with tempfile.TemporaryDirectory() as d:
    for p in pathlib.Path(specs).glob("*.tile"):
        text = p.read_text()
        (pathlib.Path(d) / p.name).write_text(text.replace("* down_mul)", "* down_mul * 1.01)", 1) if p.name == "swiglu.tile" else text)
    spoiled = run(d, ["swiglu"])
print(well.stdout + well.stderr + spoiled.stdout[-600:])
faults = [] if well.returncode == 0 and all(f"errors   {op}:" in well.stdout for op in OPS) else ["what is right does not pass"]
faults += [] if spoiled.returncode == 1 and "FAILED swiglu.forward" in spoiled.stdout else ["a spoiled output passes"]
print("\n".join(faults))
sys.exit(bool(faults))
