/* low_scatter.c: sums through an index (dw[idx[i], :] += ..), deterministic: the rows that name a place are added up in f32 and in an order
 * that the indices alone tell, and each place is written once; places that nobody names become zero.
 *
 * First the entries are put in order (low_sort.c).  Then sums: the first blocks take LIST sorted entries a group of lanes and write each place
 * whose entries begin there, with those that the next list has of it; only where a place has more, it is left as partial sums.  The other
 * blocks write zeros, `run` places a group, but for those that are marked.  Reads and writes come together, then writes alone: mixed throughout,
 * the memory turns round too often.  Last join: places that were left, from the partial sums.
 *
 * Workspace, of the last launch: two rows of f32 for each list.
 */
#include "low_sort.h"

#include <string.h>

enum { LIST = 32, JOIN_LANES = 32, JOIN_GROUPS = 16, JOIN_LISTS = 4 };


static const TirOp *sum_op(const Low *w) { return &w->tir->ops[w->rv->scatter]; }

static LirVal instance_of(Low *w, LirVal e) { return lir_cast(w->fn, DT_I32, lir_op2(w->fn, LIR_AND, e, lir_ci(w->fn, DT_I64, INT32_MAX))); }

void low_open_groups(Low *w, int n)
{
    if (n == 1)
        return;
    w->lane = w->at = lir_op2(w->fn, LIR_REM, w->tid, low_ci(w, w->s->lanes));
    w->grp = lir_op2(w->fn, LIR_DIV, w->tid, low_ci(w, w->s->lanes));
}

/* ---- rows of a tile of columns, added up in registers ---- */

static LirVal zeros(Low *w) { return lir_cf(w->fn, DT_F32, w->s->vec, 0.0); }

void low_sums_new(Low *w)
{
    w->acc = ARENA_ARRAY(w->a, LirVal, LOW_MAX_PER);
    for (int k = 0; k < w->s->per; k++)
        w->acc[k] = var_of(w, zeros(w));
}

void low_sums_clear(Low *w)
{
    for (int k = 0; k < w->s->per; k++)
        lir_set(w->fn, w->acc[k], zeros(w));
}

/* Of vector w->k, where ok, else zeros. */
static LirVal summand(Low *w, LirVal ok)
{
    LirVal x = lir_splat(w->fn, lir_cast(w->fn, DT_F32, low_row(w, sum_op(w)->a[0])), w->s->vec);
    return low_zero_outside(w, sum_op(w)->a[0]) ? x : lir_op3(w->fn, LIR_SELECT, ok, x, zeros(w));
}

/* The instance of entry e, of which something is wanted where ok: it names a place, so that there is one and its conditions hold. */
static void open_entry(Low *w, LirVal e, LirVal ok)
{
    low_set_instance(w, instance_of(w, e), true);
    w->active = ok;
    w->listed = true;
}

static void close_entry(Low *w)
{
    w->k = 0;
    w->active = 0;
}

static uint32_t own_load(const Low *w)
{
    uint32_t i = 0;
    while (!w->rv->load[i].inst)
        i++;
    return i;
}

static LirVal asked_vec(Low *w, LirVal at, int pitch) { return lir_op2(w->fn, LIR_ADD, at, low_ci(w, (int64_t)w->k * pitch)); }

void low_ask_row(Low *w, LirVal e, LirVal ok, LirVal at, int pitch)
{
    open_entry(w, e, ok);
    for (w->k = 0; w->k < w->s->per; w->k++) {
        low_mask(w);
        low_copy_vec(w, own_load(w), asked_vec(w, at, pitch));
    }
    close_entry(w);
    low_mark(w, LIR_CPCOMMIT, 0);
}

void low_row_asked(Low *w, LirVal e, LirVal ok, LirVal at, int pitch, LirVal *v)
{
    open_entry(w, e, ok);
    for (w->k = 0; w->k < w->s->per; w->k++) {
        low_mask(w);
        memset(w->row, 0, sizeof *w->row * w->tir->nops);
        if (at)
            low_have_vec(w, own_load(w), asked_vec(w, at, pitch));
        v[w->k] = summand(w, ok);
    }
    close_entry(w);
}

