#!/usr/bin/env bash
# doctor, cache and new: what they say and do, and what they refuse.
. "$(dirname "$0")/lib.sh"

expect 0 "$ligerc" doctor
for what in ligerc LLVM host ptxas GPU cache; do
    [ "$(grep -c "^$what  " "$tmp/out")" = 1 ] || fault "doctor does not tell of $what: $(cat "$tmp/out")"
done
LGR_PTXAS=/nowhere/ptxas expect 0 "$ligerc" doctor
grep -q "^ptxas     not found: packs hold PTX" "$tmp/out" || fault "doctor finds a ptxas that is not there"

export XDG_CACHE_HOME=$tmp/cache
expect 0 "$ligerc" cache
[ "$(cat "$tmp/out")" = "$tmp/cache/liger: 0 entries, 0 bytes of 256 MiB" ] || fault "an empty cache: $(cat "$tmp/out")"
head -c 100 /dev/zero >"$tmp/cache/liger/0123456789abcdef0123456789abcdef"
head -c 7 /dev/zero >"$tmp/cache/liger/0123456789abcdef0123456789abcdef.77.1f"     # a killed writer's
echo mine >"$tmp/cache/liger/notes"
expect 0 "$ligerc" cache list
grep -q "^0123456789abcdef0123456789abcdef  *100  used 20" "$tmp/out" || fault "cache list: $(cat "$tmp/out")"
grep -q "1 entries, 100 bytes of" "$tmp/out" || fault "cache list, the sum: $(cat "$tmp/out")"
expect 0 "$ligerc" cache clear
[ "$(ls "$tmp/cache/liger")" = notes ] || fault "cache clear leaves, or takes what is not its own: $(ls "$tmp/cache/liger")"
chmod 755 "$tmp/cache/liger"
refused 3 "the folder cannot be used" "$ligerc" cache size
refused 2 "cache: wanted one of: list size clear" "$ligerc" cache empty

cd "$tmp" || exit 1
expect 0 "$ligerc" new soft_cap
expect 0 "$ligerc" check -t host -D T=f32 soft_cap.tile
grep -q "^soft_cap: 2 units" out || fault "the new spec is not checked: $(cat out)"
refused 3 "soft_cap.tile: is there already; it is not written over" "$ligerc" new soft_cap.tile
refused 3 "/nowhere/x.tile" "$ligerc" new /nowhere/x
refused 2 "wanted the name of an op: small letters, digits and _" "$ligerc" new Soft
refused 2 "wanted the name of an op" "$ligerc" new
if ! [ -e /dev/nvidia0 ]; then
    refused 6 "check: no GPU:" "$ligerc" check -t host,sm_90a soft_cap.tile
fi
# sizes that the spec does not name, 0 and long rows among them, are more cases, and pass
expect 0 "$ligerc" check -t host -D T=f32 -D centered=false soft_cap.tile
plain=$(grep -o '[0-9]* cases' out)
expect 0 "$ligerc" check --full -t host -D T=f32 -D centered=false soft_cap.tile
[ "$(grep -o '[0-9]* cases' out | cut -d' ' -f1)" -gt $((${plain% *} * 4)) ] || fault "--full: $(cat out), for $plain"
finish
