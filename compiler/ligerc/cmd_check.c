/* cmd_check.c: `ligerc check`: every binding of every kernel of the specs, on the cases of their check blocks.
 *
 * The full product of sizes, inputs, parameters and layouts is large: each binding takes some cases of it, drawn so that every size, input,
 * parameter value and layout comes up in turn.  --full takes more, and as many again in which one size is none that the spec names: 0, 1, odd,
 * long rows; sizes that the kernel cannot have are passed over.
 */
#include "check.h"
#include "options.h"
#include "sim.h"
#include "source.h"
#include "backend.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAULT_TEXT = 512 };

typedef struct Tally { uint64_t run, failed, gradients; double worst_gradient; bool lost; } Tally;

/* The units of one kernel under one binding, one a target, each with what it is launched through; or a share of their cases: every `shares`-th
 * from `share` on, with contexts of its own. */
typedef struct Check {
    const Options *o;
    const SemaOp  *op;
    const PipeRequest *r;
    PipeUnit *units; uint32_t nunits;
    CheckGpu *gpu;
    uint64_t share, shares;
    bool     failed;                             /* could not be run at all */
    CheckSite site[TARGET_COUNT]; uint32_t n;
    char   fault[TARGET_COUNT][FAULT_TEXT];      /* the sim writes here what it found */
    Buf    pack[TARGET_COUNT];
    Tally  by_site[TARGET_COUNT];
    Tally  t;                                    /* of gradients, and whether the GPU was lost */
    Arena *a, *cases;                            /* cases: reset by each */
    Diag   diag;
} Check;

/* How much of each block: cases of the spec's sizes, and with others; elements of a case at most, and of all of them where these are long
 * (each layout has its turn first). */
typedef struct Amount { uint64_t cases, extra, elements, all; } Amount;
static const Amount amounts[2][3] = {          /* plain, full; by TargetKind: host, sim, GPU */
    {{20, 0, 300000, 1000000}, {10, 0, 300000, 1000000}, {20, 0, 300000, 1000000}},
    {{60, 60, 1200000, UINT64_MAX}, {20, 20, 600000, UINT64_MAX}, {100, 150, 2400000, UINT64_MAX}},
};

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

/* Case number i of a block: each list advances at its own pace, so that pairs of values meet: two one inside the other, further ones scattered.
 * Its elements. */
static uint64_t draw_case(const SemaOp *op, const SemaCheck *k, const PipeUnit *u, uint64_t i, CheckCase *c)
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
    return elems;
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

/* ---- sizes that the spec does not name ---- */

static const int32_t row_sizes[] = {0, 1, 2, 3, 31, 33, 127, 255, 257, 1000, 1023, 4095, 4097, 5000, 8191, 16385, 32768, 50257, 65536, 65537, 131072, 262144};
static const int32_t other_sizes[] = {0, 1, 2, 3, 5, 7, 17, 33, 100, 257, 1025};
enum { LONG_ROW = 16000 };

static bool in_rows(const PipeUnit *u, uint32_t d)
{
    for (uint32_t i = 0; i < u->n; i++)
        if (u->variants[i].low && u->variants[i].low->row_ext.k[d])
            return true;
    return false;
}

/* The least that the block has of a dim, 0 aside. */
static int64_t least_of(const SemaValues *v)
{
    int64_t least = 0;
    for (uint32_t i = 0; i < v->n; i++)
        if (v->v[i] >= 1 && (!least || v->v[i] < (double)least))
            least = (int64_t)v->v[i];
    return least ? least : 1;
}

/* Integers below the size of an empty dim there are none. */
static bool has_integers(const PipeUnit *u, const CheckCase *c)
{
    for (uint32_t b = 0; b < c->of->nbelow; b++)
        for (uint32_t d = 0; c->of->below[b].dim && d < u->fn->ndims; d++)
            if (!strcmp(c->of->below[b].dim, u->fn->dims[d].name) && !c->dims[d])
                return false;
    return true;
}