void low_row_of(Low *w, LirVal e, LirVal ok, LirVal *v) { low_row_asked(w, e, ok, 0, 0, v); }

static int at_once(const Low *w) { return w->host ? 1 : AT_ONCE; }

/* ---- partial sums of lists ---- */

enum { LEADING, TRAILING };     /* of a list: of a place that began before it; of one that began in it and goes on after it */

/* The launch of the join takes narrower tiles, since there may be few places to join, of many lists: rows in the workspace are of whole ones. */
static Sched join_sched(const Sched *s, bool host)
{
    Sched x = *s;
    x.lanes = !host && x.lanes > JOIN_LANES ? JOIN_LANES : x.lanes;
    x.per = x.split = 1;
    x.len = x.len == LEN_EXACT ? LEN_EXACT : LEN_ANY;
    return x;
}

/* Of vector k of the lane; in *in whether the row has it in the workspace. */
static LirVal partial(Low *w, LirVal list, int which, LirVal *in)
{
    Sched x = join_sched(w->s, w->host);
    int tile = x.lanes * x.vec;
    LirVal pitch = times(w, ceil_div(w, w->rowlen, tile), tile), row = add(w, times(w, list, 2), low_ci(w, which));
    LirVal column = add(w, w->turn ? w->turn : low_ci(w, 0), times(w, add(w, w->lane, low_ci(w, (int64_t)w->k * w->s->lanes)), w->s->vec));
    *in = lir_op2(w->fn, LIR_LT, column, pitch);
    LirVal base = sort_element(w, sort_part(w, SCATTER_JOIN), lir_op2(w->fn, LIR_MUL, whole(w, row), whole(w, pitch)), 4);
    return sort_element(w, base, column, 4);
}

static int partial_align(const Low *w) { return w->host || w->s->vec < 4 ? 4 : 16; }

static void partial_store(Low *w, LirVal list, int which)
{
    for (w->k = 0; w->k < w->s->per; w->k++) {
        LirVal in, at = partial(w, list, which, &in);
        low_store_at(w, at, get(w, w->acc[w->k]), in, partial_align(w));
    }
    w->k = 0;
}

static LirVal partial_load(Low *w, LirVal list, int which, LirVal when)
{
    LirVal in, at = partial(w, list, which, &in);
    return low_load_at(w, DT_F32, w->s->vec, at, when ? both(w, in, when) : in, partial_align(w));
}

/* ---- sums ---- */

void low_write_place(Low *w, LirVal r, bool sums, LirVal when)
{
    const RowMem *m = &w->rv->store[0];
    low_forget_instance(w);
    w->scalar[w->tir->ix[sum_op(w)->ix + (uint32_t)w->rv->place_dim].val] = whole(w, r);
    LirVal base = low_base(w, sum_op(w), m);
    for (w->k = 0; w->k < w->s->per; w->k++) {
        low_mask(w);
        low_store_vec(w, base, m, lir_cast(w->fn, w->tir->tensors[m->tensor].dt, sums ? get(w, w->acc[w->k]) : zeros(w)), when);
    }
    w->k = 0;
    low_forget_instance(w);
}

/* Place that entry p names; where there is no such entry, one that no entry names. */
static LirVal place_at(Low *w, LirVal p)
{
    LirVal there = both(w, lir_op2(w->fn, LIR_GE, p, low_ci(w, 0)), lir_op2(w->fn, LIR_LT, p, low_sorted_end(w)));
    return lir_op3(w->fn, LIR_SELECT, there, low_place_of(w, low_load_at(w, DT_I64, 1, low_sorted(w, p), there, 8)), low_ci(w, -1));
}

static LirVal place_behind(Low *w, LirVal p, int by) { return place_at(w, add(w, p, low_ci(w, by))); }

/* What a list shares with those beside it. A place with entries in three lists or more is left to the join; one with entries in two belongs to
 * the first of them. */
typedef struct Shared {
    LirVal p, end;              /* i32: the list's entries */
    LirVal first, last;         /* i32: places that its first and its last entry name */
    LirVal skip, leading;       /* bool: the first place is another list's; it has begun before, and is left to the join */
    LirVal on, trailing;        /* bool: the last place goes on in the next list, which leaves it to this one; it begins here, and is left to the join */
} Shared;

