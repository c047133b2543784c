/* spec_job.c: see spec_job.h.
 *
 * Row lengths are 0 to 3, odd, around what the schedule holds; instances 0, 1, few, more than the grid; layouts mostly as the schedule
 * asks, else odd. Every value of types, options and inputs comes up.
 */
#include "spec_job.h"

#include <string.h>

#include "layout.h"
#include "row_view.h"

/* ---- running ---- */

enum { MAX_NESTS = 8 };

/* Always holds. */
static Sched plain_schedule(const SchedFacts *f)
{
    uint64_t seed = 1;
    Sched s = sched_default();
    if (f->scalars)
        return sched_random(f, target_get(TARGET_SIM), &seed);
    s.align = ALIGN_SCALAR;
    s.vec = 1;
    s.lanes = 64;
    s.per = 2;
    s.keep = f->phases > 1 ? KEEP_RELOAD : KEEP_REG;
    if (f->accs) {
        s.grid = GRID_PERSISTENT;
        s.acc = ACC_MEM;
        s.ctas = 2;
    }
    return s;
}

static bool reads(LirOpcode op) { return op == LIR_LDG || op == LIR_LDGP || op == LIR_LDGM || op == LIR_CPA; }
static bool writes(LirOpcode op) { return op == LIR_STG || op == LIR_STGP || op == LIR_STGM || op == LIR_ATOM; }

/* A launch that may start before those in front of it end waits for them outside of any branch; till then it writes nothing, and reads
 * nothing that an earlier nest writes. The last one of a sum through an index reads what those before the one in front of it left. */
static bool waits_in_time(const TirFn *fn, const LirFn *f, bool behind)
{
    int depth = 0;
    for (LirVal v = 1; f->pdl && v < f->nops; v++) {
        const LirOp *o = &f->ops[v];
        depth += (o->op == LIR_LOOP || o->op == LIR_IF) - (o->op == LIR_END);
        if (o->op == LIR_PDLWAIT)
            return depth == 0;
        if (f->pdl != LIR_PDL_BESIDE && (writes(o->op) || (reads(o->op) && !(behind && o->ref < 0) && (f->pdl != LIR_PDL_LATE || o->ref < 0 || fn->tensors[o->ref].mode != TIR_IN || (fn->earlier && fn->earlier[o->ref])))))
            return false;
    }
    return !f->pdl;
}

/* One of the kernel's nests, under its schedule, over the same tensors as the whole. */
static bool lower_nest(const SpecJob *j, const SpecCall *call, uint32_t nest, Call *c, Arena *a, Diag *d)
{
    SchedFacts f;
    TirFn *fn = tir_nest(call->fn, nest, a);
    if (!tir_verify(fn, d) || !sched_facts(fn, &f, d))
        return false;
    Sched s = nest == j->nest ? j->s : plain_schedule(&f);
    s.pdl = j->seed & 1;               /* to be lowered: here launches run one after another */
    c->tir = fn;
    c->low = low_run(fn, &s, c->target, "k", a, d);
    for (uint32_t i = 0; c->low && i < c->low->nlaunch; i++)
        if (!waits_in_time(fn, c->low->launch[i].fn, f.scatter && i + 1 == c->low->nlaunch)) {
            diag_report(d, DIAG_BUG, LG_LIR, fn->sp, "a launch of %s does not wait in time", fn->name);
            return false;
        }
    if (c->low && !f.scatter && c->low->launch[0].fn->smem != sched_shared_bytes(&f, &s)) {
        diag_report(d, DIAG_BUG, LG_LIR, fn->sp, "%u bytes of shared memory where %u were reckoned", c->low->launch[0].fn->smem, sched_shared_bytes(&f, &s));
        return false;
    }
    return c->low && call_verify(c->low, d);
}

static SpecVerdict lowered(const SpecJob *j, SpecCall *call, Call *c, Call *nest, uint32_t *n, Arena *a, Diag *d)
{
    call->fn = sema_kernel(j->spec->op, j->kernel, &j->b, a, d);
    if (!call->fn || !tir_verify(call->fn, d))
        return SPEC_FAIL;
    c->tir = call->fn;
    c->dims = call->dims;
    c->target = target_get(TARGET_SIM);
    *n = tir_nests(call->fn);
    for (uint32_t i = 0; i < *n; i++) {
        nest[i] = *c;
        if (!lower_nest(j, call, i, &nest[i], a, d))
            return SPEC_FAIL;
        nest[i].next = nest[i].low->covers > 1 ? &nest[i + 1] : NULL;
    }
    return spec_call_fits(call) ? SPEC_PASS : SPEC_SKIP;
}

/* A nest on the tensors of the whole. */
static Call placed(const Call *c, const Call *nest)
{
    Call one = *c;
    one.tir = nest->tir;
    one.low = nest->low;
    one.next = nest->next;
    return one;
}

