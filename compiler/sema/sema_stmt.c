/* sema_stmt.c: statements: par nests, conditions, unrolled loops, names for values.
 *
 * In: a block.  Out: ops and regions in cx->fn.  Invariant: what a block declares ends with it; a name is never
 * assigned from within a region that may not run.
 */
#include "sema_in.h"

static void let(Cx *cx, const AstNode *n)
{
    Value v = sema_expr(cx, n->a);
    if (!cx->nest && v.kind == V_TILE) {
        sema_error(cx, LG_PLACE, n->sp, "outside par only numbers, extents and options have names");
        v = value_bad();
    }
    sema_declare(cx, n, v, n->mode);
}

static AstNode sum_of(const AstNode *n, AstNode *name)
{
    *name = (AstNode){ .kind = AST_NAME, .name = n->name, .sp = n->name_sp, .name_sp = n->name_sp };
    return (AstNode){ .kind = AST_BINARY, .op = AO_PLUS, .a = name, .b = n->a, .sp = n->sp };
}

static void assign(Cx *cx, const AstNode *n)
{
    Local *l = find_local(cx, n->name);
    size_t count;
    AstNode name, sum = sum_of(n, &name);
    if (!l) {
        const char **known = sema_visible(cx, &count);
        if (find_tensor(cx->k, n->name) >= 0) sema_error(cx, LG_INDEX, n->sp, "%s is a tensor; say which part, as in %s[..] =", n->name, n->name);
        else sema_unknown(cx, LG_NAME, n->name_sp, "var", n->name, known, count);
        return;
    }
    if (!l->var || l->region != cx->region) {
        if (!l->var) sema_error(cx, LG_PLACE, n->sp, "%s cannot be assigned again; declare it with var", n->name);
        else sema_error(cx, LG_PLACE, n->sp, "%s is declared outside this condition; use c ? a : b to change it for some instances", n->name);
        sema_note(cx, l->sp, "%s is declared here", n->name);
        return;
    }
    Value v = sema_expr(cx, n->mode ? &sum : n->a);
    l = find_local(cx, n->name);
    if (v.kind == V_TILE && l->v.kind == V_TILE && value_dt(cx, v) != value_dt(cx, l->v)) {
        sema_error(cx, LG_DTYPE, n->sp, "%s is %s and cannot become %s", n->name, value_text(cx, l->v), value_text(cx, v));
        return;
    }
    l->v = v;
}

/* branch: the region that is the first arm of the same if, or 0. */
static uint32_t region(Cx *cx, TirOp open, uint32_t parent, uint32_t branch)
{
    tir_add(cx->fn, open);
    if (!cx->nregions) ARENA_PUSH(cx->a, cx->regions, cx->nregions, cx->capregions);
    cx->region = cx->nregions;
    Region *r = ARENA_PUSH(cx->a, cx->regions, cx->nregions, cx->capregions);
    *r = (Region){ parent, branch ? branch : cx->region };
    return cx->region;
}

static void coordinates(Cx *cx, const AstNode *n)
{
    for (const AstNode *c = n->kids.first; c; c = c->next) {
        TirExt e = tir_ext_const(1);
        if (!sema_extent(cx, c->a, &e)) continue;
        tir_par(cx->fn, c->name, e);
    }
}

