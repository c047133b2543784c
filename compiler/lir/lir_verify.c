/* lir_verify.c: the rules of the lowered IR.
 *
 * In: a function as built.  Out: true, or DIAG_BUG items that name the operation.  Checks each operation by itself (types,
 * lanes, immediates), then where it stands (regions, scope of values, barriers); not whether what it computes is sensible.
 */
#include "lir.h"

typedef struct Check {
    const LirFn *fn;
    Diag     *d;
    LirVal    v;            /* the operation looked at */
    const LirOp *o;
    bool      ok;
    uint32_t *region;       /* by value: the region it is defined in */
    LirVal   *open;         /* stack of open regions: LOOP, IF or ELSE; open[0] is the function */
    uint32_t  depth;
} Check;

static void broken(Check *c, const char *what)
{
    diag_report(c->d, DIAG_BUG, LG_LIR, c->o->sp, "%s: %%%u %s: %s", c->fn->name, c->v, lir_op_name(c->o->op), what);
    c->ok = false;
}

static void want(Check *c, bool holds, const char *what)
{
    if (c->ok && !holds)
        broken(c, what);
}

static const LirOp *arg(const Check *c, int i) { return &c->fn->ops[c->o->a[i]]; }
static bool scalar_of(const Check *c, int i, DType dt) { return arg(c, i)->dt == dt && arg(c, i)->lanes == 1; }
static bool power_of_two(int64_t v) { return v > 0 && !(v & (v - 1)); }
static bool is_store(LirOpcode op) { return op == LIR_STG || op == LIR_ATOM || op == LIR_STGP || op == LIR_STGM || op == LIR_STS || op == LIR_STSP || op == LIR_STSC || op == LIR_SEND; }

/* ---- where an operation stands ---- */

static bool region_is_open(const Check *c, uint32_t region)
{
    for (uint32_t i = 0; i <= c->depth; i++)
        if (c->open[i] == region)
            return true;
    return false;
}

static void check_operands(Check *c)
{
    for (int i = 0; i < lir_op_nargs(c->o->op); i++) {
        LirVal a = c->o->a[i];
        want(c, a > 0 && a < c->v, "an operand does not come before it");
        if (!c->ok)
            return;
        want(c, c->fn->ops[a].dt != DT_NONE, "an operand has no value");
        want(c, region_is_open(c, c->region[a]), "an operand was defined in a region that is closed");
        bool names_var = i == 0 && (c->o->op == LIR_GET || c->o->op == LIR_SET);
        want(c, (c->fn->ops[a].op == LIR_VAR) == names_var, names_var ? "not a variable" : "a variable is read by get");
    }
}

static void check_barrier(Check *c)
{
    for (uint32_t i = 1; i <= c->depth; i++) {
        const LirOp *r = &c->fn->ops[c->open[i]];
        want(c, r->op == LIR_LOOP || r->flags & LIR_F_UNIFORM, "a barrier in a region that threads may enter apart");
        want(c, c->o->op == LIR_BARN || c->o->op == LIR_TAKE || r->op != LIR_LOOP || !(r->flags & LIR_F_APART), "a barrier of the block in a loop that warps leave apart");
    }
}

static void open_region(Check *c) { c->open[++c->depth] = c->v; }

static void check_structure(Check *c)
{
    const LirOp *top = c->depth ? &c->fn->ops[c->open[c->depth]] : NULL;
    switch (c->o->op) {
    case LIR_BAR: case LIR_AWAIT: case LIR_TAKE:
    case LIR_BARN:  check_barrier(c); break;
    case LIR_LOOP:
    case LIR_IF:    open_region(c); break;
    case LIR_WHILE: want(c, top && top->op == LIR_LOOP, "not directly in a loop"); break;
    case LIR_ELSE:
        want(c, top && top->op == LIR_IF, "no if to belong to");
        want(c, !top || (top->flags & LIR_F_UNIFORM) == (c->o->flags & LIR_F_UNIFORM), "uniform on one side of the if only");
        if (c->ok)
            c->open[c->depth] = c->v;
        break;
    case LIR_END:
        want(c, top != NULL, "nothing is open");
        c->depth -= top != NULL;
        break;
    default: break;
    }
}

/* ---- types ---- */

static void same_shape(Check *c, DType dt)
{
    for (int i = 0; i < lir_op_nargs(c->o->op); i++) {
        want(c, arg(c, i)->dt == dt, "operands of different types");
        want(c, arg(c, i)->lanes == c->o->lanes, "operands of different lanes");
    }
}

