/* cmd_check.c: `ligerc check`: every binding of every kernel of the specs, on the cases of their check blocks.
 *
 * The full product of sizes, inputs, parameters and layouts is large: each binding takes `cases` of it, drawn so that every size, input,
 * parameter value and layout comes up in turn; --full runs twenty times as many and lifts the cap on elements.
 */
#include "check.h"
#include "options.h"
#include "sim.h"
#include "source.h"
#include "backend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAULT_TEXT = 512 };

typedef struct Tally { uint64_t run, failed, gradients; double worst_gradient; } Tally;

static lgr_status sim_launch(void *self, const void *code, size_t size, uint32_t nth, const LgkLaunch *l, uint32_t blocks, const uint64_t *words,
                             uint32_t nwords, const lgr__range *ranges, uint32_t nranges)
{
    LirFn *const *fns = code;
    SimBuffer buf[64];
    SimResult res;
    (void)l;
    if (nth >= size / sizeof *fns || nwords != fns[nth]->nwords || nranges > 64)
        return LGR_ERROR_PACK;
    for (uint32_t i = 0; i < nranges; i++)
        buf[i] = (SimBuffer){ranges[i].addr, ranges[i].bytes};
    if (sim_run(fns[nth], words, blocks, buf, nranges, &res))
        return LGR_OK;
    snprintf(self, FAULT_TEXT, "%s", res.first);
    return LGR_ERROR_DRIVER;
}

static const lgr__backend sim_backend = {"sim", 8, sim_launch};

static double pick(const SemaValues *v, uint64_t i, double other) { return v->n ? v->v[i % v->n] : other; }

static double param_value(const SemaCheck *k, const SemaParam *p, uint64_t i)
{
    for (uint32_t f = 0; f < k->nfixes; f++)
        if (!strcmp(k->fixes[f].name, p->name))
            return pick(&k->fixes[f].values, i, p->defval);
    return p->has_default ? p->defval : 1;
}

static SemaInput input_kind(const SemaCheck *k, uint64_t i)
{
    uint32_t n = (uint32_t)__builtin_popcount(k->inputs), at = n ? (uint32_t)(i % n) : 0;
    for (int s = 0; s < SEMA_INPUT_COUNT; s++)
        if (k->inputs >> s & 1 && at-- == 0)
            return (SemaInput)s;
    return SEMA_INPUT_NORMAL;
}

/* Which of n values the nth list has in case i: by a step of its own that meets all of them, in no rhythm with other lists. */
static double scattered(const SemaValues *v, uint64_t i, uint32_t nth)
{
    double at = ((double)i + 0.5) * sqrt((double)(4 * nth + 3));       /* no square is 3 modulo 4 */
    return pick(v, (uint64_t)((at - floor(at)) * v->n), 4);
}

/* Case number i of a block: each list advances at its own pace, so that pairs of values meet: two one inside the other, further ones scattered. */
static bool draw_case(const SemaOp *op, const SemaCheck *k, const PipeUnit *u, uint64_t i, uint64_t cap, CheckCase *c)
{
    const SemaKernel *sk = &op->kernels[u->kernel];
    uint64_t elems = 1, stretch = 1;
    uint32_t lists = 0;
    *c = (CheckCase){.seed = i + 1, .of = k, .layout = (CheckLayout)((i + i / 5) % LAYOUT_COUNT), .input = input_kind(k, i / 2 + i / 7)};
    for (uint32_t d = sk->ndims; d-- > 0;) {
        const SemaValues *v = &k->dim[sk->dims[d]];
        c->dims[d] = (int64_t)(lists < 2 ? pick(v, i / stretch, 4) : scattered(v, i, lists));
        stretch *= v->n > 1 && v->n % 2 ? v->n : 3;
        lists += v->n > 1;
        elems *= c->dims[d] ? (uint64_t)c->dims[d] : 1;
    }
    for (uint32_t p = 0; p < u->fn->nscalars; p++)
        c->scalars[p] = param_value(k, &sk->params[p], i / 3 + p);
    return elems <= cap;
}

/* Forward's params: those of its gradient have the same values there. */
static void draw_forward(const SemaOp *op, const SemaCheck *k, uint32_t forward, uint32_t backward, uint64_t i, CheckCase *c)
{
    const SemaKernel *f = &op->kernels[forward], *b = &op->kernels[backward];
    for (uint32_t p = 0; p < f->nparams; p++) {
        c->forward[p] = param_value(k, &f->params[p], i / 3 + p);
        for (uint32_t q = 0; q < b->nparams; q++)
            if (!strcmp(f->params[p].name, b->params[q].name))
                c->forward[p] = c->scalars[q];
    }
}

static const SemaDeriv *deriv_of(const SemaCheck *k, uint32_t kernel)
{
    for (uint32_t i = 0; i < k->nderivs; i++)
        if (k->derivs[i].backward == kernel)
            return &k->derivs[i];
    return NULL;
}

