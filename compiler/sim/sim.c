/* sim.c: plans a function's steps once, then runs them for every block: regions, masks, faults.
 *
 * In: verified lowered IR, parameter words, the buffers.  Out: their bytes changed, or the first fault.
 * Invariant: mask is the set of threads that the open ifs let through, active its size; loops never change it, since a loop's
 * threads leave together.
 */
#include "sim_in.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

void sim_fault(Sim *s, const Step *st, uint32_t thread, const char *fmt, ...)
{
    SimResult *r = s->res;
    if (r->faults++)
        return;
    LirVal v = (LirVal)(st - s->steps);
    int n = snprintf(r->first, sizeof r->first, "%s: %%%u %s, block %u, thread %u: ", s->fn->name, v, lir_op_name(st->o->op), s->cta, thread);
    va_list ap;
    va_start(ap, fmt);
    if (n >= 0 && (size_t)n < sizeof r->first)
        vsnprintf(r->first + n, sizeof r->first - (size_t)n, fmt, ap);
    va_end(ap);
    r->op = v;
    r->sp = st->o->sp;
}

/* ---- regions ---- */

static void count_active(Sim *s)
{
    s->active = 0;
    for (uint32_t t = 0; t < s->threads; t++)
        s->active += s->mask[t];
}

static void run_loop(Sim *s, Step *st)
{
    if (st->o->flags & LIR_F_APART)
        memcpy(s->saved[s->depth++], s->mask, s->threads);
}

static void run_again(Sim *s, Step *st) { s->pc = st->jump + 1; }

/* Whole warps leave, or groups of imm.i lanes of one; the loop ends with the last of them. */
static void leave_apart(Sim *s, Step *st)
{
    const uint8_t *c = st->a[0];
    uint32_t few = (uint32_t)st->jump->jump->o->imm.i, size = few && few < s->wsize ? few : s->wsize;
    for (uint32_t t = 0; t < s->threads; t++) {
        uint32_t first = t / size * size;
        if (s->mask[t] && sim_clean(s, st, 0, t, "the condition") && c[t] != c[first])
            sim_fault(s, st, t, "threads of a group leave the loop apart");
    }
    for (uint32_t t = 0; t < s->threads; t++)
        s->mask[t] = s->mask[t] && c[t];
    count_active(s);
    if (s->active)
        return;
    memcpy(s->mask, s->saved[--s->depth], s->threads);
    count_active(s);
    s->pc = st->jump + 1;
}

static void run_while(Sim *s, Step *st)
{
    const uint8_t *c = st->a[0];
    int go = -1;
    if (st->jump->jump->o->flags & LIR_F_APART) {
        leave_apart(s, st);
        return;
    }
    for (uint32_t t = 0; t < s->threads; t++) {
        if (!s->mask[t] || !sim_clean(s, st, 0, t, "the condition"))
            continue;
        if (go >= 0 && go != c[t])
            sim_fault(s, st, t, "threads leave the loop apart");
        go = c[t];
    }
    if (go <= 0)
        s->pc = st->jump + 1;
}

static void run_if(Sim *s, Step *st)
{
    const uint8_t *c = st->a[0];
    uint32_t all = s->active;
    memcpy(s->saved[s->depth++], s->mask, s->threads);
    for (uint32_t t = 0; t < s->threads; t++)
        if (s->mask[t] && sim_clean(s, st, 0, t, "the condition"))
            s->mask[t] = c[t];
    count_active(s);
    if (st->o->flags & LIR_F_UNIFORM && s->active && s->active != all)
        sim_fault(s, st, 0, "said to be uniform, but %u of %u threads enter", s->active, all);
    if (!s->active)
        s->pc = st->jump;
}

static void run_else(Sim *s, Step *st)
{
    const uint8_t *c = st->a[0], *all = s->saved[s->depth - 1];
    for (uint32_t t = 0; t < s->threads; t++)
        s->mask[t] = all[t] && !c[t];
    count_active(s);
    if (!s->active)
        s->pc = st->jump;
}

static void run_endif(Sim *s, Step *st)
{
    (void)st;
    memcpy(s->mask, s->saved[--s->depth], s->threads);
    count_active(s);
}

/* ---- the plan ---- */

static bool is_store(LirOpcode op) { return op == LIR_STG || op == LIR_ATOM || op == LIR_STGP || op == LIR_STGM || op == LIR_STS || op == LIR_STSP || op == LIR_STSC || op == LIR_SEND; }

static void plan_operands(Sim *s, Step *st)
{
    const LirOp *o = st->o;
    for (int i = 0; i < lir_op_nargs(o->op); i++) {
        st->from[i] = &s->steps[o->a[i]];
        st->a[i] = st->from[i]->d;
    }
    const LirOp *v = is_store(o->op) ? st->from[1]->o : o;
    st->lanes = v->lanes;
    st->bytes = (uint32_t)dt_bytes(v->dt);
    st->n = (size_t)s->threads * st->lanes;
    if (o->dt != DT_NONE)
        st->d = arena_alloc(s->arena, st->n * st->bytes + 16);
}

