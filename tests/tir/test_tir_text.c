/* test_tir_text.c: print -> parse -> print: the same text, the same function and, run by the evaluator, the same numbers, for
 * every binding of every kernel of the specs and of the language's accepted cases.
 */
#include "eval.h"
#include "tir_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { DIM = 4 };       /* every dim: halves and quarters divide, and integers below it are indices everywhere */

/* ---- one run of a function on small tensors ---- */

static double element(uint32_t tensor, int64_t i, DType dt)
{
    uint32_t x = (uint32_t)(i * 2654435761u + tensor * 40503u) >> 8 & 0xffff;
    return dt_is_float(dt) ? eval_round((double)x / 16384 - 2, dt) : dt == DT_BOOL ? x % 2 : x % DIM;
}

static int64_t lay_out(const TirTensor *t, const int64_t *dims, EvalTensor *e)
{
    int64_t n = 1;
    for (int i = t->rank - 1; i >= 0; i--) {
        assert_true(tir_ext_eval(t->shape[i], dims, &e->shape[i]));
        e->stride[i] = n;
        n *= e->shape[i];
    }
    return n;
}

/* All elements of all tensors after the run, one after the other. */
static double *run(const TirFn *fn, Arena *a, Diag *d, int64_t *count)
{
    int64_t dims[TIR_MAX_DIMS], total = 0;
    double scalars[SEMA_MAX_PARAMS], *all = NULL;
    EvalTensor *t = ARENA_ARRAY(a, EvalTensor, fn->ntensors + 1);
    for (int i = 0; i < TIR_MAX_DIMS; i++)
        dims[i] = DIM;
    for (uint32_t i = 0; i < fn->ntensors; i++)
        total += lay_out(&fn->tensors[i], dims, &t[i]);
    all = ARENA_ARRAY(a, double, total + 1);
    *count = total;
    total = 0;
    for (uint32_t i = 0; i < fn->ntensors; i++) {
        int64_t n = lay_out(&fn->tensors[i], dims, &t[i]);
        t[i].v = all + total;
        total += n;
        for (int64_t k = 0; k < n; k++)
            t[i].v[k] = element(i, k, fn->tensors[i].dt);
    }
    for (uint32_t i = 0; i < fn->nscalars; i++)
        scalars[i] = fn->scalars[i].has_default ? fn->scalars[i].defval : 1;
    EvalArgs args = {dims, t, scalars};
    if (!eval_run(fn, EVAL_EAGER, &args, d))
        fail_msg("the evaluator refuses %s.%s: %s", fn->op_name, fn->name, d->items[d->n - 1].msg);
    return all;
}

static void same_numbers(const TirFn *x, const TirFn *y, Arena *a, Diag *d)
{
    int64_t n, m;
    double *p = run(x, a, d, &n), *q = run(y, a, d, &m);
    assert_int_equal(n, m);
    assert_true(n > 0);
    assert_memory_equal(p, q, sizeof *p * (size_t)n);
}

/* ---- there and back ---- */

static TirFn *there_and_back(const TirFn *fn, Arena *a)
{
    Diag d;
    const char *text = tir_case_print(fn, a);
    TirFn *back = tir_case_parse(text, strlen(text), a, &d);
    if (!back)
        fail_msg("%s\n%s", d.n ? d.items[0].msg : "no message", text);
    assert_int_equal(d.n, 0);
    assert_string_equal(tir_case_print(back, a), text);
    const char *why = tir_case_differs(fn, back);
    if (why)
        fail_msg("%s differs after\n%s", why, text);
    assert_true(tir_verify(back, &d));
    return back;
}

static int each_binding(const char *path, bool evaluate)
{
    TirCase c = tir_case_open(path);
    int count = 0;
    for (uint32_t k = 0; k < c.op->nkernels; k++) {
        SemaBinding b = sema_binding_first(c.op, k);
        do {
            Arena *a = arena_new();
            TirFn *fn = sema_kernel(c.op, k, &b, a, &c.d);
            assert_non_null(fn);
            TirFn *back = there_and_back(fn, a);
            if (evaluate)
                same_numbers(fn, back, a, &c.d);
            arena_free(a);
            count++;
        } while (sema_binding_next(c.op, k, &b));
    }
    tir_case_close(&c);
    return count;
}

static int folder(const char *name, bool evaluate)
{
    Arena *a = arena_new();
    uint32_t n;
    int count = 0;
    char **files = tir_case_files(name, a, &n);
    for (uint32_t i = 0; i < n; i++)
        count += each_binding(files[i], evaluate);
    arena_free(a);
    print_message("%s: %d functions\n", name, count);
    return count;
}

