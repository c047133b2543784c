/* low_acc.c: sums across instances, deterministic: every block adds up its own rows in f32, in order, then a second launch adds the
 * blocks' partial rows in a fixed order and rounds once.
 *
 * Workspace: [partial row][sum][row length, rounded up to 4] f32, one partial row a block, or cluster (acc=reg), or a row group (acc=mem).
 */
#include "low.h"

enum { THREADS = SCHED_SECOND_LANES, FOLD_COPIES = 12, HOST_K = 4 };      /* each has its place in a register */
enum { ALONE = 4 };       /* blocks that need fit on a multiprocessor where they come after it: an allocator left free spills to have two more */

static LirVal zeros(Low *w) { return lir_cf(w->fn, DT_F32, w->vec, 0.0); }

/* i32: of a sum in a partial row. */
static LirVal pitch(Low *w) { return lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_ADD, w->rowlen, low_ci(w, 3)), low_ci(w, -4)); }

/* i64 address of element 0 of sum `acc` in partial row `row` (i32). */
static LirVal partial_row(Low *w, LirVal row, uint32_t acc)
{
    LirVal n = lir_cast(w->fn, DT_I64, pitch(w));
    LirVal at = lir_op2(w->fn, LIR_ADD, low_mul_i64(w, row, w->rv->nacc), lir_ci(w->fn, DT_I64, acc));
    at = lir_op2(w->fn, LIR_MUL, lir_op2(w->fn, LIR_MUL, at, n), lir_ci(w->fn, DT_I64, 4));
    return lir_op2(w->fn, LIR_ADD, low_word(w, DT_I64, (LirWord){LIR_W_WORK, 0, 0}), at);
}

static void set_acc_bases(Low *w)
{
    LirVal block = w->block;
    if (w->s->acc == ACC_MEM)
        block = lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_MUL, block, low_ci(w, w->s->rows)), w->grp);
    LirVal first = lir_op2(w->fn, LIR_MUL, w->at, low_ci(w, w->s->vec));
    for (uint32_t i = 0; i < w->rv->nacc; i++)
        w->acc_base[i] = lir_op2(w->fn, LIR_ADD, partial_row(w, block, i), low_mul_i64(w, first, 4));
}

static int partial_align(const Low *w)
{
    int whole = w->s->vec * 4;
    return w->host || w->s->align != ALIGN_VEC ? 4 : whole < 16 ? whole : 16;
}

static LirVal partial_load(Low *w, uint32_t acc)
{
    LirVal addr = low_vec_addr(w, w->acc_base[acc], NULL, 4);
    LirOp o = {.op = LIR_LDG, .dt = DT_F32, .lanes = (uint8_t)w->s->vec, .ref = -1, .a = {addr}, .imm.i = partial_align(w)};
    if (w->mask.kind == MASK_PART) {
        o.op = LIR_LDGM;
        o.a[1] = w->mask.lo;
        o.a[2] = w->mask.hi;
    } else if (w->mask.kind == MASK_WHOLE) {
        o.op = LIR_LDGP;
        o.a[1] = w->mask.in;
    }
    return lir_add(w->fn, o);
}

static void partial_store(Low *w, uint32_t acc, LirVal v, LirVal guard)
{
    LirVal addr = low_vec_addr(w, w->acc_base[acc], NULL, 4);
    LirOp o = {.op = LIR_STG, .ref = -1, .a = {addr, v}, .imm.i = partial_align(w)};
    if (w->mask.kind == MASK_PART) {
        o.op = LIR_STGM;
        o.a[2] = w->mask.lo;
        o.a[3] = guard ? lir_op3(w->fn, LIR_SELECT, guard, w->mask.hi, low_ci(w, 0)) : w->mask.hi;
    } else if (w->mask.kind == MASK_WHOLE || guard) {
        o.op = LIR_STGP;
        o.a[2] = low_and(w, w->mask.kind == MASK_WHOLE ? w->mask.in : 0, guard);
    }
    lir_add(w->fn, o);
}

static void clear_vectors(Low *w)
{
    for (w->k = 0; w->k < w->s->per; w->k++) {
        low_mask(w);
        for (uint32_t i = 0; i < w->rv->nacc; i++)
            partial_store(w, i, zeros(w), 0);
    }
    w->k = 0;
}

