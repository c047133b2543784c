/* sim_elem.c: elementwise operations over whole arrays, one loop per operation and type.
 *
 * In: operands of n elements.  Out: the result.  Integers wrap, division by zero is 0, shifts count modulo the width; floats are
 * rounded once an operation.  Transcendentals go through double where the C library's f32 form is worse than 1 unit.
 */
#include "sim_in.h"

#include <math.h>

#define LOOP(name, D, A, expr) \
    static void name(void *dv, const void *av, const void *bv, const void *cv, size_t n) \
    { \
        D *restrict d = dv; \
        const A *a = av, *b = bv, *c = cv; \
        (void)b; (void)c; \
        for (size_t i = 0; i < n; i++) \
            d[i] = (D)(expr); \
    }

/* X(op, expression) with T the type, U its unsigned form, x y z the operands */
#define INT_ROWS(X, T, U, S) \
    X(ADD, (U)a[i] + (U)b[i], T, S) X(SUB, (U)a[i] - (U)b[i], T, S) X(MUL, (U)((uint64_t)a[i] * (uint64_t)b[i]), T, S) \
    X(DIV, quot_##S(a[i], b[i]), T, S) X(REM, rest_##S(a[i], b[i]), T, S) X(MIN, a[i] < b[i] ? a[i] : b[i], T, S) \
    X(MAX, a[i] > b[i] ? a[i] : b[i], T, S) X(AND, a[i] & b[i], T, S) X(OR, a[i] | b[i], T, S) X(XOR, a[i] ^ b[i], T, S) \
    X(SHL, (U)a[i] << (b[i] & (8 * (int)sizeof(T) - 1)), T, S) X(SHR, a[i] >> (b[i] & (8 * (int)sizeof(T) - 1)), T, S) \
    X(NEG, (U)0 - (U)a[i], T, S) X(ABS, a[i] < 0 ? (U)0 - (U)a[i] : (U)a[i], T, S) X(NOT, ~a[i], T, S) \
    X(FLOOR, a[i], T, S) X(CEIL, a[i], T, S) X(ROUND, a[i], T, S) X(FMA, (U)((uint64_t)a[i] * (uint64_t)b[i]) + (U)c[i], T, S)
#define CMP_ROWS(X, T, S) \
    X(EQ, a[i] == b[i], T, S) X(NE, a[i] != b[i], T, S) X(LT, a[i] < b[i], T, S) X(LE, a[i] <= b[i], T, S) X(GT, a[i] > b[i], T, S) \
    X(GE, a[i] >= b[i], T, S)
#define BOOL_ROWS(X) \
    X(AND, a[i] & b[i], uint8_t, bool) X(OR, a[i] | b[i], uint8_t, bool) X(XOR, a[i] ^ b[i], uint8_t, bool) X(NOT, !a[i], uint8_t, bool) \
    X(MIN, a[i] & b[i], uint8_t, bool) X(MAX, a[i] | b[i], uint8_t, bool)
#define FLOAT_ROWS(X, T, S) \
    X(ADD, a[i] + b[i], T, S) X(SUB, a[i] - b[i], T, S) X(MUL, a[i] * b[i], T, S) X(DIV, a[i] / b[i], T, S) \
    X(MIN, low_##S(a[i], b[i]), T, S) X(MAX, high_##S(a[i], b[i]), T, S) X(NEG, -a[i], T, S) X(ABS, __builtin_fabs(a[i]), T, S) \
    X(SQRT, root_##S(a[i]), T, S) X(RSQRT, 1.0 / sqrt((double)a[i]), T, S) X(RCP, (T)1 / a[i], T, S) X(FMA, fused_##S(a[i], b[i], c[i]), T, S) \
    X(FLOOR, __builtin_floor(a[i]), T, S) X(CEIL, __builtin_ceil(a[i]), T, S) X(ROUND, nearbyint(a[i]), T, S) \
    X(EXP, exp_##S(a[i]), T, S) X(EXP2, exp2_##S(a[i]), T, S) X(LOG, log_##S(a[i]), T, S) X(LOG2, log2_##S(a[i]), T, S) \
    X(LOG1P, log1p((double)a[i]), T, S) X(TANH, tanh((double)a[i]), T, S) X(SIGMOID, 1.0 / (1.0 + exp(-(double)a[i])), T, S) \
    X(ERF, erf((double)a[i]), T, S) X(SIN, sin((double)a[i]), T, S) X(COS, cos((double)a[i]), T, S) X(POW, pow((double)a[i], (double)b[i]), T, S)
#define TEST_ROWS(X, T, S) X(ISNAN, a[i] != a[i], T, S) X(ISINF, __builtin_isinf(a[i]) != 0, T, S)

#define DIVISION(S, T, LEAST) \
    static inline T quot_##S(T x, T y) { return !y ? 0 : (LEAST) < 0 && y == (T)-1 ? (T)(0 - (uint64_t)x) : (T)(x / y); } \
    static inline T rest_##S(T x, T y) { return !y || ((LEAST) < 0 && y == (T)-1) ? 0 : (T)(x % y); }
DIVISION(i8, int8_t, -1)
DIVISION(u8, uint8_t, 0)
DIVISION(i32, int32_t, -1)
DIVISION(i64, int64_t, -1)

/* NaN if either is; -0 below +0. */
#define EXTREMES(S, T) \
    static inline T low_##S(T x, T y) { return x < y ? x : y < x ? y : x == y ? (__builtin_signbit(x) ? x : y) : x + y; } \
    static inline T high_##S(T x, T y) { return x > y ? x : y > x ? y : x == y ? (__builtin_signbit(x) ? y : x) : x + y; }
EXTREMES(f32, float)
EXTREMES(f64, double)

static inline float  root_f32(float x) { return sqrtf(x); }
static inline double root_f64(double x) { return sqrt(x); }
static inline float  fused_f32(float x, float y, float z) { return fmaf(x, y, z); }
static inline double fused_f64(double x, double y, double z) { return fma(x, y, z); }
static inline float  exp_f32(float x) { return expf(x); }
static inline double exp_f64(double x) { return exp(x); }
static inline float  exp2_f32(float x) { return exp2f(x); }
static inline double exp2_f64(double x) { return exp2(x); }
static inline float  log_f32(float x) { return logf(x); }
static inline double log_f64(double x) { return log(x); }
static inline float  log2_f32(float x) { return log2f(x); }
static inline double log2_f64(double x) { return log2(x); }

#define VALUE(op, expr, T, S) LOOP(op##_##S, T, T, expr)
#define TRUTH(op, expr, T, S) LOOP(op##_##S, uint8_t, T, expr)
INT_ROWS(VALUE, int8_t, uint8_t, i8)
INT_ROWS(VALUE, uint8_t, uint8_t, u8)
INT_ROWS(VALUE, int32_t, uint32_t, i32)
INT_ROWS(VALUE, int64_t, uint64_t, i64)
FLOAT_ROWS(VALUE, float, f32)
FLOAT_ROWS(VALUE, double, f64)
BOOL_ROWS(VALUE)
CMP_ROWS(TRUTH, int8_t, i8)
CMP_ROWS(TRUTH, uint8_t, u8)
CMP_ROWS(TRUTH, int32_t, i32)
CMP_ROWS(TRUTH, int64_t, i64)
CMP_ROWS(TRUTH, float, f32)
CMP_ROWS(TRUTH, double, f64)
CMP_ROWS(TRUTH, uint8_t, bool)
TEST_ROWS(TRUTH, float, f32)
TEST_ROWS(TRUTH, double, f64)
LOOP(never, uint8_t, uint8_t, 0 * a[i])

#define ROW(op, expr, T, S) [LIR_##op] = op##_##S,
#define INT_TABLE(T, U, S) {INT_ROWS(ROW, T, U, S) CMP_ROWS(ROW, T, S)}
#define FLOAT_TABLE(T, S) {FLOAT_ROWS(ROW, T, S) CMP_ROWS(ROW, T, S) TEST_ROWS(ROW, T, S)}
static const SimElem table[DT_COUNT][LIR_OP_COUNT] = {
    [DT_I8] = INT_TABLE(int8_t, uint8_t, i8), [DT_U8] = INT_TABLE(uint8_t, uint8_t, u8),
    [DT_I32] = INT_TABLE(int32_t, uint32_t, i32), [DT_I64] = INT_TABLE(int64_t, uint64_t, i64),
    [DT_F32] = FLOAT_TABLE(float, f32), [DT_F64] = FLOAT_TABLE(double, f64),
    [DT_BOOL] = {BOOL_ROWS(ROW) CMP_ROWS(ROW, uint8_t, bool)},
};

SimElem sim_elem(LirOpcode op, DType dt)
{
    if ((op == LIR_ISNAN || op == LIR_ISINF) && !dt_is_float(dt))
        return never;
    return table[dt][op];
}

/* The condition comes first and is bytes; the choices are only moved. */
#define SELECT(T) \
    static void select_##T(void *dv, const void *av, const void *bv, const void *cv, size_t n) \
    { \
        T *restrict d = dv; \
        const uint8_t *a = av; \
        const T *b = bv, *c = cv; \
        for (size_t i = 0; i < n; i++) \
            d[i] = a[i] ? b[i] : c[i]; \
    }
SELECT(uint8_t)
SELECT(uint16_t)
SELECT(uint32_t)
SELECT(uint64_t)

SimElem sim_elem_select(uint32_t bytes)
{
    return bytes == 1 ? select_uint8_t : bytes == 2 ? select_uint16_t : bytes == 4 ? select_uint32_t : select_uint64_t;
}
