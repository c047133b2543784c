/* sim_shared.c: shared memory with a history for each byte, and asynchronous copies.
 *
 * Two accesses of a byte, one of them a write, by different threads must be ordered by barriers.  Each warp has a clock, advanced
 * by every barrier it passes, and knows the clocks of the others as of the last barrier that it shared with them: an access at
 * epoch e of warp v is before all that warp w does now when clock[w][v] >= e; within a warp, when e is past.
 * A copy's bytes are its thread's from issue to wait; they are written at the wait.
 */
#include "sim_in.h"

#include <string.h>

void sim_shared_reset(Sim *s)
{
    for (uint32_t i = 0; i < s->fn->smem * s->fn->cluster; i++)
        s->byte[i] = (SimByte){.writer = SIM_NO_THREAD};
    memset(s->smem, 0xdb, (size_t)s->fn->smem * s->fn->cluster);
    memset(s->clock, 0, sizeof s->clock);
    for (uint32_t w = 0; w < s->warps; w++)
        s->clock[w][w] = 1;
    for (uint32_t t = 0; t < s->threads; t++)
        s->queue[t].n = s->queue[t].group = 0;
}

/* Is what thread x did at its warp's epoch e before what thread t does now? */
static bool before(const Sim *s, uint32_t x, uint32_t e, uint32_t t)
{
    uint32_t v = x / s->wsize, w = t / s->wsize;
    return x == t || (v == w ? e < s->clock[w][w] : e <= s->clock[w][v]);
}

static void note_reader(Sim *s, uint32_t t, uint32_t at)
{
    uint32_t w = t / s->wsize, now = s->clock[w][w] << 6, lane = t % s->wsize;
    uint32_t *r = &s->read_at[(size_t)at * s->warps + w];
    SimByte *b = &s->byte[at];
    if ((b->readers >> w & 1) && *r >> 6 == now >> 6 && (*r & 63) != lane)
        lane = SIM_SEVERAL;
    b->readers |= 1ull << w;
    *r = now | lane;
}

/* A thread other than t that read the byte and is not known to have finished; its warp in *w. */
static bool reader_in_the_way(const Sim *s, uint32_t t, uint32_t at, uint32_t *w)
{
    uint32_t mine = t / s->wsize;
    for (uint64_t left = s->byte[at].readers; left; left &= left - 1) {
        *w = (uint32_t)__builtin_ctzll(left);
        uint32_t r = s->read_at[(size_t)at * s->warps + *w], e = r >> 6;
        if (*w == mine ? (r & 63) != t % s->wsize && e >= s->clock[mine][mine] : e > s->clock[mine][*w])
            return true;
    }
    return false;
}

static bool touch(Sim *s, const Step *st, uint32_t t, uint32_t at, bool write)
{
    SimByte *b = &s->byte[at];
    uint32_t w;
    if (b->pending)
        sim_fault(s, st, t, "%s shared byte %u, which a copy of thread %u is still writing", write ? "writes" : "reads", at, b->writer);
    else if (b->writer != SIM_NO_THREAD && !before(s, b->writer, b->wepoch, t))
        sim_fault(s, st, t, "%s shared byte %u, which thread %u wrote with no barrier between", write ? "writes" : "reads", at, b->writer);
    else if (write && reader_in_the_way(s, t, at, &w))
        sim_fault(s, st, t, "writes shared byte %u, which warp %u read with no barrier between", at, w);
    else {
        if (!write)
            note_reader(s, t, at);
        return true;
    }
    return false;
}

static void own(Sim *s, uint32_t t, uint32_t at, bool clean)
{
    SimByte *b = &s->byte[at];
    uint32_t w = t / s->wsize;
    *b = (SimByte){.wepoch = s->clock[w][w], .writer = (uint16_t)t, .clean = clean};
}

/* Where the shared memory of the block of rank r begins. */
static uint32_t block_of(const Sim *s, uint32_t r) { return r * s->fn->smem; }