static void report(const SemaOp *op, const PipeUnit *u, const CheckCase *c, const char *what, Arena *a)
{
    static const char *const layouts[] = {"dense", "offset", "pitch", "strided", "in place"};
    fprintf(stderr, "FAILED %s.%s [%s] on %s,", op->name, op->kernels[u->kernel].name, sema_binding_text(op, (int)u->kernel, &u->binding, a), u->target->name);
    for (uint32_t d = 0; d < op->kernels[u->kernel].ndims; d++)
        fprintf(stderr, " %s=%lld", u->fn->dims[d].name, (long long)c->dims[d]);
    fprintf(stderr, ", %s, %s, case %llu: %s\n", sema_input_name(c->input), layouts[c->layout], (unsigned long long)c->seed - 1, what);
}

static void check_derivative(const SemaOp *op, const PipeUnit *u, const TirFn *fwd, const SemaDeriv *dv, CheckCase c, Tally *t, Arena *a)
{
    Diag d;
    diag_init(&d, a);
    c.input = SEMA_INPUT_NORMAL;
    double rel = check_gradient(fwd, u->fn, dv, &c, &d);
    t->gradients++;
    if (rel > t->worst_gradient)
        t->worst_gradient = rel;
    if (!(rel <= 1e-9)) {
        char what[64];
        snprintf(what, sizeof what, "backward is not the derivative of forward: off by %.2g", rel);
        t->failed++;
        report(op, u, &c, what, a);
    }
}

/* The units of one kernel under one binding, one a target, each with what it is launched through. */
typedef struct Bench {
    const Options *o;
    const SemaOp  *op;
    CheckSite site[TARGET_COUNT]; uint32_t n;
    char   fault[TARGET_COUNT][FAULT_TEXT];      /* the sim writes here what it found */
    Buf    pack[TARGET_COUNT];
    Tally  by_site[TARGET_COUNT];
    Tally *t;
    Arena *a, *cases;                            /* cases: reset by each */
} Bench;

static bool is_sim(const CheckSite *s) { return s->u->target->kind == TGT_SIM; }

/* Sims, which are slow, take the first cases only. */
static uint64_t cases_of(const Options *o, const CheckSite *s) { return (is_sim(s) ? 10 : 20) * (o->full ? 20u : 1u); }

/* Sites that take case i, in order, and which of the bench's they are. */
static uint32_t sites_of(const Bench *b, uint64_t i, CheckSite *to, uint32_t *which)
{
    uint32_t n = 0;
    for (uint32_t s = 0; s < b->n; s++)
        if (i < cases_of(b->o, &b->site[s])) {
            which[n] = s;
            to[n++] = b->site[s];
        }
    return n;
}

static void run_case(Bench *b, const CheckCase *c, CheckSite *site, const uint32_t *which, uint32_t n, const TirFn *fn, const TirFn *fwd, const SemaDeriv *dv)
{
    for (uint32_t s = 0; s < b->n; s++)
        b->fault[s][0] = 0;
    check_case(site, n, b->op, fn, fwd, dv, c, b->cases);
    for (uint32_t s = 0; s < n; s++) {
        b->by_site[which[s]].run++;
        b->by_site[which[s]].failed += !site[s].out.ok;
        if (!site[s].out.ok)
            report(b->op, site[s].u, c, b->fault[which[s]][0] ? b->fault[which[s]] : site[s].out.what, b->a);
    }
}

static bool has_elements(const SemaOp *op, uint32_t kernel, const CheckCase *c)
{
    for (uint32_t d = 0; d < op->kernels[kernel].ndims; d++)
        if (!c->dims[d])
            return false;
    return true;
}

static void check_block(Bench *b, const PipeUnit *u, const SemaCheck *k)
{
    const SemaDeriv *dv = deriv_of(k, u->kernel);
    TirFn *fwd = dv ? sema_kernel(b->op, dv->forward, &u->binding, u->arena, (Diag *)&u->diag) : NULL;
    uint64_t cap = 300000 * (b->o->full ? 100u : 1u);
    CheckSite site[TARGET_COUNT];
    uint32_t which[TARGET_COUNT], n, slopes = 0;
    for (uint64_t i = 0; (n = sites_of(b, i, site, which)); i++) {
        CheckCase c;
        if (!draw_case(b->op, k, u, i, cap, &c))
            continue;
        if (dv)
            draw_forward(b->op, k, dv->forward, u->kernel, i, &c);
        run_case(b, &c, site, which, n, u->fn, fwd, dv);
        if (dv && !is_sim(&site[0]) && slopes < 4 && has_elements(b->op, u->kernel, &c)) {
            check_derivative(b->op, u, fwd, dv, c, b->t, b->a);
            slopes++;
        }
    }
}

static uint32_t open_options(const SemaOp *op, const PipeUnit *u)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < op->noptions; i++)
        if (u->binding.option[i] == SEMA_OPEN)
            open |= 1u << i;
    return open;
}

