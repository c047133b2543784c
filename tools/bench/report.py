#!/usr/bin/env python3
"""Tables, in Markdown, of what whole.sh and peers.py measured: every case with its target; what is short of one; what is behind a peer.

usage: report.py [--without DIR] ROWS.csv...

ROWS: CSVs of lgr_bench or of peers.py (a row that has peers' times goes before the same case without).  --without: the folder of a run of whole.sh
with the table of schedules taken away (-b --tuned=none); its times are then shown as the share that the model alone reaches.
Targets are shares of the time of a copy of as many bytes, in percent; forward alone of cross_entropy only reads: its share is of the op read at the same
shape, where that was timed.
"""
import argparse
import csv
import glob
import math
import os

PEERS = ("liger", "eager", "compile")
SMALL = 1 << 20          # elements of a launch that is too short for a share of the copy to say much
HALF_GIB = 1 << 26       # more elements than 64 MiB of 16 bits have


def norm_target(case, backward):
    n, large = case["N"], case["M"] * case["N"] > HALF_GIB
    if backward:
        bounds = ((4096, (96, 96)), (8192, (93, 99)), (16384, (88, 96)))
        return next((t[large] for end, t in bounds if n <= end), None) if n % 64 == 0 else None
    if n % 64:
        return 95
    bounds = ((1023, (90, 90)), (16384, (96, 98)), (32768, (96, 96)))
    return next((t[large] for end, t in bounds if n <= end), 93)


def loss_target(case):
    if case.get("gradient") == "false":
        return 97
    if case["V"] % 64:
        return 93
    return 95 if case["M"] * case["V"] > HALF_GIB * 4 else 92


def target(kernel, case):
    """The share of the ceiling that is wanted, or None."""
    op, part = kernel.split(".")
    if op in ("rms_norm", "layer_norm"):
        return norm_target(case, part == "backward") if case["M"] * case["N"] > SMALL else None
    if op == "cross_entropy":
        return loss_target(case)
    if op == "read":
        return None
    if op == "embedding":
        return 95 if part == "forward" else 90
    return 98 if case.get("F", SMALL) * case.get("M", SMALL) > SMALL else None


def share(rows, text):
    """What is reached of the ceiling's rate, in percent; None where that was not timed."""
    case = parse(text)[1]
    if case.get("gradient") != "false":
        return float(rows[text]["pct_copy"])
    read = rows.get(f"read.forward:M={case['M']},N={case['V']},T={case['T']}")
    return 100 * float(read["us"]) / float(rows[text]["us"]) if read else None


def parse(text):
    kernel, _, rest = text.partition(":")
    pairs = [p.split("=") for p in rest.split(",")]
    return kernel, {n: int(v) if v.isdigit() else v for n, v in pairs}


def read(paths):
    rows = {}
    for path in paths:
        with open(path, newline="") as f:
            for r in csv.DictReader(f):
                if any(r.get(f"{p}_us") for p in PEERS) or r["case"] not in rows:
                    rows[r["case"]] = r
    return rows


def shape(case):
    hidden = ("T", "W", "C", "gradient", "order")
    sizes = ", ".join(f"{n} {v}" for n, v in case.items() if n not in hidden)
    form = {"0123": "[B, S, H, D]", "0213": "[B, H, S, D]"}.get(str(case.get("order", "")).zfill(4), "") if "order" in case else ""
    alone = "forward alone" if case.get("gradient") == "false" else ""
    return ", ".join(p for p in (sizes, str(case["T"]), form, alone) if p)


def order(text):
    kernel, case = parse(text)
    return kernel, str(case.get("gradient", "")) == "false", str(case["T"]), [case.get(n, 0) for n in ("N", "F", "D", "V", "H", "M", "I")], text


def us(text):
    return f"{float(text):.4g}" if float(text) < 1e4 else f"{float(text):.0f}"


def best_peer(row):
    times = [(float(row[f"{p}_us"]), p) for p in PEERS if row.get(f"{p}_us")]
    return min(times) if times else None


def table(rows, without):
    head = ["kernel", "shape", "us", "% of copy", "wanted"] + ["Liger", "eager", "compile"] + (["% of it by the model alone"] if without else [])
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for text in sorted(rows, key=order):
        r = rows[text]
        kernel, case = parse(text)
        wanted, got = target(kernel, case), share(rows, text)
        cells = [kernel, shape(case), us(r["us"]), f"{got:.1f}" if got else "", str(wanted or "")]
        cells += [us(r[f"{p}_us"]) if r.get(f"{p}_us") else "" for p in PEERS]
        if without:
            cells.append(f"{100 * float(r['us']) / float(without[text]['us']):.1f}" if text in without else "")
        yield "| " + " | ".join(cells) + " |"


def short(rows):
    for text in sorted(rows, key=order):
        kernel, case = parse(text)
        wanted, got = target(kernel, case), share(rows, text)
        if wanted and got and round(got, 1) < wanted:
            yield f"{kernel} {shape(case)}: {got:.1f} ({wanted})"


def behind(rows):
    for text in sorted(rows, key=order):
        r, kernel_case = rows[text], parse(text)
        best = best_peer(r)
        if best and best[0] < float(r["us"]):
            yield f"{kernel_case[0]} {shape(kernel_case[1])}: {us(r['us'])} us, {best[1]} {best[0]:.4g}"


def model_share(rows, without):
    shares = sorted((float(rows[t]["us"]) / float(without[t]["us"]), t) for t in rows if t in without)
    if shares:
        mean = math.exp(sum(math.log(s) for s, _ in shares) / len(shares))
        yield f"The model alone, {len(shares)} cases: {100 * mean:.1f} % in geometric mean; worst " + ", ".join(f"{100 * s:.1f} ({parse(t)[0]} {shape(parse(t)[1])})" for s, t in shares[:3]) + "."


def listed(title, lines):
    lines = list(lines)
    return [f"{title}: {len(lines)}."] + [f"- {line}" for line in lines] + [""]


def main():
    args = argparse.ArgumentParser()
    args.add_argument("rows", nargs="+")
    args.add_argument("--without")
    a = args.parse_args()
    rows = read(a.rows)
    without = read(glob.glob(os.path.join(a.without, "*.csv"))) if a.without else {}
    out = list(table(rows, without)) + [""] + listed("Short of the share wanted", short(rows))
    out += listed(f"Behind a peer, of {sum(1 for r in rows.values() if best_peer(r))} cases that peers were timed on", behind(rows))
    print("\n".join(out + list(model_share(rows, without))))


if __name__ == "__main__":
    main()
