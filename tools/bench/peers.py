#!/usr/bin/env python3
"""Times the peers (Liger Kernel, torch eager, torch.compile) on the cases of a CSV that lgr_bench wrote, in the same run and by
the same method, and joins the rows.

usage: peers.py [--host [--seconds=N]] OURS.csv JOINED.csv

Method: every case is captured in a CUDA graph over rotated buffer sets, results included (the count of lgr_bench: at least 400 MB, so that the L2 cache is cold, but 128 at most), replayed
in rounds that interleave the peers, timed by events; the median over the rounds is kept.  A peer that cannot be captured, because it reads
a value back to the host, is timed by events around a run of calls.  Peers are called at the level of their forward and backward
functions, without autograd, parameter gradients included.  With --host, torch runs on the processor, on all its cores, timed by the clock
over rotated buffer sets, and Liger, which has no such form, is left out.  What torch allocates for its results is memory that it has had before,
as in a training step, not fresh pages.  All cases are timed eager first, then compiled (some seconds each) while N seconds (60) have not passed.
"""
import argparse
import csv
import ctypes
import functools
import os
import statistics
import sys
import time

START = time.perf_counter()         # importing torch counts

import torch
import torch.nn.functional as F

ROUNDS = 7
MAX_SETS = 128
DEVICE = "cuda"          # or "cpu", by --host
HOST_SECONDS = 2         # for the calls of one peer
PEERS = ("liger", "eager", "compile")
ADDED = [f"{n}_us" for n in PEERS] + ["vs_best_peer"]
DTYPE = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}


def rand(*shape, dt):
    return torch.randn(*shape, device=DEVICE, dtype=torch.float32).to(dt)


# One class an op: make(case) gives the arguments of one buffer set; eager() takes them, and compiled(), where torch.compile is better off with
# another function; liger(ops) gives the peer's function.
class RmsNormForward:
    def make(c):
        return rand(c["M"], c["N"], dt=c["T"]), rand(c["N"], dt=c["T"])

    def eager(x, w):
        return F.rms_norm(x, w.shape, w, 1e-6)

    def liger(ops):
        return lambda x, w: ops.rms_norm.rms_norm_forward(x, w, 1e-6, 0.0, "llama", None)


class RmsNormBackward:
    def make(c):
        x = rand(c["M"], c["N"], dt=c["T"])
        return rand(c["M"], c["N"], dt=c["T"]), x, rand(c["N"], dt=c["T"]), torch.rsqrt(x.float().pow(2).mean(-1) + 1e-6)

    def eager(dy, x, w, rstd):       # what autograd calls; a processor has no such kernel
        if not dy.is_cuda:
            return RmsNormBackward.compiled(dy, x, w, rstd)
        return torch.ops.aten._fused_rms_norm_backward(dy, x, w.shape, rstd[:, None], w, [True, True])

    def compiled(dy, x, w, rstd):
        h, d = x.float() * rstd[:, None], dy.float()
        g = d * w.float()
        return (rstd[:, None] * (g - h * (g * h).mean(-1, keepdim=True))).to(x.dtype), (d * h).sum(0).to(w.dtype)

    def liger(ops):
        def run(dy, x, w, rstd):
            block, warps = ops.utils.calculate_settings(x.shape[1])
            return ops.rms_norm.rms_norm_backward(dy, x, w, rstd, 0.0, 0, block, warps, False, None)
        return run


class LayerNormForward:
    def make(c):
        return rand(c["M"], c["N"], dt=c["T"]), rand(c["N"], dt=c["T"]), rand(c["N"], dt=c["T"])

    def eager(x, w, b):
        return F.layer_norm(x, w.shape, w, b, 1e-5)

    def liger(ops):
        return lambda x, w, b: ops.layer_norm.layer_norm_forward(x, w, b, 1e-5)


class LayerNormBackward:
    def make(c):
        x = rand(c["M"], c["N"], dt=c["T"])
        xf = x.float()
        return (rand(c["M"], c["N"], dt=c["T"]), x, rand(c["N"], dt=c["T"]), rand(c["N"], dt=c["T"]), xf.mean(-1), torch.rsqrt(xf.var(-1, correction=0) + 1e-5))

    def eager(dy, x, w, b, mu, rstd):
        return torch.ops.aten.native_layer_norm_backward(dy, x, w.shape, mu[:, None], rstd[:, None], w, b, [True, True, True])

    def liger(ops):
        return lambda dy, x, w, b, mu, rstd: ops.layer_norm.layer_norm_backward(dy, x, w, b, mu.to(x.dtype), rstd.to(x.dtype))