static void specs(void **state)
{
    (void)state;
    assert_true(folder("specs", true) >= 36 + 36 + 6 + 6);      /* rms_norm's and swiglu's bindings at least */
}

static void accepted_cases(void **state)
{
    (void)state;
    assert_true(folder("tests/lang/accept", false) >= 4);
    assert_true(folder("tests/schedules/odd", true) >= 20);
}

/* ---- what specs do not show ---- */

static const TirFn *only(TirCase *c)
{
    SemaBinding b = sema_binding_default(c->op);
    const TirFn *fn = sema_kernel(c->op, 0, &b, c->a, &c->d);
    if (!fn)
        fail_msg("%s", c->d.n ? c->d.items[0].msg : "no function");
    return fn;
}

static void shared_names_are_numbered(void **state)
{
    TirCase c = tir_case_text("op o\ndim M, _1\nkernel k(in x: f32[M, 2*M, _1], out y: f32[M], out z: f32[M], out u: f32[]) {\n"
                              "par m in M { y[m] = sum(sum(x[m, :, :], axis=2*M)) }\npar m in M { z[m] = sum(sum(x[m, 0:M, :], axis=M))\nu[] += f32(m) } }");
    const TirFn *fn = only(&c);
    const char *text = tir_case_print(fn, c.a);
    (void)state;
    assert_non_null(strstr(text, "par m#0: M\npar m#1: M\n"));
    assert_non_null(strstr(text, "= coord m#1 : i64\n"));
    assert_non_null(strstr(text, "acc u[], %"));
    there_and_back(fn, c.a);
    tir_case_close(&c);
}

static void shared_axis_names(void **state)
{
    TirCase c = tir_case_text("op o\ndim M, _0\nkernel k(in x: f32[M, 2*M], in w: f32[M, _0], out y: f32[M], out z: f32[M]) {\n"
                              "par m in M { y[m] = sum(x[m, :])\nz[m] = sum(w[m, :]) } }");
    const TirFn *fn = only(&c);
    (void)state;
    assert_non_null(strstr(tir_case_print(fn, c.a), "axis _0#0: 2*M\naxis _0#1: _0\n"));
    there_and_back(fn, c.a);
    tir_case_close(&c);
}

static void all_kinds_of_places_and_numbers(void **state)
{
    TirCase c = tir_case_text("op o\ndim M, N, V\nparam p: i64 = 9007199254740992\nparam s: f32\n"
                              "kernel k(in x: f32[M, 4*N], in i: i32[M, N], in w: f16[V, N+1], inout y: f32[M, N] , out g: f16[M, N], out e: f32[V]) { par m in M {\n"
                              "let at = i[m, :]\nlet q = x[m, N:3*N:2]\nlet far = w[p, 1:N+1]\ng[m, :] = far * 0.1\n"
                              "e[at] += x[m, 3*N:4*N]\nif s > 0 { y[m, :] = q[p] > 1 ? f32(inf) : -1e-30 } else { y[m, :] = f32(nan) + f32(iota(N)) * -0.0 } } }");
    const TirFn *fn = only(&c);
    const char *text = tir_case_print(fn, c.a);
    (void)state;
    assert_non_null(strstr(text, "scalar p: i64 = 9007199254740992\n"));
    assert_non_null(strstr(text, "scalar s: f32\n"));
    assert_non_null(strstr(text, ":N:2]"));
    there_and_back(fn, c.a);
    tir_case_close(&c);
}

static void blanks_are_free(void **state)
{
    TirCase c = tir_case_text("op o\ndim M\nkernel k(in x: f32[M], out y: f32[M]) { par m in M { y[m] = x[m] * 2 } }");
    const char *text = tir_case_print(only(&c), c.a);
    static const char loose[] = "\n kernel  o . k[]\n\tdim M\n\nin x:f32[ M ]\nout y : f32[M]\npar m:M\npar m\n%2=coord m:i64\n %3 = load x[ %2 ] : f32\n"
                                "%4 = const 2.0 : f32\n%5 = mul %3,%4 : f32\nstore y[%2] , %5\nend";
    Diag d;
    TirFn *fn = tir_case_parse(loose, sizeof loose - 1, c.a, &d);
    (void)state;
    if (!fn)
        fail_msg("%s", d.items[0].msg);
    assert_string_equal(tir_case_print(fn, c.a), text);
    tir_case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(specs), cmocka_unit_test(accepted_cases), cmocka_unit_test(shared_names_are_numbered),
        cmocka_unit_test(shared_axis_names), cmocka_unit_test(all_kinds_of_places_and_numbers), cmocka_unit_test(blanks_are_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