static void clear_partials(Low *w)
{
    if (w->s->len != LEN_ANY) {
        clear_vectors(w);
        return;
    }
    LirVal var = lir_op1(w->fn, LIR_VAR, low_ci(w, 0));
    lir_add(w->fn, (LirOp){.op = LIR_LOOP, .ref = -1});
    w->turn = lir_op1(w->fn, LIR_GET, var);
    lir_add(w->fn, (LirOp){.op = LIR_WHILE, .ref = -1, .a = {lir_op2(w->fn, LIR_LT, w->turn, w->rowlen)}});
    clear_vectors(w);
    lir_set(w->fn, var, lir_op2(w->fn, LIR_ADD, w->turn, low_ci(w, (int64_t)w->s->lanes * w->s->vec * w->s->per)));
    lir_add(w->fn, (LirOp){.op = LIR_END, .ref = -1});
    w->turn = 0;
}

void low_acc_begin(Low *w)
{
    if (!w->rv->nacc)
        return;
    set_acc_bases(w);
    if (w->s->acc == ACC_MEM) {
        clear_partials(w);
        return;
    }
    w->acc = ARENA_ARRAY(w->a, LirVal, w->rv->nacc * LOW_MAX_PER);
    for (uint32_t i = 0; i < w->rv->nacc; i++)
        for (int k = 0; k < w->s->per; k++)
            w->acc[i * LOW_MAX_PER + (uint32_t)k] = lir_op1(w->fn, LIR_VAR, zeros(w));
    for (uint32_t i = 0; i < w->rv->nacc && low_has_edges(w); i++)
        w->acc[i * LOW_MAX_PER + (uint32_t)w->s->per] = lir_op1(w->fn, LIR_VAR, lir_cf(w->fn, DT_F32, 1, 0.0));
}

void low_acc_update(Low *w, uint32_t acc)
{
    const RowMem *m = &w->rv->acc[acc];
    LirVal guard = low_guard(w, m->op);
    LirVal v = lir_splat(w->fn, lir_cast(w->fn, DT_F32, low_row(w, w->tir->ops[m->op].a[0])), w->vec);
    if (w->s->acc == ACC_MEM) {
        partial_store(w, acc, lir_op2(w->fn, LIR_ADD, partial_load(w, acc), v), guard);
        return;
    }
    LirVal var = w->acc[acc * LOW_MAX_PER + (uint32_t)w->k];
    if (guard)
        v = lir_op3(w->fn, LIR_SELECT, guard, v, zeros(w));
    lir_set(w->fn, var, lir_op2(w->fn, LIR_ADD, lir_op1(w->fn, LIR_GET, var), v));
}

/* ---- the end of a block: the sums of its row groups become one partial row ----
 *
 * Every group's lie in shared memory as a row of its own, from where all threads take them together, units of neighbouring columns, so that what a warp
 * writes to the workspace fills lines. There the vectors of rows that begin anywhere lie aligned; quarters of vectors change places, since a warp's lanes,
 * each of which gives a whole vector, would meet in the banks.
 */

/* i32 address of element e of sum acc of row group grp. */
static LirVal fold_addr(Low *w, uint32_t acc, LirVal grp, LirVal e)
{
    uint32_t row = sched_fold_row(w->s);
    LirVal at = lir_op2(w->fn, LIR_MUL, e, low_ci(w, 4));
    if (w->s->vec > 4)
        at = lir_op2(w->fn, LIR_XOR, at, lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_SHR, at, low_ci(w, 3)), low_ci(w, 4 * w->s->vec - 16)));
    at = lir_op2(w->fn, LIR_ADD, at, lir_op2(w->fn, LIR_MUL, grp, low_ci(w, row)));
    return lir_op2(w->fn, LIR_ADD, at, low_ci(w, w->smem.async + acc * (uint32_t)w->s->rows * row));
}

