#!/usr/bin/env bash
# The committed files of generated/ are what the specs give now, and a stale, foreign or missing one is noticed.
. "$(dirname "$0")/lib.sh"

if ! "$root/generated/make" "$ligerc" "$tmp/new"; then
    fault "generated/make"
elif ! diff -r -q -x make -x tune -x tuned.txt "$tmp/new" "$root/generated"; then
    fault "generated/ is stale; remake it: generated/make $ligerc"
fi
for spec in "$root"/specs/*.tile; do
    op=$("$ligerc" ops "$spec" | sed -n '1s/:.*//p')
    [ -s "$tmp/new/liger_$op.h" ] && [ -s "$tmp/new/$op.plan.txt" ] || fault "$op has no generated files"
done
head -qn1 "$tmp/new"/* | grep -vc 'ade by ligerc' | grep -qx 0 || fault "a generated file does not name its maker"

# remade in place: what is right is left alone, what is stale is made anew, what has no spec goes
cp -r "$tmp/new" "$tmp/old"
echo stale >>"$tmp/old/swiglu.plan.txt"
echo foreign >"$tmp/old/liger_gone.h"
rm "$tmp/old/liger_rms_norm.h"
touch -d 2001-01-01 "$tmp/old/liger_swiglu.h"
expect 0 "$root/generated/make" "$ligerc" "$tmp/old"
diff -r "$tmp/new" "$tmp/old" || fault "remaking does not repair"
[ "$(date -r "$tmp/old/liger_swiglu.h" +%Y)" = 2001 ] || fault "a file that was right was written again"
finish
