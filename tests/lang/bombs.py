#!/usr/bin/env python3
"""200 specs that want too much: each ends in under 2 s (of the processor) and 1 GiB, with a diagnostic or done; never by a signal.

usage: bombs.py LIGERC [EVERY]: only each so many-th case
"""
import os
import resource
import subprocess
import sys
import tempfile

ligerc = sys.argv[1]


def bounds():
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))


HEAD = "op bomb \"b\"\ndim M, N\ntype T in { f32, f16, bf16 }\n"
def kernel(body, tensors="in x: T[M, N], out y: T[M, N]", head=HEAD):
    return head + "kernel forward \"k\"\n(" + tensors + ") {\n  par m in M {\n" + body + "\n  }\n}\n"
row = "f32(x[m, :])"
shapes = {
    "parentheses": lambda n: kernel("    y[m, :] = T(" + "(" * n + row + ")" * n + ")"),
    "minus": lambda n: kernel("    y[m, :] = T(" + "-" * n + row + ")"),
    "not": lambda n: kernel("    let c = " + "not " * n + "(m > 3)\n    if c { y[m, :] = x[m, :] }"),
    "sum": lambda n: kernel("    y[m, :] = T(" + " + ".join([row] * n) + ")"),
    "calls": lambda n: kernel("    y[m, :] = T(" + "exp(" * n + row + ")" * n + ")"),
    "lets": lambda n: kernel(f"    let v0 = {row}\n" + "".join(f"    let v{i + 1} = v{i} * v{i}\n" for i in range(n)) + f"    y[m, :] = T(v{n})"),
    "doubling": lambda n: kernel(f"    let v0 = {row}\n" + "".join(f"    let v{i + 1} = v{i} + exp(v{i})\n" for i in range(n)) + f"    y[m, :] = T(v{n})"),
    "reductions": lambda n: kernel(f"    let v0 = {row}\n" + "".join(f"    let v{i + 1} = v{i} - mean(v{i})\n" for i in range(n)) + f"    y[m, :] = T(v{n})"),
    "ifs": lambda n: kernel("    " + "if m > 3 { " * n + "y[m, :] = x[m, :]" + " }" * n),
    "elses": lambda n: kernel("    " + "".join(f"if m == {i} {{ y[m, :] = x[m, :] }} else " for i in range(n)) + "{ y[m, :] = x[m, :] }"),
    "selects": lambda n: kernel("    y[m, :] = T(" + "".join(f"m == {i} ? {row} : " for i in range(n)) + row + ")"),
    "loops": lambda n: kernel("    let v = f32(x[m, :])\n" + "".join(f"    for i{i} in 0:4 {{\n" for i in range(n)) + "    y[m, :] = T(v)\n" + "}" * n),
    "loop": lambda n: kernel(f"    for i in 0:{10 ** min(n, 30)} {{ y[m, :] = x[m, :] }}"),
    "tensors": lambda n: kernel("    y[m, :] = x0[m, :]", ", ".join(f"in x{i}: T[M, N]" for i in range(n)) + ", out y: T[M, N]"),
    "rank": lambda n: kernel("    y[m, :] = x[m, :]", "in x: T[M, " + ", ".join(["2"] * n) + ", N], out y: T[M, N]"),
    "dims": lambda n: HEAD.replace("M, N", "M, N, " + ", ".join(f"D{i}" for i in range(n))) + kernel("    y[m, :] = x[m, :]", head=""),
    "options": lambda n: HEAD + "".join(f"option o{i}: bool = true\n" for i in range(n)) + kernel("    y[m, :] = " + "".join(f"o{i} ? x[m, :] : " for i in range(n)) + "x[m, :]", head=""),
    "choices": lambda n: HEAD + "option o in { " + ", ".join(f"c{i}" for i in range(n)) + " } = c0\n" + kernel("    if o == c0 { y[m, :] = x[m, :] } else { y[m, :] = x[m, :] }", head=""),
    "params": lambda n: HEAD + "".join(f"param p{i}: f32 = 1\n" for i in range(n)) + kernel("    y[m, :] = T(" + row + "".join(f" * p{i}" for i in range(n)) + ")", head=""),
    "kernels": lambda n: HEAD + "".join(kernel("    y[m, :] = x[m, :]", head="").replace("forward", f"k{i}") for i in range(n)),
    "nests": lambda n: HEAD + "kernel forward \"k\"\n(in x: T[M, N], out y: T[M, N]) {\n" + "  par m in M { y[m, :] = x[m, :] }\n" * n + "}\n",
    "name": lambda n: kernel(f"    let {'a' * n} = {row}\n    y[m, :] = T({'a' * n})"),
    "number": lambda n: kernel(f"    y[m, :] = T({row} * {'9' * n}.0)"),
    "exponent": lambda n: kernel(f"    y[m, :] = T({row} * 1e{10 ** min(n, 30)})"),
    "extent": lambda n: kernel("    y[m, :] = x[m, :]", f"in x: T[M, {10 ** min(n, 30)}*N], out y: T[M, N]"),
    "text": lambda n: HEAD.replace('"b"', '"' + "b" * n + '"') + kernel("    y[m, :] = x[m, :]", head=""),
    "comment": lambda n: "// " + "c" * n + "\n" + kernel("    y[m, :] = x[m, :]"),
    "blank": lambda n: "\n" * n + kernel("    y[m, :] = x[m, :]"),
    "checks": lambda n: kernel("    y[m, :] = x[m, :]") + "check { M in { 1 }, N in { 8 } }\n" * n,
    "values": lambda n: kernel("    y[m, :] = x[m, :]") + "check { M in { " + ", ".join("1" for _ in range(n)) + " }, N in { 8 } }\n",
    "errors": lambda n: kernel("    y[m, :] = x[m, :]\n" + "    y[m, :] = nothing + x[m, :]\n" * n),
    "types": lambda n: HEAD + "".join(f"type U{i} in {{ f32, f16, bf16 }}\n" for i in range(n)) + kernel("    y[m, :] = x[m, :]", "in x: T[M, N], " + ", ".join(f"in u{i}: U{i}[M, N]" for i in range(n)) + ", out y: T[M, N]", head=""),
    "junk": lambda n: "@" * n,
    "braces": lambda n: HEAD + "kernel forward (in x: T[M, N], out y: T[M, N]) " + "{" * n,
}
sizes = [3, 30, 300, 3000, 30000, 300000]
cases = [(name, n, make(n)) for name, make in shapes.items() for n in sizes][::int(sys.argv[2]) if len(sys.argv) > 2 else 1]
count, worst, most, ends, faults = 0, 0.0, 0, {}, []
for name, n, text in cases:
    with tempfile.NamedTemporaryFile("w", suffix=".tile") as f:
        f.write(text)
        f.flush()
        for more in (["-e", "tile-ir", "-o", "-"], ["--defaults", "-D", "T=bf16", "-j", "1", "-t", "sm_90a", "-e", "lowered-ir", "-o", "-"]):
            p = subprocess.Popen([ligerc, "build", *more, f.name], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=bounds)
            err = p.stderr.read()
            _, status, use = os.wait4(p.pid, 0)
            p.returncode = 0
            code = -(status & 127) if status & 127 else status >> 8
            sec, mib = use.ru_utime + use.ru_stime, use.ru_maxrss >> 10
            count += 1
            ends[code] = ends.get(code, 0) + 1
            worst, most = max(worst, sec), max(most, mib)
            if code not in (0, 1, 2) or sec > 2 or mib > 1024 or (code == 1 and b"error" not in err and b"limit" not in err):
                faults.append(f"{name} {n} {more[1]}: exit {code}, {sec:.1f} s, {mib} MiB: {err[-200:].decode(errors='replace').strip()}")
print("\n".join(faults))
print(f"{count} runs of {len(cases)} specs, exits {ends}, at most {worst:.2f} s and {most} MiB; {len(faults)} faults")
sys.exit(bool(faults))
