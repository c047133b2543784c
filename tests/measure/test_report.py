#!/usr/bin/env python3
"""report.py: rows become a table; what is short of its target, behind a peer, or lost by the model alone is named.  usage: test_report.py REPORT.PY"""
import pathlib
import subprocess
import sys
import tempfile

HEAD = "case,bytes,us,copy_us,pct_copy,err,registers,spills,workspace,schedule"
A = '"rms_norm.forward:M=8192,N=4096,T=bf16,W=bf16",134217728,50,47,94.00,1e-6,32,0,0,per=2'
B = '"layer_norm.forward:M=16,N=512,T=bf16,W=bf16",32768,2,1,50.00,1e-6,32,0,0,per=2'
R = '"read.forward:M=512,N=32000,T=bf16",32770048,15.3,12,78.43,0,39,0,0,per=2'
C = '"cross_entropy.forward:M=512,V=32000,T=bf16,gradient=false",32772104,17,12,72.41,0,39,0,0,per=2'
WANT = """\
| kernel | shape | us | % of copy | wanted | Liger | eager | compile | % of it by the model alone |
|---|---|---|---|---|---|---|---|---|
| cross_entropy.forward | M 512, V 32000, bf16, forward alone | 17 | 90.0 | 97 |  |  |  |  |
| layer_norm.forward | M 16, N 512, bf16 | 2 | 50.0 |  | 1.9 | 12345 |  |  |
| read.forward | M 512, N 32000, bf16 | 15.3 | 78.4 |  |  |  |  |  |
| rms_norm.forward | M 8192, N 4096, bf16 | 50 | 94.0 | 96 |  |  |  | 80.0 |

Short of the share wanted: 2.
- cross_entropy.forward M 512, V 32000, bf16, forward alone: 90.0 (97)
- rms_norm.forward M 8192, N 4096, bf16: 94.0 (96)

Behind a peer, of 1 cases that peers were timed on: 1.
- layer_norm.forward M 16, N 512, bf16: 2 us, liger 1.9

The model alone, 1 cases: 80.0 % in geometric mean; worst 80.0 (rms_norm.forward M 8192, N 4096, bf16).
"""

with tempfile.TemporaryDirectory() as d:
    d = pathlib.Path(d)
    (d / "model").mkdir()
    (d / "ours.csv").write_text("\n".join([HEAD, A, B, C, R]) + "\n")
    (d / "peers.csv").write_text("\n".join([HEAD + ",liger_us,eager_us,compile_us,vs_best_peer", B + ",1.9,12345,,0.95"]) + "\n")
    (d / "model" / "norms.csv").write_text("\n".join([HEAD, A.replace(",50,", ",62.5,")]) + "\n")
    got = subprocess.run([sys.executable, sys.argv[1], "--without", d / "model", d / "ours.csv", d / "peers.csv"], capture_output=True, text=True, check=True).stdout
if got != WANT:
    print(f"wanted:\n{WANT}\ngot:\n{got}")
sys.exit(got != WANT)