/* Elements from i on of v: n of them, a power of two. */
static LirVal elements(Low *w, LirVal v, int i, int n)
{
    LirOp one = {.op = LIR_EXTRACT, .dt = DT_F32, .lanes = 1, .ref = -1, .a = {v}, .imm.i = i};
    LirOp all = {.op = LIR_CONCAT, .dt = DT_F32, .lanes = (uint8_t)n, .ref = -1};
    if (n == 1)
        return lir_add(w->fn, one);
    all.a[0] = elements(w, v, i, n / 2);
    all.a[1] = elements(w, v, i + n / 2, n / 2);
    return lir_add(w->fn, all);
}

static int fold_unit(const Low *w) { return w->vec < 4 ? w->vec : 4; }

/* This lane's vector k, or edge. shift: place of column 0 in the group's row. */
static void fold_give(Low *w, uint32_t acc, LirVal shift)
{
    LirVal v = lir_op1(w->fn, LIR_GET, w->acc[acc * LOW_MAX_PER + (uint32_t)w->k]);
    LirVal e = lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_MUL, w->lane, low_ci(w, w->s->vec)), low_ci(w, w->k * w->s->lanes * w->s->vec));
    LirVal in = shift ? w->mask.in : 0;
    int unit = fold_unit(w);
    if (shift)
        e = lir_op2(w->fn, LIR_ADD, low_position(w), shift);
    for (int i = 0; i < w->vec; i += unit)
        lir_add(w->fn, (LirOp){.op = in ? LIR_STSP : LIR_STS, .ref = -1, .imm.i = 4 * unit,
                               .a = {fold_addr(w, acc, w->grp, lir_op2(w->fn, LIR_ADD, e, low_ci(w, i))), unit < w->vec ? elements(w, v, i, unit) : v, in}});
}

/* Column of element e of a block's row. */
static LirVal fold_column(Low *w, LirVal e)
{
    int turn = w->s->lanes * w->s->vec;
    if (w->s->cluster == 1)
        return e;
    LirVal k = lir_op2(w->fn, LIR_DIV, e, low_ci(w, turn)), own = lir_op2(w->fn, LIR_MUL, lir_op2(w->fn, LIR_SUB, w->at, w->lane), low_ci(w, w->s->vec));
    return lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_ADD, e, own), lir_op2(w->fn, LIR_MUL, k, low_ci(w, turn * (w->s->cluster - 1))));
}

/* Columns of elements e .. e + unit - 1, of all groups, to the workspace. Zeros go behind a row whose length is no multiple of 4. */
static void fold_take(Low *w, uint32_t acc, LirVal base, LirVal e, int unit, const LirVal *shift)
{
    LirVal sum = 0, col = fold_column(w, e), in = lir_op2(w->fn, LIR_LT, col, w->rowlen);
    bool whole = w->s->len == LEN_EXACT && !shift && w->s->n == w->lanes * w->s->vec * w->s->per;
    if (shift)
        e = lir_op2(w->fn, LIR_MIN, e, lir_op2(w->fn, LIR_SUB, w->rowlen, low_ci(w, 1)));
    for (int g = 0; g < w->s->rows; g++) {
        LirVal at = fold_addr(w, acc, low_ci(w, g), shift ? lir_op2(w->fn, LIR_ADD, e, shift[g]) : e);
        LirVal v = lir_add(w->fn, (LirOp){.op = LIR_LDS, .dt = DT_F32, .lanes = (uint8_t)unit, .ref = -1, .a = {at}, .imm.i = 4 * unit});
        sum = sum ? lir_op2(w->fn, LIR_ADD, sum, v) : v;
    }
    if (shift) {
        sum = lir_op3(w->fn, LIR_SELECT, in, sum, lir_cf(w->fn, DT_F32, 1, 0.0));
        in = lir_op2(w->fn, LIR_LT, col, pitch(w));
    }
    LirVal to = lir_op2(w->fn, LIR_ADD, base, low_mul_i64(w, col, 4));
    lir_add(w->fn, (LirOp){.op = whole ? LIR_STG : LIR_STGP, .ref = -1, .a = {to, sum, whole ? 0 : in}, .imm.i = 4 * unit});
}

