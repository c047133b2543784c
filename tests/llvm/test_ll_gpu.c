/* test_ll_gpu.c: kernels run on this machine's GPU: functions against libm in double, casts and integers against the host's code bit
 * by bit, masks, shuffles, barriers and asynchronous copies against plain loops.  Skipped, with the reason, where there is no GPU.
 */
#include "ll_case.h"
#include "gpu_driver.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 1 << 16, THREADS = 128 };

static Gpu gpu;
static TargetId here;

static TargetId target_here(void)
{
    for (int t = TARGET_COUNT - 1; t >= TARGET_SM80; t--) {
        int sm = target_get((TargetId)t)->sm;
        bool same = sm == gpu.major * 10 + gpu.minor, before = sm / 10 == gpu.major && sm <= gpu.major * 10 + gpu.minor;
        if (same || (before && !strchr(target_get((TargetId)t)->cpu, 'a')))
            return (TargetId)t;
    }
    return TARGET_SM80;
}

#define OK(call) assert_int_equal((call), 0)

static uint64_t upload(const void *p, size_t n)
{
    uint64_t d;
    OK(gpu.MemAlloc(&d, n));
    OK(gpu.HtoD(d, p, n));
    return d;
}

static void download(void *p, uint64_t d, size_t n)
{
    OK(gpu.DtoH(p, d, n));
    OK(gpu.MemFree(d));
}

/* PTX of c's only function to the driver, and one launch with these words. */
static void launch(Case *c, unsigned blocks, uint64_t *words)
{
    Buf ptx = {0};
    void *m, *f, *params[] = {words};
    case_ptx(c, here, &ptx);
    OK(gpu.ModuleLoadData(&m, ptx.p));
    OK(gpu.ModuleGetFunction(&f, m, c->fn->name));
    if (c->fn->smem > 48 * 1024)
        OK(gpu.FuncSetAttribute(f, 8, (int)c->fn->smem));
    OK(gpu.LaunchKernel(f, blocks, 1, 1, c->fn->threads, 1, 1, c->fn->smem, NULL, params, NULL));
    OK(gpu.Synchronize());
    OK(gpu.ModuleUnload(m));
    buf_free(&ptx);
}

static LirVal global_index(Case *c)
{
    c->fn->threads = THREADS;
    return lir_op2(c->fn, LIR_ADD, lir_op2(c->fn, LIR_MUL, case_leaf(c, LIR_CTAID), lir_ci(c->fn, DT_I32, THREADS)), case_leaf(c, LIR_TID));
}

/* ---- functions ---- */

static double d_sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double d_rsqrt(double x) { return 1 / sqrt(x); }
static double d_rcp(double x) { return 1 / x; }

/* lo..hi: the points on which the fast form is judged, by relative error below `fast` or absolute below `floor`. */
typedef struct Row { LirOpcode op; double (*truth)(double); double lo, hi, ulps, fast, floor; } Row;

static const Row rows[] = {
    {LIR_EXP, exp, -80, 80, 2.5, 1e-5, 0},         {LIR_EXP2, exp2, -120, 120, 2.5, 1e-6, 0},      {LIR_LOG, log, 0.01, 100, 1.5, 1e-6, 1e-6},
    {LIR_LOG2, log2, 0.01, 100, 1.5, 1e-6, 1e-6},  {LIR_LOG1P, log1p, -0.7, 3, 1.5, 1e-6, 0},      {LIR_SQRT, sqrt, 0, 1e6, 0.51, 1e-6, 0},
    {LIR_RSQRT, d_rsqrt, 1e-6, 1e6, 2.0, 1e-6, 0}, {LIR_RCP, d_rcp, 0.01, 1e4, 0.51, 1e-6, 0},     {LIR_TANH, tanh, -9, 9, 2.5, 1e-5, 0},
    {LIR_SIGMOID, d_sigmoid, -80, 80, 3.5, 1e-5, 0}, {LIR_ERF, erf, -5, 5, 2.0, 1e-6, 0},          {LIR_SIN, sin, -100, 100, 2.0, 1e-5, 1e-6},
    {LIR_COS, cos, -100, 100, 2.0, 1e-5, 1e-6},
};

static uint32_t next(uint32_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 17;
    return *s ^= *s << 5;
}

