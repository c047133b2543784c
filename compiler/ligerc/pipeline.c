/* pipeline.c: see pipeline.h. plan_unit() and compile_variant() are the whole way of one kernel, a line a stage. */
#include "pipeline.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* A symbol is the op, the kernel and the variant's number: unique within its module, readable in a profile. */
static const char *symbol_of(const PipeUnit *u, const SemaOp *op, uint32_t nth, Arena *a)
{
    return arena_strf(a, "lgr_%s_%s_v%u", op->name, op->kernels[u->kernel].name, (unsigned)nth);
}

static unsigned wants(const PipeRequest *r, unsigned bits) { return (r->want ? r->want : PIPE_CODE) & bits; }

enum { AFTER_LOWERED = PIPE_LLVM | PIPE_PTX | PIPE_OBJECT | PIPE_CODE, AFTER_SCHEDULE = AFTER_LOWERED | PIPE_LOWERED, AFTER_TILE_IR = AFTER_SCHEDULE | PIPE_SCHEDULE };

/* PTX that is both wanted and the code itself is kept twice, so that each has one owner. */
static bool assemble(PipeVariant *v, const PipeUnit *u, const PipeRequest *r, Diag *d)
{
    if (r->ptx_only || !ll_ptxas_path()) {
        v->kind = LGK_CODE_PTX;
        buf_put(&v->code, v->ptx.p, v->ptx.n);
        return !v->code.failed;
    }
    v->kind = LGK_CODE_CUBIN;
    return ll_ptxas(v->ptx.p, v->ptx.n, u->target, &v->code, v->info, LOW_MAX_LAUNCHES, &v->ninfo, d);
}

static bool emit_gpu(PipeVariant *v, LirFn *const *fns, const PipeUnit *u, const PipeRequest *r, LlSession *ll, const LlOptions *o, Diag *d)
{
    if (!wants(r, PIPE_PTX | PIPE_CODE))
        return true;
    bool ok = ll_emit_ptx(ll, fns, v->low->nlaunch, u->target, o, &v->ptx, d) && (!wants(r, PIPE_CODE) || assemble(v, u, r, d));
    if (!wants(r, PIPE_PTX))
        buf_free(&v->ptx);
    return ok;
}

static bool emit_host(PipeVariant *v, LirFn *const *fns, const PipeRequest *r, LlSession *ll, const LlOptions *o, Diag *d)
{
    if (wants(r, PIPE_OBJECT) && !ll_emit_object(ll, fns, v->low->nlaunch, o, &v->object, d))
        return false;
    if (!wants(r, PIPE_CODE))
        return true;
    v->kind = LGK_CODE_HOST;
    return ll_emit_host(ll, fns, v->low->nlaunch, o, &v->code, v->entry, d);
}

static bool emit(PipeVariant *v, LirFn *const *fns, const PipeUnit *u, const PipeRequest *r, LlSession *ll, Diag *d)
{
    LlOptions o = {.opt_level = 3, .line_tables = u->target->kind == TGT_GPU, .places = r->source};
    if (wants(r, PIPE_LLVM) && u->target->kind != TGT_SIM && !ll_emit_ir(ll, fns, v->low->nlaunch, u->target, &o, &v->llvm, d))
        return false;
    if (u->target->kind == TGT_HOST)
        return emit_host(v, fns, r, ll, &o, d);
    if (u->target->kind == TGT_GPU)
        return emit_gpu(v, fns, u, r, ll, &o, d);
    if (!wants(r, PIPE_CODE))
        return true;
    v->kind = LGK_CODE_SIM;                 /* the functions themselves: for this process only */
    buf_put(&v->code, fns, sizeof *fns * v->low->nlaunch);
    return !v->code.failed;
}

static void free_variant(PipeVariant *v)
{
    buf_free(&v->code);
    buf_free(&v->llvm);
    buf_free(&v->ptx);
    buf_free(&v->object);
}

