/* low_lse.c: logsumexp in one sweep: every lane keeps a large value m that it has met and the sum s of 2**(x*log2(e) - c), where
 * c = m*log2(e), rounded.  As long as s does not grow too large m need not be the largest value, unless powers are to be exact: they are rescaled then.
 *
 * c is computed from m alone, so that what was subtracted is known exactly.  The result is m plus a rest, and they are kept apart:
 * logsumexp(x) - y is (m - y) + rest, without the rounding of a large m + rest.  An m of -inf or +inf counts as 0 in c; the result is m then.
 */
#include "low.h"

#include <math.h>

#define LN2 0.6931471805599453

static LirVal cf(Low *w, double v) { return lir_cf(w->fn, DT_F32, 1, v); }

/* m*log2(e), rounded: not to be fused with what follows, or it would be another number there. */
static LirVal base2(Low *w, LirVal m)
{
    LirVal c = lir_op2(w->fn, LIR_MUL, m, cf(w, LOW_LOG2E));
    w->fn->ops[c].flags |= LIR_F_EXACT;
    return c;
}

static LirVal reference(Low *w, LirVal m)
{
    LirVal c = base2(w, m);
    return lir_op3(w->fn, LIR_SELECT, lir_op1(w->fn, LIR_ISINF, m), cf(w, 0), c);
}

static LirVal distance(Low *w, LirVal m, LirVal to) { return lir_op2(w->fn, LIR_SUB, base2(w, m), reference(w, to)); }
static LirVal scaled(Low *w, LirVal s, LirVal by) { return lir_op2(w->fn, LIR_MUL, s, lir_splat(w->fn, by, lir_lanes(w->fn, s))); }

/* s, counted from m, as counted from `to`, which is no less.  An m of -inf leaves nothing of s. */
static LirVal rescale(Low *w, LirVal s, LirVal m, LirVal to) { return scaled(w, s, lir_op1(w->fn, LIR_EXP2, distance(w, m, to))); }

/* The same where lanes come together, all but one of them by it: a GPU's 2**x has a bias that e**x has not, and there is time for it. */
static LirVal rescale_together(Low *w, LirVal s, LirVal m, LirVal to)
{
    if (!w->fn->precise)
        return rescale(w, s, m, to);
    return scaled(w, s, lir_op1(w->fn, LIR_EXP, lir_op2(w->fn, LIR_MUL, distance(w, m, to), cf(w, LN2))));
}

void low_lse_open(Low *w, LirVal *m, LirVal *s)
{
    *m = lir_op1(w->fn, LIR_VAR, cf(w, -INFINITY));
    *s = lir_op1(w->fn, LIR_VAR, cf(w, 0));
}

/* The sum of x alone. */
LirVal low_lse_one(Low *w, LirVal x)
{
    return lir_op1(w->fn, LIR_EXP2, lir_op3(w->fn, LIR_FMA, x, cf(w, LOW_LOG2E), lir_op1(w->fn, LIR_NEG, reference(w, x))));
}

/* (m, s) takes in (m2, s2). */
void low_lse_join(Low *w, LirVal *m, LirVal *s, LirVal m2, LirVal s2)
{
    LirVal top = lir_op2(w->fn, LIR_MAX, *m, m2);
    *s = lir_op2(w->fn, LIR_ADD, rescale_together(w, *s, *m, top), rescale_together(w, s2, m2, top));
    *m = top;
}

/* The same, of variables. */
void low_lse_merge(Low *w, LirVal m, LirVal s, LirVal m2, LirVal s2)
{
    LirVal top = lir_op1(w->fn, LIR_GET, m), sum = lir_op1(w->fn, LIR_GET, s);
    low_lse_join(w, &top, &sum, lir_op1(w->fn, LIR_GET, m2), lir_op1(w->fn, LIR_GET, s2));
    lir_set(w->fn, m, top);
    lir_set(w->fn, s, sum);
}

/* The sum of 2**(x*log2(e) - c) over the vector x. */
static LirVal sum_from(Low *w, LirVal x, LirVal c)
{
    int n = lir_lanes(w->fn, x);
    LirVal from = lir_splat(w->fn, lir_op1(w->fn, LIR_NEG, c), n);
    LirVal e = lir_op1(w->fn, LIR_EXP2, lir_op3(w->fn, LIR_FMA, x, lir_cf(w->fn, DT_F32, n, LOW_LOG2E), from));
    return n > 1 ? lir_op1(w->fn, LIR_HSUM, e) : e;
}

