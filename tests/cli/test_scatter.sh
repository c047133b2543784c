#!/usr/bin/env bash
# Sums through an index: checked against the oracle, what has no form yet is said, and so is a schedule that does not fit.
. "$(dirname "$0")/lib.sh"

expect 0 "$ligerc" check -D T=bf16 "$root/tests/schedules/scatter/scatter.tile"
cat >"$tmp/many.tile" <<'TILE'
op many "most rows to few places, so that bins are sliced up: into few slices, and into more than sixteen"
dim I, V, N
kernel k(in x: f32[I, N], in to: i64[I], out y: f32[V, N]) { par i in I { y[to[i], :] += x[i, :] } }
check { I in { 700, 7000 }, V in { 1, 3, 30 }, N in { 8 }; to < V; inputs normal; oracle f64 }
TILE
sim() { expect 0 "$ligerc" check -t sim -s "len=cap vec=1 align=scalar $1" "$2"; }
for s in 'rows=16 bins=30' 'rows=16 bins=30 stages=2 pdl=1' 'rows=64 bins=7'; do sim "lanes=8 $s" "$tmp/many.tile"; done
# a bin that has more places than the shares of its slices have row groups
sed 's/I in .*; to < V/I in { 700 }, V in { 200 }, N in { 2 }; to < 1/' "$tmp/many.tile" >"$tmp/places.tile"
sim 'lanes=64 rows=2 bins=7' "$tmp/places.tile"
grep -q ', 0 cases' "$tmp/out" && fault "no case of many places: $(cat "$tmp/out")"
limit() {   # limit TEXT OUTS BODY: a nest over instances of this body
    printf 'op x "x"\ndim I, K, V, N\nkernel k (in x: f32[I, N], in to: i64[I], in at: i64[I, K], %s) {\npar %s }\n' "$2" "$3" >"$tmp/x.tile"
    refused 1 "$1 has no row form yet" "$ligerc" build -e lowered-ir -t sm_90a -o "$tmp/x" "$tmp/x.tile"
}
y='out y: f32[V, N]' z='out z: f32[I, N]' s='out s: f32[I]'
whole='a sum through indices other than one of whole rows of a matrix'
limit "$whole" 'out y: f32[V, 2*N]' 'i in I { y[to[i], 0:N] += x[i, :] }'
limit "$whole" 'out y: f32[V, K, N]' 'i in I, k in K { y[to[i], k, :] += x[i, :] }'
limit 'a sum of integers through an index, into an out tensor,' 'out y: i32[V, N]' 'i in I { y[to[i], :] += i32(x[i, :]) }'
limit 'a sum through an index beside other rows that are written' "$y, $z" 'i in I { z[i, :] = x[i, :]   y[to[i], :] += x[i, :] }'
limit 'a row written beside a sum through an index' "$y, $z" 'i in I { y[to[i], :] += x[i, :]   z[i, :] = x[i, :] }'
limit 'a sum through an index of what a reduction gives' "$y" 'i in I { y[to[i], :] += x[i, :] * max(x[i, :]) }'
limit 'a sum through an index beside reductions' "$y, $s" 'i in I { y[to[i], :] += x[i, :]   s[i] = max(x[i, :]) }'

emb=$root/specs/embedding.tile one="-D T=bf16 -t sm_90a -e lowered-ir -o $tmp/x"
# shellcheck disable=SC2086
{
    refused 1 'a sum through an index wants one-shot blocks, and plain loads' "$ligerc" build $one -k backward -s 'cluster=2 split=0 len=cap' "$emb"
    refused 1 'a sum through an index wants up to eight groups of lanes, of a power of two of places, in a block' "$ligerc" build $one -k backward -s 'run=3' "$emb"
    expect 0 "$ligerc" build $one -k backward -s 'rows=2 lanes=64 split=0 len=cap' "$emb"
    refused 1 'run counts places of a sum through an index' "$ligerc" build $one -k forward -s 'run=4' "$emb"
    refused 1 'warm is of a sum through an index' "$ligerc" build $one -k forward -s 'warm=4' "$emb"
    refused 1 'rows are asked for ahead of their order under pdl alone' "$ligerc" build $one -k backward -s 'warm=4' "$emb"
    expect 0 "$ligerc" build $one -k backward -s 'len=exact n=4096 lanes=256 per=2 run=8 pdl=1' "$emb"
    bins="bins want whole rows in the lanes of a GPU's blocks, of a multiple of 128 lanes, and one or two stages"
    for s in '' 'len=cap rows=2 lanes=32' 'len=cap stages=3' 'split=1'; do refused 1 "$bins" "$ligerc" build $one -k backward -s "bins=64 $s" "$emb"; done
    refused 1 'bins are of a sum through an index' "$ligerc" build $one -k forward -s 'bins=64' "$emb"
    expect 0 "$ligerc" build $one -k backward -s 'len=cap rows=16 lanes=32 bins=264 ctas=2' "$emb"
}
finish