class SwigluForward:
    def make(c):
        return rand(c["M"], c["F"], dt=c["T"]), rand(c["M"], c["F"], dt=c["T"])

    def eager(a, b):
        return F.silu(a) * b

    def liger(ops):
        return lambda a, b: ops.swiglu.swiglu_forward(a, b)


class SwigluBackward:
    act = F.silu

    @classmethod
    def make(op, c):         # with the activation of a, which autograd keeps
        dy, a, b = (rand(c["M"], c["F"], dt=c["T"]) for _ in range(3))
        return dy, a, b, op.act(a)

    def eager(dy, a, b, act):
        return torch.ops.aten.silu_backward(dy * b, a), dy * act

    def compiled(dy, a, b, act):
        af, bf, d = a.float(), b.float(), dy.float()
        s = torch.sigmoid(af)
        return (d * bf * (s + af * s * (1 - s))).to(a.dtype), (d * af * s).to(b.dtype)

    def liger(ops):   # in place over a and b: the values drift, the traffic does not
        return lambda dy, a, b, act: ops.swiglu.swiglu_backward(a, b, dy)


class GegluForward(SwigluForward):
    def eager(a, b):
        return F.gelu(a, approximate="tanh") * b

    def liger(ops):
        return lambda a, b: ops.geglu.geglu_forward(a, b)


class GegluBackward(SwigluBackward):
    act = functools.partial(F.gelu, approximate="tanh")

    def eager(dy, a, b, act):
        return torch.ops.aten.gelu_backward(dy * b, a, approximate="tanh"), dy * act

    def compiled(dy, a, b, act):
        return GegluBackward.eager(dy, a, b, F.gelu(a, approximate="tanh"))

    def liger(ops):
        return lambda dy, a, b, act: ops.geglu.geglu_backward(a, b, dy)


class CrossEntropyForward:
    reads_back = ("liger",)          # a failed capture would spoil the generator for all that follow

    def make(c):
        # Liger makes the gradient, over the logits, where these want one
        return rand(c["M"], c["V"], dt=c["T"]).requires_grad_(c.get("gradient") != "false"), torch.randint(0, c["V"], (c["M"],), device=DEVICE)

    def eager(x, t):   # the loss and its gradient, as autograd makes it
        if not x.requires_grad:
            return F.cross_entropy(x.float(), t)
        p = torch.log_softmax(x.float(), -1)
        loss = F.nll_loss(p, t)
        g = p.exp()
        g = g.scatter_add(1, t[:, None], torch.full_like(t, -1, dtype=torch.float32)[:, None]) / x.shape[0]
        return loss, g.to(x.dtype)

    def liger(ops):
        return lambda x, t: ops.cross_entropy.cross_entropy_forward(x, t, None, -100, 0.0, 0.0, "mean", None, False)


class RopeForward:
    def make(c):
        q = rand(c["B"], c["S"], c["H"], c["D"], dt=c["T"]).transpose(1, 2)
        k = rand(c["B"], c["S"], c["K"], c["D"], dt=c["T"]).transpose(1, 2)
        a = torch.rand(1, c["S"], c["D"], device=DEVICE)
        return q, k, a.cos().to(c["T"]), a.sin().to(c["T"])

    def eager(q, k, cos, sin):
        def turn(x):
            h = x.shape[-1] // 2
            return x * cos[:, None] + torch.cat((-x[..., h:], x[..., :h]), -1) * sin[:, None]
        return turn(q), turn(k)

    def liger(ops):
        return lambda q, k, cos, sin: ops.rope.rope_forward(q, k, cos, sin)


class RopeBackward:
    make = RopeForward.make

    def eager(q, k, cos, sin):
        return RopeForward.eager(q, k, cos, -sin)

    def liger(ops):
        return lambda q, k, cos, sin: ops.rope.rope_backward(q, k, cos, sin)


class KlDivForward:
    reads_back = ("liger",)          # a failed capture would spoil the generator for all that follow

    def make(c):
        return torch.log_softmax(rand(c["M"], c["V"], dt=torch.float32), -1).to(c["T"]), torch.softmax(rand(c["M"], c["V"], dt=torch.float32), -1).to(c["T"])

    def eager(p, t):
        return F.kl_div(p, t, reduction="batchmean")

    def liger(ops):
        return lambda p, t: ops.kl_div.kldiv_forward_triton(p, t, False, "batchmean", 1e-10)


