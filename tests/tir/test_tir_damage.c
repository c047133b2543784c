/* test_tir_damage.c: wrong text: what is said and where; then every truncation of one text and CHANGES random changes of
 * single bytes: one error, or a function that verifies and prints as text that reads back.
 */
#include "tir_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { CHANGES = 2000 };

static const char whole[] =
    "kernel o.k [T=bf16]\n"
    "dim M\n"
    "dim N\n"
    "axis N: N\n"
    "axis _1: N/2\n"
    "scalar eps: f32 = 1e-06\n"
    "in x: bf16[M, N]\n"
    "in i: i64[M]\n"
    "out y: bf16[M, N] over x\n"
    "out s: f32[N] accumulate\n"
    "out a: f32[N] absent\n"
    "par m: M\n"
    "par m\n"
    "  %2 = coord m : i64\n"
    "  %3 = load x[%2, :N] : bf16[N]\n"
    "  %4 = cast %3 : f32[N]\n"
    "  %5 = sum %4 along N : f32\n"
    "  %6 = param eps : f32\n"
    "  %7 = gt %5, %6 : bool\n"
    "  if %7\n"
    "    %9 = mul %4, %5 : f32[N]\n"
    "    acc s[:N], %9\n"
    "  else\n"
    "    %12 = const 2 : f32\n"
    "    acc s[:N], %12\n"
    "  end\n"
    "  %15 = neg %3 : bf16[N]\n"
    "  store y[%2, :N], %15\n"
    "end\n";

static TirFn *whole_reads(Arena *a)
{
    Diag d;
    TirFn *fn = tir_case_parse(whole, sizeof whole - 1, a, &d);
    if (!fn)
        fail_msg("%s", d.n ? d.items[0].msg : "no message");
    assert_string_equal(tir_case_print(fn, a), whole);
    return fn;
}

typedef struct Damage { const char *from, *to, *place, *message; } Damage;

static const Damage damages[] = {
    {"kernel o", "kernal o", "1:1", "'kernal' where 'kernel' was expected"},
    {" [T=bf16]", " [T=bf16", "1:19", "the end of the line where ']' was expected"},
    {"dim N\n", "dim M\n", "3:5", "dim 'M' is declared already"},
    {"N/2", "N/0", "5:11", "division by zero"},
    {"N/2", "K/2", "5:10", "no dim is called 'K'"},
    {"N/2", "2*N/2", "5:6", "axis 'N' has this extent already"},
    {"N/2", "N+N", "5:12", "a second term of its kind in one extent"},
    {"1e-06", "1e-0x", "6:19", "'1e-0x' is no number"},
    {"bf16[M, N] over", "bf61[M, N] over", "9:8", "no element type is called 'bf61'"},
    {"over x", "over z", "9:24", "no tensor before it is called 'z'"},
    {"over x", "uber x", "9:19", "'uber' where the end of the line was expected"},
    {"  %2 = coord m", "  %3 = coord m", "14:3", "this line is number 2, not 3"},
    {"  %2 = coord m", "  coord m", "14:3", "coord gives a value; its number is missing"},
    {"  if %7", "  %8 = if %7", "20:3", "if gives no value"},
    {"cast %3", "cast %4", "16:13", "%4 is no value before this line"},
    {"cast %3", "kast %3", "16:8", "no op is called 'kast'"},
    {"along N : f32", "along _1 : f32", "17:3", "tile IR of o.k, %5: a reduction along no axis"},
    {"sum %4 along N", "sum %4", "17:15", "':' where 'along' was expected"},
    {"gt %5, %6 : bool", "gt %5, %2 : bool", "19:3", "tile IR of o.k, %7: operands of different dtypes"},
    {"gt %5, %6 : bool", "gt %5, %6 : f32", "19:3", "tile IR of o.k, %7: a result of another dtype than its operands"},
    {"mul %4, %5 : f32[N]", "mul %4, %5 : f32", "21:5", "tile IR of o.k, %9: operands with axes that the result has not"},
    {"acc s[:N], %9", "acc a[:N], %9", "22:5", "tile IR of o.k, %10: an access to an absent tensor"},
    {"acc s[:N], %9", "acc s[:N, %9]", "22:18", "the end of the line where ',' was expected"},
    {"acc s[:N], %12", "acc s[:N], %9", "25:5", "tile IR of o.k, %13: an operand that is not visible here"},
    {"const 2 : f32", "const 2.5 : i64", "24:17", "'2.5' is no integer of 64 bits"},
    {"const 2 : f32", "const 99999999999999999999 : i64", "24:17", "'99999999999999999999' is no integer of 64 bits"},
    {"store y", "store x", "28:3", "tile IR of o.k, %16: an access against the tensor's mode"},
    {"end\n  %15", "%15", "26:3", "this line is number 14, not 15"},
    {"  %15 = neg", "  end\n  %16 = neg", "28:3", "tile IR of o.k, %16: an operand that is not visible here"},
    {"out a: f32[N] absent\n", "out a: f32[N] absent\n\x01\n", "12:1", "byte 1 where an op was expected"},
    {"par m\n", "par m, m\n", "13:8", "the pars of a nest follow each other in the head"},
    {"par m\n  %2", "end\n  %2", "13:1", "tile IR of o.k, %1: a region that is not open"},
    {"par m\n  %2 = coord m", "%1 = const 1 : i64\n%2 = coord m", "13:1", "tile IR of o.k, %1: an op outside a nest"},
    {"  %2 = coord m : i64", "par m", "14:1", "tile IR of o.k, %2: a nest within a region"},
    {"  if %7", "dim K\n  if %7", "20:1", "a declaration after the first op"},
};

