#!/bin/bash
# The proofs of every op on the GPU that is here.
#
# usage: prove.sh LIGERC LGR_PROVE OUT [-b "BUILD OPTIONS"] PROOF ...
#   PROOF: right repeat graph launch first huge; packed (registers and spills of what was built); sanitize (compute-sanitizer's four tools over
#   right); compiled (no pack: the compiler makes kernels when they are called; LIBLIGERC is the library's path)
# OUT gets the packs (those there are taken as they are), a log for each op and proof, and the lines that failed. Exit 1 when anything did.
set -u
LIGERC=$1 PROVE=$2 OUT=$3
shift 3
BUILD=--checked
[ "${1:-}" = -b ] && BUILD=$2 && shift 2
SPECS=${SPECS:-$(cd "$(dirname "$0")/../../specs" && pwd)}
# An op, or OP:NAME=VALUE for a part of it in a pack of its own: of cross_entropy all bindings take 16 processors some minutes.
OPS=${OPS:-"cross_entropy:T=f32 cross_entropy:T=f16 cross_entropy:T=bf16 layer_norm rms_norm rope jsd kl_div geglu swiglu embedding"}
JOBS=$(nproc)
mkdir -p "$OUT"

# ---- shapes: 20 or more an op: no rows, one, odd lengths, long ones ----
norm="M=0,N=127 M=1,N=1 M=3,N=2 M=7,N=8 M=5,N=31 M=33,N=127 M=2,N=128 M=9,N=255 M=1,N=1000 M=3,N=1023 M=7,N=1024 M=4,N=2050 M=3,N=3584 M=5,N=4095
 M=33,N=4096 M=2,N=5000 M=3,N=8192 M=2,N=16384 M=2,N=20001 M=2,N=32768 M=1,N=50257 M=2,N=65536 M=2,N=131073 M=300,N=256"
