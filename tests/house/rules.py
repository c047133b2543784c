#!/usr/bin/env python3
"""The house rules: arrows between rooms, one room for LLVM, unique file names, sizes, headers that say what they are for."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
ROOMS = {  # room: rooms whose headers it may include
    "dsl": set(),
    "compiler/tir": {"dsl"},
    "compiler/sema": {"dsl", "compiler/tir"},
    "compiler/eval": {"dsl", "compiler/tir"},
    "compiler/sched": {"dsl", "compiler/tir"},
    "compiler/lir": {"dsl"},
    "compiler/lower": {"dsl", "compiler/tir", "compiler/sched", "compiler/lir"},
    "compiler/sim": {"dsl", "compiler/lir"},
    "compiler/llvm": {"dsl", "compiler/lir", "compiler/sched"},
    "compiler/pack": {"dsl", "compiler/tir", "compiler/sema", "compiler/sched", "compiler/lir", "compiler/lower", "runtime"},
    "compiler/check": {"dsl", "compiler/tir", "compiler/sema", "compiler/eval"},
    "compiler/ligerc": None,
    "runtime": set(),
    "tools/measure": {"runtime"},
}
faults = []
owner, names = {}, {}
sources = [p for d in ("dsl", "compiler", "runtime", "tools/measure") for p in sorted((root / d).rglob("*")) if p.suffix in (".c", ".h", ".def")]
for p in sources:
    rel = p.relative_to(root)
    room = str(rel.parent)
    if p.name in names:
        faults.append(f"{rel}: the name is taken by {names[p.name]}")
    names[p.name] = rel
    if p.suffix != ".c":
        owner[p.name] = room
for p in sources:
    rel = p.relative_to(root)
    room, text = str(rel.parent), p.read_text()
    for inc in re.findall(r'#include "([^"]+)"', text):
        to = owner.get(pathlib.Path(inc).name)
        if to and to != room and ROOMS[room] is not None and to not in ROOMS[room]:
            faults.append(f"{rel}: includes {inc} of {to}")
    if "<llvm-c/" in text and room != "compiler/llvm":
        faults.append(f"{rel}: includes llvm-c")
    if re.search(r'"libcuda|cuLaunchKernel', text) and room != "compiler/llvm" and not rel.name.startswith("cuda"):
        faults.append(f"{rel}: names the driver")
    if len(text.splitlines()) > 800:
        faults.append(f"{rel}: {len(text.splitlines())} lines")
    if not text.lstrip().startswith("/*"):
        faults.append(f"{rel}: does not begin by saying what it is for")
    if re.search(r"\b(TODO|FIXME|XXX)\b", text):
        faults.append(f"{rel}: something is unfinished")
    start = None
    for n, line in enumerate(text.splitlines(), 1):
        if line == "{":
            start = n
        if line == "}" and start:
            if n - start > 80:
                faults.append(f"{rel}:{start}: a function of {n - start} lines")
            start = None
codes = re.findall(r"^X\((\d+),\s*(\w+)", (root / "dsl/diag.def").read_text(), re.M)
for column in (0, 1):
    seen = [c[column] for c in codes]
    faults += [f"dsl/diag.def: {c} stands twice" for c in set(seen) if seen.count(c) > 1]
print("\n".join(faults) or f"{len(sources)} files keep the rules")
sys.exit(bool(faults))
