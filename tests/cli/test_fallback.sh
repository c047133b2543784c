#!/usr/bin/env bash
# Options switched at run time: held against the oracle of every choice, in the pack behind the exact bindings, refused where they decide the tensors.
. "$(dirname "$0")/lib.sh"

rms=$root/specs/rms_norm.tile ce=$root/specs/cross_entropy.tile
expect 0 "$ligerc" check -v -t host,sim -k forward -D T=f16 -D W=f16 -D affine=true -D 'casting=*' "$rms"
[ "$(grep -c 'casting=\*\]' "$tmp/err")" = 2 ] || fault "not two units with an open option"
grep -q '2 units, 102 cases' "$tmp/out" || fault "not the cases of all three choices: $(cat "$tmp/out")"
expect 0 "$ligerc" check -t host -k backward -D T=bf16 -D W=f32 -D 'casting=*' "$rms"
plain="-D with_z=false -D with_lse=false -D with_argmax=false -D with_logprob=false -D with_entropy=false -D divided=false"
# shellcheck disable=SC2086
expect 0 "$ligerc" check -t host -D T=bf16 -D weighted=false -D gradient=true $plain -D 'smoothed=*' -D 'scaled=*' -D 'capped=*' "$ce"

expect 0 "$ligerc" build --fallback --defaults -t host -D T=f32 -D W=f32 -o "$tmp/p.lgk" "$rms" "$ce"
expect 0 "$ligerc" inspect "$tmp/p.lgk"
grep '^   \[T=f32' "$tmp/out" >"$tmp/bindings"
cat >"$tmp/want" <<'W'
   [T=f32 W=f32 affine=true casting=llama]
   [T=f32 W=f32 affine=true casting=*]
   [T=f32 W=f32 affine=true casting=llama]
   [T=f32 W=f32 affine=true casting=*]
   [T=f32 reduction=mean gradient=true weighted=false smoothed=false capped=false scaled=false divided=false with_z=false with_lse=false with_argmax=false with_logprob=false with_entropy=false]
   [T=f32 reduction=mean gradient=true weighted=false smoothed=* capped=* scaled=* divided=false with_z=false with_lse=false with_argmax=false with_logprob=false with_entropy=false]
W
same "$tmp/bindings" "$tmp/want"
refused 2 'affine decides which tensors forward has: it cannot be left to run time' "$ligerc" build -D 'affine=*' -o "$tmp/x.lgk" "$rms"
refused 2 'no choice of T is called *' "$ligerc" build -D 'T=*' -o "$tmp/x.lgk" "$rms"
finish