static bool compile_variant(const PipeUnit *u, PipeVariant *v, const PipeRequest *r, Arena *a, LlSession *ll)
{
    LirFn *fns[LOW_MAX_LAUNCHES];
    if (!wants(r, AFTER_SCHEDULE))
        return true;
    v->low = low_run(v->fn, &v->sched, u->target, symbol_of(u, r->op, (uint32_t)(v - u->variants), a), a, &v->diag);
    for (uint32_t i = 0; v->low && i < v->low->nlaunch; i++) {
        fns[i] = v->low->launch[i].fn;
        if (!lir_verify(fns[i], &v->diag))
            return false;
    }
    return v->low && (!wants(r, AFTER_LOWERED) || emit(v, fns, u, r, ll, &v->diag));
}

/* What ptxas says of the variant's i-th launch; NULL when it was not asked. */
const LlAsmInfo *pipe_info(const PipeVariant *v, uint32_t i)
{
    for (uint32_t k = 0; v->low && k < v->ninfo; k++)
        if (!strcmp(v->info[k].symbol, v->low->launch[i].fn->name))
            return &v->info[k];
    return NULL;
}

/* Bytes. */
static int spills(const PipeVariant *v)
{
    int bytes = 0;
    for (uint32_t k = 0; k < v->ninfo; k++)
        bytes += v->info[k].spill_stores;
    return bytes;
}

/* Of each nest the last two always stay, so that one serves. */
static bool may_go(const PipeUnit *u, const PipeVariant *v) { return v + 2 < u->variants + u->n && v[2].nest == v->nest; }

/* In place of a form that spills: the first step down that does not, or the last one. */
static bool compile_lighter(const PipeUnit *u, PipeVariant *v, const PipeRequest *r, Arena *a, LlSession *ll)
{
    SchedFacts f;
    bool ok = sched_facts(v->fn, &f, &v->diag);
    while (ok && spills(v) && sched_lighter(&f, u->target, &v->sched)) {
        free_variant(v);
        ok = compile_variant(u, v, r, a, ll);
    }
    return ok;
}

static bool compile_kept(const PipeUnit *u, PipeVariant *v, const PipeRequest *r, Arena *a, LlSession *ll)
{
    v->planned = v->sched;
    bool ok = compile_variant(u, v, r, a, ll), asked = r->nscheds || (r->candidates && !v->own && may_go(u, v));
    v->spilled = ok ? spills(v) : 0;
    return ok && !asked && v->spilled ? compile_lighter(u, v, r, a, ll) : ok;
}

/* "T=bf16,W=bf16": what the kernel's types are bound to, as tables of measured schedules have it. */
static const char *types_of(const PipeUnit *u, const SemaOp *op)
{
    const char *text = NULL;
    for (uint32_t i = 0; i < op->ntypes; i++)
        if (op->kernels[u->kernel].types >> i & 1)
            text = arena_strf(u->arena, "%s%s%s=%s", text ? text : "", text ? "," : "", op->types[i].name, dt_name(op->types[i].choice[u->binding.type[i]]));
    return text ? text : "-";
}

/* Is this length's own variant among the measured ones, for launches of any size? */
static bool is_measured(const SchedList *list, uint32_t n, const Sched *s)
{
    for (uint32_t i = 0; i < n; i++)
        if (s->len == LEN_EXACT && list->s[i].len == LEN_EXACT && list->s[i].n == s->n && !list->s[i].least && !list->s[i].most)
            return true;
    return false;
}

static bool in_list(const SchedList *list, const Sched *s)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (!memcmp(&list->s[i], s, sizeof *s))
            return true;
    return false;
}

static SchedKey key_of(const PipeUnit *u, const PipeRequest *r, uint32_t nest)
{
    return (SchedKey){u->target->name, arena_strf(u->arena, "%s.%s", u->fn->op_name, u->fn->name), types_of(u, r->op), nest};
}

static void add_measured(PipeUnit *u, const PipeRequest *r, const SchedFacts *f, uint32_t nest, SchedList *list)
{
    SchedKey k = key_of(u, r, nest);
    if (r->tuned)
        sched_tuned(r->tuned, &k, f, u->target, u->arena, list);
}

/* For a tuner: first what the model takes for each length, in the model's order, so that the first that serves a call is its choice; what the table
 * has of these lengths; then the candidates, the best of every length before the next best. */
