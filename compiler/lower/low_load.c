/* low_load.c: where row values come from (memory, asynchronous slots, operands kept for all rows) and where they stay
 * between phases (packed registers, shared memory, read again).
 *
 * Where areas of shared memory lie sched_shared.c tells.  Slots are private to a thread, so that a copy's own wait is all the ordering its data needs.
 */
#include "low.h"

#include <string.h>

static DType load_dt(const Low *w, uint32_t load) { return w->tir->tensors[w->rv->load[load].tensor].dt; }
static uint32_t vec_bytes(const Low *w, uint32_t load) { return (uint32_t)(w->s->vec * dt_bytes(load_dt(w, load))); }

/* Where a load's vectors are; a row's edge is in a register, where it is kept. */
static bool is_async(const Low *w, uint32_t load) { return w->s->async == ASYNC_CP && w->rv->load[load].inst; }
static bool is_operand(const Low *w, uint32_t load) { return !w->rv->load[load].inst && low_fills(w); }

static bool is_kept_smem(const Low *w, uint32_t load)
{
    return w->s->keep == KEEP_SMEM && !is_async(w, load) && !is_operand(w, load) && w->rv->last_phase > 0 && w->rv->load[load].inst;
}


_Static_assert((int)SCHED_MAX_INBOX <= LIR_MAX_INBOX, "counted exchanges");

void low_plan_smem(Low *w)
{
    w->shared = row_shared(w->rv);
    w->red_bytes = w->shared.wide ? 8 : 4;
    w->inboxes = !w->host && sched_counts(&w->shared, w->s);
    if (w->host)
        return;
    w->smem = sched_shared(&w->shared, w->s);
    w->fn->inbox = w->smem.inbox;
    w->fn->smem = w->smem.bytes;
}

/* Offset of this thread's slot for vector k of a load, in stage `stage` (0: there is one): stage + index*bytes + (base + area + k*threads*bytes). */
static LirVal slot_addr(Low *w, uint32_t load, uint32_t base, LirVal stage, LirVal index, uint32_t threads)
{
    uint32_t bytes = sched_vector(w->s, dt_bytes(load_dt(w, load))), at_load = base + sched_areas(&w->shared, w->s, w->rv->load[load].inst, load);
    LirVal at = lir_op2(w->fn, LIR_MUL, index, low_ci(w, bytes));
    at = stage ? lir_op2(w->fn, LIR_ADD, at, stage) : at;
    if (w->turn_k)
        at = lir_op2(w->fn, LIR_ADD, at, lir_op2(w->fn, LIR_MUL, w->turn_k, low_ci(w, (int64_t)threads * bytes)));
    return lir_op2(w->fn, LIR_ADD, at, low_ci(w, at_load + (uint32_t)w->k * threads * bytes));
}

static int smem_align(uint32_t bytes) { return bytes < 16 ? (int)bytes : 16; }

static LirVal lds_wide(Low *w, uint32_t load, LirVal at, int lanes, int align)
{
    return lir_add(w->fn, (LirOp){.op = LIR_LDS, .dt = load_dt(w, load), .lanes = (uint8_t)lanes, .ref = -1, .a = {at},
                                  .imm.i = align, .sp = w->tir->ops[w->rv->load[load].op].sp});
}

static LirVal lds(Low *w, uint32_t load, LirVal at) { return lds_wide(w, load, at, w->s->vec, smem_align(vec_bytes(w, load))); }

static void sts(Low *w, uint32_t load, LirVal at, LirVal v, LirVal when)
{
    lir_add(w->fn, (LirOp){.op = when ? LIR_STSP : LIR_STS, .ref = -1, .a = {at, v, when}, .imm.i = smem_align(vec_bytes(w, load)),
                           .sp = w->tir->ops[w->rv->load[load].op].sp});
}