/* Bounds, alignment and order of bytes at..at+bytes of the block of rank r; false after a fault. */
static bool allowed(Sim *s, const Step *st, uint32_t t, uint32_t r, int64_t at, uint32_t bytes, bool write)
{
    if (at < 0 || at + bytes > s->fn->smem) {
        sim_fault(s, st, t, "%s %u bytes at shared offset %lld of %u", write ? "writes" : "reads", bytes, (long long)at, s->fn->smem);
        return false;
    }
    if (at & (st->o->imm.i - 1)) {
        sim_fault(s, st, t, "shared offset %lld is no multiple of %lld", (long long)at, (long long)st->o->imm.i);
        return false;
    }
    for (uint32_t i = 0; i < bytes; i++)
        if (!touch(s, st, t, block_of(s, r) + (uint32_t)at + i, write))
            return false;
    return true;
}

static void note_unwritten(Sim *s, Step *st, uint32_t t, uint32_t at)
{
    for (uint32_t i = 0; i < st->lanes * st->bytes; i++) {
        if (s->byte[at + i].clean)
            continue;
        uint8_t *p = sim_poison(s, st);
        if (!st->tainted)
            memset(p, 0, st->n);
        st->tainted = true;
        p[(size_t)t * st->lanes + i / st->bytes] = 1;
    }
}

static void run_lds(Sim *s, Step *st)
{
    uint32_t row = st->lanes * st->bytes;
    st->tainted = false;
    for (uint32_t t = 0; t < s->threads; t++) {
        int32_t at = ((const int32_t *)st->a[0])[t];
        if (!s->mask[t] || !sim_clean(s, st, 0, t, "the offset") || !allowed(s, st, t, t / s->fn->threads, at, row, false))
            continue;
        uint32_t from = block_of(s, t / s->fn->threads) + (uint32_t)at;
        memcpy((char *)st->d + (size_t)t * row, s->smem + from, row);
        note_unwritten(s, st, t, from);
    }
}

static void store(Sim *s, Step *st, uint32_t t, uint32_t r)
{
    const Step *v = st->from[1];
    uint32_t row = st->lanes * st->bytes;
    int32_t at = ((const int32_t *)st->a[0])[t];
    if (!sim_clean(s, st, 0, t, "the offset") || !allowed(s, st, t, r, at, row, true))
        return;
    uint32_t to = block_of(s, r) + (uint32_t)at;
    memcpy(s->smem + to, (char *)st->a[1] + (size_t)t * row, row);
    for (uint32_t i = 0; i < row; i++)
        own(s, t, to + i, !(v->tainted && v->poison[(size_t)t * st->lanes + i / st->bytes]));
}

static void run_sts(Sim *s, Step *st)
{
    bool guarded = st->o->op == LIR_STSP;
    for (uint32_t t = 0; t < s->threads; t++) {
        if (!s->mask[t] || (guarded && (!sim_clean(s, st, 2, t, "the predicate") || !((const uint8_t *)st->a[2])[t])))
            continue;
        store(s, st, t, t / s->fn->threads);
    }
}

static void run_stsc(Sim *s, Step *st)
{
    for (uint32_t t = 0; t < s->threads; t++) {
        if (!s->mask[t] || !sim_clean(s, st, 3, t, "the predicate") || !((const uint8_t *)st->a[3])[t] || !sim_clean(s, st, 2, t, "the rank"))
            continue;
        int32_t r = ((const int32_t *)st->a[2])[t];
        if (r < 0 || (uint32_t)r >= s->fn->cluster)
            sim_fault(s, st, t, "writes to block %d of a cluster of %u", r, s->fn->cluster);
        else {
            store(s, st, t, (uint32_t)r);
            if (st->o->ref >= 0)
                s->came[st->o->ref][r] += st->bytes;
        }
    }
}

