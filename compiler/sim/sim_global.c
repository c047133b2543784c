/* sim_global.c: global memory: bounds, alignment, and who writes and reads which byte in this launch.
 *
 * In: addresses by thread.  Out: loaded values (zeros where masked), stored bytes, or a fault before anything is touched.
 * The launch's own shadow orders nothing between blocks: a byte that one block writes belongs to one thread.
 */
#include "sim_in.h"

#include <string.h>

static bool inside(const SimBuffer *b, uint64_t addr, uint32_t bytes)
{
    return addr >= b->addr && addr - b->addr <= b->bytes && b->bytes - (addr - b->addr) >= bytes;
}

static const SimBuffer *find(Sim *s, uint64_t addr, uint32_t bytes)
{
    if (s->hit < s->nbufs && inside(&s->bufs[s->hit], addr, bytes))
        return &s->bufs[s->hit];
    for (s->hit = 0; s->hit < s->nbufs; s->hit++)
        if (inside(&s->bufs[s->hit], addr, bytes))
            return &s->bufs[s->hit];
    return NULL;
}

/* A cluster counts as one block here. */
static uint32_t group(const Sim *s) { return s->cta / s->fn->cluster; }
static uint32_t block_of(const Sim *s, uint32_t who) { return who & SIM_BLOCK ? who & ~SIM_BLOCK : (who - 1) / s->threads; }

static void note_read(Sim *s, const Step *st, uint32_t t, SimGlobal *g)
{
    uint32_t me = group(s) * s->threads + t + 1;
    if (g->writer && g->writer != me && (block_of(s, g->writer) != group(s) || g->wbar == s->bars))
        sim_fault(s, st, t, "reads what thread %u of block %u writes in this launch", (g->writer - 1) % s->threads, block_of(s, g->writer));
    else if (g->writer && st->o->flags & LIR_F_CONST)
        sim_fault(s, st, t, "reads as constant what this launch writes");
    if (g->reader != me && g->reader != SIM_BLOCKS)
        g->reader = !g->reader || (block_of(s, g->reader) == group(s) && g->rbar != s->bars) ? me      /* earlier ones are behind a barrier */
                  : block_of(s, g->reader) == group(s) ? SIM_BLOCK | group(s) : SIM_BLOCKS;
    g->rbar = s->bars;
}

static void note_write(Sim *s, const Step *st, uint32_t t, SimGlobal *g)
{
    uint32_t me = group(s) * s->threads + t + 1;
    if (g->writer && g->writer != me)
        sim_fault(s, st, t, "writes what thread %u of block %u has written", (g->writer - 1) % s->threads, block_of(s, g->writer));
    else if (g->reader == SIM_BLOCKS || (g->reader && block_of(s, g->reader) != group(s)))
        sim_fault(s, st, t, "writes what another block reads in this launch");
    else if (g->reader && g->reader != me && g->rbar == s->bars)
        sim_fault(s, st, t, "writes what another thread of the block has read, with no barrier between");
    g->writer = me;
    g->wbar = s->bars;
}

static void note(Sim *s, const Step *st, uint32_t t, uint64_t addr, uint32_t bytes, bool write)
{
    const SimBuffer *b = &s->bufs[s->hit];
    if (b->bytes > SIM_SHADOW_MAX)
        return;
    if (!s->shadow[s->hit])
        s->shadow[s->hit] = ARENA_ARRAY(s->arena, SimGlobal, b->bytes);
    SimGlobal *g = s->shadow[s->hit] + (addr - b->addr);
    for (uint32_t i = 0; i < bytes; i++) {
        if (write)
            note_write(s, st, t, &g[i]);
        else
            note_read(s, st, t, &g[i]);
        if (s->res->faults)
            return;
    }
}

uint8_t *sim_global_at(Sim *s, const Step *st, uint32_t t, uint64_t addr, uint32_t bytes, bool write)
{
    if (!find(s, addr, bytes)) {
        sim_fault(s, st, t, "%s %u bytes at 0x%llx, outside every buffer", write ? "writes" : "reads", bytes, (unsigned long long)addr);
        return NULL;
    }
    uint32_t before = s->res->faults;
    note(s, st, t, addr, bytes, write);
    return s->res->faults == before ? (uint8_t *)(uintptr_t)addr : NULL;
}