static LirVal kept_addr(Low *w, uint32_t load) { return slot_addr(w, load, w->smem.kept, 0, w->tid, w->fn->threads); }
static LirVal operand_addr(Low *w, uint32_t load)
{
    LirVal slot = sched_places(w->s) ? lir_op2(w->fn, LIR_ADD, w->lane, lir_op2(w->fn, LIR_DIV, w->lane, low_ci(w, 32))) : w->lane;
    return slot_addr(w, load, w->smem.operands, 0, slot, (uint32_t)sched_operand_slots(w->s));
}
static LirVal async_addr(Low *w, uint32_t load, LirVal slot) { return slot_addr(w, load, w->smem.async, slot, w->tid, w->fn->threads); }

static LirVal base_of(Low *w, uint32_t load)
{
    if (!w->row_base[load])
        w->row_base[load] = low_base(w, &w->tir->ops[w->rv->load[load].op], &w->rv->load[load]);
    return w->row_base[load];
}

/* May an output lie over it? Then an idle row group keeps its hands off the row that its owner overwrites; as off one that does not begin
 * as those of its block do. */
static bool may_be_overwritten(const Low *w, uint16_t tensor)
{
    for (uint32_t i = 0; i < w->tir->ntensors; i++)
        if (w->tir->tensors[i].over == tensor + 1)
            return true;
    return false;
}

static LirVal from_memory(Low *w, uint32_t load)
{
    const RowMem *m = &w->rv->load[load];
    bool idle = w->active && (may_be_overwritten(w, m->tensor) || low_may_lack(w)), asks = w->rv->guard[m->op] && w->k >= w->s->eager;
    LirVal guard = (asks || idle || w->listed) && m->inst ? low_guard(w, m->op) : 0;   /* what all instances share is there whether one reads it or not */
    return low_load_vec(w, base_of(w, load), m, load_dt(w, load), guard);
}

/* ---- operands a turn ahead, in the last walk over a row in shared memory: the first come while the row's lanes wait for each other ---- */

/* Of vector k of the turn, where bool `more` holds. */
static void ahead_load(Low *w, uint32_t load, LirVal more)
{
    const RowMem *m = &w->rv->load[load];
    LirVal *var = &w->ahead[load * LOW_MAX_PER + (uint32_t)w->k];
    low_mask(w);
    LirVal v = low_load_raw(w, base_of(w, load), m, load_dt(w, load), more);
    if (*var)
        lir_set(w->fn, *var, v);
    else
        *var = lir_op1(w->fn, LIR_VAR, v);
}

static void ahead_loads(Low *w, const uint8_t *need, LirVal more)
{
    for (w->k = 0; w->k < w->s->unroll; w->k++)
        for (uint32_t i = 0; i < w->rv->nload; i++)
            if (need[i] && !w->rv->load[i].inst)
                ahead_load(w, i, more);
    w->k = 0;
}

void low_ahead_first(Low *w, const uint8_t *need)
{
    memset(w->ahead, 0, sizeof *w->ahead * ROW_MAX_MEM * LOW_MAX_PER);
    ahead_loads(w, need, 0);
}

void low_ahead_turn(Low *w, const uint8_t *need, LirVal *now, int to)
{
    for (uint32_t i = 0; i < ROW_MAX_MEM * LOW_MAX_PER; i++)
        now[i] = w->ahead[i] ? lir_op1(w->fn, LIR_GET, w->ahead[i]) : 0;
    LirVal turn = w->turn, next = lir_op2(w->fn, LIR_ADD, w->turn_k, low_ci(w, w->s->unroll));
    w->turn = lir_op2(w->fn, LIR_MUL, next, low_ci(w, (int64_t)w->lanes * w->s->vec));
    ahead_loads(w, need, lir_op2(w->fn, LIR_LT, next, low_ci(w, to)));
    w->turn = turn;
}

void low_ahead_have(Low *w, const LirVal *now, bool have)
{
    for (uint32_t i = 0; i < w->rv->nload; i++) {
        uint32_t at = i * LOW_MAX_PER + (uint32_t)w->k;
        if (!w->rv->load[i].inst)               /* another turn's is another */
            w->kept[at] = have && now[at] ? low_settle(w, &w->rv->load[i], now[at]) : 0;
    }
}