static void fill(float *x, const Row *r, bool everywhere)
{
    uint32_t s = 88172645u + r->op, u;
    for (int i = 0; i < N; i++) {
        x[i] = (float)(r->lo + (r->hi - r->lo) * (next(&s) / 4294967296.0));
        if (everywhere && i % 2) {
            u = next(&s);
            memcpy(&x[i], &u, 4);
        } else if (!everywhere && i % 2)
            x[i] = (float)(x[i] * pow(2, -(double)(next(&s) % 12)));      /* more of them near 0 */
        if (x[i] < r->lo && !everywhere)
            x[i] = (float)r->hi;
    }
    if (everywhere)
        memcpy(x, (float[]){0.0f, -0.0f, INFINITY, -INFINITY, NAN, FLT_MIN, FLT_MAX, -FLT_MAX, 1e-45f, -1e-45f}, 40);
}

static double ulps(float y, double t)
{
    float near = (float)t;
    if (isnan(t) || isnan(y))
        return isnan(t) && isnan(y) ? 0 : 1e9;
    if (isinf(y) || isinf(near))
        return y == near || (fabs(t) > 3.4028233e38 && (fabsf(y) == FLT_MAX || isinf(y))) ? 0 : 1e9;
    int e = t == 0 ? -149 : ilogb(t) - 23;
    return fabs((double)y - t) / ldexp(1, e < -149 ? -149 : e);
}

static void run_function(const Row *r, bool precise, const float *x, float *y)
{
    Case *c = case_new("lgr_function");
    c->fn->precise = precise;
    LirVal i = global_index(c), p = case_at(c, case_ptr(c, 0), i, 16);
    LirVal v = case_mem(c, LIR_LDG, DT_F32, 4, p, 0, 0, 0, 16, 0);
    case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 1), i, 16), lir_op1(c->fn, r->op, v), 0, 0, 16, 0);
    uint64_t words[] = {upload(x, N * 4), upload(y, N * 4)};
    launch(c, N / 4 / THREADS, words);
    download(y, words[1], N * 4);
    OK(gpu.MemFree(words[0]));
    case_free(c);
}

static void check_precise(const Row *r, float *x, float *y)
{
    double w = 0;
    float at = 0;
    fill(x, r, true);
    run_function(r, true, x, y);
    for (int i = 0; i < N; i++) {
        double u = ulps(y[i], r->truth(x[i]));
        if (u > w) {
            w = u;
            at = x[i];
        }
    }
    printf("  %-8s precise: worst %.3f ulp at %.9g (bound %.2f)\n", lir_op_name(r->op), w, at, r->ulps);
    assert_true(w <= r->ulps);
}

static void check_fast(const Row *r, float *x, float *y)
{
    double w = 0;
    float at = 0;
    fill(x, r, false);
    run_function(r, false, x, y);
    for (int i = 0; i < N; i++) {
        double t = r->truth(x[i]), d = fabs(y[i] - t), e = fabs(t) < 1e-37 || d <= r->floor ? 0 : d / fabs(t);
        if (!(e <= w)) {
            w = e;
            at = x[i];
        }
    }
    printf("  %-8s fast: worst relative error %.2e at %.9g (bound %.0e)\n", lir_op_name(r->op), w, at, r->fast);
    assert_true(w <= r->fast);
}

static void test_functions(void **state)
{
    (void)state;
    float *x = malloc(N * 4), *y = malloc(N * 4);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memset(y, 0, N * 4);
        check_precise(&rows[i], x, y);
        check_fast(&rows[i], x, y);
    }
    free(x);
    free(y);
}

/* ---- the same function on both machines, bit by bit ---- */

static LirVal common_index(Case *c, bool on_gpu)
{
    if (on_gpu)
        return global_index(c);
    c->fn->warp = 1;
    return case_leaf(c, LIR_CTAID);
}

typedef struct Pair { DType from, to; LirOpcode op; } Pair;

