#!/usr/bin/env bash
# ligerc's promises: exit codes, unchanged outputs left alone, byte-identical packs whatever the number of jobs, all PTX assembling.
set -u
ligerc=$1 root=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failures=0

expect() {   # expect CODE COMMAND...
    local want=$1
    shift
    "$@" >"$tmp/out" 2>"$tmp/err"
    local got=$?
    if [ "$got" != "$want" ]; then
        echo "FAILED: exit $got, wanted $want: $*"
        cat "$tmp/err"
        failures=$((failures + 1))
    fi
}

narrow="-D T=bf16 -D W=bf16 -D affine=true -D casting=llama"
expect 0 "$ligerc" targets
expect 0 "$ligerc" ops "$root/specs/rms_norm.tile"
expect 0 "$ligerc" explain LG0002
expect 2 "$ligerc" explain LG9999
expect 2 "$ligerc" --no-such-option
expect 2 "$ligerc" build -t sm_1 "$root/specs/rms_norm.tile"
expect 2 "$ligerc" build -D T=f12 "$root/specs/rms_norm.tile"
expect 3 "$ligerc" build "$tmp/absent.tile"
printf 'op x "y"\nkernel forward (in x: Q[M]) { }\n' >"$tmp/bad.tile"
expect 1 "$ligerc" build "$tmp/bad.tile" -o "$tmp/bad.lgk"
[ ! -e "$tmp/bad.lgk" ] || { echo "FAILED: a pack was written for a faulty spec"; failures=$((failures + 1)); }

# shellcheck disable=SC2086
expect 0 "$ligerc" build -t host,sm_80 --ptx $narrow -j 1 -o "$tmp/one.lgk" -MD "$root/specs/rms_norm.tile"
# shellcheck disable=SC2086
expect 0 "$ligerc" build -t host,sm_80 --ptx $narrow -j 4 -o "$tmp/four.lgk" "$root/specs/rms_norm.tile"
cmp "$tmp/one.lgk" "$tmp/four.lgk" || failures=$((failures + 1))
grep -q "one.lgk:.*rms_norm.tile" "$tmp/one.lgk.d" || { echo "FAILED: no make rule"; failures=$((failures + 1)); }
touch -d '2001-01-01' "$tmp/one.lgk"
# shellcheck disable=SC2086
expect 0 "$ligerc" build -t host,sm_80 --ptx $narrow -o "$tmp/one.lgk" "$root/specs/rms_norm.tile"
[ "$(date -r "$tmp/one.lgk" +%Y)" = 2001 ] || { echo "FAILED: an unchanged pack was written again"; failures=$((failures + 1)); }

# par kernels never mention lanes, and no variant on any target spills
for word in lane warp thread barrier shared; do
    grep -qw "$word" "$root"/specs/*.tile && { echo "FAILED: a spec says $word"; failures=$((failures + 1)); }
done
if command -v ptxas >/dev/null || [ -x /usr/local/cuda/bin/ptxas ]; then
    # shellcheck disable=SC2086
    expect 0 "$ligerc" build -v -t sm_80,sm_86,sm_89,sm_90a,sm_100a,sm_120 $narrow -o "$tmp/all.lgk" "$root/specs/rms_norm.tile" "$root/specs/swiglu.tile"
    grep -c "variants" "$tmp/err" | sed 's/$/ units assembled/'
    grep "bytes spilled" "$tmp/err" | grep -v " 0 bytes spilled" && { echo "FAILED: spills"; failures=$((failures + 1)); }
else
    echo "skipped: PTX is not assembled: no ptxas here"
fi
echo "$failures failures"
[ "$failures" = 0 ]
