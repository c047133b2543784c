#!/usr/bin/env bash
# A bundle of candidates of two specs is a whole pack: every piece of code has its digest; what the table has of a length is among them, what a build takes is the first.
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
# what the model takes is the first candidate in the form that a build has, which may be a lighter one: the model's own spills where there is ptxas to tell
taken() { "$ligerc" inspect "$1" | grep -o "len=exact [^|]*n=1024[^|]*" | head -1; }
norm="--tuned=none --defaults -t sm_90a -D T=bf16 -D W=bf16 -k forward"
"$ligerc" build $norm -o "$tmp/n.lgk" "$root/specs/layer_norm.tile" >"$tmp/log" 2>&1 || fail "build: $(cat "$tmp/log")"
"$ligerc" tune $norm --lengths=1024 --candidates=1 -o "$tmp/c.lgk" "$root/specs/layer_norm.tile" >"$tmp/log" 2>&1 || fail "tune: $(cat "$tmp/log")"
[ -n "$(taken "$tmp/n.lgk")" ] && [ "$(taken "$tmp/n.lgk")" = "$(taken "$tmp/c.lgk")" ] || fail "a build takes $(taken "$tmp/n.lgk"), the first candidate is $(taken "$tmp/c.lgk")"
# no more than are wanted, and of long rows some by blocks that stay and some by others
some() { "$ligerc" tune $norm --lengths=50257 --candidates="$1" -o "$tmp/k.lgk" "$root/specs/layer_norm.tile" >"$tmp/log" 2>&1 || fail "tune: $(cat "$tmp/log")"; "$ligerc" inspect "$tmp/k.lgk" | grep "len=exact[^|]*n=50257" >"$tmp/some"; }
some 8
[ "$(grep -c . "$tmp/some")" -le 8 ] || fail "more than 8 candidates: $(cat "$tmp/some")"
grep -q "grid=persistent" "$tmp/some" || fail "none of blocks that stay: $(cat "$tmp/some")"
grep -vq "grid=persistent" "$tmp/some" || fail "all of blocks that stay: $(cat "$tmp/some")"
some 1
[ "$(grep -c . "$tmp/some")" -le 1 ] || fail "more than 1 candidate: $(cat "$tmp/some")"
echo "1 bundle of 2 specs, 1 with what a table has, 1 that begins with what a build takes, 2 of long rows"