static void pair_kernel(Case *c, const Pair *p, bool on_gpu)
{
    enum { LANES = 8 };
    LirFn *fn = c->fn;
    fn->precise = true;
    LirVal i = common_index(c, on_gpu), v[2];
    int in = LANES * dt_bytes(p->from), out = LANES * dt_bytes(p->to);
    int ain = in < 16 ? in : 16, aout = out < 16 ? out : 16;
    for (int k = 0; k < 2; k++)
        v[k] = case_mem(c, LIR_LDG, p->from, LANES, case_at(c, case_ptr(c, k), i, in), 0, 0, 0, ain, 0);
    LirVal r = p->op == LIR_CAST ? lir_cast(fn, p->to, v[0]) : lir_cast(fn, p->to, lir_op2(fn, p->op, v[0], v[1]));
    case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 2), i, out), r, 0, 0, aout, 0);
}

static bool nan_at(DType t, const unsigned char *p)
{
    float f;
    uint16_t h;
    memcpy(&h, p, 2);
    if (t == DT_F32) {
        memcpy(&f, p, 4);
        return isnan(f);
    }
    return t == DT_BF16 ? (h & 0x7fff) > 0x7f80 : t == DT_F16 && (h & 0x7fff) > 0x7c00;
}

static void compare(const Pair *p, const unsigned char *a, const unsigned char *b, int n)
{
    int bytes = dt_bytes(p->to);
    for (int i = 0; i < n; i++)
        if (memcmp(a + i * bytes, b + i * bytes, (size_t)bytes) && !(nan_at(p->to, a + i * bytes) && nan_at(p->to, b + i * bytes)))
            fail_msg("%s %s to %s: element %d differs", lir_op_name(p->op), dt_name(p->from), dt_name(p->to), i);
}

static void check_pair(const Pair *p)
{
    enum { M = 4096 };
    static _Alignas(64) unsigned char x[2][M * 8], y[2][M * 8];
    uint32_t s = 99;
    for (int i = 0; i < 2 * M * 8; i++)
        x[i % 2][i / 2] = p->from == DT_BOOL ? i / 3 % 2 : (unsigned char)(next(&s) >> 7);
    memset(y, 0xee, sizeof y);
    Case *c = case_new("lgr_pair"), *h = case_new("lgr_pair");
    pair_kernel(c, p, true);
    pair_kernel(h, p, false);
    uint64_t words[] = {upload(x[0], M * 8), upload(x[1], M * 8), upload(y[0], M * 8)};
    launch(c, M / 8 / THREADS, words);
    download(y[0], words[2], M * 8);
    OK(gpu.MemFree(words[0]));
    OK(gpu.MemFree(words[1]));
    CaseCode code = case_host(h);
    uint64_t host[] = {(uint64_t)(uintptr_t)x[0], (uint64_t)(uintptr_t)x[1], (uint64_t)(uintptr_t)y[1]};
    code.run(host, 0, M / 8, M / 8);
    compare(p, y[0], y[1], M);
    case_unmap(&code);
    case_free(h);
    case_free(c);
}

static void test_pairs(void **state)
{
    (void)state;
    static const DType t[] = {DT_BOOL, DT_I8, DT_U8, DT_I32, DT_I64, DT_F16, DT_BF16, DT_F32};
    int n = 0;
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++, n++)
            check_pair(&(Pair){t[i], t[j], LIR_CAST});
    static const LirOpcode ints[] = {LIR_ADD, LIR_MUL, LIR_DIV, LIR_REM, LIR_MIN, LIR_SHL, LIR_SHR, LIR_LT};
    for (int i = 1; i < 5; i++)
        for (int k = 0; k < 8; k++, n++)
            check_pair(&(Pair){t[i], t[i], ints[k]});
    static const LirOpcode floats[] = {LIR_ADD, LIR_MUL, LIR_DIV, LIR_MIN, LIR_MAX, LIR_LT};
    for (int i = 5; i < 8; i++)
        for (int k = 0; k < 6; k++, n++)
            check_pair(&(Pair){t[i], t[i], floats[k]});
    printf("  %d kernels equal on both machines\n", n);
}

/* ---- threads together ---- */

static LirVal warp_sum(Case *c, LirVal v)
{
    for (int d = 16; d; d /= 2)
        v = lir_op2(c->fn, LIR_ADD, v, case_op(c, LIR_BFLY, lir_dt(c->fn, v), 1, v, 0, d));
    return v;
}