static bool draw_extra(const SemaOp *op, const SemaCheck *k, const PipeUnit *u, uint64_t i, uint64_t cap, CheckCase *c)
{
    const SemaKernel *sk = &op->kernels[u->kernel];
    uint32_t at = (uint32_t)(i % sk->ndims);
    uint64_t nth = i / sk->ndims, elems = 1;
    bool row = in_rows(u, at);
    const int32_t *sizes = row ? row_sizes : other_sizes;
    uint64_t n = row ? sizeof row_sizes / sizeof *row_sizes : sizeof other_sizes / sizeof *other_sizes;
    draw_case(op, k, u, i, c);
    c->extra = true;
    c->dims[at] = nth < n ? sizes[nth] : 1 + (int64_t)(check_uniform(i, nth) * (row ? 6000 : 40));
    for (uint32_t d = 0; d < sk->ndims; d++)
        if (d != at && c->dims[at] >= LONG_ROW)
            c->dims[d] = least_of(&k->dim[sk->dims[d]]);
    for (uint32_t d = 0; d < sk->ndims; d++)
        elems *= c->dims[d] ? (uint64_t)c->dims[d] : 1;
    return elems <= cap && has_integers(u, c);
}

/* ---- running them ---- */

static void report(const Check *x, const PipeUnit *u, const CheckCase *c, const char *what)
{
    static const char *const layouts[] = {"dense", "offset", "pitch", "strided", "in place"};
    const SemaKernel *k = &x->op->kernels[u->kernel];
    fprintf(stderr, "FAILED %s.%s [%s] on %s,", x->op->name, k->name, sema_binding_text(x->op, (int)u->kernel, &u->binding, x->a), u->target->name);
    for (uint32_t d = 0; d < k->ndims; d++)
        fprintf(stderr, " %s=%lld", u->fn->dims[d].name, (long long)c->dims[d]);
    fprintf(stderr, ", %s, %s, case %llu: %s\n", sema_input_name(c->input), layouts[c->layout], (unsigned long long)c->seed - 1, what);
}

static void check_derivative(Check *x, const PipeUnit *u, const TirFn *fwd, const SemaDeriv *dv, CheckCase c)
{
    Diag d;
    diag_init(&d, x->a);
    c.input = SEMA_INPUT_NORMAL;
    double rel = check_gradient(fwd, u->fn, dv, &c, &d);
    x->t.gradients++;
    if (rel > x->t.worst_gradient)
        x->t.worst_gradient = rel;
    if (!(rel <= 1e-9)) {
        char what[64];
        snprintf(what, sizeof what, "backward is not the derivative of forward: off by %.2g", rel);
        x->t.failed++;
        report(x, u, &c, what);
    }
}

/* The case on these of the sites; false when the GPU was lost. */
static bool run_case(Check *x, const uint32_t *which, uint32_t n, const PipeUnit *u, const TirFn *fwd, const SemaDeriv *dv, const CheckCase *c)
{
    CheckSite site[TARGET_COUNT];
    for (uint32_t s = 0; s < n; s++) {
        x->fault[which[s]][0] = 0;
        site[s] = x->site[which[s]];
    }
    check_case(site, n, x->op, u->fn, fwd, dv, c, x->cases);
    for (uint32_t s = 0; s < n; s++) {
        Tally *t = &x->by_site[which[s]];
        t->run += !site[s].out.skipped;
        t->failed += !site[s].out.ok;
        x->t.lost |= site[s].out.fatal;
        if (!site[s].out.ok)
            report(x, site[s].u, c, x->fault[which[s]][0] ? x->fault[which[s]] : site[s].out.what);
    }
    return !x->t.lost;
}

static Amount amount_of(const Check *x, uint32_t site) { return amounts[x->o->full != 0][x->site[site].u->target->kind]; }

/* Sites that take case i of so many elements, in order, when the cases before it had `spent`; *more: there is one that takes cases up to this one. */
static uint32_t sites_of(const Check *x, uint64_t i, uint64_t elements, uint64_t spent, uint32_t *which, bool *more)
{
    uint32_t n = 0;
    *more = false;
    for (uint32_t s = 0; s < x->n; s++) {
        Amount m = amount_of(x, s);
        bool takes = i < m.cases && (i < LAYOUT_COUNT || spent < m.all);
        *more |= takes;
        if (takes && elements <= m.elements)
            which[n++] = s;
    }
    return n;
}

static bool has_elements(const SemaOp *op, uint32_t kernel, const CheckCase *c)
{
    for (uint32_t d = 0; d < op->kernels[kernel].ndims; d++)
        if (!c->dims[d])
            return false;
    return true;
}

