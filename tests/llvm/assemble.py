#!/usr/bin/env python3
"""Every kernel through ptxas: 0 bytes spilled, and registers that so many threads of a block can have.

usage: assemble.py LIGERC SPECS [--full] [--jobs N] [--targets a,b,..] [--log FILE] [--seconds N] [OP ...]

Quick: each op at its default options, 16-bit, for one of the GPU targets in turn. Full: for every GPU target each type at the default options and
each value of each option by itself at bf16. A line for each op and target; exit 1 when anything spills, is refused, or wants more registers than
there are; 77 where there is no ptxas.

With --log a line for each binding and target goes to FILE as soon as it is done, and those that FILE has of an earlier run are taken from there:
a run that was cut, or that --seconds ended (exit 7), goes on where it was.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

REGISTERS = 65536   # of a multiprocessor, which one block at least must fit
SHOWN = 10          # seconds between two lines of progress

args = argparse.ArgumentParser()
args.add_argument("ligerc")
args.add_argument("specs", type=pathlib.Path)
args.add_argument("ops", nargs="*")
args.add_argument("--full", action="store_true")
args.add_argument("--jobs", type=int, default=os.cpu_count())
args.add_argument("--targets")
args.add_argument("--log", type=pathlib.Path)
args.add_argument("--seconds", type=float, default=float("inf"))
a = args.parse_intermixed_args()
start = time.monotonic()


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


def name(job):
    spec, target, binding = job
    return f"{spec.stem} {','.join(f'{n}={v}' for n, v in binding.items())} {target}"


def assemble(job):
    """What was made of the job: units, variants, the most registers, and what is wrong."""
    if time.monotonic() - start > a.seconds:
        return None
    spec, target, binding = job
    done = {"job": name(job), "op": spec.stem, "target": target, "units": 0, "variants": 0, "registers": 0, "faults": []}
    with tempfile.TemporaryDirectory() as d:
        pack = f"{d}/p.lgk"
        define = [w for n, v in binding.items() for w in ("-D", f"{n}={v}")]
        made = run("build", "--defaults", "-v", "-j", "1", "-t", target, *define, "-o", pack, str(spec))
        if made.returncode:
            done["faults"].append(f"{name(job)}: {made.stderr.strip().splitlines()[-1:]}")
            return done
        for m in re.finditer(r"(\d+) variants, .* at most (\d+) registers, (\d+) bytes spilled", made.stderr):
            done["units"] += 1
            done["variants"] += int(m[1])
            done["registers"] = max(done["registers"], int(m[2]))
            if int(m[3]):
                done["faults"].append(f"{name(job)}: {m[3]} bytes spilled")
        shown = json.loads(run("inspect", "--format=json", pack).stdout)
    if any(t["code"] != "cubin" for k in shown["kernels"] for i in k["instances"] for t in i["targets"]):
        print("no ptxas")
        os._exit(77)
    for v in (v for k in shown["kernels"] for i in k["instances"] for t in i["targets"] for v in t["variants"]):
        threads = v["launches"][0]["threads"]
        if v["registers"] < 0 or v["registers"] > 255 or -(-v["registers"] // 8) * 8 * threads > REGISTERS:
            done["faults"].append(f"{name(job)}: {v['schedule']}: {v['registers']} registers by {threads} threads")
    return done


def logged():
    """Of an earlier run, by job; a line that was cut is none."""
    found = {}
    for line in a.log.read_text().splitlines() if a.log and a.log.exists() else ():
        try:
            done = json.loads(line)
            found[done["job"]] = done
        except ValueError:
            pass
    return found


def assemble_all(jobs, found):
    results, shown = [found[name(j)] for j in jobs if name(j) in found], start
    rest = [j for j in jobs if name(j) not in found]
    with ThreadPoolExecutor(a.jobs) as pool:
        for done in as_completed([pool.submit(assemble, j) for j in rest]):
            if not done.result():
                continue
            results.append(done.result())
            if a.log:
                with open(a.log, "a") as f:
                    print(json.dumps(results[-1]), file=f)
            for fault in results[-1]["faults"]:
                print(fault, flush=True)
            if time.monotonic() - shown > SHOWN:
                shown = time.monotonic()
                print(f"{len(results)} of {len(jobs)} after {shown - start:.0f} s: {sum(r['variants'] for r in results)} variants", flush=True)
    return results


specs = [s for s in sorted(a.specs.glob("*.tile")) if not a.ops or s.stem in a.ops]
targets = a.targets.split(",") if a.targets else gpu_targets()
jobs = []
for n, spec in enumerate(specs):
    mine = targets if a.full else [targets[(n + 3) % len(targets)]]
    jobs += [(spec, t, b) for t in mine for b in bindings(spec)]
jobs.sort(key=lambda j: targets.index(j[1]))         # a run that is cut has whole targets
results = assemble_all(jobs, logged())
for target in targets:
    for spec in specs:
        mine = [r for r in results if (r["op"], r["target"]) == (spec.stem, target)]
        if mine:
            print(f"{spec.stem} {target}: {len(mine)} bindings, {sum(r['units'] for r in mine)} units, {sum(r['variants'] for r in mine)} variants,"
                  f" at most {max(r['registers'] for r in mine)} registers")
faults = [f for r in results for f in r["faults"]] + ([] if jobs else ["no spec"])
missing = len(jobs) - len(results)
print("\n".join(faults) or f"{sum(r['variants'] for r in results)} variants assembled, none spills" + (f"; {missing} of {len(jobs)} bindings not reached" if missing else ""))
sys.exit(1 if faults else 7 if missing else 0)
