/* eval.c: runs the tile IR op by op, instance by instance, in double precision. See eval.h.
 *
 * Slow and plain on purpose: every other way of running a kernel is compared with this one.  Sums over instances keep
 * Kahan's compensation, so that the oracle's own error does not count; eager's are of f32.
 */
#include "eval_in.h"

#include <math.h>
#include <string.h>

static bool fail(Eval *e, const TirOp *o, const char *what)
{
    if (!e->failed)
        diag_report(e->d, DIAG_ERROR, LG_NONE, o->sp, "%s.%s: %s", e->fn->op_name, e->fn->name, what);
    e->failed = true;
    return false;
}

static bool is_float_op(const Eval *e, const TirOp *o)
{
    int first = o->op == TIR_SELECT ? 1 : 0;
    return tir_op_nargs(o->op) == 0 ? dt_is_float(o->dt) : dt_is_float(e->fn->ops[o->a[first]].dt);
}

static EvalValue fresh(Eval *e, const TirOp *o)
{
    EvalValue x = {.n = 1};
    for (int i = 0; i < o->nax; i++)
        x.n *= e->axis[o->ax[i]];
    x.v = ARENA_ARRAY(e->a, double, x.n + 1);
    if (e->mode == EVAL_DUAL)
        x.t = ARENA_ARRAY(e->a, double, x.n + 1);
    return x;
}

static bool eager(const Eval *e) { return e->mode == EVAL_EAGER || e->mode == EVAL_JITTER; }

/* Every fourth run rounds to nearest, and only its sums are in another order: roundings to nearest of numbers that lie alike err alike. */
static bool at_random(const Eval *e, DType t) { return e->mode == EVAL_JITTER && e->args->seed % 4 && dt_is_float(t); }

static double rounded(const Eval *e, double v, DType t)
{
    if (at_random(e, t)) {
        eval_jitter(&v, 1, t, e->tick);
        return v;
    }
    return eager(e) || !dt_is_float(t) ? eval_round(v, t) : v;
}

/* Strides of operand a over the axes of o: 0 where it is broadcast. */
static void operand_strides(const Eval *e, const TirOp *o, TirVal a, int64_t *stride)
{
    const TirOp *p = &e->fn->ops[a];
    int64_t s = 1;
    int j = p->nax - 1;
    for (int i = o->nax - 1; i >= 0; i--) {
        bool has = j >= 0 && p->ax[j] == o->ax[i];
        stride[i] = has ? s : 0;
        if (has) {
            s *= e->axis[o->ax[i]];
            j--;
        }
    }
}

static int64_t offset_of(const Eval *e, const TirOp *o, int64_t flat, const int64_t *stride)
{
    int64_t at = 0;
    for (int i = o->nax - 1; i >= 0; i--) {
        int64_t n = e->axis[o->ax[i]];
        at += flat % n * stride[i];
        flat /= n;
    }
    return at;
}

/* What one elementwise op does to a run of n elements: operand i steps by step[i], the result by 1. */
typedef struct Elems { const double *x[3], *t[3]; int64_t step[3], n; double *out, *slope; } Elems;

static void compute(const TirOp *o, bool real, const Elems *m)
{
    bool cmp = tir_op_kind(o->op) == TIR_K_CMP;
    const double *x = m->x[0], *y = m->x[1], *z = m->x[2];
    int64_t sx = m->step[0], sy = m->step[1], sz = m->step[2];
    for (int64_t k = 0; cmp && k < m->n; k++)
        m->out[k] = eval_compare(o->op, x[k * sx], y[k * sy]);
    for (int64_t k = 0; !cmp && real && k < m->n; k++)
        m->out[k] = eval_elem(o->op, x[k * sx], y[k * sy], z[k * sz]);
    for (int64_t k = 0; !cmp && !real && k < m->n; k++)
        m->out[k] = (double)eval_wrap(eval_int(o->op, (int64_t)x[k * sx], (int64_t)y[k * sy], (int64_t)z[k * sz]), o->dt);
    for (int64_t k = 0; m->slope && real && !cmp && k < m->n; k++) {
        double at[3] = {x[k * sx], y[k * sy], z[k * sz]}, along[3] = {m->t[0][k * sx], m->t[1][k * sy], m->t[2][k * sz]};
        m->slope[k] = eval_slope(o->op, at, along, m->out[k]);
    }
}