/* One row of n f32 a block: copied in by cp.async in pieces of 16 bytes a thread, three stages, summed, shared by a barrier. */
static void block_sum_kernel(Case *c)
{
    LirFn *fn = c->fn;
    fn->threads = THREADS;
    fn->smem = 3 * 2048 + 64;
    fn->precise = true;
    LirVal tid = case_leaf(c, LIR_TID), row = case_leaf(c, LIR_CTAID), turns = lir_word(fn, DT_I32, (LirWord){LIR_W_ROWLEN, 0, 0});
    LirVal own = lir_op2(fn, LIR_MUL, tid, lir_ci(fn, DT_I32, 16)), three = lir_ci(fn, DT_I32, 3), kb2 = lir_ci(fn, DT_I32, 2048);
    LirVal src = case_at(c, case_at(c, case_ptr(c, 0), lir_op2(fn, LIR_MUL, row, turns), 2048), tid, 16);
    for (int s = 0; s < 2; s++) {
        LirVal in = lir_op2(fn, LIR_LT, lir_ci(fn, DT_I32, s), turns), at = lir_op2(fn, LIR_ADD, own, lir_ci(fn, DT_I32, s * 2048));
        lir_add(fn, (LirOp){.op = LIR_CPA, .ref = -1, .a = {at, lir_op2(fn, LIR_ADD, src, lir_ci(fn, DT_I64, s * 2048)), in}, .imm.i = 16});
        case_op(c, LIR_CPCOMMIT, 0, 0, 0, 0, 0);
    }
    LirVal i = lir_op1(fn, LIR_VAR, lir_ci(fn, DT_I32, 0)), sum = lir_op1(fn, LIR_VAR, lir_cf(fn, DT_F32, 4, 0));
    case_op(c, LIR_LOOP, 0, 0, 0, 0, 0);
    LirVal at = lir_op1(fn, LIR_GET, i), ahead = lir_op2(fn, LIR_ADD, at, lir_ci(fn, DT_I32, 2));
    case_op(c, LIR_WHILE, 0, 0, lir_op2(fn, LIR_LT, at, turns), 0, 0);
    lir_add(fn, (LirOp){.op = LIR_CPWAIT, .ref = -1, .imm.i = 1});
    LirVal slot = lir_op2(fn, LIR_ADD, own, lir_op2(fn, LIR_MUL, lir_op2(fn, LIR_REM, at, three), kb2));
    LirVal v = case_mem(c, LIR_LDS, DT_F32, 4, slot, 0, 0, 0, 16, 0);
    lir_set(fn, sum, lir_op2(fn, LIR_ADD, lir_op1(fn, LIR_GET, sum), v));
    LirVal to = lir_op2(fn, LIR_ADD, own, lir_op2(fn, LIR_MUL, lir_op2(fn, LIR_REM, ahead, three), kb2));
    lir_add(fn, (LirOp){.op = LIR_CPA, .ref = -1, .a = {to, case_at(c, src, ahead, 2048), lir_op2(fn, LIR_LT, ahead, turns)}, .imm.i = 16});
    case_op(c, LIR_CPCOMMIT, 0, 0, 0, 0, 0);
    lir_set(fn, i, lir_op2(fn, LIR_ADD, at, lir_ci(fn, DT_I32, 1)));
    case_op(c, LIR_END, 0, 0, 0, 0, 0);
    LirVal s = warp_sum(c, lir_op1(fn, LIR_HSUM, lir_op1(fn, LIR_GET, sum)));
    LirVal lane = lir_op2(fn, LIR_AND, tid, lir_ci(fn, DT_I32, 31)), warp = lir_op2(fn, LIR_SHR, tid, lir_ci(fn, DT_I32, 5)), base = lir_ci(fn, DT_I32, 3 * 2048);
    LirVal first = lir_op2(fn, LIR_EQ, lane, lir_ci(fn, DT_I32, 0));
    case_mem(c, LIR_STSP, 0, 0, lir_op2(fn, LIR_ADD, base, lir_op2(fn, LIR_MUL, warp, lir_ci(fn, DT_I32, 4))), s, first, 0, 4, 0);
    case_op(c, LIR_BAR, 0, 0, 0, 0, 0);
    LirVal all = lir_op1(fn, LIR_HSUM, case_mem(c, LIR_LDS, DT_F32, 4, base, 0, 0, 0, 16, 0));
    case_mem(c, LIR_STGP, 0, 0, case_at(c, case_ptr(c, 1), row, 4), all, lir_op2(fn, LIR_EQ, tid, lir_ci(fn, DT_I32, 0)), 0, 4, 0);
}

