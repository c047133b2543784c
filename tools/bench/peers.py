#!/usr/bin/env python3
"""Times the peers (Liger Kernel, torch eager, torch.compile) on the shapes of a CSV that tools/bench wrote, in the same run
and by the same method, and joins the rows.

usage: peers.py OURS.csv JOINED.csv

Method: every case is captured in a CUDA graph over rotated buffer sets (at least 400 MB, so that the L2 cache is cold), replayed
in rounds that interleave the peers, timed by events; the median over the rounds is kept.  Peers are called at the level of their
forward and backward functions, without autograd, parameter gradients included.
"""
import csv
import statistics
import sys

import torch

ROUNDS = 9
DTYPE = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}


def liger_ops():
    try:
        from liger_kernel.ops import rms_norm, swiglu
        return rms_norm, swiglu
    except ImportError as e:
        print(f"peers: liger-kernel is not importable ({e}); its rows are left out", file=sys.stderr)
        return None, None


def rms_eager(x, w, eps=1e-6):
    return torch.nn.functional.rms_norm(x, w.shape, w, eps)


def rms_eager_bwd(dy, x, w, rstd):
    xf, d = x.float(), dy.float()
    xh = xf * rstd[:, None]
    g = d * w.float()
    dx = rstd[:, None] * (g - xh * (g * xh).mean(-1, keepdim=True))
    return dx.to(x.dtype), (d * xh).sum(0).to(w.dtype)


def swiglu_eager(a, b):
    return torch.nn.functional.silu(a) * b


def swiglu_eager_bwd(dy, a, b):
    af, bf, d = a.float(), b.float(), dy.float()
    s = torch.sigmoid(af)
    return (d * bf * (s + af * s * (1 - s))).to(a.dtype), (d * af * s).to(b.dtype)


def rms_sets(m, n, dt, count):
    w = torch.randn(n, device="cuda", dtype=dt)
    out = []
    for _ in range(count):
        x = torch.randn(m, n, device="cuda", dtype=torch.float32).to(dt)
        rstd = torch.rsqrt(x.float().pow(2).mean(-1) + 1e-6)
        out.append((torch.randn(m, n, device="cuda", dtype=torch.float32).to(dt), x, w, rstd))
    return out


def swiglu_sets(m, n, dt, count):
    return [tuple(torch.randn(m, n, device="cuda", dtype=torch.float32).to(dt) for _ in range(3)) for _ in range(count)]



def torch_peers(eager, args):
    """eager and its compiled form, each a function of the number of the buffer set; args(i): its arguments."""
    compiled = torch.compile(eager)
    return {"eager": lambda i: eager(*args(i)), "compile": lambda i: compiled(*args(i))}


def rms_peers(which, sets, liger):
    mod = liger[0]
    if which == "forward":
        fns = torch_peers(rms_eager, lambda i: sets[i][1:3])
        if mod:
            fns["liger"] = lambda i: mod.rms_norm_forward(sets[i][1], sets[i][2], 1e-6, 0.0, "llama", None)
        return fns
    fns = torch_peers(rms_eager_bwd, lambda i: sets[i])
    if mod:
        block, warps, cast = mod.rms_norm_forward(sets[0][1], sets[0][2], 1e-6, 0.0, "llama", None)[3:6]
        fns["liger"] = lambda i: mod.rms_norm_backward(sets[i][0], sets[i][1], sets[i][2], sets[i][3], 0.0, cast, block, warps, False, None)
    return fns


def swiglu_peers(which, sets, liger):
    mod = liger[1]
    if which == "forward":
        fns = torch_peers(swiglu_eager, lambda i: sets[i][1:3])
        if mod:
            fns["liger"] = lambda i: mod.swiglu_forward(sets[i][1], sets[i][2])
        return fns
    fns = torch_peers(swiglu_eager_bwd, lambda i: sets[i])
    if mod:   # in place over a and b: the values drift, the traffic does not
        fns["liger"] = lambda i: mod.swiglu_backward(sets[i][1], sets[i][2], sets[i][0])
    return fns


def graph_of(fn, count, launches, stream):
    with torch.cuda.stream(stream):
        for i in range(min(count, 3)):
            fn(i)
    torch.cuda.synchronize()
    g = torch.cuda.CUDAGraph()
    with torch.cuda.graph(g, stream=stream):
        for i in range(launches):
            fn(i % count)
    return g


def time_graphs(graphs, launches, stream):
    times = {k: [] for k in graphs}
    for _ in range(ROUNDS):
        for k, g in graphs.items():
            a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            with torch.cuda.stream(stream):
                a.record(stream)
                g.replay()
                b.record(stream)
            torch.cuda.synchronize()
            times[k].append(a.elapsed_time(b) * 1e3 / launches)
    return {k: statistics.median(v) for k, v in times.items()}


def run_case(op, which, dt, m, n, nbytes, liger):
    count = max(2, min(16, -(-400_000_000 // max(nbytes, 1))))
    sets = (rms_sets if op == "rms_norm" else swiglu_sets)(m, n, DTYPE[dt], count)
    fns = (rms_peers if op == "rms_norm" else swiglu_peers)(which, sets, liger)
    launches = max(count, min(32, 2_000_000_000 // max(nbytes, 1)) // count * count)
    stream = torch.cuda.Stream()
    graphs = {}
    for name, fn in fns.items():
        try:
            graphs[name] = graph_of(fn, count, launches, stream)
        except Exception as e:  # a peer that refuses a shape is a row in the report
            print(f"peers: {name} {op}.{which} {m}x{n} {dt}: {type(e).__name__}: {str(e)[:120]}", file=sys.stderr)
            torch.cuda.synchronize()
    return time_graphs(graphs, launches, stream)


def main():
    with open(sys.argv[1], newline="") as f:
        rows = list(csv.DictReader(f))
    liger = liger_ops()
    names = ["liger", "eager", "compile"]
    with open(sys.argv[2], "w", newline="") as f:
        out = csv.DictWriter(f, list(rows[0]) + [f"{n}_us" for n in names] + ["vs_best_peer"])
        out.writeheader()
        for r in rows:
            t = {}
            if r["op"] in ("rms_norm", "swiglu"):
                t = run_case(r["op"], r["kernel"], r["dtype"], int(r["rows"]), int(r["n"]), int(r["bytes"]), liger)
                torch.cuda.empty_cache()
            for n in names:
                r[f"{n}_us"] = f"{t[n]:.2f}" if n in t else ""
            r["vs_best_peer"] = f"{min(t.values()) / float(r['us']):.3f}" if t else ""
            out.writerow(r)
            f.flush()
            print("  ".join(f"{r[k]:>9}" for k in ("op", "kernel", "dtype", "rows", "n", "us", "pct_copy", "liger_us", "eager_us", "compile_us", "vs_best_peer")))


if __name__ == "__main__":
    main()