static void round_run(const Eval *e, DType t, double *v, int64_t n)
{
    bool jitter = at_random(e, t);
    if (jitter)
        eval_jitter(v, n, t, e->tick);
    for (int64_t k = 0; !jitter && (eager(e) || !dt_is_float(t)) && k < n; k++)
        v[k] = eval_round(v[k], t);
}

/* Along the innermost axis of the result operands have one step; the others are counted through. */
static void elementwise(Eval *e, TirVal v)
{
    static const double none[1];
    const TirOp *o = &e->fn->ops[v];
    int n = tir_op_nargs(o->op);
    int64_t stride[3][TIR_MAX_AXES] = {{0}};
    bool real = is_float_op(e, o) || o->dt == DT_BOOL;
    EvalValue r = fresh(e, o);
    Elems m = {.n = o->nax ? e->axis[o->ax[o->nax - 1]] : 1};
    for (int i = 0; i < n; i++) {
        operand_strides(e, o, o->a[i], stride[i]);
        m.step[i] = o->nax ? stride[i][o->nax - 1] : 0;
    }
    for (int64_t at = 0; at < r.n; at += m.n) {
        for (int i = 0; i < 3; i++) {
            int64_t from = i < n && o->nax > 1 ? offset_of(e, o, at, stride[i]) : 0;
            m.x[i] = i < n ? e->val[o->a[i]].v + from : none;
            m.t[i] = i < n && r.t ? e->val[o->a[i]].t + from : none;
        }
        m.out = r.v + at;
        m.slope = r.t ? r.t + at : NULL;
        compute(o, real, &m);
    }
    if (real && tir_op_kind(o->op) != TIR_K_CMP)
        round_run(e, o->dt, r.v, r.n);
    e->val[v] = r;
}

static void cast(Eval *e, TirVal v)
{
    const TirOp *o = &e->fn->ops[v];
    const EvalValue *x = &e->val[o->a[0]];
    EvalValue r = fresh(e, o);
    bool both = dt_is_float(o->dt) && dt_is_float(e->fn->ops[o->a[0]].dt);
    bool whole = dt_is_int(o->dt) && dt_is_int(e->fn->ops[o->a[0]].dt);
    memcpy(r.v, x->v, sizeof *r.v * (size_t)r.n);
    for (int64_t k = 0; whole && k < r.n; k++)
        r.v[k] = (double)eval_wrap((int64_t)r.v[k], o->dt);
    if (!whole && (!both || eager(e)))
        round_run(e, o->dt, r.v, r.n);
    if (r.t && dt_is_float(o->dt))
        memcpy(r.t, x->t, sizeof *r.t * (size_t)r.n);
    e->val[v] = r;
}

/* ---- reductions: along one axis, `inner` elements apart ---- */

typedef struct Line { const double *v, *t; int64_t n, step; } Line;

/* As vectorised eager code adds: f32 in so many lanes, which are then added in order; which lane gets an element, another order tells otherwise. */
static double eager_sum(const Line *l, DType dt, int lanes, uint64_t order)
{
    float lane[16] = {0}, s = 0;
    for (int64_t i = 0; i < l->n; i++)
        lane[((uint64_t)i * order >> 32 ^ (uint64_t)i) & (uint64_t)(lanes - 1)] += (float)l->v[i * l->step];
    for (int i = 0; i < lanes; i++)
        s += lane[i];
    return eval_round((double)s, dt);
}