static uint8_t operand_flags(const Low *w) { return w->s->hint == HINT_NEAR ? LIR_F_KEEP : 0; }

/* Bool: is the vector copied? 0: it always is. */
static LirVal is_copied(Low *w, LirVal guard) { return low_and(w, w->mask.kind == MASK_WHOLE ? w->mask.in : 0, guard); }

static void copy(Low *w, uint32_t load, LirVal at, LirVal guard)
{
    const RowMem *m = &w->rv->load[load];
    LirVal base = base_of(w, load), in = is_copied(w, guard);
    lir_add(w->fn, (LirOp){.op = LIR_CPA, .ref = (int16_t)m->tensor, .flags = m->inst ? low_load_flags(w, m) : operand_flags(w), .imm.i = (int64_t)vec_bytes(w, load), .sp = w->tir->ops[m->op].sp,
                           .a = {at, low_vec_addr(w, base, m, dt_bytes(load_dt(w, load))), in ? in : lir_ci(w->fn, DT_BOOL, 1)}});
}

void low_copy_vec(Low *w, uint32_t load, LirVal at) { copy(w, load, at, w->active); }

void low_have_vec(Low *w, uint32_t load, LirVal at)
{
    LirVal in = is_copied(w, w->active), v = lds(w, load, at);
    w->kept[load * LOW_MAX_PER + (uint32_t)w->k] = in ? lir_op3(w->fn, LIR_SELECT, in, v, lir_splat(w->fn, lir_cast(w->fn, load_dt(w, load), lir_cf(w->fn, DT_F32, 1, 0.0)), w->s->vec)) : v;
}

static void commit(Low *w) { lir_add(w->fn, (LirOp){.op = LIR_CPCOMMIT, .ref = -1}); }

/* Of operands that a one-shot block's row groups share each copies every so many vectors, from its own number on, as if in a loop over them. */
static void own_turns(Low *w)
{
    if (w->s->rows == 1)
        return;
    w->turn_k = w->grp;
    w->turn_from = 0;
    w->turn_to = w->s->rows - 1 + w->s->unroll;
    w->turn = lir_op2(w->fn, LIR_MUL, w->grp, low_ci(w, (int64_t)w->lanes * w->s->vec));
}

static void all_turns(Low *w)
{
    if (w->s->rows > 1)
        w->turn = w->turn_k = 0;
}

/* ---- operands that are copied as they lie in memory, and put in place ---- */

/* i32 elements by which this row's vectors stand behind the aligned ones, modulo a vector. */
static LirVal behind_aligned(Low *w) { return lir_op2(w->fn, LIR_AND, w->head, low_ci(w, w->s->vec - 1)); }

/* Copies the aligned vector `on` elements behind the one that this lane's vector k begins in. */
static void copy_aligned(Low *w, uint32_t load, LirVal slot, LirVal on, LirVal guard)
{
    const RowMem *m = &w->rv->load[load];
    int bytes = dt_bytes(load_dt(w, load)), all = w->s->vec * bytes, piece = all < 16 ? all : 16;
    on = lir_op2(w->fn, LIR_SUB, on, behind_aligned(w));
    LirVal place = lir_op2(w->fn, LIR_ADD, low_position(w), on), from = lir_op2(w->fn, LIR_ADD, low_vec_addr(w, base_of(w, load), m, bytes), low_mul_i64(w, on, bytes));
    LirVal in = low_and(w, guard, lir_op2(w->fn, LIR_LE, place, lir_op2(w->fn, LIR_SUB, w->rowlen, low_ci(w, w->s->vec))));
    in = low_and(w, in, w->s->line && !w->k ? lir_op2(w->fn, LIR_GE, place, low_ci(w, 0)) : 0);
    for (int i = 0; i < all; i += piece)
        lir_add(w->fn, (LirOp){.op = LIR_CPA, .ref = (int16_t)m->tensor, .flags = operand_flags(w), .imm.i = piece, .sp = w->tir->ops[m->op].sp,
                               .a = {lir_op2(w->fn, LIR_ADD, slot, low_ci(w, i)), lir_op2(w->fn, LIR_ADD, from, lir_ci(w->fn, DT_I64, i)), in}});
}