static void plan_region(Sim *s, Step *st, LirVal *open, uint32_t *depth, uint32_t *deepest)
{
    Step *top = *depth ? &s->steps[open[*depth - 1]] : NULL;
    LirVal v = (LirVal)(st - s->steps);
    switch (st->o->op) {
    case LIR_LOOP:
    case LIR_IF:
        st->run = st->o->op == LIR_LOOP ? run_loop : run_if;
        open[(*depth)++] = v;
        *deepest = *depth > *deepest ? *depth : *deepest;
        break;
    case LIR_WHILE:
        st->run = run_while;
        st->jump = top;                              /* the loop, until its end is known */
        break;
    case LIR_ELSE:
        st->run = run_else;
        st->a[0] = top->a[0];
        top->jump = st;
        open[*depth - 1] = v;
        break;
    default:
        (*depth)--;
        st->run = top->o->op == LIR_LOOP ? run_again : run_endif;
        st->jump = top->o->op == LIR_LOOP ? top : NULL;
        top->jump = st;
        break;
    }
}

static bool is_region(LirOpcode op) { return op == LIR_LOOP || op == LIR_WHILE || op == LIR_IF || op == LIR_ELSE || op == LIR_END; }

static bool plan_step(Sim *s, Step *st)
{
    return sim_plan_vec(s, st) || sim_plan_global(s, st) || sim_plan_shared(s, st) || sim_plan_sync(s, st) || sim_plan_value(s, st);
}

static bool plan(Sim *s)
{
    uint32_t depth = 0, deepest = 0;
    size_t most = 0;
    LirVal *open = ARENA_ARRAY(s->arena, LirVal, s->fn->nops + 1);
    s->steps = ARENA_ARRAY(s->arena, Step, s->fn->nops);
    for (LirVal v = 0; v < s->fn->nops; v++) {
        Step *st = &s->steps[v];
        st->o = &s->fn->ops[v];
        plan_operands(s, st);
        most = st->n > most ? st->n : most;
        if (is_region(st->o->op))
            plan_region(s, st, open, &depth, &deepest);
        else if (!plan_step(s, st)) {
            sim_fault(s, st, 0, "no such operation on %s", dt_name(st->o->dt));
            return false;
        }
    }
    for (LirVal v = 0; v < s->fn->nops; v++)
        if (s->steps[v].run == run_while)
            s->steps[v].jump = s->steps[v].jump->jump;
    s->saved = ARENA_ARRAY(s->arena, uint8_t *, deepest);
    for (uint32_t i = 0; i < deepest; i++)
        s->saved[i] = ARENA_ARRAY(s->arena, uint8_t, s->threads);
    for (int i = 0; i < 4; i++)
        s->wide[i] = arena_alloc(s->arena, (most + 2) * 8);
    return true;
}

static void allocate(Sim *s)
{
    uint32_t smem = (s->fn->smem ? s->fn->smem : 1) * s->fn->cluster;
    s->mask = ARENA_ARRAY(s->arena, uint8_t, s->threads);
    s->shadow = ARENA_ARRAY(s->arena, SimGlobal *, s->nbufs ? s->nbufs : 1);
    s->smem = ARENA_ARRAY(s->arena, uint8_t, smem);
    s->byte = ARENA_ARRAY(s->arena, SimByte, smem);
    s->read_at = ARENA_ARRAY(s->arena, uint32_t, (size_t)smem * s->warps);
    s->queue = ARENA_ARRAY(s->arena, SimQueue, s->threads);
}

static bool run_block(Sim *s)
{
    const Step *end = s->steps + s->fn->nops;
    memset(s->mask, 1, s->threads);
    s->active = s->threads;
    s->depth = 0;
    s->bars++;
    sim_shared_reset(s);
    for (s->pc = s->steps + 1; s->pc < end && !s->res->faults;) {
        Step *st = s->pc++;
        st->run(s, st);
    }
    return !s->res->faults;
}

static bool run_all(Sim *s)
{
    allocate(s);
    if (!plan(s))
        return false;
    for (s->cta = 0; s->cta < s->nctas; s->cta += s->fn->cluster)
        if (!run_block(s))
            return false;
    return true;
}

bool sim_run(const LirFn *fn, const uint64_t *words, uint32_t nctas, const SimBuffer *bufs, uint32_t nbufs, SimResult *res)
{
    jmp_buf oom;
    Sim *s;
    memset(res, 0, sizeof *res);
    Arena *arena = arena_new();
    if (!arena)
        return false;
    if (setjmp(oom)) {
        arena_free(arena);
        return false;
    }
    arena_on_oom(arena, &oom);
    s = ARENA_NEW(arena, Sim);
    *s = (Sim){.arena = arena, .fn = fn, .words = words, .res = res, .bufs = bufs, .nbufs = nbufs, .hit = nbufs, .threads = fn->threads * fn->cluster,
               .wsize = fn->warp, .warps = (fn->threads * fn->cluster + fn->warp - 1) / fn->warp, .nctas = nctas};
    if (s->warps > SIM_MAX_WARPS || nctas % fn->cluster) {
        snprintf(res->first, sizeof res->first, "%s: %u blocks of %u threads in clusters of %u are more than the sim takes", fn->name, nctas, fn->threads, fn->cluster);
        res->faults = 1;
    }
    bool ok = !res->faults && run_all(s);
    arena_free(arena);
    return ok;
}