static void run_send(Sim *s, Step *st)
{
    for (uint32_t t = 0; t < s->threads; t++) {
        if (!s->mask[t] || !sim_clean(s, st, 2, t, "the inbox") || !sim_clean(s, st, 3, t, "the rank"))
            continue;
        uint32_t r = (uint32_t)((const int32_t *)st->a[3])[t], n = (uint32_t)((const int32_t *)st->a[2])[t];
        if (n >= LIR_MAX_INBOXES)
            sim_fault(s, st, t, "there is no inbox %u", n);
        else if (r < s->fn->cluster) {
            store(s, st, t, r);
            s->came[n][r] += st->bytes;
        }
    }
}

/* ---- asynchronous copies ---- */

static void issue(Sim *s, Step *st, uint32_t t)
{
    uint32_t bytes = (uint32_t)st->o->imm.i;
    int32_t at = ((const int32_t *)st->a[0])[t];
    uint64_t from = ((const uint64_t *)st->a[1])[t];
    if (!sim_clean(s, st, 0, t, "the offset") || !sim_clean(s, st, 1, t, "the address") || !allowed(s, st, t, t / s->fn->threads, at, bytes, true))
        return;
    if (from & (bytes - 1)) {
        sim_fault(s, st, t, "address 0x%llx is no multiple of %u", (unsigned long long)from, bytes);
        return;
    }
    const uint8_t *p = sim_global_at(s, st, t, from, bytes, false);
    if (!p)
        return;
    SimQueue *q = &s->queue[t];
    SimCopy *c = ARENA_PUSH(s->arena, q->copy, q->n, q->cap);
    at += (int32_t)block_of(s, t / s->fn->threads);
    *c = (SimCopy){.at = (uint32_t)at, .bytes = bytes, .group = q->group};
    memcpy(c->data, p, bytes);
    for (uint32_t i = 0; i < bytes; i++) {
        own(s, t, (uint32_t)at + i, true);
        s->byte[at + (int32_t)i].pending = true;
    }
}

static void run_cpa(Sim *s, Step *st)
{
    for (uint32_t t = 0; t < s->threads; t++)
        if (s->mask[t] && sim_clean(s, st, 2, t, "the predicate") && ((const uint8_t *)st->a[2])[t])
            issue(s, st, t);
}

static void run_commit(Sim *s, Step *st)
{
    (void)st;
    for (uint32_t t = 0; t < s->threads; t++)
        s->queue[t].group += s->mask[t];
}

static void land(Sim *s, uint32_t t, const SimCopy *c)
{
    memcpy(s->smem + c->at, c->data, c->bytes);
    for (uint32_t i = 0; i < c->bytes; i++)
        own(s, t, c->at + i, true);
}

/* Groups older than the last imm.i closed ones are waited for. */
static void run_wait(Sim *s, Step *st)
{
    for (uint32_t t = 0; t < s->threads; t++) {
        SimQueue *q = &s->queue[t];
        uint32_t kept = 0;
        for (uint32_t i = 0; s->mask[t] && i < q->n; i++) {
            if (q->copy[i].group + (uint64_t)st->o->imm.i < q->group)
                land(s, t, &q->copy[i]);
            else
                q->copy[kept++] = q->copy[i];
        }
        q->n = s->mask[t] ? kept : q->n;
    }
}

bool sim_plan_shared(Sim *s, Step *st)
{
    (void)s;
    switch (st->o->op) {
    case LIR_LDS:      st->run = run_lds; return true;
    case LIR_STS:
    case LIR_STSP:     st->run = run_sts; return true;
    case LIR_STSC:     st->run = run_stsc; return true;
    case LIR_SEND:     st->run = run_send; return true;
    case LIR_CPA:      st->run = run_cpa; return true;
    case LIR_CPCOMMIT: st->run = run_commit; return true;
    case LIR_CPWAIT:   st->run = run_wait; return true;
    default:           return false;
    }
}
