/* sched_cost.c: what a schedule costs.
 *
 * It knows bandwidth, bytes in flight, the latency of a row's chain of work, blocks per multiprocessor, barrier width and waves; it knows no op.
 * Its constants were fitted to what schedules took on an H200, and an H100 where a comment says so.
 */
#include "sched_forms.h"

#include <math.h>

#define BLOCK_US 0.16                       /* a multiprocessor begins a block in that time at best: 1.2 ns of an H200, whatever it does */

static double stream_gbps(const SchedFacts *f, const Target *t)
{
    return t->gbps * (f->row_bytes_in > f->row_bytes_out ? 1.025 : 1.0);   /* reads are cheaper than turning the bus round */
}

/* Bounded by `ctas`, the assembler takes what registers that leaves. */
static int resident_blocks(const SchedFacts *f, const Sched *s, const Target *t)
{
    int threads = s->rows * s->lanes, held = s->per * s->vec, regs = 24 + s->vec * 3 + held * f->row_bytes_in / 4;
    if (!f->reductions && f->flops <= 4 && f->row_bytes_out <= f->row_bytes_in)   /* little more than a copy */
        regs = 16 + held * (f->row_bytes_in + f->row_bytes_out) / 4;
    if (f->reductions && f->shared_loads && !s->split)
        regs = 24 + held * f->row_bytes_in / 4 + held * 2 / 5;
    if (s->wkeep == WKEEP_REG)             /* put in place, a second one finds no room */
        regs += held * f->shared_loads / 5 + (s->align == ALIGN_SHIFT && f->shared_loads > 1 ? held * 3 / 5 : 0);
    else if (s->align == ALIGN_SHIFT && f->shared_loads)               /* operands are put in place after they have come */
        regs += 6 + held * f->shared_loads * 3 / 8;
    int by_regs = s->ctas ? s->ctas : t->regs_mp / (threads * (regs > 32 ? regs : 32)), by_threads = t->threads_mp / threads;
    int k = by_regs < by_threads ? by_regs : by_threads;
    return k < 1 ? 1 : k > 32 ? 32 : k;
}

/* Blocks of a cluster wait for each other, and fetch operands past the first cache, which their barrier empties. */
static double cluster_spoil(const SchedFacts *f, const Sched *s, int64_t n)
{
    if (s->cluster == 1)
        return 0;
    if (!f->shared_loads)
        return 0.03 + 0.001 * s->cluster + 0.0015 * s->lanes / 32;
    double far = n > LONG_ROW ? log2((double)n / LONG_ROW) : 0;
    return 0.025 + 0.004 * s->cluster + 0.013 * s->cluster * s->lanes / 1024 + 0.017 * far + (s->wkeep == WKEEP_SMEM ? 0.01 : f->shared_loads > 1 ? 0.22 * (f->shared_loads - 1) : 0);
}

/* Does a lane that walks a row in shared memory hold more than a vector: operands put in place, of several rows, or of its next turn? */
static bool looped_wide(const Sched *s) { return s->align == ALIGN_SHIFT || s->batch > 1 || s->wkeep == WKEEP_REG; }

int sched_looped_registers(const Sched *s) { return looped_wide(s) ? 48 : 32; }

/* Microseconds of instructions of so many blocks: what a thread does once, more of it where lanes reduce together, and what it does for each element.  Results of 16 bits take special
 * functions as the unit gives them; the ends of a row that begins anywhere cost a sum of powers as much as many elements. */
static double issue_time(const SchedFacts *f, const Sched *s, const Target *t, double blocks)
{
    double element = 2 + f->flops + 9 * f->lses + f->sfu * (f->min_elem_bytes > 2 ? 15 : 3), once = (f->reductions ? 130 : 85) + (s->align == ALIGN_SHIFT ? 300 * f->lses : 0);
    return blocks * s->rows * s->lanes * (once + s->per * s->vec * element) / (t->mps * 128 * 1900.0);
}

static double slower_of(double a, double b) { return pow(pow(a, 8) + pow(b, 8), 0.125); }

/* What turns that wait for operands spoil: each takes 0.8 us, while the memory takes so long over the slices of the k blocks beside one another.  Rows
 * of 262,144 in 16 turns and 3 blocks took 1.28 times as long as in 8 and 5, whose sum of turns is 0.7 of the memory's time. */
static double unhidden(const SchedFacts *f, const Sched *s, const Target *t, int64_t n, int k)
{
    double slices = (double)n * s->rows * s->batch / s->cluster * (f->row_bytes_in + f->row_bytes_out) * k / ((double)t->gbps / t->mps) * 1e-3;
    double share = s->per * 0.8 / slices;
    return share > 0.9 ? 2 * (share - 0.9) : 0;
}

