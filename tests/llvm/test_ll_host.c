/* test_ll_host.c: host code run and compared: every pair of casts, integer arithmetic at its edges, loads and stores under masks and
 * predicates, loops, variables, shared memory, sums over elements.
 */
#include "ll_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t word(const void *p) { return (uint64_t)(uintptr_t)p; }

static float bf16_value(uint16_t h)
{
    uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, 4);
    return f;
}

/* ---- truth for casts: through double and 64-bit integers ---- */

static const DType all_types[] = {DT_BOOL, DT_I8, DT_U8, DT_I32, DT_I64, DT_F16, DT_BF16, DT_F32, DT_F64};
enum { NTYPES = 9, NV = 64 };

static uint16_t to_bf16(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    if (isnan(f))
        return (uint16_t)(u >> 16 | 0x40);
    uint32_t low = u & 0xffff, up = u >> 16;
    return (uint16_t)(up + (low > 0x8000 || (low == 0x8000 && (up & 1))));
}

/* By search over all halves: slow and plain. */
static double half_value(uint16_t h)
{
    int e = h >> 10 & 31, m = h & 1023;
    double v = e == 31 ? (m ? NAN : INFINITY) : e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
    return h & 0x8000 ? -v : v;
}

static uint16_t to_half(float f)
{
    uint16_t sign = signbit(f) ? 0x8000 : 0, best = 0;
    double a = fabs((double)f);
    if (isnan(f))
        return (uint16_t)(sign | 0x7e00);
    if (a >= 65520)
        return (uint16_t)(sign | 0x7c00);
    for (uint32_t h = 0; h < 0x7c00; h++) {
        double was = fabs(half_value(best) - a), is = fabs(half_value((uint16_t)h) - a);
        if (is < was || (is == was && !(h & 1)))
            best = (uint16_t)h;
    }
    return (uint16_t)(sign | best);
}

static double get_float(DType t, const void *p, int i)
{
    if (t == DT_F64)
        return ((const double *)p)[i];
    if (t == DT_F32)
        return ((const float *)p)[i];
    return t == DT_F16 ? half_value(((const uint16_t *)p)[i]) : bf16_value(((const uint16_t *)p)[i]);
}

static int64_t get_int(DType t, const void *p, int i)
{
    switch (t) {
    case DT_I8:  return ((const int8_t *)p)[i];
    case DT_I32: return ((const int32_t *)p)[i];
    case DT_I64: return ((const int64_t *)p)[i];
    default:     return ((const uint8_t *)p)[i];
    }
}

static void put_int(DType t, void *p, int i, int64_t v)
{
    switch (t) {
    case DT_BOOL: ((uint8_t *)p)[i] = v != 0; break;
    case DT_I8:
    case DT_U8:   ((uint8_t *)p)[i] = (uint8_t)v; break;
    case DT_I32:  ((int32_t *)p)[i] = (int32_t)v; break;
    default:      ((int64_t *)p)[i] = v; break;
    }
}

static void put_float(DType t, void *p, int i, double v)
{
    if (t == DT_F64)
        ((double *)p)[i] = v;
    else if (t == DT_F32)
        ((float *)p)[i] = (float)v;
    else
        ((uint16_t *)p)[i] = t == DT_F16 ? to_half((float)v) : to_bf16((float)v);
}

static int64_t saturate(DType t, double v)
{
    double lo = t == DT_I8 ? -128 : t == DT_U8 ? 0 : t == DT_I32 ? -2147483648.0 : -9223372036854775808.0;
    double hi = t == DT_I8 ? 127 : t == DT_U8 ? 255 : t == DT_I32 ? 2147483647.0 : 9223372036854775807.0;
    if (isnan(v))
        return 0;
    if (t == DT_I64 && v >= hi)
        return INT64_MAX;
    return (int64_t)(v < lo ? lo : v > hi ? hi : trunc(v));
}

static bool has_int_in(DType t) { return dt_is_int(t) || t == DT_BOOL; }

static void truth_cast(DType from, DType to, const void *x, void *y, int i)
{
    if (has_int_in(from) && has_int_in(to))
        put_int(to, y, i, get_int(from, x, i));
    else if (has_int_in(from))
        put_float(to, y, i, to == DT_F64 ? (double)get_int(from, x, i) : (double)(float)get_int(from, x, i));
    else if (to == DT_BOOL)
        put_int(to, y, i, get_float(from, x, i) != 0);
    else if (has_int_in(to))
        put_int(to, y, i, saturate(to, get_float(from, x, i)));
    else
        put_float(to, y, i, get_float(from, x, i));
}

