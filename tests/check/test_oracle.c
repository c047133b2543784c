/* test_oracle.c: single sums held against the rule: of f32 in eight lanes or more they pass, with a term lost or rounded to bf16 they do not. */
#include "check_rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { TERMS = 1000, SEEDS = 100 };

static const char spec[] = "op total \"sums\"\ndim M\ntype T in { f32 }\n"
                           "kernel along(in x: T[M], out y: f32[1]) { par one in 1 { y[0] = sum(x[:]) } }\n"
                           "kernel across(in x: T[M], out y: f32[1]) { par m in M { y[0] += x[m] } }\n";

typedef struct Sum { Arena *a; CheckOracle o; int64_t dims[1]; Diag d; } Sum;

static void begin(Sum *s, uint32_t kernel, uint64_t seed)
{
    *s = (Sum){.a = arena_new(), .dims = {TERMS}};
    diag_init(&s->d, s->a);
    SemaOp *op = sema_open(ast_parse(diag_add_file(&s->d, "t", spec, strlen(spec)), s->a, &s->d), s->a, &s->d);
    assert_non_null(op);
    SemaBinding b = sema_binding_default(op);
    s->o = (CheckOracle){.fn = sema_kernel(op, kernel, &b, s->a, &s->d), .dims = s->dims, .a = s->a};
    assert_non_null(s->o.fn);
    assert_true(check_oracle_open(&s->o));
    for (int64_t k = 0; k < TERMS; k++)
        s->o.given[0][k] = eval_round(check_random(seed, (uint64_t)k), DT_F32);
    assert_true(check_oracle_run(&s->o, &s->d));
}

/* In so many lanes, which are added one after the other. */
static double in_lanes(const Sum *s, int lanes, DType term, int64_t lost)
{
    float lane[64] = {0}, all = 0;
    for (int64_t k = 0; k < TERMS; k++)
        lane[k % lanes] += k == lost ? 0 : (float)eval_round(s->o.given[0][k], term);
    for (int i = 0; i < lanes; i++)
        all += lane[i];
    return all;
}

static CheckVerdict verdict(Sum *s, double got) { return check_tensor(&s->o, 1, &got).verdict; }

static void sums(uint32_t kernel)
{
    int wrong = 0, rounded = 0, missed = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        Sum s;
        begin(&s, kernel, seed);
        for (int lanes = 8; lanes <= 64; lanes *= 2)
            wrong += verdict(&s, in_lanes(&s, lanes, DT_F32, -1)) != CHECK_PASSES;
        rounded += verdict(&s, in_lanes(&s, 32, DT_BF16, -1)) == CHECK_FAR;
        missed += verdict(&s, in_lanes(&s, 32, DT_F32, (int64_t)seed)) == CHECK_FAR;
        arena_free(s.a);
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(rounded, SEEDS);
    assert_int_equal(missed, SEEDS);
}

static void along(void **state) { (void)state, sums(0); }
static void across(void **state) { (void)state, sums(1); }

/* The same verdict whether the further runs were there from the beginning or not; they are made for a tensor that fails. */
static void more_runs(void **state)
{
    (void)state;
    Sum s;
    begin(&s, 0, 1);
    assert_int_equal(s.o.runs, CHECK_RUNS);
    assert_int_equal(verdict(&s, s.o.exact[1][0]), CHECK_PASSES);
    assert_int_equal(s.o.runs, CHECK_RUNS);
    assert_int_equal(verdict(&s, s.o.exact[1][0] + 1), CHECK_FAR);
    assert_int_equal(s.o.runs, CHECK_MOST_RUNS);
    arena_free(s.a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(along), cmocka_unit_test(across), cmocka_unit_test(more_runs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