/* A warp's one more of each turn: lane k copies that of vectors k, of those that its row group copies. */
static void copy_last(Low *w, uint32_t load)
{
    int bytes = (int)sched_vector(w->s, dt_bytes(load_dt(w, load)));
    LirVal me = lir_op2(w->fn, LIR_AND, w->lane, low_ci(w, 31)), last = lir_op2(w->fn, LIR_SUB, low_ci(w, 32), me);
    for (int from = 0; from < w->s->per; from += 32) {
        LirVal turn = lir_op2(w->fn, LIR_ADD, me, low_ci(w, from));
        LirVal slot = lir_op2(w->fn, LIR_ADD, operand_addr(w, load), lir_op2(w->fn, LIR_MUL, last, low_ci(w, bytes)));
        slot = lir_op2(w->fn, LIR_ADD, slot, lir_op2(w->fn, LIR_MUL, turn, low_ci(w, sched_operand_slots(w->s) * bytes)));
        LirVal on = lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_MUL, turn, low_ci(w, w->lanes)), last);
        LirVal own = w->s->rows > 1 ? lir_op2(w->fn, LIR_EQ, lir_op2(w->fn, LIR_REM, turn, low_ci(w, w->s->rows)), w->grp) : 0;
        copy_aligned(w, load, slot, lir_op2(w->fn, LIR_MUL, on, low_ci(w, w->s->vec)), low_and(w, own, lir_op2(w->fn, LIR_LT, turn, low_ci(w, w->s->per))));
    }
}

/* Elements from a boundary of this many on vectors are read of two aligned ones, for the lane's to be taken out of them. */
static int window_unit(const Low *w, uint32_t load) { return low_window(w, &w->rv->load[load], dt_bytes(load_dt(w, load))); }

/* The lane's vector out of the two that it lies in, `at` elements behind such a boundary. */
static LirVal take_window(Low *w, uint32_t load, int at)
{
    int unit = window_unit(w, load), bytes = dt_bytes(load_dt(w, load));
    LirVal skip = lir_op2(w->fn, LIR_MUL, lir_op2(w->fn, LIR_AND, behind_aligned(w), low_ci(w, -unit)), low_ci(w, bytes));
    LirVal raw = lds_wide(w, load, lir_op2(w->fn, LIR_ADD, operand_addr(w, load), skip), w->s->vec + unit, unit * bytes);
    return lir_add(w->fn, (LirOp){.op = LIR_SLIDE, .dt = load_dt(w, load), .lanes = (uint8_t)w->s->vec, .ref = -1, .a = {raw, low_ci(w, at)}, .sp = w->tir->ops[w->rv->load[load].op].sp});
}

static void place_vectors(Low *w, int at)
{
    LirVal v[ROW_MAX_MEM];
    for (w->k = 0; w->k < w->s->per; w->k += w->s->rows) {
        for (uint32_t i = 0; i < w->rv->nload; i++)
            v[i] = is_operand(w, i) ? take_window(w, i, at) : 0;
        low_mark(w, LIR_WARPSYNC, 0);
        for (uint32_t i = 0; i < w->rv->nload; i++)
            if (v[i])
                sts(w, i, operand_addr(w, i), v[i], 0);
    }
    w->k = 0;
}

/* While the rows are on their way, in `groups` of copies: each lane takes its vectors, and when all lanes of the warp have, puts them where it reads them.
 * Where in its unit a vector begins is the same for all: told apart by branches, elements are moved by as many as is known. */
