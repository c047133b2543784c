/* low_var.c: the sum and the squared distances from the mean with one exchange, of rows that their lanes hold.
 *
 * The lanes of a warp add up their elements, then the squared distances from their own mean, in two walks over what they hold.  Where a
 * lane holds much, it walks once: it adds up distances from a pivot, the mean of its first vector, and their squares, so that what cancels in
 * squares - off*off/count is at most as many times the result as it has vectors.  Lanes, or warps, blocks of a cluster and column tiles
 * then exchange triples (sum, squares, count), which are put together as T. Chan, G. Golub and R. LeVeque (1979) show: squares add up, and
 * so do those of the means' distances from the mean of all, each as often as it has elements.  Where every warp has as many elements, counts are known here and not exchanged.
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

static int warp_lanes(const Low *w) { return w->s->lanes < 32 ? w->s->lanes : 32; }

/* i32: elements from `begin` to `end`, of those between element `first` and span elements on, and so again each `stride` on, `per` times; only the first of
 * these begin before `begin`. */
static LirVal strided_count(Low *w, LirVal first, LirVal begin, LirVal end, int64_t span, int64_t stride)
{
    LirVal zero = low_ci(w, 0), most = low_ci(w, (w->s->per - 1) * stride + span);
    LirVal left = lir_op2(w->fn, LIR_MIN, lir_op2(w->fn, LIR_MAX, lir_op2(w->fn, LIR_SUB, end, first), zero), most);
    LirVal whole = lir_op2(w->fn, LIR_DIV, left, low_ci(w, stride));
    LirVal rest = lir_op2(w->fn, LIR_MIN, lir_op2(w->fn, LIR_SUB, left, lir_op2(w->fn, LIR_MUL, whole, low_ci(w, stride))), low_ci(w, span));
    LirVal n = lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_MUL, whole, low_ci(w, span)), rest);
    LirVal before = lir_op2(w->fn, LIR_MIN, lir_op2(w->fn, LIR_MAX, lir_op2(w->fn, LIR_SUB, begin, first), zero), left);
    return lir_op2(w->fn, LIR_SUB, n, before);
}

/* f32: elements of this warp's lanes. */
static LirVal warp_count(Low *w)
{
    int64_t span = (int64_t)warp_lanes(w) * w->s->vec;
    if (sched_even(w->s))
        return cf(w, (double)span * w->s->per);
    LirVal at = w->at;
    int k = w->k;
    w->k = 0;
    w->at = lir_op2(w->fn, LIR_SUB, at, lir_op2(w->fn, LIR_REM, at, low_ci(w, warp_lanes(w))));
    LirVal begin = low_has_edges(w) ? w->head : low_ci(w, 0), end = low_has_edges(w) ? w->body : w->rowlen;
    LirVal n = strided_count(w, low_position(w), begin, end, span, (int64_t)w->lanes * w->s->vec);
    if (low_has_edges(w))
        n = lir_op2(w->fn, LIR_ADD, n, low_edge_count(w, warp_lanes(w)));
    w->at = at;
    w->k = k;
    return lir_cast(w->fn, DT_F32, n);
}

bool low_var_once(const Low *w) { return low_loops(w) || low_holds_much(w) || w->s->keep == KEEP_SMEM; }

/* v / count, 0 of none. */
static LirVal over(Low *w, LirVal v, LirVal count)
{
    return times(w, v, lir_op1(w->fn, LIR_RCP, lir_op2(w->fn, LIR_MAX, count, lir_splat(w->fn, cf(w, 1), lir_lanes(w->fn, count)))));
}

/* ---- one walk ---- */

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
static LirVal pivot_of(Low *w, LirVal x, LirVal count)
{
    LirVal sum = sum_of(w, low_inside(w, x, lir_cf(w->fn, DT_F32, w->s->vec, 0)));
    LirVal mean = w->mask.kind == MASK_PART ? over(w, sum, count) : times(w, sum, cf(w, 1.0 / w->s->vec));
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
    r->acc[0] = open(w, 1);                 /* few registers, so that many rows are on their way */
    r->sum[0] = open(w, w->s->vec);
    r->nacc = 1;
}