static void add_candidates(PipeUnit *u, const PipeRequest *r, const SchedFacts *f, uint32_t nest, SchedList *list)
{
    int32_t *lengths = ARENA_ARRAY(u->arena, int32_t, r->nlengths + 1);
    uint32_t n = 0;
    SchedList all = {0}, measured = {0}, *more = ARENA_ARRAY(u->arena, SchedList, r->nlengths + 1);
    for (uint32_t k = 0; k < r->nlengths; k++)
        if (!r->length_nests || r->length_nests[k] == nest)
            lengths[n++] = r->lengths[k];
    sched_choose(f, u->target, u->arena, &all);
    for (uint32_t i = 0; i < all.n; i++)
        for (uint32_t k = 0; k < n; k++) {
            uint32_t first = 0;
            while (first < all.n && !sched_holds(&all.s[first], u->target, lengths[k]))
                first++;
            if (first == i && !in_list(list, &all.s[i]))
                *ARENA_PUSH(u->arena, list->s, list->n, list->cap) = all.s[i];
        }
    list->own = list->n;
    add_measured(u, r, f, nest, &measured);
    for (uint32_t i = 0; i < measured.n; i++)
        for (uint32_t k = 0; k < n; k++)
            if (sched_holds(&measured.s[i], u->target, lengths[k]) && !in_list(list, &measured.s[i]))
                *ARENA_PUSH(u->arena, list->s, list->n, list->cap) = measured.s[i];
    for (uint32_t k = 0; k < n; k++)
        sched_candidates(f, u->target, lengths[k], r->candidates, u->arena, &more[k]);
    for (uint32_t i = 0; i < r->candidates; i++)
        for (uint32_t k = 0; k < n; k++)
            if (i < more[k].n && !in_list(list, &more[k].s[i]))
                *ARENA_PUSH(u->arena, list->s, list->n, list->cap) = more[k].s[i];
}

/* The schedules of one nest.  One asked for by name must be legal for a kernel's only nest; of several each takes those it fits, and
 * the general ones behind them. */
static bool choose(PipeUnit *u, const PipeRequest *r, const SchedFacts *f, uint32_t nest, bool only, SchedList *list)
{
    SchedList all = {0};
    for (uint32_t i = 0; i < r->nscheds; i++) {
        const char *why = sched_illegal(f, &r->scheds[i], u->target);
        if (!why)
            *ARENA_PUSH(u->arena, list->s, list->n, list->cap) = r->scheds[i];
        else if (only && r->nscheds == 1) {
            diag_report(&u->diag, DIAG_ERROR, LG_NO_SCHEDULE, u->fn->sp, "the schedule is not legal for %s.%s on %s: %s", u->fn->op_name, u->fn->name, u->target->name, why);
            return false;
        }
    }
    if (list->n && only && !r->general_too)
        return true;
    if (r->nlengths && (u->target->kind == TGT_GPU || (u->target->kind == TGT_HOST && r->host_too)))
        add_candidates(u, r, f, nest, list);
    bool told = list->n > 0;
    if (!told)
        add_measured(u, r, f, nest, list);
    uint32_t measured = list->n;
    sched_choose(f, u->target, u->arena, &all);
    for (uint32_t i = told && all.n > 2 ? all.n - 2 : 0; i < all.n; i++)
        if (!in_list(list, &all.s[i]) && (told || !is_measured(list, measured, &all.s[i])))
            *ARENA_PUSH(u->arena, list->s, list->n, list->cap) = all.s[i];
    return list->n > 0;
}

static bool plan_nest(PipeUnit *u, const PipeRequest *r, const TirFn *fn, uint32_t nest)
{
    SchedFacts f;
    SchedList list = {0};
    if (!sched_facts(fn, &f, &u->diag) || !choose(u, r, &f, nest, fn == u->fn, &list))
        return false;
    for (uint32_t i = 0; i < list.n; i++) {
        PipeVariant *v = ARENA_PUSH(u->arena, u->variants, u->n, u->cap);
        *v = (PipeVariant){.nest = nest, .fn = fn, .sched = list.s[i], .own = i < list.own};
    }
    return true;
}

