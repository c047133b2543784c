#!/usr/bin/env bash
# Launches of one call under programmatic dependent launch: what each asks for while it waits, and when the next may start.
. "$(dirname "$0")/lib.sh"

ce="$root/specs/cross_entropy.tile" one="-t sm_90a --defaults -D T=bf16 -k forward --tuned=none"
row="keep=smem len=exact async=cp ctas=3 unroll=1 aside=512"

order() {   # order SCHEDULES: asks and marks of each kernel with them, in one line
    # shellcheck disable=SC2086
    expect 0 "$ligerc" build $one -e lowered-ir -s "$1" -o "$tmp/lir" "$ce"
    awk '/^kernel/ { sub(/.*_/, "", $2); if (/ pdl/) print $2 }
         / = i32 const / { is[$1] = $5 }
         / = i32 select / { sub(/,/, "", $6); is[$1] = is[$7] "|" is[$6] }
         $1 ~ /^pdl(wait|go)$/ { print $1 }
         $1 == "ask" { print $1, is[$4] }' "$tmp/lir" | tr '\n' ' '
}

# the rows' kernel lets the sum start behind its own wait, the sum, which is the last, the next call before it waits; the count's is not launched
sum="len=exact lanes=128 vec=4 n=512 pdl=1"
got=$(order "$row lanes=512 per=8 n=32000 eager=8 ask=1 asked=16 pdl=1; $sum" | sed 's/v4.*v7/v7/')
[ "$got" = "v0 pdlwait pdlgo v3 ask 16384|32768 pdlwait pdlgo v7 pdlgo pdlwait " ] || fault "marks of a loss and its sum: $got"
# by blocks of which nobody says how many a multiprocessor has none asks for more than the others
order "${row/ctas=3/} lanes=512 per=8 n=32000 eager=8 ask=1 asked=16 pdl=1" | grep -q "ask 16384 " || fault "more than 16 KB"
# all of a row; and of one that begins anywhere the whole units of 16 bytes that it is long
order "$row lanes=512 per=8 n=32000 eager=8 ask=1 pdl=1" | grep -q "ask 64000 " || fault "not the whole row"
order "$row align=shift line=1 lanes=320 per=10 cluster=2 n=50257 ask=1 pdl=1" | grep -q "ask 100512 " || fault "not the units of a row"
order "$row align=shift line=1 lanes=320 per=10 cluster=2 n=50257 ask=1 asked=49 pdl=1" | grep -q "ask 50176|100352 " || fault "not the first 49 KB, and the first 98"

# tiles of a sum by bins ask for a line of rows a thread, while their indices are on their way
bins="len=cap hint=stream rows=16 lanes=32 ctas=2 bins=264 pdl=1"
tiles() {   # tiles SCHEDULE: lines that its first kernel asks for
    expect 0 "$ligerc" build -t sm_90a --defaults -D T=bf16 -k backward --tuned=none -e lowered-ir -s "$1" -o "$tmp/lir" "$root/specs/embedding.tile"
    awk '/^kernel/ { kernel++ } kernel == 1 && $1 == "prefetch"' "$tmp/lir" | wc -l
}
[ "$(tiles "$bins warm=18")" = 1 ] || fault "tiles ask for $(tiles "$bins warm=18") lines a thread"
[ "$(tiles "$bins")" = 0 ] || fault "tiles ask without warm="

# what is read and not written is a stream, by the model; a gradient is written
streams() { expect 0 "$ligerc" build -t sm_90a --defaults -D T=bf16 -D gradient="$1" -k forward --tuned=none -e schedule -o - "$ce"; grep "n=151936" "$tmp/out"; }
streams false | grep -q "hint=keep" || fault "forward alone is no stream: $(streams false)"
streams true | grep -q "hint=" && fault "a gradient's logits are a stream: $(streams true)"

# rows of the block that comes in this one's place, as many blocks on as run at once: behind the wait, ahead of the loads of rows in registers, behind copies of others
next() {   # next SCHEDULE: what layer_norm does with it, in one line
    expect 0 "$ligerc" build -t sm_90a --defaults -D T=bf16 -D W=bf16 -k forward --tuned=none -e lowered-ir -s "$1" -o "$tmp/lir" "$root/specs/layer_norm.tile"
    awk '/ = i32 const / { is[$1] = $5 }
         / = i32 add / { sub(/,/, "", $5); if (is[$5] == on || is[$6] == on) print "on" }
         $1 == "pdlwait" { print $1 }
         $1 == "ask" { print $1, is[$4] }
         /cpa |ldg .*tensor=0/ { print "row" }' on="$2" "$tmp/lir" | uniq | tr '\n' ' '
}
held="len=exact per=4 n=4096 ctas=6"
got=$(next "$held next=4 pdl=1" 792)
[ "$got" = "pdlwait on ask 4096 row " ] || fault "rows in registers: $got"
got=$(next "$held next=64 pdl=1" 792)
[ "$got" = "pdlwait on ask 8192 row " ] || fault "more than a row is asked for: $got"
got=$(next "len=exact per=4 n=16384 cluster=4 ctas=6 next=16 pdl=1" 198)
[ "$got" = "pdlwait on ask 16384 row " ] || fault "clusters: $got"
got=$(next "keep=smem len=exact async=cp per=8 n=8192 ctas=4 unroll=1 next=8 pdl=1" 528)
[ "$got" = "pdlwait row on ask 8192 " ] || fault "rows in shared memory: $got"
got=$(next "len=exact per=4 n=4096 ctas=3 batch=2 next=8 pdl=1" 396)
[ "$got" = "pdlwait row on ask 8192 " ] || fault "two rows together: $got"
[ "$(grep -c " ask \|^ *ask" "$tmp/lir")" = 2 ] || fault "of two rows together not both are asked for"

# by the model half a row, of rows in registers, by as many blocks as hold 40 KB of rows; not of those in shared memory
model() { expect 0 "$ligerc" build -t sm_90a --defaults -D T=bf16 -D W=bf16 -k forward --tuned=none -e schedule -o - "$root/specs/rms_norm.tile"; grep "n=$1 " "$tmp/out" | grep -v "most="; }
model 4096 | grep -q "ctas=5 .*next=4 " || fault "4096 by the model: $(model 4096)"
model 262144 | grep -q "next=" && fault "262144 by the model asks for the next block: $(model 262144)"

rms="$ligerc build -t sm_90a --defaults -D T=bf16 -D W=bf16 -k forward $root/specs/rms_norm.tile"
# shellcheck disable=SC2086
refused 1 "asked wants ask: it tells how much of a row that is" $rms -s "len=exact lanes=256 per=2 n=4096 asked=16 pdl=1"
# shellcheck disable=SC2086
refused 1 "next wants one-shot blocks of one nest on a GPU" $rms -s "len=exact lanes=256 per=2 n=4096 next=4 pdl=1"
# shellcheck disable=SC2086
refused 1 "ask wants programmatic dependent launch" $rms -s "len=cap lanes=256 per=2 ask=1"
finish