static void fill_values(DType t, void *x)
{
    static const double f[] = {0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, 127.9, 128, -128.9, 255.5, 256, -1e-3, 65504, 65519.99, 65520, 1e10, -1e10, 3e38, -3e38,
                               INFINITY, -INFINITY, NAN, 1e-40, 1.00390625, 1.01171875, 6e-8, 5.9e-8, 3e-8, 2147483648.0, -2147483649.0, 9.3e18, -9.3e18};
    static const int64_t n[] = {0, 1, -1, 2, 127, 128, -128, -129, 255, 256, 257, 65535, 16777217, -16777219, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    uint32_t s = 7;
    for (int i = 0; i < NV; i++) {
        s = s * 1664525u + 1013904223u;
        if (has_int_in(t))
            put_int(t, x, i, (size_t)i < sizeof n / sizeof *n ? n[i] : (int64_t)(int32_t)s >> (s % 24));
        else
            put_float(t, x, i, (size_t)i < sizeof f / sizeof *f ? f[i] : (double)(int32_t)s / (1 << (s % 31)));
    }
}

static bool same(DType t, const void *a, const void *b, int i)
{
    if (dt_is_float(t) && isnan(get_float(t, a, i)) && isnan(get_float(t, b, i)))
        return true;
    int n = dt_bytes(t);
    return !memcmp((const char *)a + i * n, (const char *)b + i * n, (size_t)n);
}

static void check_cast(DType from, DType to, int lanes)
{
    _Alignas(64) char x[NV * 8] = {0}, y[NV * 8] = {0}, want[NV * 8] = {0};
    Case *c = case_new("lgr_cast");
    fill_values(from, x);
    LirVal at = case_leaf(c, LIR_CTAID);
    LirVal v = case_mem(c, LIR_LDG, from, lanes, case_at(c, case_ptr(c, 0), at, lanes * dt_bytes(from)), 0, 0, 0, dt_bytes(from), 0);
    case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 1), at, lanes * dt_bytes(to)), lir_cast(c->fn, to, v), 0, 0, dt_bytes(to), 0);
    CaseCode code = case_host(c);
    uint64_t words[] = {word(x), word(y)};
    code.run(words, 0, (uint32_t)(NV / lanes), (uint32_t)(NV / lanes));
    for (int i = 0; i < NV; i++) {
        truth_cast(from, to, x, want, i);
        if (!same(to, y, want, i))
            fail_msg("%s to %s, %d lanes, value %d (%g)", dt_name(from), dt_name(to), lanes, i,
                     dt_is_float(from) ? get_float(from, x, i) : (double)get_int(from, x, i));
    }
    case_unmap(&code);
    case_free(c);
}

static void test_casts(void **state)
{
    (void)state;
    for (int i = 0; i < NTYPES; i++)
        for (int j = 0; j < NTYPES; j++) {
            check_cast(all_types[i], all_types[j], 16);
            check_cast(all_types[i], all_types[j], 1);
        }
}

/* Every upper half with lower halves about the ties, signalling NaNs among them. */
static void test_bf16_bits(void **state)
{
    (void)state;
    enum { LOWS = 6, ALL = 65536 * LOWS };
    static const uint32_t low[LOWS] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
    float *x = aligned_alloc(64, ALL * sizeof *x);
    uint16_t *y = aligned_alloc(64, ALL * sizeof *y);
    for (uint32_t i = 0; i < ALL; i++)
        memcpy(&x[i], &(uint32_t){i / LOWS << 16 | low[i % LOWS]}, sizeof *x);
    for (int lanes = 8; lanes <= 64; lanes *= 2) {
        Case *c = case_new("lgr_bits");
        LirVal at = case_leaf(c, LIR_CTAID), v = case_mem(c, LIR_LDG, DT_F32, lanes, case_at(c, case_ptr(c, 0), at, lanes * 4), 0, 0, 0, 4, 0);
        case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 1), at, lanes * 2), lir_cast(c->fn, DT_BF16, v), 0, 0, 2, 0);
        CaseCode code = case_host(c);
        uint64_t words[] = {word(x), word(y)};
        code.run(words, 0, (uint32_t)(ALL / lanes), (uint32_t)(ALL / lanes));
        for (int i = 0; i < ALL; i++)
            if (y[i] != to_bf16(x[i]))
                fail_msg("%a to bf16, %d lanes: %04x", (double)x[i], lanes, y[i]);
        case_unmap(&code);
        case_free(c);
    }
    free(x);
    free(y);
}

/* ---- integers ---- */