/* The typed kernel and its variants, which are compiled later. */
static bool plan_unit(PipeUnit *u, const PipeRequest *r)
{
    u->fn = sema_kernel(r->op, u->kernel, &u->binding, u->arena, &u->diag);
    if (!u->fn || !tir_verify(u->fn, &u->diag))
        return false;
    if (!wants(r, AFTER_TILE_IR))
        return true;
    uint32_t nests = tir_nests(u->fn);
    if (nests > LGK_MAX_NESTS) {
        diag_report(&u->diag, DIAG_LIMIT, LG_NO_ROW_FORM, u->fn->sp, "%s.%s has %u par nests; at most %d serve", u->fn->op_name, u->fn->name, nests, LGK_MAX_NESTS);
        return false;
    }
    for (uint32_t i = 0; i < nests; i++)
        if (!plan_nest(u, r, nests == 1 ? u->fn : tir_nest(u->fn, i, u->arena), i))
            return false;
    return true;
}

static bool too_late(const PipeRequest *r) { return (r->until_ms > 0 && now_ms() > r->until_ms) || (r->stop && *r->stop); }

/* A measured schedule that spills is named, with its place in the table: what was measured is not what is built. */
static void tell_spill(PipeUnit *u, const PipeRequest *r, const PipeVariant *v, bool out)
{
    SchedKey k = key_of(u, r, v->nest);
    const char *entry = r->tuned ? sched_tuned_entry(r->tuned, &k, &v->planned, u->arena) : NULL;
    Buf instead = {0};
    if (!entry)
        return;
    uint32_t at = (uint32_t)(entry - r->tuned), file = diag_add_file(&u->diag, r->tuned_name ? r->tuned_name : "tuned.txt", r->tuned, strlen(r->tuned));
    diag_report(&u->diag, DIAG_WARNING, LG_SPILLS, (Span){file, at, at + (uint32_t)strcspn(entry, ":\n")}, "this schedule spills %d bytes in %s [%s] on %s and is left out", v->spilled, k.kernel,
                sema_binding_text(r->op, (int)u->kernel, &u->binding, u->arena), u->target->name);
    sched_print(&instead, &v->sched);
    if (!out)
        diag_note(&u->diag, (Span){0}, "in its place: %.*s", (int)instead.n, instead.p);
    buf_free(&instead);
}

/* What became of its variants: their diagnostics, and those left out that spill, the next one that holds serves, or were no longer compiled. */
static void settle_unit(PipeUnit *u, const PipeRequest *r)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < u->n; i++) {
        PipeVariant *v = &u->variants[i];
        diag_take(&u->diag, &v->diag);
        u->failed |= v->failed;
        u->ms += v->ms;
        bool out = !v->late && !r->nscheds && may_go(u, v) && spills(v);
        if (v->spilled && !r->nscheds && !r->candidates)
            tell_spill(u, r, v, out);
        if (out || v->late)
            free_variant(v);
        else
            u->variants[n++] = *v;
    }
    u->n = n;
}

/* ---- side by side ---- */

typedef struct Job { PipeUnit *u; PipeVariant *v; } Job;
typedef struct Work { const PipeRequest *r; PipeResult *res; Job *jobs; uint32_t njobs; _Atomic uint32_t next, narenas; } Work;

static void *plan_some(void *arg)
{
    Work *w = arg;
    for (uint32_t i; (i = atomic_fetch_add(&w->next, 1)) < w->res->n;) {
        PipeUnit *u = &w->res->units[i];
        jmp_buf oom;
        double t0 = now_ms();
        arena_on_oom(u->arena, &oom);
        u->failed = setjmp(oom) || !plan_unit(u, w->r);
        u->ms = now_ms() - t0;
        arena_on_oom(u->arena, NULL);
    }
    return NULL;
}