static void check_elementwise(Check *c)
{
    LirOpcode op = c->o->op;
    bool compare = (op >= LIR_EQ && op <= LIR_GE) || op == LIR_ISNAN || op == LIR_ISINF;
    DType dt = arg(c, 0)->dt;
    same_shape(c, dt);
    want(c, c->o->dt == (compare ? DT_BOOL : dt), "the result has another type");
    if (op >= LIR_AND && op <= LIR_XOR)
        want(c, !dt_is_float(dt), "bits of floats");
    if (op == LIR_SHL || op == LIR_SHR)
        want(c, dt_is_int(dt), "wants integers");
    if ((op >= LIR_EXP && op <= LIR_COS) || op == LIR_POW)
        want(c, dt_is_float(dt), "wants floats");
    if (op == LIR_NOT)
        want(c, !dt_is_float(dt), "bits of floats");
}

static void check_select(Check *c)
{
    want(c, arg(c, 0)->dt == DT_BOOL && (arg(c, 0)->lanes == 1 || arg(c, 0)->lanes == c->o->lanes), "the condition is not bool of one lane or all");
    for (int i = 1; i < 3; i++)
        want(c, arg(c, i)->dt == c->o->dt && arg(c, i)->lanes == c->o->lanes, "the choices have another type");
}

static void check_vector(Check *c)
{
    const LirOp *a = arg(c, 0), *o = c->o;
    switch (o->op) {
    case LIR_CAST:    want(c, a->lanes == o->lanes, "lanes change"); break;
    case LIR_BITS:    want(c, a->lanes == o->lanes && dt_bytes(a->dt) == dt_bytes(o->dt), "the sizes differ"); break;
    case LIR_SPLAT:   want(c, a->lanes == 1 && a->dt == o->dt, "wants a scalar of its type"); break;
    case LIR_EXTRACT: want(c, o->lanes == 1 && a->dt == o->dt && o->imm.i >= 0 && o->imm.i < a->lanes, "no such element"); break;
    case LIR_CONCAT:  want(c, arg(c, 1)->dt == a->dt && a->dt == o->dt && a->lanes + arg(c, 1)->lanes == o->lanes, "lanes do not add up"); break;
    case LIR_INSERT:  want(c, a->dt == o->dt && a->lanes == o->lanes && arg(c, 1)->dt == o->dt && arg(c, 1)->lanes == 1 && scalar_of(c, 2, DT_I32), "wants a scalar of its type and one i32"); break;
    case LIR_SLIDE:   want(c, a->dt == o->dt && a->lanes > o->lanes && power_of_two(a->lanes - o->lanes) && scalar_of(c, 1, DT_I32), "wants a longer vector of its type and one i32"); break;
    case LIR_OPAQUE:
    case LIR_GET:
    case LIR_VAR:     want(c, a->dt == o->dt && a->lanes == o->lanes, "the type changes"); break;
    case LIR_SET:     want(c, arg(c, 1)->dt == a->dt && arg(c, 1)->lanes == a->lanes, "the variable has another type"); break;
    default:          want(c, a->dt == o->dt && o->lanes == 1 && power_of_two(a->lanes), "wants a vector of 2**n elements of its type"); break;
    }
}

static void check_global(Check *c)
{
    LirOpcode op = c->o->op;
    DType dt = is_store(op) ? arg(c, 1)->dt : c->o->dt;
    int first = is_store(op) ? 2 : 1;
    want(c, scalar_of(c, 0, DT_I64), "the address is not one i64");
    want(c, power_of_two(c->o->imm.i) && c->o->imm.i >= dt_bytes(dt) && c->o->imm.i <= 128, "alignment out of range");
    if (op == LIR_LDGP || op == LIR_STGP || op == LIR_ATOM)
        want(c, scalar_of(c, first, DT_BOOL), "the predicate is not one bool");
    if (op == LIR_LDGM || op == LIR_STGM)
        want(c, scalar_of(c, first, DT_I32) && scalar_of(c, first + 1, DT_I32), "the span is not two i32");
    if (op == LIR_ATOM)
        want(c, arg(c, 1)->lanes == 1 && (arg(c, 1)->dt == DT_I32 || arg(c, 1)->dt == DT_I64), "adds one i32 or i64");
    if (is_store(op))
        want(c, !(c->o->flags & LIR_F_CONST), "a store to memory that nobody writes");
}

