/* lir.c: builder of the lowered IR: typed values, splatted scalars, interned parameter words.
 *
 * In: calls of the lowering, in order.  Out: fn->ops.  Constants and identities are folded (lir_fold.c); nothing is reordered
 * or shared, so that a value stands where it was asked for.
 */
#include "lir_fold.h"

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

static bool is_compare(LirOpcode op) { return op >= LIR_EQ && op <= LIR_GE; }

LirFn *lir_new(Arena *a, const char *symbol)
{
    LirFn *fn = ARENA_NEW(a, LirFn);
    *fn = (LirFn){.arena = a, .name = symbol, .threads = 1, .cluster = 1, .warp = 32};
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
        if (fn->words[i].kind == w.kind && fn->words[i].nest == w.nest && fn->words[i].a == w.a && fn->words[i].b == w.b)
            return i;
    *ARENA_PUSH(fn->arena, fn->words, fn->nwords, fn->capwords) = w;
    return fn->nwords - 1;
}

LirVal lir_ci(LirFn *fn, DType dt, int64_t v)
{
    return lir_add(fn, (LirOp){.op = LIR_CONST, .dt = (uint8_t)dt, .lanes = 1, .ref = -1, .imm.i = v});
}

LirVal lir_cf(LirFn *fn, DType dt, int lanes, double v)
{
    return lir_add(fn, (LirOp){.op = LIR_CONST, .dt = (uint8_t)dt, .lanes = (uint8_t)lanes, .ref = -1, .imm.f = dt == DT_F32 ? (double)(float)v : v});
}

LirVal lir_word(LirFn *fn, DType dt, LirWord w)
{
    return lir_add(fn, (LirOp){.op = LIR_WORD, .dt = (uint8_t)dt, .lanes = 1, .ref = -1, .imm.i = lir_word_index(fn, w)});
}

LirVal lir_splat(LirFn *fn, LirVal a, int lanes)
{
    LirOp o = fn->ops[a];
    if (o.lanes == lanes)
        return a;
    if (o.op == LIR_CONST) {
        o.lanes = (uint8_t)lanes;
        return lir_add(fn, o);
    }
    return lir_add(fn, (LirOp){.op = LIR_SPLAT, .dt = o.dt, .lanes = (uint8_t)lanes, .ref = -1, .a = {a}});
}

LirVal lir_op1(LirFn *fn, LirOpcode op, LirVal a)
{
    LirVal r;
    if (lir_fold1(fn, op, a, &r))
        return r;
    LirOp o = {.op = (uint8_t)op, .dt = fn->ops[a].dt, .lanes = fn->ops[a].lanes, .ref = -1, .a = {a}};
    if (op == LIR_ISNAN || op == LIR_ISINF)
        o.dt = DT_BOOL;
    if (op == LIR_HSUM || op == LIR_HMAX || op == LIR_HMIN)
        o.lanes = 1;
    return lir_add(fn, o);
}

LirVal lir_op2(LirFn *fn, LirOpcode op, LirVal a, LirVal b)
{
    LirVal r;
    if (lir_fold2(fn, op, a, b, &r))
        return r;
    int la = fn->ops[a].lanes, lb = fn->ops[b].lanes, n = la > lb ? la : lb;
    a = lir_splat(fn, a, n);
    b = lir_splat(fn, b, n);
    DType dt = is_compare(op) ? DT_BOOL : fn->ops[a].dt;
    return lir_add(fn, (LirOp){.op = (uint8_t)op, .dt = (uint8_t)dt, .lanes = (uint8_t)n, .ref = -1, .a = {a, b}});
}

LirVal lir_op3(LirFn *fn, LirOpcode op, LirVal a, LirVal b, LirVal c)
{
    LirVal v[3] = {a, b, c}, r;
    bool select = op == LIR_SELECT;
    int n = 1;
    if (select && lir_fold_select(fn, a, b, c, &r))
        return r;
    for (int i = 0; i < 3; i++)
        n = fn->ops[v[i]].lanes > n ? fn->ops[v[i]].lanes : n;
    for (int i = select && fn->ops[a].lanes == 1 ? 1 : 0; i < 3; i++)
        v[i] = lir_splat(fn, v[i], n);
    return lir_add(fn, (LirOp){.op = (uint8_t)op, .dt = fn->ops[v[select]].dt, .lanes = (uint8_t)n, .ref = -1, .a = {v[0], v[1], v[2]}});
}

LirVal lir_cast(LirFn *fn, DType dt, LirVal a)
{
    LirVal r;
    if (fn->ops[a].dt == dt)
        return a;
    if (lir_fold_cast(fn, dt, a, &r))
        return r;
    return lir_add(fn, (LirOp){.op = LIR_CAST, .dt = (uint8_t)dt, .lanes = fn->ops[a].lanes, .ref = -1, .a = {a}});
}

LirVal lir_alike(LirFn *fn, LirVal a, int bits) { return lir_add(fn, (LirOp){.op = LIR_ALIKE, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {a}, .imm.i = bits}); }
void lir_set(LirFn *fn, LirVal var, LirVal v) { lir_add(fn, (LirOp){.op = LIR_SET, .ref = -1, .a = {var, v}}); }