static char *damaged(const Damage *x, Arena *a)
{
    const char *at = strstr(whole, x->from);
    if (!at)
        fail_msg("the text has no '%s'", x->from);
    return arena_strf(a, "%.*s%s%s", (int)(at - whole), whole, x->to, at + strlen(x->from));
}

static void messages(void **state)
{
    Arena *a = arena_new();
    int bad = 0;
    (void)state;
    whole_reads(a);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        Diag d;
        uint32_t line, col;
        char place[32];
        char *text = damaged(&damages[i], a);
        TirFn *fn = tir_case_parse(text, strlen(text), a, &d);
        if (fn || d.n != 1) {
            print_message("'%s' for '%s': %u items, %s\n", damages[i].to, damages[i].from, (unsigned)d.n, fn ? "a function" : "no function");
            bad++;
            continue;
        }
        diag_line_col(&d, d.items[0].sp, &line, &col);
        snprintf(place, sizeof place, "%u:%u", (unsigned)line, (unsigned)col);
        if (strcmp(place, damages[i].place) || strcmp(d.items[0].msg, damages[i].message) || d.items[0].cls != DIAG_ERROR) {
            print_message("'%s' for '%s': at %s, not %s: %s\n", damages[i].to, damages[i].from, place, damages[i].place, d.items[0].msg);
            bad++;
        }
    }
    arena_free(a);
    assert_int_equal(bad, 0);
}

/* One error with a place, or a function whose text reads back as itself. True when it was a function. */
static bool error_or_function(const char *text, size_t n)
{
    Arena *a = arena_new();
    Diag d;
    char *exact = malloc(n + 1);             /* so that reading past the end is seen */
    memcpy(exact, text, n);
    TirFn *fn = tir_case_parse(exact, n, a, &d);
    assert_int_equal(d.n, fn ? 0 : 1);
    if (fn) {
        assert_true(tir_verify(fn, &d));
        const char *once = tir_case_print(fn, a);
        TirFn *back = tir_case_parse(once, strlen(once), a, &d);
        if (!back)
            fail_msg("%s\n%s", d.items[0].msg, once);
        assert_string_equal(tir_case_print(back, a), once);
        assert_null(tir_case_differs(fn, back));
    } else {
        assert_int_equal(d.items[0].cls, DIAG_ERROR);
        assert_true(d.items[0].sp.file == 1 && d.items[0].sp.lo <= n && d.items[0].sp.hi <= n);
    }
    free(exact);
    arena_free(a);
    return fn;
}

static void truncations(void **state)
{
    int functions = 0;
    (void)state;
    for (size_t n = 0; n < sizeof whole; n++)
        functions += error_or_function(whole, n < sizeof whole - 1 ? n : sizeof whole - 1);
    assert_in_range(functions, 2, 40);       /* whole, without its last line end, and heads without ops */
}

static uint32_t draw(uint64_t *s, uint32_t below)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*s >> 33) % below;
}

static void changed_bytes(void **state)
{
    static const char likely[] = "0123456789%[]:,= \n#_.+-*/abfikmnsxyMN";
    uint64_t seed = 20240711;
    int functions = 0;
    (void)state;
    for (int i = 0; i < CHANGES; i++) {
        char text[sizeof whole];
        memcpy(text, whole, sizeof whole);
        text[draw(&seed, sizeof whole - 1)] = i % 2 ? likely[draw(&seed, sizeof likely - 1)] : (char)draw(&seed, 256);
        functions += error_or_function(text, sizeof whole - 1);
    }
    print_message("%d changes, %d of them functions still\n", CHANGES, functions);
    assert_in_range(functions, 50, CHANGES - 500);
}

static void limits(void **state)
{
    Arena *a = arena_new();
    Buf b = {0};
    Diag d;
    (void)state;
    buf_puts(&b, "kernel o.k []\n");
    for (int i = 0; i < 13; i++)
        buf_printf(&b, "dim D%d\n", i);
    assert_null(tir_case_parse(b.p, b.n, a, &d));
    assert_string_equal(d.items[0].msg, "more than 12 dims");
    b.n = 0;
    buf_puts(&b, "kernel o.k []\n");
    for (int i = 0; i < 1025; i++)
        buf_printf(&b, "axis A%d: %d\n", i, i);
    assert_null(tir_case_parse(b.p, b.n, a, &d));
    assert_string_equal(d.items[0].msg, "more than 1024 axes");
    buf_free(&b);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(messages), cmocka_unit_test(truncations), cmocka_unit_test(changed_bytes), cmocka_unit_test(limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