/* Units with open options are held against the oracle of every choice of them. */
static bool check_choices(Bench *b)
{
    PipeUnit one[TARGET_COUNT];
    uint32_t open = open_options(b->op, b->site[0].u);
    for (uint32_t s = 0; s < b->n; s++) {
        one[s] = *b->site[s].u;
        b->site[s].u = &one[s];
    }
    sema_binding_close(b->op, open, &one[0].binding, true);
    do {
        if (open && !(one[0].fn = sema_kernel(b->op, one[0].kernel, &one[0].binding, b->a, &one[0].diag)))
            return false;
        for (uint32_t s = 1; s < b->n; s++)
            one[s].binding = one[0].binding;
        for (uint32_t k = 0; k < b->op->nchecks; k++)
            if (sema_check_covers(b->op, &b->op->checks[k], one[0].kernel, &one[0].binding))
                check_block(b, &one[0], &b->op->checks[k]);
    } while (sema_binding_close(b->op, open, &one[0].binding, false));
    return true;
}

static bool open_site(Bench *b, const PipeRequest *r, PipeUnit *u)
{
    PipeResult one = {.units = u, .n = 1};
    PackWriter *w = pack_new(b->a);
    CheckSite *s = &b->site[b->n];
    Buf *pack = &b->pack[b->n];
    s->u = u;
    pipe_pack(r, &one, w);
    pack_finish(w, pack);
    bool ok = lgr_context_create(NULL, &s->ctx) == LGR_OK && lgr_pack_open_memory(s->ctx, pack->p, pack->n) == LGR_OK;
    if (ok && is_sim(s))
        lgr__set_backend(s->ctx, &sim_backend, b->fault[b->n]);
    b->n++;
    return ok;
}

/* n units of one kernel and binding. */
static bool check_units(const Options *o, const Source *src, const PipeRequest *r, PipeUnit *units, uint32_t n, Tally *t)
{
    Bench b = {.o = o, .op = src->op, .t = t, .a = arena_new(), .cases = arena_new()};
    bool ok = true;
    for (uint32_t i = 0; ok && i < n; i++)
        ok = open_site(&b, r, &units[i]);
    ok = ok && check_choices(&b);
    for (uint32_t i = 0; i < b.n; i++) {
        t->run += b.by_site[i].run;
        t->failed += b.by_site[i].failed;
        if (o->verbose)
            fprintf(stderr, "%s.%s [%s] %s: %llu cases, %llu failed\n", src->op->name, src->op->kernels[units->kernel].name,
                    sema_binding_text(src->op, (int)units->kernel, &units->binding, b.a), units[i].target->name,
                    (unsigned long long)b.by_site[i].run, (unsigned long long)b.by_site[i].failed);
        lgr_context_destroy(b.site[i].ctx);
        buf_free(&b.pack[i]);
    }
    arena_free(b.cases);
    arena_free(b.a);
    return ok;
}

/* Units from the i-th on that have its kernel and binding: targets stand together. */
static uint32_t alike(const PipeResult *res, uint32_t i)
{
    uint32_t n = 1;
    while (i + n < res->n && n < TARGET_COUNT && res->units[i + n].kernel == res->units[i].kernel &&
           !memcmp(&res->units[i + n].binding, &res->units[i].binding, sizeof res->units[i].binding))
        n++;
    return n;
}

static int check_source(const Options *o, Source *s)
{
    const char *fix[OPTIONS_MAX_FIX];
    PipeRequest r = request_of(o, s, fix);
    PipeResult res;
    Tally t = {0};
    SchedList scheds;
    Buf err = {0};
    r.checked_only = true;
    r.general_too = true;
    if (!sched_parse_list(o->schedule, s->arena, &scheds, &err)) {
        diag_report(&s->diag, DIAG_ERROR, LG_NONE, (Span){0}, "--schedule: %s", err.p);
        buf_free(&err);
        return EXIT_USAGE;
    }
    r.scheds = scheds.s;
    r.nscheds = scheds.n;
    if (!pipe_run(&r, s->arena, &s->diag, &res))
        return EXIT_USAGE;
    for (uint32_t i = 0; i < res.n; i++)
        show_diagnostics(o, &res.units[i].diag);
    for (uint32_t i = 0, n; i < res.n && !res.failed; i += n) {
        n = alike(&res, i);
        if (!check_units(o, s, &r, &res.units[i], n, &t))
            res.failed = true;
    }
    printf("%s: %u units, %llu cases, %llu gradients (worst %.1e), %llu failed\n", s->op->name, (unsigned)res.n, (unsigned long long)t.run,
           (unsigned long long)t.gradients, t.worst_gradient, (unsigned long long)t.failed);
    bool bad = res.failed;
    pipe_free(&res);
    return bad ? EXIT_INPUT : t.failed || !t.run ? EXIT_CHECK : EXIT_DONE;
}

int cmd_check(const Options *o)
{
    Options both = *o;
    if (!o->said_targets) {
        both.targets[0] = target_get(TARGET_HOST);
        both.targets[1] = target_get(TARGET_SIM);
        both.ntargets = 2;
    }
    if (!o->nfiles)
        return EXIT_USAGE;
    Source src[OPTIONS_MAX_FILES];
    int worst = request_open(o, src);
    bool open = worst == EXIT_DONE;
    for (uint32_t i = 0; open && i < o->nfiles; i++) {
        int status = check_source(&both, &src[i]);
        show_diagnostics(o, &src[i].diag);
        worst = status > worst ? status : worst;
    }
    request_close(o, src);
    return worst;
}
