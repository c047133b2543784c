#!/bin/bash
# Times every op at the shapes that its targets name, on the GPU that is here: packs are built, each case is checked, then timed beside a copy of as many bytes.
#
# usage: whole.sh LIGERC LGR_BENCH OUT [-b "BUILD OPTIONS"] [GROUP...]       GROUP: ce emb norms back act rope loss small; all of them where none is named
# OUT/GROUP.OP.csv has the rows, OUT/packs the packs (those there are taken as they are). report.py makes tables of the rows, peers.py adds the peers' times.
# -b "--tuned=none" times what the model chooses without the table of measured schedules.
set -u
LIGERC=$1 BENCH=$2 OUT=$3
shift 3
BUILD=
[ "${1:-}" = -b ] && BUILD=$2 && shift 2
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
SECONDS_EACH=${SECONDS_EACH:-60}
mkdir -p "$OUT/packs"

# ---- cases ----
rows() { echo $(($1 * 1048576 / 2 / $2)); }             # rows MIB LENGTH: rows of bf16 that make so many MiB
norm() { # norm OP.KERNEL LENGTH...: in 64 and in 512 MiB of input
  local k=$1 n mib
  shift
  for mib in 64 512; do for n in "$@"; do echo "$k:M=$(rows $mib "$n"),N=$n,T=bf16,W=bf16"; done; done
}
small() { for s in 16:512 256:1024 1024:1024; do echo "$1:M=${s%:*},$2=${s#*:},T=bf16$3"; done; }
cases() { # cases GROUP OP
  local p m v d o
  case $1.$2 in
    norms.*_norm) norm $2.forward 256 512 1024 2048 3584 4095 4096 5000 5120 8192 16384 32768 50257 65536 131072 262144 ;;
    back.*_norm) norm $2.backward 1024 2048 4095 4096 8192 16384 32768 ;;
    small.rms_norm) for p in forward backward; do small $2.$p N ,W=bf16; done ;;
    small.swiglu) for p in forward backward; do small $2.$p F ""; done ;;
    act.*glu) for p in forward backward; do echo "$2.$p:M=8192,F=14336,T=bf16"; done ;;
    rope.rope) for p in forward backward; do for d in 64 80 128; do for o in 0123 0213; do echo "rope.$p:B=2,H=32,K=8,S=4096,D=$d,T=bf16,C=bf16,order=$o"; done; done; done ;;
    ce.cross_entropy) for m in 512 2048 8192; do for v in 32000 50257 128256 151936 262144; do for o in true false; do echo "$2.forward:M=$m,V=$v,T=bf16,gradient=$o"; done; done; done ;;
    ce.read) for m in 512 2048 8192; do for v in 32000 50257 128256 151936 262144; do echo "$2.forward:M=$m,N=$v,T=bf16"; done; done ;;
    loss.kl_div) for p in forward backward; do echo "$2.$p:M=4096,V=128256,T=f32"; done ;;
    loss.jsd) for d in f32 bf16; do for v in 2048,V=50257 4096,V=128256; do echo "$2.forward:M=$v,T=$d"; done; done ;;
    emb.embedding) echo "$2.forward:I=8192,V=128256,H=4096,T=bf16"
      for v in I=8192,V=128256,H=4096,below=128256 I=8192,V=32000,H=4096,below=32000 I=8192,V=128256,H=4096,below=1 I=65536,V=128256,H=4096,below=128256 I=262144,V=32000,H=256,below=32000; do
        echo "$2.backward:$v,T=bf16"
      done ;;
  esac
}
ops() {
  case $1 in
    norms | back) echo rms_norm layer_norm ;;
    small) echo rms_norm swiglu ;;
    act) echo swiglu geglu ;;
    rope) echo rope ;;
    ce) echo cross_entropy read ;;      # forward alone of cross_entropy only reads
    loss) echo kl_div jsd ;;
    emb) echo embedding ;;
    *) echo "whole.sh: no group $1" >&2; exit 2 ;;
  esac
}
types() {
  case $1 in
    *_norm) echo -D T=bf16 -D W=bf16 ;;
    rope) echo -D T=bf16 -D C=bf16 ;;
    cross_entropy) echo -D T=bf16 -D gradient=true -D gradient=false ;;
    kl_div) echo -D T=f32 ;;
    jsd) echo -D T=f32 -D T=bf16 ;;
    *) echo -D T=bf16 ;;
  esac
}

# ---- packs ----
spec() { # spec OP: an op's file, or a yardstick's
  local f=$ROOT/specs/$1.tile
  [ -e "$f" ] || f=$ROOT/tools/bench/$1.tile
  echo "$f"
}
WHAT=${*:-ce emb norms back act rope loss small}
need=$(for g in $WHAT; do ops "$g" | tr ' ' '\n'; done | sort -u)
[ -e "$OUT/packs/copy.lgk" ] || "$LIGERC" build -t host,sm_90a -o "$OUT/packs/copy.lgk" "$(spec copy)" &
for op in $need; do
  # shellcheck disable=SC2046,SC2086
  [ -e "$OUT/packs/$op.lgk" ] || "$LIGERC" build $BUILD --defaults -t host,sm_90a $(types "$op") -o "$OUT/packs/$op.lgk" "$(spec "$op")" &
done
wait
# ---- times ----
for g in $WHAT; do
  for op in $(ops "$g"); do
    # shellcheck disable=SC2046
    timeout "$SECONDS_EACH" "$BENCH" "$OUT/packs/$op.lgk" --with "$OUT/packs/copy.lgk" --csv "$OUT/$g.$op.csv" $(cases "$g" "$op") || echo "whole.sh: $g $op: status $?"
  done
  echo "whole.sh: $g at $SECONDS s"
done
