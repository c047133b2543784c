#!/usr/bin/env bash
# `ligerc build --emit`: which files a list of emits makes, what is in them, where they go, their make rule, and what is refused.
. "$(dirname "$0")/lib.sh"

rms=$root/specs/rms_norm.tile swi=$root/specs/swiglu.tile
narrow="-D T=bf16 -D W=f32 -D casting=llama -D affine=true -D packed=true"

# every emit that needs no ptxas, of two ops, for three targets; parents of the folder are made
all=pack,header,manifest,plan,tile-ir,schedule,lowered-ir,llvm,ptx,object
# shellcheck disable=SC2086
expect 0 "$ligerc" build --ptx -t host,sm_80,sm_90a $narrow -e $all -j 2 -MD -o "$tmp/a/b" "$rms" "$swi"
for op in rms_norm swiglu; do
    for f in liger_$op.h $op.lgk $op.manifest.txt $op.plan.txt; do
        [ -s "$tmp/a/b/$f" ] || fault "no $f"
    done
    for kernel in forward backward; do
        [ $op = rms_norm ] && b=T_bf16.W_f32.affine_true.casting_llama || b=T_bf16.packed_true
        for f in $b.tile-ir host.$b.schedule sm_80.$b.schedule sm_90a.$b.lowered-ir host.$b.v0.ll sm_80.$b.v0.ll host.$b.v0.o sm_90a.$b.v0.ptx; do
            [ -s "$tmp/a/b/$op.$kernel.$f" ] || fault "no $op.$kernel.$f"
        done
        for f in host.$b.v0.ptx sm_80.$b.v0.o host.$b.tile-ir; do
            [ ! -e "$tmp/a/b/$op.$kernel.$f" ] || fault "$op.$kernel.$f should not be"
        done
    done
done
ls "$tmp"/a/b | grep -vE '^(ligerc\.d|liger_[a-z_]+\.h|[a-z_]+\.(lgk|(manifest|plan)\.txt)|[a-z_]+\.(forward|backward)\..*\.(tile-ir|schedule|lowered-ir|ll|ptx|o))$' && fault "files with other names"