static void check_shared(Check *c)
{
    const LirOp *o = c->o;
    want(c, scalar_of(c, 0, DT_I32), "the offset is not one i32");
    want(c, c->fn->smem > 0, "the block has no shared memory");
    if (o->op == LIR_STSP)
        want(c, scalar_of(c, 2, DT_BOOL), "the predicate is not one bool");
    if (o->op == LIR_STSC)
        want(c, arg(c, 1)->lanes == 1 && dt_bytes(arg(c, 1)->dt) == 4 && scalar_of(c, 2, DT_I32) && scalar_of(c, 3, DT_BOOL) && c->fn->cluster > 1,
             "wants 32 bits, an i32 rank and a bool, in a cluster");
    if (o->op == LIR_SEND)
        want(c, arg(c, 1)->lanes == 1 && dt_bytes(arg(c, 1)->dt) == 4 && scalar_of(c, 2, DT_I32) && scalar_of(c, 3, DT_I32) && c->fn->cluster > 1,
             "wants 32 bits, an inbox and a rank, in a cluster");
    if (o->op == LIR_CPA) {
        want(c, scalar_of(c, 1, DT_I64) && scalar_of(c, 2, DT_BOOL), "wants an i64 address and a bool");
        want(c, o->imm.i == 4 || o->imm.i == 8 || o->imm.i == 16, "copies 4, 8 or 16 bytes");
        return;
    }
    DType dt = o->op == LIR_LDS ? o->dt : arg(c, 1)->dt;
    want(c, power_of_two(o->imm.i) && o->imm.i >= dt_bytes(dt) && o->imm.i <= 128, "alignment out of range");
}

static void check_inboxes(Check *c)
{
    const LirOp *o = c->o;
    want(c, c->fn->cluster > 1 && o->imm.i > 0, "wants a cluster, and a number");
    if (o->op == LIR_INBOXES)
        want(c, o->imm.i <= LIR_MAX_INBOXES && c->fn->inbox % 8 == 0 && c->fn->inbox + 8u * (uint32_t)o->imm.i <= c->fn->smem, "the inboxes are outside shared memory");
    else
        want(c, scalar_of(c, 0, DT_I32) && scalar_of(c, 1, o->op == LIR_ARM ? DT_BOOL : DT_I32), "wants the number of an inbox and when");
}

static void check_shuffle(Check *c)
{
    const LirOp *a = arg(c, 0), *o = c->o;
    want(c, a->dt == o->dt && a->lanes == 1 && o->lanes == 1 && dt_bytes(a->dt) >= 4, "wants a scalar of 32 or 64 bits");
    want(c, o->imm.i >= 0 && o->imm.i < c->fn->warp, "no such lane in a warp");
}

static void check_leaf(Check *c)
{
    const LirOp *o = c->o;
    if (o->op == LIR_WORD)
        want(c, o->lanes == 1 && o->imm.i >= 0 && o->imm.i < c->fn->nwords, "no such parameter word");
    else if (o->op == LIR_STEPS)
        want(c, dt_is_int(o->dt), "wants integers");
    else if (o->op != LIR_CONST)
        want(c, o->dt == DT_I32 && o->lanes == 1, "is one i32");
}