drawn="M=190,N=65536,T=bf16,W=bf16,inputs=nl M=100,N=131072,T=bf16,W=bf16,inputs=nl"        # more rows than the blocks of a launch begin with: the others are drawn
gate=$(echo "$norm" | sed 's/N=/F=/g')
loss=$(echo "$norm" | sed 's/N=/V=/g')
shapes() {
  case ${1%:*} in
    rms_norm) for s in $norm; do echo "$s,inputs=nlzi"; done; for s in M=7,N=127 M=3,N=4096; do echo "$s,offset=1,inputs=nz"; done; echo "$drawn" ;;
    layer_norm) for s in $norm; do echo "$s,inputs=nlzi"; done; echo "$drawn" ;;
    swiglu) for s in $gate; do echo "$s,inputs=nlzi"; done; echo M=7,F=127,gate_mul=0.5,down_mul=2 M=3,F=4096,gate_mul=0.5,down_mul=2 ;;
    geglu) for s in $gate; do echo "$s,inputs=nlzi"; done ;;
    kl_div) for s in $loss; do echo "$s,inputs=ntzi"; done ;;
    # not tiny: the mixture's logarithm is then all cancellation, which only the oracle's rule (ligerc check) can judge
    jsd) for s in $loss; do echo "$s,inputs=nzi,below=3,ignore_index=i1"; done; echo M=7,V=1000,beta=0.1,below=3,ignore_index=i1 ;;
    cross_entropy) for s in $loss; do echo "$s,inputs=nl,below=$(echo "$s" | sed 's/.*V=//'),ignore_index=i3,label_smoothing=0.1,lse_square_scale=0.0001,scale=0.5"; done
      for s in M=7,V=127 M=33,V=1000 M=5,V=4096; do echo "$s,inputs=nlz,below=1001,ignore_index=i3,label_smoothing=0.1"; done ;;
    embedding) for s in I=0,V=5,H=8 I=1,V=1,H=1 I=7,V=50,H=127 I=33,V=50,H=1000 I=9,V=3,H=2 I=5,V=7,H=31 I=3,V=9,H=128 I=2,V=9,H=255 I=64,V=50,H=1023 I=7,V=1000,H=1024 \
      I=4,V=11,H=2050 I=33,V=50,H=3584 I=5,V=13,H=4095 I=300,V=500,H=256 I=33,V=50,H=4096 I=2,V=5,H=5000 I=3,V=4,H=8192 I=2,V=3,H=16384 I=2,V=2,H=32768 I=2,V=2,H=65537 \
      I=700,V=3,H=60 I=9000,V=40,H=64 I=17000,V=900,H=24 I=9000,V=300000,H=8 I=270000,V=300,H=8 I=70000,V=40,H=64 I=20000,V=9000,H=256; do
        echo "$s,inputs=nzi,below=$(( $(echo "$s" | sed 's/.*V=\([0-9]*\).*/\1/') + 2 ))"; done ;;
    rope) for s in B=0,H=1,K=1,S=7,D=64 B=1,H=1,K=1,S=1,D=2 B=2,H=4,K=2,S=7,D=64 B=1,H=4,K=1,S=5,D=80 B=2,H=4,K=2,S=3,D=128 B=1,H=3,K=3,S=9,D=30 B=2,H=1,K=1,S=33,D=4 B=1,H=32,K=8,S=17,D=128 \
      B=1,H=2,K=1,S=100,D=256 B=3,H=5,K=1,S=2,D=96 B=1,H=7,K=7,S=11,D=62 B=1,H=8,K=2,S=64,D=64 B=2,H=2,K=2,S=1,D=512 B=1,H=1,K=1,S=300,D=8 B=1,H=40,K=8,S=5,D=128 B=5,H=1,K=1,S=5,D=16 \
      B=1,H=4,K=4,S=31,D=126 B=2,H=6,K=3,S=13,D=32 B=1,H=2,K=2,S=2,D=1024 B=1,H=64,K=8,S=3,D=80 B=1,H=3,K=1,S=5,D=64,P=16 B=2,H=2,K=2,S=3,D=32,P=7; do echo "$s,inputs=nzi"; done ;;
  esac
}
# Few rows and blocks: what races does so on one of each as well, and the sanitizer is slow.
few() {
  case ${1%:*} in
    rope | embedding) shapes "$1" | grep -v "H=6553\|H=3276\|S=100\|S=300\|I=300" ;;
    *) shapes "$1" | grep -v "M=190\|M=100" | sed 's/M=300/M=9/; s/M=33/M=6/' ;;
  esac
}
# The same bits: one shape for each way in which rows are dealt with.
again() {
  case ${1%:*} in
    rope) echo B=2,H=4,K=2,S=33,D=128 B=1,H=3,K=3,S=9,D=30 ;;
    embedding) echo I=300,V=50,H=1000,below=52 I=33,V=50,H=4096 I=600,V=3,H=64,below=3 I=20000,V=50,H=256,below=7 I=40000,V=5000,H=256,below=5002 ;;
    cross_entropy) for s in M=33,V=1000 M=9,V=32768 M=3,V=131072; do echo "$s,ignore_index=i3,label_smoothing=0.1"; done ;;
    jsd | kl_div) for s in M=33,V=1000 M=9,V=32768 M=3,V=131072; do echo "$s"; done ;;
    swiglu | geglu) echo M=33,F=127 M=300,F=4096 ;;
    *) echo M=300,N=127 M=301,N=4096 M=9,N=32768 M=3,N=131072 $drawn ;;
  esac
}
small() {
  case ${1%:*} in
    rope) echo B=1,H=4,K=2,S=9,D=128,T=bf16,C=bf16 ;;
    embedding) echo I=33,V=50,H=1000,T=bf16 ;;
    cross_entropy) echo M=9,V=1000 M=2,V=65536 M=3,V=4096 ;;
    jsd | kl_div) echo M=9,V=1000,T=bf16 M=2,V=65536,T=bf16 M=3,V=4096,T=f32 ;;
    swiglu | geglu) echo M=9,F=1000,T=bf16 M=3,F=4096,T=f32 ;;
    *) echo M=33,N=1000,T=bf16,W=bf16 M=16,N=4096,T=bf16,W=bf16 M=2,N=65536,T=bf16,W=bf16 M=190,N=65536,T=bf16,W=bf16 M=3,N=4096,T=f32,W=f32 ;;
  esac
}
# More than 2^31 elements in the large tensors; the second lies just over the border.
huge() {
  case ${1%:*} in
    rope) echo lead=B,period=2,B=512,H=32,K=8,S=1024,D=130,T=bf16,C=bf16 ;;
    embedding) echo lead=I,period=512,I=524800,V=1000,H=4096,T=bf16 kernel=forward,lead=V,period=512,V=524800,I=300,H=4096,below=524800,T=bf16 \
      kernel=backward,lead=V,gather=1,period=512,V=524800,I=300,H=4096,below=524800,T=bf16 ;;
    cross_entropy) echo lead=M,period=64,M=16448,V=131072,ignore_index=i3 lead=M,period=64,M=2097664,V=1025 ;;
    jsd | kl_div) echo lead=M,period=64,M=16448,V=131072,T=bf16 lead=M,period=64,M=2097664,V=1025,T=bf16 ;;
    swiglu | geglu) echo lead=M,period=64,M=524352,F=4096,T=bf16 lead=M,period=64,M=151552,F=14336,T=bf16 ;;
    *) echo lead=M,period=64,M=524352,N=4096,T=bf16,W=f32 lead=M,period=64,M=2097664,N=1025,T=bf16,W=f32 lead=M,period=64,M=16448,N=131072,T=bf16,W=f32 ;;
  esac
}

