/* row_view.c: finds the row axis, the phases and the memory operations of a row kernel. See row_view.h. */
#include "row_view.h"

#include <string.h>

static bool limit(Diag *d, Span sp, const char *what)
{
    diag_report(d, DIAG_LIMIT, LG_NO_ROW_FORM, sp, "%s has no row form yet", what);
    return false;
}

static bool is_reduce(const TirOp *o) { return tir_op_kind(o->op) == TIR_K_REDUCE; }

/* The axis reduced over, else the innermost axis of the first tile stored or summed. */
static uint32_t find_row_axis(const TirFn *fn)
{
    for (uint32_t i = 1; i < fn->nops; i++)
        if (is_reduce(&fn->ops[i]))
            return fn->ops[i].ref;
    for (uint32_t i = 1; i < fn->nops; i++) {
        const TirOp *o = &fn->ops[i];
        if ((o->op == TIR_STORE || o->op == TIR_ACC) && fn->ops[o->a[0]].nax)
            return fn->ops[o->a[0]].ax[fn->ops[o->a[0]].nax - 1];
    }
    for (uint32_t i = 1; i < fn->nops; i++)                 /* a scalar repeated along a tile */
        for (uint32_t k = fn->ops[i].nix; fn->ops[i].op == TIR_STORE && k-- > 0;)
            if (fn->ix[fn->ops[i].ix + k].kind == TIR_IX_SLICE)
                return fn->ix[fn->ops[i].ix + k].axis;
    return UINT32_MAX;
}

static bool has_axis(const TirOp *o, uint32_t axis)
{
    for (int i = 0; i < o->nax; i++)
        if (o->ax[i] == axis)
            return true;
    return false;
}

static bool add_promoted(RowView *rv, uint16_t axis)
{
    for (uint32_t i = 0; i < rv->npromoted; i++)
        if (rv->promoted[i] == axis)
            return true;
    if (rv->npromoted == TIR_MAX_AXES || rv->npars + rv->npromoted >= ROW_MAX_COORDS)
        return false;
    rv->promoted[rv->npromoted++] = axis;
    return true;
}

static bool note_axes(RowView *rv, const TirOp *o, Diag *d)
{
    for (int i = 0; i < o->nax; i++)
        if (o->ax[i] != rv->row_axis && !add_promoted(rv, o->ax[i]))
            return limit(d, o->sp, "a tile of so many axes");
    return true;
}

/* Does the place of a store run along the row?  The value need not: it is repeated then. */
static bool along_row(const RowView *rv, const TirOp *o)
{
    for (uint32_t i = 0; i < o->nix; i++)
        if (rv->fn->ix[o->ix + i].kind == TIR_IX_SLICE && rv->fn->ix[o->ix + i].axis == rv->row_axis)
            return true;
    return false;
}

/* Does the place of a load or store differ between instances? */
static bool index_is_inst(const RowView *rv, const TirOp *o)
{
    for (uint32_t i = 0; i < o->nix; i++) {
        const TirIndex *x = &rv->fn->ix[o->ix + i];
        if (x->kind == TIR_IX_SLICE && x->axis != rv->row_axis)
            return true;
        if (x->val && rv->is_inst[x->val])
            return true;
    }
    return false;
}

static int start_multiple(const RowView *rv, TirVal start)
{
    if (!start)
        return 0;
    const TirOp *o = &rv->fn->ops[start];
    if (o->op == TIR_CONST)
        return o->imm.i == 0 ? 0 : -1;
    if (o->op != TIR_EXTENT || !o->ext)
        return -1;
    TirExt n = row_view_ext(rv);
    for (int m = 0; m <= 8; m++)
        if (tir_ext_eq(*o->ext, tir_ext_scale(n, m, 1)))
            return m;
    return -1;
}