/* Has a lane that has this vector had another?  Only before the head of a row that begins anywhere may one be missing. */
static bool has_pivot(const Low *w) { return w->turn_k && w->turn_from + w->k > (w->s->line ? 1 : 0); }

void low_var_update(Low *w, Red *r, LirVal x)
{
    bool loop = low_loops(w), first = !loop && !r->nacc;
    LirVal n = inside_count(w), zero = lir_cf(w->fn, DT_F32, w->s->vec, 0);
    if (first) {
        low_var_open(w, r);
        r->pivot = pivot_of(w, x, n);
    }
    LirVal count = get(w, r->count);
    if (loop && !has_pivot(w)) {
        low_mark(w, LIR_IF, lir_op2(w->fn, LIR_EQ, count, cf(w, 0)));
        put(w, &r->pivot, pivot_of(w, x, n));
        low_mark(w, LIR_END, 0);
    }
    LirVal pivot = get(w, r->pivot);
    LirVal d = low_inside(w, lir_op2(w->fn, LIR_SUB, x, lir_splat(w->fn, pivot, w->s->vec)), zero), squares = get(w, r->sum[0]);
    put(w, &r->acc[0], first ? sum_of(w, d) : plus(w, get(w, r->acc[0]), sum_of(w, d)));
    put(w, &r->sum[0], first ? lir_op2(w->fn, LIR_MUL, d, d) : lir_op3(w->fn, LIR_FMA, d, d, squares));
    put(w, &r->count, first ? n : plus(w, count, n));
}

static LirVal across(Low *w, LirVal v, int lanes)
{
    for (int o = lanes / 2; o; o /= 2)
        v = lir_op2(w->fn, LIR_ADD, v, low_butterfly(w, v, o));
    return v;
}

/* One element more, where the lane has one; it is the pivot where it is alone. */
static void take_edge(Low *w, LirVal edge, LirVal *pivot, LirVal *off, LirVal *squares, LirVal *count)
{
    LirVal zero = cf(w, 0), x = lir_op3(w->fn, LIR_SELECT, w->edge_in, edge, zero);
    *pivot = lir_op3(w->fn, LIR_SELECT, lir_op2(w->fn, LIR_EQ, *count, zero), x, *pivot);
    LirVal d = lir_op3(w->fn, LIR_SELECT, w->edge_in, lir_op2(w->fn, LIR_SUB, x, *pivot), zero);
    *off = plus(w, *off, d);
    *squares = lir_op3(w->fn, LIR_FMA, d, d, *squares);
    *count = plus(w, *count, lir_op3(w->fn, LIR_SELECT, w->edge_in, cf(w, 1), zero));
}

/* A lane's mean is pivot + off/count, its squares those counted from pivot less off*off/count; then as from partials with means. */
void low_var_lanes(Low *w, Red *r)
{
    LirVal off = get(w, r->acc[0]), squares = sum_of(w, get(w, r->sum[0])), pivot = get(w, r->pivot);
    LirVal count = sched_even(w->s) ? cf(w, (double)w->s->vec * w->s->per) : get(w, r->count);
    if (r->edge)
        take_edge(w, r->edge, &pivot, &off, &squares, &count);
    LirVal apart = over(w, off, count);
    squares = lir_op3(w->fn, LIR_FMA, off, lir_op1(w->fn, LIR_NEG, apart), squares);
    squares = lir_op2(w->fn, LIR_MAX, squares, cf(w, 0));
    r->total = across(w, lir_op3(w->fn, LIR_FMA, count, pivot, off), warp_lanes(w));
    LirVal mean = over(w, r->total, warp_count(w)), d = lir_op2(w->fn, LIR_SUB, plus(w, pivot, apart), mean);
    r->squares = across(w, lir_op3(w->fn, LIR_FMA, times(w, d, d), count, squares), warp_lanes(w));
    w->red_value[r->op] = mean;
}

