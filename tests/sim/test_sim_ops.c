/* test_sim_ops.c: every elementwise operation and conversion on every type against arithmetic written here in double, on special and
 * random values; vectors, variables, loops, branches and shuffles against plain C.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sim_case.h"

enum { THREADS = 64, LANES = 4, N = THREADS * LANES };

static uint64_t next(uint64_t *s) { return *s = *s * 6364136223846793005u + 1442695040888963407u; }

/* ---- elements as doubles, read and written without the sim's help ---- */

static double round_to(double v, int digits, int emin, double max)
{
    int e;
    if (!isfinite(v) || v == 0)
        return v;
    frexp(v, &e);
    int last = (e - 1 < emin ? emin : e - 1) - digits + 1;
    double r = ldexp(nearbyint(ldexp(v, -last)), last);
    return fabs(r) > max ? copysign(INFINITY, v) : r;
}

static double rounded(DType t, double v)
{
    switch (t) {
    case DT_F32:  return round_to(v, 24, -126, 0x1.fffffep127);
    case DT_F16:  return round_to(v, 11, -14, 65504);
    case DT_BF16: return round_to(v, 8, -126, 0x1.fep127);
    default:      return v;
    }
}

static double get16(DType t, uint16_t h)
{
    int ebits = t == DT_F16 ? 5 : 8, mbits = 15 - ebits, bias = (1 << (ebits - 1)) - 1;
    int e = h >> mbits & ((1 << ebits) - 1), m = h & ((1 << mbits) - 1);
    double v = e == (1 << ebits) - 1 ? (m ? NAN : INFINITY) : e ? ldexp(1 + ldexp(m, -mbits), e - bias) : ldexp(m, 1 - bias - mbits);
    return h >> 15 ? -v : v;
}

static double get(DType t, const void *p, size_t i)
{
    switch (t) {
    case DT_F32: return ((const float *)p)[i];
    case DT_F64: return ((const double *)p)[i];
    case DT_I8:  return ((const int8_t *)p)[i];
    case DT_I32: return ((const int32_t *)p)[i];
    case DT_I64: return (double)((const int64_t *)p)[i];
    case DT_U8:
    case DT_BOOL: return ((const uint8_t *)p)[i];
    default:     return get16(t, ((const uint16_t *)p)[i]);
    }
}

/* Random bits are mostly huge or tiny floats: half of the values are moderate ones. */
static void put_random(DType t, void *p, size_t i, uint64_t *seed)
{
    uint64_t r = next(seed) >> 11;
    float f = (float)((double)(r & 0xffff) / 4096.0 - 8.0);
    static const float special[] = {0.0f, -0.0f, 1.0f, -1.0f, INFINITY, -INFINITY, NAN, 1e-40f, 3e38f, 65504.0f, 1e-7f};
    if (i % 8 == 7)
        f = special[r % 11];
    uint32_t u;
    memcpy(&u, &f, 4);
    switch (t) {
    case DT_F32: ((float *)p)[i] = f; break;
    case DT_BF16: ((uint16_t *)p)[i] = (uint16_t)(u >> 16); break;
    case DT_F16: ((uint16_t *)p)[i] = (uint16_t)(i % 2 ? r : 0x3800 + (r & 0x83ff)); break;
    case DT_I64: ((int64_t *)p)[i] = i % 2 ? (int64_t)(r & 0xff) - 100 : (int64_t)(next(seed) >> 14) - (1ll << 49); break;
    case DT_I32: ((int32_t *)p)[i] = i % 8 == 7 ? (int32_t[]){0, -1, INT32_MIN, INT32_MAX}[r % 4] : i % 2 ? (int32_t)(r & 0xff) - 100 : (int32_t)r; break;
    case DT_BOOL: ((uint8_t *)p)[i] = r & 1; break;
    default: ((uint8_t *)p)[i] = (uint8_t)(i % 4 ? r : (r & 7) - 3); break;
    }
}

static int64_t wrap(DType t, __int128 v)
{
    return t == DT_I8 ? (int8_t)v : t == DT_U8 ? (uint8_t)v : t == DT_I32 ? (int32_t)v : t == DT_BOOL ? v != 0 : (int64_t)v;
}

