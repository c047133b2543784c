/* low_row.c: a row kernel as one function over instances: phases, vectors, the grid.
 *
 * A block holds `rows` groups of `lanes` lanes; a group works on one instance at a time.  A group past the last instance
 * repeats the last one with its stores held back, so that barriers and shuffles stay uniform.
 */
#include "low.h"

#include <string.h>

void low_mark(Low *w, LirOpcode op, LirVal a) { lir_add(w->fn, (LirOp){.op = (uint8_t)op, .ref = -1, .a = {a}}); }

/* ---- phases ---- */

/* Lanes exchange 32 bits, or 64. */
static DType reduced_in(DType dt) { return dt == DT_F16 || dt == DT_BF16 ? DT_F32 : dt_bytes(dt) < 4 ? DT_I32 : dt; }

uint32_t low_reductions(Low *w, int p, Red *r)
{
    uint32_t n = 0;
    for (TirVal v = 1; v < w->tir->nops; v++) {
        const TirOp *o = &w->tir->ops[v];
        if (!row_view_words(w->rv, v) || n == LOW_MAX_RED || (w->s->split && w->rv->pick[v]))
            continue;
        int steps = w->rv->pick[v] ? 1 : row_view_steps(w->rv, o->op), step = p - (w->rv->phase[v] - steps);
        bool two = o->op == TIR_ARGMAX;
        if (step < 0 || step >= steps)
            continue;
        DType dt = reduced_in(o->op == TIR_ARGMAX ? w->tir->ops[o->a[0]].dt : o->dt);
        if (o->op == TIR_ARGMAX && step)
            dt = DT_I32;
        RedKind kind = o->op == TIR_RMAX ? RED_MAX : o->op == TIR_RMIN ? RED_MIN : RED_SUM;
        if (two)
            kind = !step ? RED_MAX : RED_MIN;
        if (o->op == TIR_LSE || w->rv->pick[v])
            kind = w->rv->pick[v] ? RED_PICK : RED_LSE;
        if (o->op == TIR_SQDEV && !w->rv->again)
            kind = RED_VAR;
        r[n++] = (Red){.op = v, .kind = kind, .step = step, .dt = dt, .first = kind == RED_LSE};
    }
    if (w->s->deal && !p)
        r[n++] = (Red){.kind = RED_DEAL, .dt = DT_I32};
    return n;
}

static void bases_of_phase(Low *w, int p)
{
    const RowView *rv = w->rv;
    for (uint32_t i = 0; i < rv->nload; i++)
        if (!w->row_base[i] && rv->phase[rv->load[i].op] <= p)
            w->row_base[i] = low_base(w, &w->tir->ops[rv->load[i].op], &rv->load[i]);
    for (uint32_t i = 0; i < rv->nstore && p == rv->last_phase; i++)
        w->row_base[ROW_MAX_MEM + i] = low_base(w, &w->tir->ops[rv->store[i].op], &rv->store[i]);
}

/* Marks the row loads that v needs. */
static void mark_loads(const Low *w, TirVal v, uint8_t *seen, uint8_t *need)
{
    if (seen[v] || !w->rv->is_row[v])
        return;
    seen[v] = 1;
    const TirOp *o = &w->tir->ops[v];
    for (uint32_t i = 0; i < w->rv->nload; i++)
        if (w->rv->load[i].op == v)
            need[i] = 1;
    for (int i = 0; i < tir_op_nargs(o->op); i++)
        if (o->a[i])
            mark_loads(w, o->a[i], seen, need);
}

static void loads_of_phase(Low *w, int p, const Red *r, uint32_t n, uint8_t *need)
{
    uint8_t *seen = ARENA_ARRAY(w->a, uint8_t, w->tir->nops);
    for (uint32_t i = 0; i < n; i++)
        if (r[i].kind < RED_PICK)
            mark_loads(w, w->tir->ops[r[i].op].a[0], seen, need);
    if (p != w->rv->last_phase)
        return;
    for (uint32_t i = 0; i < w->rv->nstore; i++)
        mark_loads(w, w->tir->ops[w->rv->store[i].op].a[0], seen, need);
    for (uint32_t i = 0; i < w->rv->nacc; i++)
        mark_loads(w, w->tir->ops[w->rv->acc[i].op].a[0], seen, need);
}

enum { AHEAD = 1024 };       /* bytes: what a processor waits for memory, at the rate at which one of them is served */