static int64_t int_truth(LirOpcode op, int64_t a, int64_t b)
{
    switch (op) {
    case LIR_ADD: return (int32_t)((uint32_t)a + (uint32_t)b);
    case LIR_MUL: return (int32_t)((uint32_t)a * (uint32_t)b);
    case LIR_DIV: return b == 0 ? 0 : (int32_t)(a / b);
    case LIR_REM: return b == 0 ? 0 : a % b;
    case LIR_MIN: return a < b ? a : b;
    case LIR_MAX: return a > b ? a : b;
    case LIR_SHL: return (int32_t)((uint32_t)a << (b & 31));
    case LIR_SHR: return a >> (b & 31);
    case LIR_XOR: return a ^ b;
    default:      return a < b;
    }
}

static void test_int(void **state)
{
    (void)state;
    static const LirOpcode ops[] = {LIR_ADD, LIR_MUL, LIR_DIV, LIR_REM, LIR_MIN, LIR_MAX, LIR_SHL, LIR_SHR, LIR_XOR, LIR_LT};
    static const int32_t v[] = {0, 1, -1, 7, -7, 31, INT32_MAX, INT32_MIN};
    for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
        Case *c = case_new("lgr_int");
        int32_t a[64], b[64], y[64];
        for (int i = 0; i < 64; i++) {
            a[i] = v[i / 8];
            b[i] = v[i % 8];
        }
        LirVal at = case_leaf(c, LIR_CTAID), x[2];
        for (int i = 0; i < 2; i++)
            x[i] = case_mem(c, LIR_LDG, DT_I32, 8, case_at(c, case_ptr(c, i), at, 32), 0, 0, 0, 4, 0);
        LirVal r = lir_cast(c->fn, DT_I32, lir_op2(c->fn, ops[k], x[0], x[1]));
        case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 2), at, 32), r, 0, 0, 4, 0);
        CaseCode code = case_host(c);
        uint64_t words[] = {word(a), word(b), word(y)};
        code.run(words, 0, 8, 8);
        for (int i = 0; i < 64; i++)
            assert_int_equal(y[i], int_truth(ops[k], a[i], b[i]));
        case_unmap(&code);
        case_free(c);
    }
}

/* ---- masks: row of n elements copied in vectors of 16, nothing outside touched ---- */

static void check_masked(DType t, int n, int lo, const char *cpu)
{
    Case *c = case_new("lgr_mask");
    c->o.host_cpu = cpu;
    int bytes = dt_bytes(t);
    unsigned char src[64 * 8 + 64], dst[64 * 8 + 64];
    for (size_t i = 0; i < sizeof src; i++) {
        src[i] = (unsigned char)(t == DT_BOOL ? i % 2 : i * 7 + 1);
        dst[i] = 0xee;
    }
    LirVal at = case_leaf(c, LIR_CTAID), first = lir_op2(c->fn, LIR_MUL, at, lir_ci(c->fn, DT_I32, 16));
    LirVal from = lir_op2(c->fn, LIR_SUB, lir_ci(c->fn, DT_I32, lo), first), to = lir_op2(c->fn, LIR_SUB, lir_ci(c->fn, DT_I32, n), first);
    LirVal v = case_mem(c, LIR_LDGM, t, 16, case_at(c, case_ptr(c, 0), first, bytes), from, to, 0, 1, 0);
    case_mem(c, LIR_STGM, 0, 0, case_at(c, case_ptr(c, 1), first, bytes), v, from, to, 1, 0);
    CaseCode code = case_host(c);
    uint64_t words[] = {word(src + 1), word(dst + 1)};
    code.run(words, 0, 4, 4);
    for (int i = 0; i < 64 * bytes; i++) {
        bool in = i / bytes >= lo && i / bytes < n;
        assert_int_equal(dst[1 + i], in ? src[1 + i] : 0xee);
    }
    case_unmap(&code);
    case_free(c);
}

static void test_masked(void **state)
{
    (void)state;
    static const DType t[] = {DT_BOOL, DT_U8, DT_BF16, DT_F32, DT_I64, DT_F64};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        for (int n = 0; n <= 64; n += 7) {
            check_masked(t[i], n, n % 3, NULL);
            check_masked(t[i], n, n % 3, "x86-64-v3");
        }
}

/* ---- structure: sum of a row by a loop, rms scaling, a branch and shared memory ---- */

enum { ROWS = 5, COLS = 1003 };