static bool note_mem(RowView *rv, RowMem *list, uint32_t *n, TirVal v, bool is_row, Diag *d)
{
    const TirOp *o = &rv->fn->ops[v];
    if (!is_row)
        return true;
    if (*n == ROW_MAX_MEM)
        return limit(d, o->sp, "a kernel with so many row accesses");
    RowMem m = {.op = v, .tensor = o->ref, .row_dim = -1, .step = 1, .inst = index_is_inst(rv, o)};
    for (uint32_t i = 0; i < o->nix; i++) {
        const TirIndex *x = &rv->fn->ix[o->ix + i];
        if (x->kind == TIR_IX_TILE)
            return limit(d, o->sp, "an index that is a tile");
        if (x->kind == TIR_IX_SLICE && x->axis == rv->row_axis) {
            if (m.row_dim >= 0)
                return limit(d, o->sp, "a diagonal access");
            m.row_dim = (int)i;
            m.step = x->step ? x->step : 1;
            m.start_mul = start_multiple(rv, x->val);
        }
    }
    list[(*n)++] = m;
    return true;
}

int row_view_steps(const RowView *rv, TirOpcode op) { return op == TIR_ARGMAX || (op == TIR_SQDEV && rv->again) ? 2 : 1; }

int row_view_words(const RowView *rv, TirVal v)
{
    TirOpcode op = rv->fn->ops[v].op;
    if (rv->pick[v])
        return 1;
    if (!is_reduce(&rv->fn->ops[v]) || rv->shares[v])
        return 0;
    return op == TIR_LSE ? 2 : op == TIR_SQDEV && !rv->again ? 3 : 1;
}

static void note_words(const RowView *rv, TirVal v, RowShared *r)
{
    const TirOp *o = &rv->fn->ops[v];
    int words = row_view_words(rv, v), steps = rv->pick[v] ? 1 : row_view_steps(rv, o->op);
    for (int p = rv->phase[v] - steps; words && p < rv->phase[v] && p < r->walks; p++) {
        r->walk[p].words += (uint8_t)words;
        r->walk[p].variances += words == 3;
        r->walk[p].picks += rv->pick[v] != ROW_NO_PICK;
    }
    if (rv->pick[v] || is_reduce(o))
        r->wide |= dt_bytes(o->op == TIR_ARGMAX ? rv->fn->ops[o->a[0]].dt : o->dt) == 8;
}

/* Scalar results, where each is a store that every row makes. */
static uint8_t count_told(const RowView *rv)
{
    uint8_t n = 0;
    for (TirVal v = 1; v < rv->fn->nops; v++) {
        const TirOp *o = &rv->fn->ops[v];
        if ((o->op != TIR_STORE && o->op != TIR_ACC) || rv->is_row[v])
            continue;
        if (o->op == TIR_ACC || rv->guard[v])
            return 0;
        n++;
    }
    return n;
}

RowShared row_shared(const RowView *rv)
{
    RowShared r = {.walks = rv->last_phase + 1, .nload = rv->nload, .sums = (uint8_t)rv->nacc, .told = rv->scatter ? 0 : count_told(rv),
                   .aside = (uint8_t)row_view_aside(rv)};
    for (TirVal v = 1; v < rv->fn->nops; v++)
        note_words(rv, v, &r);
    for (uint32_t i = 0; i < rv->nload; i++) {
        r.load[i].bytes = (uint8_t)dt_bytes(rv->fn->tensors[rv->load[i].tensor].dt);
        r.load[i].inst = rv->load[i].inst;
    }
    return r;
}

bool row_plain_place(const TirFn *fn, const TirOp *o)
{
    bool plain = true;
    for (uint32_t i = 0; i < o->nix; i++) {
        TirVal v = fn->ix[o->ix + i].val;
        plain &= !v || fn->ops[v].op == TIR_COORD || fn->ops[v].op == TIR_CONST;
    }
    return plain;
}