/* Rows in shared memory, walked in a loop: what counts is how much of them a multiprocessor holds, and the blocks that must meet. */
static double looped_cost(const SchedFacts *f, const Sched *s, const Target *t, int64_t rows, int64_t n)
{
    double bytes = (double)rows * (double)n * (f->row_bytes_in + f->row_bytes_out), slice = (double)sched_shared_bytes(f, s) + 1024;
    int threads = s->rows * s->lanes, k = (int)(t->smem_mp_kb * 1024.0 / slice), by_threads = t->threads_mp / threads;
    k = k < by_threads ? k : by_threads;
    k = s->ctas && s->ctas == k - 1 ? s->ctas : k;
    int free = looped_wide(s) ? 48 : 40;
    if (k * threads * free > t->regs_mp && (s->ctas != k || t->regs_mp / (k * threads) < sched_looped_registers(s)))
        k = t->regs_mp / (threads * free);
    k = k < 1 ? 1 : k;
    bool copied = s->wkeep == WKEEP_SMEM;   /* operands take shared memory from rows, and no turn waits for them */
    double held = k * slice * (double)n / ((double)s->lanes * s->cluster * s->vec * s->per), wanted = t->smem_mp_kb * (copied ? 430.0 : 900.0);
    double beside = (double)s->batch * s->rows;        /* rows that share operands */
    held *= copied ? beside / (beside + f->shared_loads) : 1;
    double spoil = 0.02 + 0.002 * s->per + (held < wanted ? 0.1 * (wanted / held - 1) : 0);
    if (copied)
        spoil += 0.01 * f->shared_loads / beside + 0.06 / k;
    else if (f->shared_loads)               /* operands are fetched turn by turn, or a turn ahead */
        spoil += (s->wkeep == WKEEP_REG ? 0.2 : 1) * (0.015 * s->per * f->shared_loads + 0.06 * (f->shared_loads - 1)) / s->batch + 0.002 * (s->cluster - 1);
    spoil += s->wkeep == WKEEP_REG ? unhidden(f, s, t, n, k) : 0;
    spoil += k == 1 ? 0.15 : k == 2 ? 0.05 : 0;
    spoil += s->cluster > 1 ? 0.005 + 0.002 * s->cluster : 0;
    spoil += s->lanes > 256 ? 0.00004 * (s->lanes - 256) : copied ? 0 : 0.0003 * (256 - s->lanes);
    double waves = (double)ceil_div(rows, s->rows * s->batch) * s->cluster / ((double)t->mps * k);
    if (waves < 8)
        spoil += 0.2 * (ceil(waves) / waves - 1) / waves;
    double wire = bytes / stream_gbps(f, t) * 1e-3 * (1 + spoil);
    return slower_of(wire, issue_time(f, s, t, (double)rows * s->cluster / s->rows)) + (s->pdl ? 0.7 : 1.3);
}

/* Of a column tile's blocks: what each doubling of their bytes above 8 KB costs.  Where as much is written as read, blocks had better be small; of two rows
 * read for one written, and no more arithmetic than hides behind that, an H200 took 0.3 % less time with each doubling, up to 24 KB. */
static double large_tile(const SchedFacts *f, const Sched *s, bool hidden)
{
    double written = (double)f->row_bytes_out / f->row_bytes_in, bytes = (double)s->lanes * s->per * s->vec * (f->row_bytes_in + f->row_bytes_out);
    double over = (written < 1 ? written : 1) - 0.5, each = 0.16 * over * over - 0.003;
    if (bytes <= 8192 || (each < 0 && !hidden))
        return 0;
    return each * log2((each < 0 && bytes > 24576 ? 24576 : bytes) / 8192);
}