/* ---- two walks, and what follows either ---- */

void low_var_mean(Low *w, Red *r)
{
    double even = (double)warp_lanes(w) * w->s->vec * w->s->per;
    r->total = low_red_warp(w, r);
    w->red_value[r->op] = sched_even(w->s) ? times(w, r->total, cf(w, 1 / even)) : over(w, r->total, warp_count(w));
}

Partial low_var_partial(Low *w, const Red *r) { return (Partial){{r->total, r->squares, warp_count(w)}}; }

/* Squares with what a partial's mean, less the mean of all, adds to those of all. */
static LirVal spread(Low *w, Partial p, LirVal mean)
{
    LirVal d = lir_op2(w->fn, LIR_SUB, over(w, p.v[0], p.v[2]), lir_splat(w->fn, mean, lir_lanes(w->fn, p.v[0])));
    return lir_op3(w->fn, LIR_FMA, times(w, d, d), p.v[2], p.v[1]);
}

/* Of equal counts. */
static Partial few_even(Low *w, const Partial *p, int vectors)
{
    double count = (double)warp_lanes(w) * w->s->vec * w->s->per;
    LirVal sum = 0, squares = 0, apart = 0;
    for (int i = 0; i < vectors; i++) {
        sum = plus(w, sum, sum_of(w, p[i].v[0]));
        squares = plus(w, squares, sum_of(w, p[i].v[1]));
    }
    LirVal less = lir_op1(w->fn, LIR_NEG, times(w, sum, cf(w, 1.0 / w->s->n)));
    for (int i = 0; i < vectors; i++) {
        int lanes = lir_lanes(w->fn, p[i].v[0]);
        LirVal d = lir_op3(w->fn, LIR_FMA, p[i].v[0], lir_cf(w->fn, DT_F32, lanes, 1 / count), lir_splat(w->fn, less, lanes));
        apart = plus(w, apart, sum_of(w, lir_op2(w->fn, LIR_MUL, d, d)));
    }
    return (Partial){{sum, lir_op3(w->fn, LIR_FMA, apart, cf(w, count), squares), cf(w, w->s->n)}};
}

/* f32: elements that all partials have together: the row's; 0 where they are a tile's, and counted. */
static LirVal whole(Low *w) { return w->s->split ? 0 : lir_cast(w->fn, DT_F32, w->rowlen); }

static LirVal mean_of(Low *w, Partial all)
{
    return w->s->len == LEN_EXACT && !w->s->split ? times(w, all.v[0], cf(w, 1.0 / w->s->n)) : over(w, all.v[0], all.v[2]);
}

Partial low_var_few(Low *w, const Partial *p, int vectors)
{
    if (sched_even(w->s))
        return few_even(w, p, vectors);
    Partial all = {{0, 0, whole(w)}};
    for (int i = 0; i < vectors; i++) {
        all.v[0] = plus(w, all.v[0], sum_of(w, p[i].v[0]));
        all.v[2] = w->s->split ? plus(w, all.v[2], sum_of(w, p[i].v[2])) : all.v[2];
    }
    LirVal mean = mean_of(w, all);
    for (int i = 0; i < vectors; i++)
        all.v[1] = plus(w, all.v[1], sum_of(w, spread(w, p[i], mean)));
    return all;
}

Partial low_var_many(Low *w, const Partial *p, int n)
{
    Partial all = {{0, 0, whole(w)}};
    for (int i = 0; i < n; i++) {
        all.v[0] = plus(w, all.v[0], p[i].v[0]);
        all.v[2] = w->s->split ? plus(w, all.v[2], p[i].v[2]) : all.v[2];
    }
    all.v[0] = across(w, all.v[0], 32);
    all.v[2] = w->s->split ? across(w, all.v[2], 32) : all.v[2];
    LirVal mean = mean_of(w, all);
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