/* Does the kernel write along the row where tensor t is read? */
static bool overwritten(const TirFn *fn, uint16_t t)
{
    for (TirVal v = 1; v < fn->nops; v++)
        if (fn->ops[v].op == TIR_STORE && (fn->ops[v].ref == t || fn->tensors[fn->ops[v].ref].over == t + 1))
            for (uint32_t i = 0; i < fn->ops[v].nix; i++)
                if (fn->ix[fn->ops[v].ix + i].kind == TIR_IX_SLICE)
                    return true;
    return false;
}

/* The place is a whole row of a matrix: what nobody names in it is zero all the same. */
static bool is_whole_row(RowView *rv, const TirOp *o)
{
    const TirIndex *x = &rv->fn->ix[o->ix];
    const TirExt *shape = rv->fn->tensors[o->ref].shape;
    rv->place_dim = o->nix == 2 && x[0].kind == TIR_IX_SLICE;
    return o->nix == 2 && x[rv->place_dim].kind == TIR_IX_SCALAR && x[1 - rv->place_dim].kind == TIR_IX_SLICE && x[1 - rv->place_dim].axis == rv->row_axis &&
           tir_ext_eq(shape[1 - rv->place_dim], row_view_ext(rv));
}

static bool reduces(const TirFn *fn)
{
    for (TirVal v = 1; v < fn->nops; v++)
        if (is_reduce(&fn->ops[v]))
            return true;
    return false;
}

int row_view_held(const RowView *rv, TirVal v)
{
    const TirOp *o = &rv->fn->ops[v];
    for (uint32_t i = 0; i < rv->nload; i++) {
        const RowMem *m = &rv->load[i];
        const TirOp *row = &rv->fn->ops[m->op];
        bool same = m->tensor == o->ref && m->inst && m->step == 1 && m->start_mul == 0 && rv->fn->ix[o->ix + (uint32_t)m->row_dim].kind == TIR_IX_SCALAR;
        for (uint32_t d = 0; d < o->nix && same; d++)
            same = (int)d == m->row_dim || (rv->fn->ix[row->ix + d].kind == TIR_IX_SCALAR && rv->fn->ix[row->ix + d].val == rv->fn->ix[o->ix + d].val);
        if (same)
            return (int)i;
    }
    return -1;
}

/* A sum into rows that an index picks: one a nest, of tiles that nothing but their instance decides. */
static bool note_scatter(RowView *rv, TirVal v, Diag *d)
{
    const TirOp *o = &rv->fn->ops[v];
    if (!is_whole_row(rv, o))
        return limit(d, o->sp, "a sum through indices other than one of whole rows of a matrix");
    if (rv->scatter || rv->nstore || rv->nacc)
        return limit(d, o->sp, "a sum through an index beside other rows that are written");
    if (!dt_is_float((DType)rv->fn->tensors[o->ref].dt))
        return limit(d, o->sp, "a sum of integers through an index, into an out tensor,");
    if (rv->phase[v])
        return limit(d, o->sp, "a sum through an index of what a reduction gives");
    rv->scatter = v;
    rv->is_row[v] = 1;
    return note_mem(rv, rv->store, &rv->nstore, v, true, d);
}