static void *compile_some(void *arg)
{
    Work *w = arg;
    Arena *a = w->res->arena[atomic_fetch_add(&w->narenas, 1)];
    LlSession *ll = wants(w->r, AFTER_LOWERED) ? ll_open() : NULL;
    for (uint32_t i; (i = atomic_fetch_add(&w->next, 1)) < w->njobs;) {
        PipeVariant *v = w->jobs[i].v;
        jmp_buf oom;
        double t0 = now_ms();
        diag_init(&v->diag, a);
        v->late = may_go(w->jobs[i].u, v) && too_late(w->r);
        if (v->late)
            continue;
        arena_on_oom(a, &oom);
        v->failed = setjmp(oom) || !compile_kept(w->jobs[i].u, v, w->r, a, ll);
        v->ms = now_ms() - t0;
        arena_on_oom(a, NULL);
    }
    if (ll)
        ll_close(ll);
    return NULL;
}

static void side_by_side(Work *w, uint32_t things, void *(*some)(void *))
{
    pthread_t thread[PIPE_MAX_JOBS];
    int n = 0, want = w->r->jobs > PIPE_MAX_JOBS ? PIPE_MAX_JOBS : w->r->jobs;
    w->next = 0;
    while (n + 1 < want && (uint32_t)n + 1 < things && !pthread_create(&thread[n], NULL, some, w))
        n++;
    some(w);
    while (n > 0)
        pthread_join(thread[--n], NULL);
}

/* Every variant of units that were planned whole, and an arena for each thread. */
static bool list_jobs(Work *w, Arena *a)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->res->n; i++)
        n += w->res->units[i].failed ? 0 : w->res->units[i].n;
    w->jobs = ARENA_ARRAY(a, Job, n + 1);
    for (uint32_t i = 0; i < w->res->n; i++)
        for (uint32_t k = 0; k < w->res->units[i].n && !w->res->units[i].failed; k++)
            w->jobs[w->njobs++] = (Job){&w->res->units[i], &w->res->units[i].variants[k]};
    for (; w->res->narenas < PIPE_MAX_JOBS && w->res->narenas < (uint32_t)(w->r->jobs > 1 ? w->r->jobs : 1); w->res->narenas++)
        if (!(w->res->arena[w->res->narenas] = arena_new()))
            return false;
    return true;
}

static bool run_units(const PipeRequest *r, Arena *a, PipeResult *res)
{
    Work w = {.r = r, .res = res};
    side_by_side(&w, res->n, plan_some);
    if (!list_jobs(&w, a))
        return false;
    side_by_side(&w, w.njobs, compile_some);
    for (uint32_t i = 0; i < res->n; i++) {
        if (!res->units[i].failed)
            settle_unit(&res->units[i], r);
        res->failed |= res->units[i].failed;
    }
    return true;
}

static bool checked(const PipeRequest *r, uint32_t kernel, const SemaBinding *b)
{
    for (uint32_t i = 0; i < r->op->nchecks; i++)
        if (sema_check_covers(r->op, &r->op->checks[i], kernel, b))
            return true;
    return !r->checked_only;
}

/* Units of one kernel, with these options open. Of bindings that differ only in open options the first stands for all. */
static void list_kernel(const PipeRequest *r, uint32_t k, const SemaWanted *wanted, uint32_t open, Arena *a, PipeResult *out)
{
    SemaBinding b = sema_binding_first(r->op, k);
    do {
        bool first = true;
        for (uint32_t i = 0; i < r->op->noptions; i++)
            first &= !(open >> i & 1) || b.option[i] == 0;
        SemaBinding with = sema_binding_open(r->op, k, b, open);
        if (!first || !sema_wanted_has(r->op, k, wanted, &with, open) || !checked(r, k, &with))
            continue;
        for (uint32_t t = 0; t < r->ntargets; t++) {
            PipeUnit *u = ARENA_PUSH(a, out->units, out->n, out->cap);
            *u = (PipeUnit){.kernel = k, .binding = with, .target = r->targets[t]};
        }
    } while (sema_binding_next(r->op, k, &b));
}

/* Options asked for open as well as by value make kernels of both kinds. */
static void list_kernels(const PipeRequest *r, uint32_t k, const SemaWanted *wanted, Arena *a, PipeResult *out)
{
    uint32_t open = wanted->open & r->op->kernels[k].options, closed = open, all = r->fallback ? sema_openable(r->op, k, a) | open : open;
    for (uint32_t i = 0; i < r->op->noptions; i++)
        closed &= wanted->option[i] ? ~(1u << i) : ~0u;
    list_kernel(r, k, wanted, closed, a, out);
    if (open != closed)
        list_kernel(r, k, wanted, open, a, out);
    if (all != open)
        list_kernel(r, k, wanted, all, a, out);
}

