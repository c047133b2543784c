#!/usr/bin/env bash
# A bundle of candidates of two specs is a whole pack: every piece of code has its digest.
set -u
ligerc=$1 root=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
"$ligerc" tune -t sm_90a --lengths=1024 --candidates=3 --defaults -D T=bf16 -k forward -o "$tmp/b.lgk" "$root/specs/swiglu.tile" "$root/specs/embedding.tile" >"$tmp/log" 2>&1 || fail "tune: $(cat "$tmp/log")"
"$ligerc" inspect "$tmp/b.lgk" >"$tmp/text" 2>&1 || fail "inspect: $(cat "$tmp/text")"
grep -q "2 kernels" "$tmp/text" || fail "not the kernels of both specs: $(head -1 "$tmp/text")"
echo "1 bundle of 2 specs"