static bool visit(RowView *rv, TirVal v, Diag *d)
{
    const TirOp *o = &rv->fn->ops[v];
    int phase = 0;
    bool inst = false;
    for (int i = 0; i < tir_op_nargs(o->op); i++) {
        phase = rv->phase[o->a[i]] > phase ? rv->phase[o->a[i]] : phase;
        inst |= rv->is_inst[o->a[i]];
    }
    for (uint32_t i = 0; i < o->nix; i++) {
        TirVal x = rv->fn->ix[o->ix + i].val;
        phase = x && rv->phase[x] > phase ? rv->phase[x] : phase;
    }
    if (rv->guard[v] && rv->phase[rv->guard[v]] > phase)
        phase = rv->phase[rv->guard[v]];
    if (!note_axes(rv, o, d))
        return false;
    for (uint32_t i = 0; o->op == TIR_STORE && i < o->nix; i++) {      /* other axes of the place, which the value may lack */
        const TirIndex *x = &rv->fn->ix[o->ix + i];
        if (x->kind == TIR_IX_SLICE && x->axis != rv->row_axis && !add_promoted(rv, x->axis))
            return limit(d, o->sp, "a tile of so many axes");
    }
    rv->is_row[v] = has_axis(o, rv->row_axis);
    if (is_reduce(o)) {
        if (o->ref != rv->row_axis)
            return limit(d, o->sp, "a reduction over a second axis");
        phase += row_view_steps(rv, o->op);
    }
    if (o->op == TIR_LOAD)
        inst = index_is_inst(rv, o);
    if (o->op == TIR_LOAD && !rv->is_row[v])
        rv->pick[v] = overwritten(rv->fn, o->ref) ? ROW_PICK_FIRST : reduces(rv->fn) && row_view_held(rv, v) >= 0 ? ROW_PICK : ROW_NO_PICK;
    phase += rv->pick[v] != ROW_NO_PICK;
    if (o->op == TIR_COORD || (o->op == TIR_IOTA && o->ref != rv->row_axis))
        inst = true;
    if (o->op == TIR_ELEM)
        return limit(d, o->sp, "an element of a tile");
    if (phase > ROW_MAX_PHASES)
        return limit(d, o->sp, "a row walked so often, for reductions that need one another's results,");
    rv->phase[v] = phase;
    rv->is_inst[v] = inst;
    switch (o->op) {
    case TIR_LOAD:  return note_mem(rv, rv->load, &rv->nload, v, rv->is_row[v], d);
    case TIR_STORE:
        rv->is_row[v] = along_row(rv, o);
        if (rv->is_row[v] && rv->scatter)
            return limit(d, o->sp, "a row written beside a sum through an index");
        return note_mem(rv, rv->store, &rv->nstore, v, rv->is_row[v], d);
    case TIR_ACC:
        if (!rv->is_row[o->a[0]] && rv->fn->tensors[o->ref].mode == TIR_INOUT)
            return true;             /* an integer added to one place */
        if (rv->is_row[o->a[0]] && index_is_inst(rv, o))
            return note_scatter(rv, v, d);
        if (!rv->is_row[o->a[0]] || rv->scatter)
            return limit(d, o->sp, "a cross-row sum other than one along the whole row");
        rv->is_row[v] = 1;
        return note_mem(rv, rv->acc, &rv->nacc, v, true, d);
    default:        return true;
    }
}

static bool visit_all(RowView *rv, Arena *a, Diag *d)
{
    const TirFn *fn = rv->fn;
    TirVal *stack = ARENA_ARRAY(a, TirVal, fn->nops + 1);
    uint8_t *other = ARENA_ARRAY(a, uint8_t, fn->nops + 1);
    uint32_t depth = 0;
    for (uint32_t v = 1; v < fn->nops; v++) {
        const TirOp *o = &fn->ops[v];
        if (o->op == TIR_PAR) {
            if (rv->par_op)
                return limit(d, o->sp, "a second par nest");
            rv->par_op = v;
            rv->first_par = o->ref;
            rv->npars = o->ref2;
        }
        if (o->op == TIR_END) {
            depth -= depth > 0;
            continue;
        }
        if (o->op == TIR_ELSE) {
            other[depth] = 1;
            continue;
        }
        rv->guard[v] = depth && fn->ops[stack[depth]].op == TIR_IF ? stack[depth] : 0;
        rv->guard_else[v] = other[depth];
        if (o->op == TIR_PAR || o->op == TIR_IF) {
            stack[++depth] = v;
            other[depth] = 0;
        }
        if (!visit(rv, v, d))
            return false;
    }
    return true;
}