void low_wkeep_place(Low *w, int groups)
{
    int unit = 1;
    if (!w->due || !sched_places(w->s))
        return;
    for (uint32_t i = 0; i < w->rv->nload; i++)
        unit = is_operand(w, i) ? window_unit(w, i) : unit;
    if (!groups)
        low_hold(w);                        /* or the assembler loads some of the row behind the wait */
    lir_add(w->fn, (LirOp){.op = LIR_CPWAIT, .ref = -1, .imm.i = groups});
    low_mark(w, LIR_WARPSYNC, 0);
    own_turns(w);
    for (int at = 0; at < unit; at++) {
        LirVal here = lir_op2(w->fn, LIR_EQ, lir_op2(w->fn, LIR_AND, w->head, low_ci(w, unit - 1)), low_ci(w, at));
        lir_add(w->fn, (LirOp){.op = LIR_IF, .ref = -1, .flags = LIR_F_UNIFORM, .a = {here}});
        place_vectors(w, at);
        low_mark(w, LIR_END, 0);
    }
    all_turns(w);
    w->due = 0;
}

/* A one-shot block's lanes copy what they will read, or what they read together. */
static bool is_filled_by_copies(const Low *w, uint32_t load)
{
    uint32_t bytes = vec_bytes(w, load);
    return sched_places(w->s) || (w->s->wkeep == WKEEP_SMEM && w->s->grid == GRID_ONESHOT && w->s->align == ALIGN_VEC && (bytes == 4 || bytes == 8 || bytes == 16));
}

static void copy_operand(Low *w, uint32_t load)
{
    base_of(w, load);
    own_turns(w);
    for (w->k = 0; w->k < w->s->per; w->k += w->s->rows) {
        low_mask(w);
        if (sched_places(w->s))
            copy_aligned(w, load, operand_addr(w, load), low_ci(w, 0), 0);
        else
            copy(w, load, operand_addr(w, load), 0);
    }
    all_turns(w);
    w->k = 0;
    w->due = 1;
    if (sched_places(w->s))
        copy_last(w, load);
}

static void fill_slot(Low *w, uint32_t load)
{
    LirVal v = from_memory(w, load), first = w->s->rows > 1 ? lir_op2(w->fn, LIR_EQ, w->grp, low_ci(w, 0)) : 0;
    sts(w, load, operand_addr(w, load), v, first);
}

void low_wkeep_await(Low *w, const uint8_t *need)
{
    bool reads = false;
    for (uint32_t i = 0; i < w->rv->nload; i++)
        reads |= need[i] && is_operand(w, i);
    if (!reads)
        return;
    if (w->due)
        lir_add(w->fn, (LirOp){.op = LIR_CPWAIT, .ref = -1});
    if (w->unmet)
        lir_add(w->fn, (LirOp){.op = LIR_BAR, .ref = -1});
    w->due = w->unmet = 0;
}

/* Kept operands are fetched once per block, before the loop over instances, or the one instance. */
void low_wkeep_fill(Low *w)
{
    for (uint32_t i = 0; i < w->rv->nload; i++) {
        if (!is_operand(w, i))
            continue;
        if (low_has_edges(w)) {
            low_edge_begin(w);
            low_kept_load(w, i);
            low_edge_end(w);
        }
        if (is_filled_by_copies(w, i)) {
            copy_operand(w, i);
            continue;
        }
        for (w->k = 0; w->k < w->s->per; w->k++) {
            low_mask(w);
            if (w->s->wkeep == WKEEP_SMEM) {
                fill_slot(w, i);
                continue;
            }
            LirVal v = from_memory(w, i);
            v = w->s->grid == GRID_ONESHOT && w->s->align == ALIGN_VEC ? lir_op1(w->fn, LIR_OPAQUE, v) : v;   /* or the load sinks to its use */
            w->kept[i * LOW_MAX_PER + (uint32_t)w->k] = v;
        }
        w->k = 0;
    }
    if (w->due)
        commit(w);
    w->unmet = w->due && w->s->rows > 1;
    if (w->s->wkeep == WKEEP_SMEM && w->s->rows > 1 && !w->due)
        lir_add(w->fn, (LirOp){.op = LIR_BAR, .ref = -1});
    w->k = 0;
}

