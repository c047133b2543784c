#!/usr/bin/env bash
# Rows that persistent blocks draw one after the other: each is done once, whatever lay in the workspace; and what cannot be drawn is refused.
. "$(dirname "$0")/lib.sh"

cat >"$tmp/rows.tile" <<'TILE'
op rows "many more rows than blocks begin with"
dim M, N
kernel k(in x: f32[M, N], in w: f32[N], out y: f32[M, N], out s: f32[M]) { par m in M { let t = sum(x[m, :])   s[m] = t   y[m, :] = (x[m, :] - t) * w[:] } }
check { M in { 1, 17, 700 }, N in { 96, 101, 250 }; inputs normal; oracle f64 }
TILE
sim() { expect 0 "$ligerc" check -t sim -s "$1 deal=1;lanes=64 vec=1 align=scalar" "$tmp/rows.tile"; }
blocks="len=cap grid=persistent ctas=1"
sim "$blocks vec=1 align=scalar lanes=64 per=4"
sim "$blocks vec=1 align=scalar lanes=64 per=4 rows=3 ctas=2 wkeep=reg"
sim "$blocks async=cp stages=3 lanes=64 vec=4"
sim "$blocks keep=smem async=cp stages=2 lanes=32 cluster=2 vec=4 wkeep=reg rows=2"
for rows in 1 2; do      # those that begin alike stay with a row group, which has four or 32 classes of them
    sim "$blocks align=shift async=cp stages=2 lanes=64 vec=4 rows=$rows wkeep=reg"
    sim "$blocks align=shift async=cp stages=2 lanes=32 cluster=2 vec=4 rows=$rows wkeep=reg line=1 ctas=4"
done
sim "grid=persistent lanes=64 vec=4 align=shift len=cap ctas=1"

ln="$root/specs/layer_norm.tile" one="-t sm_90a --defaults -D T=bf16 -D W=bf16 --tuned=none -e plan -o $tmp/plan"
row="keep=smem len=exact grid=persistent async=cp wkeep=reg n=65536 cluster=8 stages=2 ctas=4 per=8"
# shellcheck disable=SC2086
{
    expect 0 "$ligerc" build $one -k forward -s "$row deal=1" "$ln"
    grep -q '8 bytes of workspace a block' "$tmp/plan" || fault "workspace: $(cat "$tmp/plan")"
    no="deal wants persistent blocks of a GPU"
    for s in "$row turns=4" "${row/stages=2 ctas=4/stages=3 ctas=1 skew=1}" "${row/grid=persistent async=cp wkeep=reg n=65536 cluster=8 stages=2/async=cp n=65536 cluster=8}" "len=exact grid=persistent lanes=32 n=256"; do
        refused 1 "$no" "$ligerc" build $one -k forward -s "$s deal=1" "$ln"
    done
    refused 1 "$no" "$ligerc" build $one -k backward -s "len=exact grid=persistent lanes=128 n=1024 ctas=1 deal=1" "$ln"
}
finish