/* One-shot blocks: bandwidth, spoiled by few bytes in flight, wide barriers, small blocks and a ragged last wave. */
static double oneshot_cost(const SchedFacts *f, const Sched *s, const Target *t, int64_t rows, int64_t n)
{
    double bytes = (double)rows * (double)n * (f->row_bytes_in + f->row_bytes_out);
    int threads = s->rows * s->lanes, k = resident_blocks(f, s, t), warps = s->lanes / 32;
    double flight = (double)k * threads * s->batch * s->per * s->vec * f->row_bytes_in;
    bool waits = f->reductions && !s->split;                       /* stores wait for the row's lanes */
    int written = s->rows > 1 && !waits ? ceil_div((int64_t)s->vec * f->row_bytes_out, 16) : 1;        /* vectors, where a lane has one of each stream */
    double wanted = waits && f->shared_loads ? (s->wkeep == WKEEP_SMEM ? 72000 : 45056) : 32768, spoil = flight < wanted ? 0.3 * (wanted / flight - 1) : 0;
    if (waits && warps > 8)
        spoil += (s->per == 1 ? 0.012 : 0.004) * (warps - 8);
    if (waits && warps > 4)
        spoil += s->per == 1 ? 0.01 : 0.0;
    if (threads * (s->split ? s->per : 1) < 128)
        spoil += 0.1 * (128.0 / threads - 1);
    spoil += waits ? 0.0015 * s->per : 0.01 * (s->per - 1);
    bool cut = s->split && s->len == LEN_EXACT;                    /* the last tile of a row is as long as the others */
    int64_t turn = (int64_t)s->lanes * s->cluster * s->vec * (cut ? s->per : 1);
    spoil += (cut ? 1 : 0.15) * ((double)ceil_div(n, turn) * (double)turn / (double)n - 1);
    spoil += cluster_spoil(f, s, n);
    spoil += s->rows > 1 ? 0.002 : 0;
    spoil += threads * s->per * written <= 128 ? 0.02 : 0;
    spoil += cut && s->align == ALIGN_SHIFT && !s->line ? 0.01 : 0;
    if (s->align == ALIGN_SHIFT && waits)                          /* what an edge costs is shared by few vectors; operands put in place cost registers */
        spoil += (s->per < 3 ? 0.03 * (3 - s->per) : 0.01 * (s->per - 3)) + (s->wkeep == WKEEP_REG ? 0 : 0.01);
    if (s->align == ALIGN_SHIFT && waits && f->shared_loads > 1 && !f->lses && !sched_places(s))       /* of operands that lanes put in place turn by turn, most */
        spoil += 0.18;
    spoil -= s->wkeep == WKEEP_REG ? 0.012 : 0;
    spoil += waits && f->shared_loads && k <= 2 ? (f->shared_loads > 1 ? 0.0075 : 0.0025) * s->per : 0;
    spoil += waits && k == 1 ? 0.25 : 0;                           /* nothing runs while a row waits for its lanes */
    spoil += waits && f->sfu > 0 ? 0.02 * s->per : 0;              /* much arithmetic on wide rows */
    spoil += f->lses && !s->split ? 0.06 * s->per : 0;             /* every vector waits for the last before the first is summed */
    spoil += f->shared_loads > 1 ? (s->wkeep == WKEEP_REG ? 0.02 * s->per : 0) + (s->per > 8 ? 0.03 * (s->per - 8) : 0) : 0;
    double tiles = s->split ? (double)ceil_div(n, (int64_t)s->lanes * s->vec * s->per) : 1;
    double waves = (double)ceil_div(rows, s->rows * s->batch) * tiles * s->cluster / ((double)t->mps * k);
    if (waves < 8)
        spoil += 0.25 * (ceil(waves) / waves - 1) / waves;
    double wire = bytes / stream_gbps(f, t) * 1e-3, issue = s->split ? issue_time(f, s, t, (double)ceil_div(rows, s->rows) * tiles) : 0;
    if (s->split) {
        spoil += f->reductions && k < 6 ? 0.02 * (6 - k) : 0;
        spoil += large_tile(f, s, issue < 0.75 * wire);
        wire = slower_of(wire, issue);
    }
    double second = f->reductions && s->split ? 2 + 1e-6 * (double)rows * tiles * 4 * f->reductions : 0;
    return fmax(wire * (1 + spoil), waits ? 0 : waves * k * BLOCK_US) + (s->pdl ? 0.7 : 1.3) + second;
}

/* Nanoseconds from a row's arrival to its last store: unpacking and arithmetic, then the exchange between lanes. */
static double row_latency(const SchedFacts *f, const Sched *s)
{
    double work = 18.0 * s->per * s->vec * (f->row_loads + f->accs);
    return 1000 + work + 160 * (f->phases - 2) + (s->async == ASYNC_NONE ? 900 : 0);
}

