#!/usr/bin/env python3
"""Lists the messages of dsl/ and compiler/sema/ that no case under tests/lang shows.

In: the sources (the format strings of reports) and the expectations of the reject cases, of test_lang.c and of test_sema.c.
Out: exit 1 and one line for each message without a case.  Memory running out is left to the fault tests.
"""
import glob
import os
import re
import sys

root = sys.argv[1]
LITERAL = r'"(?:[^"\\]|\\.)*"'
CALLS = (r'sema_(?:error|limit)\([^;"]*?(' + LITERAL + r')', r'diag_report\([^;"]*?(' + LITERAL + r')')


def text(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def pattern(fmt):
    parts = re.split(r'%(?:[-0-9.*]*)(?:z|ll|l)?[a-zA-Z%]', fmt)
    return re.compile('.*'.join(re.escape(p) for p in parts))


def formats():
    for folder in ('dsl', 'compiler/sema'):
        for path in sorted(glob.glob(os.path.join(root, folder, '*.[chr]*'))):
            if not path.endswith(('.c', '.re')):
                continue
            source = text(path)
            for call in CALLS:
                for m in re.finditer(call, source):
                    fmt = m.group(1)[1:-1].replace('\\"', '"')
                    if fmt.strip('%s') and fmt != 'memory ran out':
                        yield os.path.relpath(path, root), fmt


def shown():
    lines = []
    for path in glob.glob(os.path.join(root, 'tests/lang/reject/*.tile')):
        with open(path, encoding='utf-8', errors='replace') as f:
            for line in f:
                lines += re.split(r'\s*// (?:error|limit): ', line.rstrip('\n'))[1:]
    lines += re.findall(r'"((?:[^"\\]|\\.)*)"', text(os.path.join(root, 'tests/lang/test_lang.c')) + text(os.path.join(root, 'tests/sema/test_sema.c')))
    return lines


cases = shown()
missing = [(p, f) for p, f in formats() if not any(pattern(f).fullmatch(c) for c in cases)]
for path, fmt in missing:
    print(f'{path}: no case shows: {fmt}')
print(f'{len(set(formats()))} messages, {len(missing)} without a case')
sys.exit(bool(missing))