/* Asks for what comes so far behind vector k, be it of the next instance: a processor's own prefetching begins anew at each page. */
static void ask_ahead(Low *w, const uint8_t *need)
{
    for (uint32_t i = 0; i < w->rv->nload; i++) {
        const RowMem *m = &w->rv->load[i];
        int bytes = dt_bytes(w->tir->tensors[m->tensor].dt);
        if (need[i] && m->inst && w->s->align != ALIGN_SCALAR)
            low_mark(w, LIR_PREFETCH, lir_op2(w->fn, LIR_ADD, low_vec_addr(w, w->row_base[i], m, bytes), lir_ci(w->fn, DT_I64, AHEAD)));
    }
}

/* Forgets the row values of another vector, but for what is loaded. */
static void begin_vector(Low *w, const LirVal *loaded, const uint8_t *need)
{
    memset(w->row, 0, sizeof *w->row * w->tir->nops);
    for (uint32_t i = 0; i < w->rv->nload; i++)
        if (need[i])
            w->row[w->rv->load[i].op] = loaded[i];
}

static void one_vector(Low *w, int p, Red *r, uint32_t n, const LirVal *loaded, const uint8_t *need)
{
    begin_vector(w, loaded, need);
    if (w->host && w->s->hint == HINT_STREAM && p == 0)
        ask_ahead(w, need);
    for (uint32_t i = 0; i < n; i++)
        low_red_update(w, &r[i]);
    if (p != w->rv->last_phase || w->second)
        return;
    for (uint32_t i = 0; i < w->rv->nacc; i++)
        low_acc_update(w, i);
    for (uint32_t i = 0; i < w->rv->nstore; i++) {
        const RowMem *m = &w->rv->store[i];
        LirVal v = lir_cast(w->fn, w->tir->tensors[m->tensor].dt, low_row(w, w->tir->ops[m->op].a[0]));
        low_store_vec(w, w->row_base[ROW_MAX_MEM + i], m, v, low_guard(w, m->op));
    }
}


/* Operands that rows meet at any element are put in place after they have come: rather while the row's lanes wait for each other,
 * where the first phase does without them. */
bool low_fills_late(Low *w)
{
    Red r[LOW_MAX_RED];
    uint8_t need[ROW_MAX_MEM] = {0}, *seen = ARENA_ARRAY(w->a, uint8_t, w->tir->nops);
    if (!low_fills(w) || w->s->wkeep == WKEEP_SMEM || w->s->align != ALIGN_SHIFT || w->s->grid == GRID_PERSISTENT || !w->rv->last_phase)
        return false;
    uint32_t n = low_reductions(w, 0, r);
    for (uint32_t i = 0; i < n; i++)
        if (r[i].kind < RED_PICK)
            mark_loads(w, w->tir->ops[r[i].op].a[0], seen, need);
    for (uint32_t i = 0; i < w->rv->nload; i++)
        if (need[i] && !w->rv->load[i].inst)
            return false;
    return true;
}

static void load_vector(Low *w, const uint8_t *need, LirVal *loaded)
{
    for (uint32_t i = 0; i < w->rv->nload; i++)
        if (need[i])
            loaded[w->k * ROW_MAX_MEM + (int)i] = low_kept_load(w, i);
}

/* The same of each row taken together, in the walk in which they share operands. */
static void rows_vector(Low *w, int p, Red *r, uint32_t n, LirVal *loaded, const uint8_t *need)
{
    if (w->together == 1) {
        one_vector(w, p, r, n, &loaded[w->k * ROW_MAX_MEM], need);
        return;
    }
    for (int j = 0; j < w->together; j++) {
        low_batch_turn(w, j);
        if (low_may_lack(w))
            low_mark(w, LIR_IF, w->active);
        load_vector(w, need, loaded);
        one_vector(w, p, r, n, &loaded[w->k * ROW_MAX_MEM], need);
        if (low_may_lack(w))
            low_mark(w, LIR_END, 0);
    }
    low_batch_turn(w, 0);
}

/* Where nothing is reduced any more, lanes without an edge sit out. */
static bool edge_apart(const Low *w, int p, uint32_t n) { return p == w->rv->last_phase && !n && !w->rv->nacc; }