/* The nests in order; what a launch does for the next one too is not done again. */
static bool run_nests(const Call *c, const Call *nest, uint32_t n, Arena *a, SimResult *res)
{
    for (uint32_t i = 0; i < n; i += nest[i].low->covers) {
        if (i + 1 < n && nest[i + 1].low->before)        /* the next one does it too */
            continue;
        Call one = placed(c, &nest[i]);
        one.bufs = NULL;
        one.nbufs = one.capbufs = 0;
        for (uint32_t b = 0; b < c->nbufs; b++)
            *ARENA_PUSH(a, one.bufs, one.nbufs, one.capbufs) = c->bufs[b];
        if (!call_run(&one, a, res))
            return false;
    }
    return true;
}

static bool has_empty_dim(const SpecCall *c)
{
    for (uint32_t i = 0; i < c->fn->ndims; i++)
        if (!c->dims[i])
            return true;
    return false;
}

static SpecVerdict run_in(const SpecJob *j, Arena *a, Diag *d, Buf *why)
{
    SpecCall call = {.op = j->spec->op, .kernel = j->kernel, .b = j->b, .input = j->input, .seed = j->seed};
    Call c = {0}, nest[MAX_NESTS];
    uint32_t nnests = 0;
    SpecPlace p = {0};
    SimResult res;
    memcpy(call.dims, j->dims, sizeof call.dims);
    memcpy(call.scalars, j->scalars, sizeof call.scalars);
    memcpy(c.scalar, j->scalars, sizeof c.scalar);
    SpecVerdict v = lowered(j, &call, &c, nest, &nnests, a, d);
    if (v != SPEC_PASS)
        return v;
    if (!spec_call_inputs(&call, a, d))
        return SPEC_FAIL;
    place_all(&p, &c, &call, j->how, j->in_place, j->seed, a);
    for (uint32_t i = 0; i < nnests; i++) {
        Call one = placed(&c, &nest[i]);
        if (!call_allowed(&one))
            return SPEC_SKIP;
    }
    if (!check_oracle_run(&call.o, d))
        return has_empty_dim(&call) ? SPEC_SKIP : SPEC_FAIL;     /* no index is below a size of 0 */
    if (!run_nests(&c, nest, nnests, a, &res)) {
        buf_puts(why, res.faults ? res.first : "no memory");
        return SPEC_FAIL;
    }
    return place_compare(&p, &c, &call, a, why) ? SPEC_PASS : SPEC_FAIL;
}

SpecVerdict spec_job_run(const SpecJob *j, Buf *why)
{
    Arena *a = arena_new();
    Diag d;
    why->n = 0;
    diag_init(&d, a);
    SpecVerdict v = run_in(j, a, &d, why);
    if (v == SPEC_FAIL && d.n)
        diag_render_text(&d, why, false);
    arena_free(a);
    return v;
}

/* ---- drawing ---- */

static SemaBinding draw_binding(const SemaOp *op, uint32_t kernel, uint64_t *seed)
{
    SemaBinding b = sema_binding_default(op);
    for (uint32_t i = 0; i < op->ntypes; i++)
        b.type[i] = (uint8_t)rnd_below(seed, op->types[i].n);
    for (uint32_t i = 0; i < op->noptions; i++)
        b.option[i] = (uint8_t)rnd_below(seed, op->options[i].n);
    return sema_binding_normal(op, kernel, b);
}

