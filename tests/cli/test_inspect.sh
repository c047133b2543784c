#!/usr/bin/env bash
# `ligerc inspect`: the text is the build's manifest, the JSON says the same, and no damaged pack passes.
. "$(dirname "$0")/lib.sh"

rms=$root/specs/rms_norm.tile swi=$root/specs/swiglu.tile
expect 0 "$ligerc" build --ptx -t host,sm_90a -D T=bf16 -D W=f32 -D casting=llama -e pack,manifest -o "$tmp/p" "$rms" "$swi"
expect 0 "$ligerc" inspect "$tmp/p/rms_norm.lgk"
same "$tmp/out" "$tmp/p/rms_norm.manifest.txt"
expect 0 "$ligerc" inspect - <"$tmp/p/rms_norm.lgk"
same "$tmp/out" "$tmp/p/rms_norm.manifest.txt"
expect 0 "$ligerc" inspect -o "$tmp/text" "$tmp/p/rms_norm.lgk" "$tmp/p/swiglu.lgk"
(echo "$tmp/p/rms_norm.lgk:" && cat "$tmp/p/rms_norm.manifest.txt" && echo && echo "$tmp/p/swiglu.lgk:" && cat "$tmp/p/swiglu.manifest.txt") | cmp - "$tmp/text" || fault "two packs are not two texts"

expect 0 "$ligerc" inspect --format=json "$tmp/p/rms_norm.lgk"
python3 - "$tmp/out" "$tmp/p/rms_norm.lgk" <<'P' || fault "the JSON is wrong"
import json, os, sys
j = json.load(open(sys.argv[1]))
assert j["format"] == 12 and j["size"] == os.path.getsize(sys.argv[2]) and j["file"] == sys.argv[2]
forward, backward = j["kernels"]
assert (forward["op"], forward["name"], backward["name"], forward["dims"]) == ("rms_norm", "forward", "backward", ["M", "N"])
assert [t["name"] for t in backward["tensors"]] == ["dy", "x", "w", "rstd", "dx", "dw"]
assert backward["tensors"][4]["over"] == "dy" and backward["tensors"][2]["optional"] and forward["tensors"][0]["shape"] == ["M", "N"]
assert backward["tensors"][5]["accumulates"] and not backward["tensors"][4]["accumulates"]
assert abs(forward["scalars"][0]["default"] - 1e-6) < 1e-12
assert forward["options"] == [{"name": "affine", "choices": ["false", "true"], "default": "true"}, {"name": "casting", "choices": ["llama", "gemma", "none"], "default": "llama"}]
absent, present = forward["instances"]
assert absent["types"] == {"T": "bf16", "W": None} and present["types"] == {"T": "bf16", "W": "f32"}
assert "w" not in absent["tensors"] and "w" in present["tensors"] and present["options"]["casting"] == "llama"
assert [t["target"] for t in present["targets"]] == ["host", "sm_90a"] and [t["code"] for t in present["targets"]] == ["host", "PTX"]
variants = [v for i in forward["instances"] + backward["instances"] for t in i["targets"] for v in t["variants"]]
assert all(v["launches"] and v["row"] == "N" and v["instances"] == ["M"] and j["code"][v["code"]]["size"] > 0 for v in variants)
assert any(c["kind"] == "aligned" and c["value"] == 16 and c["tensors"] == ["x"] and c["text"] == "x aligned to 16" for v in variants for c in v["conditions"])
assert all(v["registers"] is None for v in variants) and not present["targets"][1]["variants"][-1]["conditions"]
end = max(c["offset"] + c["size"] for c in j["code"])
assert j["size"] - 16 < end <= j["size"]
P
expect 0 "$ligerc" inspect --format=json "$tmp/p/rms_norm.lgk" "$tmp/p/swiglu.lgk"
python3 -c 'import json, sys; assert [p["kernels"][0]["op"] for p in json.load(open(sys.argv[1]))] == ["rms_norm", "swiglu"]' "$tmp/out" || fault "the JSON of two packs is not an array"

# damage: a bit of the manifest, of the code, of the padding at the end; bytes missing; bytes too many
python3 - "$tmp/p/swiglu.lgk" "$tmp/bad" <<'P'
import os, struct, sys
pack = open(sys.argv[1], "rb").read()
os.mkdir(sys.argv[2])
code = struct.unpack_from("<Q", pack, 24)[0]
where = sorted({*range(0, len(pack), max(1, len(pack) // 60)), 0, 8, 40, code - 1, code, len(pack) - 1})
for at in where:
    open(f"{sys.argv[2]}/flip_{at}", "wb").write(pack[:at] + bytes([pack[at] ^ 1 << at % 8]) + pack[at + 1:])
for n in (0, 7, 100, code, len(pack) - 1):
    open(f"{sys.argv[2]}/cut_{n}", "wb").write(pack[:n])
open(f"{sys.argv[2]}/longer", "wb").write(pack + b"\0" * 16)
P
n=0
for f in "$tmp"/bad/*; do
    expect 1 "$ligerc" inspect "$f"
    [ -s "$tmp/out" ] && fault "$f: something was shown of a damaged pack"
    grep -qE 'error: .*(damaged|truncated|not a pack|another format version|refers outside itself|is empty)' "$tmp/err" || { fault "$f: no reason"; cat "$tmp/err"; }
    n=$((n + 1))
done
[ $n -ge 70 ] && echo "$n damaged packs" || fault "only $n damaged packs"
refused 1 "not a pack" "$ligerc" inspect --format=json "$rms"
refused 3 "No such file" "$ligerc" inspect "$tmp/absent.lgk"
expect 1 "$ligerc" inspect "$tmp/p/swiglu.lgk" "$tmp/bad/cut_100"
[ -s "$tmp/out" ] && fault "a pack was shown beside a damaged one"
refused 2 "no pack to inspect" "$ligerc" inspect
finish