static void load_edge(Low *w, int p, uint32_t n, const uint8_t *need)
{
    if (!low_has_edges(w))
        return;
    low_edge_begin(w);
    for (uint32_t i = 0; i < w->rv->nload; i++)
        if (need[i] && (w->rv->load[i].inst || !edge_apart(w, p, n)))
            low_kept_load(w, i);
    low_edge_end(w);
}

static void edge_vector(Low *w, int p, Red *r, uint32_t n, const uint8_t *need, LirVal *loaded)
{
    if (!low_has_edges(w))
        return;
    low_edge_begin(w);
    if (edge_apart(w, p, n)) {
        low_mark(w, LIR_IF, w->edge_in);
        w->mask = (Mask){MASK_FULL, 0, 0, 0};
    }
    load_vector(w, need, loaded);
    rows_vector(w, p, r, n, loaded, need);
    if (edge_apart(w, p, n))
        low_mark(w, LIR_END, 0);
    low_edge_end(w);
}

static uint32_t count_lse(const Red *r, uint32_t n)
{
    uint32_t lse = 0;
    for (uint32_t i = 0; i < n; i++)
        lse += r[i].kind == RED_LSE;
    return lse;
}

static void arrive(Low *w, const uint8_t *need, LirVal *loaded)
{
    lir_add(w->fn, (LirOp){.op = LIR_CPWAIT, .ref = -1, .imm.i = w->s->per - 1 - w->k + w->behind});
    load_vector(w, need, loaded);
}

static void set_first(Red *r, uint32_t n, bool first)
{
    for (uint32_t i = 0; i < n; i++)
        r[i].first = first;
}

/* The `per` vectors from w->turn on, and the edge: first every load, then the work, so that the loads are in flight together; or, where
 * copies are still arriving, each as it comes. */
static void vectors(Low *w, int p, Red *r, uint32_t n, const uint8_t *need)
{
    bool arriving = w->s->async == ASYNC_CP && w->s->grid == GRID_ONESHOT && p == 0 && !w->second;
    LirVal *loaded = ARENA_ARRAY(w->a, LirVal, LOW_MAX_PER * ROW_MAX_MEM);
    load_edge(w, p, n, need);
    for (w->k = 0; w->k < w->s->per && !arriving && w->together == 1; w->k++) {
        low_mask(w);
        load_vector(w, need, loaded);
    }
    for (w->k = 0; w->k < w->s->per; w->k++) {
        if (arriving)
            arrive(w, need, loaded);
        low_mask(w);
        rows_vector(w, p, r, n, loaded, need);
        set_first(r, n, false);
    }
    edge_vector(w, p, r, n, need, loaded);
    if (p == 0 && !w->second && low_fills_late(w) && p < w->rv->last_phase)
        low_wkeep_fill(w);
    w->k = 0;
}

static void forget_rows(Low *w)
{
    for (uint32_t i = 0; i < w->rv->nload; i++)
        if (w->rv->load[i].inst)
            memset(&w->kept[i * LOW_MAX_PER], 0, sizeof *w->kept * LOW_MAX_PER);
}

/* bool: the tile lies inside the row with all its vectors, and holds no element that a select picks out. */
static LirVal is_plain(Low *w)
{
    LirVal from = w->turn, size = low_ci(w, low_tile(w)), zero = low_ci(w, 0);
    LirVal plain = low_and(w, lir_op2(w->fn, LIR_GE, from, zero), lir_op2(w->fn, LIR_LE, lir_op2(w->fn, LIR_ADD, from, size), w->rowlen));
    for (TirVal v = 1; v < w->tir->nops; v++) {
        TirVal t = w->rv->is_row[v] ? low_single(w, v) : 0;
        if (!t)
            continue;
        LirVal at = lir_op2(w->fn, LIR_SUB, low_scalar(w, t), from);
        LirVal here = low_and(w, lir_op2(w->fn, LIR_GE, at, zero), lir_op2(w->fn, LIR_LT, at, size));
        plain = low_and(w, plain, lir_op1(w->fn, LIR_NOT, here));
    }
    return plain;
}

