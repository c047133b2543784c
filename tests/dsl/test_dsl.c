/* test_dsl.c: arenas, buffers, element types, and diagnostics as text and as JSON. */
#include "ast.h"
#include "dtype.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void arena_zeroes_and_poisons(void **state)
{
    Arena *a = arena_new();
    (void)state;
    unsigned char *p = arena_alloc(a, 100), *big = arena_alloc(a, 1 << 20);
    for (int i = 0; i < 100; i++) assert_int_equal(p[i], 0);
    assert_int_equal((uintptr_t)p % 16, 0);
    assert_int_equal((uintptr_t)big % 16, 0);
    memset(p, 7, 100);
    arena_reset(a);
    for (int i = 0; i < 100; i++) assert_int_equal(p[i], 0xDD);
    unsigned char *q = arena_alloc(a, 100);
    assert_ptr_equal(p, q);
    for (int i = 0; i < 100; i++) assert_int_equal(q[i], 0);
    assert_ptr_equal(arena_alloc(a, 1 << 20), big);          /* chunks are kept */
    arena_free(a);
}

static void arena_out_of_memory_jumps(void **state)
{
    Arena *a = arena_new();
    jmp_buf j;
    (void)state;
    if (!setjmp(j)) {
        arena_on_oom(a, &j);
        arena_alloc(a, SIZE_MAX / 2);
        fail_msg("no jump");
    }
    Arena *c = arena_child(a), *kept = arena_child(a);
    if (!setjmp(j)) {
        arena_alloc(c, SIZE_MAX / 2);
        fail_msg("no jump");
    }
    arena_alloc(kept, 10);
    arena_free(c);
    arena_free(a);                                           /* frees `kept` too; a sanitizer sees what is lost */
}

static void arrays_grow(void **state)
{
    Arena *a = arena_new();
    int *p = NULL;
    uint32_t n = 0, cap = 0;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        int *q = ARENA_PUSH(a, p, n, cap);
        assert_int_equal(*q, 0);
        *q = i;
    }
    for (int i = 0; i < 1000; i++) assert_int_equal(p[i], i);
    n -= 10;
    assert_int_equal(*ARENA_PUSH(a, p, n, cap), 0);
    arena_free(a);
}

static void buffers(void **state)
{
    Buf b = { 0 };
    (void)state;
    for (int i = 0; i < 500; i++) buf_printf(&b, "%d,", i % 10);
    assert_int_equal(b.n, 1000);
    assert_int_equal(strlen(b.p), 1000);
    buf_put(&b, "\0x", 2);
    assert_int_equal(b.n, 1002);
    buf_free(&b);
    assert_null(b.p);
}

static void element_types(void **state)
{
    (void)state;
    for (int t = 1; t < DT_COUNT; t++) {
        assert_int_equal(dt_from_name(dt_name((DType)t)), t);
        assert_int_equal(dt_dl_bits((DType)t), dt_bytes((DType)t) * 8);
    }
    assert_int_equal(dt_from_name("none"), DT_NONE);
    assert_int_equal(dt_dl_code(DT_BF16), 4);
    assert_true(dt_is_float(DT_F16) && !dt_is_float(DT_I8) && dt_is_int(DT_U8) && !dt_is_int(DT_BOOL));
}

static const char source[] = "let a\n\ty = v + \xc3\xa9\x1b[ \xff u\n";

static Diag *sample(Arena *a)
{
    Diag *d = ARENA_NEW(a, Diag);
    diag_init(d, a);
    uint32_t f = diag_add_file(d, "a.tile", source, sizeof source - 1);
    diag_report(d, DIAG_ERROR, LG_AXES, (Span){ f, 11, 18 }, "cannot add \"%s\"", "x\n");
    diag_note(d, (Span){ f, 4, 5 }, "declared here");
    diag_report(d, DIAG_WARNING, LG_NONE, (Span){ 0, 0, 0 }, "no place");
    return d;
}

static void rendered(void **state)
{
    Arena *a = arena_new();
    Diag *d = sample(a);
    Buf b = { 0 };
    (void)state;
    assert_int_equal(d->nerrors, 1);
    diag_render_text(d, &b, false);
    assert_string_equal(b.p,
        "a.tile:2:6: error: cannot add \"x\\x0a\" [LG0009]\n"
        "    2 |     y = v + \xc3\xa9\\x1b[ \\xff u\n"
        "      |         ^~~~~~~~~\n"
        "a.tile:1:5: note: declared here\n"
        "warning: no place\n");
    buf_free(&b);
    diag_render_text(d, &b, true);
    assert_non_null(strstr(b.p, "\x1b[1;31merror:\x1b[0m"));
    buf_free(&b);
    diag_render_json(d, &b);
    assert_string_equal(b.p,
        "[\n  {\"class\": \"error\", \"code\": \"LG0009\", \"file\": \"a.tile\", \"line\": 2, \"column\": 6, \"end_line\": 2, \"end_column\": 12, "
        "\"message\": \"cannot add \\\"x\\u000a\\\"\", \"notes\": [{\"file\": \"a.tile\", \"line\": 1, \"column\": 5, \"end_line\": 1, \"end_column\": 6, \"message\": \"declared here\"}]},\n"
        "  {\"class\": \"warning\", \"code\": \"LG0000\", \"message\": \"no place\", \"notes\": []}\n]\n");
    buf_free(&b);
    arena_free(a);
}