static void fold_sum(Low *w, uint32_t acc, const LirVal *shift)
{
    int unit = shift ? 1 : fold_unit(w), threads = (int)w->fn->threads, units = (int)sched_fold_row(w->s) / 4 / unit;
    LirVal base = partial_row(w, w->block, acc);
    for (int j = (int)acc * units / threads; j * threads < (int)(acc + 1) * units; j++) {
        int first = j * threads - (int)acc * units;
        bool part = first < 0 || first + threads > units;
        LirVal u = lir_op2(w->fn, LIR_ADD, w->tid, low_ci(w, first));
        if (part)
            low_mark(w, LIR_IF, lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_GE, u, low_ci(w, 0)), lir_op2(w->fn, LIR_LT, u, low_ci(w, units))));
        fold_take(w, acc, base, lir_op2(w->fn, LIR_MUL, u, low_ci(w, unit)), unit, shift);
        if (part)
            low_mark(w, LIR_END, 0);
    }
}

/* The host's one lane has nobody to share with. */
static void store_own(Low *w)
{
    for (uint32_t i = 0; i < w->rv->nacc; i++)
        for (w->k = 0; w->k < w->s->per; w->k++) {
            low_mask(w);
            partial_store(w, i, lir_op1(w->fn, LIR_GET, w->acc[i * LOW_MAX_PER + (uint32_t)w->k]), 0);
        }
    w->k = 0;
}

/* Place of column 0 in group grp's row, where rows begin anywhere. */
static LirVal fold_shift(Low *w, LirVal grp)
{
    low_edge_fix(w, grp);
    return lir_op2(w->fn, LIR_SUB, low_ci(w, w->s->vec), w->head);
}

static void fold(Low *w)
{
    bool edges = low_has_edges(w);
    LirVal shift[LOW_MAX_BARN + 1], own;
    for (int g = 0; edges && g < w->s->rows; g++)
        shift[g] = fold_shift(w, low_ci(w, g));
    own = edges ? fold_shift(w, w->grp) : 0;
    lir_add(w->fn, (LirOp){.op = LIR_BAR, .ref = -1});
    for (uint32_t i = 0; i < w->rv->nacc; i++) {
        for (w->k = 0; w->k < w->s->per; w->k++) {
            if (edges)
                low_mask(w);
            fold_give(w, i, own);
        }
        if (edges) {
            low_edge_begin(w);
            fold_give(w, i, own);
            low_edge_end(w);
        }
    }
    w->k = 0;
    lir_add(w->fn, (LirOp){.op = LIR_BAR, .ref = -1});
    for (uint32_t i = 0; i < w->rv->nacc; i++)
        fold_sum(w, i, edges ? shift : NULL);
}

void low_acc_end(Low *w)
{
    if (!w->rv->nacc || w->s->acc == ACC_MEM)
        return;
    if (w->s->async == ASYNC_CP)
        lir_add(w->fn, (LirOp){.op = LIR_CPWAIT, .ref = -1, .imm.i = 0});
    if (w->host)
        store_own(w);
    else
        fold(w);
}

/* ---- the second launch ---- */

static LirVal partial_rows(Low *w)
{
    LirVal n = low_word32(w, LIR_W_BLOCKS, 0);
    if (w->s->cluster > 1)
        n = lir_op2(w->fn, LIR_DIV, n, low_ci(w, w->s->cluster));
    return w->s->acc == ACC_MEM ? lir_op2(w->fn, LIR_MUL, n, low_ci(w, w->s->rows)) : n;
}

/* Address of column col of the output of sum `acc`; any strides. */
static LirVal out_addr(Low *w, uint32_t acc, LirVal col)
{
    const RowMem *m = &w->rv->acc[acc];
    const TirOp *o = &w->tir->ops[m->op];
    Sched any = *w->s;
    Low at = *w;
    any.align = ALIGN_SCALAR;
    at.s = &any;
    LirVal base = low_base(&at, o, m);
    LirVal e = low_mul_i64(w, col, (int64_t)m->step * dt_bytes(w->tir->tensors[m->tensor].dt));
    LirVal st = low_word(w, DT_I64, (LirWord){LIR_W_STRIDE, m->tensor, (uint16_t)m->row_dim});
    return lir_op2(w->fn, LIR_ADD, base, lir_op2(w->fn, LIR_MUL, e, st));
}

static LirVal round_to(Low *w, uint32_t acc, LirVal v) { return lir_cast(w->fn, w->tir->tensors[w->rv->acc[acc].tensor].dt, v); }