static int64_t get_int(DType t, const void *p, size_t i) { return t == DT_I64 ? ((const int64_t *)p)[i] : (int64_t)get(t, p, i); }

static int64_t int_ref(LirOpcode op, DType t, int64_t x, int64_t y, int64_t z)
{
    int n = (int)(y & (dt_bytes(t) * 8 - 1));
    switch (op) {
    case LIR_ADD: return wrap(t, (__int128)x + y);
    case LIR_SUB: return wrap(t, (__int128)x - y);
    case LIR_MUL: return wrap(t, (__int128)x * y);
    case LIR_FMA: return wrap(t, (__int128)x * y + z);
    case LIR_DIV: return y ? wrap(t, (__int128)x / y) : 0;
    case LIR_REM: return y ? wrap(t, (__int128)x % y) : 0;
    case LIR_MIN: return x < y ? x : y;
    case LIR_MAX: return x < y ? y : x;
    case LIR_AND: return x & y;
    case LIR_OR:  return x | y;
    case LIR_XOR: return x ^ y;
    case LIR_SHL: return wrap(t, (__int128)((unsigned __int128)x << n));
    case LIR_SHR: return x >> n;
    case LIR_NEG: return wrap(t, -(__int128)x);
    case LIR_ABS: return wrap(t, x < 0 ? -(__int128)x : x);
    case LIR_NOT: return t == DT_BOOL ? !x : wrap(t, ~x);
    default:      return x;                          /* floor, ceil, round */
    }
}

static bool compare_ref(LirOpcode op, double x, double y)
{
    return op == LIR_EQ ? x == y : op == LIR_NE ? x != y : op == LIR_LT ? x < y : op == LIR_LE ? x <= y : op == LIR_GT ? x > y : x >= y;
}

static double extreme(double x, double y, int sign)
{
    if (isnan(x) || isnan(y))
        return NAN;
    if (x == 0 && y == 0)
        return (signbit(x) != 0) == (sign < 0) ? x : y;
    return (x < y) == (sign < 0) ? x : y;
}

static double float_ref(LirOpcode op, double x, double y, double z)
{
    switch (op) {
    case LIR_ADD: return x + y;
    case LIR_SUB: return x - y;
    case LIR_MUL: return x * y;
    case LIR_DIV: return x / y;
    case LIR_FMA: return (double)fmaf((float)x, (float)y, (float)z);
    case LIR_MIN: return extreme(x, y, -1);
    case LIR_MAX: return extreme(x, y, 1);
    case LIR_NEG: return -x;
    case LIR_ABS: return fabs(x);
    case LIR_EXP: return exp(x);
    case LIR_EXP2: return exp2(x);
    case LIR_LOG: return log(x);
    case LIR_LOG2: return log2(x);
    case LIR_LOG1P: return log1p(x);
    case LIR_SQRT: return sqrt(x);
    case LIR_RSQRT: return 1 / sqrt(x);
    case LIR_RCP: return 1 / x;
    case LIR_TANH: return tanh(x);
    case LIR_SIGMOID: return 1 / (1 + exp(-x));
    case LIR_ERF: return erf(x);
    case LIR_SIN: return sin(x);
    case LIR_COS: return cos(x);
    case LIR_FLOOR: return floor(x);
    case LIR_CEIL: return ceil(x);
    case LIR_ROUND: return nearbyint(x);
    case LIR_POW: return pow(x, y);
    default: return NAN;
    }
}

/* Exactly rounded but for the C library's f32 exponentials and logarithms, which may be one unit off. */
static bool near(DType t, double got, double want, bool exact)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    if (got == want)
        return signbit(got) == signbit(want);
    if (exact)
        return false;
    double unit = t == DT_F32 ? 0x1p-23 : t == DT_F16 ? 0x1p-10 : 0x1p-7;
    return fabs(got - want) <= unit * fabs(want) + 0x1p-149;
}

static bool is_compare(LirOpcode op) { return op >= LIR_EQ && op <= LIR_GE; }

