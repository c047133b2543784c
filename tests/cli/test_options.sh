#!/usr/bin/env bash
# The tables of options, commands, outputs and exit codes against what help, manual, completions and the parser make of them.
. "$(dirname "$0")/lib.sh"

expect 0 "$ligerc" --help
mv "$tmp/out" "$tmp/help"
expect 0 "$ligerc" -h build
same "$tmp/out" "$tmp/help"
expect 0 "$ligerc" --version
[ "$(cat "$tmp/out")" = "ligerc $(sed -n 's/^project(liger VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")" ] || fault "version: $(cat "$tmp/out")"
expect 0 "$ligerc" manual
mv "$tmp/out" "$tmp/manual"
for shell in bash zsh; do
    expect 0 "$ligerc" completions $shell
    mv "$tmp/out" "$tmp/$shell"
done
refused 2 "wanted one of: bash zsh" "$ligerc" completions fish
refused 2 "wanted one of: bash zsh" "$ligerc" completions

bash -n "$tmp/bash" || fault "the bash completion is not bash"
if command -v zsh >"$tmp/which"; then
    zsh -n "$tmp/zsh" || fault "the zsh completion is not zsh"
    zsh -f -c "autoload -U compinit && compinit -D -d '$tmp/dump' && source '$tmp/zsh' && [[ \$_comps[ligerc] == _ligerc ]]" || fault "zsh does not take its completion"
else
    echo "skipped: zsh reads its completion: no zsh here"
fi
if command -v scdoc >"$tmp/which"; then
    scdoc <"$tmp/manual" >"$tmp/ligerc.1" || fault "scdoc refuses the manual"
    command -v mandoc >"$tmp/which" && mandoc -T lint "$tmp/ligerc.1" | grep -E 'ERROR|UNSUPP|FATAL' && fault "the manual page has errors"
else
    echo "skipped: the manual page: no scdoc here"
fi

# completes COMMAND-LINE...: what bash would offer for the last word
completes() {
    bash -c 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _ligerc; printf "%s\n" "${COMPREPLY[@]}"' - "$tmp/bash" "$@" | LC_ALL=C sort | tr '\n' ' '
}
offers() {   # offers WANTED COMMAND-LINE...
    local want=$1 got
    shift
    got=$(completes "$@")
    [ "$got" = "$want " ] || fault "bash offers for '$*': $got; wanted: $want"
}
cd "$tmp" && mkdir empty && cd empty && touch a.tile b.lgk || exit 1
offers "build" ligerc bui
offers "cache check completions" ligerc c
offers "a.tile b.lgk bench build cache check completions doctor explain inspect manual new ops targets tune" ligerc ""
offers "a.tile b.lgk" ligerc build ""
offers "b.lgk" ligerc inspect b
offers "bash zsh" ligerc completions ""
offers "clear list size" ligerc cache ""
offers "sm_80 sm_86 sm_89" ligerc build -t sm_8
offers "sm_80,host,sim" ligerc build -t sm_80,host,si
offers "sim" ligerc build --target = si
offers "header,pack header,plan header,ptx" ligerc build -o x --emit = header,p
offers "auto" ligerc build --color = au
offers "json" ligerc inspect --format = j
offers "--format=" ligerc inspect --f
offers "--full" ligerc check --fu
offers "-MD -MF" ligerc build -M
offers "a.tile" ligerc build -MD -MF a
cd "$tmp" || exit 1

python3 - "$root/compiler/ligerc" "$ligerc" "$tmp" <<'P' || fault "the tables and what is made of them differ"
import re, subprocess, sys
folder, ligerc, tmp = sys.argv[1:]
faults = []


def rows(name):
    out = []
    for line in open(f"{folder}/{name}.def"):
        m = re.match(r"X\((.*)\)$", line.rstrip())
        if m:
            out.append([c.strip().strip("\"'") if not c.strip().startswith('"') else c.strip()[1:-1] for c in re.findall(r'"(?:[^"\\]|\\.)*"|[^,"]+', m.group(1)) if c.strip()])
    return out


def need(what, ok):
    if not ok:
        faults.append(what)


options, commands, emits, exits = rows("option"), rows("command"), rows("emit"), rows("exit")
names = [c[1] for c in commands]
need("rows", len(options) > 15 and all(len(o) == 10 for o in options) and len(names) >= 8 and len(emits) >= 11)
help_text = " ".join(open(f"{tmp}/help").read().split())
manual = re.sub(r"\\(.)", r"\1", open(f"{tmp}/manual").read())
bash, zsh = open(f"{tmp}/bash").read(), open(f"{tmp}/zsh").read()


def spelled(o):
    dash = "-" * int(o[3])
    argument = "" if o[6] == "NULL" else (" " if o[3] == "1" else "=") + o[6]
    return (f"-{o[2]}, " if o[2] != "0" else "") + dash + o[1] + argument


