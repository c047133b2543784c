#!/usr/bin/env bash
# Calls of every op with one thing wrong: 5,000 an op and more, each refused with the status and the argument that it is wrong in.
. "$(dirname "$0")/lib.sh"

prove=$3
refuse() { # OP TYPES SHAPE ..
    local op=$1 types=$2
    shift 2
    # shellcheck disable=SC2086
    expect 0 "$ligerc" build --defaults -t host $types -o "$tmp/$op.lgk" "$root/specs/$op.tile"
    expect 0 "$prove" refuse "$tmp/$op.lgk" --count 2500 "$@"
    grep -q "$op.*, 0 failed; [5-9][0-9][0-9][0-9] bad calls of 15 kinds" "$tmp/out" || fault "$op: $(cat "$tmp/out" "$tmp/err")"
}
refuse rms_norm '-D T=bf16 -D W=f32' M=7,N=127 M=3,N=64
refuse layer_norm '-D T=f32 -D W=bf16' M=7,N=127 M=3,N=64
refuse swiglu '-D T=f16' M=7,F=127 M=3,F=64
refuse geglu '-D T=bf16 -D packed=true' M=7,F=127 M=3,F=64
refuse kl_div '-D T=f32' M=7,V=127 M=3,V=64
refuse jsd '-D T=bf16 -D labelled=true' M=7,V=127 M=3,V=64
refuse cross_entropy '-D T=bf16 -D weighted=true -D with_lse=true' M=7,V=127 M=3,V=64
refuse embedding '-D T=f16' I=7,V=9,H=127 I=3,V=5,H=64
refuse rope '-D T=bf16 -D C=f32' B=2,H=3,K=2,S=5,D=64 B=1,H=4,K=4,S=3,D=30
finish