static void check_named(Check *x, const PipeUnit *u, const SemaCheck *k, const TirFn *fwd, const SemaDeriv *dv)
{
    uint32_t which[TARGET_COUNT], n, slopes = 0;
    CheckCase c;
    bool more = true;
    uint64_t spent = 0;
    for (uint64_t i = 0; more; i++) {
        uint64_t elements = draw_case(x->op, k, u, i, &c);
        n = sites_of(x, i, elements, spent, which, &more);
        spent += n ? elements : 0;
        if (i % x->shares != x->share)
            continue;
        if (dv)
            draw_forward(x->op, k, dv->forward, u->kernel, i, &c);
        if (n && !run_case(x, which, n, u, fwd, dv, &c))
            return;
        if (n && dv && x->site[which[0]].u->target->kind != TGT_SIM && slopes * x->shares < 4 && has_elements(x->op, u->kernel, &c)) {
            check_derivative(x, u, fwd, dv, c);
            slopes++;
        }
    }
}

static void check_block(Check *x, const PipeUnit *u, const SemaCheck *k)
{
    const SemaDeriv *dv = deriv_of(k, u->kernel);
    TirFn *fwd = dv ? sema_kernel(x->op, dv->forward, &u->binding, x->a, &x->diag) : NULL;
    CheckCase c;
    check_named(x, u, k, fwd, dv);
    for (uint32_t s = 0; s < x->n; s++)
        for (uint64_t i = x->share; i < amount_of(x, s).extra && !x->t.lost; i += x->shares) {
            if (!x->op->kernels[u->kernel].ndims || !draw_extra(x->op, k, x->site[s].u, i, amount_of(x, s).elements, &c))
                continue;
            if (dv)
                draw_forward(x->op, k, dv->forward, u->kernel, i, &c);
            run_case(x, &s, 1, u, fwd, dv, &c);
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
static bool check_choices(Check *x)
{
    PipeUnit one[TARGET_COUNT];
    uint32_t open = open_options(x->op, x->site[0].u);
    for (uint32_t s = 0; s < x->n; s++) {
        one[s] = *x->site[s].u;
        x->site[s].u = &one[s];
    }
    sema_binding_close(x->op, open, &one[0].binding, true);
    do {
        if (open && !(one[0].fn = sema_kernel(x->op, one[0].kernel, &one[0].binding, x->a, &x->diag)))
            return false;
        for (uint32_t s = 1; s < x->n; s++)
            one[s].binding = one[0].binding;
        for (uint32_t k = 0; k < x->op->nchecks; k++)
            if (sema_check_covers(x->op, &x->op->checks[k], one[0].kernel, &one[0].binding))
                check_block(x, &one[0], &x->op->checks[k]);
    } while (sema_binding_close(x->op, open, &one[0].binding, false));
    return true;
}

static bool open_site(Check *x, PipeUnit *u)
{
    PipeResult one = {.units = u, .n = 1};
    lgr_config config = LGR_CONFIG_INIT;
    PackWriter *w = pack_new(x->a);
    CheckSite *s = &x->site[x->n];
    Buf *pack = &x->pack[x->n];
    config.host_threads = x->o->jobs > 1 ? 2 : 0;
    s->u = u;
    s->gpu = u->target->kind == TGT_GPU ? x->gpu : NULL;
    pipe_pack(x->r, &one, w);
    pack_finish(w, pack);
    bool ok = lgr_context_create(&config, &s->ctx) == LGR_OK && lgr_pack_open_memory(s->ctx, pack->p, pack->n) == LGR_OK;
    if (ok && u->target->kind == TGT_SIM)
        lgr__set_backend(s->ctx, &sim_backend, x->fault[x->n]);
    x->n++;
    return ok;
}

static void check_share(Check *x)
{
    x->a = arena_new();
    x->cases = arena_new();
    diag_init(&x->diag, x->a);
    for (uint32_t i = 0; !x->failed && i < x->nunits; i++)
        x->failed = !open_site(x, &x->units[i]);
    x->failed = x->failed || !check_choices(x);
    for (uint32_t i = 0; i < x->n; i++) {
        lgr_context_destroy(x->site[i].ctx);
        buf_free(&x->pack[i]);
    }
    arena_free(x->cases);
    arena_free(x->a);
}

/* ---- side by side ---- */

typedef struct Checks { Check *x; uint32_t n; _Atomic uint32_t next; _Atomic bool lost; } Checks;

static void *check_some(void *arg)
{
    Checks *all = arg;
    for (uint32_t i; !all->lost && (i = atomic_fetch_add(&all->next, 1)) < all->n;) {
        check_share(&all->x[i]);
        if (all->x[i].t.lost)
            all->lost = true;
    }
    return NULL;
}

static void run_checks(Checks *all, int jobs)
{
    pthread_t thread[PIPE_MAX_JOBS];
    int n = 0;
    while (n + 1 < jobs && n < PIPE_MAX_JOBS && (uint32_t)n + 1 < all->n && !pthread_create(&thread[n], NULL, check_some, all))
        n++;
    check_some(all);
    while (n > 0)
        pthread_join(thread[--n], NULL);
}

/* What the shares of one group found, together. False when it could not be run at all. */
static bool add_shares(const Check *x, uint32_t shares, Tally *t, Arena *a)
{
    bool ok = true;
    for (uint32_t i = 0; i < x->nunits; i++) {
        Tally site = {0};
        for (uint32_t k = 0; k < shares; k++) {
            site.run += x[k].by_site[i].run;
            site.failed += x[k].by_site[i].failed;
        }
        t->run += site.run;
        t->failed += site.failed;
        if (x->o->verbose)
            fprintf(stderr, "%s.%s [%s] %s: %llu cases, %llu failed\n", x->op->name, x->op->kernels[x->units->kernel].name,
                    sema_binding_text(x->op, (int)x->units->kernel, &x->units->binding, a), x->units[i].target->name, (unsigned long long)site.run, (unsigned long long)site.failed);
    }
    for (uint32_t k = 0; k < shares; k++) {
        t->gradients += x[k].t.gradients;
        t->failed += x[k].t.failed;
        t->worst_gradient = x[k].t.worst_gradient > t->worst_gradient ? x[k].t.worst_gradient : t->worst_gradient;
        ok &= !x[k].failed;
    }
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

/* Every group of units in as many shares as keep all threads busy. */
static bool check_groups(const Options *o, CheckGpu *gpu, Source *s, const PipeRequest *r, const PipeResult *res, Tally *t)
{
    uint32_t groups = 0, shares;
    bool ok = true;
    for (uint32_t i = 0; i < res->n; i += alike(res, i))
        groups++;
    shares = groups && (uint32_t)o->jobs > groups ? ((uint32_t)o->jobs + groups - 1) / groups : 1;
    shares = shares > 8 ? 8 : shares;
    Checks all = {.x = ARENA_ARRAY(s->arena, Check, groups * shares + 1)};
    for (uint32_t i = 0, n; i < res->n; i += n) {
        n = alike(res, i);
        for (uint32_t k = 0; k < shares; k++) {
            Check *x = &all.x[all.n++];
            x->o = o, x->op = s->op, x->r = r, x->units = &res->units[i], x->nunits = n, x->gpu = gpu, x->share = k, x->shares = shares;
        }
    }
    run_checks(&all, o->jobs);
    for (uint32_t i = 0; i < groups; i++)
        ok &= add_shares(&all.x[i * shares], shares, t, s->arena);
    return ok;
}

static int check_source(const Options *o, CheckGpu *gpu, Source *s)
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
    if (!res.failed && !check_groups(o, gpu, s, &r, &res, &t))
        res.failed = true;
    printf("%s: %u units, %llu cases, %llu gradients (worst %.1e), %llu failed\n", s->op->name, (unsigned)res.n, (unsigned long long)t.run,
           (unsigned long long)t.gradients, t.worst_gradient, (unsigned long long)t.failed);
    bool bad = res.failed;
    pipe_free(&res);
    return bad ? EXIT_INPUT : t.failed || !t.run ? EXIT_CHECK : EXIT_DONE;
}

/* The GPU, where one of the targets is of one. */
static int find_gpu(const Options *o, CheckGpu *gpu)
{
    const char *why;
    bool wanted = false;
    for (uint32_t i = 0; i < o->ntargets; i++)
        wanted |= o->targets[i]->kind == TGT_GPU;
    if (!wanted || (gpu->gpu = gpu_open(&why)))
        return EXIT_DONE;
    fprintf(stderr, "ligerc: check: no GPU: %s\n", why);
    return EXIT_DEVICE;
}

int cmd_check(const Options *o)
{
    CheckGpu gpu = {NULL, PTHREAD_MUTEX_INITIALIZER};
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
    bool open = worst == EXIT_DONE && (worst = find_gpu(&both, &gpu)) == EXIT_DONE;
    for (uint32_t i = 0; open && i < o->nfiles; i++) {
        int status = check_source(&both, &gpu, &src[i]);
        show_diagnostics(o, &src[i].diag);
        worst = status > worst ? status : worst;
    }
    request_close(o, src);
    return worst;
}
