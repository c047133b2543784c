#!/usr/bin/env python3
"""Errors of every output of every kernel beside those of PyTorch eager, both against the same computation in double precision, for every option and type.

usage: errors.py [--host] [--plain] [--rows=M] [--draws=N] [--type=T] LIBLIGER LIBLIGERC SPECS OUT.csv [OP...]

Each op is a function of torch as its users write it.  Run in the tensors' own types it is eager; run on the same values in double it is the
oracle; gradients are autograd's.  16-bit inputs go to f32 first, as careful users write it; with --plain they do not, and eager's losses are of
16 bits.  Kernels are compiled when they are called.  A row of OUT.csv is an output of a kernel with its options: the largest and the
root-mean-square error of ours and of eager, of all draws.  An output passes when ours are not larger than eager's (times 1.1 for gradients of parameters).  How its last place is
rounded is chance: half a unit of the largest element is allowed beyond eager's largest error; 2 % beyond its mean square, or a mean square of half a unit of
the elements' own.  passes is 2 where ours are not larger than eager's, 1 where only chance excuses them, 0 else.  Exit 1 when an output does not pass.
"""
import argparse
import csv
import glob
import itertools
import math
import sys
import time

import torch
import torch.nn.functional as F

from libliger import Liger, Refused

FLOATS = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
DEVICE = "cuda"
PLAIN = False
ROWS = 64
LENGTHS = (1000, 4096, 4095)


def up(t):
    """In f32, as careful eager code computes; the oracle stays in double."""
    return t if PLAIN or t.dtype == torch.float64 else t.float()


def rand(*shape, dt, scale=1.0):
    return (torch.randn(*shape, device=DEVICE) * scale).to(FLOATS[dt])


def product(**choices):
    return [dict(zip(choices, v)) for v in itertools.product(*choices.values())]


def gradients(f, inputs, names, upstream):
    """What f returns, and the gradients of the inputs of these names for these upstream gradients."""
    leaves = {n: t.detach().requires_grad_(n in names) for n, t in inputs.items()}
    with torch.enable_grad():
        out = f(**leaves)
    got = torch.autograd.grad(out, [leaves[n] for n in names], upstream)
    return out, dict(zip(names, got))


class Case:
    """One call.  reference(inputs) gives the outputs by name, in whatever type the inputs have; parameters: outputs that are gradients of parameters."""
    def __init__(self, op, kernel, types, options, scalars, inputs, outputs, reference, parameters=()):
        self.op, self.kernel, self.types, self.options, self.scalars = op, kernel, types, options, scalars
        self.inputs, self.outputs, self.reference, self.parameters = inputs, outputs, reference, parameters


# ---- the ops, as users write them ----

def rms_norm(types, rows, n):
    x, dy = rand(rows, n, dt=types["T"]), rand(rows, n, dt=types["T"])
    for o in product(affine=["true", "false"], casting=["llama", "gemma", "none"], offset=[0.0, 1.0]):
        offset = o.pop("offset")
        if o["affine"] == "false" and offset:
            continue
        w = {"w": rand(n, dt=types["W"])} if o["affine"] == "true" else {}

        def f(x, w=None, c=o["casting"], offset=offset):
            w = 1 if w is None else w + offset if c != "gemma" else up(w) + offset
            if c == "none":
                return (x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * w).to(x.dtype)
            h = up(x) * torch.rsqrt(up(x).pow(2).mean(-1, keepdim=True) + 1e-6)
            return (h * w).to(x.dtype) if c == "gemma" else (h.to(x.dtype) * w).to(x.dtype)

        def forward(x, w=None, f=f, c=o["casting"]):
            v = x if c == "none" else up(x)
            return {"y": f(x, w), "rstd": torch.rsqrt((v * v).mean(-1) + 1e-6)}

        def backward(dy, x, w=None, rstd=None, f=f):
            given = {"x": x} | ({"w": w} if w is not None else {})
            return {"d" + k: g for k, g in gradients(f, given, list(given), dy)[1].items()}
        s = {"offset": offset, "eps": 1e-6}
        yield Case("rms_norm", "forward", types, o, s, {"x": x} | w, {"y": x, "rstd": torch.empty(rows, device=DEVICE)}, forward)
        yield Case("rms_norm", "backward", types, o, {"offset": offset}, {"dy": dy, "x": x} | w | {"rstd": forward(x.double(), *[t.double() for t in w.values()])["rstd"].float()},
                   {"dx": x} | {"d" + k: t for k, t in w.items()}, backward, ("dw",))


