/* low_var.c: the sum and the squared distances from the mean with one exchange, of rows that their lanes hold.
 *
 * The lanes of a warp add up their elements, then the squared distances from their own mean, in two walks over what they hold.
 * Warps, blocks of a cluster and column tiles then exchange triples (sum or mean, squares, count), which are put together as T. Chan,
 * G. Golub and R. LeVeque (1979) show: squares add up, and so do those of the means' distances from the mean of all, each as often as it has
 * elements.  Where every warp has as many elements, counts are known here and not exchanged.
 */
#include "low.h"

static LirVal cf(Low *w, double v) { return lir_cf(w->fn, DT_F32, 1, v); }
static LirVal plus(Low *w, LirVal a, LirVal b) { return a && b ? lir_op2(w->fn, LIR_ADD, a, b) : a ? a : b; }
static LirVal sum_of(Low *w, LirVal v) { return lir_lanes(w->fn, v) > 1 ? lir_op1(w->fn, LIR_HSUM, v) : v; }

/* A product that nothing is fused with, so that what one lane has is what another has. */
static LirVal times(Low *w, LirVal a, LirVal b)
{
    LirVal p = lir_op2(w->fn, LIR_MUL, a, b);
    w->fn->ops[p].flags |= LIR_F_EXACT;
    return p;
}

bool low_var_even(const Low *w)
{
    const Sched *s = w->s;
    return s->len == LEN_EXACT && s->align != ALIGN_SHIFT && !s->split && (int64_t)w->lanes * s->vec * s->per == s->n;
}

static int warp_lanes(const Low *w) { return w->s->lanes < 32 ? w->s->lanes : 32; }

/* i32: elements of the row between its element `first` (< 0 before it) and span elements on, and so again each `stride` on, `per` times. */
static LirVal strided_count(Low *w, LirVal first, int64_t span, int64_t stride)
{
    LirVal zero = low_ci(w, 0), most = low_ci(w, (w->s->per - 1) * stride + span);
    LirVal left = lir_op2(w->fn, LIR_MIN, lir_op2(w->fn, LIR_MAX, lir_op2(w->fn, LIR_SUB, w->rowlen, first), zero), most);
    LirVal whole = lir_op2(w->fn, LIR_DIV, left, low_ci(w, stride));
    LirVal rest = lir_op2(w->fn, LIR_MIN, lir_op2(w->fn, LIR_SUB, left, lir_op2(w->fn, LIR_MUL, whole, low_ci(w, stride))), low_ci(w, span));
    LirVal n = lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_MUL, whole, low_ci(w, span)), rest);
    LirVal before = lir_op2(w->fn, LIR_MIN, lir_op2(w->fn, LIR_MAX, lir_op1(w->fn, LIR_NEG, first), zero), left);
    return lir_op2(w->fn, LIR_SUB, n, before);
}

/* f32: elements of this warp's lanes. */
static LirVal warp_count(Low *w)
{
    int64_t span = (int64_t)warp_lanes(w) * w->s->vec;
    if (low_var_even(w))
        return cf(w, (double)span * w->s->per);
    LirVal at = w->at;
    int k = w->k;
    w->k = 0;
    w->at = lir_op2(w->fn, LIR_SUB, at, lir_op2(w->fn, LIR_REM, at, low_ci(w, warp_lanes(w))));
    LirVal first = low_position(w);
    w->at = at;
    w->k = k;
    return lir_cast(w->fn, DT_F32, strided_count(w, first, span, (int64_t)w->lanes * w->s->vec));
}

/* v / count, 0 of none. */
static LirVal over(Low *w, LirVal v, LirVal count)
{
    return times(w, v, lir_op1(w->fn, LIR_RCP, lir_op2(w->fn, LIR_MAX, count, lir_splat(w->fn, cf(w, 1), lir_lanes(w->fn, count)))));
}

void low_var_mean(Low *w, Red *r)
{
    double even = (double)warp_lanes(w) * w->s->vec * w->s->per;
    r->total = low_red_warp(w, r);
    w->red_value[r->op] = low_var_even(w) ? times(w, r->total, cf(w, 1 / even)) : over(w, r->total, warp_count(w));
}