/* A tile with masks, a few vectors a turn: there are few such tiles, and held whole they would ask for more registers than the others. */
static void masked_tile(Low *w, int p, Red *r, uint32_t n, const uint8_t *need)
{
    const Sched *s = w->s;
    Sched one = *s;
    LirVal var = lir_op1(w->fn, LIR_VAR, low_ci(w, 0)), turn = w->turn;
    LirVal at = low_loop_begin(w, var, low_ci(w, low_tile(w)));
    set_first(r, n, false);
    one.per = s->per % 4 == 0 ? 4 : s->per % 2 == 0 ? 2 : 1;
    w->s = &one;
    w->masked = true;
    w->turn = lir_op2(w->fn, LIR_ADD, turn, at);
    vectors(w, p, r, n, need);
    w->turn = turn;
    w->masked = false;
    w->s = s;
    low_loop_end(w, var, at, low_ci(w, (int64_t)one.per * s->lanes * s->vec));
}

/* The vectors that are wanted whatever the row is, before it is known what it is. */
static void ask_early(Low *w, const uint8_t *need)
{
    for (w->k = 0; w->k < w->s->eager; w->k++) {
        low_mask(w);
        for (uint32_t i = 0; i < w->rv->nload; i++)
            if (need[i] && w->rv->load[i].inst)
                low_kept_load(w, i);
    }
    w->k = 0;
}

/* A column tile; most lie inside the row, and need no masks.  Its results are variables then. */
static void tile(Low *w, int p, Red *r, uint32_t n, const uint8_t *need)
{
    if (!w->parts || count_lse(r, n) < n || w->host || low_has_edges(w)) {
        vectors(w, p, r, n, need);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        r[i].nacc = 1;
        low_red_open(w, &r[i]);
    }
    LirVal plain = is_plain(w);
    ask_early(w, need);
    low_mark(w, LIR_IF, plain);
    w->inside = w->elsewhere = true;
    vectors(w, p, r, n, need);
    forget_rows(w);
    w->inside = w->elsewhere = false;
    low_mark(w, LIR_ELSE, 0);
    masked_tile(w, p, r, n, need);
    forget_rows(w);
    low_mark(w, LIR_END, 0);
}

enum { BLOCK_TURNS = 128 };   /* turns whose sums are added up before they join the total: f32 sums of long rows stay accurate */

LirVal low_loop_begin(Low *w, LirVal var, LirVal end)
{
    low_mark(w, LIR_LOOP, 0);
    LirVal at = lir_op1(w->fn, LIR_GET, var);
    low_mark(w, LIR_WHILE, lir_op2(w->fn, LIR_LT, at, end));
    return at;
}

void low_loop_end(Low *w, LirVal var, LirVal at, LirVal step)
{
    lir_set(w->fn, var, lir_op2(w->fn, LIR_ADD, at, step));
    low_mark(w, LIR_END, 0);
}

static void turns(const LowWalk *x, int walks, LirVal var, LirVal end)
{
    Low *w = x->w;
    LirVal turn = low_loop_begin(w, var, end);
    for (int i = 0; i < walks; i++) {
        x[i].w->turn = turn;
        set_first(x[i].r, x[i].n, false);
        vectors(x[i].w, x[i].p, x[i].r, x[i].n, x[i].need);
        x[i].w->turn = 0;
    }
    low_loop_end(w, var, turn, low_ci(w, (int64_t)w->lanes * w->s->vec * w->s->per));
}

/* On the host whole tiles come first, without masks: each load would make one and be two instructions. */
static void row_turns(const LowWalk *x, int walks, LirVal var, LirVal end)
{
    Low *w = x->w;
    bool apart = w->host && w->s->vec > 1 && w->s->align == ALIGN_VEC && !w->inside;
    if (apart) {
        LirVal size = low_ci(w, low_tile(w));
        for (int i = 0; i < walks; i++)
            x[i].w->inside = true;
        turns(x, walks, var, lir_op2(w->fn, LIR_MUL, lir_op2(w->fn, LIR_DIV, end, size), size));
        for (int i = 0; i < walks; i++)
            x[i].w->inside = false;
    }
    turns(x, walks, var, end);
}

static void open_all(const LowWalk *x, int walks)
{
    for (int i = 0; i < walks; i++)
        for (uint32_t j = 0; j < x[i].n; j++)
            low_red_open(x[i].w, &x[i].r[j]);
}