static bool place_has(const TirFn *fn, const TirOp *o, uint32_t axis)
{
    for (uint32_t i = 0; i < o->nix; i++) {
        const TirIndex *x = &fn->ix[o->ix + i];
        if ((x->kind == TIR_IX_SLICE && x->axis == axis) || (x->kind == TIR_IX_TILE && has_axis(&fn->ops[x->val], axis)))
            return true;
    }
    return false;
}

/* Every instance along a promoted axis would do again what is written without it. */
static bool written_once(const RowView *rv, Diag *d)
{
    for (TirVal v = 1; v < rv->fn->nops; v++) {
        const TirOp *o = &rv->fn->ops[v];
        for (uint32_t i = 0; (o->op == TIR_STORE || o->op == TIR_ACC) && i < rv->npromoted; i++)
            if (!place_has(rv->fn, o, rv->promoted[i]))
                return limit(d, o->sp, "a nest that writes along one axis here and along another there");
    }
    return true;
}

/* The last phase in which the row is walked: what comes behind is left to scalars. A row written in place waits for what is picked from it. */
static void note_last_phase(RowView *rv)
{
    for (TirVal v = 1; v < rv->fn->nops; v++) {
        const TirOp *o = &rv->fn->ops[v];
        bool writes = (o->op == TIR_STORE || o->op == TIR_ACC) && rv->is_row[v];
        int last = is_reduce(o) || rv->pick[v] == ROW_PICK ? rv->phase[v] - 1 : writes || rv->pick[v] ? rv->phase[v] : 0;
        rv->last_phase = last > rv->last_phase ? last : rv->last_phase;
    }
}

/* Operands stand before what uses them, so one pass from the end tells all. */
static void note_summed(RowView *rv)
{
    for (TirVal v = rv->fn->nops; v-- > 1;) {
        const TirOp *o = &rv->fn->ops[v];
        for (int i = 0; (is_reduce(o) || rv->summed[v]) && i < tir_op_nargs(o->op); i++)
            rv->summed[o->a[i]] = 1;
    }
}

/* Sums of what a sqdev reduces in the same place. */
static void note_shares(RowView *rv)
{
    const TirFn *fn = rv->fn;
    for (TirVal v = 1; v < fn->nops; v++)
        for (TirVal u = 1; fn->ops[v].op == TIR_SUM && !rv->again && u < fn->nops; u++)
            if (fn->ops[u].op == TIR_SQDEV && fn->ops[u].a[0] == fn->ops[v].a[0] && rv->guard[u] == rv->guard[v] && rv->guard_else[u] == rv->guard_else[v])
                rv->shares[v] = u;
}

TirExt row_view_places(const RowView *rv)
{
    return rv->scatter ? rv->fn->tensors[rv->store[0].tensor].shape[rv->place_dim] : tir_ext_const(0);
}

TirExt row_view_ext(const RowView *rv) { return rv->row_axis == UINT32_MAX ? tir_ext_const(1) : rv->fn->axes[rv->row_axis].ext; }

static bool operands_wait(const RowView *rv, const TirOp *o)
{
    for (int i = 0; i < tir_op_nargs(o->op); i++)
        if (rv->waits[o->a[i]])
            return true;
    for (uint32_t i = 0; i < o->nix; i++)
        if (rv->waits[rv->fn->ix[o->ix + i].val])
            return true;
    return false;
}

/* Operands and guards stand before what uses them. */
static void note_waits(RowView *rv)
{
    for (TirVal v = 1; rv->fn->earlier && v < rv->fn->nops; v++) {
        const TirOp *o = &rv->fn->ops[v];
        rv->waits[v] = operands_wait(rv, o) || rv->waits[rv->guard[v]] || (o->op == TIR_LOAD && rv->fn->earlier[o->ref]);
    }
}