static double line_sum(const Eval *e, const Line *l, DType dt, double *dv)
{
    double s = 0, c = 0;
    *dv = 0;
    for (int64_t i = 0; i < l->n; i++) {
        double x = l->v[i * l->step], y = x - c, t = s + y;
        c = isfinite(t) ? (t - s) - y : 0;
        s = t;
        *dv += l->t ? l->t[i * l->step] : 0;
    }
    return !dt_is_float(dt) ? (double)eval_wrap((int64_t)s, dt) : eager(e) ? eager_sum(l, dt, e->args->seed ? 4 << e->args->seed % 3 : 8, e->args->seed * 0x9e3779b97f4a7c15u) : s;
}

/* In two passes: the mean, then the distances. */
static double line_sqdev(const Eval *e, const Line *l, DType dt, double *dv)
{
    double mean = rounded(e, line_sum(e, l, dt, dv) / (double)l->n, dt), *d = ARENA_ARRAY(e->a, double, l->n + 1), slope = 0;
    for (int64_t i = 0; i < l->n; i++) {
        double x = rounded(e, l->v[i * l->step] - mean, dt);
        d[i] = rounded(e, x * x, dt);
        slope += l->t ? 2 * x * l->t[i * l->step] : 0;
    }
    double s = line_sum(e, &(Line){d, NULL, l->n, 1}, dt, dv);
    *dv = slope;
    return s;
}

static int64_t line_best(const Line *l, bool largest)
{
    int64_t best = -1;
    for (int64_t i = 0; i < l->n; i++) {
        double x = l->v[i * l->step];
        if (isnan(x))
            return i;
        if (best < 0 || (largest ? x > l->v[best * l->step] : x < l->v[best * l->step]))
            best = i;
    }
    return best;
}

static double line_lse(const Eval *e, const Line *l, DType dt, double *dv)
{
    int64_t at = line_best(l, true);
    double m = at < 0 ? -INFINITY : l->v[at * l->step], s = 0, ds = 0;
    *dv = 0;
    if (!isfinite(m))
        return m;
    for (int64_t i = 0; i < l->n; i++) {
        double x = exp(l->v[i * l->step] - m);
        s += x;
        ds += l->t ? x * l->t[i * l->step] : 0;
    }
    *dv = ds / s;
    return rounded(e, m + log(s), dt);
}

static double reduce_line(const Eval *e, const TirOp *o, const Line *l, double *dv)
{
    int64_t at;
    *dv = 0;
    switch (o->op) {
    case TIR_SUM: return line_sum(e, l, o->dt, dv);
    case TIR_SQDEV: return line_sqdev(e, l, o->dt, dv);
    case TIR_LSE: return line_lse(e, l, o->dt, dv);
    case TIR_ARGMAX: return (double)line_best(l, true);
    default:
        at = line_best(l, o->op == TIR_RMAX);
        *dv = at >= 0 && l->t ? l->t[at * l->step] : 0;
        return at >= 0 ? l->v[at * l->step] : eval_round(o->op == TIR_RMAX ? -INFINITY : INFINITY, o->dt);     /* of integers the least and largest there are */
    }
}

static void reduce(Eval *e, TirVal v)
{
    const TirOp *o = &e->fn->ops[v], *p = &e->fn->ops[o->a[0]];
    const EvalValue *x = &e->val[o->a[0]];
    EvalValue r = fresh(e, o);
    int64_t inner = 1, n = e->axis[o->ref];
    int at = 0;
    while (at < p->nax && p->ax[at] != o->ref)
        at++;
    for (int i = at + 1; i < p->nax; i++)
        inner *= e->axis[p->ax[i]];
    for (int64_t k = 0; k < r.n; k++) {
        int64_t from = k / inner * inner * n + k % inner;
        Line l = {x->v + from, x->t ? x->t + from : NULL, n, inner};
        double dv;
        r.v[k] = reduce_line(e, o, &l, &dv);
        if (r.t)
            r.t[k] = dv;
    }
    e->val[v] = r;
}

/* ---- memory ---- */

