/* test_lang.c: every file of accept/ and specs/ types under every binding; every file of reject/ gives exactly the
 * errors that its lines announce: `// error: text` or `// limit: text` on the line concerned.  Then the limits that
 * are too long to be files, and LANGUAGE.md's index.
 */
#include "sema.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdarg.h>
#include <cmocka.h>

static char *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("cannot open %s", path);
    char *p = malloc(1 << 20);
    *n = fread(p, 1, (1 << 20) - 1, f);
    p[*n] = 0;
    fclose(f);
    return p;
}

static SemaOp *compile(const char *name, const char *text, size_t n, Arena *a, Diag *d)
{
    diag_init(d, a);
    AstSpec *ast = ast_parse(diag_add_file(d, name, text, n), a, d);
    SemaOp *op = d->nerrors ? NULL : sema_open(ast, a, d);
    if (op) sema_check_all(op, d);
    return op;
}

static void show(const Diag *d)
{
    Buf b = { 0 };
    diag_render_text(d, &b, false);
    print_message("%s", b.p ? b.p : "");
    buf_free(&b);
}

/* "line: class: text" for each expectation, or each item, one a line. */
static void announced(const char *text, Buf *out)
{
    int line = 1;
    for (const char *p = text, *eol; *p; p = *eol ? eol + 1 : eol, line++) {
        eol = p + strcspn(p, "\n");
        for (const char *c = p; (c = strstr(c, "// ")) && c < eol; c += 3) {
            if (strncmp(c, "// error: ", 10) && strncmp(c, "// limit: ", 10)) continue;
            const char *end = c + 3, *next;
            while ((next = strstr(end, "  // ")) && next < eol && strncmp(next + 5, "error: ", 7) && strncmp(next + 5, "limit: ", 7)) end = next + 1;
            if (!next || next > eol) next = eol;
            buf_printf(out, "%d: %.*s\n", line, (int)(next - c - 3), c + 3);
        }
    }
}

static void found(const Diag *d, Buf *out)
{
    uint32_t line, col;
    for (uint32_t i = 0; i < d->n; i++) {
        diag_line_col(d, d->items[i].sp, &line, &col);
        buf_printf(out, "%u: %s: %s\n", line, diag_class_name(d->items[i].cls), d->items[i].msg);
    }
}

static bool has_line(const Buf *b, const char *line, size_t n)
{
    for (const char *p = b->p; p && *p; p += strcspn(p, "\n") + 1)
        if (strcspn(p, "\n") == n && !strncmp(p, line, n)) return true;
    return false;
}

static int missing_lines(const Buf *from, const Buf *in, const char *why, const char *path)
{
    int n = 0;
    for (const char *p = from->p; p && *p; p += strcspn(p, "\n") + 1)
        if (!has_line(in, p, strcspn(p, "\n"))) {
            print_message("%s: %s: %.*s\n", path, why, (int)strcspn(p, "\n"), p);
            n++;
        }
    return n;
}

static int reject(const char *path)
{
    size_t n;
    char *text = read_file(path, &n);
    Arena *a = arena_new();
    Diag d;
    Buf want = { 0 }, got = { 0 };
    compile(path, text, n, a, &d);
    announced(text, &want);
    found(&d, &got);
    int bad = missing_lines(&want, &got, "announced but not found", path) + missing_lines(&got, &want, "found but not announced", path);
    if (!want.n) bad++;
    buf_free(&want);
    buf_free(&got);
    arena_free(a);
    free(text);
    return bad;
}

static int accept(const char *path)
{
    size_t n;
    char *text = read_file(path, &n);
    Arena *a = arena_new();
    Diag d;
    SemaOp *op = compile(path, text, n, a, &d);
    int bad = !op || d.n;
    if (bad) show(&d);
    for (uint32_t k = 0; op && !d.n && k < op->nkernels; k++) {
        SemaBinding b = sema_binding_first(op, k);
        do {
            TirFn *fn = sema_kernel(op, k, &b, a, &d);
            if (!fn || !tir_verify(fn, &d)) bad++;
        } while (sema_binding_next(op, k, &b));
    }
    if (op && d.n) show(&d);
    arena_free(a);
    free(text);
    return bad;
}