RowView *row_view(const TirFn *fn, bool again, Arena *a, Diag *d)
{
    RowView *rv = ARENA_NEW(a, RowView);
    rv->fn = fn;
    rv->again = again;
    rv->row_axis = find_row_axis(fn);
    rv->is_row = ARENA_ARRAY(a, uint8_t, fn->nops);
    rv->is_inst = ARENA_ARRAY(a, uint8_t, fn->nops);
    rv->pick = ARENA_ARRAY(a, uint8_t, fn->nops);
    rv->shares = ARENA_ARRAY(a, TirVal, fn->nops);
    rv->summed = ARENA_ARRAY(a, uint8_t, fn->nops);
    rv->phase = ARENA_ARRAY(a, int, fn->nops);
    rv->guard = ARENA_ARRAY(a, TirVal, fn->nops);
    rv->guard_else = ARENA_ARRAY(a, uint8_t, fn->nops);
    rv->waits = ARENA_ARRAY(a, uint8_t, fn->nops);
    if (!visit_all(rv, a, d) || !written_once(rv, d))
        return NULL;
    note_waits(rv);
    note_shares(rv);
    note_summed(rv);
    note_last_phase(rv);
    if (rv->scatter && reduces(fn) && !limit(d, fn->ops[rv->scatter].sp, "a sum through an index beside reductions"))
        return NULL;
    return rv;
}

int row_view_dim(const RowView *rv, uint32_t i)
{
    const TirOp *o = rv->nstore ? &rv->fn->ops[rv->store[0].op] : NULL;
    for (int d = 0; o && d < o->nix; d++) {
        const TirIndex *x = &rv->fn->ix[o->ix + (uint32_t)d];
        if (x->kind == TIR_IX_SCALAR && rv->fn->ops[x->val].op == TIR_COORD && rv->fn->ops[x->val].ref == rv->first_par + i)
            return d;
    }
    return -1;
}

static bool of_launch(const TirFn *fn, TirVal v)
{
    const TirOp *o = &fn->ops[v];
    TirOpKind kind = tir_op_kind(o->op);
    bool of = o->op == TIR_PARAM || o->op == TIR_CONST || kind == TIR_K_ELEM || kind == TIR_K_CMP || kind == TIR_K_CAST;
    for (int i = 0; of && i < tir_op_nargs(o->op); i++)
        of = !o->a[i] || of_launch(fn, o->a[i]);
    return of;
}

TirVal row_view_side(const RowView *rv)
{
    TirVal side = 0;
    uint32_t most = 0;
    for (TirVal c = 1; c < rv->fn->nops; c++) {
        uint32_t n = 0;
        for (TirVal v = c; v < rv->fn->nops && !rv->is_row[c] && rv->fn->ops[c].dt == DT_BOOL; v++)
            n += rv->fn->ops[v].op == TIR_SELECT && rv->is_row[v] && rv->fn->ops[v].a[0] == c;
        if (n > most && of_launch(rv->fn, c)) {
            side = c;
            most = n;
        }
    }
    return side;
}

bool row_view_early(const RowView *rv)
{
    bool early = true;
    for (TirVal v = 1; early && v < rv->fn->nops; v++)
        early = !rv->is_row[v] || rv->phase[v] > 0 || !rv->waits[v];
    return early;
}

int row_view_aside(const RowView *rv)
{
    const TirFn *aside = rv->fn->aside;
    int words = 0;
    bool fits = aside && rv->npars == 1 && !rv->npromoted && !rv->nacc && !rv->scatter && rv->last_phase > 0;
    for (TirVal v = 1; fits && v < aside->nops; v++) {
        const TirOp *o = &aside->ops[v];
        bool reduces = tir_op_kind(o->op) == TIR_K_REDUCE;
        words += reduces;
        fits = !reduces || (o->op == TIR_SUM && dt_bytes(o->dt) <= 4 && !o->nax && tir_ext_eq(aside->axes[o->ref].ext, rv->fn->pars[rv->first_par].ext));
    }
    return fits && row_view_early(rv) ? words : 0;
}
