/* job.c: see job.h.
 *
 * Row lengths are 0, 1, 2, 3, odd, around what the schedule holds; rows 0, 1, few, more than the grid; bases and pitches mostly as the
 * schedule asks, else odd.
 */
#include "job.h"

#include <math.h>
#include <string.h>

#include "plain.h"

static TirFn *build(const Job *j, Arena *a) { return plain_kernels[j->kernel].build(a, j->dt); }

static bool is_input(const TirFn *fn, uint32_t t) { return fn->tensors[t].mode == TIR_IN; }

static int64_t rows_of(const Call *c, uint32_t t) { return c->tir->tensors[t].rank > 1 ? c->tensor[t].shape[0] : 1; }
static int64_t cols_of(const Call *c, uint32_t t) { return c->tensor[t].shape[c->tir->tensors[t].rank - 1]; }

/* Inputs between -2 and 2; now and then infinities and NaN for the kernel that orders them. */
static double draw(const Job *j, uint64_t *seed, bool wild)
{
    double v = (double)(rnd(seed) >> 11) * 0x1p-51 - 2;
    if (j->kernel == 3 && wild && rnd_below(seed, 200) == 0)
        return rnd_below(seed, 2) ? NAN : -INFINITY;
    return v;
}

static void fill(const Job *j, Call *c, Plain *p, Arena *a)
{
    uint64_t seed = j->seed ^ 0x5bd1e995;
    bool wild = rnd_below(&seed, 4) == 0;
    for (uint32_t t = 0; t < c->tir->ntensors; t++) {
        int64_t rows = rows_of(c, t), cols = cols_of(c, t);
        double *v = ARENA_ARRAY(a, double, rows * cols + 1);
        if (!is_input(c->tir, t)) {
            p->out[t] = v;
            continue;
        }
        p->in[t] = v;
        for (int64_t i = 0; i < rows * cols; i++) {
            v[i] = layout_round(c->tir->tensors[t].dt, draw(j, &seed, wild));
            layout_put(c, t, i / cols, i % cols, v[i]);
        }
    }
}

/* Relative to the sums that the result is made of: about 1 for a row, sqrt(m) for a sum over rows. */
static double tolerance(DType dt, int64_t m)
{
    double unit = dt == DT_BF16 ? 0x1p-8 : dt == DT_F16 ? 0x1p-11 : dt == DT_I64 ? 0 : 0x1p-23;
    return unit * 1.05 + (dt == DT_I64 ? 0 : 4e-6 * (1 + (double)m / 16));
}

static bool near(double got, double want, double tol)
{
    if (isnan(want) || isnan(got) || isinf(want))
        return isnan(want) ? isnan(got) : got == want;
    return fabs(got - want) <= tol * fmax(1, fabs(want));
}

static bool compare(const Call *c, const Plain *p, Buf *why)
{
    for (uint32_t t = 0; t < c->tir->ntensors; t++) {
        int64_t rows = rows_of(c, t), cols = cols_of(c, t);
        for (int64_t i = 0; p->out[t] && i < rows * cols; i++) {
            double got = layout_get(c, t, i / cols, i % cols), want = p->out[t][i];
            if (near(got, want, tolerance(c->tir->tensors[t].dt, p->m)))
                continue;
            buf_printf(why, "%s[%lld, %lld] is %.9g, not %.9g", c->tir->tensors[t].name, (long long)(i / cols), (long long)(i % cols), got, want);
            return false;
        }
    }
    return true;
}

static Verdict lowered(const Job *j, Call *c, Arena *a, Buf *why)
{
    const Target *target = target_get(TARGET_SIM);
    Diag d;
    diag_init(&d, a);
    c->target = target;
    c->low = low_run(c->tir, &j->s, target, "k", a, &d);
    if (!c->low || !call_verify(c->low, &d)) {
        diag_render_text(&d, why, false);
        return FAIL;
    }
    if (j->change && !j->change(c->low, j->seed))
        return SKIP;
    return PASS;
}

static Verdict run_in(const Job *j, Arena *a, Buf *why)
{
    int64_t dims[TIR_MAX_DIMS] = {j->m, j->n};
    Call c = {.tir = build(j, a), .dims = dims, .scalar = {1e-6}};
    Plain p = {.m = j->m, .n = j->n, .eps = 1e-6};
    SimResult res;
    Verdict v = lowered(j, &c, a, why);
    if (v != PASS)
        return v;
    layout_place(&c, j->how, j->seed, a);
    if (!call_allowed(&c))
        return SKIP;
    fill(j, &c, &p, a);
    plain_kernels[j->kernel].run(&p);
    if (!call_run(&c, a, &res)) {
        buf_puts(why, res.faults ? res.first : "no memory");
        return FAIL;
    }
    return compare(&c, &p, why) ? PASS : FAIL;
}

Verdict job_run(const Job *j, Buf *why)
{
    Arena *a = arena_new();
    why->n = 0;
    Verdict v = a ? run_in(j, a, why) : FAIL;
    arena_free(a);
    return v;
}

/* ---- drawing ---- */

static int64_t draw_length(const Sched *s, uint64_t *seed)
{
    int64_t turn = (int64_t)s->lanes * s->vec * s->per, n;
    if (s->len == LEN_EXACT)
        return s->n;
    switch (rnd_below(seed, 8)) {
    case 0:  n = rnd_below(seed, 4); break;
    case 1:  n = turn; break;
    case 2:  n = turn - 1; break;
    case 3:  n = turn + 1; break;
    case 4:  n = turn / 2 | 1; break;
    default: n = 1 + rnd_below(seed, (uint32_t)(s->len == LEN_ANY ? turn * 5 / 2 : turn)); break;
    }
    if (s->align == ALIGN_VEC && rnd_below(seed, 8))
        n = n / s->vec * s->vec;
    return n > 12000 ? 12000 / s->vec * s->vec : n;
}

static int64_t draw_rows(const Sched *s, int64_t n, uint64_t *seed)
{
    int64_t most = 24000 / (n + 1) + 1, m;
    switch (rnd_below(seed, 6)) {
    case 0:  m = rnd_below(seed, 4); break;
    case 1:  m = s->rows * (1 + rnd_below(seed, 3)) + (int64_t)rnd_below(seed, 3) - 1; break;
    default: m = 1 + rnd_below(seed, 70); break;
    }
    return m > most ? most : m;
}

bool job_draw(Job *j, uint64_t seed)
{
    static const DType types[] = {DT_BF16, DT_F16, DT_F32};
    static const Layout first[] = {LAYOUT_PADDED, LAYOUT_SHIFTED, LAYOUT_ODD};
    Arena *a = arena_new();
    SchedFacts f;
    Diag d;
    diag_init(&d, a);
    *j = (Job){.seed = seed};
    j->kernel = (int)rnd_below(&seed, PLAIN_COUNT);
    j->dt = types[rnd_below(&seed, 3)];
    TirFn *fn = build(j, a);
    bool ok = sched_facts(fn, &f, &d);
    if (ok) {
        j->s = sched_random(&f, target_get(TARGET_SIM), &seed);
        j->n = draw_length(&j->s, &seed);
        j->m = draw_rows(&j->s, j->n, &seed);
        j->how = rnd_below(&seed, 4) ? first[j->s.align] : (Layout)rnd_below(&seed, LAYOUT_COUNT);
    }
    arena_free(a);
    return ok;
}