static Shared shared_of(Low *w, LirVal list)
{
    LirVal p = times(w, list, LIST), first = place_at(w, p), last = place_behind(w, p, LIST - 1);
    LirVal begun = both(w, same(w, place_behind(w, p, -1), first), low_named(w, first)), there = both(w, low_named(w, last), lir_op2(w->fn, LIR_GE, last, low_ci(w, 0)));
    LirVal goes_on = both(w, same(w, place_behind(w, p, LIST), last), there);
    LirVal far_back = same(w, place_behind(w, p, -LIST - 1), first), far_on = same(w, place_behind(w, p, 2 * LIST), last);
    LirVal all = both(w, begun, both(w, goes_on, same(w, first, last)));       /* of one place that begins before and goes on after it */
    LirVal left = lir_op2(w->fn, LIR_OR, far_back, all), begins = lir_op1(w->fn, LIR_NOT, both(w, begun, same(w, first, last)));
    return (Shared){p, add(w, p, low_ci(w, LIST)), first, last, both(w, begun, lir_op1(w->fn, LIR_NOT, left)), both(w, begun, left),
                    both(w, both(w, goes_on, begins), lir_op1(w->fn, LIR_NOT, far_on)), both(w, both(w, goes_on, begins), far_on)};
}

/* The sum at hand is that of all entries of `place`, or of those of the list. */
static void put_sum(Low *w, LirVal list, LirVal leading, LirVal place)
{
    low_mark(w, LIR_IF, leading);
    partial_store(w, list, LEADING);
    low_mark(w, LIR_ELSE, 0);
    low_write_place(w, place, true, 0);
    low_mark(w, LIR_END, 0);
}

/* Entries p .. p + n, in one; such as name no place, where there are none. */
static LirVal some_entries(Low *w, LirVal p)
{
    LirVal there = lir_op2(w->fn, LIR_LT, p, low_sorted_end(w)), none = lir_splat(w->fn, lir_ci(w->fn, DT_I64, -1), at_once(w));
    return lir_op3(w->fn, LIR_SELECT, there, low_load_at(w, DT_I64, at_once(w), low_sorted(w, p), there, 8 * at_once(w)), none);
}

static LirVal nth_entry(Low *w, LirVal some, int u)
{
    return at_once(w) == 1 ? some : lir_add(w->fn, (LirOp){.op = LIR_EXTRACT, .dt = DT_I64, .lanes = 1, .ref = -1, .a = {some}, .imm.i = u});
}

/* Entries of a list from p on, or of the next one as far as they belong to its last place, and of its sum so far; `leading` tells whether the first
 * place is still at hand, which began before. `next` are those behind them. */
static void sum_entries(Low *w, LirVal list, const Shared *x, LirVal p, LirVal some, LirVal next, LirVal leading)
{
    int n = at_once(w);
    LirVal place[AT_ONCE + 1], in[AT_ONCE], v[AT_ONCE][LOW_MAX_PER], own = lir_op2(w->fn, LIR_LT, p, x->end);
    for (int u = 0; u < n; u++) {
        place[u] = low_place_of(w, nth_entry(w, some, u));
        LirVal skipped = both(w, x->skip, same(w, place[u], x->first)), belongs = lir_op2(w->fn, LIR_OR, own, same(w, place[u], x->last));
        in[u] = both(w, both(w, low_named(w, place[u]), belongs), lir_op1(w->fn, LIR_NOT, skipped));
        low_row_of(w, nth_entry(w, some, u), in[u], v[u]);
    }
    place[n] = low_place_of(w, nth_entry(w, next, 0));
    for (int u = 0; u < n; u++) {
        for (int k = 0; k < w->s->per; k++)
            lir_set(w->fn, w->acc[k], add(w, get(w, w->acc[k]), v[u][k]));
        low_mark(w, LIR_IF, both(w, in[u], differ(w, place[u], place[u + 1])));
        put_sum(w, list, get(w, leading), place[u]);
        low_sums_clear(w);
        lir_set(w->fn, leading, lir_ci(w->fn, DT_BOOL, 0));
        low_mark(w, LIR_END, 0);
    }
}