static void sum_kernel(Case *c)
{
    LirFn *fn = c->fn;
    LirVal cols = lir_word(fn, DT_I32, (LirWord){LIR_W_ROWLEN, 0, 0}), row = case_leaf(c, LIR_CTAID);
    LirVal base = case_at(c, case_ptr(c, 0), lir_op2(fn, LIR_MUL, row, cols), 2);
    LirVal acc = lir_op1(fn, LIR_VAR, lir_cf(fn, DT_F32, 16, 0)), i = lir_op1(fn, LIR_VAR, lir_ci(fn, DT_I32, 0));
    case_op(c, LIR_LOOP, 0, 0, 0, 0, 0);
    LirVal at = lir_op1(fn, LIR_GET, i);
    case_op(c, LIR_WHILE, 0, 0, lir_op2(fn, LIR_LT, at, cols), 0, 0);
    LirVal v = case_mem(c, LIR_LDGM, DT_BF16, 16, case_at(c, base, at, 2), lir_ci(fn, DT_I32, 0), lir_op2(fn, LIR_SUB, cols, at), 0, 2, 0);
    lir_set(fn, acc, lir_op2(fn, LIR_ADD, lir_op1(fn, LIR_GET, acc), lir_cast(fn, DT_F32, v)));
    lir_set(fn, i, lir_op2(fn, LIR_ADD, at, lir_ci(fn, DT_I32, 16)));
    case_op(c, LIR_END, 0, 0, 0, 0, 0);
    LirVal sum = lir_op1(fn, LIR_HSUM, lir_op1(fn, LIR_GET, acc));
    /* odd rows give minus the sum, through shared memory */
    fn->smem = 64;
    LirVal odd = lir_op2(fn, LIR_EQ, lir_op2(fn, LIR_AND, row, lir_ci(fn, DT_I32, 1)), lir_ci(fn, DT_I32, 1)), slot = lir_ci(fn, DT_I32, 8);
    case_op(c, LIR_IF, 0, 0, odd, 0, 0);
    case_mem(c, LIR_STS, 0, 0, slot, lir_op1(fn, LIR_NEG, sum), 0, 0, 4, 0);
    case_op(c, LIR_ELSE, 0, 0, 0, 0, 0);
    case_mem(c, LIR_STS, 0, 0, slot, sum, 0, 0, 4, 0);
    case_op(c, LIR_END, 0, 0, 0, 0, 0);
    LirVal out = case_mem(c, LIR_LDS, DT_F32, 1, slot, 0, 0, 0, 4, 0);
    case_mem(c, LIR_STGP, 0, 0, case_at(c, case_ptr(c, 1), row, 4), out, lir_op2(fn, LIR_LT, row, lir_ci(fn, DT_I32, ROWS)), 0, 4, 0);
}

static void run_sum(int level, const uint16_t *x, float *y)
{
    Case *c = case_new("lgr_sum");
    c->o.opt_level = level;
    sum_kernel(c);
    CaseCode code = case_host(c);
    uint64_t words[8] = {0};
    for (uint32_t k = 0; k < c->fn->nwords; k++)
        words[k] = c->fn->words[k].kind == LIR_W_ROWLEN ? COLS : c->fn->words[k].a ? word(y) : word(x);
    code.run(words, 0, ROWS + 1, ROWS + 1);
    case_unmap(&code);
    case_free(c);
}

/* The same bits at every level of optimisation, and the right ones. */
static void test_loop(void **state)
{
    (void)state;
    static uint16_t x[(ROWS + 1) * COLS];
    float y[ROWS + 1], first[ROWS];
    for (int i = 0; i < ROWS * COLS; i++)
        x[i] = to_bf16((float)(i % 17) / 16 - 0.5f);
    for (int level = 0; level <= 3; level++) {
        y[ROWS] = 77;
        run_sum(level, x, y);
        assert_true(y[ROWS] == 77);
        if (level)
            assert_memory_equal(y, first, sizeof first);
        memcpy(first, y, sizeof first);
    }
    for (int r = 0; r < ROWS; r++) {
        double want = 0;
        for (int k = 0; k < COLS; k++)
            want += bf16_value(x[r * COLS + k]);
        assert_true(fabs(y[r] - (r % 2 ? -want : want)) < 1e-3);
    }
}

/* ---- folds, min and max with NaN, select, blocks ---- */