/* The GPU's second launch: partial rows are as long as all sums together, and a block adds `cols` columns of them; each of its threads takes cv neighbouring
 * ones of every rt-th row, `unroll` of them at a time, which it copies to shared memory: so many on their way at once are more than it has registers for,
 * beside the first launch.  Shared memory: [warp][cols] f32, then from `slots` on [unroll][thread][cv]. */
typedef struct Fold { int cols, cv, rt, unroll, per; uint32_t slots, bytes; LirVal first, col, row, in; bool lines; } Fold;

enum { LINE = 32 };                          /* elements in 128 bytes */

/* Where the row is known and not long, as many blocks as there are multiprocessors, all of which wait beside the first launch's. */
static int fold_cols(const Low *w, int cv)
{
    int sums = (int)w->rv->nacc, least = LINE;
    while (least < 4 * sums)
        least *= 2;
    for (int cols = least; cols <= 2 * LINE * sums && cols <= 4 * LINE && w->s->len == LEN_EXACT && cv > 1; cols *= 2)
        if ((w->s->n + cols - 1) / cols * sums <= w->t->mps)
            return cols;
    return least;
}

/* Shared memory that the first launch's blocks leave, of each of which, as of this one, the system takes some; or what one block may have anyway. */
static int fold_room(const Low *w, uint32_t first)
{
    enum { SYSTEM = 1024, ANYWAY = 8192, ENOUGH = 98304 };
    int ctas = w->s->ctas ? w->s->ctas : 1, left = w->t->smem_mp_kb * 1024 - ctas * ((int)first + SYSTEM) - SYSTEM;
    return left < ANYWAY ? ANYWAY : left < ENOUGH ? left : ENOUGH;
}

/* Partial rows to expect: of as many blocks as run at once, but no more than a launch that it serves has rows for. */
static int fold_blocks(const Low *w)
{
    const Sched *s = w->s;
    int64_t clusters = w->t->mps * (s->ctas ? s->ctas : 1) / s->cluster, most = s->most && s->len == LEN_EXACT ? (s->most * 1024ll / s->n + s->rows - 1) / s->rows : clusters;
    clusters = most < clusters ? most : clusters;
    return clusters > 1 ? (int)clusters : 1;
}

static Fold fold_shape(const Low *w, uint32_t first)
{
    Fold f = {.cv = low_has_edges(w) || (w->s->align == ALIGN_VEC && w->s->vec % 4 == 0) ? 4 : 1};
    int blocks = fold_blocks(w), one = THREADS * f.cv * 4;
    f.cols = fold_cols(w, f.cv);
    f.per = f.cols / (int)w->rv->nacc / 4 * 4;
    f.rt = THREADS / (f.cols / f.cv);
    f.slots = (uint32_t)(THREADS / 32 * f.cols * 4);
    int most = (fold_room(w, first) - (int)f.slots) / one, turns;
    most = most > FOLD_COPIES ? FOLD_COPIES : most < 1 ? 1 : most;
    f.unroll = (blocks + f.rt - 1) / f.rt;
    turns = (f.unroll + most - 1) / most;
    f.unroll = (f.unroll + turns - 1) / turns;
    f.bytes = f.slots + (uint32_t)(f.unroll * one);
    f.lines = f.cv == 4 && f.cols % LINE == 0 && w->s->len == LEN_EXACT && w->s->n % LINE == 0;
    return f;
}

/* Of this thread's u-th vector, counted from its first. */
static LirVal fold_slot(Low *w, const Fold *f, LirVal first, int u) { return lir_op2(w->fn, LIR_ADD, first, low_ci(w, (int64_t)u * THREADS * 4 * f->cv)); }

/* Is column col of a partial row one of sum acc? */
static LirVal fold_is_of(Low *w, uint32_t acc, LirVal col)
{
    LirVal from = lir_op2(w->fn, LIR_MUL, pitch(w), low_ci(w, acc));
    return lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_GE, col, from), lir_op2(w->fn, LIR_LT, col, lir_op2(w->fn, LIR_ADD, from, w->rowlen)));
}