static void long_lines_are_cut(void **state)
{
    Arena *a = arena_new();
    Diag d;
    Buf b = { 0 };
    char *text = malloc(5000);
    (void)state;
    memset(text, 'x', 5000);
    text[3000] = '!';
    diag_init(&d, a);
    uint32_t f = diag_add_file(&d, "l", text, 5000);
    diag_report(&d, DIAG_ERROR, LG_SYNTAX, (Span){ f, 3000, 3001 }, "here");
    diag_render_text(&d, &b, false);
    assert_true(b.n < 500);
    const char *line = strstr(b.p, "    1 | "), *mark = strstr(b.p, "\n      | ");
    assert_int_equal(strchr(line, '!') - line, strchr(mark, '^') - (mark + 1));
    buf_free(&b);
    free(text);
    arena_free(a);
}

static void items_are_limited(void **state)
{
    Arena *a = arena_new();
    Diag d;
    (void)state;
    diag_init(&d, a);
    for (int i = 0; i < DIAG_MAX_ITEMS + 7; i++) {
        diag_report(&d, DIAG_ERROR, LG_SYNTAX, (Span){ 0, 0, 0 }, "e%d", i);
        diag_note(&d, (Span){ 0, 0, 0 }, "n%d", i);
    }
    assert_int_equal(d.n, DIAG_MAX_ITEMS);
    assert_int_equal(d.nerrors, DIAG_MAX_ITEMS + 7);
    assert_string_equal(d.items[d.n - 1].notes->msg, arena_strf(a, "n%d", DIAG_MAX_ITEMS - 1));
    assert_null(d.items[d.n - 1].notes->next);
    arena_free(a);
}

static void nearest(void **state)
{
    static const char *const names[] = { "sum", "mean", "rsqrt", "sigmoid", "logsumexp", "x" };
    (void)state;
    assert_string_equal(diag_nearest("rsqt", names, 6), "rsqrt");
    assert_string_equal(diag_nearest("Sum", names, 6), "sum");
    assert_string_equal(diag_nearest("sigmiod", names, 6), "sigmoid");
    assert_string_equal(diag_nearest("logsumxp", names, 6), "logsumexp");
    assert_null(diag_nearest("y", names, 6));
    assert_null(diag_nearest("quantile", names, 6));
    assert_null(diag_nearest("", names, 6));
}

static void codes_have_sentences(void **state)
{
    (void)state;
    assert_non_null(diag_code_doc(LG_SYNTAX));
    assert_null(diag_code_doc(9999));
}

static void trees(void **state)
{
    static const char text[] = "kernel f() { let a = 1 + 2 * -x ? 3 : b[1:2:3] }";
    Arena *a = arena_new();
    Diag d;
    (void)state;
    diag_init(&d, a);
    AstSpec *s = ast_parse(diag_add_file(&d, "t", text, sizeof text - 1), a, &d);
    assert_int_equal(d.n, 0);
    const AstNode *let = s->decls.first->body.first, *sel = let->a;
    assert_int_equal(let->kind, AST_LET);
    assert_int_equal(sel->kind, AST_SELECT);
    assert_int_equal(sel->a->op, AO_PLUS);
    assert_int_equal(sel->a->b->op, AO_STAR);
    assert_int_equal(sel->a->b->b->kind, AST_UNARY);
    assert_int_equal(sel->c->kids.first->kind, AST_SLICE);
    assert_int_equal(sel->c->kids.first->c->i, 3);
    assert_int_equal(sel->sp.lo, 21);
    assert_int_equal(sel->sp.hi, sizeof text - 3);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_zeroes_and_poisons), cmocka_unit_test(arena_out_of_memory_jumps), cmocka_unit_test(arrays_grow),
        cmocka_unit_test(buffers), cmocka_unit_test(element_types), cmocka_unit_test(rendered), cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(items_are_limited), cmocka_unit_test(nearest), cmocka_unit_test(codes_have_sentences), cmocka_unit_test(trees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