static void test_folds(void **state)
{
    (void)state;
    Case *c = case_new("lgr_fold");
    float x[32], y[6];
    for (int i = 0; i < 32; i++)
        x[i] = (float)((i * 37) % 32) - 11;
    x[20] = NAN;
    LirFn *fn = c->fn;
    LirVal row = case_leaf(c, LIR_CTAID), v = case_mem(c, LIR_LDG, DT_F32, 16, case_at(c, case_ptr(c, 0), row, 64), 0, 0, 0, 4, 0);
    LirVal out = case_at(c, case_ptr(c, 1), row, 12);
    static const LirOpcode ops[] = {LIR_HSUM, LIR_HMAX, LIR_HMIN};
    for (int i = 0; i < 3; i++)
        case_mem(c, LIR_STG, 0, 0, lir_op2(fn, LIR_ADD, out, lir_ci(fn, DT_I64, 4 * i)), lir_op1(fn, ops[i], v), 0, 0, 4, 0);
    CaseCode code = case_host(c);
    uint64_t words[] = {word(x), word(y)};
    code.run(words, 0, 2, 2);
    float sum = 0, most = -INFINITY, least = INFINITY;
    for (int i = 0; i < 16; i++) {
        sum += x[i];
        most = fmaxf(most, x[i]);
        least = fminf(least, x[i]);
    }
    assert_true(y[0] == sum && y[1] == most && y[2] == least);
    assert_true(isnan(y[3]) && isnan(y[4]) && isnan(y[5]));
    case_unmap(&code);
    case_free(c);
}

/* A block range begin..end runs those blocks and no others; non-temporal stores are seen. */
static void test_range(void **state)
{
    (void)state;
    Case *c = case_new("lgr_range");
    _Alignas(64) static float y[8 * 16];
    LirFn *fn = c->fn;
    LirVal block = case_leaf(c, LIR_CTAID), n = case_leaf(c, LIR_NCTAID);
    LirVal v = lir_splat(fn, lir_cast(fn, DT_F32, lir_op2(fn, LIR_ADD, lir_op2(fn, LIR_MUL, block, lir_ci(fn, DT_I32, 100)), n)), 16);
    case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 0), block, 64), v, 0, 0, 64, LIR_F_STREAM);
    CaseCode code = case_host(c);
    uint64_t words[] = {word(y)};
    code.run(words, 3, 6, 8);
    for (int i = 0; i < 128; i++)
        assert_true(y[i] == (i / 16 >= 3 && i / 16 < 6 ? (float)(i / 16 * 100 + 8) : 0));
    case_unmap(&code);
    case_free(c);
}

/* An older processor gets code without the newer one's instructions, and the same numbers. */
static void test_older_cpu(void **state)
{
    (void)state;
    Case *c = case_new("lgr_old");
    static uint16_t x[64], y[64];
    for (int i = 0; i < 64; i++)
        x[i] = to_half((float)i / 8);
    c->o.host_cpu = "x86-64-v3";
    LirFn *fn = c->fn;
    LirVal at = case_leaf(c, LIR_CTAID);
    LirVal v = case_mem(c, LIR_LDGM, DT_F16, 16, case_at(c, case_ptr(c, 0), at, 32), lir_ci(fn, DT_I32, 0), lir_ci(fn, DT_I32, 13), 0, 2, 0);
    LirVal r = lir_cast(fn, DT_F16, lir_op1(fn, LIR_EXP, lir_op1(fn, LIR_NEG, lir_cast(fn, DT_F32, v))));
    case_mem(c, LIR_STGM, 0, 0, case_at(c, case_ptr(c, 1), at, 32), r, lir_ci(fn, DT_I32, 0), lir_ci(fn, DT_I32, 13), 2, 0);
    CaseCode code = case_host(c);
    uint64_t words[] = {word(x), word(y)};
    code.run(words, 0, 4, 4);
    for (int i = 0; i < 64; i++)
        assert_int_equal(y[i], i % 16 < 13 ? to_half(expf(-(float)half_value(x[i]))) : 0);
    case_unmap(&code);
    case_free(c);
}

static void test_refused(void **state)
{
    (void)state;
    Case *c = case_new("lgr_refused");
    Buf blob = {0};
    uint32_t entry;
    LirVal v = case_mem(c, LIR_LDG, DT_F64, 4, case_ptr(c, 0), 0, 0, 0, 8, 0);
    case_mem(c, LIR_STG, 0, 0, case_ptr(c, 0), lir_op1(c->fn, LIR_EXP, v), 0, 0, 8, 0);
    assert_false(ll_emit_host(c->s, &c->fn, 1, &c->o, &blob, &entry, &c->d));
    assert_int_equal(c->d.nerrors, 1);
    assert_string_equal(c->d.items[0].msg, "exp of f64");
    buf_free(&blob);
    case_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_casts), cmocka_unit_test(test_bf16_bits), cmocka_unit_test(test_int), cmocka_unit_test(test_masked), cmocka_unit_test(test_loop),
        cmocka_unit_test(test_folds), cmocka_unit_test(test_range), cmocka_unit_test(test_older_cpu), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
