#!/usr/bin/env bash
# ligerc's promises: exit codes, unchanged outputs left alone, byte-identical packs whatever the number of jobs.
. "$(dirname "$0")/lib.sh"

narrow="-D T=bf16 -D W=bf16 -D affine=true -D casting=llama"
expect 0 "$ligerc" targets
expect 0 "$ligerc" ops "$root/specs/rms_norm.tile"
expect 0 "$ligerc" explain LG0002
expect 2 "$ligerc" explain LG9999
expect 2 "$ligerc" --no-such-option
expect 2 "$ligerc" build -t sm_1 "$root/specs/rms_norm.tile"
expect 2 "$ligerc" build -D T=f12 "$root/specs/rms_norm.tile"
expect 3 "$ligerc" build "$tmp/absent.tile"

# a binding that no op knows is a mistake, of one file and of several; one that some op knows goes to that op alone
both="$root/specs/rms_norm.tile $root/specs/swiglu.tile"
expect 2 "$ligerc" build -e schedule -D castin=llama "$root/specs/rms_norm.tile"
said "did you mean casting?"
for command in "build -e schedule" check; do
    for how in -D --dtype --option; do
        # shellcheck disable=SC2086
        expect 2 "$ligerc" $command $how castin=llama $both
        said "error: no type or option of these specs is called castin; did you mean casting?"
    done
done
# shellcheck disable=SC2086
expect 2 "$ligerc" build -e schedule -D packed=perhaps $both
said "no value of packed is called perhaps"
# shellcheck disable=SC2086
expect 0 "$ligerc" build -e tile-ir -D packed=true -D casting=gemma $both
grep -q 'packed=false\|casting=llama' "$tmp/out" && fault "a binding was not obeyed where several specs are given"

# several values of one choice: kernels of each, in one pack
bindings() { sed -n 's/^[^[]*\[\(.*\)\].*/\1/p' "$tmp/err" | tr '\n' ';'; }
expect 0 "$ligerc" build -v -t host --defaults -D T=f32 -D T=bf16 -o "$tmp/two.lgk" "$root/specs/jsd.tile"
[ "$(bindings)" = "T=f32 labelled=false gradient=true;T=bf16 labelled=false gradient=true;" ] || fault "of two types: $(bindings)"
expect 0 "$ligerc" inspect "$tmp/two.lgk"
[ "$(grep -c '\[T=' "$tmp/out")" = 2 ] || fault "the pack does not hold both types"
expect 0 "$ligerc" bench -t host --shapes=M=4,V=64 -D T=f16 -D T=bf16 --format=csv -o "$tmp/rows.csv" "$tmp/two.lgk"
[ "$(grep -o 'jsd[^"]*' "$tmp/rows.csv")" = jsd.forward:M=4,V=64,T=bf16 ] || fault "of a pack's types those asked for: $(cat "$tmp/rows.csv")"
# shellcheck disable=SC2086
expect 0 "$ligerc" build -v -e schedule -k forward $narrow -D W=f16 -D 'casting=*' -o "$tmp/s" "$root/specs/rms_norm.tile"
[ "$(bindings | sed 's/affine=true //g')" = "T=bf16 W=f16 casting=llama;T=bf16 W=bf16 casting=llama;T=bf16 W=f16 casting=*;T=bf16 W=bf16 casting=*;" ] || fault "of values and open: $(bindings)"

for wrong in "feed=30 per=2:feed is for persistent blocks of a GPU" "turns=2 per=2:turns wants persistent blocks of a GPU" "late=1 per=2:late wants turns" "eager=3 per=2:eager wants rows that are there whether they are wanted or not" "line=1 per=2:line wants rows that begin anywhere"; do
    expect 1 "$ligerc" build -t sm_90a -e schedule --defaults -D T=bf16 -s "${wrong%%:*}" "$root/specs/swiglu.tile"
    said "${wrong#*:}"
done
printf 'op x "y"\nkernel forward (in x: Q[M]) { }\n' >"$tmp/bad.tile"
expect 1 "$ligerc" build "$tmp/bad.tile" -o "$tmp/bad.lgk"
[ ! -e "$tmp/bad.lgk" ] || fault "a pack was written for a faulty spec"

# shellcheck disable=SC2086
expect 0 "$ligerc" build -t host,sm_80 --ptx $narrow -j 1 -o "$tmp/one.lgk" -MD "$root/specs/rms_norm.tile"
# shellcheck disable=SC2086
expect 0 "$ligerc" build -t host,sm_80 --ptx $narrow -j 4 -o "$tmp/four.lgk" "$root/specs/rms_norm.tile"
cmp "$tmp/one.lgk" "$tmp/four.lgk" || failures=$((failures + 1))
grep -q "one.lgk:.*rms_norm.tile" "$tmp/one.lgk.d" || fault "no make rule"
touch -d '2001-01-01' "$tmp/one.lgk"
# shellcheck disable=SC2086
expect 0 "$ligerc" build -t host,sm_80 --ptx $narrow -o "$tmp/one.lgk" "$root/specs/rms_norm.tile"
[ "$(date -r "$tmp/one.lgk" +%Y)" = 2001 ] || fault "an unchanged pack was written again"

# par kernels never mention lanes
for word in lane warp thread barrier shared; do
    grep -qw "$word" "$root"/specs/*.tile && fault "a spec says $word"
done
finish