static void sum_list(Low *w, LirVal list)
{
    Shared x = shared_of(w, list);
    LirVal leading = var_of(w, x.leading);
    LirVal var = var_of(w, x.p), ahead = var_of(w, some_entries(w, x.p)), more = var_of(w, lir_ci(w->fn, DT_BOOL, 1));
    low_sums_clear(w);
    /* groups of a warp, too, may leave apart: they go on as far as their last place does */
    lir_add(w->fn, (LirOp){.op = LIR_LOOP, .ref = -1, .flags = LIR_F_APART, .imm.i = w->s->lanes});
    low_mark(w, LIR_WHILE, get(w, more));
    LirVal p = get(w, var), behind = add(w, p, low_ci(w, at_once(w))), some = get(w, ahead), next = some_entries(w, behind);
    sum_entries(w, list, &x, p, some, next, leading);
    lir_set(w->fn, var, behind);
    lir_set(w->fn, ahead, next);
    LirVal on = both(w, both(w, x.on, same(w, low_place_of(w, nth_entry(w, next, 0)), x.last)), lir_op2(w->fn, LIR_LT, behind, add(w, x.end, low_ci(w, LIST))));
    lir_set(w->fn, more, lir_op2(w->fn, LIR_OR, lir_op2(w->fn, LIR_LT, behind, x.end), on));
    low_mark(w, LIR_END, 0);
    LirVal ends_leading = both(w, get(w, leading), both(w, same(w, place_at(w, x.end), x.last), same(w, x.first, x.last)));
    low_mark(w, LIR_IF, ends_leading);
    partial_store(w, list, LEADING);
    low_mark(w, LIR_END, 0);
    low_mark(w, LIR_IF, x.trailing);
    partial_store(w, list, TRAILING);
    low_mark(w, LIR_END, 0);
}

/* `run` places from r on that nobody names. */
static void clear_places(Low *w, LirVal r)
{
    LirVal free[64], at[64], marks[64];
    int vec = w->s->run % 4 ? 1 : 4;
    for (int i = 0; i < w->s->run; i += vec)
        marks[i / vec] = low_load_at(w, DT_I32, vec, low_mark_of(w, add(w, r, low_ci(w, i))), 0, 4 * vec);
    for (int i = 0; i < w->s->run; i++) {
        at[i] = add(w, r, low_ci(w, i));
        LirVal mark = vec == 1 ? marks[i] : lir_add(w->fn, (LirOp){.op = LIR_EXTRACT, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {marks[i / vec]}, .imm.i = i % vec});
        LirVal in = lir_op2(w->fn, LIR_LT, at[i], lir_cast(w->fn, DT_I32, low_extent(w, row_view_places(w->rv))));
        free[i] = lir_op2(w->fn, LIR_AND, in, lir_op2(w->fn, LIR_EQ, mark, low_ci(w, 0)));
    }
    for (int i = 0; i < w->s->run; i++)
        low_write_place(w, at[i], false, free[i]);
}

/* What a block does in the columns at hand: lists, or zeros. */
static void sum_or_clear(Low *w, LirVal nth)
{
    int rows = w->s->rows;
    LirVal lists = ceil_div(w, w->ninst, rows * LIST);
    low_mark(w, LIR_IF, lir_op2(w->fn, LIR_LT, nth, lists));
    LirVal list = add(w, times(w, nth, rows), w->grp);
    low_mark(w, LIR_IF, lir_op2(w->fn, LIR_LT, times(w, list, LIST), w->ninst));
    sum_list(w, list);
    low_mark(w, LIR_END, 0);
    low_mark(w, LIR_ELSE, 0);
    clear_places(w, times(w, add(w, times(w, lir_op2(w->fn, LIR_SUB, nth, lists), rows), w->grp), w->s->run));
    low_mark(w, LIR_END, 0);
}

/* f for the block's columns, with its number among those of the same columns. */
static void each_tile(Low *w, void (*f)(Low *w, LirVal nth))
{
    if (w->s->split) {
        LirVal tiles = low_tiles(w);
        w->turn = times(w, lir_op2(w->fn, LIR_REM, w->block, tiles), low_tile(w));
        f(w, lir_op2(w->fn, LIR_DIV, w->block, tiles));
    } else if (w->s->len == LEN_ANY) {
        LirVal var = var_of(w, low_ci(w, 0)), turn = low_loop_begin(w, var, w->rowlen);
        w->turn = turn;
        f(w, w->block);
        w->turn = 0;
        low_loop_end(w, var, turn, low_ci(w, low_tile(w)));
    } else
        f(w, w->block);
}