static int64_t draw_length(const Sched *s, uint64_t *seed)
{
    int64_t turn = (int64_t)s->lanes * s->cluster * s->vec * s->per, n;
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

static int64_t draw_instances(const Sched *s, int64_t n, uint64_t *seed)
{
    int64_t most = 24000 / (n + 1) + 1, m;
    switch (rnd_below(seed, 6)) {
    case 0:  m = rnd_below(seed, 4); break;
    case 1:  m = s->rows * (1 + rnd_below(seed, 3)) + (int64_t)rnd_below(seed, 3) - 1; break;
    default: m = 1 + rnd_below(seed, 70); break;
    }
    return m > most ? most : m;
}

/* The dim that the row runs along gets the length, the others share the instances. */
static void draw_dims(SpecJob *j, const TirFn *fn, TirExt row, uint64_t *seed)
{
    int64_t n = draw_length(&j->s, seed), m = draw_instances(&j->s, n, seed);
    int along = -1;
    for (int i = 0; i < TIR_MAX_DIMS && along < 0; i++)
        along = row.k[i] > 0 ? i : -1;
    for (uint32_t i = fn->ndims; i-- > 0;) {
        if ((int)i == along)
            continue;
        j->dims[i] = i ? 1 + rnd_below(seed, 3) : m;
        m /= j->dims[i] > 1 ? j->dims[i] : 1;
    }
    if (along >= 0)
        j->dims[along] = n * row.den > row.c ? (n * row.den - row.c) / row.k[along] : 0;
    if (along == 0 && fn->ndims > 1)
        j->dims[1] = m;
    SpecCall c = {.fn = (TirFn *)fn};
    for (int t = 0; t < 16 && along >= 0; t++) {
        memcpy(c.dims, j->dims, sizeof c.dims);
        if (spec_call_fits(&c))
            break;
        j->dims[along]++;
    }
}

/* Of the check blocks about the kernel, one. */
static const SemaCheck *draw_check(const SpecJob *j, uint64_t *seed)
{
    const SemaOp *op = j->spec->op;
    for (uint32_t i = 0, at = rnd_below(seed, op->nchecks + 1); i < op->nchecks; i++) {
        const SemaCheck *k = &op->checks[(at + i) % op->nchecks];
        if (k->kernels >> j->kernel & 1)
            return k;
    }
    return NULL;
}

static void draw_numbers(SpecJob *j, const TirFn *fn, uint64_t *seed)
{
    const SemaCheck *k = draw_check(j, seed);
    for (uint32_t i = 0; i < fn->nscalars; i++) {
        j->scalars[i] = fn->scalars[i].has_default ? fn->scalars[i].defval : 1;
        for (uint32_t f = 0; k && f < k->nfixes; f++)
            if (!strcmp(k->fixes[f].name, fn->scalars[i].name) && k->fixes[f].values.n)
                j->scalars[i] = k->fixes[f].values.v[rnd_below(seed, k->fixes[f].values.n)];
    }
    j->input = (SemaInput)rnd_below(seed, 2 * SEMA_INPUT_COUNT);
    if (j->input >= SEMA_INPUT_COUNT || !k || !(k->inputs >> j->input & 1))
        j->input = SEMA_INPUT_NORMAL;
}

/* Is every row group of the last block busy? Idle ones read a row of another group and drop it; in place, that read races with the
 * row's store, which the sim tells. */
static bool whole_groups(const SpecJob *j, const TirFn *fn, const RowView *rv)
{
    int64_t n = 1, v = 0;
    for (uint32_t i = 0; i < rv->npars; i++)
        n *= tir_ext_eval(fn->pars[rv->first_par + i].ext, j->dims, &v) ? v : 1;
    for (uint32_t i = 0; i < rv->npromoted; i++)
        n *= tir_ext_eval(fn->axes[rv->promoted[i]].ext, j->dims, &v) ? v : 1;
    return n % j->s.rows == 0;
}

static SpecVerdict draw_in(SpecJob *j, Arena *a, uint64_t *seed, Buf *why)
{
    static const PlaceKind first[] = {PLACE_PADDED, PLACE_SHIFTED, PLACE_ODD};
    SchedFacts f;
    Diag d;
    diag_init(&d, a);
    TirFn *fn = sema_kernel(j->spec->op, j->kernel, &j->b, a, &d);
    if (!fn) {
        diag_render_text(&d, why, false);
        return SPEC_FAIL;
    }
    uint32_t n = tir_nests(fn);
    if (!n || n > MAX_NESTS)
        return SPEC_NO_ROW;
    for (uint32_t i = 0; i < n; i++)
        if (!sched_facts(tir_nest(fn, i, a), &f, &d))
            return SPEC_NO_ROW;
    j->nest = rnd_below(seed, n);
    fn = tir_nest(fn, j->nest, a);
    RowView *rv = sched_facts(fn, &f, &d) ? row_view(fn, false, a, &d) : NULL;
    j->s = sched_random(&f, target_get(TARGET_SIM), seed);
    draw_dims(j, fn, row_view_ext(rv), seed);
    draw_numbers(j, fn, seed);
    j->how = rnd_below(seed, 4) ? first[j->s.align] : (PlaceKind)rnd_below(seed, PLACE_COUNT);
    j->in_place = rnd_below(seed, 4) == 0 && whole_groups(j, fn, rv);
    return SPEC_PASS;
}

SpecVerdict spec_job_draw(SpecJob *j, const SpecSet *set, uint64_t seed, Buf *why)
{
    Arena *a = arena_new();
    why->n = 0;
    *j = (SpecJob){.seed = seed};
    j->spec = &set->spec[rnd_below(&seed, set->n)];
    j->kernel = rnd_below(&seed, j->spec->op->nkernels);
    j->b = draw_binding(j->spec->op, j->kernel, &seed);
    SpecVerdict v = draw_in(j, a, &seed, why);
    arena_free(a);
    return v;
}

/* ---- telling ---- */

void spec_job_print(Buf *b, const SpecJob *j)
{
    const SemaOp *op = j->spec->op;
    const SemaKernel *k = &op->kernels[j->kernel];
    Arena *a = arena_new();
    buf_printf(b, "%s, %s.%s [%s],", j->spec->file, op->name, k->name, sema_binding_text(op, (int)j->kernel, &j->b, a));
    for (uint32_t i = 0; i < k->ndims; i++)
        buf_printf(b, " %s=%lld", op->dims[k->dims[i]].name, (long long)j->dims[i]);
    for (uint32_t i = 0; i < k->nparams; i++)
        buf_printf(b, " %s=%.9g", k->params[i].name, j->scalars[i]);
    buf_printf(b, ", %s inputs, %s layout%s, nest %u\n    ", sema_input_name(j->input), place_names[j->how], j->in_place ? ", in place" : "", (unsigned)j->nest);
    sched_print(b, &j->s);
    arena_free(a);
}