void low_row_loop(const LowWalk *x, int walks)
{
    Low *w = x->w;
    LirVal end = w->rowlen, var = lir_op1(w->fn, LIR_VAR, low_ci(w, 0));
    uint32_t reductions = 0;
    for (int i = 0; i < walks; i++)
        reductions += x[i].n;
    if (!reductions) {
        row_turns(x, walks, var, end);
        return;
    }
    LowWalk total[LOW_MAX_WALKS];
    for (int i = 0; i < walks; i++) {
        total[i] = x[i];
        total[i].r = ARENA_ARRAY(w->a, Red, LOW_MAX_RED);
        for (uint32_t j = 0; j < x[i].n; j++) {
            x[i].r[j].nacc = x[i].r[j].kind == RED_LSE ? 1 : (uint32_t)w->s->per;
            total[i].r[j] = x[i].r[j];
        }
    }
    open_all(total, walks);
    LirVal block = low_ci(w, (int64_t)BLOCK_TURNS * w->lanes * w->s->vec * w->s->per), outer = lir_op1(w->fn, LIR_VAR, low_ci(w, 0));
    LirVal at = low_loop_begin(w, outer, end);
    open_all(x, walks);
    row_turns(x, walks, var, lir_op2(w->fn, LIR_MIN, end, lir_op2(w->fn, LIR_ADD, at, block)));
    for (int i = 0; i < walks; i++)
        for (uint32_t j = 0; j < x[i].n; j++)
            low_red_merge(w, &total[i].r[j], &x[i].r[j]);
    low_loop_end(w, outer, at, block);
    for (int i = 0; i < walks; i++)
        memcpy(x[i].r, total[i].r, sizeof *x[i].r * x[i].n);
}

static void first_ahead(Low *w)
{
    uint8_t need[ROW_MAX_MEM] = {0};
    loads_of_phase(w, w->rv->last_phase, NULL, 0, need);
    low_ahead_first(w, need);
}

/* Turns from..to over a row in shared memory.  A lane past the row's end sits out, so that nothing else is masked. */
static void smem_turns(Low *w, int p, Red *r, uint32_t n, const uint8_t *need, int from, int to)
{
    if (from == to)
        return;
    LirVal *loaded = ARENA_ARRAY(w->a, LirVal, LOW_MAX_PER * ROW_MAX_MEM), var = lir_op1(w->fn, LIR_VAR, low_ci(w, from));
    w->turn_k = low_loop_begin(w, var, low_ci(w, to));
    w->turn_from = from;
    w->turn_to = to;
    w->turn = lir_op2(w->fn, LIR_MUL, w->turn_k, low_ci(w, (int64_t)w->lanes * w->s->vec));
    LirVal *now = ARENA_ARRAY(w->a, LirVal, LOW_MAX_PER * ROW_MAX_MEM);
    if (low_turns_ahead(w) && p == w->rv->last_phase)
        low_ahead_turn(w, need, now, to);
    for (w->k = 0; w->k < w->s->unroll; w->k++) {
        low_mask(w);
        Mask m = w->mask;
        if (m.kind != MASK_FULL)
            low_mark(w, LIR_IF, m.in);
        w->mask = (Mask){MASK_FULL, 0, 0, 0};
        low_ahead_have(w, now, true);
        if (w->together == 1)
            load_vector(w, need, loaded);
        rows_vector(w, p, r, n, loaded, need);
        low_ahead_have(w, now, false);
        if (m.kind != MASK_FULL)
            low_mark(w, LIR_END, 0);
    }
    w->k = 0;
    LirVal at = w->turn_k;
    w->turn = w->turn_k = 0;
    low_loop_end(w, var, at, low_ci(w, w->s->unroll));
}

static void smem_loop(Low *w, int p, Red *r, uint32_t n, const uint8_t *need)
{
    bool arriving = w->s->async == ASYNC_CP && p == 0 && !w->second;
    int part = arriving ? low_part_vectors(w) : w->s->per;
    for (uint32_t i = 0; i < n; i++) {
        r[i].nacc = (uint32_t)w->s->unroll;
        low_red_open(w, &r[i]);
    }
    LirVal *loaded = ARENA_ARRAY(w->a, LirVal, LOW_MAX_PER * ROW_MAX_MEM);
    load_edge(w, p, n, need);
    if (low_may_lack(w))
        lir_add(w->fn, (LirOp){.op = LIR_IF, .ref = -1, .flags = LIR_F_UNIFORM, .a = {w->active}});
    for (int from = 0, to; from < w->s->per; from = to) {
        to = from + part < w->s->per ? from + part : w->s->per;
        if (arriving)
            lir_add(w->fn, (LirOp){.op = LIR_CPWAIT, .ref = -1, .imm.i = (w->s->per - to + part - 1) / part + w->behind});
        int one = arriving && !from && w->s->unroll < to && count_lse(r, n) ? w->s->unroll : to;       /* the first turn by itself, so that its vectors are known to be the first of their pairs */
        set_first(r, n, !from && one == w->s->unroll);
        smem_turns(w, p, r, n, need, from, one);
        set_first(r, n, false);
        smem_turns(w, p, r, n, need, one, to);
    }
    if (low_may_lack(w))
        low_mark(w, LIR_END, 0);
    if (low_turns_ahead(w) && p + 1 == w->rv->last_phase && !w->behind)
        first_ahead(w);
    edge_vector(w, p, r, n, need, loaded);
}

