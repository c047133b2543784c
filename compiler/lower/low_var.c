/* low_var.c: the mean and the squared distances from it in one sweep and one exchange, of rows that their lanes hold.
 *
 * A lane adds up distances d = x - pivot and their squares; its pivot is the mean of its first vector, so that what cancels in
 * squares - d*d/count is at most as many times the result as the lane has vectors.  Partials are triples (sum, squared distances from
 * their own mean, count) and are merged as T. Chan, G. Golub and R. LeVeque (1979) show: squares of a and b, and the squared distance of the means
 * times a.count*b.count/(a.count + b.count).  Where every lane has as many elements, counts are known here and not exchanged.
 * Every merge is symmetric, so that all lanes end with the same bits.
 */
#include "low.h"

#include <math.h>

static LirVal cf(Low *w, double v) { return lir_cf(w->fn, DT_F32, 1, v); }
static LirVal plus(Low *w, LirVal a, LirVal b) { return lir_op2(w->fn, LIR_ADD, a, b); }

/* A product that nothing is fused with. */
static LirVal times(Low *w, LirVal a, LirVal b)
{
    LirVal p = lir_op2(w->fn, LIR_MUL, a, b);
    w->fn->ops[p].flags |= LIR_F_EXACT;
    return p;
}

static LirVal sum_of(Low *w, LirVal v) { return lir_lanes(w->fn, v) > 1 ? lir_op1(w->fn, LIR_HSUM, v) : v; }

/* 1 / count, of a count that may be 0. */
static LirVal inverse(Low *w, LirVal count) { return lir_op1(w->fn, LIR_RCP, lir_op2(w->fn, LIR_MAX, count, cf(w, 1))); }

bool low_var_even(const Low *w)
{
    const Sched *s = w->s;
    return s->len == LEN_EXACT && s->align != ALIGN_SHIFT && !s->split && (int64_t)w->lanes * s->vec * s->per == s->n;
}

static double lane_count(const Low *w) { return (double)w->s->vec * w->s->per; }

/* f32: elements of vector k inside the row. */
static LirVal inside_count(Low *w)
{
    LirVal zero = low_ci(w, 0), vec = low_ci(w, w->s->vec);
    if (w->mask.kind == MASK_FULL)
        return cf(w, w->s->vec);
    if (w->mask.kind == MASK_WHOLE)
        return lir_op3(w->fn, LIR_SELECT, w->mask.in, cf(w, w->s->vec), cf(w, 0));
    LirVal lo = lir_op2(w->fn, LIR_MAX, w->mask.lo, zero), hi = lir_op2(w->fn, LIR_MIN, w->mask.hi, vec);
    return lir_cast(w->fn, DT_F32, lir_op2(w->fn, LIR_MAX, lir_op2(w->fn, LIR_SUB, hi, lo), zero));
}

/* The mean of vector x inside the row; 0 where it is infinite or no number, which the distances then tell. */
static LirVal mean_of(Low *w, LirVal x, LirVal count)
{
    LirVal in = low_inside(w, x, lir_cf(w->fn, DT_F32, w->s->vec, 0));
    LirVal by = w->mask.kind == MASK_FULL || w->mask.kind == MASK_WHOLE ? cf(w, 1.0 / w->s->vec) : inverse(w, count);
    LirVal mean = lir_op2(w->fn, LIR_MUL, sum_of(w, in), by);
    LirVal odd = lir_op2(w->fn, LIR_OR, lir_op1(w->fn, LIR_ISINF, mean), lir_op1(w->fn, LIR_ISNAN, mean));
    return lir_op3(w->fn, LIR_SELECT, odd, cf(w, 0), mean);
}

static LirVal get(Low *w, LirVal v) { return low_loops(w) ? lir_op1(w->fn, LIR_GET, v) : v; }

static void put(Low *w, LirVal *v, LirVal to)
{
    if (low_loops(w))
        lir_set(w->fn, *v, to);
    else
        *v = to;
}

static LirVal open(Low *w, int lanes)
{
    LirVal zero = lir_cf(w->fn, DT_F32, lanes, 0);
    return low_loops(w) ? lir_op1(w->fn, LIR_VAR, zero) : zero;
}

void low_var_open(Low *w, Red *r)
{
    r->pivot = open(w, 1);
    r->count = open(w, 1);
    for (uint32_t k = 0; k < r->nacc; k++) {
        r->acc[k] = open(w, w->s->vec);
        r->sum[k] = open(w, w->s->vec);
    }
}