/* Offset in the tensor of element `flat` of a place; -1 with a diagnostic outside it. */
static int64_t place(Eval *e, const TirOp *o, int64_t flat)
{
    const EvalTensor *t = &e->args->tensors[o->ref];
    int64_t sub[TIR_MAX_RANK] = {0}, at = 0;
    for (int i = o->nix - 1; i >= 0; i--) {
        const TirIndex *x = &e->fn->ix[o->ix + (uint32_t)i];
        if (x->kind == TIR_IX_SCALAR) {
            sub[i] = (int64_t)e->val[x->val].v[0];
        } else {
            int64_t n = x->kind == TIR_IX_SLICE ? e->axis[x->axis] : e->val[x->val].n, k = n ? flat % n : 0;
            flat = n ? flat / n : 0;
            if (x->kind == TIR_IX_SLICE)
                sub[i] = (x->val ? (int64_t)e->val[x->val].v[0] : 0) + k * (x->step ? x->step : 1);
            else
                sub[i] = (int64_t)e->val[x->val].v[k];
        }
        if (sub[i] < 0 || sub[i] >= t->shape[i]) {
            fail(e, o, "an index is outside its tensor");
            return -1;
        }
        at += sub[i] * t->stride[i];
    }
    return at;
}

static int64_t place_size(const Eval *e, const TirOp *o)
{
    int64_t n = 1;
    for (int i = 0; i < o->nix; i++) {
        const TirIndex *x = &e->fn->ix[o->ix + (uint32_t)i];
        n *= x->kind == TIR_IX_SLICE ? e->axis[x->axis] : x->kind == TIR_IX_TILE ? e->val[x->val].n : 1;
    }
    return n;
}

/* Elements of a place that follow one another `step` apart: along its innermost slice, if nothing but numbers stands behind that. */
static int64_t run_length(const Eval *e, const TirOp *o, int64_t *step)
{
    for (int i = o->nix - 1; i >= 0; i--) {
        const TirIndex *x = &e->fn->ix[o->ix + (uint32_t)i];
        *step = x->kind == TIR_IX_SLICE ? (x->step ? x->step : 1) * e->args->tensors[o->ref].stride[i] : 0;
        if (x->kind != TIR_IX_SCALAR)
            return x->kind == TIR_IX_SLICE ? e->axis[x->axis] : 1;
    }
    *step = 0;
    return 1;
}

/* The first place of a run of n that begins at element `flat`; -1 when one end is outside the tensor. */
static int64_t run_at(Eval *e, const TirOp *o, int64_t flat, int64_t n)
{
    return n > 1 && place(e, o, flat + n - 1) < 0 ? -1 : place(e, o, flat);
}

static void load(Eval *e, TirVal v)
{
    const TirOp *o = &e->fn->ops[v];
    const EvalTensor *t = &e->args->tensors[o->ref];
    EvalValue r = fresh(e, o);
    int64_t step, n = run_length(e, o, &step);
    for (int64_t k = 0; k < r.n && !e->failed; k += n) {
        int64_t at = run_at(e, o, k, n);
        if (at < 0)
            return;
        for (int64_t j = 0; j < n; j++)
            r.v[k + j] = t->v[at + j * step];
        for (int64_t j = 0; r.t && t->tangent && j < n; j++)
            r.t[k + j] = t->tangent[at + j * step];
    }
    e->val[v] = r;
}

static bool in_f32(const Eval *e, DType t) { return eager(e) && (t == DT_F32 || t == DT_F16 || t == DT_BF16); }

/* Eager sums over instances in f32: so many that follow one another, then these sums. */
static void add_eager(const Eval *e, double *v, EvalSum *c, double x)
{
    uint32_t run = (uint32_t)(e->instance / (e->args->seed ? 24 + 3 * (int64_t)e->args->seed : 64));
    if (c->part.run != run) {
        *v = (double)((float)*v + c->part.sum);
        c->part = (EvalPart){0, run};
    }
    c->part.sum += (float)x;
}