static bool on_type(LirOpcode op, DType t)
{
    bool bits = (op >= LIR_AND && op <= LIR_XOR) || op == LIR_NOT, shift = op == LIR_SHL || op == LIR_SHR, f = dt_is_float(t);
    if (is_compare(op))
        return true;
    if (t == DT_BOOL)
        return bits;
    if (op == LIR_REM)
        return !f;
    return bits || shift ? !f : (op >= LIR_EXP && op <= LIR_COS) || op == LIR_POW || op == LIR_ISNAN || op == LIR_ISINF ? f : true;
}

static void check_element(LirOpcode op, DType t, void *const *in, const void *out, size_t i)
{
    double x = get(t, in[0], i), y = get(t, in[1], i), z = get(t, in[2], i);
    bool truth = is_compare(op) || op == LIR_ISNAN || op == LIR_ISINF, ok;
    if (truth) {
        bool want = op == LIR_ISNAN ? isnan(x) : op == LIR_ISINF ? isinf(x) != 0 : compare_ref(op, x, y);
        ok = ((const uint8_t *)out)[i] == want;
    } else if (!dt_is_float(t)) {
        ok = get_int(t, out, i) == int_ref(op, t, get_int(t, in[0], i), get_int(t, in[1], i), get_int(t, in[2], i));
    } else {
        double want = float_ref(op, x, y, z);
        if (t != DT_F32)
            want = rounded(DT_F32, want);
        ok = near(t, get(t, out, i), rounded(t, want), op < LIR_EXP || op > LIR_COS || op == LIR_SQRT || op == LIR_RCP);
    }
    if (!ok)
        fail_msg("%s %s: %a, %a, %a gives %a", lir_op_name(op), dt_name(t), x, y, z, get(truth ? DT_BOOL : t, out, i));
}

static void check_op(LirOpcode op, DType t)
{
    static char mem[4][N * 8] __attribute__((aligned(16)));
    void *in[3] = {mem[0], mem[1], mem[2]};
    uint64_t seed = (uint64_t)op * 100 + t;
    SimCase c;
    LirVal v[3];
    case_begin(&c, THREADS, 0);
    for (size_t i = 0; i < 3 * N; i++)
        put_random(t, in[i / N], i % N, &seed);
    for (int i = 0; i < 4; i++)
        case_buffer(&c, mem[i], sizeof mem[i]);
    for (uint32_t i = 0; i < 3; i++)
        v[i] = case_load(&c, i, t, LANES);
    int n = lir_op_nargs(op);
    case_store(&c, 3, n == 1 ? lir_op1(c.fn, op, v[0]) : n == 2 ? lir_op2(c.fn, op, v[0], v[1]) : lir_op3(c.fn, op, v[0], v[1], v[2]));
    if (!case_run(&c, 1))
        fail_msg("%s", c.res.first);
    for (size_t i = 0; i < N; i++)
        check_element(op, t, in, mem[3], i);
    case_end(&c);
}

static void elementwise(void **state)
{
    (void)state;
    static const DType types[] = {DT_BOOL, DT_I8, DT_U8, DT_I32, DT_I64, DT_F16, DT_BF16, DT_F32};
    int checked = 0;
    for (LirOpcode op = LIR_ADD; op <= LIR_ISINF; op++)
        for (int i = 0; i < 8; i++)
            if (op != LIR_SELECT && on_type(op, types[i])) {
                check_op(op, types[i]);
                checked++;
            }
    assert_int_equal(checked, 4 * 25 + 10 + 3 * 34);
}

static double saturated(double v, double lo, double hi) { return isnan(v) ? 0 : v <= lo ? lo : v >= hi ? hi : trunc(v); }