static void check_types(Check *c)
{
    LirOpcode op = c->o->op;
    switch (op) {
    case LIR_CONST: case LIR_TID: case LIR_CTAID: case LIR_NCTAID: case LIR_CTARANK: case LIR_WORD: case LIR_STEPS:
        check_leaf(c); break;
    case LIR_LDG: case LIR_LDGP: case LIR_LDGM: case LIR_STG: case LIR_STGP: case LIR_STGM: case LIR_ATOM:
        check_global(c); break;
    case LIR_MARK:
        want(c, scalar_of(c, 0, DT_I64) && scalar_of(c, 1, DT_I32) && scalar_of(c, 2, DT_BOOL), "wants an i64, an i32 and a bool"); break;
    case LIR_DRAW:
        want(c, scalar_of(c, 0, DT_I64) && scalar_of(c, 1, DT_I32) && scalar_of(c, 2, DT_BOOL) && c->o->dt == DT_I32 && c->o->lanes == 1, "wants an i64, an i32 and a bool, and gives one i32"); break;
    case LIR_LDS: case LIR_STS: case LIR_STSP: case LIR_STSC: case LIR_SEND: case LIR_CPA:
        check_shared(c); break;
    case LIR_BFLY: case LIR_BCAST:
        check_shuffle(c); break;
    case LIR_ALIKE:
        want(c, scalar_of(c, 0, DT_I32) && c->o->dt == DT_I32 && c->o->lanes == 1, "wants one i32, and gives one");
        want(c, c->o->imm.i > 0 && c->o->imm.i <= 32, "compares 1 to 32 bits"); break;
    case LIR_WSUM:
        want(c, scalar_of(c, 0, DT_I32) && c->o->dt == DT_I32 && c->o->lanes == 1, "wants one i32, and gives one"); break;
    case LIR_SELECT:
        check_select(c); break;
    case LIR_CAST: case LIR_BITS: case LIR_SPLAT: case LIR_EXTRACT: case LIR_CONCAT: case LIR_INSERT: case LIR_SLIDE: case LIR_OPAQUE: case LIR_HSUM: case LIR_HMAX: case LIR_HMIN:
    case LIR_VAR: case LIR_GET: case LIR_SET:
        check_vector(c); break;
    case LIR_WHILE: case LIR_IF:
        want(c, scalar_of(c, 0, DT_BOOL), "the condition is not one bool"); break;
    case LIR_BARN:
        want(c, scalar_of(c, 0, DT_I32) && c->o->imm.i > 0 && c->o->imm.i % c->fn->warp == 0 && c->o->imm.i <= c->fn->threads, "wants an i32 and whole warps"); break;
    case LIR_BARW:
        want(c, scalar_of(c, 0, DT_BOOL) && c->o->imm.i > 0 && c->o->imm.i < 16, "wants one bool, and a barrier of 1 to 15"); break;
    case LIR_INBOX: case LIR_AWAIT:
        want(c, c->fn->cluster > 1 && c->o->ref >= 0 && c->o->ref < LIR_MAX_INBOX, "wants a cluster and the number of an inbox");
        want(c, c->fn->inbox % 8 == 0 && c->fn->inbox + 8u * (uint32_t)(c->o->ref + 1) <= c->fn->smem, "the inbox is outside shared memory"); break;
    case LIR_PREFETCH:
        want(c, scalar_of(c, 0, DT_I64), "wants an i64 address"); break;
    case LIR_ASK: case LIR_DISCARD:
        want(c, scalar_of(c, 0, DT_I64) && scalar_of(c, 1, DT_BOOL), "wants an i64 address and a bool");
        want(c, c->o->op == LIR_DISCARD || scalar_of(c, 2, DT_I32), "wants an i32 number of bytes"); break;
    case LIR_INBOXES: case LIR_ARM: case LIR_TAKE:
        check_inboxes(c); break;
    case LIR_CPWAIT:
        want(c, c->o->imm.i >= 0, "a negative number of groups"); break;
    case LIR_PAUSE:
        want(c, scalar_of(c, 0, DT_I32), "wants an i32"); break;
    case LIR_BAR: case LIR_CPCOMMIT: case LIR_WARPSYNC: case LIR_PDLWAIT: case LIR_PDLGO: case LIR_LOOP: case LIR_ELSE: case LIR_END: case LIR_NOP:
        break;
    default:
        check_elementwise(c); break;
    }
}

static bool has_result(LirOpcode op)
{
    return op != LIR_NOP && op != LIR_SET && !is_store(op) && (op < LIR_CPA || op == LIR_BFLY || op == LIR_BCAST || op == LIR_ALIKE || op == LIR_WSUM);
}

static void check_op(Check *c)
{
    const LirOp *o = c->o = &c->fn->ops[c->v];
    c->ok = true;
    if (o->op >= LIR_OP_COUNT) {
        diag_report(c->d, DIAG_BUG, LG_LIR, o->sp, "%s: %%%u is no operation", c->fn->name, c->v);
        c->ok = false;
        return;
    }
    want(c, has_result(o->op) ? o->dt > DT_NONE && o->dt < DT_COUNT && o->lanes > 0 : o->dt == DT_NONE, "result and operation do not match");
    check_operands(c);
    if (c->ok)
        check_types(c);
    c->region[c->v] = c->open[c->depth];
    check_structure(c);
}

bool lir_verify(const LirFn *fn, Diag *d)
{
    Check c = {.fn = fn, .d = d, .o = fn->ops};
    bool all = true;
    c.region = ARENA_ARRAY(d->arena, uint32_t, fn->nops);
    c.open = ARENA_ARRAY(d->arena, LirVal, fn->nops + 1);
    if (!fn->threads || fn->threads > 1024 || !fn->warp || (fn->warp > 1 && fn->threads % fn->warp)) {
        diag_report(d, DIAG_BUG, LG_LIR, (Span){0}, "%s: %u threads in warps of %u", fn->name, fn->threads, fn->warp);
        all = false;
    }
    for (c.v = 1; c.v < fn->nops; c.v++) {
        check_op(&c);
        all = all && c.ok;
    }
    if (c.depth) {
        c.v = c.open[c.depth];
        c.o = &fn->ops[c.v];
        broken(&c, "is never closed");
        all = false;
    }
    return all;
}