def layer_norm(types, rows, n):
    x, dy = rand(rows, n, dt=types["T"]), rand(rows, n, dt=types["T"])
    for o in product(weight=["true", "false"], bias=["true", "false"]):
        w = {"w": rand(n, dt=types["W"])} if o["weight"] == "true" else {}
        b = {"b": rand(n, dt=types["W"])} if o["bias"] == "true" else {}

        def f(x, w=None, b=None):
            wide = x if all(t is None or t.dtype == x.dtype for t in (w, b)) else x.float()
            return F.layer_norm(wide, x.shape[-1:], *[t if t is None else t.to(wide.dtype) for t in (w, b)], 1e-5).to(x.dtype)

        def forward(f=f, **t):
            x = up(t["x"])
            return {"y": f(**t), "mu": x.mean(-1), "rstd": torch.rsqrt(x.var(-1, correction=0) + 1e-5)}

        def backward(dy, x, w=None, b=None, mu=None, rstd=None, f=f):
            b = torch.zeros(x.shape[-1], dtype=x.dtype if x.dtype == torch.float64 else FLOATS[types["W"]], device=DEVICE)
            given = {"x": x} | ({"w": w} if w is not None else {}) | {"b": b}
            return {"d" + k: g for k, g in gradients(f, given, list(given), dy)[1].items()}
        exact = forward(x=x.double(), **{k: t.double() for k, t in (w | b).items()})
        stats = {k: exact[k].float() for k in ("mu", "rstd")}
        s = {"eps": 1e-5}
        yield Case("layer_norm", "forward", types, o, s, {"x": x} | w | b, {"y": x} | stats, forward)
        yield Case("layer_norm", "backward", types, o, {}, {"dy": dy, "x": x} | w | stats, {"dx": x} | {"d" + k: t for k, t in (w | b).items()}, backward, ("dw", "db"))


def gated(op, options, scalars, f):
    """Cases of an op of two halves, apart or packed."""
    def cases(types, rows, n):
        a, b, dy = (rand(rows, n, dt=types["T"]) for _ in range(3))
        for o in options:
            for s in scalars:
                def forward(a=None, b=None, ab=None, o=o, s=s):
                    return {"y": f(*((a, b) if ab is None else ab.chunk(2, -1)), o, s)}

                def backward(dy, o=o, s=s, **t):
                    def whole(**t):
                        return forward(o=o, s=s, **t)["y"]
                    return {"d" + k: g for k, g in gradients(whole, t, list(t), dy)[1].items()}
                inputs = {"ab": torch.cat([a, b], -1)} if o.get("packed") == "true" else {"a": a, "b": b}
                yield Case(op, "forward", types, o, s, inputs, {"y": a}, forward)
                yield Case(op, "backward", types, o, s, {"dy": dy} | inputs, {"d" + k: t for k, t in inputs.items()}, backward)
    return cases


def swiglu(a, b, o, s):
    return F.silu(a * s["gate_mul"]) * b * s["down_mul"]


def geglu(a, b, o, s):
    return F.gelu(a, approximate="tanh" if o["form"] == "tanh_form" else "none") * b