/* ---- before the order is known ---- */

enum { LINE = 128, LASTING = 10 };

int low_warm_lines(const Low *w) { return w->fn->pdl && w->s->align != ALIGN_SCALAR ? w->s->warm * ((1 << 20) / LINE) : 0; }

void low_ask_line(Low *w, LirVal line, LirVal end)
{
    LirVal nobody = low_ci(w, 0);
    for (uint32_t i = 0; i < w->rv->nload; i++) {
        const RowMem *m = &w->rv->load[i];
        const TirOp *o = &w->tir->ops[m->op];
        if (!m->inst || !row_plain_place(w->tir, o))
            continue;
        int bytes = dt_bytes(w->tir->tensors[m->tensor].dt);
        LirVal lines = lir_op2(w->fn, LIR_MAX, over(w, times(w, w->rowlen, bytes), LINE), low_ci(w, 1)), q = lir_op2(w->fn, LIR_DIV, line, lines);
        LirVal all = product(w, whole(w, w->ninst), whole(w, lines)), few = lir_op2(w->fn, LIR_LE, all, lir_ci(w->fn, DT_I64, (int64_t)LASTING * low_warm_lines(w)));
        low_mark(w, LIR_IF, both(w, few, both(w, less(w, line, end), less(w, q, w->ninst))));
        Low v = *w;
        v.lane = v.at = nobody;
        low_own_values(&v);
        low_set_instance(&v, q, true);
        low_mark(w, LIR_PREFETCH, add(w, low_base(&v, o, m), low_mul_i64(w, sub(w, line, product(w, q, lines)), LINE)));
        low_mark(w, LIR_END, 0);
    }
}

/* Waits for the order; the memory does not wait meanwhile. */
static void await_order(Low *w, int threads)
{
    int lines = low_warm_lines(w);
    if (lines)
        low_ask_line(w, add(w, times(w, w->block, threads), w->tid), low_ci(w, lines));
    low_launch_wait(w);
}

static int columns_a_block(const Low *w) { return w->s->split ? low_tile(w) : INT32_MAX; }

static void sums(const Low *first, const char *symbol)
{
    Low w;
    const Sched *s = first->s;
    low_launch_open(&w, first, SCATTER_SUMS, symbol, s->rows * s->lanes);
    w.fn->min_ctas = (uint32_t)s->ctas;
    await_order(&w, s->rows * s->lanes);
    low_launch_go(&w);
    low_open_groups(&w, s->rows);
    low_sums_new(&w);
    each_tile(&w, sum_or_clear);
    low_launch_close(&w, (LowLaunch){.grid = LOW_G_PLACES_COLUMNS, .per = s->rows * LIST, .per2 = s->rows * s->run, .per3 = columns_a_block(&w)});
}

/* ---- join ---- */

/* Groups of lanes, each of which has some lists of the block's. */
static int join_groups(bool host) { return host ? 1 : JOIN_GROUPS; }
static int join_lists(bool host) { return host ? 1 : JOIN_LISTS; }

/* Adds the leading partial sums of lists from m on, as many as are read at once, where they name r. */
static void add_some(Low *w, LirVal m, LirVal r)
{
    LirVal v[AT_ONCE];
    for (int u = 0; u < at_once(w); u++) {
        LirVal list = add(w, m, low_ci(w, u));
        v[u] = partial_load(w, list, LEADING, same(w, place_at(w, times(w, list, LIST)), r));
    }
    for (int u = 0; u < at_once(w); u++)
        lir_set(w->fn, w->acc[0], add(w, get(w, w->acc[0]), v[u]));
}