static void walk_row(Low *w, int p, Red *r, uint32_t n, const uint8_t *need)
{
    if (w->s->len == LEN_ANY && !w->s->split)
        low_row_loop(&(LowWalk){w, p, r, n, need}, 1);
    else if (w->s->unroll)
        smem_loop(w, p, r, n, need);
    else
        tile(w, p, r, n, need);
}

/* The last walk twice over: where the scalar that it adds to 16-bit floats is one of them, and where it is not. */
static void walk_both(Low *w, int p, const uint8_t *need, LirVal is_narrow)
{
    size_t kept = sizeof *w->kept * ROW_MAX_MEM * LOW_MAX_PER, scalars = sizeof *w->scalar * w->tir->nops;
    LirVal *k = arena_alloc(w->a, kept), *s = arena_alloc(w->a, scalars);
    memcpy(k, w->kept, kept);
    memcpy(s, w->scalar, scalars);
    lir_add(w->fn, (LirOp){.op = LIR_IF, .ref = -1, .flags = LIR_F_UNIFORM, .a = {is_narrow}});
    w->narrow_scalar = true;
    walk_row(w, p, NULL, 0, need);
    w->narrow_scalar = false;
    lir_add(w->fn, (LirOp){.op = LIR_ELSE, .ref = -1, .flags = LIR_F_UNIFORM});
    memcpy(w->kept, k, kept);                /* what the other side has is not to be had here, nor behind */
    memcpy(w->scalar, s, scalars);
    walk_row(w, p, NULL, 0, need);
    memcpy(w->kept, k, kept);
    memcpy(w->scalar, s, scalars);
    low_mark(w, LIR_END, 0);
}

/* Squared distances from the mean of a warp's lanes: a second walk, over what is already here. */
static void walk_distances(Low *w, int p, Red *r, uint32_t n)
{
    Red d[LOW_MAX_RED];
    uint8_t need[ROW_MAX_MEM] = {0}, *seen = ARENA_ARRAY(w->a, uint8_t, w->tir->nops);
    uint32_t m = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (r[i].kind != RED_VAR)
            continue;
        if (low_var_once(w)) {
            low_var_lanes(w, &r[i]);
            continue;
        }
        low_var_mean(w, &r[i]);
        mark_loads(w, w->tir->ops[r[i].op].a[0], seen, need);
        d[m++] = (Red){.op = r[i].op, .kind = RED_SUM, .step = 1, .dt = r[i].dt};
    }
    if (!m)
        return;
    w->second = true;
    walk_row(w, p, d, m, need);
    w->second = false;
    for (uint32_t i = n; i-- > 0;)
        if (r[i].kind == RED_VAR)
            r[i].squares = low_red_warp(w, &d[--m]);
}

void low_enter_phase(Low *w, int p)
{
    low_scalars_of_phase(w, p);
    bases_of_phase(w, p);
}

const uint8_t *low_needs(Low *w, int p)
{
    Red r[LOW_MAX_RED];
    uint8_t *need = ARENA_ARRAY(w->a, uint8_t, ROW_MAX_MEM);
    loads_of_phase(w, p, r, low_reductions(w, p, r), need);
    return need;
}

LowWalk low_walk_of(Low *w, int p)
{
    uint8_t *need = ARENA_ARRAY(w->a, uint8_t, ROW_MAX_MEM);
    LowWalk x = {w, p, ARENA_ARRAY(w->a, Red, LOW_MAX_RED), 0, need};
    x.n = low_reductions(w, p, x.r);
    loads_of_phase(w, p, x.r, x.n, need);
    if (p == 0 && w->s->eager && w->s->async == ASYNC_NONE && w->s->keep == KEEP_REG && !w->s->split)
        ask_early(w, need);                  /* what is picked waits for its index */
    low_red_pick(w, x.r, x.n);
    return x;
}