static bool list_units(const PipeRequest *r, const SemaWanted *wanted, Arena *a, PipeResult *out)
{
    for (uint32_t k = 0; k < r->op->nkernels; k++)
        if (!r->kernel || !strcmp(r->kernel, r->op->kernels[k].name))
            list_kernels(r, k, wanted, a, out);
    for (uint32_t i = 0; i < out->n; i++) {
        PipeUnit *u = &out->units[i];
        u->arena = arena_new();
        if (!u->arena)
            return false;
        diag_init(&u->diag, u->arena);
        for (uint32_t f = 1; r->source && f < r->source->nfiles; f++)
            diag_add_file(&u->diag, r->source->files[f].name, r->source->files[f].text, r->source->files[f].size);
    }
    return true;
}

bool pipe_run(const PipeRequest *r, Arena *a, Diag *d, PipeResult *out)
{
    *out = (PipeResult){0};
    SemaWanted wanted = {0};
    for (uint32_t i = 0; i < r->nfix; i++)
        if (!sema_wanted_add(r->op, &wanted, r->fix[i], d))
            return false;
    if (r->kernel && sema_find_kernel(r->op, r->kernel) < 0) {
        diag_report(d, DIAG_ERROR, LG_NONE, r->op->sp, "op %s has no kernel %s", r->op->name, r->kernel);
        return false;
    }
    if (!list_units(r, &wanted, a, out))
        return false;
    return run_units(r, a, out);
}

void pipe_free(PipeResult *r)
{
    for (uint32_t i = 0; i < r->n; i++) {
        for (uint32_t j = 0; j < r->units[i].n; j++)
            free_variant(&r->units[i].variants[j]);
        arena_free(r->units[i].arena);
    }
    for (uint32_t i = 0; i < r->narenas; i++)
        arena_free(r->arena[i]);
    *r = (PipeResult){0};
}

static void pack_unit(const PipeUnit *u, PackWriter *w)
{
    for (uint32_t i = 0; i < u->n; i++) {
        const PipeVariant *v = &u->variants[i];
        if (!i || v->nest != v[-1].nest)
            pack_target(w, u->target, v->kind, v->nest, u->fn);
        const LlAsmInfo *info = pipe_info(v, 0);
        if (!v->low)
            continue;
        uint32_t code = pack_code(w, v->kind, v->code.p, v->code.n);
        pack_variant(w, &v->sched, v->low, code, v->kind == LGK_CODE_HOST ? v->entry : NULL, info ? info->regs : -1, info ? info->spill_stores : -1);
    }
}

static const char *text_of(const PipeRequest *r) { return r->source && r->op->file < r->source->nfiles ? r->source->files[r->op->file].text : NULL; }

bool pipe_pack_kernels(const PipeRequest *r, Arena *a, Diag *d, PackWriter *w)
{
    for (uint32_t k = 0; k < r->op->nkernels; k++) {
        SemaBinding b = sema_binding_first(r->op, k);
        const TirFn *fn = sema_kernel(r->op, k, &b, a, d);
        if (!fn)
            return false;
        pack_kernel(w, r->op, k, fn, text_of(r));
    }
    return true;
}

void pipe_pack(const PipeRequest *r, const PipeResult *res, PackWriter *w)
{
    int kernel = -1;
    for (uint32_t i = 0; i < res->n; i++) {
        const PipeUnit *u = &res->units[i];
        bool same = i && kernel == (int)u->kernel && !memcmp(&u->binding, &res->units[i - 1].binding, sizeof u->binding);
        if (kernel != (int)u->kernel)
            pack_kernel(w, r->op, u->kernel, u->fn, text_of(r));
        if (!same)
            pack_instance(w, &u->binding, u->fn);
        kernel = (int)u->kernel;
        pack_unit(u, w);
    }
}