class KlDivBackward:
    reads_back = ("liger",)

    def make(c):
        return (torch.softmax(rand(c["M"], c["V"], dt=torch.float32), -1).to(c["T"]), torch.tensor(1.0, device=DEVICE),
                torch.empty(c["M"], c["V"], device=DEVICE, dtype=c["T"]))

    def eager(t, up, out):
        return t * (-up / t.shape[0])

    def liger(ops):
        return lambda t, up, out: ops.kl_div.kldiv_backward_triton(t, up, out, False)


class JsdForward:
    reads_back = ("liger",)          # a failed capture would spoil the generator for all that follow

    def make(c):
        return tuple(torch.log_softmax(rand(c["M"], c["V"], dt=torch.float32), -1).to(c["T"]) for _ in range(2))

    def eager(x, y):
        q, p = x.exp(), y.exp()
        m = 0.5 * (p + q)
        l = m.log()
        n = x.shape[0]
        return (0.5 * (p * (y - l) + q * (x - l))).sum() / n, 0.5 * q * (x - l) / n

    def liger(ops):
        return lambda x, y: ops.jsd.jsd_forward(x, y, None, 0.5, -100, False)


class EmbeddingForward:
    def make(c):
        return rand(c["V"], c["H"], dt=c["T"]), torch.randint(0, c["V"], (c["I"],), device=DEVICE)

    def eager(w, i):
        return F.embedding(i, w)

    def liger(ops):
        return lambda w, i: getattr(ops, "experimental.embedding").LigerEmbeddingFunction.apply(w, i)


class EmbeddingBackward:
    def make(c):
        return rand(c["I"], c["H"], dt=c["T"]), torch.randint(0, int(c.get("below", c["V"])), (c["I"],), device=DEVICE), torch.empty(c["V"], c["H"], device=DEVICE, dtype=c["T"])

    def eager(dy, i, w):
        return torch.ops.aten.embedding_dense_backward(dy, i, w.shape[0], -1, False)

    def liger(ops):
        def run(dy, i, w):
            saved = type("Saved", (), {"saved_tensors": (i, w)})
            return getattr(ops, "experimental.embedding").LigerEmbeddingFunction.backward(saved, dy)[0]
        return run


OPS = {"rms_norm.forward": RmsNormForward, "rms_norm.backward": RmsNormBackward, "layer_norm.forward": LayerNormForward, "layer_norm.backward": LayerNormBackward,
       "swiglu.forward": SwigluForward, "swiglu.backward": SwigluBackward, "geglu.forward": GegluForward, "geglu.backward": GegluBackward,
       "cross_entropy.forward": CrossEntropyForward, "rope.forward": RopeForward, "rope.backward": RopeBackward,
       "kl_div.forward": KlDivForward, "kl_div.backward": KlDivBackward, "jsd.forward": JsdForward,
       "embedding.forward": EmbeddingForward, "embedding.backward": EmbeddingBackward}


class Liger:
    """The modules of liger-kernel, each imported when first asked for."""
    def __getattr__(self, name):
        import importlib
        return importlib.import_module("liger_kernel.ops." + name)


def graph_of(fn, sets, launches, stream):
    with torch.cuda.stream(stream):
        for a in sets[:2]:
            fn(*a)
    torch.cuda.synchronize()
    g = torch.cuda.CUDAGraph()
    results = [None] * len(sets)        # of a set stay until its next turn: else all launches write to one place, which the cache holds
    with torch.cuda.graph(g, stream=stream):
        for i in range(launches):
            results[i % len(sets)] = fn(*sets[i % len(sets)])
    return g.replay


def calls_of(fn, sets, launches, stream):
    def run():
        for i in range(launches):
            fn(*sets[i % len(sets)])
    run()
    torch.cuda.synchronize()
    return run


def time_all(runs, launches, stream):
    times = {k: [] for k in runs}
    for _ in range(ROUNDS):
        for k, run in runs.items():
            a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            with torch.cuda.stream(stream):
                a.record(stream)
                run()
                b.record(stream)
            torch.cuda.synchronize()
            times[k].append(a.elapsed_time(b) * 1e3 / launches)
    return {k: statistics.median(v) for k, v in times.items()}


def spans_of(fn, sets):
    spans, end = [], time.perf_counter() + HOST_SECONDS
    for i in range(len(sets) + 4 * ROUNDS):
        at = time.perf_counter()
        fn(*sets[i % len(sets)])
        spans.append((time.perf_counter() - at) * 1e6)
        if i > len(sets) + 2 and time.perf_counter() > end:
            break
    return spans[len(sets):]