/* Address of this thread's vector in the u-th of its rows from r on, and whether there is one. */
static LirVal fold_from(Low *w, const Fold *f, LirVal r, int u, LirVal rows, LirVal *ok)
{
    LirVal at = lir_op2(w->fn, LIR_ADD, partial_row(w, r, 0), low_mul_i64(w, f->col, 4)), row = lir_cast(w->fn, DT_I64, pitch(w));
    *ok = lir_op2(w->fn, LIR_AND, f->in, lir_op2(w->fn, LIR_LT, lir_op2(w->fn, LIR_ADD, r, low_ci(w, u * f->rt)), rows));
    return lir_op2(w->fn, LIR_ADD, at, low_mul_i64(w, row, (int64_t)u * f->rt * (int)w->rv->nacc * 4));
}

/* Every rt-th row from r on, f->unroll of them; before them, in their places, zeros for those that are not there. */
static void fold_fetch(Low *w, const Fold *f, LirVal r, LirVal rows, LirVal first)
{
    for (int i = 0; i < 2 * f->unroll; i++) {
        int u = i % f->unroll;
        LirVal ok, slot = fold_slot(w, f, first, u), from = fold_from(w, f, r, u, rows, &ok);
        LirOp zero = {.op = LIR_STSP, .ref = -1, .a = {slot, lir_cf(w->fn, DT_F32, f->cv, 0.0), lir_op1(w->fn, LIR_NOT, ok)}, .imm.i = 4 * f->cv};
        LirOp copy = {.op = LIR_CPA, .ref = -1, .a = {slot, from, ok}, .imm.i = 4 * f->cv};
        lir_add(w->fn, i < f->unroll ? zero : copy);
    }
    low_mark(w, LIR_CPCOMMIT, 0);
    lir_add(w->fn, (LirOp){.op = LIR_CPWAIT, .ref = -1, .imm.i = 0});
}

/* This thread's share: rows row, row+rt, .. in order. */
static LirVal fold_rows(Low *w, const Fold *f)
{
    LirVal rows = partial_rows(w), var = lir_op1(w->fn, LIR_VAR, low_ci(w, 0)), sum = lir_op1(w->fn, LIR_VAR, lir_cf(w->fn, DT_F32, f->cv, 0.0));
    low_mark(w, LIR_LOOP, 0);
    LirVal r0 = lir_op1(w->fn, LIR_GET, var);
    low_mark(w, LIR_WHILE, lir_op2(w->fn, LIR_LT, r0, rows));
    LirVal first = lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_MUL, w->tid, low_ci(w, 4 * f->cv)), low_ci(w, f->slots));
    fold_fetch(w, f, lir_op2(w->fn, LIR_ADD, r0, f->row), rows, first);
    LirVal s = lir_op1(w->fn, LIR_GET, sum);
    for (int u = 0; u < f->unroll; u++)
        s = lir_op2(w->fn, LIR_ADD, s, lir_add(w->fn, (LirOp){.op = LIR_LDS, .dt = DT_F32, .lanes = (uint8_t)f->cv, .ref = -1, .a = {fold_slot(w, f, first, u)}, .imm.i = 4 * f->cv}));
    lir_set(w->fn, sum, s);
    lir_set(w->fn, var, lir_op2(w->fn, LIR_ADD, r0, low_ci(w, f->unroll * f->rt)));
    low_mark(w, LIR_END, 0);
    return lir_op1(w->fn, LIR_GET, sum);
}

/* The row threads of a warp together (they hold the same columns every cols/cv lanes), then into shared memory. */
static void fold_threads(Low *w, const Fold *f, LirVal sum)
{
    LirVal lane = lir_op2(w->fn, LIR_AND, w->tid, low_ci(w, 31)), warp = lir_op2(w->fn, LIR_SHR, w->tid, low_ci(w, 5));
    int width = f->cols / f->cv;
    for (int i = 0; i < f->cv; i++) {
        LirVal s = f->cv == 1 ? sum : lir_add(w->fn, (LirOp){.op = LIR_EXTRACT, .dt = DT_F32, .lanes = 1, .ref = -1, .a = {sum}, .imm.i = i});
        for (int o = width; o < 32; o *= 2)
            s = lir_op2(w->fn, LIR_ADD, s, lir_add(w->fn, (LirOp){.op = LIR_BFLY, .dt = DT_F32, .lanes = 1, .ref = -1, .a = {s}, .imm.i = o}));
        LirVal at = lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_MUL, warp, low_ci(w, f->cols * 4)), lir_op2(w->fn, LIR_MUL, lane, low_ci(w, 4 * f->cv)));
        lir_add(w->fn, (LirOp){.op = LIR_STSP, .ref = -1, .imm.i = 4, .a = {lir_op2(w->fn, LIR_ADD, at, low_ci(w, 4 * i)), s, lir_op2(w->fn, LIR_LT, lane, low_ci(w, width))}});
    }
}