LowWalk low_walk_begin(Low *w, int p)
{
    low_enter_phase(w, p);
    return low_walk_of(w, p);
}

void low_walk(const LowWalk *x)
{
    Low *w = x->w;
    w->again = x->p > 0;
    low_wkeep_await(w, x->need);
    bool last = x->p && x->p == w->rv->last_phase && !x->n && !w->rv->nacc && w->s->len != LEN_ANY && w->together == 1;
    LirVal is_narrow = last ? low_narrow_scalar(w) : 0;
    if (is_narrow)
        walk_both(w, x->p, x->need, is_narrow);
    else
        walk_row(w, x->p, x->r, x->n, x->need);
    walk_distances(w, x->p, x->r, x->n);
}

void low_phase(Low *w, int p)
{
    LowWalk x = low_walk_begin(w, p);
    low_walk(&x);
    x.n += low_aside_walk(w, p, x.r + x.n);
    if (!w->aside && low_wait(w))
        low_scalars_of_phase(w, p);          /* under way while the lanes meet */
    low_red_finish(w, x.r, x.n);
    if (w->aside)
        w->waits = NULL;
}

/* ---- the whole ---- */

/* Bytes of the widest element of what is written, or read, a row at a time; 0: nothing is. */
static int widest(const TirFn *fn, bool in)
{
    int most = 0;
    for (uint32_t i = 0; i < fn->ntensors; i++) {
        const TirTensor *t = &fn->tensors[i];
        if ((t->mode == TIR_IN) == in && !t->absent && t->rank > 1 && dt_bytes(t->dt) > most)
            most = dt_bytes(t->dt);
    }
    return most;
}

/* Numbers of 16 bits come out, or go in where only sums of them come out. */
static bool results_are_narrow(const TirFn *fn)
{
    int out = widest(fn, false);
    return (out ? out : widest(fn, true)) <= 2;
}

static void begin(Low *w, const char *symbol)
{
    const Sched *s = w->s;
    w->fn = lir_new(w->a, symbol);
    w->fn->threads = w->host ? 1 : (uint32_t)(s->rows * s->lanes);
    w->fn->warp = w->host ? 1 : 32;
    w->fn->cluster = (uint32_t)s->cluster;
    w->fn->min_ctas = (uint32_t)s->ctas;
    w->fn->max_regs = (uint32_t)s->regs;
    w->fn->precise = !results_are_narrow(w->tir);
    w->fn->pdl = !s->pdl ? LIR_PDL_NONE : w->tir->place == TIR_BESIDE ? LIR_PDL_BESIDE : low_early(w) ? LIR_PDL_LATE : LIR_PDL_AFTER;
    low_own_values(w);
    w->ahead = ARENA_ARRAY(w->a, LirVal, ROW_MAX_MEM * LOW_MAX_PER);
    low_plan_smem(w);
    w->tid = w->host ? low_ci(w, 0) : low_sreg(w, LIR_TID);
    w->lane = s->rows > 1 ? lir_op2(w->fn, LIR_REM, w->tid, low_ci(w, s->lanes)) : w->tid;
    w->grp = s->rows > 1 ? lir_op2(w->fn, LIR_DIV, w->tid, low_ci(w, s->lanes)) : low_ci(w, 0);
    w->at = w->lane;
    w->lanes = s->lanes * s->cluster;
    w->vec = s->vec;
    w->together = 1;
    w->block = low_sreg(w, LIR_CTAID);
    w->blocks = low_sreg(w, LIR_NCTAID);
    if (s->cluster > 1) {
        w->at = lir_op2(w->fn, LIR_ADD, w->lane, lir_op2(w->fn, LIR_MUL, low_sreg(w, LIR_CTARANK), low_ci(w, s->lanes)));
        w->block = lir_op2(w->fn, LIR_DIV, w->block, low_ci(w, s->cluster));
        w->blocks = lir_op2(w->fn, LIR_DIV, w->blocks, low_ci(w, s->cluster));
    }
    low_share(w);
    w->parts = s->split && low_part_words(w);
    w->rowlen = low_rowlen(w);
    w->ninst = low_word32(w, LIR_W_INST, 0);
    low_aside_open(w);
}

