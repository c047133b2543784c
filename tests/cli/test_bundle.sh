#!/usr/bin/env bash
# A bundle of candidates of two specs is a whole pack: every piece of code has its digest; what the table has of a length is among them.
set -u
ligerc=$1 root=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
"$ligerc" tune -t sm_90a --lengths=1024 --candidates=3 --defaults -D T=bf16 -k forward -o "$tmp/b.lgk" "$root/specs/swiglu.tile" "$root/specs/embedding.tile" >"$tmp/log" 2>&1 || fail "tune: $(cat "$tmp/log")"
"$ligerc" inspect "$tmp/b.lgk" >"$tmp/text" 2>&1 || fail "inspect: $(cat "$tmp/text")"
grep -q "2 kernels" "$tmp/text" || fail "not the kernels of both specs: $(head -1 "$tmp/text")"
echo "sm_90a swiglu.forward 0 T=bf16 1024: len=exact lanes=96 per=2 n=1024" >"$tmp/t.txt"
"$ligerc" tune -t sm_90a --lengths=1024 --tuned="$tmp/t.txt" --candidates=1 --defaults -D T=bf16 -k forward -o "$tmp/t.lgk" "$root/specs/swiglu.tile" >"$tmp/log" 2>&1 || fail "tune: $(cat "$tmp/log")"
"$ligerc" inspect "$tmp/t.lgk" | grep -q "len=exact lanes=96 per=2 n=1024" || fail "the table's schedule is not among the candidates"
echo "1 bundle of 2 specs, 1 with what a table has"
