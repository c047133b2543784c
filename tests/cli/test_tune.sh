#!/usr/bin/env bash
# From measurements to a table: one entry where one schedule serves all sizes, buckets where it does not; earlier entries kept; the model's loss;
# and what a table with buckets makes of a pack.
. "$(dirname "$0")/lib.sh"

head="case,variant,us,copy_us,pct_copy,bytes,err,registers,spills,fate,nest,n,target,instances,model,schedule"
row() {   # row M VARIANT US FATE MODEL SCHEDULE: of 8192-wide rows
    echo "\"rms_norm.forward:M=$1,N=8192,T=bf16,W=bf16\",$2,$3,30.0,90,1,1e-3,32,0,$4,0,8192,sm_90a,$1,$5,$6"
}
narrow="len=exact lanes=512 per=2 n=8192 pdl=1" wide="len=exact lanes=160 per=7 n=8192 pdl=1"
{
    echo "$head"
    row 4096 0 36.0 ok 1 "$narrow"
    row 4096 1 35.0 ok 0 "$wide"
    row 4096 2 1.0 wrong 0 "len=exact lanes=1024 n=8192"
    row 32768 0 256.0 ok 1 "$narrow"
    row 32768 1 262.0 ok 0 "$wide"
} >"$tmp/two.csv"
expect 0 "$ligerc" tune "$tmp/two.csv" -o "$tmp/two.txt"
key="sm_90a rms_norm.forward 0 T=bf16,W=bf16 8192:"
[ "$(grep -v '^#' "$tmp/two.txt" | sed 's/ *#.*//')" = "$key len=exact lanes=160 per=7 n=8192 most=92681 pdl=1
$key len=exact lanes=512 per=2 n=8192 pdl=1" ] || fault "buckets: $(cat "$tmp/two.txt")"

# within half a percent of the best at both sizes: one entry, for every size
{ echo "$head"; row 4096 1 35.1 ok 0 "$wide"; row 4096 0 35.0 ok 1 "$narrow"; row 32768 0 262.5 ok 1 "$narrow"; row 32768 1 262.0 ok 0 "$wide"; } >"$tmp/one.csv"
expect 0 "$ligerc" tune "$tmp/one.csv" -o -
grep -qF "$key len=exact lanes=512 per=2 n=8192 pdl=1   # 4096 x 8192 35.00 us, copy 30.00 us; 32768 x 8192 262.50 us, copy 30.00 us" "$tmp/out" || fault "one bucket: $(cat "$tmp/out")"
[ "$(grep -vc '^#' "$tmp/out")" = 1 ] || fault "more than one entry"

# a variant of other lengths too is left to the model: an entry would be taken for those as well
{ echo "$head"; row 4096 0 30.0 ok 1 "len=cap lanes=512 per=2 pdl=1"; row 4096 1 35.0 ok 0 "$wide"; row 32768 1 262.0 ok 0 "$wide"; } >"$tmp/cap.csv"
expect 0 "$ligerc" tune "$tmp/cap.csv" -o -
grep -qF "# $key the best serves other lengths too, and is left to the model: len=cap lanes=512 per=2 pdl=1   # 30.00 us" "$tmp/out" || fault "left to the model: $(cat "$tmp/out")"
grep -qF "$key len=exact lanes=160 per=7 n=8192 least=92682 pdl=1" "$tmp/out" || fault "the other bucket: $(cat "$tmp/out")"
# but where the model has a variant of this length, which would go before it: then the best of this length is what counts
{ echo "$head"; row 4096 0 36.0 ok 1 "$narrow"; row 4096 1 30.0 ok 0 "len=cap lanes=512 per=2 pdl=1"; row 4096 2 35.0 ok 0 "$wide"; } >"$tmp/ahead.csv"
expect 0 "$ligerc" tune "$tmp/ahead.csv" -o -
grep -qF "$key $wide   # 35.00 us" "$tmp/out" || fault "a variant of this length goes before: $(cat "$tmp/out")"

# entries of an earlier table stay, but for lengths that were measured again
{ echo "# Measured schedules"; echo "$key len=exact lanes=1024 n=8192"; echo "sm_90a rms_norm.forward 0 T=bf16,W=bf16 512: len=exact rows=4 lanes=32 per=2 n=512 pdl=1   # kept"; } >"$tmp/old.txt"
expect 0 "$ligerc" tune "$tmp/old.txt" "$tmp/two.csv" -o "$tmp/new.txt"
[ "$(cut -d' ' -f5 "$tmp/new.txt" | tail -n +2 | tr -d '\n')" = "512:8192:8192:" ] || fault "earlier entries: $(cat "$tmp/new.txt")"
refused 2 "wanted specs or a bundle, or the CSV files of lgr_tune" "$ligerc" tune "$tmp/old.txt"

# files of the form before sizes were told
{ echo "case,variant,us,copy_us,pct_copy,bytes,err,registers,spills,fate,nest,n,schedule"; echo '"rms_norm.forward:M=4096,N=8192,T=bf16,W=bf16",0,36,30,90,1,1e-3,32,0,ok,0,8192,'"$wide"; } >"$tmp/before.csv"
expect 0 "$ligerc" tune "$tmp/before.csv" -o -
grep -qF "$key $wide   # 36.00 us" "$tmp/out" || fault "an earlier form: $(cat "$tmp/out")"
echo nothing >"$tmp/no.csv"
refused 1 "its first line is not the head of lgr_tune's CSV" "$ligerc" tune "$tmp/no.csv"
refused 3 "cannot be read" "$ligerc" tune "$tmp/absent.csv"

# what the model loses: 36 for 35, and nothing
expect 0 "$ligerc" tune --loss "$tmp/two.csv" -o -
grep -qF "M=4096,N=8192,T=bf16,W=bf16: model 36.00 us, best 35.00 us: 97.2 %; best: $wide" "$tmp/out" || fault "loss: $(cat "$tmp/out")"
grep -qF "2 cases: geometric mean 98.6 %, worst 97.2 % (rms_norm.forward:M=4096" "$tmp/out" || fault "loss, in all: $(cat "$tmp/out")"
{ echo "$head"; row 4096 0 0 crash 1 "$narrow"; } >"$tmp/none.csv"
refused 1 "has both the model's choice and another measured" "$ligerc" tune --loss "$tmp/none.csv"

# the pack: the variant of some sizes first, with its condition; the same length's for all behind it
expect 0 "$ligerc" build -t sm_90a -e plan -k forward --defaults -D T=bf16 -D W=bf16 --tuned="$tmp/two.txt" -o - "$root/specs/rms_norm.tile"
grep -A3 "n=8192" "$tmp/out" >"$tmp/plan"
head -1 "$tmp/plan" | grep -q "lanes=160 .*most=92681" || fault "the bucket is not the first: $(cat "$tmp/plan")"
grep -q "elements <= 94905344" "$tmp/plan" || fault "no condition of sizes: $(cat "$tmp/plan")"
[ "$(grep -c "len=exact.* n=8192" "$tmp/out")" = 2 ] || fault "the model's own variant is there though the table has every size"
sed '$d' "$tmp/two.txt" >"$tmp/half.txt"
expect 0 "$ligerc" build -t sm_90a -e schedule -k forward --defaults -D T=bf16 -D W=bf16 --tuned="$tmp/half.txt" -o - "$root/specs/rms_norm.tile"
[ "$(grep -c "len=exact.* n=8192" "$tmp/out")" = 2 ] || fault "no variant of the model for the sizes that the table leaves"

# lines of a table that are no entries are told with their places, all of them; remarks, empty lines and the table that is built in are fine
cat >"$tmp/bad.txt" <<END
# a remark

$key ${wide}   # another
sm_90 rms_norm.forward 0 T=bf16,W=bf16 4096: len=exact per=4 n=4096
sm_90a rms_norm.forward T=bf16,W=bf16 4096: len=exact per=4 n=4096
sm_90a rms_norm.forward 0 T=bf16,W=bf16 4096: len=exact pr=4 n=4096   # remark
sm_90a rms_norm.forward 0 T=bf16,W=bf16 4096: len=exact per=4 n=8192
sm_90a rms_norm.forward 0 T=bf16,W=bf16 8192: len=any
END
printf hello >>"$tmp/bad.txt"
refused 1 "$tmp/bad.txt:4:1: error: no target is called sm_90 [LG0303]" "$ligerc" build -t sm_90a -e plan -k forward --tuned="$tmp/bad.txt" "$root/specs/rms_norm.tile"
said "$tmp/bad.txt:5:1: error: wanted TARGET OP.KERNEL NEST TYPES N: SCHEDULE, or a remark that begins with # [LG0303]"
said "$tmp/bad.txt:6:47: error: no schedule field pr [LG0303]"
said "$tmp/bad.txt:7:47: error: an entry of rows of 4096 whose schedule is for 8192 [LG0303]"
said "$tmp/bad.txt:8:47: error: an entry of rows of 8192 whose schedule is for any [LG0303]"
said "    9 | hello"
[ "$(grep -c error: "$tmp/err")" = 6 ] || fault "other lines are told too: $(cat "$tmp/err")"
expect 0 "$ligerc" build -t host -e schedule -k forward --defaults -D T=f32 -D W=f32 --tuned="$root/generated/tuned.txt" -o - "$root/specs/rms_norm.tile"
refused 1 "no launch has least elements or more and most or fewer" "$ligerc" build -t host -e plan -s "lanes=1 vec=16 keep=reload least=3 most=2" --defaults -D T=f32 -D W=f32 "$root/specs/rms_norm.tile"
finish