static LirVal largest(Low *w, LirVal x) { return lir_lanes(w->fn, x) > 1 ? lir_op1(w->fn, LIR_HMAX, x) : x; }

/* The pair of the vector x alone, whose elements outside the row are -inf. */
void low_lse_first(Low *w, LirVal m, LirVal s, LirVal x)
{
    LirVal top = largest(w, x);
    lir_set(w->fn, m, top);
    lir_set(w->fn, s, sum_from(w, x, reference(w, top)));
}

/* (m, s) and the vector x, counted from the largest element of all; the sum of x alone is `sum` then, a variable. */
static void grow(Low *w, LirVal m, LirVal s, LirVal x, LirVal sum)
{
    LirVal a = lir_op1(w->fn, LIR_GET, m), top = lir_op2(w->fn, LIR_MAX, a, largest(w, x));
    lir_set(w->fn, s, rescale(w, lir_op1(w->fn, LIR_GET, s), a, top));
    lir_set(w->fn, m, top);
    lir_set(w->fn, sum, sum_from(w, x, reference(w, top)));
}

static void add_up(Low *w, LirVal s, LirVal sum) { lir_set(w->fn, s, lir_op2(w->fn, LIR_ADD, lir_op1(w->fn, LIR_GET, s), lir_op1(w->fn, LIR_GET, sum))); }

/* Powers that are to be exact are those of the largest elements when counted from them. */
static void update_exactly(Low *w, LirVal m, LirVal s, LirVal x)
{
    LirVal sum = lir_op1(w->fn, LIR_VAR, cf(w, 0));
    grow(w, m, s, x, sum);
    add_up(w, s, sum);
}

/* Takes in the vector x.  Only where its sum turns out large, or no number, as from an m of -inf, is its largest element looked for, and only where the row has been
 * read (bool; 0: it has). */
void low_lse_update(Low *w, LirVal m, LirVal s, LirVal x, LirVal read)
{
    enum { LARGE = 65536 };
    if (w->fn->precise) {
        update_exactly(w, m, s, x);
        return;
    }
    LirVal sum = lir_op1(w->fn, LIR_VAR, sum_from(w, x, base2(w, lir_op1(w->fn, LIR_GET, m))));
    if (read)
        low_mark(w, LIR_IF, read);
    low_mark(w, LIR_IF, lir_op1(w->fn, LIR_NOT, lir_op2(w->fn, LIR_LE, lir_op1(w->fn, LIR_GET, sum), cf(w, LARGE))));
    grow(w, m, s, x, sum);
    low_mark(w, LIR_END, 0);
    if (read)
        low_mark(w, LIR_END, 0);
    add_up(w, s, sum);
}

static LirVal fold(Low *w, LirOpcode op, LirVal v, int lanes)
{
    for (int o = lanes / 2; o; o /= 2)
        v = lir_op2(w->fn, op, v, low_butterfly(w, v, o));
    return v;
}

/* The pairs of `lanes` neighbouring lanes as one, in each of them. */
void low_lse_across(Low *w, LirVal *m, LirVal *s, int lanes)
{
    LirVal top = fold(w, LIR_MAX, *m, lanes);
    *s = fold(w, LIR_ADD, rescale_together(w, *s, *m, top), lanes);
    *m = top;
}

/* One pair for the lane, from n pairs of variables. */
void low_lse_lane(Low *w, const LirVal *m, const LirVal *s, uint32_t n, LirVal *om, LirVal *os)
{
    for (uint32_t i = 1; i < n; i++)
        low_lse_merge(w, m[0], s[0], m[i], s[i]);
    *om = lir_op1(w->fn, LIR_GET, m[0]);
    *os = lir_op1(w->fn, LIR_GET, s[0]);
}

/* What is to be added to m: the sum was counted from c, which is m*log2(e) but for a rounding that one fma tells exactly.  It is taken back
 * through the same functions that the largest element went through, so that of a sum of that alone nothing is left.  *share: e**-rest. */
LirVal low_lse_rest(Low *w, LirVal m, LirVal s, LirVal *share)
{
    LirVal own = low_lse_one(w, m), inf = lir_op1(w->fn, LIR_ISINF, m);
    LirVal rest = lir_op2(w->fn, LIR_SUB, lir_op1(w->fn, LIR_LOG, s), lir_op1(w->fn, LIR_LOG, own));
    *share = lir_op3(w->fn, LIR_SELECT, inf, cf(w, 1), lir_op2(w->fn, LIR_DIV, own, s));
    return lir_op3(w->fn, LIR_SELECT, inf, cf(w, 0), rest);
}
