# lib.sh: what the tests of the program share. usage: . lib.sh, in a script called with LIGERC ROOT.
# shellcheck shell=bash disable=SC2034
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

fault() {   # fault TEXT
    echo "FAILED: $1"
    failures=$((failures + 1))
}

said() {   # said TEXT: the last command's error output has it
    grep -qF -- "$1" "$tmp/err" || { fault "wanted on standard error: $1"; cat "$tmp/err"; }
}

refused() {   # refused CODE TEXT COMMAND...: exits so, and says so
    local want=$1 text=$2
    shift 2
    expect "$want" "$@"
    said "$text"
}

same() {   # same A B: the files are equal
    cmp "$1" "$2" || fault "$1 and $2 differ"
}

has_ptxas() { command -v ptxas >/dev/null || [ -x /usr/local/cuda/bin/ptxas ]; }

finish() {
    echo "$failures failures"
    [ "$failures" = 0 ]
}
