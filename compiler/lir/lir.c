/* lir.c: builder of the lowered IR: typed values, splatted scalars, folded constants. */
#include "lir.h"
#include <string.h>
static const char *const names[] = {
#define X(e, name, nargs, doc) name,
#include "lir_op.def"
#undef X
};
static const int8_t nargs_of[] = {
#define X(e, name, nargs, doc) nargs,
#include "lir_op.def"
#undef X
};
const char *lir_op_name(LirOpcode op) { return names[op]; }
int lir_op_nargs(LirOpcode op) { return nargs_of[op]; }
DType lir_dt(const LirFn *fn, LirVal v) { return fn->ops[v].dt; }
int lir_lanes(const LirFn *fn, LirVal v) { return fn->ops[v].lanes; }
LirFn *lir_new(Arena *a, const char *symbol)
{
    LirFn *fn = ARENA_NEW(a, LirFn);
    fn->arena = a; fn->name = symbol; fn->threads = 1; fn->cluster = 1; fn->warp = 32;
    lir_add(fn, (LirOp){.op = LIR_NOP, .ref = -1});
    return fn;
}
LirVal lir_add(LirFn *fn, LirOp op)
{
    *ARENA_PUSH(fn->arena, fn->ops, fn->nops, fn->capops) = op;
    return fn->nops - 1;
}
uint32_t lir_word_index(LirFn *fn, LirWord w)
{
    for (uint32_t i = 0; i < fn->nwords; i++)
        if (fn->words[i].kind == w.kind && fn->words[i].a == w.a && fn->words[i].b == w.b) return i;
    *ARENA_PUSH(fn->arena, fn->words, fn->nwords, fn->capwords) = w;
    return fn->nwords - 1;
}
LirVal lir_ci(LirFn *fn, DType dt, int64_t v) { return lir_add(fn, (LirOp){.op = LIR_CONST, .dt = dt, .lanes = 1, .ref = -1, .imm.i = v}); }
LirVal lir_cf(LirFn *fn, DType dt, int lanes, double v) { return lir_add(fn, (LirOp){.op = LIR_CONST, .dt = dt, .lanes = (uint8_t)lanes, .ref = -1, .imm.f = v}); }
LirVal lir_word(LirFn *fn, DType dt, LirWord w) { return lir_add(fn, (LirOp){.op = LIR_WORD, .dt = dt, .lanes = 1, .ref = -1, .imm.i = lir_word_index(fn, w)}); }
static bool ci(const LirFn *fn, LirVal v, int64_t *x)
{
    const LirOp *o = &fn->ops[v];
    *x = o->imm.i;
    return o->op == LIR_CONST && !dt_is_float(o->dt);
}
LirVal lir_op1(LirFn *fn, LirOpcode op, LirVal a)
{
    LirOp o = {.op = op, .dt = fn->ops[a].dt, .lanes = fn->ops[a].lanes, .ref = -1, .a = {a}};
    if (op == LIR_ISNAN || op == LIR_ISINF) o.dt = DT_BOOL;
    if (op == LIR_HSUM || op == LIR_HMAX || op == LIR_HMIN) o.lanes = 1;
    if (op == LIR_GET) { o.dt = fn->ops[a].dt; }
    return lir_add(fn, o);
}
static bool fold2(LirFn *fn, LirOpcode op, LirVal a, LirVal b, LirVal *out)
{
    int64_t x, y, r; bool ka = ci(fn, a, &x), kb = ci(fn, b, &y);
    DType dt = fn->ops[a].dt;
    if (fn->ops[a].lanes != 1 || fn->ops[b].lanes != 1 || dt_is_float(dt)) return false;
    if (ka && kb) {
        bool cmp = false;
        switch (op) {
        case LIR_ADD: r = x + y; break; case LIR_SUB: r = x - y; break; case LIR_MUL: r = x * y; break;
        case LIR_DIV: r = y ? x / y : 0; break; case LIR_REM: r = y ? x % y : 0; break;
        case LIR_MIN: r = x < y ? x : y; break; case LIR_MAX: r = x > y ? x : y; break;
        case LIR_AND: r = x & y; break; case LIR_OR: r = x | y; break;
        case LIR_LT: r = x < y; cmp = true; break; case LIR_GE: r = x >= y; cmp = true; break;
        case LIR_EQ: r = x == y; cmp = true; break; case LIR_NE: r = x != y; cmp = true; break;
        default: return false;
        }
        *out = lir_ci(fn, cmp ? DT_BOOL : dt, r);
        return true;
    }
    if (kb && y == 0 && (op == LIR_ADD || op == LIR_SUB)) { *out = a; return true; }
    if (ka && x == 0 && op == LIR_ADD) { *out = b; return true; }
    if (kb && y == 1 && (op == LIR_MUL || op == LIR_DIV)) { *out = a; return true; }
    if (ka && x == 1 && op == LIR_MUL) { *out = b; return true; }
    if (((kb && y == 0) || (ka && x == 0)) && op == LIR_MUL) { *out = lir_ci(fn, dt, 0); return true; }
    return false;
}
static bool is_cmp(LirOpcode op) { return op >= LIR_EQ && op <= LIR_GE; }
LirVal lir_splat(LirFn *fn, LirVal a, int lanes)
{
    if (fn->ops[a].lanes == lanes) return a;
    if (fn->ops[a].op == LIR_CONST) { LirOp o = fn->ops[a]; o.lanes = (uint8_t)lanes; return lir_add(fn, o); }
    return lir_add(fn, (LirOp){.op = LIR_SPLAT, .dt = fn->ops[a].dt, .lanes = (uint8_t)lanes, .ref = -1, .a = {a}});
}
LirVal lir_op2(LirFn *fn, LirOpcode op, LirVal a, LirVal b)
{
    LirVal r;
    if (fold2(fn, op, a, b, &r)) return r;
    int n = fn->ops[a].lanes > fn->ops[b].lanes ? fn->ops[a].lanes : fn->ops[b].lanes;
    a = lir_splat(fn, a, n); b = lir_splat(fn, b, n);
    return lir_add(fn, (LirOp){.op = op, .dt = is_cmp(op) ? DT_BOOL : fn->ops[a].dt, .lanes = (uint8_t)n, .ref = -1, .a = {a, b}});
}
LirVal lir_op3(LirFn *fn, LirOpcode op, LirVal a, LirVal b, LirVal c)
{
    int n = 1; LirVal v[3] = {a, b, c};
    for (int i = 0; i < 3; i++) n = fn->ops[v[i]].lanes > n ? fn->ops[v[i]].lanes : n;
    for (int i = op == LIR_SELECT && fn->ops[a].lanes == 1 ? 1 : 0; i < 3; i++) v[i] = lir_splat(fn, v[i], n);
    return lir_add(fn, (LirOp){.op = op, .dt = fn->ops[op == LIR_SELECT ? v[1] : v[0]].dt, .lanes = (uint8_t)n, .ref = -1, .a = {v[0], v[1], v[2]}});
}
LirVal lir_cast(LirFn *fn, DType dt, LirVal a)
{
    int64_t x;
    if (fn->ops[a].dt == dt) return a;
    if (ci(fn, a, &x) && dt_is_int(dt) && fn->ops[a].lanes == 1) return lir_ci(fn, dt, x);
    return lir_add(fn, (LirOp){.op = LIR_CAST, .dt = dt, .lanes = fn->ops[a].lanes, .ref = -1, .a = {a}});
}
void lir_set(LirFn *fn, LirVal var, LirVal v) { lir_add(fn, (LirOp){.op = LIR_SET, .ref = -1, .a = {var, v}}); }
