/* test_rule.c: when gradients of a mean over very many rows, which f16 has few bits for or none, agree with those of few rows, and when they do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "measure.h"

enum { ROWS = 64, CLASSES = 1024, N = ROWS * CLASSES, PERIODS = 257 };
static const DLDataType f16 = {kDLFloat, 16, 1}, bf16 = {kDLBfloat, 16, 1}, f32 = {kDLFloat, 32, 1};

/* Element k of the gradient of a row's loss: its probability, less 1 of the target. */
static double gradient(int64_t k) { return (0.5 + (double)(k * 2654435761u % 1000) / 1000) / CLASSES - (k % CLASSES == k / CLASSES * 7 % CLASSES); }

typedef double (*Fault)(int64_t k, double v);
static double none(int64_t k, double v) { (void)k; return v; }
static double no_target(int64_t k, double v) { return k / CLASSES == 5 && v < 0 ? 0 : v; }
static double of_a_row_more(int64_t k, double v) { (void)k; return v * (ROWS * PERIODS) / (ROWS * PERIODS + ROWS); }
static double stray(int64_t k, double v) { return k == 4321 ? v + 1e-6 : v; }
static double twice(int64_t k, double v) { return k / CLASSES == 9 ? 2 * v : v; }

static double difference(DLDataType t, Fault fault)
{
    uint8_t *want = malloc(N * 4), *other = malloc(N * 4);
    double *got = malloc(N * sizeof *got);
    for (int64_t k = 0; k < N; k++) {
        measure_encode(want, t, (size_t)k, gradient(k) / ROWS);
        measure_encode(other, t, (size_t)k, fault(k, gradient(k) / (ROWS * PERIODS)));
        got[k] = measure_element(other, t, (size_t)k);
    }
    double d = measure_distance(got, want, t, N, 1.0 / PERIODS);
    free(want), free(other), free(got);
    return d;
}

static void numbers_that_are_rounded_away_agree(void **state)
{
    (void)state;
    assert_true(difference(f16, none) < 1.5 / 2048);
    assert_true(difference(bf16, none) < 1.5 / 256);
    assert_true(difference(f32, none) < 1e-5);
}

static void planted_faults_are_found(void **state)
{
    static const Fault faults[] = {no_target, of_a_row_more, stray, twice};
    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_true(difference(f16, faults[i]) > 1.5 / 2048);
        assert_true(difference(f32, faults[i]) > 1e-5);
    }
    assert_true(difference(bf16, no_target) > 1.5 / 256);
}

static void a_unit_is_of_the_type(void **state)
{
    (void)state;
    assert_true(measure_unit(f16, 1) == ldexp(1, -10) && measure_unit(f16, 0) == ldexp(1, -24) && measure_unit(f16, 1e-7) == ldexp(1, -24));
    assert_true(measure_unit(bf16, 1) == ldexp(1, -7) && measure_unit(f32, 3) == ldexp(1, -22) && measure_unit(f32, 0) == ldexp(1, -149));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_that_are_rounded_away_agree), cmocka_unit_test(planted_faults_are_found),
                                       cmocka_unit_test(a_unit_is_of_the_type)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