/* Takes in vector x, into accumulator k. */
void low_var_update(Low *w, Red *r, LirVal x, int k)
{
    bool first = !low_loops(w) && !r->nacc;
    LirVal n = inside_count(w), zero = lir_cf(w->fn, DT_F32, w->s->vec, 0);
    if (first) {
        r->nacc = 1;
        low_var_open(w, r);
        r->pivot = mean_of(w, x, n);
    }
    LirVal count = get(w, r->count), pivot = get(w, r->pivot);
    if (low_loops(w)) {
        pivot = lir_op3(w->fn, LIR_SELECT, lir_op2(w->fn, LIR_EQ, count, cf(w, 0)), mean_of(w, x, n), pivot);
        put(w, &r->pivot, pivot);
    }
    LirVal d = low_inside(w, lir_op2(w->fn, LIR_SUB, x, lir_splat(w->fn, pivot, w->s->vec)), zero), squares = get(w, r->sum[k]);
    put(w, &r->acc[k], first ? d : plus(w, get(w, r->acc[k]), d));
    put(w, &r->sum[k], first ? lir_op2(w->fn, LIR_MUL, d, d) : lir_op3(w->fn, LIR_FMA, d, d, squares));
    put(w, &r->count, first ? n : plus(w, count, n));
}

/* One partial for the lane. */
Partial low_var_lane(Low *w, const Red *r)
{
    bool even = low_var_even(w);
    LirVal off = 0, squares = 0, count = even ? cf(w, lane_count(w)) : r->nacc ? get(w, r->count) : cf(w, 0);
    for (uint32_t k = 0; k < r->nacc; k++) {
        off = off ? plus(w, off, get(w, r->acc[k])) : get(w, r->acc[k]);
        squares = squares ? plus(w, squares, get(w, r->sum[k])) : get(w, r->sum[k]);
    }
    if (!r->nacc)
        return (Partial){.v = {cf(w, 0), cf(w, 0), count}, .count = even ? lane_count(w) : 0};
    off = sum_of(w, off);
    LirVal by = even ? cf(w, 1 / lane_count(w)) : inverse(w, count), lost = lir_op1(w->fn, LIR_NEG, lir_op2(w->fn, LIR_MUL, off, by));
    squares = lir_op2(w->fn, LIR_MAX, lir_op3(w->fn, LIR_FMA, off, lost, sum_of(w, squares)), cf(w, 0));
    return (Partial){.v = {lir_op3(w->fn, LIR_FMA, get(w, r->pivot), count, off), squares, count}, .count = even ? lane_count(w) : 0};
}

/* Of as many elements each. */
static Partial join_even(Low *w, Partial a, Partial b)
{
    LirVal apart = lir_op2(w->fn, LIR_MUL, lir_op2(w->fn, LIR_SUB, a.v[0], b.v[0]), cf(w, 1 / sqrt(2 * a.count)));
    return (Partial){.v = {plus(w, a.v[0], b.v[0]), lir_op3(w->fn, LIR_FMA, apart, apart, plus(w, a.v[1], b.v[1])), cf(w, 2 * a.count)}, .count = 2 * a.count};
}

Partial low_var_join(Low *w, Partial a, Partial b)
{
    if (a.count > 0 && a.count == b.count)
        return join_even(w, a, b);
    LirVal na = a.count > 0 ? cf(w, a.count) : a.v[2], nb = b.count > 0 ? cf(w, b.count) : b.v[2], n = plus(w, na, nb);
    LirVal apart = lir_op2(w->fn, LIR_SUB, times(w, a.v[0], inverse(w, na)), times(w, b.v[0], inverse(w, nb)));
    LirVal by = times(w, times(w, na, nb), inverse(w, n));
    LirVal squares = lir_op3(w->fn, LIR_FMA, times(w, apart, apart), by, plus(w, a.v[1], b.v[1]));
    return (Partial){.v = {plus(w, a.v[0], b.v[0]), squares, n}, .count = a.count > 0 && b.count > 0 ? a.count + b.count : 0};
}

/* The lanes of a warp together. */
Partial low_var_across(Low *w, Partial t, int lanes)
{
    for (int o = lanes / 2; o; o /= 2) {
        Partial other = {.count = t.count};
        for (int i = 0; i < (t.count > 0 ? 2 : 3); i++)
            other.v[i] = low_butterfly(w, t.v[i], o);
        t = low_var_join(w, t, other);
    }
    return t;
}

Partial low_var_all(Low *w, const LirVal *sums, const LirVal *squares, int vectors, int n, double count)
{
    LirVal sum = 0, square = 0;
    for (int i = 0; i < vectors; i++)
        sum = sum ? plus(w, sum, sum_of(w, sums[i])) : sum_of(w, sums[i]);
    LirVal mean = lir_op2(w->fn, LIR_MUL, sum, cf(w, 1.0 / n));
    for (int i = 0; i < vectors; i++) {
        int lanes = lir_lanes(w->fn, sums[i]);
        LirVal d = lir_op2(w->fn, LIR_MUL, lir_op2(w->fn, LIR_SUB, sums[i], lir_splat(w->fn, mean, lanes)), lir_cf(w->fn, DT_F32, lanes, 1 / sqrt(count)));
        LirVal q = sum_of(w, lir_op3(w->fn, LIR_FMA, d, d, squares[i]));
        square = square ? plus(w, square, q) : q;
    }
    return (Partial){.v = {sum, square, cf(w, n * count)}, .count = n * count};
}
