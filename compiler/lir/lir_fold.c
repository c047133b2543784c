/* lir_fold.c: constants and identities that the builder folds away.
 *
 * In: an operation about to be built.  Out: true and a value that is the same for every input, or false.
 * Only integers and bool: float arithmetic keeps its roundings and its NaNs.  Division by zero gives 0, shifts count modulo
 * the width, results wrap, as the operations themselves do.
 */
#include "lir_fold.h"

static bool known(const LirFn *fn, LirVal v, int64_t *x)
{
    const LirOp *o = &fn->ops[v];
    *x = o->imm.i;
    return o->op == LIR_CONST && !dt_is_float(o->dt);
}

static bool is(const LirFn *fn, LirVal v, int64_t x)
{
    int64_t y;
    return known(fn, v, &y) && y == x;
}

static LirVal constant(LirFn *fn, DType dt, int lanes, int64_t v) { return lir_splat(fn, lir_ci(fn, dt, lir_wrap(dt, v)), lanes); }

int64_t lir_wrap(DType dt, int64_t v)
{
    switch (dt) {
    case DT_BOOL: return v != 0;
    case DT_I8:   return (int8_t)v;
    case DT_U8:   return (uint8_t)v;
    case DT_I32:  return (int32_t)v;
    default:      return v;
    }
}

static int64_t least(DType dt) { return dt == DT_I64 ? INT64_MIN : dt == DT_I32 ? INT32_MIN : INT8_MIN; }

static int64_t divide(LirOpcode op, DType dt, int64_t x, int64_t y)
{
    if (!y)
        return 0;
    if (y == -1 && x == least(dt))
        return op == LIR_DIV ? x : 0;
    return op == LIR_DIV ? x / y : x % y;
}

static int64_t shift(LirOpcode op, DType dt, int64_t x, int64_t y)
{
    int n = (int)(y & (dt_bytes(dt) * 8 - 1));
    return op == LIR_SHL ? (int64_t)((uint64_t)x << n) : x >> n;
}

static bool arith(LirOpcode op, DType dt, int64_t x, int64_t y, int64_t *r)
{
    uint64_t a = (uint64_t)x, b = (uint64_t)y;
    switch (op) {
    case LIR_ADD: *r = (int64_t)(a + b); break;
    case LIR_SUB: *r = (int64_t)(a - b); break;
    case LIR_MUL: *r = (int64_t)(a * b); break;
    case LIR_DIV:
    case LIR_REM: *r = divide(op, dt, x, y); break;
    case LIR_MIN: *r = x < y ? x : y; break;
    case LIR_MAX: *r = x > y ? x : y; break;
    case LIR_AND: *r = x & y; break;
    case LIR_OR:  *r = x | y; break;
    case LIR_XOR: *r = x ^ y; break;
    case LIR_SHL:
    case LIR_SHR: *r = shift(op, dt, x, y); break;
    default:      return false;
    }
    return true;
}

static bool compare(LirOpcode op, int64_t x, int64_t y, int64_t *r)
{
    switch (op) {
    case LIR_EQ: *r = x == y; break;
    case LIR_NE: *r = x != y; break;
    case LIR_LT: *r = x < y; break;
    case LIR_LE: *r = x <= y; break;
    case LIR_GT: *r = x > y; break;
    case LIR_GE: *r = x >= y; break;
    default:     return false;
    }
    return true;
}

/* An operand k that leaves the other one as it is: x + 0, x * 1, x & -1, ... */
static bool neutral(const LirFn *fn, LirOpcode op, LirVal k, bool right)
{
    bool truth = fn->ops[k].dt == DT_BOOL;
    switch (op) {
    case LIR_ADD:
    case LIR_OR:
    case LIR_XOR: return is(fn, k, 0);
    case LIR_SUB:
    case LIR_SHL:
    case LIR_SHR: return right && is(fn, k, 0);
    case LIR_MUL: return is(fn, k, 1);
    case LIR_DIV: return right && is(fn, k, 1);
    case LIR_AND: return is(fn, k, truth ? 1 : lir_wrap(fn->ops[k].dt, -1));
    default:      return false;
    }
}