/* The nest behind one of several may start when this one's blocks have: what came before them all must be done by then. Behind the last nest comes a
 * kernel that waits for this one itself, which ends behind all before it: its blocks may stand ready, and ask for rows, meanwhile. */
static void start(Low *w)
{
    bool several = low_goes_behind(w);
    if (!w->fn->pdl)
        return;
    if (!several)
        low_mark(w, LIR_PDLGO, 0);
    if (w->fn->pdl == LIR_PDL_AFTER) {
        low_ask(w);
        low_mark(w, LIR_PDLWAIT, 0);
    }
    if (several)
        low_mark(w, LIR_PDLGO, 0);
}

static void body(Low *w)
{
    low_inboxes(w);
    if (w->s->cluster > 1)                  /* waited for before the first word goes to another block */
        lir_add(w->fn, (LirOp){.op = LIR_CLBAR, .ref = -1, .imm.i = w->s->grid == GRID_PERSISTENT ? 0 : 1});
    w->joined = w->s->grid == GRID_PERSISTENT;
    start(w);
    if (low_has_edges(w) && w->s->grid == GRID_PERSISTENT && (w->rv->nacc || low_fills(w)))
        low_edge_fix(w, w->grp);
    low_acc_begin(w);
    if (low_numbers(w))
        w->turns = lir_op1(w->fn, LIR_VAR, low_ci(w, 0));
    else if (w->s->grid == GRID_PERSISTENT && w->smem.slot)
        w->toggle = lir_op1(w->fn, LIR_VAR, low_ci(w, 0));
    if (w->s->grid == GRID_PERSISTENT)
        low_persistent(w);
    else
        low_oneshot(w);
    low_acc_end(w);
    if (w->fn->pdl == LIR_PDL_BESIDE)
        low_mark(w, LIR_PDLWAIT, 0);
}

/* What the instances are, and the row. */
static void describe_sizes(Low *w)
{
    LowKernel *k = w->out;
    for (uint32_t i = 0; i < w->rv->npars; i++)
        k->inst_ext[k->ninst++] = w->tir->pars[w->rv->first_par + i].ext;
    for (uint32_t i = 0; i < w->rv->npromoted; i++)
        k->inst_ext[k->ninst++] = w->tir->axes[w->rv->promoted[i]].ext;
    k->row_ext = row_view_ext(w->rv);
    k->places = row_view_places(w->rv);
    k->covers = w->s->join ? 2 : 1;
    k->before = w->s->aside ? 1 : 0;
}

static void describe(Low *w)
{
    const Sched *s = w->s;
    LowLaunch *l = &w->out->launch[w->out->nlaunch++];
    *l = (LowLaunch){.fn = w->fn, .grid = s->grid == GRID_PERSISTENT ? LOW_G_PERSISTENT : s->split ? LOW_G_GROUPS_COLUMNS : LOW_G_GROUPS,
                     .per = s->rows * s->batch, .per2 = s->split ? low_tile(w) : s->feed, .per3 = s->turns, .ctas = s->ctas ? s->ctas : 1, .multiple = w->head_fixed ? low_alike(w) : 1};
    l->work_by = w->parts ? LOW_BY_BLOCK : LOW_BY_COLUMN;
    l->work_bytes = w->parts ? (int32_t)low_part_words(w) * 4 : (int32_t)w->rv->nacc * 4 * (s->acc == ACC_MEM ? s->rows : 1);
    if (s->deal) {
        l->work_by = LOW_BY_BLOCK;
        l->work_bytes = low_deal_bytes(w);
    }
}

LowKernel *low_run(const TirFn *fn, const Sched *s, const Target *t, const char *symbol, Arena *a, Diag *d)
{
    Low w = {.tir = fn, .s = s, .t = t, .a = a, .d = d, .host = t->kind == TGT_HOST};
    w.rv = row_view(fn, sched_again(s), a, d);
    if (!w.rv)
        return NULL;
    w.out = ARENA_NEW(a, LowKernel);
    begin(&w, symbol);
    describe_sizes(&w);
    low_conds(&w);
    if (w.rv->scatter) {
        low_scatter(&w, symbol);
        return w.out;
    }
    body(&w);
    describe(&w);
    if (w.parts)
        low_parts_second(&w, arena_strf(a, "%s_1", symbol));
    if (w.rv->nacc)
        low_acc_second(&w, arena_strf(a, "%s_1", symbol));
    return w.out;
}