/* Adds those of all lists from m on that name r, in rounds of which each group has its own. */
static void add_all(Low *w, LirVal m, LirVal r)
{
    int n = at_once(w), all = n * join_groups(w->host);
    LirVal var = var_of(w, m), more = var_of(w, lir_ci(w->fn, DT_BOOL, 1));
    low_mark(w, LIR_LOOP, 0);
    low_mark(w, LIR_WHILE, get(w, more));
    LirVal at = get(w, var), end = add(w, at, low_ci(w, all));
    lir_set(w->fn, more, same(w, place_at(w, times(w, lir_op2(w->fn, LIR_SUB, end, low_ci(w, 1)), LIST)), r));
    add_some(w, add(w, at, times(w, w->grp, n)), r);
    lir_set(w->fn, var, end);
    low_mark(w, LIR_END, 0);
}

/* The groups' sums together, which the first group then has. */
static void add_groups(Low *w)
{
    int groups = join_groups(w->host), bytes = low_tile(w) * 4, align = 4 * w->s->vec < 16 ? 4 : 16;
    LirVal lane = times(w, w->lane, 4 * w->s->vec);
    if (groups == 1)
        return;
    lir_add(w->fn, (LirOp){.op = LIR_STS, .ref = -1, .a = {add(w, lane, times(w, w->grp, bytes)), get(w, w->acc[0])}, .imm.i = align});
    low_mark(w, LIR_BAR, 0);
    LirVal var = var_of(w, low_ci(w, 1)), g = low_loop_begin(w, var, low_ci(w, groups));
    LirOp from = {.op = LIR_LDS, .dt = DT_F32, .lanes = (uint8_t)w->s->vec, .ref = -1, .a = {add(w, lane, times(w, g, bytes))}, .imm.i = align};
    lir_set(w->fn, w->acc[0], add(w, get(w, w->acc[0]), lir_add(w->fn, from)));
    low_loop_end(w, var, g, low_ci(w, 1));
    low_mark(w, LIR_BAR, 0);            /* before the next sums come there */
}

/* Does list's last place go past the lists that are read at once? */
static LirVal goes_far(Low *w, const Shared *x) { return same(w, place_behind(w, x->p, LIST * (1 + at_once(w))), x->last); }

static void take_trailing(Low *w, LirVal list, LirVal when) { lir_set(w->fn, w->acc[0], partial_load(w, list, TRAILING, when)); }

/* In shared memory behind the groups' sums: the place of the block's list i that goes far, else -1. */
static LirVal far_at(Low *w, LirVal i) { return add(w, low_ci(w, join_groups(w->host) * low_tile(w) * 4), times(w, i, 4)); }

static LirVal far_places(Low *w, LirVal i, int n) { return lir_add(w->fn, (LirOp){.op = LIR_LDS, .dt = DT_I32, .lanes = (uint8_t)n, .ref = -1, .a = {far_at(w, i)}, .imm.i = 4 * n}); }

/* Has any of the block's n lists a place to join? Most blocks have none, and are done. A lane looks at one of them. */
static LirVal any_to_join(Low *w, LirVal list, int n)
{
    LirVal none = low_ci(w, -1), most = none;
    low_mark(w, LIR_IF, less(w, w->tid, low_ci(w, n)));
    Shared x = shared_of(w, add(w, list, w->tid));
    lir_add(w->fn, (LirOp){.op = LIR_STS, .ref = -1, .a = {far_at(w, w->tid), pick(w, x.trailing, x.last, none)}, .imm.i = 4});
    low_mark(w, LIR_END, 0);
    low_launch_wait(w);     /* for the sums: the entries are in order since before they began */
    low_mark(w, LIR_BAR, 0);
    for (int i = 0; i < n; i += JOIN_LISTS)
        most = lir_op2(w->fn, LIR_MAX, most, lir_add(w->fn, (LirOp){.op = LIR_HMAX, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {far_places(w, low_ci(w, i), JOIN_LISTS)}}));
    low_mark(w, LIR_BAR, 0);            /* before others come there */
    return lir_op2(w->fn, LIR_GE, most, low_ci(w, 0));
}