/* An operand k that makes the result a constant: x * 0, x & 0, x % 1, ... */
static bool absorbing(const LirFn *fn, LirOpcode op, LirVal k, bool right, int64_t *r)
{
    *r = 0;
    switch (op) {
    case LIR_MUL:
    case LIR_AND: return is(fn, k, 0);
    case LIR_REM: return right && (is(fn, k, 1) || is(fn, k, 0));
    case LIR_DIV: return right && is(fn, k, 0);
    case LIR_OR:  *r = 1; return fn->ops[k].dt == DT_BOOL && is(fn, k, 1);
    default:      return false;
    }
}

/* Both operands are one value. */
static bool same(LirFn *fn, LirOpcode op, LirVal a, LirVal *out)
{
    const LirOp *o = &fn->ops[a];
    int64_t r;
    if (op == LIR_MIN || op == LIR_MAX || op == LIR_AND || op == LIR_OR) {
        *out = a;
        return true;
    }
    if (op == LIR_SUB || op == LIR_XOR) {
        *out = constant(fn, o->dt, o->lanes, 0);
        return true;
    }
    if (!compare(op, 0, 0, &r))
        return false;
    *out = constant(fn, DT_BOOL, o->lanes, r);
    return true;
}

bool lir_fold2(LirFn *fn, LirOpcode op, LirVal a, LirVal b, LirVal *out)
{
    DType dt = fn->ops[a].dt;
    int la = fn->ops[a].lanes, lb = fn->ops[b].lanes, n = la > lb ? la : lb;
    int64_t x, y, r;
    if (dt_is_float(dt))
        return false;
    if (known(fn, a, &x) && known(fn, b, &y)) {
        bool truth = compare(op, x, y, &r);
        if (!truth && !arith(op, dt, x, y, &r))
            return false;
        *out = constant(fn, truth ? DT_BOOL : dt, n, r);
        return true;
    }
    if (a == b)
        return same(fn, op, a, out);
    for (int right = 0; right < 2; right++) {
        LirVal k = right ? b : a, v = right ? a : b;
        if (neutral(fn, op, k, right)) {
            *out = lir_splat(fn, v, n);
            return true;
        }
        if (absorbing(fn, op, k, right, &r)) {
            *out = constant(fn, dt, n, r);
            return true;
        }
    }
    return false;
}

bool lir_fold1(LirFn *fn, LirOpcode op, LirVal a, LirVal *out)
{
    const LirOp *o = &fn->ops[a];
    int64_t x, r;
    if (!known(fn, a, &x))
        return false;
    switch (op) {
    case LIR_NEG: r = (int64_t)(0 - (uint64_t)x); break;
    case LIR_ABS: r = x < 0 ? (int64_t)(0 - (uint64_t)x) : x; break;
    case LIR_NOT: r = o->dt == DT_BOOL ? !x : ~x; break;
    default:      return false;
    }
    *out = constant(fn, o->dt, o->lanes, r);
    return true;
}

bool lir_fold_select(LirFn *fn, LirVal c, LirVal a, LirVal b, LirVal *out)
{
    int n = 1;
    LirVal all[3] = {c, a, b};
    int64_t x;
    for (int i = 0; i < 3; i++)
        n = fn->ops[all[i]].lanes > n ? fn->ops[all[i]].lanes : n;
    if (a != b && !known(fn, c, &x))
        return false;
    *out = lir_splat(fn, a == b || x ? a : b, n);
    return true;
}

/* Integers to integers, bool and f32; f32 must hold the number exactly. */
bool lir_fold_cast(LirFn *fn, DType dt, LirVal a, LirVal *out)
{
    int64_t x;
    int lanes = fn->ops[a].lanes;
    if (!known(fn, a, &x))
        return false;
    if (!dt_is_float(dt)) {
        *out = constant(fn, dt, lanes, x);
        return true;
    }
    if (dt != DT_F32 || x < -(1 << 24) || x > 1 << 24)
        return false;
    *out = lir_cf(fn, dt, lanes, (double)x);
    return true;
}