static void add_to(Eval *e, const TirOp *o, int64_t at, double x)
{
    EvalTensor *t = &e->args->tensors[o->ref];
    EvalSum *c = e->sum[o->ref] ? &e->sum[o->ref][at] : NULL;
    if (c && in_f32(e, e->fn->tensors[o->ref].dt)) {
        add_eager(e, &t->v[at], c, x);
        return;
    }
    double y = x - (c ? c->lost : 0), s = t->v[at] + y;
    if (c)
        c->lost = isfinite(s) ? (s - t->v[at]) - y : 0;
    t->v[at] = s;
}

static void put(Eval *e, const TirOp *o, int64_t at, const EvalValue *x, int64_t from)
{
    EvalTensor *t = &e->args->tensors[o->ref];
    bool slope = t->tangent && x->t;
    if (o->op == TIR_ACC) {
        add_to(e, o, at, x->v[from]);
        if (slope)
            t->tangent[at] += x->t[from];
        return;
    }
    t->v[at] = rounded(e, x->v[from], e->fn->tensors[o->ref].dt);
    if (slope)
        t->tangent[at] = x->t[from];
}

static void store(Eval *e, const TirOp *o)
{
    const EvalValue *x = &e->val[o->a[0]];
    int64_t all = place_size(e, o), step, n = run_length(e, o, &step);
    for (int64_t k = 0; k < all; k += n) {
        int64_t at = run_at(e, o, k, n);
        if (at < 0)
            return;
        for (int64_t j = 0; j < n; j++)
            put(e, o, at + j * step, x, x->n == all ? k + j : x->n == 1 ? 0 : (k + j) % x->n);
    }
}

static void leaf(Eval *e, TirVal v)
{
    const TirOp *o = &e->fn->ops[v];
    EvalValue r = fresh(e, o);
    int64_t x = 0;
    for (int64_t k = 0; k < r.n; k++)
        switch (o->op) {
        case TIR_CONST:  r.v[k] = dt_is_float(o->dt) ? rounded(e, o->imm.f, o->dt) : (double)o->imm.i; break;
        case TIR_PARAM:  r.v[k] = dt_is_float(o->dt) ? eval_round(e->args->scalars[o->ref], o->dt) : e->args->scalars[o->ref]; break;
        case TIR_COORD:  r.v[k] = (double)e->coord[o->ref]; break;
        case TIR_IOTA:   r.v[k] = (double)k; break;
        default:
            if (!tir_ext_eval(*o->ext, e->args->dims, &x))
                fail(e, o, "an extent that does not divide");
            r.v[k] = (double)x;
        }
    e->val[v] = r;
}

static void element(Eval *e, TirVal v)
{
    const TirOp *o = &e->fn->ops[v];
    const EvalValue *x = &e->val[o->a[0]];
    EvalValue r = fresh(e, o);
    int64_t at = (int64_t)e->val[o->a[1]].v[0];
    if (at < 0 || at >= x->n) {
        fail(e, o, "an index is outside its tile");
        return;
    }
    r.v[0] = x->v[at];
    if (r.t)
        r.t[0] = x->t[at];
    e->val[v] = r;
}

/* Runs ops from v to the end of their region; gives the op after it. */
static TirVal run_region(Eval *e, TirVal v, bool live)
{
    for (; v < e->fn->nops; v++) {
        const TirOp *o = &e->fn->ops[v];
        if (o->op == TIR_END || o->op == TIR_ELSE)
            return v;
        if (o->op == TIR_IF) {
            bool yes = live && !e->failed && e->val[o->a[0]].v[0] != 0;
            v = run_region(e, v + 1, yes);
            if (e->fn->ops[v].op == TIR_ELSE)
                v = run_region(e, v + 1, live && !yes);
            continue;
        }
        if (!live || e->failed)
            continue;
        switch (tir_op_kind(o->op)) {
        case TIR_K_LEAF:   leaf(e, v); break;
        case TIR_K_ELEM:
        case TIR_K_CMP:    elementwise(e, v); break;
        case TIR_K_CAST:   cast(e, v); break;
        case TIR_K_REDUCE: reduce(e, v); break;
        default:
            if (o->op == TIR_LOAD)
                load(e, v);
            else if (o->op == TIR_ELEM)
                element(e, v);
            else if (o->op == TIR_STORE || o->op == TIR_ACC)
                store(e, o);
        }
    }
    return v;
}

