#!/usr/bin/env bash
# bench and tune on the host, small: rows in each form, from a spec and from a pack; exit codes; a table that build then obeys; page, budget, Ctrl-C.
. "$(dirname "$0")/lib.sh"
spec=$root/specs/swiglu.tile

expect 0 "$ligerc" bench -t host --shapes=8x64,16x128 -k forward "$spec"
grep -q "^swiglu.forward:M=8,F=64,T=f32  .* us .* copy .* err " "$tmp/out" || fault "the table: $(cat "$tmp/out")"
[ "$(wc -l <"$tmp/out")" = 2 ] || fault "a row for each shape"
expect 0 "$ligerc" bench -t host --shapes="M=8,F=64;swiglu.backward:M=4,F=32" -D T=bf16 --format=csv -o "$tmp/rows.csv" "$spec"
[ "$(cut -d: -f1,2 "$tmp/rows.csv" | cut -d'"' -f2)" = "case,bytes,us,copy_us,pct_copy,err,registers,spills,workspace,schedule
swiglu.forward:M=8,F=64,T=bf16
swiglu.backward:M=8,F=64,T=bf16
swiglu.backward:M=4,F=32" ] || fault "cases: $(cat "$tmp/rows.csv")"
expect 0 "$ligerc" build -t host --defaults -D T=f32 -o "$tmp/s.lgk" "$spec"
expect 0 "$ligerc" bench -t host --shapes=8x64 --format=json "$tmp/s.lgk"
python3 - "$tmp/out" <<'P' || fault "json: $(cat "$tmp/out")"
import json, sys
rows = json.load(open(sys.argv[1]))
sys.exit([r["case"] for r in rows] != ["swiglu.forward:M=8,F=64,T=f32", "swiglu.backward:M=8,F=64,T=f32"] or any(r["us"] <= 0 or r["copy_us"] <= 0 or r["target"] != "host" for r in rows))
P
# long enough for stores past the caches, in rows whose second half begins beside a vector's boundary
expect 0 "$ligerc" bench -t host --shapes=rope.forward:B=1,H=32,K=8,S=2048,D=80,P=0 -D T=bf16 -D C=bf16 -k forward "$root/specs/rope.tile"
# what is counted: of a table that is read by index the places named, of anything else the whole
expect 0 "$ligerc" bench -t host --shapes="embedding.forward:I=9,V=40,H=8;embedding.forward:I=90,V=40,H=8;embedding.backward:I=90,V=40,H=8" -D T=bf16 --format=csv -o "$tmp/rows.csv" "$root/specs/embedding.tile"
[ "$(sed 's/.*",\([0-9]*\).*/\1/' "$tmp/rows.csv" | tail -3 | tr '\n' ' ')" = "$((9 * 8 * 4 + 9 * 8 + 4)) $(((40 + 90) * 16 + 90 * 8 + 4)) $(((40 + 90) * 16 + 90 * 8 + 4)) " ] || fault "bytes: $(cat "$tmp/rows.csv")"
refused 2 "--shapes wants shapes, for example --shapes=8192x4096,65536x4096; swiglu.forward has the dims M, F" "$ligerc" bench -t host "$spec"
refused 2 "\`8x64x2\` is no shape of swiglu.forward: wanted the sizes of M, F, as 1024x4096 or M=1024,F=1024" "$ligerc" bench -t host --shapes=8x64x2 "$spec"
refused 2 "\`M=8\` is no shape of swiglu.forward" "$ligerc" bench -t host --shapes=M=8 "$spec"
refused 2 "no kernel with these bindings takes a shape" "$ligerc" bench -t host --shapes=jsd.forward:M=8,V=3 "$spec"
refused 2 "bench: wanted one target, the host or a GPU" "$ligerc" bench -t host,sm_80 --shapes=8x64 "$spec"
refused 2 "bench: wanted specs, or one pack" "$ligerc" bench -t host --shapes=8x64 "$tmp/s.lgk" "$spec"
refused 2 "bench: wanted specs, or a pack" "$ligerc" bench
echo nothing >"$tmp/bad.lgk"
refused 1 "bad.lgk" "$ligerc" bench -t host --shapes=8x64 "$tmp/bad.lgk"
if ! [ -e /dev/nvidia0 ]; then
    refused 6 "bench: no GPU:" "$ligerc" bench -t sm_90a --shapes=8x64 "$spec"
    expect 0 "$ligerc" bench --shapes=8x64 -k forward "$spec"
    grep -q "T=f32" "$tmp/out" || fault "without a GPU it is the host that is measured"
fi

# tune: a table for the host, which build obeys; measurements; the page; the model's loss
expect 0 "$ligerc" tune -t host --shapes=8x64 --candidates=4 -k forward -o "$tmp/t.txt" --html="$tmp/t.html" "$spec"
line=$(grep '^host swiglu.forward 0 T=f32 any: ' "$tmp/t.txt") || fault "no entry: $(cat "$tmp/t.txt")"
schedule=${line#*any: } schedule=${schedule%%   #*}
expect 0 "$ligerc" build -t host -e schedule --tuned="$tmp/t.txt" --defaults -D T=f32 -k forward -o - "$spec"
[ "$(head -1 "$tmp/out" | sed 's/.* host: //')" = "$schedule" ] || fault "build does not take the entry first: $(cat "$tmp/out")"
grep -qF "<pre>$ligerc tune -t host --shapes=8x64 --candidates=4 -k forward" "$tmp/t.html" || fault "the page does not tell how it was made"
grep -q "<svg.*roof\|class=\"roof\"" "$tmp/t.html" || fault "no roof"
expect 0 "$ligerc" tune -t host --shapes=8x64 --candidates=4 -k forward --format=csv -o "$tmp/t.csv" "$spec"
expect 0 "$ligerc" tune --loss "$tmp/t.csv"
grep -q "1 case: geometric mean" "$tmp/out" || fault "loss: $(cat "$tmp/out")"
expect 0 "$ligerc" tune "$tmp/t.txt" -t host --shapes=16x64 --candidates=2 -k backward -o "$tmp/two.txt" "$spec"
[ "$(grep -o '^host swiglu.[a-z]*' "$tmp/two.txt" | tr '\n' ' ')" = "host swiglu.backward host swiglu.forward " ] || fault "the earlier table is not kept: $(cat "$tmp/two.txt")"

# a bundle is measured without compiling
expect 0 "$ligerc" tune -t host --lengths=64 --candidates=3 --defaults -D T=f32 -k forward -o "$tmp/b.lgk" "$spec"
expect 0 "$ligerc" tune -t host --shapes=8x64 -o - "$tmp/b.lgk"
grep -q '^host swiglu.forward 0 T=f32 any: ' "$tmp/out" || fault "from a bundle: $(cat "$tmp/out")"

# the budget ends, Ctrl-C comes: the best so far is written
expect 7 "$ligerc" tune -t host --shapes=2048x4096 --effort=full --budget=0.3s -k forward -o "$tmp/cut.txt" "$spec"
[ -s "$tmp/cut.txt" ] || fault "nothing written at the end of the budget"
"$ligerc" tune -t host --shapes=2048x4096,4096x4096 --effort=full -k forward -o "$tmp/int.txt" --html="$tmp/int.html" "$spec" 2>"$tmp/err" &
pid=$!
for _ in $(seq 100); do grep -q "M=2048" "$tmp/err" && break; sleep 0.1; done
kill -INT $pid
wait $pid
[ $? = 130 ] && [ -s "$tmp/int.txt" ] && grep -q "</html>" "$tmp/int.html" || fault "interrupted: $(cat "$tmp/err")"

refused 2 "wanted --shapes, which are measured here, or --lengths, to make a bundle" "$ligerc" tune "$spec"
refused 2 "--lengths makes a bundle: nothing is measured" "$ligerc" tune --lengths=64 --html=x "$spec"
refused 2 "--lengths wants row lengths separated by commas" "$ligerc" tune --lengths=64,x "$spec"
refused 2 "CSV files are measurements" "$ligerc" tune --shapes=8x64 "$tmp/t.csv"
refused 2 "--budget=soon: wanted a time, as 60s, 5m or 1h" "$ligerc" tune -t host --budget=soon --shapes=8x64 "$spec"
refused 2 "--format=json: measurements are told as text or csv" "$ligerc" tune -t host --format=json --shapes=8x64 "$spec"
refused 2 "--format=csv: a pack is shown as text or json" "$ligerc" inspect --format=csv "$tmp/s.lgk"
finish