static LirVal operand(Low *w, uint32_t load)
{
    if (w->s->wkeep == WKEEP_SMEM)
        return lds(w, load, operand_addr(w, load));
    LirVal v = w->kept[load * LOW_MAX_PER + (uint32_t)w->k];
    return w->s->grid == GRID_ONESHOT || w->s->wkeep == WKEEP_WIDE ? v : lir_op1(w->fn, LIR_OPAQUE, v);
}

bool low_holds_much(const Low *w) { return w->s->per >= 8 || w->s->per * w->s->batch > 8; }

static LirVal again(Low *w, LirVal kept)
{
    LirVal v = lir_op1(w->fn, LIR_OPAQUE, kept);
    w->fn->ops[v].flags |= LIR_F_AGAIN;
    return v;
}

/* Row loads that are kept are fetched once per instance; `kept` is cleared between instances but for operands. */
LirVal low_kept_load(Low *w, uint32_t load)
{
    LirVal *kept = &w->kept[load * LOW_MAX_PER + (uint32_t)w->k];
    const RowMem *m = &w->rv->load[load];
    bool unrolled = w->s->len != LEN_ANY;
    if (w->edge)
        return *kept = *kept ? *kept : from_memory(w, load);
    if (is_operand(w, load) && w->s->wkeep == WKEEP_SMEM && w->together > 1)
        return *kept = *kept ? *kept : operand(w, load);
    if (is_operand(w, load))
        return operand(w, load);
    if (w->s->keep == KEEP_REG && unrolled && m->inst && *kept)   /* long rows stay packed: unpacked twice, not held wide */
        return w->again && low_holds_much(w) && w->s->vec > 1 && !w->host ? again(w, *kept) : *kept;
    if (!m->inst && (low_turns_ahead(w) || w->together > 1) && *kept)
        return *kept;
    if (is_async(w, load)) {
        LirVal v = lds(w, load, async_addr(w, load, w->slot));
        *kept = v;
        return v;
    }
    if (is_kept_smem(w, load) && *kept)
        return lds(w, load, kept_addr(w, load));
    LirVal v = from_memory(w, load);
    if (is_kept_smem(w, load))
        sts(w, load, kept_addr(w, load), v, 0);
    *kept = v;
    return v;
}

enum { MAX_PARTS = 8 };

/* A turn of the loop, or a few of a long one: the sooner a part may be worked on, the less is left to do when the last has come. */
int low_part_vectors(const Low *w)
{
    int turns = w->s->per / w->s->unroll;
    return (turns + MAX_PARTS - 1) / MAX_PARTS * w->s->unroll;
}

static void copy_vector(Low *w, uint32_t load, LirVal inside, LirVal slot)
{
    const RowMem *m = &w->rv->load[load];
    base_of(w, load);                       /* before the guard, whose own addresses come behind it */
    low_mask(w);
    LirVal wanted = w->rv->guard[m->op] ? low_guard(w, m->op) : 0, at = async_addr(w, load, slot);
    copy(w, load, at, low_and(w, inside, w->k < w->s->eager ? 0 : wanted));
}

static void copy_all(Low *w, LirVal inside, LirVal slot)
{
    for (uint32_t i = 0; i < w->rv->nload; i++)
        if (is_async(w, i))
            copy_vector(w, i, inside, slot);
}

/* Starts the copies of one instance (already set by low_set_instance, with its own guard) into the given stage: as one group, or
 * in a one-shot block a group a vector (or, for a loop, a part), which are then taken as they come. */
void low_async_issue(Low *w, LirVal inside, LirVal slot)
{
    for (w->k = 0; w->k < w->s->per; w->k++) {
        copy_all(w, inside, slot);
        bool part = w->s->unroll ? (w->k + 1) % low_part_vectors(w) == 0 : w->s->grid == GRID_ONESHOT;
        if (part || w->k + 1 == w->s->per)
            commit(w);
    }
    w->k = 0;
}