/* par m in M, h in H { .. } */
static void par(Cx *cx, const AstNode *n)
{
    uint32_t first = cx->fn->npars, outer = cx->region;
    if (cx->nest) {
        sema_error(cx, LG_PLACE, n->sp, "par cannot stand inside par; name all coordinates in one: par a in A, b in B");
        return;
    }
    if (n->kids.n > TIR_MAX_PARS) {
        sema_limit(cx, LG_DEPTH, n->sp, "par has %u coordinates, at most %d are taken", n->kids.n, TIR_MAX_PARS);
        return;
    }
    coordinates(cx, n);
    if (cx->fn->npars - first != n->kids.n) return;
    cx->nest = ++cx->nests;
    cx->first_par = first;
    region(cx, (TirOp){ .op = TIR_PAR, .ref = (uint16_t)first, .ref2 = (uint16_t)n->kids.n, .sp = n->sp }, outer, 0);
    uint32_t mark = cx->nlocals, p = first;
    for (const AstNode *c = n->kids.first; c; c = c->next, p++) {
        TirVal v = tir_add(cx->fn, (TirOp){ .op = TIR_COORD, .dt = DT_I64, .ref = (uint16_t)p, .sp = c->sp });
        Value coord = value_tile(cx, v, c->sp);
        coord.par = (uint16_t)(p + 1);
        coord.whole = true;
        sema_declare(cx, c, coord, false);
    }
    sema_block(cx, n->body);
    tir_add(cx->fn, (TirOp){ .op = TIR_END, .sp = n->sp });
    cx->nlocals = mark;
    cx->nest = 0;
    cx->region = outer;
}

static void run_time_if(Cx *cx, const AstNode *n, Value c)
{
    uint32_t outer = cx->region;
    if (value_dt(cx, c) != DT_BOOL) {
        sema_error(cx, LG_DTYPE, n->a->sp, "a condition is bool, not %s", value_text(cx, c));
        return;
    }
    if (value_op(cx, c)->nax) {
        sema_error(cx, LG_AXES, n->a->sp, "%s differs along a tile; choose elements by c ? a : b", value_text(cx, c));
        return;
    }
    if (!cx->nest) {
        sema_error(cx, LG_PLACE, n->a->sp, "a condition outside par is made of options and types");
        return;
    }
    uint32_t first = region(cx, (TirOp){ .op = TIR_IF, .a = { c.v }, .sp = n->sp }, outer, 0);
    sema_block(cx, n->body);
    if (n->kids.n) {
        region(cx, (TirOp){ .op = TIR_ELSE, .sp = n->sp }, outer, first);
        sema_block(cx, n->kids);
    }
    tir_add(cx->fn, (TirOp){ .op = TIR_END, .sp = n->sp });
    cx->region = outer;
}

static void branch(Cx *cx, const AstNode *n)
{
    Value c = sema_expr(cx, n->a);
    if (c.kind == V_BAD) return;
    if (c.kind == V_BOOL) sema_block(cx, c.i ? n->body : n->kids);
    else run_time_if(cx, n, value_as(cx, c, DT_I64));
}

static bool loop_bound(Cx *cx, const AstNode *n, int64_t *out)
{
    Value v = sema_expr(cx, n);
    *out = v.i;
    if (v.kind == V_INT) return true;
    if (v.kind != V_BAD) sema_error(cx, LG_CONST, n->sp, "the bounds of a loop are numbers known when the kernel is compiled, not %s", value_text(cx, v));
    return false;
}

static void loop(Cx *cx, const AstNode *n)
{
    int64_t lo, hi;
    if (!loop_bound(cx, n->a, &lo) || !loop_bound(cx, n->b, &hi)) return;
    for (int64_t i = lo; i < hi && !cx->worn_out; i++) {
        uint32_t mark = cx->nlocals;
        cx->work++;
        sema_declare(cx, n, value_int(i, n->name_sp), false);
        sema_block(cx, n->body);
        cx->nlocals = mark;
        if (cx->work > SEMA_MAX_WORK) sema_expr(cx, n->a);       /* tells, and ends the loop, when its body is empty */
    }
}

static void statement(Cx *cx, const AstNode *n)
{
    switch (n->kind) {
    case AST_LET:    let(cx, n); break;
    case AST_ASSIGN: assign(cx, n); break;
    case AST_STORE:  sema_store(cx, n); break;
    case AST_PAR:    par(cx, n); break;
    case AST_IF:     branch(cx, n); break;
    case AST_FOR:    loop(cx, n); break;
    default: break;
    }
}

void sema_block(Cx *cx, AstList body)
{
    uint32_t mark = cx->nlocals;
    for (const AstNode *n = body.first; n && !cx->worn_out; n = n->next) statement(cx, n);
    cx->nlocals = mark;
}
