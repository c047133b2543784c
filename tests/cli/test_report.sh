#!/usr/bin/env bash
# `--diagnostics`: JSON and SARIF 2.1.0 are one document each, say what the text says, and are there when there is nothing to say.
. "$(dirname "$0")/lib.sh"

swi=$root/specs/swiglu.tile
cp "$root"/tests/lang/reject/*.tile "$tmp"
cp "$root/tests/lang/reject/tokens.tile" "$tmp/odd name%.tile"
printf 'op x "\303\251\303\251"\nkernel \303\251forward (in x: f32[M]) { }\n' >"$tmp/letters.tile"
cd "$tmp" || exit 1
for form in text json sarif; do      # faults found on opening, of any of many files; faults found in kernels
    expect 1 "$ligerc" build --diagnostics=$form --color=never -e plan -o none ./*.tile "$tmp/syntax.tile"
    mv err $form.open
    expect 1 "$ligerc" build --diagnostics=$form --color=never -e plan -o none types.tile
    mv err $form.kernel
done
expect 2 "$ligerc" build --diagnostics=sarif -D no=1 -e plan -o - "$swi"
mv err usage.sarif
for form in json sarif; do
    expect 0 "$ligerc" build --diagnostics=$form -e header -o - "$swi"
    mv err $form.none
done
python3 - "$root" <<'P' || fault "JSON and SARIF"
import json, re, sys, urllib.parse
LEVELS = {"error": "error", "limit": "error", "bug": "error", "warning": "warning", "perf": "note"}


def place(location):
    p = location["physicalLocation"]
    uri, r = p["artifactLocation"]["uri"], p["region"]
    assert re.fullmatch(r"(file:///)?[-A-Za-z0-9._~/%]+", uri), uri
    assert 1 <= r["startLine"] <= r["endLine"] and (r["startLine"], r["startColumn"]) <= (r["endLine"], r["endColumn"])
    return urllib.parse.unquote(re.sub("^file://", "", uri)), r["startLine"], r["startColumn"]


def compare(case, least):
    text, items, log = open("text." + case, encoding="utf-8").read(), json.load(open("json." + case)), json.load(open("sarif." + case))
    heads = re.findall(r"^(\S.*?):(\d+):(\d+): (error|warning|perf|limit|bug): ", text, re.M)
    assert len(items) == len(heads) >= least, (case, len(items), len(heads))
    assert [(i["file"], str(i["line"]), str(i["column"]), i["class"]) for i in items] == heads
    assert log["version"] == "2.1.0" and log["$schema"].endswith("sarif-2.1.0.json") and len(log["runs"]) == 1
    run = log["runs"][0]
    assert set(run) <= {"tool", "invocations", "columnKind", "results"} and run["columnKind"] == "unicodeCodePoints"
    assert run["invocations"] == [{"executionSuccessful": False, "exitCode": 1}]
    rules = run["tool"]["driver"]["rules"]
    assert len({r["id"] for r in rules}) == len(rules) and all(r["shortDescription"]["text"] for r in rules)
    codes = dict(re.findall(r'^X\((\d+),\s*\w+,\s*"(.*)"\)', open(sys.argv[1] + "/dsl/diag.def").read(), re.M))
    assert all(codes[str(int(r["id"][2:]))] == r["shortDescription"]["text"] for r in rules)
    assert len(run["results"]) == len(items)
    for r, i in zip(run["results"], items):
        assert r["message"]["text"] == i["message"] and r["level"] == LEVELS[i["class"]] and r["properties"]["class"] == i["class"]
        assert r.get("ruleId", "LG0000") == i["code"] and ("ruleId" not in r or rules[r["ruleIndex"]]["id"] == r["ruleId"])
        assert len(r["locations"]) == 1 and place(r["locations"][0]) == (i["file"], i["line"], i["column"])
        related = r.get("relatedLocations", [])
        assert [l["message"]["text"] for l in related] == [n["message"] for n in i["notes"]]
        assert [place(l) for l in related if "physicalLocation" in l] == [(n["file"], n["line"], n["column"]) for n in i["notes"] if "file" in n]
    return items


items = compare("open", 80)
names = {i["file"] for i in items}
assert any("odd name%" in n for n in names) and any(n.startswith("/") for n in names) and any("letters" in n for n in names)
kernel = compare("kernel", 5)
assert any(i["notes"] for i in kernel)
usage = json.load(open("usage.sarif"))["runs"][0]
assert usage["invocations"][0]["exitCode"] == 2 and len(usage["results"]) == 1 and usage["results"][0]["level"] == "error"
assert json.load(open("json.none")) == []
none = json.load(open("sarif.none"))["runs"][0]
assert none["results"] == [] and none["invocations"] == [{"executionSuccessful": True, "exitCode": 0}]
print(len(items) + len(kernel), "diagnostics")
P
finish