static int each(const char *folder, int (*check)(const char *path), int *files)
{
    char path[4096];
    int bad = 0;
    DIR *dir = opendir(folder);
    if (!dir) fail_msg("no folder %s", folder);
    for (struct dirent *e; (e = readdir(dir));) {
        size_t n = strlen(e->d_name);
        if (n < 5 || strcmp(e->d_name + n - 5, ".tile")) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        bad += check(path);
        ++*files;
    }
    closedir(dir);
    return bad;
}

static void rejected(void **state)
{
    int files = 0;
    (void)state;
    assert_int_equal(each(LGR_SOURCE_DIR "/tests/lang/reject", reject, &files), 0);
    assert_true(files >= 10);
}

static void accepted(void **state)
{
    int files = 0;
    (void)state;
    assert_int_equal(each(LGR_SOURCE_DIR "/tests/lang/accept", accept, &files), 0);
    assert_int_equal(each(LGR_SOURCE_DIR "/specs", accept, &files), 0);
    assert_true(files >= 3);
}

static void expect_first(const char *text, size_t n, const char *message)
{
    Arena *a = arena_new();
    Diag d;
    compile("t", text, n, a, &d);
    assert_true(d.n > 0);
    assert_string_equal(d.items[0].msg, message);
    arena_free(a);
}

static void repeat(Buf *b, const char *fmt, int n)
{
    for (int i = 0; i < n; i++) {
        const char *p = strstr(fmt, "%d");
        if (p) buf_printf(b, "%.*s%d%s", (int)(p - fmt), fmt, i, p + 2);
        else buf_puts(b, fmt);
    }
}

static void expect_long(const char *head, const char *unit, int n, const char *tail, const char *message)
{
    Buf b = { 0 };
    buf_puts(&b, head);
    repeat(&b, unit, n);
    buf_puts(&b, tail);
    expect_first(b.p, b.n, message);
    buf_free(&b);
}

static void limits(void **state)
{
    (void)state;
    expect_long("op a\ndim M\nkernel f(out y: f32[M]) { par m in M { y[m] = ", "1 + ", 250, "1 } }", "nested more than 200 deep");
    expect_long("op a\ndim M\nkernel f(out y: f32[M]) { par m in M { y[m] = ", "(", 100000, "1 } }", "nested too deep to be read");
    expect_long("op a\ndim M\nkernel f(out y: f32[M]) { ", "if true { ", 150000 / 10, "} }", "nested too deep to be read");
    expect_long("//", "x", 256 * 1024, "", "the spec has 262146 bytes, at most 262144 are read");
    expect_long("op a\ndim M", ", N%d", 12, "\nkernel f(out y: f32[M]) { }", "more than 12 dims");
    expect_long("op a\ndim M\nkernel f(", "out y%d: f32[M],", 33, ") { }", "more than 32 tensors");
    expect_long("op a\ndim M\nkernel f(", "param y%d: f32,", 17, ") { }", "more than 16 params");
    expect_long("op a\ndim M\n", "option o%d: bool\n", 25, "kernel f(out y: f32[M]) { }", "more than 24 options");
}

static void index_is_fresh(void **state)
{
    size_t n;
    char *text = read_file(LGR_SOURCE_DIR "/dsl/LANGUAGE.md", &n);
    Buf b = { 0 };
    (void)state;
    sema_print_builtins(&b);
    if (!strstr(text, b.p)) fail_msg("the index of dsl/LANGUAGE.md is stale; it should read:\n%s", b.p);
    buf_free(&b);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rejected), cmocka_unit_test(accepted), cmocka_unit_test(limits), cmocka_unit_test(index_is_fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