wait_for_room() { while [ "$(jobs -rp | wc -l)" -ge "$1" ]; do wait -n; done; }

# ---- packs ----
part() { [ "$1" = "${1#*:}" ] || echo "-D ${1#*:}"; }
for op in $OPS; do
  [ -e "$OUT/$op.lgk" ] || { "$LIGERC" build $BUILD -v -t host,sm_90a $(part $op) -o "$OUT/$op.lgk" "$SPECS/${op%:*}.tile" >"$OUT/$op.build" 2>&1 || echo "BUILD FAILED $op: $(tail -1 "$OUT/$op.build")"; } &
  wait_for_room 3
done
wait
# ---- proofs ----
packed() { # OP: what the build said of its kernels for the GPU
  awk -v op=$1 '/ sm_90a: .* variants/ { sub(/.* sm_90a: /, ""); u++; v += $1; if ($7 > r) r = $7; s += $9 }
    END { print "packed   " op ": " u + 0 " units, " v + 0 " variants, at most " r + 0 " registers, " s + 0 " bytes spilled"; if (s || !u) print "FAILED" }' "$OUT/$1.build"
}
compiled() { # OP: kernels of the spec made by the compiler at the first call: right, first calls in a process that makes them and in one that finds them on disk, captured
  local one=$(small $1 | cut -d' ' -f1) jit="$SPECS/${1%:*}.tile --compiler $LIBLIGERC --defaults"
  export XDG_CACHE_HOME="$OUT/cache.$1"
  rm -rf "$XDG_CACHE_HOME"
  for mode in first first graph; do "$PROVE" $mode $jit $one; done
  "$PROVE" right $jit $(shapes $1 | sed -n '5,9p' | sed 's/$/,T=f16/')
}
prove() { # OP LOG PROOF FLAGS SHAPES..
  local op=$1 log=$2 mode=$3 flags=$4
  shift 4
  timeout 200 "$PROVE" "$mode" "$OUT/$op.lgk" $flags "$@" >"$OUT/$log" 2>&1 || echo "rc $?" >>"$OUT/$log"
}
sanitize() { # OP TOOL
  timeout 200 compute-sanitizer --tool "$2" --error-exitcode 9 "$PROVE" right "$OUT/$1.lgk" --bare --defaults --pool 64 $(few "$1") >"$OUT/$1.$2" 2>&1 || echo "rc $?" >>"$OUT/$1.$2"
}
count() { # OP TOOL: one line of what the tool found
  echo "$2 $1: $(grep -h SUMMARY "$OUT/$1.$2" | tail -1 | sed 's/=* //') in $(awk '/^right/ { k++; for (i = 1; i < NF; i++) if ($(i + 1) == "trials,") n += $i } END { print n + 0 " trials of " k + 0 " kernels" }' "$OUT/$1.$2") $(grep '^rc' "$OUT/$1.$2")"
}
{ for proof in "$@"; do
  for op in $OPS; do
    case $proof in
      packed) packed $op >"$OUT/$op.packed" ;;
      compiled) compiled $op >"$OUT/$op.compiled" 2>&1 ;;
      right) prove $op $op.right right "" $(shapes $op) & ;;
      repeat) prove $op $op.repeat repeat "" $(again $op) & ;;
      graph) prove $op $op.graph graph --defaults $(small $op) & wait $! ;;
      launch) prove $op $op.launch launch --defaults $(small $op | cut -d' ' -f1) & wait $! ;;
      first) : >"$OUT/$op.first"; for i in 1 2 3; do "$PROVE" first "$OUT/$op.lgk" --defaults $(small $op | cut -d' ' -f1) >>"$OUT/$op.first" 2>&1; done ;;
      huge) for s in $(huge $op); do timeout 100 "$PROVE" huge "$OUT/$op.lgk" --defaults $s; done >"$OUT/$op.huge" 2>&1 & wait $! ;;
      sanitize) for tool in memcheck racecheck initcheck synccheck; do sanitize $op $tool & wait_for_room "$JOBS"; done ;;
      *) echo "no proof $proof"; exit 2 ;;
    esac
    wait_for_room 4
  done
  wait
  for op in $OPS; do
    [ "$proof" = sanitize ] || cat "$OUT/$op.$proof"
    [ "$proof" != sanitize ] || for tool in memcheck racecheck initcheck synccheck; do count $op $tool; done
  done
done; } 2>&1 | tee "$OUT/proofs.txt"
! grep -q "FAILED\|^rc\|SUMMARY: [1-9]\| rc [1-9]" "$OUT/proofs.txt"