# a second run leaves all of them alone; other numbers of jobs give the same bytes
touch -d '2001-01-01' "$tmp"/a/b/*
# shellcheck disable=SC2086
expect 0 "$ligerc" build --ptx -t host,sm_80,sm_90a $narrow -e $all -j 1 -MD -o "$tmp/a/b" "$rms" "$swi"
[ -z "$(find "$tmp/a/b" -type f -newermt 2002-01-01)" ] || fault "unchanged outputs were written again"
# one of them changes: that one alone is written
echo >>"$tmp/a/b/liger_swiglu.h"
# shellcheck disable=SC2086
expect 0 "$ligerc" build --ptx -t host,sm_80,sm_90a $narrow -e $all -MD -o "$tmp/a/b" "$rms" "$swi"
[ "$(find "$tmp/a/b" -type f -newermt 2002-01-01 -printf '%f ')" = "liger_swiglu.h " ] || fault "not just the changed output was written"

# one emit is one file, or standard output, with the same bytes
for pair in pack:swiglu.lgk header:liger_swiglu.h manifest:swiglu.manifest.txt plan:swiglu.plan.txt; do
    # shellcheck disable=SC2086
    expect 0 "$ligerc" build --ptx -t host,sm_80,sm_90a -D T=bf16 -D packed=true -e "${pair%%:*}" -o "$tmp/single" "$swi"
    same "$tmp/single" "$tmp/a/b/${pair#*:}"
    expect 0 "$ligerc" build --ptx -t host,sm_80,sm_90a -D T=bf16 -D packed=true -e "${pair%%:*}" -o - "$swi"
    same "$tmp/out" "$tmp/single"
done
# texts of several units follow one another in one file
expect 0 "$ligerc" build -t sm_80 -D T=bf16 -D packed=true -k forward -e ptx -o - "$swi"
cat $(ls -v "$tmp"/a/b/swiglu.forward.sm_80.*.ptx) | cmp - "$tmp/out" || fault "PTX in one file is not the PTX of the variants"
# a pack of two ops is one file, and one in a folder for each op
# shellcheck disable=SC2086
expect 0 "$ligerc" build -t host $narrow -o "$tmp/both.lgk" "$rms" "$swi"
[ -f "$tmp/both.lgk" ] || fault "no pack of two ops"
mkdir "$tmp/packs"
# shellcheck disable=SC2086
expect 0 "$ligerc" build -t host $narrow -o "$tmp/packs" "$rms" "$swi"
[ "$(ls "$tmp/packs" | tr '\n' ' ')" = "rms_norm.lgk swiglu.lgk " ] || fault "packs in a folder: $(ls "$tmp/packs")"
# shellcheck disable=SC2086
(cd "$tmp" && mkdir here && cd here && "$ligerc" build -t host $narrow -e header,plan "$rms" "$swi") || fault "several emits without -o"
[ "$(ls "$tmp/here" | tr '\n' ' ')" = "liger_rms_norm.h liger_swiglu.h rms_norm.plan.txt swiglu.plan.txt " ] || fault "several emits without -o: $(ls "$tmp/here")"

# the make rule: every output, every spec
python3 - "$tmp/a/b" "$rms" "$swi" <<'P' || fault "the make rule is wrong"
import pathlib, sys
folder, specs = pathlib.Path(sys.argv[1]), sys.argv[2:]
outs, ins = (folder / "ligerc.d").read_text().replace("\\\n", " ").split(":")
want = sorted(str(p) for p in folder.iterdir() if p.name != "ligerc.d")
assert sorted(outs.split()) == want, "outputs"
assert ins.split() == specs, "inputs"
P
mkdir "$tmp/with space"
cp "$swi" "$tmp/with space/s#1.tile"
expect 0 "$ligerc" build -e plan -MD -MF "$tmp/rule" -o "$tmp/with space/p.txt" "$tmp/with space/s#1.tile"
grep -qF 'with\ space/p.txt: '"$tmp"'/with\ space/s\#1.tile' "$tmp/rule" || fault "names in the make rule are not escaped: $(cat "$tmp/rule")"

# what is in them
cc -std=c11 -Wall -Wextra -Werror -fsyntax-only -I "$root/runtime" -x c "$tmp/a/b/liger_rms_norm.h" -x c "$tmp/a/b/liger_swiglu.h" || fault "a header is not C"
printf '#include "%s"\n' liger_rms_norm.h liger_swiglu.h >"$tmp/both.cpp"
c++ -Wall -Wextra -Werror -fsyntax-only -I "$root/runtime" -I "$tmp/a/b" "$tmp/both.cpp" || fault "a header is not C++"
o=$tmp/a/b/swiglu.forward.host.T_bf16.packed_true.v0.o
nm "$o" | grep -q ' T lgr_swiglu_forward_v0$' || fault "the object lacks its function"
nm -u "$o" | grep -q . && fault "the object needs symbols from elsewhere: $(nm -u "$o")"
cc -shared -o "$tmp/kernel.so" "$o" || fault "the object does not link into a shared object"
head -1 "$tmp/a/b/swiglu.manifest.txt" | grep -q '^pack, format 12: 2 kernels, 2 instances, ' || fault "manifest: $(head -1 "$tmp/a/b/swiglu.manifest.txt")"
for line in 'swiglu.forward: gated rows; silu is rounded to T before the product, as eager does' '  in     ab: T\[M, 2\*F\], where the options have it' '  scalar gate_mul: f32 = 1' \
    '  option packed in { false, true } = false' '  out    dab: T\[M, 2\*F\], where the options have it, may lie over ab' '  target sm_90a' '   \[T=bf16 packed=true\]' \
    '     0 .* | .*F a multiple of 8.* | .* a block, .* threads.* | PTX code [0-9]* of [0-9]* bytes, lgr_swiglu_forward_v0' ' | always | '; do
    grep -q -- "$line" "$tmp/a/b/swiglu.manifest.txt" || fault "the manifest lacks: $line"
done
grep -q "code [0-9]" "$tmp/a/b/swiglu.plan.txt" && fault "the plan speaks of code"
if has_ptxas; then
    expect 0 "$ligerc" build -t host,sm_80 -D T=f32 -D packed=false -e cubin,manifest -o "$tmp/cubins" "$swi"
    n=0
    for f in "$tmp"/cubins/*.cubin; do
        [ "$(head -c4 "$f" | od -An -tx1 | tr -d ' ')" = 7f454c46 ] || fault "$f is not ELF"
        n=$((n + 1))
    done
    grep -q '| [0-9]* registers, 0 bytes spilled, cubin code [0-9]* of [0-9]* bytes, ' "$tmp/cubins/swiglu.manifest.txt" || fault "no registers in the manifest"
    [ $n -ge 4 ] && echo "$n cubins" || fault "$n cubins"
    # a measured schedule that spills here is left out, and named with its place in the table; one that does not is taken
    printf '# planted\n%s\n%s\n' 'sm_90a layer_norm.forward 0 T=f32,W=f32 3072: len=exact lanes=256 vec=4 per=3 n=3072 regs=32   # too few' \
        'sm_90a layer_norm.forward 0 T=f32,W=f32 1024: len=exact lanes=256 vec=4 n=1024 least=7' >"$tmp/t.txt"
    echo 'sm_90a layer_norm.forward 0 T=f32,W=f32 6144: len=exact lanes=512 vec=4 per=3 n=6144 ctas=4' >>"$tmp/t.txt"
    expect 0 "$ligerc" build -t sm_90a -k forward --defaults -D T=f32 -D W=f32 --tuned="$tmp/t.txt" -e pack,manifest -o "$tmp/spilt/" "$root/specs/layer_norm.tile"
    said "$tmp/t.txt:2:1: warning: this schedule spills 8 bytes in layer_norm.forward [T=f32 W=f32 weight=true bias=true] on sm_90a and is left out [LG0302]"
    said "    2 | sm_90a layer_norm.forward 0 T=f32,W=f32 3072: len=exact"
    said "$tmp/t.txt:4:1: warning: this schedule spills 8 bytes in layer_norm.forward"
    said "note: in its place: len=exact lanes=512 vec=4 per=3 n=6144 ctas=3"
    [ "$(grep -c warning: "$tmp/err")" = 2 ] || fault "more is left out: $(cat "$tmp/err")"
    grep -q 'regs=32' "$tmp/spilt/layer_norm.manifest.txt" && fault "a schedule that spills is in the pack"
    grep -q 'n=1024 least=7' "$tmp/spilt/layer_norm.manifest.txt" || fault "the other entry is not in the pack"
else
    refused 4 "ptxas is not installed" "$ligerc" build -t sm_80 -e cubin -o "$tmp/cubins" "$swi"
    echo "skipped: cubins: no ptxas here"
fi

# what is no plain file is written to, never replaced
mkfifo "$tmp/fifo"
timeout 20 cat "$tmp/fifo" >"$tmp/through" &
expect 0 timeout 20 "$ligerc" build --ptx -t host,sm_80,sm_90a -D T=bf16 -D packed=true -e plan -o "$tmp/fifo" "$swi"
wait $!
same "$tmp/through" "$tmp/a/b/swiglu.plan.txt"
[ -p "$tmp/fifo" ] || fault "a pipe was replaced by a file"

# what is refused, and that nothing is left behind then
refused 2 "no pakc; did you mean pack?" "$ligerc" build -e pakc "$swi"
refused 2 "--emit=ptx: no target given has it; it is of GPUs" "$ligerc" build -e ptx "$swi"
refused 2 "--emit=object: no target given has it; it is of the host" "$ligerc" build -e object -t sm_80 "$swi"
refused 2 "--emit=pack: target sim is for" "$ligerc" build -t host,sim -o "$tmp/sim.lgk" "$swi"
refused 2 "exclude each other" "$ligerc" build -t sm_80 --ptx -e cubin "$swi"
refused 2 "outputs do not go to standard output" "$ligerc" build -e header,plan -o - "$swi"
refused 2 "outputs do not go to standard output" "$ligerc" build -e object -o - "$swi"
refused 2 "are both of the op swiglu" "$ligerc" build -e plan "$swi" "$tmp/with space/s#1.tile"
refused 2 "-MF names the file of -MD" "$ligerc" build -e plan -MF "$tmp/x.d" "$swi"
refused 2 "name the rule's file by -MF" "$ligerc" build -e plan -MD -o - "$swi"
echo file >"$tmp/file"
refused 3 "several files want a folder" "$ligerc" build -e header,plan -o "$tmp/file" "$swi"
refused 3 "cannot write" "$ligerc" build -e plan -o "$tmp/absent/plan.txt" "$swi"
printf 'op x "y"\nkernel forward (in x: Q[M]) { }\n' >"$tmp/bad.tile"
expect 1 "$ligerc" build -e header,plan -o "$tmp/none" "$swi" "$tmp/bad.tile"
[ ! -e "$tmp/none" ] || fault "outputs were written though a spec is faulty"
[ "$(cat "$tmp/file")" = file ] && [ ! -e "$tmp/sim.lgk" ] || fault "a refused build wrote something"
# --checked: what no check names is left out
expect 0 "$ligerc" build --checked -v -e tile-ir -o "$tmp/c" "$root/specs/cross_entropy.tile"
[ "$(grep -c '^cross_entropy.forward \[' "$tmp/err")" = 123 ] || fault "not the 123 bindings that the checks of cross_entropy name"
expect 0 "$ligerc" build --checked -v -e tile-ir -D T=f16 -o "$tmp/d" "$root/specs/jsd.tile"
[ "$(grep -c '^jsd.forward \[' "$tmp/err")" = 4 ] || fault "not the 4 bindings of jsd left by -D"

# a logsumexp of 16-bit rows looks for the largest element of its first vector, and of others where their sum turns out large; of f32 rows always
largest() {   # largest TYPE: how often so, and how often under a condition
    expect 0 "$ligerc" build -t sm_90a --defaults -D T="$1" -D gradient=false -D reduction=none -k forward --tuned=none -e lowered-ir -s "len=exact lanes=256 vec=4 per=4 n=4096 pdl=1" -o "$tmp/lir" "$root/specs/cross_entropy.tile"
    awk '$1 == "if" { deep++ } $1 == "end" { deep-- } / hmax / { deep ? some++ : all++ } END { print all + 0, some + 0 }' "$tmp/lir"
}
[ "$(largest bf16)" = "1 3" ] || fault "largest elements of bf16: $(largest bf16)"
[ "$(largest f32)" = "4 0" ] || fault "largest elements of f32: $(largest f32)"
finish