typedef struct Part { uint32_t lo, hi; } Part;   /* elements touched; none when hi <= lo */

static bool predicate(Sim *s, const Step *st, int arg, uint32_t t)
{
    return sim_clean(s, st, arg, t, "the predicate") && ((const uint8_t *)st->a[arg])[t];
}

static uint32_t clamp(int32_t v, uint32_t lanes) { return v < 0 ? 0 : (uint32_t)v > lanes ? lanes : (uint32_t)v; }

/* The elements that thread t touches; `at` is the operand after address and data. */
static Part part(Sim *s, const Step *st, uint32_t t, int at)
{
    Part p = {0, s->mask[t] ? st->lanes : 0};
    LirOpcode op = st->o->op;
    if (!p.hi)
        return p;
    if (op == LIR_LDGP || op == LIR_STGP || op == LIR_ATOM)
        p.hi = predicate(s, st, at, t) ? st->lanes : 0;
    if (op == LIR_LDGM || op == LIR_STGM) {
        if (!sim_clean(s, st, at, t, "the mask") || !sim_clean(s, st, at + 1, t, "the mask"))
            return (Part){0, 0};
        p.lo = clamp(((const int32_t *)st->a[at])[t], st->lanes);
        p.hi = clamp(((const int32_t *)st->a[at + 1])[t], st->lanes);
    }
    return p;
}

static uint8_t *place(Sim *s, const Step *st, uint32_t t, Part p, bool write)
{
    if (!sim_clean(s, st, 0, t, "the address"))
        return NULL;
    uint64_t addr = ((const uint64_t *)st->a[0])[t];
    if (addr & ((uint64_t)st->o->imm.i - 1)) {
        sim_fault(s, st, t, "address 0x%llx is no multiple of %lld", (unsigned long long)addr, (long long)st->o->imm.i);
        return NULL;
    }
    return sim_global_at(s, st, t, addr + (uint64_t)p.lo * st->bytes, (p.hi - p.lo) * st->bytes, write);
}

static void run_load(Sim *s, Step *st)
{
    size_t row = (size_t)st->lanes * st->bytes;
    st->tainted = false;
    for (uint32_t t = 0; t < s->threads; t++) {
        Part p = part(s, st, t, 1);
        char *d = (char *)st->d + t * row;
        if (p.lo || p.hi < st->lanes)
            memset(d, 0, row);
        if (p.hi <= p.lo)
            continue;
        const uint8_t *from = place(s, st, t, p, false);
        if (from)
            memcpy(d + p.lo * st->bytes, from, (p.hi - p.lo) * st->bytes);
    }
}

static bool clean_part(Sim *s, const Step *st, uint32_t t, Part p)
{
    const Step *v = st->from[1];
    for (uint32_t i = p.lo; v->tainted && i < p.hi; i++)
        if (v->poison[(size_t)t * v->lanes + i]) {
            sim_fault(s, st, t, "stores element %u, made of shared memory that nobody wrote", i);
            return false;
        }
    return true;
}

static void run_store(Sim *s, Step *st)
{
    size_t row = (size_t)st->lanes * st->bytes;
    for (uint32_t t = 0; t < s->threads; t++) {
        Part p = part(s, st, t, 2);
        if (p.hi <= p.lo || !clean_part(s, st, t, p))
            continue;
        uint8_t *to = place(s, st, t, p, true);
        if (to)
            memcpy(to, (char *)st->a[1] + t * row + p.lo * st->bytes, (p.hi - p.lo) * st->bytes);
    }
}

/* Atomic adds of several threads to one place are no race; they are not noted as writes. */
static void run_atom(Sim *s, Step *st)
{
    uint32_t bytes = st->from[1]->bytes;
    for (uint32_t t = 0; t < s->threads; t++) {
        Part p = part(s, st, t, 2);
        if (p.hi <= p.lo || !clean_part(s, st, t, (Part){0, 1}) || !sim_clean(s, st, 0, t, "the address"))
            continue;
        uint64_t addr = ((const uint64_t *)st->a[0])[t];
        if (!find(s, addr, bytes)) {
            sim_fault(s, st, t, "adds to %u bytes at 0x%llx, outside every buffer", bytes, (unsigned long long)addr);
            continue;
        }
        if (bytes == 4)
            *(int32_t *)(uintptr_t)addr += ((const int32_t *)st->a[1])[t];
        else
            *(int64_t *)(uintptr_t)addr += ((const int64_t *)st->a[1])[t];
    }
}