/* What a persistent schedule loses of the bandwidth, as fitted to 250 measured ones of two kernels (H200, rows of 1024 to 131,072). */
static double persistent_spoil(const SchedFacts *f, const Sched *s, const Target *t, int64_t rows, int64_t n)
{
    double slice = (double)n / s->cluster, groups = (s->ctas ? s->ctas : 1) * s->rows, flight = groups * s->stages * slice * f->row_bytes_in;
    double busy = row_latency(f, s) / (groups * slice * (f->row_bytes_in + f->row_bytes_out) / (stream_gbps(f, t) / t->mps));
    double turns = (double)rows / ((double)t->mps / s->cluster * groups), spoil = turns > 1 ? ceil(turns) / turns - 1 : 0;
    spoil += busy > 0.8 ? (busy - 0.8) * 0.02 : 0;
    spoil += flight < 90000 ? 0.25 * (90000 / flight - 1) : flight > 140000 ? 0.09 * (flight / 140000 - 1) : 0;
    spoil += 0.006 * (s->rows - 1) + 0.0015 * (s->per - 1) * (s->per - 1) + (s->lanes > 256 ? 0.0016 * (s->lanes / 32 - 8) : 0) + (s->lanes > 512 ? 0.0001 * (s->lanes - 512) : 0);
    spoil += (s->cluster > 1 ? 0.015 : 0) + (s->cluster > 2 ? 0.02 : 0) + (s->cluster > 4 ? 0.03 : 0);
    spoil += f->accs && s->ctas > 1 && s->align == ALIGN_VEC ? 0.02 : 0;      /* not fewer where memory is slower: see taken() */
    spoil += s->wkeep == WKEEP_LOAD ? 0.08 : s->wkeep == WKEEP_SMEM ? 0.035 : s->wkeep == WKEEP_REG ? 0.01 : 0;
    spoil += (s->keep == KEEP_SMEM ? 0.004 : 0) + (s->stages == 1 ? 0.1 : s->stages == 2 ? 0.016 : 0) + 0.065 * (f->accs - 1);
    return spoil + (f->row_bytes_in <= f->row_bytes_out ? 0.06 : 0);
}

/* Blocks that stay for their operands' sake and sum nothing: shares that are fixed cost a fifteenth, rows that are dealt hardly any, and the last turn is not full,
 * of which who draws feels half.  Where blocks of few turns are dealt out, each takes a third of a turn to begin. */
static double staying_spoil(const SchedFacts *f, const Sched *s, const Target *t, int64_t rows, int64_t n)
{
    int at_once = t->mps * 10 / 11 / s->cluster * s->ctas * s->rows;
    double turns = (double)rows / at_once, flight = (double)s->ctas * s->rows * s->stages * (double)n / s->cluster * f->row_bytes_in;
    double last = turns > 1 ? ceil(turns) / turns - 1 : 0, few = flight < 110000 ? 0.25 * (110000 / flight - 1) : 0;
    if (s->turns && turns > s->turns)
        return 0.36 / s->turns + few;
    return (s->deal ? 0.015 + last / 2 : 0.068 + last) + few;
}

/* Persistent blocks: row groups in flight hide a row's latency; partial rows and a second launch come on top, which is ready when it finds
 * room beside the first. */
static double persistent_cost(const SchedFacts *f, const Sched *s, const Target *t, int64_t rows, int64_t n)
{
    double bytes = (double)rows * (double)n * (f->row_bytes_in + f->row_bytes_out);
    double partial = 0.68e-6 * t->mps / s->cluster * (s->ctas ? s->ctas : 1) * (double)n * 4 * f->accs;
    int blocks = t->mps * (s->ctas ? s->ctas : 1), idle = s->align == ALIGN_SHIFT && f->accs ? blocks % s->vec : 0;      /* all rows of a block begin alike */
    double spoil = f->accs ? persistent_spoil(f, s, t, rows, n) + (double)idle / blocks : staying_spoil(f, s, t, rows, n);
    return bytes / stream_gbps(f, t) * 1e-3 * (1 + spoil) + partial + 0.7 + (s->regs ? 0 : 1);
}

double sched_cost(const SchedFacts *f, const Sched *s, const Target *t, int64_t rows, int64_t n)
{
    return s->grid == GRID_PERSISTENT ? persistent_cost(f, s, t, rows, n) : s->unroll ? looped_cost(f, s, t, rows, n) : oneshot_cost(f, s, t, rows, n);
}

double sched_typical_cost(const SchedFacts *f, const Sched *s, const Target *t, int64_t n)
{
    double sum = 0;
    for (int i = 0; i < 2; i++) {
        int64_t bytes = (i ? 512LL : 64LL) << 20, rows = bytes / (n * (f->max_elem_bytes ? f->max_elem_bytes : 2));
        rows = rows < 1 ? 1 : rows;
        sum += sched_cost(f, s, t, rows, n) / (double)bytes;
    }
    return sum;
}