/* The warps' sums together, and out, to the one whose column it is. */
static void fold_store(Low *w, const Fold *f)
{
    LirVal at = lir_op2(w->fn, LIR_MUL, lir_op2(w->fn, LIR_AND, w->tid, low_ci(w, f->cols - 1)), low_ci(w, 4)), all = 0;
    for (int g = 0; g < THREADS / 32; g++) {
        LirVal v = lir_add(w->fn, (LirOp){.op = LIR_LDS, .dt = DT_F32, .lanes = 1, .ref = -1, .a = {lir_op2(w->fn, LIR_ADD, at, low_ci(w, g * f->cols * 4))}, .imm.i = 4});
        all = all ? lir_op2(w->fn, LIR_ADD, all, v) : v;
    }
    LirVal col = lir_op2(w->fn, LIR_ADD, f->first, w->tid), mine = lir_op2(w->fn, LIR_LT, w->tid, low_ci(w, f->cols));
    for (uint32_t i = 0; i < w->rv->nacc; i++) {
        LirVal ok = lir_op2(w->fn, LIR_AND, mine, fold_is_of(w, i, col)), v = round_to(w, i, all);
        LirVal to = out_addr(w, i, lir_op2(w->fn, LIR_SUB, col, lir_op2(w->fn, LIR_MUL, pitch(w), low_ci(w, i))));
        lir_add(w->fn, (LirOp){.op = LIR_STGP, .ref = (int16_t)w->rv->acc[i].tensor, .a = {to, v, ok}, .imm.i = dt_bytes(lir_dt(w->fn, v))});
    }
}

/* Partial rows, which all threads have read, are read no more: their lines need not be written to the memory, which takes as long as to read as much. Few
 * are written again before they would be. */
static void fold_drop(Low *w, const Fold *f)
{
    enum { FEW = 31 };
    LirVal rows = partial_rows(w), var = lir_op1(w->fn, LIR_VAR, f->row), ok;
    LirVal first = lir_op2(w->fn, LIR_EQ, lir_op2(w->fn, LIR_AND, w->tid, low_ci(w, LINE / f->cv - 1)), low_ci(w, 0));
    first = lir_op2(w->fn, LIR_AND, first, lir_op2(w->fn, LIR_GT, rows, low_ci(w, FEW)));
    low_mark(w, LIR_LOOP, 0);
    LirVal r = lir_op1(w->fn, LIR_GET, var);
    low_mark(w, LIR_WHILE, lir_op2(w->fn, LIR_LT, lir_op2(w->fn, LIR_SUB, r, f->row), rows));
    for (int u = 0; u < f->unroll; u++) {
        LirVal from = fold_from(w, f, r, u, rows, &ok);
        lir_add(w->fn, (LirOp){.op = LIR_DISCARD, .ref = -1, .a = {from, lir_op2(w->fn, LIR_AND, ok, first)}});
    }
    lir_set(w->fn, var, lir_op2(w->fn, LIR_ADD, r, low_ci(w, f->unroll * f->rt)));
    low_mark(w, LIR_END, 0);
}

static void gpu_second(Low *w, LirVal block, Fold f)
{
    int width = f.cols / f.cv;
    f.first = lir_op2(w->fn, LIR_MUL, block, low_ci(w, f.cols));
    f.col = lir_op2(w->fn, LIR_ADD, f.first, lir_op2(w->fn, LIR_MUL, lir_op2(w->fn, LIR_AND, w->tid, low_ci(w, width - 1)), low_ci(w, f.cv)));
    f.row = lir_op2(w->fn, LIR_DIV, w->tid, low_ci(w, width));
    f.in = fold_is_of(w, 0, f.col);
    for (uint32_t i = 1; i < w->rv->nacc; i++)
        f.in = lir_op2(w->fn, LIR_OR, f.in, fold_is_of(w, i, f.col));
    fold_threads(w, &f, fold_rows(w, &f));
    lir_add(w->fn, (LirOp){.op = LIR_BAR, .ref = -1});
    fold_store(w, &f);
    if (f.lines)
        fold_drop(w, &f);
}