Partial low_var_partial(Low *w, const Red *r, bool sent) { return (Partial){{sent ? w->red_value[r->op] : r->total, r->squares, warp_count(w)}}; }

/* What the partials, each of a mean, add to the squares of all. */
static LirVal spread(Low *w, Partial p, LirVal mean)
{
    LirVal d = lir_op2(w->fn, LIR_SUB, p.v[0], lir_splat(w->fn, mean, lir_lanes(w->fn, p.v[0])));
    return lir_op3(w->fn, LIR_FMA, times(w, d, d), p.v[2], p.v[1]);
}

/* Of equal counts. */
static Partial few_even(Low *w, const Partial *p, int vectors)
{
    double count = (double)warp_lanes(w) * w->s->vec * w->s->per;
    LirVal means = 0, squares = 0, apart = 0;
    for (int i = 0; i < vectors; i++) {
        means = plus(w, means, sum_of(w, p[i].v[0]));
        squares = plus(w, squares, sum_of(w, p[i].v[1]));
    }
    LirVal mean = times(w, means, cf(w, count / w->s->n));
    for (int i = 0; i < vectors; i++) {
        LirVal d = lir_op2(w->fn, LIR_SUB, p[i].v[0], lir_splat(w->fn, mean, lir_lanes(w->fn, p[i].v[0])));
        apart = plus(w, apart, sum_of(w, lir_op2(w->fn, LIR_MUL, d, d)));
    }
    return (Partial){{times(w, means, cf(w, count)), lir_op3(w->fn, LIR_FMA, apart, cf(w, count), squares), cf(w, w->s->n)}};
}

Partial low_var_few(Low *w, const Partial *p, int vectors)
{
    if (low_var_even(w))
        return few_even(w, p, vectors);
    Partial all = {{0}};
    for (int i = 0; i < vectors; i++) {
        all.v[0] = plus(w, all.v[0], sum_of(w, times(w, p[i].v[0], p[i].v[2])));
        all.v[2] = plus(w, all.v[2], sum_of(w, p[i].v[2]));
    }
    LirVal mean = over(w, all.v[0], all.v[2]);
    for (int i = 0; i < vectors; i++)
        all.v[1] = plus(w, all.v[1], sum_of(w, spread(w, p[i], mean)));
    return all;
}

static LirVal across(Low *w, LirVal v, int lanes)
{
    for (int o = lanes / 2; o; o /= 2)
        v = lir_op2(w->fn, LIR_ADD, v, low_butterfly(w, v, o));
    return v;
}

Partial low_var_many(Low *w, const Partial *p, int n)
{
    Partial all = {{0}};
    for (int i = 0; i < n; i++) {
        all.v[0] = plus(w, all.v[0], times(w, p[i].v[0], p[i].v[2]));
        all.v[2] = plus(w, all.v[2], p[i].v[2]);
    }
    all.v[0] = across(w, all.v[0], 32);
    all.v[2] = low_var_even(w) ? cf(w, (double)w->s->n) : across(w, all.v[2], 32);
    LirVal mean = over(w, all.v[0], all.v[2]);
    for (int i = 0; i < n; i++)
        all.v[1] = plus(w, all.v[1], spread(w, p[i], mean));
    all.v[1] = across(w, all.v[1], 32);
    return all;
}

Partial low_var_join(Low *w, Partial a, Partial b)
{
    LirVal n = plus(w, a.v[2], b.v[2]), d = lir_op2(w->fn, LIR_SUB, over(w, a.v[0], a.v[2]), over(w, b.v[0], b.v[2]));
    LirVal squares = lir_op3(w->fn, LIR_FMA, times(w, d, d), over(w, times(w, a.v[2], b.v[2]), n), plus(w, a.v[1], b.v[1]));
    return (Partial){{plus(w, a.v[0], b.v[0]), squares, n}};
}

/* The lanes of a warp together. */
Partial low_var_across(Low *w, Partial t, int lanes)
{
    for (int o = lanes / 2; o; o /= 2) {
        Partial other = {{0}};
        for (int i = 0; i < LOW_MAX_WORDS; i++)
            other.v[i] = low_butterfly(w, t.v[i], o);
        t = low_var_join(w, t, other);
    }
    return t;
}