static TirVal run_nest(Eval *e, TirVal par)
{
    const TirOp *o = &e->fn->ops[par];
    int64_t ext[8] = {0}, total = 1;
    TirVal end = par;
    for (uint32_t i = 0; i < o->ref2 && i < 8; i++) {
        if (!tir_ext_eval(e->fn->pars[o->ref + i].ext, e->args->dims, &ext[i]))
            fail(e, o, "an extent that does not divide");
        total *= ext[i];
    }
    for (int64_t g = 0; g < total && !e->failed; g++) {
        int64_t rest = e->instance = g;
        for (uint32_t i = o->ref2; i-- > 0;) {
            e->coord[o->ref + i] = rest % ext[i];
            rest /= ext[i];
        }
        arena_reset(e->a);
        end = run_region(e, par + 1, true);
    }
    return end == par ? run_region(e, par + 1, false) : end;
}

static int64_t tensor_span(const EvalTensor *t, int rank)
{
    int64_t n = 1;
    for (int i = 0; i < rank; i++) {
        if (!t->shape[i])
            return 0;
        n += (t->shape[i] - 1) * t->stride[i];
    }
    return n;
}

static void prepare(Eval *e, Arena *life)
{
    const TirFn *fn = e->fn;
    e->axis = ARENA_ARRAY(life, int64_t, fn->naxes + 1);
    e->coord = ARENA_ARRAY(life, int64_t, fn->npars + 1);
    e->val = ARENA_ARRAY(life, EvalValue, fn->nops + 1);
    e->sum = ARENA_ARRAY(life, EvalSum *, fn->ntensors + 1);
    for (uint32_t i = 0; i < fn->naxes; i++)
        if (!tir_ext_eval(fn->axes[i].ext, e->args->dims, &e->axis[i]))
            fail(e, &fn->ops[0], "an extent that does not divide");
    for (uint32_t i = 0; i < fn->ntensors; i++) {
        EvalTensor *t = &e->args->tensors[i];
        int64_t n = fn->tensors[i].accumulate && fn->tensors[i].mode == TIR_OUT && !fn->tensors[i].absent ? tensor_span(t, fn->tensors[i].rank) : 0;
        if (!n)
            continue;
        memset(t->v, 0, sizeof(double) * (size_t)n);
        if (t->tangent)
            memset(t->tangent, 0, sizeof(double) * (size_t)n);
        e->sum[i] = ARENA_ARRAY(life, EvalSum, n);
    }
}

static void round_sums(Eval *e)
{
    for (uint32_t i = 0; i < e->fn->ntensors && eager(e); i++) {
        EvalTensor *t = &e->args->tensors[i];
        int64_t n = e->sum[i] ? tensor_span(t, e->fn->tensors[i].rank) : 0;
        DType dt = e->fn->tensors[i].dt;
        for (int64_t k = 0; k < n; k++)
            t->v[k] = eval_round(in_f32(e, dt) ? (double)((float)t->v[k] + e->sum[i][k].part.sum) : t->v[k], dt);
    }
}

bool eval_run(const TirFn *fn, EvalMode mode, EvalArgs *args, Diag *d)
{
    Arena *life = arena_new();
    uint64_t tick = args->seed << 40;
    Eval e = {.fn = fn, .mode = mode, .tick = &tick, .args = args, .d = d, .a = arena_new()};
    if (life && e.a) {
        prepare(&e, life);
        for (TirVal v = 1; v < fn->nops && !e.failed; v++)
            if (fn->ops[v].op == TIR_PAR)
                v = run_nest(&e, v);
        round_sums(&e);
    }
    bool ok = life && e.a && !e.failed;
    arena_free(e.a);
    arena_free(life);
    return ok;
}