static void check_cast(DType from, DType to)
{
    static char in[N * 8] __attribute__((aligned(16))), out[N * 8] __attribute__((aligned(16)));
    uint64_t seed = (uint64_t)from * 64 + to;
    SimCase c;
    case_begin(&c, THREADS, 0);
    for (size_t i = 0; i < N; i++)
        put_random(from, in, i, &seed);
    case_buffer(&c, in, sizeof in);
    case_buffer(&c, out, sizeof out);
    case_store(&c, 1, lir_cast(c.fn, to, case_load(&c, 0, from, LANES)));
    assert_true(case_run(&c, 1));
    for (size_t i = 0; i < N; i++) {
        double x = get(from, in, i), got = get(to, out, i), want;
        if (to == DT_BOOL)
            want = x != 0;
        else if (dt_is_float(to))
            want = rounded(to, rounded(DT_F32, x));
        else if (!dt_is_float(from))
            want = (double)wrap(to, get_int(from, in, i));
        else
            want = to == DT_I8 ? saturated(x, -128, 127) : to == DT_U8 ? saturated(x, 0, 255)
                 : to == DT_I32 ? saturated(x, INT32_MIN, INT32_MAX) : saturated(x, -0x1p63, 0x1p63);
        bool same = isnan(want) ? isnan(got) : got == want || (got == 0 && want == 0);
        if (!same)
            fail_msg("%s to %s: %a gives %a, not %a", dt_name(from), dt_name(to), x, got, want);
    }
    case_end(&c);
}

static void casts(void **state)
{
    (void)state;
    static const DType types[] = {DT_BOOL, DT_I8, DT_U8, DT_I32, DT_I64, DT_F16, DT_BF16, DT_F32};
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++)
            check_cast(types[i], types[j]);
}

static void vectors(void **state)
{
    (void)state;
    float in[N], out[THREADS * 8], sum[THREADS];
    uint64_t seed = 5;
    SimCase c;
    case_begin(&c, THREADS, 0);
    for (size_t i = 0; i < N; i++)
        in[i] = (float)(int32_t)(next(&seed) >> 32);
    case_buffer(&c, in, sizeof in);
    case_buffer(&c, out, sizeof out);
    case_buffer(&c, sum, sizeof sum);
    LirVal v = case_load(&c, 0, DT_F32, LANES);
    LirVal e = case_op(&c, (LirOp){.op = LIR_EXTRACT, .dt = DT_F32, .lanes = 1, .ref = -1, .a = {v}, .imm.i = 2});
    case_store(&c, 1, case_op(&c, (LirOp){.op = LIR_CONCAT, .dt = DT_F32, .lanes = 8, .ref = -1, .a = {v, lir_splat(c.fn, e, 4)}}));
    case_store(&c, 2, lir_op1(c.fn, LIR_HSUM, v));
    assert_true(case_run(&c, 1));
    for (int t = 0; t < THREADS; t++) {
        for (int i = 0; i < 8; i++)
            assert_true(out[t * 8 + i] == in[t * 4 + (i < 4 ? i : 2)]);
        assert_true(sum[t] == (in[t * 4] + in[t * 4 + 2]) + (in[t * 4 + 1] + in[t * 4 + 3]));
    }
    case_end(&c);
}

/* Each thread adds up 0..tid%2+3-1 in a loop all take four times; odd threads in one arm, even in the other. */
static void regions(void **state)
{
    (void)state;
    int32_t out[THREADS];
    SimCase c;
    case_begin(&c, THREADS, 0);
    case_buffer(&c, out, sizeof out);
    LirFn *fn = c.fn;
    LirVal odd = lir_op2(fn, LIR_EQ, lir_op2(fn, LIR_AND, c.tid, case_i32(&c, 1)), case_i32(&c, 1));
    LirVal i = lir_op1(fn, LIR_VAR, case_i32(&c, 0)), sum = lir_op1(fn, LIR_VAR, case_i32(&c, 0));
    case_op(&c, (LirOp){.op = LIR_LOOP, .ref = -1});
    LirVal at = lir_op1(fn, LIR_GET, i);
    case_op(&c, (LirOp){.op = LIR_WHILE, .ref = -1, .a = {lir_op2(fn, LIR_LT, at, case_i32(&c, 4))}});
    case_op(&c, (LirOp){.op = LIR_IF, .ref = -1, .a = {odd}});
    lir_set(fn, sum, lir_op2(fn, LIR_ADD, lir_op1(fn, LIR_GET, sum), at));
    case_op(&c, (LirOp){.op = LIR_ELSE, .ref = -1});
    lir_set(fn, sum, lir_op2(fn, LIR_SUB, lir_op1(fn, LIR_GET, sum), c.tid));
    case_op(&c, (LirOp){.op = LIR_END, .ref = -1});
    lir_set(fn, i, lir_op2(fn, LIR_ADD, at, case_i32(&c, 1)));
    case_op(&c, (LirOp){.op = LIR_END, .ref = -1});
    case_store(&c, 0, lir_op1(fn, LIR_GET, sum));
    assert_true(case_run(&c, 1));
    for (int t = 0; t < THREADS; t++)
        assert_int_equal(out[t], t & 1 ? 6 : -4 * t);
    case_end(&c);
}

