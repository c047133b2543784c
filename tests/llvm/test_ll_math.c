/* test_ll_math.c: every function of f32 on the host against MPFR, with its bound in units in the last place.
 *
 * Inputs: points spread over the whole range of bit patterns, points near the function's own difficult places, and the special
 * values.  Each function runs in 16 lanes and in one lane.
 */
#include "ll_case.h"

#include <float.h>
#include <math.h>
#include <mpfr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 1 << 15 };

typedef int (*Truth)(mpfr_t r, const mpfr_t x, mpfr_rnd_t rnd);

static int t_exp2(mpfr_t r, const mpfr_t x, mpfr_rnd_t m) { return mpfr_exp2(r, x, m); }
static int t_rcp(mpfr_t r, const mpfr_t x, mpfr_rnd_t m) { return mpfr_ui_div(r, 1, x, m); }
static int t_sigmoid(mpfr_t r, const mpfr_t x, mpfr_rnd_t m)
{
    mpfr_neg(r, x, m);
    mpfr_exp(r, r, m);
    mpfr_add_ui(r, r, 1, m);
    return mpfr_ui_div(r, 1, r, m);
}
static int t_rsqrt(mpfr_t r, const mpfr_t x, mpfr_rnd_t m)
{
    mpfr_sqrt(r, x, m);
    return mpfr_ui_div(r, 1, r, m);
}
static int t_ceil(mpfr_t r, const mpfr_t x, mpfr_rnd_t m) { (void)m; return mpfr_ceil(r, x); }
static int t_floor(mpfr_t r, const mpfr_t x, mpfr_rnd_t m) { (void)m; return mpfr_floor(r, x); }
static int t_round(mpfr_t r, const mpfr_t x, mpfr_rnd_t m) { (void)m; return mpfr_rint(r, x, MPFR_RNDN); }

typedef struct Row { LirOpcode op; Truth truth; double lo, hi, bound; } Row;

/* lo..hi: where the random points lie in addition to all bit patterns. */
static const Row rows[] = {
    {LIR_EXP,     mpfr_exp,       -104, 89,   1.0},
    {LIR_EXP2,    t_exp2,         -150, 129,  1.0},
    {LIR_LOG,     mpfr_log,       0.5, 2,     1.5},
    {LIR_LOG2,    mpfr_log2,      0.5, 2,     1.5},
    {LIR_LOG1P,   mpfr_log1p,     -0.7, 1.5,  1.5},
    {LIR_SQRT,    mpfr_sqrt,      0, 4,       0.51},
    {LIR_RSQRT,   t_rsqrt,        0, 4,       1.5},
    {LIR_RCP,     t_rcp,          -4, 4,      0.51},
    {LIR_TANH,    mpfr_tanh,      -10, 10,    1.5},
    {LIR_SIGMOID, t_sigmoid,      -90, 30,    2.25},
    {LIR_ERF,     mpfr_erf,       -5, 5,      1.25},
    {LIR_SIN,     mpfr_sin,       -100, 100,  1.5},
    {LIR_COS,     mpfr_cos,       -100, 100,  1.5},
    {LIR_SIN,     mpfr_sin,       -6e6, 6e6,  1.5},
    {LIR_COS,     mpfr_cos,       -6e6, 6e6,  1.5},
    {LIR_SIN,     mpfr_sin,       -2e4, 2e4,  1.5},
    {LIR_COS,     mpfr_cos,       -2e4, 2e4,  1.5},
    {LIR_FLOOR,   t_floor,        -9, 9,      0.0},
    {LIR_CEIL,    t_ceil,         -9, 9,      0.0},
    {LIR_ROUND,   t_round,        -9, 9,      0.0},
};

static float from_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static uint32_t next(uint32_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 17;
    return *s ^= *s << 5;
}

static const float special[] = {0.0f, -0.0f, 1.0f, -1.0f, INFINITY, -INFINITY, NAN, FLT_MIN, -FLT_MIN, FLT_MAX, -FLT_MAX, 1e-45f, -1e-45f,
                                0.70710677f, 0.70710683f, 1.4142135f, 88.72283f, 88.722839f, -87.33655f, -103.97208f, 0.5f, 1.5f, 2.5f, 4194304.0f,
                                8388608.0f, 3.1415927f, 1.5707964f, 1e22f, 16367173e30f, 0.5625f, 0.99999994f, 1.0000001f, 4.0f, 3.9999998f};

static void fill(float *x, const Row *r)
{
    uint32_t s = 88172645u + r->op;
    for (int i = 0; i < N; i++)
        x[i] = i % 2 ? from_bits(next(&s)) : (float)(r->lo + (r->hi - r->lo) * (next(&s) / 4294967296.0));
    memcpy(x, special, sizeof special);
}