/* The group's own lists, from the block's `own` on, if their places do not go far; the others are told which do. */
static void join_near(Low *w, LirVal list, LirVal own)
{
    Shared x[JOIN_LISTS];
    LirVal far[JOIN_LISTS], first = same(w, w->lane, low_ci(w, 0));
    for (int u = 0; u < JOIN_LISTS; u++) {
        x[u] = shared_of(w, add(w, list, low_ci(w, u)));
        far[u] = both(w, x[u].trailing, goes_far(w, &x[u]));
    }
    for (int u = 0; u < JOIN_LISTS; u++) {
        LirVal place = lir_op3(w->fn, LIR_SELECT, far[u], x[u].last, low_ci(w, -1)), mine = add(w, list, low_ci(w, u));
        lir_add(w->fn, (LirOp){.op = LIR_STSP, .ref = -1, .a = {far_at(w, add(w, own, low_ci(w, u))), place, first}, .imm.i = 4});
        low_mark(w, LIR_IF, both(w, x[u].trailing, lir_op1(w->fn, LIR_NOT, far[u])));
        take_trailing(w, mine, 0);
        add_some(w, add(w, mine, low_ci(w, 1)), x[u].last);
        low_write_place(w, x[u].last, true, 0);
        low_mark(w, LIR_END, 0);
    }
    low_mark(w, LIR_BAR, 0);
}

/* All groups, for a list whose place goes far. */
static void join_far(Low *w, LirVal list, LirVal place)
{
    LirVal first = same(w, w->grp, low_ci(w, 0));
    mark_uniform(w, LIR_IF, lir_op2(w->fn, LIR_GE, place, low_ci(w, 0)));
    take_trailing(w, list, first);
    add_all(w, add(w, list, low_ci(w, 1)), place);
    add_groups(w);
    low_mark(w, LIR_IF, first);
    low_write_place(w, place, true, 0);
    low_mark(w, LIR_END, 0);
    mark_uniform(w, LIR_END, 0);
}

/* Those of each group in turn: most have none. */
static void join_lists_far(Low *w, LirVal list)
{
    LirVal var = var_of(w, low_ci(w, 0)), i = low_loop_begin(w, var, low_ci(w, JOIN_GROUPS * JOIN_LISTS));
    LirVal most = lir_add(w->fn, (LirOp){.op = LIR_HMAX, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {far_places(w, i, JOIN_LISTS)}});
    mark_uniform(w, LIR_IF, lir_op2(w->fn, LIR_GE, most, low_ci(w, 0)));
    LirVal one = var_of(w, i), k = low_loop_begin(w, one, add(w, i, low_ci(w, JOIN_LISTS)));
    join_far(w, add(w, list, k), far_places(w, k, 1));
    low_loop_end(w, one, k, low_ci(w, 1));
    mark_uniform(w, LIR_END, 0);
    low_loop_end(w, var, i, low_ci(w, JOIN_LISTS));
}

static void join(const Low *first, const char *symbol)
{
    Low w, as = *first;
    Sched s = join_sched(first->s, first->host);
    int groups = join_groups(first->host);
    as.s = &s;
    low_launch_open(&w, &as, SCATTER_JOIN, symbol, groups * s.lanes);
    low_launch_go(&w);
    low_open_groups(&w, groups);
    w.fn->smem = w.host ? 0 : (uint32_t)(groups * (low_tile(&w) + JOIN_LISTS) * 4);
    low_sums_new(&w);
    LirVal tiles = low_tiles(&w);
    w.turn = times(&w, lir_op2(w.fn, LIR_REM, w.block, tiles), low_tile(&w));
    int lists = groups * join_lists(w.host);
    LirVal list = times(&w, lir_op2(w.fn, LIR_DIV, w.block, tiles), lists);
    if (w.host) {
        Shared x = shared_of(&w, list);
        join_far(&w, list, lir_op3(w.fn, LIR_SELECT, x.trailing, x.last, low_ci(&w, -1)));
    } else {
        LirVal own = times(&w, w.grp, JOIN_LISTS);
        mark_uniform(&w, LIR_IF, any_to_join(&w, list, lists));
        join_near(&w, add(&w, list, own), own);
        join_lists_far(&w, list);
        mark_uniform(&w, LIR_END, 0);
    }
    low_launch_close(&w, (LowLaunch){.grid = LOW_G_GROUPS_COLUMNS, .per = lists * LIST, .per2 = low_tile(&w), .work_bytes = lists * 2 * low_tile(&w) * 4});
}

void low_scatter(Low *w, const char *symbol)
{
    if (w->s->bins) {
        low_bins(w, symbol);
        return;
    }
    low_sort(w, symbol);
    sums(w, symbol);
    join(w, symbol);
}