static void run_draw(Sim *s, Step *st)
{
    sim_taint(s, st);
    for (uint32_t t = 0; t < s->threads; t++) {
        int32_t *d = (int32_t *)st->d + t;
        *d = 0;
        if (!s->mask[t] || !predicate(s, st, 2, t) || !sim_clean(s, st, 0, t, "the address") || !sim_clean(s, st, 1, t, "what is added"))
            continue;
        uint64_t addr = ((const uint64_t *)st->a[0])[t];
        if (!find(s, addr, 4)) {
            sim_fault(s, st, t, "adds to 4 bytes at 0x%llx, outside every buffer", (unsigned long long)addr);
            continue;
        }
        *d = *(int32_t *)(uintptr_t)addr;
        *(int32_t *)(uintptr_t)addr += ((const int32_t *)st->a[1])[t];
    }
}

static void run_mark(Sim *s, Step *st)
{
    for (uint32_t t = 0; t < s->threads; t++) {
        uint64_t counts = lir_mark_counts(((const uint32_t *)st->a[1])[t]), mark = LIR_MARK_BITS & ~counts;
        if (!s->mask[t] || !predicate(s, st, 2, t) || !sim_clean(s, st, 0, t, "the address") || !sim_clean(s, st, 1, t, "what is counted to"))
            continue;
        uint64_t addr = ((const uint64_t *)st->a[0])[t], *at = (uint64_t *)(uintptr_t)addr;
        if (!find(s, addr, 8))
            sim_fault(s, st, t, "marks 8 bytes at 0x%llx, outside every buffer", (unsigned long long)addr);
        else if ((*at & ~counts) != mark)
            *at = mark;
    }
}

/* What lies there from now on is anything. */
static void run_discard(Sim *s, Step *st)
{
    enum { LINE = 128 };
    for (uint32_t t = 0; t < s->threads; t++) {
        if (!s->mask[t] || !predicate(s, st, 1, t) || !sim_clean(s, st, 0, t, "the address"))
            continue;
        uint64_t addr = ((const uint64_t *)st->a[0])[t];
        uint8_t *at = NULL;
        if (addr % LINE)
            sim_fault(s, st, t, "address 0x%llx is no multiple of %d", (unsigned long long)addr, LINE);
        else
            at = sim_global_at(s, st, t, addr, LINE, true);
        if (at)
            memset(at, 0xdb, LINE);
    }
}

/* Only a hint, but one that asks for memory that is there. A row that begins anywhere is asked for from the multiple of 16 bytes before it on. */
static void run_ask(Sim *s, Step *st)
{
    enum { UNIT = 16 };
    for (uint32_t t = 0; t < s->threads; t++) {
        if (!s->mask[t] || !predicate(s, st, 1, t) || !sim_clean(s, st, 0, t, "the address") || !sim_clean(s, st, 2, t, "the number of bytes"))
            continue;
        uint64_t addr = ((const uint64_t *)st->a[0])[t];
        uint32_t bytes = ((const uint32_t *)st->a[2])[t];
        if (addr % UNIT || bytes % UNIT || !bytes || !find(s, addr + UNIT - 1, bytes - UNIT + 1))
            sim_fault(s, st, t, "asks for %u bytes at 0x%llx, outside every buffer", bytes, (unsigned long long)addr);
    }
}

bool sim_plan_global(Sim *s, Step *st)
{
    (void)s;
    switch (st->o->op) {
    case LIR_LDG: case LIR_LDGP: case LIR_LDGM: st->run = run_load; return true;
    case LIR_STG: case LIR_STGP: case LIR_STGM: st->run = run_store; return true;
    case LIR_ATOM: st->run = run_atom; return true;
    case LIR_DRAW: st->run = run_draw; return true;
    case LIR_MARK: st->run = run_mark; return true;
    case LIR_DISCARD: st->run = run_discard; return true;
    case LIR_ASK: st->run = run_ask; return true;
    default: return false;
    }
}