static void shuffles(void **state)
{
    (void)state;
    int32_t x[THREADS], y[THREADS], z[THREADS], sum[THREADS];
    SimCase c;
    case_begin(&c, THREADS, 0);
    case_buffer(&c, x, sizeof x);
    case_buffer(&c, y, sizeof y);
    case_buffer(&c, z, sizeof z);
    case_buffer(&c, sum, sizeof sum);
    case_store(&c, 3, case_op(&c, (LirOp){.op = LIR_WSUM, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {c.tid}}));
    case_store(&c, 2, lir_alike(c.fn, lir_op2(c.fn, LIR_ADD, lir_op2(c.fn, LIR_REM, c.tid, case_i32(&c, 5)), lir_op2(c.fn, LIR_MUL, c.tid, case_i32(&c, 8))), 3));
    case_store(&c, 0, case_op(&c, (LirOp){.op = LIR_BFLY, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {c.tid}, .imm.i = 5}));
    case_store(&c, 1, case_op(&c, (LirOp){.op = LIR_BCAST, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {c.tid}, .imm.i = 7}));
    assert_true(case_run(&c, 1));
    for (int t = 0; t < THREADS; t++) {
        assert_int_equal(x[t], t ^ 5);
        assert_int_equal(y[t], (t & ~31) + 7);
        int before = 0, all = 0;
        for (int u = t & ~31; u < (t & ~31) + 32; u++) {
            before += u < t && u % 5 == t % 5;
            all += u % 5 == t % 5;
        }
        assert_int_equal(z[t], before | all << 16);
        assert_int_equal(sum[t], 32 * (t & ~31) + 496);
    }
    case_end(&c);
}

/* Threads draw from a counter one after another, as far as they may. */
static void draws(void **state)
{
    (void)state;
    enum { MAY = 5 };
    int32_t counter[1] = {100}, out[THREADS];
    SimCase c;
    case_begin(&c, THREADS, 0);
    case_buffer(&c, counter, sizeof counter);
    case_buffer(&c, out, sizeof out);
    LirVal may = lir_op2(c.fn, LIR_LT, c.tid, case_i32(&c, MAY));
    case_store(&c, 1, case_op(&c, (LirOp){.op = LIR_DRAW, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {case_at(&c, 0, case_i32(&c, 0), 4), case_i32(&c, 3), may}}));
    assert_true(case_run(&c, 1));
    assert_int_equal(counter[0], 100 + 3 * MAY);
    for (int t = 0; t < THREADS; t++)
        assert_int_equal(out[t], t < MAY ? 100 + 3 * t : 0);
    case_end(&c);
}