/* One thread adds vec*HOST_K columns. */
static void host_second(Low *w, LirVal block, int vec)
{
    LirVal col0 = lir_op2(w->fn, LIR_MUL, block, low_ci(w, vec * HOST_K)), rows = partial_rows(w);
    for (uint32_t i = 0; i < w->rv->nacc; i++)
        for (int k = 0; k < HOST_K; k++) {
            LirVal col = lir_op2(w->fn, LIR_ADD, col0, low_ci(w, k * vec)), hi = lir_op2(w->fn, LIR_SUB, w->rowlen, col);
            LirVal sum = lir_op1(w->fn, LIR_VAR, lir_cf(w->fn, DT_F32, vec, 0.0)), var = lir_op1(w->fn, LIR_VAR, low_ci(w, 0));
            lir_add(w->fn, (LirOp){.op = LIR_LOOP, .ref = -1});
            LirVal r = lir_op1(w->fn, LIR_GET, var);
            lir_add(w->fn, (LirOp){.op = LIR_WHILE, .ref = -1, .a = {lir_op2(w->fn, LIR_LT, r, rows)}});
            LirVal addr = lir_op2(w->fn, LIR_ADD, partial_row(w, r, i), low_mul_i64(w, col, 4));
            LirVal v = lir_add(w->fn, (LirOp){.op = LIR_LDGM, .dt = DT_F32, .lanes = (uint8_t)vec, .ref = -1, .a = {addr, low_ci(w, 0), hi}, .imm.i = 4});
            lir_set(w->fn, sum, lir_op2(w->fn, LIR_ADD, lir_op1(w->fn, LIR_GET, sum), v));
            lir_set(w->fn, var, lir_op2(w->fn, LIR_ADD, r, low_ci(w, 1)));
            lir_add(w->fn, (LirOp){.op = LIR_END, .ref = -1});
            v = round_to(w, i, lir_op1(w->fn, LIR_GET, sum));
            lir_add(w->fn, (LirOp){.op = LIR_STGM, .ref = (int16_t)w->rv->acc[i].tensor, .a = {out_addr(w, i, col), v, low_ci(w, 0), hi},
                                   .imm.i = dt_bytes(lir_dt(w->fn, v))});
        }
}

LirFn *low_acc_second(Low *first, const char *symbol)
{
    Low w = *first;
    w.fn = low_launch_after(first, symbol, THREADS);
    w.fn->max_regs = w.host || !w.fn->pdl ? 0 : SCHED_SECOND_REGS;
    w.fn->min_ctas = w.host || w.fn->pdl ? 0 : ALONE;
    Fold f = w.host ? (Fold){0} : fold_shape(&w, first->fn->smem);
    w.fn->smem = f.bytes;
    w.scalar = ARENA_ARRAY(w.a, LirVal, w.tir->nops);
    w.active = w.turn = 0;
    w.k = 0;
    w.rowlen = low_rowlen(&w);
    w.tid = w.host ? low_ci(&w, 0) : low_sreg(&w, LIR_TID);
    w.lane = low_ci(&w, 0);
    LirVal block = low_sreg(&w, LIR_CTAID);
    int vec = w.s->align == ALIGN_SCALAR ? 1 : 16;
    w.vec = 1;
    if (!w.tir->more)
        low_launch_go(&w);      /* what comes next waits for this launch, which waits for the first */
    low_launch_wait(&w);
    if (w.host)
        host_second(&w, block, vec);
    else
        gpu_second(&w, block, f);
    LowLaunch *l = &w.out->launch[w.out->nlaunch++];
    *l = (LowLaunch){.fn = w.fn, .grid = LOW_G_COLUMNS, .per = w.host ? vec * HOST_K : f.per};
    return w.fn;
}