def rope(types, rows, n):
    b, s, d, p = 2, 7, 80, 16
    for o in product(keys=["true", "false"], batched=["true", "false"], pairs=["halves", "interleaved"]):
        q, k = rand(b, 4, s, d + p, dt=types["T"]), rand(b, 2, s, d + p, dt=types["T"])
        angle = torch.rand(*((b, s, d // 2) if o["batched"] == "true" else (s, d // 2)), device=DEVICE) * 6
        angle = torch.cat([angle, angle], -1)
        tables = {"cos_b" if o["batched"] == "true" else "cos_t": angle.cos().to(FLOATS[types["C"]]), "sin_b" if o["batched"] == "true" else "sin_t": angle.sin().to(FLOATS[types["C"]])}

        def turn(x, cos, sin, sign, o=o):
            if cos.dim() == 3:
                cos, sin = cos[:, None], sin[:, None]
            cos, sin = cos.to(x.dtype), sign * sin.to(x.dtype)
            x, rest = x[..., :d], x[..., d:]
            if o["pairs"] == "halves":
                half = torch.cat([-x[..., d // 2:], x[..., :d // 2]], -1)
            else:
                half = torch.stack([-x[..., 1::2], x[..., ::2]], -1).flatten(-2)
                cos, sin = (t[..., :d // 2].repeat_interleave(2, -1) for t in (cos, sin))
            return torch.cat([x * cos + half * sin, rest], -1)
        for kernel, sign, ins, outs in (("forward", 1, ("q", "k"), ("oq", "ok")), ("backward", -1, ("doq", "dok"), ("dq", "dk"))):
            some = {i: t for i, t in zip(ins, (q, k) if o["keys"] == "true" else (q,))}

            def reference(sign=sign, ins=ins, outs=outs, **t):
                cos, sin = (next(v for n, v in t.items() if n.startswith(w)) for w in ("cos", "sin"))
                return {out: turn(t[i], cos, sin, sign) for i, out in zip(ins, outs) if i in t}
            yield Case("rope", kernel, types, o, {}, some | tables, dict(zip(outs, some.values())), reference)


def cross_entropy(types, rows, n):
    off = {o: ["false"] for o in ("weighted", "smoothed", "capped", "scaled", "divided", "with_z", "with_lse", "with_argmax", "with_logprob", "with_entropy")}
    choices = product(reduction=["none", "sum", "mean"], gradient=["true", "false"]) + [{k: "true"} for k in off] + [{"weighted": "true", "smoothed": "true"}, {k: "true" for k in off}]
    x = rand(rows, n, dt=types["T"], scale=3)
    target = torch.randint(0, n, (rows,), device=DEVICE)
    target[::5] = -100
    for o in choices:
        o = {"reduction": "mean", "gradient": "true"} | {k: "false" for k in off} | o
        on = {k for k, v in o.items() if v == "true"}
        s = {"label_smoothing": 0.1 if "smoothed" in on else 0.0, "lse_square_scale": 1e-4 if "with_z" in on else 0.0, "softcap": 30.0, "scale": 0.5}
        extra = ({"weight": torch.rand(n, device=DEVICE) + 0.5} if "weighted" in on else {}) | ({"divisor": torch.full((1,), 7.0, device=DEVICE)} if "divided" in on else {})

        def reference(x, target, weight=None, divisor=None, errors=None, o=o, on=on, s=s):
            def loss(x):
                v = up(x)
                v = v * s["scale"] if "scaled" in on else v
                v = s["softcap"] * torch.tanh(v / s["softcap"]) if "capped" in on else v
                keep = target != -100
                lse = torch.logsumexp(v, -1)
                per = F.cross_entropy(v, target, None if weight is None else weight.to(v.dtype), reduction="none", label_smoothing=s["label_smoothing"])
                zs = torch.where(keep, s["lse_square_scale"] * lse * lse, 0)
                n = keep.sum()
                wn = weight[target[keep]].sum() if weight is not None else n
                if divisor is not None:
                    n = wn = divisor[0]
                if o["reduction"] == "none":
                    return per + zs, zs, v, lse, keep
                if o["reduction"] == "sum":
                    return per.sum() + zs.sum(), zs.sum(), v, lse, keep
                return per.sum() / wn + zs.sum() / n, zs.sum() / n, v, lse, keep
            leaf = x.detach().requires_grad_()
            with torch.enable_grad():
                total, z, v, lse, keep = loss(leaf)
            grad, = torch.autograd.grad(total.sum(), [leaf])
            v, lse, total, z = v.detach(), lse.detach(), total.detach(), z.detach()
            logp = torch.log_softmax(v, -1)
            many = o["reduction"] == "none"
            return {"losses" if many else "loss": total.reshape(-1), "dx": grad, "zs" if many else "z": z.reshape(-1), "lse": torch.where(keep, lse, 0),
                    "logprob": torch.where(keep, logp.gather(1, target.clamp(min=0)[:, None])[:, 0], 0), "entropy": torch.where(keep, -(logp.exp() * logp).sum(-1), 0)}
        many = o["reduction"] == "none"
        per_row = torch.empty(rows, device=DEVICE)
        scalar = torch.empty(1, device=DEVICE)
        out = {"losses": per_row} if many else {"loss": scalar}
        out |= {"dx": x} if "gradient" in on else {}
        out |= {"zs" if many else "z": per_row if many else scalar} if "with_z" in on else {}
        out |= {k[5:]: per_row for k in ("with_lse", "with_logprob", "with_entropy") if k in on}
        out |= {"argmax_": torch.empty(rows, dtype=torch.int64, device=DEVICE), "accuracy": scalar} if "with_argmax" in on else {}
        yield Case("cross_entropy", "forward", types, o, s, {"x": x, "target": target} | extra | {"errors": torch.zeros(1, dtype=torch.int32, device=DEVICE)}, out, reference)


def kl_div(types, rows, n):
    for o in product(log_target=["true", "false"], reduction=["none", "sum", "mean", "batchmean"]):
        p = torch.log_softmax(rand(rows, n, dt="f32"), -1).to(FLOATS[types["T"]])
        q = torch.log_softmax(rand(rows, n, dt="f32"), -1)
        q = (q if o["log_target"] == "true" else q.exp()).to(FLOATS[types["T"]])
        many = o["reduction"] == "none"

        def f(y_pred, y_true, o=o):
            a, b = up(y_pred), up(y_true)
            if o["log_target"] == "true":
                return F.kl_div(a, b, reduction=o["reduction"], log_target=True)
            each = b * (torch.log(b.clamp(min=1e-10)) - a)
            total = {"none": each, "sum": each.sum(), "mean": each.mean(), "batchmean": each.sum() / each.shape[0]}
            return total[o["reduction"]]

        def forward(y_pred, y_true, f=f, many=many):
            out = f(y_pred, y_true)
            return {"loss": out.to(y_pred.dtype)} if many else {"total": out.reshape(1)}
        yield Case("kl_div", "forward", types, o, {"eps": 1e-10}, {"y_pred": p, "y_true": q}, {"loss": p} if many else {"total": torch.empty(1, device=DEVICE)}, forward)
        for both in ("false", "true"):
            up_name, upstream = ("dloss", rand(rows, n, dt=types["T"])) if many else ("dtotal", torch.full((1,), 0.7, device=DEVICE))

            def backward(y_true, y_pred=None, dloss=None, dtotal=None, f=f, both=both):
                pred = torch.zeros_like(y_true) if y_pred is None else y_pred
                given = {"y_pred": pred, "y_true": y_true}

                def cast(**t):
                    out = f(**t)
                    return out.to(y_true.dtype) if dloss is not None else out
                g = gradients(cast, given, ["y_pred", "y_true"], dloss if dloss is not None else dtotal[0].to(up(y_true).dtype))[1]
                return {"dy_pred": g["y_pred"], "dy_true": g["y_true"]}
            yield Case("kl_div", "backward", types, o | {"of_target": both}, {"eps": 1e-10}, {"y_true": q} | ({"y_pred": p} if both == "true" else {}) | {up_name: upstream},
                       {"dy_pred": p} | ({"dy_true": p} if both == "true" else {}), backward)


def jsd(types, rows, n):
    x, y = (torch.log_softmax(rand(rows, n, dt="f32"), -1).to(FLOATS[types["T"]]) for _ in range(2))
    label = torch.randint(0, 3, (rows,), device=DEVICE)
    for o in product(labelled=["true", "false"], gradient=["true", "false"], beta=[0.0, 0.1, 0.5, 1.0]):
        beta = o.pop("beta")

        def f(x, y, label=None, beta=beta):
            a, b = up(x), up(y)
            if beta == 0:
                each = b.exp() * (b - a)
            elif beta == 1:
                each = a.exp() * (a - b)
            else:
                m = beta * b.exp() + (1 - beta) * a.exp()
                each = beta * b.exp() * b + (1 - beta) * a.exp() * a - m * torch.log(m)
            rows = each.sum(-1)
            return rows.sum() / len(rows) if label is None else rows[label != 1].sum() / max(int((label != 1).sum()), 1)

        def reference(x, y, label=None, f=f):
            leaf = x.detach().requires_grad_()
            with torch.enable_grad():
                loss = f(leaf, y, label)
            return {"loss": loss.detach().reshape(1), "dx": torch.autograd.grad(loss, [leaf])[0]}
        yield Case("jsd", "forward", types, o, {"beta": beta, "ignore_index": 1}, {"x": x, "y": y} | ({"label": label} if o["labelled"] == "true" else {}),
                   {"loss": torch.empty(1, device=DEVICE)} | ({"dx": x} if o["gradient"] == "true" else {}), reference)


def embedding(types, rows, n):
    w, idx = rand(50, n, dt=types["T"]), torch.randint(0, 50, (rows * 4,), device=DEVICE)
    dy, errors = rand(rows * 4, n, dt=types["T"]), torch.zeros(1, dtype=torch.int32, device=DEVICE)
    yield Case("embedding", "forward", types, {}, {}, {"w": w, "idx": idx, "errors": errors}, {"y": dy}, lambda w, idx, errors: {"y": F.embedding(idx, w)})
    for padding in (-1, 2):
        def backward(dy, idx, errors, padding=padding):
            table = torch.zeros(50, n, dtype=dy.dtype, device=DEVICE)
            return {"dw": gradients(lambda w: F.embedding(idx, w, padding_idx=None if padding < 0 else padding), {"w": table}, ["w"], dy)[1]["w"]}
        yield Case("embedding", "backward", types, {}, {"padding_idx": padding}, {"dy": dy, "idx": idx, "errors": errors}, {"dw": w}, backward, ("dw",))


OPS = {"rms_norm": rms_norm, "layer_norm": layer_norm, "swiglu": gated("swiglu", product(packed=["true", "false"]), product(gate_mul=[1.0, 0.5], down_mul=[1.0, 2.0]), swiglu),
       "geglu": gated("geglu", product(packed=["true", "false"], form=["tanh_form", "erf_form"]), [{}], geglu), "rope": rope, "cross_entropy": cross_entropy, "kl_div": kl_div,
       "jsd": jsd, "embedding": embedding}
SECOND = {"rms_norm": "W", "layer_norm": "W", "rope": "C"}           # type parameters beside T


# ---- errors ----

def bits(dtype):
    return {torch.float32: 24, torch.float16: 11, torch.bfloat16: 8}[dtype]


class Errors:
    """Errors of one output, ours and eager's, over several draws of its inputs."""
    def __init__(self, case, name, dtype):
        self.room, self.draws, self.same = 1.1 if name in case.parameters else 1.0, 0, True
        self.half = 2.0 ** -bits(dtype) if dtype.is_floating_point else 0
        self.largest, self.squares = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]        # of ours, of eager's, and of the numbers themselves

    def add(self, ours, eager, exact):
        self.draws += 1
        if not ours.dtype.is_floating_point:
            self.same &= bool((ours == eager).all())
            return
        for i, d in enumerate((ours.double() - exact, eager.double() - exact, exact)):
            self.largest[i] = max(self.largest[i], float(d.abs().max()))
            self.squares[i] += float(d.pow(2).mean())

    def pairs(self):
        rms = [math.sqrt(q / self.draws) for q in self.squares]
        return self.largest[0], self.largest[1], rms[0], rms[1]

    def passes(self):
        most, most_eager, rms, rms_eager = self.pairs()
        if not self.same:
            return 0
        if most <= most_eager * self.room and rms <= rms_eager * self.room:
            return 2
        half = self.half * math.sqrt(self.squares[2] / self.draws)
        return int(most <= most_eager * self.room + self.half * self.largest[2] and rms <= max(rms_eager * self.room * 1.02, half))


def run(liger, case, found):
    out = {n: torch.empty_like(t) for n, t in case.outputs.items()}
    liger.kernel(case.op, case.kernel)(case.inputs | out, case.scalars, case.options)
    eager = case.reference(**case.inputs)
    exact = case.reference(**{n: t.double() if t.dtype.is_floating_point else t for n, t in case.inputs.items()})
    for name in out:
        if name in exact:
            found.setdefault(name, Errors(case, name, out[name].dtype)).add(out[name], eager[name].to(out[name].dtype), exact[name])


def drawn(liger, op, types, n, draws):
    """Every case of the op with the errors of its outputs by name, and why it was refused, where it was."""
    cases = {}
    for seed in range(draws):
        torch.manual_seed(seed + 1)
        for i, case in enumerate(OPS[op](types, ROWS, n)):
            _, found, refused = cases.setdefault(i, (case, {}, set()))
            try:
                run(liger, case, found)
            except Refused as e:
                refused.add(str(e))
    return cases.values()


def main():
    global DEVICE, PLAIN, ROWS
    args = argparse.ArgumentParser()
    args.add_argument("--host", action="store_true")
    args.add_argument("--plain", action="store_true", help="eager in the inputs' own type")
    args.add_argument("--rows", type=int, default=ROWS)
    args.add_argument("--draws", type=int, default=8, help="of each case's inputs: a sum's error is one number, and chance is in it")
    args.add_argument("--type", choices=FLOATS, help="of the large tensors; all three where it is left out")
    for name in ("library", "compiler", "specs", "out"):
        args.add_argument(name)
    args.add_argument("ops", nargs="*", default=list(OPS))
    a = args.parse_args()
    DEVICE, PLAIN, ROWS = "cpu" if a.host else "cuda", a.plain, a.rows
    liger = Liger(a.library, a.compiler, sorted(glob.glob(a.specs + "/*.tile")))
    failed = count = 0
    with open(a.out, "w", newline="") as f:
        rows = csv.writer(f)
        rows.writerow(["kernel", "types", "options", "output", "length", "max", "eager_max", "rms", "eager_rms", "passes"])
        for op in a.ops:
            start, tally = time.perf_counter(), [0, 0, 0]
            for types in product(T=[a.type] if a.type else list(FLOATS), **({SECOND[op]: list(FLOATS)} if op in SECOND else {})):
                for n in LENGTHS if op != "rope" else (0,):
                    for case, found, refused in drawn(liger, op, types, n, a.draws):
                        told = " ".join(f"{k}={v}" for k, v in (case.options | case.scalars).items())
                        for why in refused:
                            tally[0] += 1
                            print(f"REFUSED {op}.{case.kernel} {types} {told} {n}: {why}")
                        for name, e in found.items():
                            tally[e.passes()] += 1
                            most, most_eager, rms, rms_eager = e.pairs()
                            rows.writerow([f"{op}.{case.kernel}", " ".join(f"{k}={v}" for k, v in types.items()), told, name, n, *[f"{v:.3e}" for v in e.pairs()], e.passes()])
                            f.flush()
                            if not e.passes():
                                print(f"FAILED {op}.{case.kernel} {types} {told} {n} {name}: max {most:.3e}, eager {most_eager:.3e}; rms {rms:.3e}, eager {rms_eager:.3e}")
            print(f"errors   {op}: {sum(tally)} outputs, {tally[0]} failed, {tally[1]} above eager's by chance of the last place, {time.perf_counter() - start:.0f} s", flush=True)
            failed, count = failed + tally[0], count + sum(tally)
    print(f"errors   all: {count} outputs, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