static void test_block_sum(void **state)
{
    (void)state;
    enum { BLOCKS = 300, TURNS = 7, ROW = TURNS * 512 };
    float *x = malloc(BLOCKS * ROW * 4), y[BLOCKS] = {0};
    for (int i = 0; i < BLOCKS * ROW; i++)
        x[i] = (float)(i % 4099 - 2000);                       /* whole numbers: every order of adding is exact */
    Case *c = case_new("lgr_block_sum");
    block_sum_kernel(c);
    {
        uint64_t words[3] = {0};
        uint64_t dx = upload(x, BLOCKS * ROW * 4), dy = upload(y, sizeof y);
        for (uint32_t k = 0; k < c->fn->nwords; k++)
            words[k] = c->fn->words[k].kind == LIR_W_ROWLEN ? TURNS : c->fn->words[k].a ? dy : dx;
        launch(c, BLOCKS, words);
        download(y, dy, sizeof y);
        OK(gpu.MemFree(dx));
        for (int r = 0; r < BLOCKS; r++) {
            double want = 0;
            for (int i = 0; i < ROW; i++)
                want += x[r * ROW + i];
            assert_true(y[r] == want);
        }
    }
    case_free(c);
    free(x);
}

/* Values of 1 to 8 bytes through shuffles, and groups of two warps through named barriers. */
static void shuffle_kernel(Case *c, DType t)
{
    LirFn *fn = c->fn;
    fn->threads = 256;
    fn->smem = 256 * 8;
    LirVal tid = case_leaf(c, LIR_TID), in = case_at(c, case_ptr(c, 0), tid, dt_bytes(t)), own = lir_op2(fn, LIR_MUL, tid, lir_ci(fn, DT_I32, 8));
    LirVal v = case_mem(c, LIR_LDG, t, 1, in, 0, 0, 0, dt_bytes(t), 0);
    v = case_op(c, LIR_BFLY, t, 1, v, 0, 5);
    case_mem(c, LIR_STS, 0, 0, own, v, 0, 0, dt_bytes(t), 0);
    LirVal group = lir_op2(fn, LIR_ADD, lir_op2(fn, LIR_SHR, tid, lir_ci(fn, DT_I32, 6)), lir_ci(fn, DT_I32, 1));
    case_op(c, LIR_BARN, 0, 0, group, 0, 64);
    LirVal other = lir_op2(fn, LIR_MUL, lir_op2(fn, LIR_XOR, tid, lir_ci(fn, DT_I32, 32)), lir_ci(fn, DT_I32, 8));
    v = case_mem(c, LIR_LDS, t, 1, other, 0, 0, 0, dt_bytes(t), 0);
    case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 1), tid, dt_bytes(t)), v, 0, 0, dt_bytes(t), 0);
}

static void test_shuffles(void **state)
{
    (void)state;
    static const DType t[] = {DT_U8, DT_BF16, DT_I32, DT_F32, DT_I64};
    for (int k = 0; k < 5; k++) {
        unsigned char x[2048], y[2048] = {0};
        uint32_t s = 5;
        int n = dt_bytes(t[k]);
        for (int i = 0; i < 2048; i++)
            x[i] = (unsigned char)(next(&s) >> 9);
        Case *c = case_new("lgr_shuffle");
        shuffle_kernel(c, t[k]);
        uint64_t words[] = {upload(x, sizeof x), upload(y, sizeof y)};
        launch(c, 1, words);
        download(y, words[1], sizeof y);
        OK(gpu.MemFree(words[0]));
        for (int i = 0; i < 256; i++)
            assert_memory_equal(y + i * n, x + (i ^ 32 ^ 5) * n, (size_t)n);
        case_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_functions), cmocka_unit_test(test_pairs), cmocka_unit_test(test_block_sum),
                                       cmocka_unit_test(test_shuffles)};
    if (gpu_open(&gpu)) {
        here = target_here();
        printf("  device of sm_%d%d, code for %s\n", gpu.major, gpu.minor, target_get(here)->name);
    } else
        printf("  skipped: 4 tests\n");
    if (!gpu.lib)
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
