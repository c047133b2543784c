/* sched_shared.c: what a row kernel's block keeps in shared memory, and where: legality and the model count it, the lowering takes it from here.
 *
 * In this order: exchange buffers of the reductions, two where there is more than one exchange; a cluster's inboxes; asynchronous slots
 * [stage][load][k][thread]; kept operands [load][k][lane]; kept rows [load][k][thread]; scalars of the block's rows [scalar][row group].  The area in which row groups add up their cross-row sums, and in
 * which rows that begin anywhere become aligned ones, lies over the slots.
 */
#include "sched.h"

static uint32_t up(uint32_t v, uint32_t to) { return (v + to - 1) / to * to; }
static uint32_t most(uint32_t a, uint32_t b) { return a > b ? a : b; }

/* Of one row group, for what walk i tells. */
static uint32_t exchange(const RowShared *r, const Sched *s, int i)
{
    uint32_t one = s->lanes < 32 ? (uint32_t)s->cluster : (uint32_t)(s->lanes / 32 * s->cluster), words = r->walk[i].words, alone = 0;
    if (sched_even(s))
        words -= r->walk[i].variances;      /* whose counts are known */
    if (s->grid == GRID_ONESHOT)
        alone = r->walk[i].picks;           /* which the first warp tells */
    if (s->deal && !i) {                    /* as is the row that is drawn */
        alone++;
        words++;
    }
    if (s->aside && !i)
        words += r->aside;
    return ((words - alone) * up(one, 4) + alone * up(1, 4)) * (r->wide ? 8u : 4u) * (uint32_t)s->batch;
}

static uint32_t inboxes(const RowShared *r, const Sched *s)
{
    return s->cluster == 1 ? 0 : sched_counts(r, s) ? (uint32_t)r->walks : 2 * (uint32_t)s->rows;
}

uint32_t sched_areas(const RowShared *r, const Sched *s, bool inst, uint32_t before)
{
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < before; i++)
        bytes += r->load[i].inst == inst ? sched_vector(s, r->load[i].bytes) : 0;
    return bytes * (uint32_t)(s->per * (inst ? s->lanes * s->rows : sched_operand_slots(s)));
}

/* The area over the slots. */
static uint32_t folded(const RowShared *r, const Sched *s)
{
    if (!r->sums || s->acc == ACC_MEM)
        return 0;
    return sched_fold_row(s) * (uint32_t)s->rows * r->sums;
}

SchedShared sched_shared(const RowShared *r, const Sched *s)
{
    uint32_t told = 0, rows = sched_areas(r, s, true, r->nload);
    SchedShared m = {0};
    for (int i = 0; i < r->walks; i++) {
        m.slot = most(m.slot, exchange(r, s, i) * (uint32_t)s->rows);
        told += r->walk[i].words > 0;
    }
    m.slot = s->lanes > 32 || s->cluster > 1 ? m.slot : 0;
    m.inbox = up((told > 1 || s->grid == GRID_PERSISTENT ? 2 : 1) * m.slot, 8);
    m.async = up(m.inbox + 8 * inboxes(r, s), 128);
    m.stage = s->async == ASYNC_CP ? rows : 0;
    m.operands = up(m.async + m.stage * (uint32_t)(s->stages * s->batch), 128);
    m.kept = up(m.operands + (s->wkeep == WKEEP_SMEM ? sched_areas(r, s, false, r->nload) : 0), 128);
    m.bytes = m.kept + (s->keep == KEEP_SMEM && s->async != ASYNC_CP && r->walks > 1 ? rows : 0);
    m.bytes = up(most(m.bytes, m.async + folded(r, s)), 16);
    m.told = m.bytes;
    m.bytes += sched_tells(r, s) ? (uint32_t)(r->told * s->rows * SCHED_TOLD_BYTES) : 0;
    return m;
}

SchedBins sched_bins(const Sched *s)
{
    SchedBins b = {.threads = s->rows * s->lanes, .tiles = 4};
    while (b.tiles < sched_bins_most(s) / SCHED_BIN_TILE + 1)
        b.tiles *= 2;
    b.full = SCHED_BIN_EACH * b.threads;
    b.window = b.threads < 256 ? b.threads : 256;
    b.segment = b.begin + b.tiles * 4;
    b.found = b.segment + b.tiles * 4;
    b.warps = b.found + 16;
    b.tally = b.warps + 128;
    b.totals = b.tally + b.threads / 32 * b.window * 4;
    b.entries = b.totals + b.window * 4;
    b.groups = b.entries + (b.full + 8) * 8;
    b.ring = (int)up((uint32_t)(b.groups + s->rows * s->lanes * s->vec * s->per * 4), 128);
    b.bytes = b.ring + (s->stages > 1 ? 4 * 16 * s->rows * s->lanes * s->per : 0);
    return b;
}