/* Whatever lay there, the first that marks finds no count, and the others those that drew before. */
static void marks(void **state)
{
    (void)state;
    static const uint64_t lay[] = {0, UINT64_MAX, 0xdbdbdbdbdbdbdbdb, LIR_MARK_BITS ^ (uint64_t)1 << 40};
    for (size_t i = 0; i < sizeof lay / sizeof *lay; i++) {
        uint64_t word[1] = {lay[i]};
        int32_t out[2][THREADS];
        SimCase c;
        case_begin(&c, THREADS, 0);
        case_buffer(&c, word, sizeof word);
        case_buffer(&c, out[0], sizeof out[0]);
        case_buffer(&c, out[1], sizeof out[1]);
        for (int turn = 0; turn < 2; turn++) {
            LirVal at = case_at(&c, 0, case_i32(&c, 0), 4), may = lir_op2(c.fn, LIR_GE, c.tid, case_i32(&c, 1));
            case_op(&c, (LirOp){.op = LIR_MARK, .ref = -1, .a = {at, case_i32(&c, 700), may}});
            LirVal was = case_op(&c, (LirOp){.op = LIR_DRAW, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {at, case_i32(&c, 1), may}});
            case_store(&c, 1 + turn, lir_op2(c.fn, LIR_AND, was, case_i32(&c, 1023)));
        }
        assert_true(case_run(&c, 1));
        assert_int_equal(word[0] & 1023, 2 * (THREADS - 1));
        assert_int_equal(word[0] >> 10, LIR_MARK_BITS >> 10);
        for (int t = 0; t < THREADS; t++) {
            assert_int_equal(out[0][t], t ? t - 1 : 0);
            assert_int_equal(out[1][t], t ? THREADS - 1 + t - 1 : 0);
        }
        case_end(&c);
    }
}

static void masked_memory(void **state)
{
    (void)state;
    int32_t in[N], out[N];
    SimCase c;
    case_begin(&c, THREADS, 0);
    for (int i = 0; i < N; i++)
        in[i] = i + 1, out[i] = -1;
    case_buffer(&c, in, sizeof in);
    case_buffer(&c, out, sizeof out);
    LirFn *fn = c.fn;
    LirVal lo = lir_op2(fn, LIR_SUB, lir_op2(fn, LIR_REM, c.tid, case_i32(&c, 4)), case_i32(&c, 1)), hi = case_i32(&c, 3);
    LirVal v = case_op(&c, (LirOp){.op = LIR_LDGM, .dt = DT_I32, .lanes = LANES, .ref = -1, .a = {case_at(&c, 0, c.tid, 16), lo, hi}, .imm.i = 4});
    v = lir_op2(fn, LIR_ADD, v, case_i32(&c, 1000));
    case_op(&c, (LirOp){.op = LIR_STGM, .ref = -1, .a = {case_at(&c, 1, c.tid, 16), v, case_i32(&c, 0), case_i32(&c, 3)}, .imm.i = 4});
    assert_true(case_run(&c, 1));
    for (int i = 0; i < N; i++) {
        int t = i / LANES, e = i % LANES;
        assert_int_equal(out[i], e == 3 ? -1 : e >= t % 4 - 1 ? i + 1001 : 1000);
    }
    case_end(&c);
}

static void slide(void **state)
{
    (void)state;
    int32_t in[2 * N], out[N];
    SimCase c;
    case_begin(&c, THREADS, 0);
    for (int i = 0; i < 2 * N; i++)
        in[i] = i;
    case_buffer(&c, in, sizeof in);
    case_buffer(&c, out, sizeof out);
    LirVal v = case_op(&c, (LirOp){.op = LIR_LDG, .dt = DT_I32, .lanes = 2 * LANES, .ref = -1, .a = {case_at(&c, 0, c.tid, 8 * LANES)}, .imm.i = 16});
    LirVal r = case_op(&c, (LirOp){.op = LIR_SLIDE, .dt = DT_I32, .lanes = LANES, .ref = -1, .a = {v, lir_op2(c.fn, LIR_REM, c.tid, case_i32(&c, LANES))}});
    case_op(&c, (LirOp){.op = LIR_STG, .ref = -1, .a = {case_at(&c, 1, c.tid, 4 * LANES), r}, .imm.i = 16});
    assert_true(case_run(&c, 1));
    for (int i = 0; i < N; i++)
        assert_int_equal(out[i], i / LANES * 2 * LANES + i / LANES % LANES + i % LANES);
    case_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elementwise), cmocka_unit_test(casts), cmocka_unit_test(vectors), cmocka_unit_test(regions),
        cmocka_unit_test(shuffles), cmocka_unit_test(draws), cmocka_unit_test(marks), cmocka_unit_test(masked_memory), cmocka_unit_test(slide),
    };
    return cmocka_run_group_tests_name("sim_ops", tests, NULL, NULL);
}
