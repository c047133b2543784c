/* low_apart.c: f32 scalars that stand apart, as two numbers that are still to be added: red_value and red_rest.
 *
 * A logsumexp is the largest value and a rest; sums, differences and choices of it stay apart, with what each was rounded by in the rest, so that
 * they are rounded once, where they are used.  Where results are of 16 bits only choices do.  red_share is e**-rest of a logsumexp and choices of it,
 * without the rounding of the rest: e**(x - s) is e**(x - value) * share.
 */
#include "low.h"

static LirVal whole(Low *w, LirOpcode op, LirVal a, LirVal b)
{
    LirVal v = lir_op2(w->fn, op, a, b);
    w->fn->ops[v].flags |= LIR_F_EXACT;
    return v;
}

/* a op b and, added to *rest, what that was rounded by; of an infinite one nothing. */
static LirVal apart_sum(Low *w, LirOpcode op, LirVal a, LirVal b, LirVal *rest)
{
    LirVal s = whole(w, op, a, b), of_b = whole(w, LIR_SUB, s, a);
    LirVal lost_b = op == LIR_ADD ? whole(w, LIR_SUB, b, of_b) : lir_op1(w->fn, LIR_NEG, whole(w, LIR_ADD, b, of_b));
    LirVal lost = whole(w, LIR_ADD, whole(w, LIR_SUB, a, whole(w, LIR_SUB, s, of_b)), lost_b);
    *rest = lir_op3(w->fn, LIR_SELECT, lir_op1(w->fn, LIR_ISINF, s), lir_cf(w->fn, DT_F32, 1, 0), whole(w, LIR_ADD, lost, *rest));
    return s;
}

LirVal low_apart(Low *w, TirVal v, LirVal *rest)
{
    LirVal all = low_scalar(w, v);
    *rest = w->red_rest[v];
    return *rest ? w->red_value[v] : all;
}

static LirVal either(Low *w, LirVal test, LirVal a, LirVal b, double none)
{
    if (!a && !b)
        return 0;
    LirVal other = lir_cf(w->fn, DT_F32, 1, none);
    return lir_op3(w->fn, LIR_SELECT, test, a ? a : other, b ? b : other);
}

static LirVal chosen(Low *w, TirVal v, LirVal test, TirVal a, TirVal b)
{
    LirVal r[2], x[2] = {low_apart(w, a, &r[0]), low_apart(w, b, &r[1])};
    w->red_rest[v] = either(w, test, r[0], r[1], 0);
    w->red_share[v] = either(w, test, w->red_share[a], w->red_share[b], 1);
    return w->red_rest[v] ? lir_op3(w->fn, LIR_SELECT, test, x[0], x[1]) : 0;
}

static LirVal sum_apart(Low *w, TirVal v, const TirOp *o)
{
    LirOpcode op = o->op == TIR_ADD ? LIR_ADD : LIR_SUB;
    LirVal rest, a = low_apart(w, o->a[0], &rest), b = low_scalar(w, o->a[1]);
    if (!rest)
        return 0;
    a = apart_sum(w, op, a, b, &rest);
    w->red_rest[v] = rest;
    return a;
}

/* A difference from a logsumexp, where no more than its first rounding is to be saved. */
static LirVal from_largest(Low *w, const TirOp *o)
{
    LirVal rest, m = o->op == TIR_SUB && w->tir->ops[o->a[0]].op == TIR_LSE ? low_apart(w, o->a[0], &rest) : 0;
    return m && rest ? lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_SUB, m, low_scalar(w, o->a[1])), rest) : 0;
}

LirVal low_scalar_apart(Low *w, TirVal v)
{
    const TirOp *o = &w->tir->ops[v];
    LirVal hi = 0;
    w->red_rest[v] = w->red_share[v] = 0;
    if (o->dt != DT_F32)
        return 0;
    if (o->op == TIR_SELECT)
        hi = chosen(w, v, low_scalar(w, o->a[0]), o->a[1], o->a[2]);
    else if (!w->fn->precise)
        return from_largest(w, o);
    else if (o->op == TIR_MAX && w->tir->ops[o->a[1]].op == TIR_CONST)
        hi = chosen(w, v, lir_op2(w->fn, LIR_LE, low_scalar(w, o->a[0]), low_scalar(w, o->a[1])), o->a[1], o->a[0]);
    else if (o->op == TIR_ADD || o->op == TIR_SUB)
        hi = sum_apart(w, v, o);
    w->red_value[v] = hi;
    return hi ? lir_op2(w->fn, LIR_ADD, hi, w->red_rest[v]) : 0;
}