/* ---- one element of a row in shared memory ---- */

bool low_holds_element(const Low *w, TirVal v)
{
    int load = row_view_held(w->rv, v);
    return load >= 0 && is_async(w, (uint32_t)load) && w->s->unroll && w->s->grid == GRID_ONESHOT && w->s->batch == 1 && w->s->lanes % 32 == 0 && low_red_meet(w, 1);
}

/* It has come with the row, where asked for by itself it would wait behind the rows of all blocks; single elements at a row's ends are.  All lanes of
 * the warp read it, since any of them may have to tell. */
LirVal low_held_element(Low *w, TirVal v, LirVal *warp)
{
    if (!low_holds_element(w, v))
        return 0;
    uint32_t load = (uint32_t)row_view_held(w->rv, v), bytes = sched_vector(w->s, dt_bytes(load_dt(w, load)));
    const TirOp *o = &w->tir->ops[v];
    LirVal zero = low_ci(w, 0), place = low_scalar(w, w->tir->ix[o->ix + (uint32_t)w->rv->load[load].row_dim].val), wide = lir_cast(w->fn, DT_I64, place);
    LirVal from = low_has_edges(w) ? w->head : zero, end = low_has_edges(w) ? w->body : w->rowlen;
    LirVal held = lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_GE, wide, lir_cast(w->fn, DT_I64, from)), lir_op2(w->fn, LIR_LT, wide, lir_cast(w->fn, DT_I64, end)));
    held = low_and(w, held, low_guard(w, v));
    LirVal at = lir_op3(w->fn, LIR_SELECT, held, lir_op2(w->fn, LIR_SUB, lir_cast(w->fn, DT_I32, place), low_has_edges(w) ? w->first : zero), zero);
    LirVal vector = lir_op2(w->fn, LIR_DIV, at, low_ci(w, w->s->vec)), lane = lir_op2(w->fn, LIR_REM, vector, low_ci(w, w->lanes));
    LirVal thread = lir_op2(w->fn, LIR_REM, lane, low_ci(w, w->s->lanes)), mine = lir_op2(w->fn, LIR_DIV, w->at, low_ci(w, 32));
    *warp = lir_op2(w->fn, LIR_DIV, lane, low_ci(w, 32));
    LirVal slot = lir_op2(w->fn, LIR_ADD, async_addr(w, load, w->slot), lir_op2(w->fn, LIR_MUL, lir_op2(w->fn, LIR_SUB, thread, w->lane), low_ci(w, bytes)));
    slot = lir_op2(w->fn, LIR_ADD, slot, lir_op2(w->fn, LIR_MUL, lir_op2(w->fn, LIR_DIV, vector, low_ci(w, w->lanes)), low_ci(w, (int64_t)w->fn->threads * bytes)));
    slot = lir_op2(w->fn, LIR_ADD, slot, lir_op2(w->fn, LIR_MUL, lir_op2(w->fn, LIR_REM, at, low_ci(w, w->s->vec)), low_ci(w, dt_bytes(load_dt(w, load)))));
    LirVal here = low_and(w, held, lir_op2(w->fn, LIR_EQ, mine, *warp));
    LirVal apart = low_scalar_raw(w, v, low_and(w, lir_op1(w->fn, LIR_NOT, held), lir_op2(w->fn, LIR_EQ, mine, *warp)));
    LirVal var = lir_op1(w->fn, LIR_VAR, apart);
    low_mark(w, LIR_WARPSYNC, 0);
    low_mark(w, LIR_IF, here);
    lir_set(w->fn, var, lir_add(w->fn, (LirOp){.op = LIR_LDS, .dt = load_dt(w, load), .lanes = 1, .ref = -1, .a = {slot}, .imm.i = dt_bytes(load_dt(w, load)), .sp = o->sp}));
    low_mark(w, LIR_END, 0);
    return lir_op1(w->fn, LIR_GET, var);
}