for o in options:
    id, name, letter, dashes, kind, field, argument, values, of, doc = o
    flag = "-" * int(dashes) + name
    need(f"help of {flag}", f"{spelled(o)} {doc}{f' [{of}]' if of else ''}" in help_text)
    need(f"manual of {flag}", f"*{spelled(o)}*\n\t{doc}." in manual and (not of or f"{doc}." in manual and f"Of: {of}." in manual))
    if values and values[0] != "<":
        need(f"values of {flag}", f"one of: {values}" in help_text and f"One of: {values}." in manual)
    for c in names:
        mine = not of or c in of.split()
        words = re.search(rf"^        {c}\) COMPREPLY=\(\$\(compgen -W \"(.*?)\"", bash, re.M).group(1).split()
        need(f"bash: {c} {flag}", mine == (flag in [w.rstrip("=") for w in words]))
        block = re.search(rf"^    {c}\)\n(.*?)^        \) ;;", zsh, re.M | re.S).group(1)
        need(f"zsh: {c} {flag}", mine == bool(re.search(rf"^        '\*?{flag}[=\[]", block, re.M) or re.search(rf"^        '{flag}\[", block, re.M)))
        need(f"zsh: {c} -{letter}", letter == "0" or mine == bool(re.search(rf"^        '\*?-{letter}[+\[]", block, re.M)))
        # and the parser: files that are not there give exit 3, so that nothing long runs
        value = {"<file>": "x", "<targets>": "sm_80", "<emits>": "plan"}.get(values, values.split()[0] if values else {"N": "1", "NAME=VALUE": "T=f32", "TEXT": "lanes=128"}.get(argument, "x"))
        rest = {"targets": [], "manual": [], "explain": ["LG0002"], "completions": ["bash"], "doctor": [], "cache": ["size"]}.get(c, ["/nowhere/x"])
        line = [ligerc, c] + ([flag] if argument == "NULL" else [flag, value] if dashes == "1" else [f"{flag}={value}"]) + (["-MD"] if name == "MF" and c == "build" else []) + rest
        r = subprocess.run(line, capture_output=True, text=True)
        want = 0 if name in ("help", "version") else 2 if not mine else 3 if rest == ["/nowhere/x"] else 0
        need(f"{' '.join(line[1:])}: exit {r.returncode}, wanted {want}: {r.stderr[-200:]}", r.returncode == want and (mine or f"{c} takes no {flag}; it is an option of: {of}" in r.stderr))
need("an option in the help that no row has", len(re.findall(r"^  -", open(f"{tmp}/help").read(), re.M)) == len(options))
need("an option in the manual that no row has", len(re.findall(r"^\*-", manual, re.M)) == len(options))
for c in commands:
    need(f"help of {c[1]}", f"{c[1]} {c[2]}".strip() + f" {c[4]}" in help_text)
    need(f"manual of {c[1]}", f"*{c[1]}{' ' * bool(c[2])}{c[2]}*\n\t{c[4]}" in manual)
    need(f"zsh's command {c[1]}", re.search(rf"^        '{c[1]}:", zsh, re.M))
for e in emits:
    need(f"help of --emit={e[1]}", f"{e[1]} {e[7]}" in help_text)
    need(f"manual of --emit={e[1]}", f"*{e[1]}*\n\t{e[7]}" in manual)
for e in exits:
    need(f"exit code {e[1]}", re.search(rf"^  {e[1]} +{re.escape(e[2])}$", open(f"{tmp}/help").read(), re.M) and f"*{e[1]}*\n\t{e[2]}" in manual)
print("\n".join(faults) or f"{len(options)} options, {len(names)} commands, {len(emits)} outputs")
sys.exit(bool(faults))
P

# what the parser refuses
swi=$root/specs/swiglu.tile
refused 2 "no command or file biuld; did you mean build?" "$ligerc" biuld "$swi"
refused 2 "--format=yaml: wanted one of: text json csv" "$ligerc" inspect --format=yaml x.lgk
refused 2 "--diagnostics=xml: wanted one of: text json sarif" "$ligerc" build --diagnostics=xml "$swi"
refused 2 "--color=maybe: wanted one of: auto always never" "$ligerc" build --color=maybe "$swi"
refused 2 "--jobs=0: wanted at least 1" "$ligerc" build -j 0 "$swi"
refused 2 "--jobs=many" "$ligerc" build --jobs=many "$swi"
refused 2 "check takes no --emit" "$ligerc" check -e ptx "$swi"
refused 2 "no target sm_1" "$ligerc" build -t host,sm_1 "$swi"
refused 2 "more than 64 bindings" "$ligerc" build $(printf -- '-D T=f32 %.0s' $(seq 65)) "$swi"
expect 0 "$ligerc" -e plan -o - "$swi"          # a command left out is build
expect 0 "$ligerc" targets
[ "$(wc -l <"$tmp/out")" = "$(grep -c '^X(' "$root/compiler/sched/target.def")" ] || fault "targets"
finish