def time_host(fns, sets, text):
    times = {}
    for name, fn in fns.items():
        try:
            fn(*sets[0])        # which compiles it
            times[name] = statistics.median(spans_of(fn, sets))
        except Exception as e:  # a peer that refuses a shape is a gap in the report
            print(f"peers: {name} {text}: {type(e).__name__}: {str(e)[:100]}", file=sys.stderr)
    return times


def prepare(name, fn, sets, launches, stream, text, captured=True):
    for form in (graph_of, calls_of) if captured else (calls_of,):
        try:
            return form(fn, sets, launches, stream)
        except Exception as e:  # a peer that refuses a shape is a gap in the report
            print(f"peers: {name} {text} ({form.__name__}): {type(e).__name__}: {str(e)[:100]}", file=sys.stderr)
            torch.cuda.synchronize()
    return None


def parse_case(text):
    kernel, rest = text.split(":")
    case = {"T": "bf16"}
    for part in rest.split(","):
        name, value = part.split("=")
        case[name] = int(value) if value.isdigit() else value
    case["T"] = DTYPE[case["T"]]
    return OPS.get(kernel), case


def run_case(text, nbytes, peers):
    op, case = parse_case(text)
    if not op:
        return {}
    count = max(2, min(MAX_SETS, 400_000_000 // max(nbytes, 1) + 1))
    sets = [op.make(case) for _ in range(count)]
    launches = max(count, min(48, 3_000_000_000 // max(nbytes, 1)) // count * count)
    torch._dynamo.reset()
    make = {"eager": lambda: op.eager, "compile": lambda: torch.compile(getattr(op, "compiled", op.eager), dynamic=False), "liger": lambda: op.liger(Liger())}
    fns = {k: make[k]() for k in peers}
    if DEVICE == "cpu":
        return time_host(fns, sets[:4], text)
    stream = torch.cuda.Stream()
    runs = {k: prepare(k, f, sets, launches, stream, text, k not in getattr(op, "reads_back", ())) for k, f in fns.items()}
    return time_all({k: r for k, r in runs.items() if r}, launches, stream)


def try_case(row, peers):
    """Adds the times of these peers to a row."""
    try:
        times = run_case(row["case"], int(row["bytes"]), peers)
    except Exception as e:
        print(f"peers: {row['case']}: {type(e).__name__}: {str(e)[:160]}", file=sys.stderr)
        times = {}
    row.update({f"{n}_us": f"{t:.2f}" for n, t in times.items()})
    known = [float(row[f"{n}_us"]) for n in PEERS if row.get(f"{n}_us")]
    row["vs_best_peer"] = f"{min(known) / float(row['us']):.3f}" if known else ""
    print("  ".join([f"{row['case'][:64]:<64}"] + [f"{row.get(k, ''):>9}" for k in ("us", "pct_copy", "liger_us", "eager_us", "compile_us", "vs_best_peer")] + [f"at {time.perf_counter() - START:.0f} s"]), flush=True)


def write(path, rows):
    with open(path, "w", newline="") as f:
        out = csv.DictWriter(f, [n for n in rows[0] if n not in ADDED] + ADDED)
        out.writeheader()
        out.writerows(rows)


def keep_memory():
    """What was freed is taken again, however large."""
    libc, mmap_max, trim_threshold = ctypes.CDLL(None), -4, -1
    libc.mallopt(mmap_max, 0)
    libc.mallopt(trim_threshold, -1)


def main():
    global DEVICE
    torch.set_grad_enabled(False)          # no graph of autograd is kept
    args = argparse.ArgumentParser()
    args.add_argument("ours")
    args.add_argument("joined")
    args.add_argument("--host", action="store_true")
    args.add_argument("--seconds", type=float, default=60)
    a = args.parse_args()
    passes = [PEERS]
    if a.host:
        DEVICE, passes = "cpu", [("eager",), ("compile",)]
        from torch._inductor import config
        config.cpp.vec_isa_ok = True                    # what the processor says is believed, and not compiled and run first
        keep_memory()
        torch.set_num_threads(len(os.sched_getaffinity(0)))
    with open(a.ours, newline="") as f:
        rows = list(csv.DictReader(f))
    for n, peers in enumerate(passes):
        for r in rows:
            if n and time.perf_counter() - START > a.seconds:
                print(f"peers: {r['case']}: not {peers[0]}: {a.seconds:.0f} seconds have passed", file=sys.stderr)
                continue
            try_case(r, peers)
            write(a.joined, rows)
            if not a.host:
                torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