/* Distance of y from the true value in units in the last place of f32 (denormals counted in theirs). */
static double ulps(float y, const mpfr_t truth)
{
    double t = mpfr_get_d(truth, MPFR_RNDN);
    float near = mpfr_get_flt(truth, MPFR_RNDN);
    if (isnan(t) || isnan(y))
        return isnan(t) && isnan(y) ? 0 : 1e9;
    if (isinf(y) || isinf(near))
        return y == near || (fabs(t) > 3.4028233e38 && (fabsf(y) == FLT_MAX || isinf(y)) && signbit(y) == signbit(t)) ? 0 : 1e9;
    int e = t == 0 ? -149 : ilogb(t) - 23;
    return fabs((double)y - t) / ldexp(1, e < -149 ? -149 : e);
}

/* y[i] = op(x[i]), `lanes` at a time; one block does it all. */
static CaseCode build(Case *c, LirOpcode op, int lanes)
{
    c->fn->warp = 1;
    c->fn->precise = true;
    LirVal at = case_leaf(c, LIR_CTAID);
    LirVal src = case_at(c, case_ptr(c, 0), at, 4 * lanes), dst = case_at(c, case_ptr(c, 1), at, 4 * lanes);
    LirVal x = case_mem(c, LIR_LDG, DT_F32, lanes, src, 0, 0, 0, 4, 0);
    case_mem(c, LIR_STG, 0, 0, dst, lir_op1(c->fn, op, x), 0, 0, 4, 0);
    return case_host(c);
}

static double worst(const Row *r, const float *x, const float *y, float *where)
{
    mpfr_t a, t;
    double w = 0;
    mpfr_inits2(200, a, t, (mpfr_ptr)0);
    for (int i = 0; i < N; i++) {
        mpfr_set_flt(a, x[i], MPFR_RNDN);
        r->truth(t, a, MPFR_RNDN);
        double u = ulps(y[i], t);
        if (u > w || i == 0) {
            w = u;
            *where = x[i];
        }
    }
    mpfr_clears(a, t, (mpfr_ptr)0);
    return w;
}

static void check(const Row *r, int lanes)
{
    Case *c = case_new("lgr_math");
    float *x = aligned_alloc(64, N * 4), *y = aligned_alloc(64, N * 4), where = 0;
    assert_true(x && y);
    fill(x, r);
    CaseCode code = build(c, r->op, lanes);
    uint64_t words[] = {(uint64_t)(uintptr_t)x, (uint64_t)(uintptr_t)y};
    code.run(words, 0, (uint32_t)(N / lanes), (uint32_t)(N / lanes));
    double w = worst(r, x, y, &where);
    printf("  %-8s x%-2d worst %.3f ulp at %.9g (bound %.2f)\n", lir_op_name(r->op), lanes, w, where, r->bound);
    assert_true(w <= r->bound);
    case_unmap(&code);
    free(x);
    free(y);
    case_free(c);
}

static void test_functions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check(&rows[i], 16);
        check(&rows[i], 1);
    }
}

static void fill_pow(float *x, float *z)
{
    uint32_t s = 2463534242u;
    size_t n = sizeof special / sizeof *special;
    for (size_t i = 0; i < N; i++) {
        x[i] = i % 2 ? from_bits(next(&s)) : (float)(4 * (next(&s) / 4294967296.0));
        z[i] = i % 4 < 2 ? (float)((int)(next(&s) % 61) - 30) : (float)(60 * (next(&s) / 4294967296.0) - 30);
        if (i < n * n) {
            x[i] = special[i / n];
            z[i] = special[i % n];
        } else if (i % 8 == 0)
            z[i] = (float)(z[i] * 4);
    }
}

static void test_pow(void **state)
{
    (void)state;
    Case *c = case_new("lgr_pow");
    static float x[N], z[N], y[N];
    fill_pow(x, z);
    c->fn->precise = true;
    LirVal at = case_leaf(c, LIR_CTAID), v[2];
    for (int i = 0; i < 2; i++)
        v[i] = case_mem(c, LIR_LDG, DT_F32, 16, case_at(c, case_ptr(c, i), at, 64), 0, 0, 0, 4, 0);
    case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 2), at, 64), lir_op2(c->fn, LIR_POW, v[0], v[1]), 0, 0, 4, 0);
    CaseCode code = case_host(c);
    uint64_t words[] = {(uint64_t)(uintptr_t)x, (uint64_t)(uintptr_t)z, (uint64_t)(uintptr_t)y};
    code.run(words, 0, N / 16, N / 16);
    mpfr_t a, b, t;
    mpfr_inits2(200, a, b, t, (mpfr_ptr)0);
    double w = 0;
    int at_i = 0;
    for (int i = 0; i < N; i++) {
        mpfr_set_flt(a, x[i], MPFR_RNDN);
        mpfr_set_flt(b, z[i], MPFR_RNDN);
        mpfr_pow(t, a, b, MPFR_RNDN);
        double u = ulps(y[i], t);
        if (u > w) {
            w = u;
            at_i = i;
        }
    }
    printf("  pow      worst %.3f ulp at %.9g ** %.9g = %.9g (bound 2)\n", w, x[at_i], z[at_i], y[at_i]);
    assert_true(w <= 2.0);
    mpfr_clears(a, b, t, (mpfr_ptr)0);
    case_unmap(&code);
    case_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_functions), cmocka_unit_test(test_pow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
