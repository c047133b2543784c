#!/usr/bin/env python3
"""Every kernel through ptxas: 0 bytes spilled, and registers that so many threads of a block can have.

usage: assemble.py LIGERC SPECS [--full] [--jobs N] [--targets a,b,..] [OP ...]

Quick: each op at its default options, 16-bit, for one of the GPU targets in turn. Full: for every GPU target each type at the default options and
each value of each option by itself at bf16. A line an op; exit 1 when anything spills, is refused, or wants more registers than there are; 77 where
there is no ptxas.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

REGISTERS = 65536   # of a multiprocessor, which one block at least must fit

args = argparse.ArgumentParser()
args.add_argument("ligerc")
args.add_argument("specs", type=pathlib.Path)
args.add_argument("ops", nargs="*")
args.add_argument("--full", action="store_true")
args.add_argument("--jobs", type=int, default=os.cpu_count())
args.add_argument("--targets")
a = args.parse_intermixed_args()


def run(*words):
    return subprocess.run([a.ligerc, *words], capture_output=True, text=True)


def gpu_targets():
    return [line.split()[0] for line in run("targets").stdout.splitlines() if line.startswith("sm_")]


def choices(spec):
    """({type: [dtype..]}, {option: [value..]}) with the default first."""
    types, options = {}, {}
    for line in run("ops", str(spec)).stdout.splitlines():
        m = re.match(r"  (type|option) (\w+): (.*)", line)
        if m:
            values = m[3].replace(" (default)", "*").split()
            values.sort(key=lambda v: not v.endswith("*"))
            (types if m[1] == "type" else options)[m[2]] = [v.rstrip("*") for v in values]
    return types, options


def bindings(spec):
    types, options = choices(spec)
    brain = {t: "bf16" for t in types}
    out = [brain]
    for t, values in types.items() if a.full else ():
        out += [{**brain, t: v} for v in values if v != "bf16"]
    if a.full:
        out += [{**brain, o: v} for o, values in options.items() for v in values[1:]]
    return out


def assemble(job):
    spec, target, binding = job
    with tempfile.TemporaryDirectory() as d:
        pack = f"{d}/p.lgk"
        define = [w for n, v in binding.items() for w in ("-D", f"{n}={v}")]
        made = run("build", "--defaults", "-v", "-j", "1", "-t", target, *define, "-o", pack, str(spec))
        units = [(int(m[1]), int(m[2]), int(m[3])) for m in re.finditer(r"(\d+) variants, .* at most (\d+) registers, (\d+) bytes spilled", made.stderr)]
        if made.returncode:
            return spec.stem, [], [f"{spec.stem} {binding} {target}: {made.stderr.strip().splitlines()[-1:]}"]
        faults = [f"{spec.stem} {binding} {target}: {s} bytes spilled" for _, _, s in units if s]
        shown = json.loads(run("inspect", "--format=json", pack).stdout)
    if any(t["code"] != "cubin" for k in shown["kernels"] for i in k["instances"] for t in i["targets"]):
        print("no ptxas")
        os._exit(77)
    variants = [v for k in shown["kernels"] for i in k["instances"] for t in i["targets"] for v in t["variants"]]
    for v in variants:
        if v["registers"] < 0 or v["registers"] > 255 or -(-v["registers"] // 8) * 8 * v["launches"][0]["threads"] > REGISTERS:
            faults.append(f"{spec.stem} {binding} {target}: {v['schedule']}: {v['registers']} registers by {v['launches'][0]['threads']} threads")
    return spec.stem, units, faults


specs = [s for s in sorted(a.specs.glob("*.tile")) if not a.ops or s.stem in a.ops]
targets = a.targets.split(",") if a.targets else gpu_targets()
jobs = []
for n, spec in enumerate(specs):
    mine = targets if a.full else [targets[(n + 3) % len(targets)]]
    jobs += [(spec, t, b) for b in bindings(spec) for t in mine]
seen, faults = {}, []
with ThreadPoolExecutor(a.jobs) as pool:
    for op, units, wrong in pool.map(assemble, jobs):
        s = seen.setdefault(op, [0, 0, 0])
        s[0] += len(units)
        s[1] += sum(u[0] for u in units)
        s[2] = max([s[2]] + [u[1] for u in units])
        faults += wrong
for op, (units, variants, most) in seen.items():
    print(f"{op}: {units} units, {variants} variants, at most {most} registers")
if not seen:
    faults.append("no spec")
print("\n".join(faults) or f"{sum(s[1] for s in seen.values())} variants assembled, none spills")
sys.exit(bool(faults))
