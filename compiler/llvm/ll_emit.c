/* ll_emit.c: walks one lowered function and writes LLVM IR.
 *
 * In: a verified LirFn.  Out: a function in l->mod.  Variables become allocas that LLVM turns into registers; LOOP and IF
 * become blocks.  One pass, in order, over what lir_share() leaves; the work per operation is in the other files.
 */
#include "lir_share.h"
#include "ll_int.h"

LlVal ll_arg(Ll *l, const LirOp *o, int i)
{
    LlVal *val = &l->val[o->a[i]], v;
    if (val->chain)
        l->hooks->write(l, val);
    v = *val;
    if (!v.p)
        ll_fail(l, DIAG_BUG, LG_EMIT, o->sp, "operand %d of %s has no value", i, lir_op_name(o->op));
    return v;
}

static LLVMValueRef scalar(Ll *l, const LirOp *o, int i) { return ll_arg(l, o, i).p[0]; }

enum { LL_MAX_LATE = 3 };       /* a wait, the word to the next kernel behind it, a pause */

/* ---- variables ---- */

static LLVMValueRef slot(Ll *l, LLVMTypeRef t)
{
    LLVMBasicBlockRef here = LLVMGetInsertBlock(l->b);
    LLVMPositionBuilderBefore(l->b, LLVMGetFirstInstruction(l->entry));
    LLVMValueRef p = LLVMBuildAlloca(l->b, t, "");
    LLVMPositionBuilderAtEnd(l->b, here);
    return p;
}

static LlVal var_new(Ll *l, const LirOp *o)
{
    LlVal first = ll_value_splat(l, ll_arg(l, o, 0), o->lanes), v = ll_new(l, o->dt, o->lanes);
    for (unsigned i = 0; i < v.n; i++) {
        v.p[i] = slot(l, ll_part_type(l, o->dt, o->lanes));
        LLVMBuildStore(l->b, first.p[i], v.p[i]);
    }
    return v;
}

static LlVal var_get(Ll *l, const LirOp *o)
{
    LlVal var = ll_arg(l, o, 0), v = ll_new(l, var.dt, var.lanes);
    for (unsigned i = 0; i < v.n; i++)
        v.p[i] = LLVMBuildLoad2(l->b, ll_part_type(l, var.dt, var.lanes), var.p[i], "");
    return v;
}

static void var_set(Ll *l, const LirOp *o)
{
    LlVal var = ll_arg(l, o, 0), v = ll_value_splat(l, ll_arg(l, o, 1), var.lanes);
    for (unsigned i = 0; i < v.n; i++)
        LLVMBuildStore(l->b, v.p[i], var.p[i]);
}

/* ---- structure ---- */

static LlScope *push(Ll *l, const LirOp *o, bool loop, LLVMBasicBlockRef head, LLVMBasicBlockRef exit)
{
    if (l->nscope == LL_MAX_DEPTH)
        ll_fail(l, DIAG_LIMIT, LG_EMIT, o->sp, "loops and ifs nested more than %d deep", LL_MAX_DEPTH);
    l->scope[l->nscope] = (LlScope){head, exit, loop};
    return &l->scope[l->nscope++];
}

static LlScope *top(Ll *l, const LirOp *o, bool loop)
{
    if (!l->nscope || l->scope[l->nscope - 1].loop != loop)
        ll_fail(l, DIAG_BUG, LG_EMIT, o->sp, "%s out of place", lir_op_name(o->op));
    return &l->scope[l->nscope - 1];
}

static void enter_loop(Ll *l, const LirOp *o)
{
    LlScope *s = push(l, o, true, ll_block(l, "head"), ll_block(l, "exit"));
    LLVMBuildBr(l->b, s->head);
    LLVMPositionBuilderAtEnd(l->b, s->head);
}

static void leave_unless(Ll *l, const LirOp *o)
{
    LlScope *s = top(l, o, true);
    LLVMBasicBlockRef on = ll_block(l, "body");
    LLVMBuildCondBr(l->b, scalar(l, o, 0), on, s->exit);
    LLVMPositionBuilderAtEnd(l->b, on);
}

static void enter_if(Ll *l, const LirOp *o)
{
    LLVMBasicBlockRef then = ll_block(l, "then"), other = ll_block(l, "else");
    push(l, o, false, other, ll_block(l, "join"));
    LLVMBuildCondBr(l->b, scalar(l, o, 0), then, other);
    LLVMPositionBuilderAtEnd(l->b, then);
}

static void enter_else(Ll *l, const LirOp *o)
{
    LlScope *s = top(l, o, false);
    LLVMBuildBr(l->b, s->exit);
    LLVMPositionBuilderAtEnd(l->b, s->head);
    s->head = NULL;
}

static void leave(Ll *l, const LirOp *o)
{
    if (!l->nscope)
        ll_fail(l, DIAG_BUG, LG_EMIT, o->sp, "end without a loop or if");
    LlScope s = l->scope[--l->nscope];
    LLVMBuildBr(l->b, s.loop ? s.head : s.exit);
    if (!s.loop && s.head) {
        LLVMPositionBuilderAtEnd(l->b, s.head);
        LLVMBuildBr(l->b, s.exit);
    }
    LLVMPositionBuilderAtEnd(l->b, s.exit);
}

static void structure(Ll *l, const LirOp *o)
{
    switch (o->op) {
    case LIR_LOOP:  enter_loop(l, o); break;
    case LIR_WHILE: leave_unless(l, o); break;
    case LIR_IF:    enter_if(l, o); break;
    case LIR_ELSE:  enter_else(l, o); break;
    default:        leave(l, o); break;
    }
}

/* ---- one operation ---- */

static LlVal one(Ll *l, const LirOp *o, LLVMValueRef x)
{
    LlVal v = ll_new(l, o->dt, 1);
    v.p[0] = x;
    return v;
}

static LlVal word_at(Ll *l, const LirOp *o, LLVMValueRef at)
{
    LLVMTypeRef t = ll_mem_type(l, o->dt, 1);
    LLVMValueRef x = LLVMBuildLoad2(l->b, t, at, "");
    unsigned kind = LLVMGetMDKindIDInContext(l->cx, "invariant.load", 14);
    LLVMSetMetadata(x, kind, LLVMMetadataAsValue(l->cx, LLVMMDNodeInContext2(l->cx, NULL, 0)));
    return o->dt == DT_BOOL ? one(l, o, LLVMBuildICmp(l->b, LLVMIntNE, x, LLVMConstNull(t), "")) : one(l, o, x);
}

static LlVal word(Ll *l, const LirOp *o) { return word_at(l, o, l->hooks->word_addr(l, o->imm.i)); }

/* One of two words that stand side by side: the step from one to the other is the same for all words that one bool chooses between, so that
 * each is one read. */
static bool are_neighbours(const Ll *l, const LirOp *o)
{
    const LirOp *a = &l->fn->ops[o->a[1]], *b = &l->fn->ops[o->a[2]];
    return o->op == LIR_SELECT && a->op == LIR_WORD && b->op == LIR_WORD && a->imm.i == b->imm.i + 1 && l->fn->ops[o->a[0]].lanes == 1;
}

static LlVal either_word(Ll *l, const LirOp *o)
{
    LLVMValueRef step = LLVMBuildZExt(l->b, ll_arg(l, o, 0).p[0], l->ty.i64, "");
    return word_at(l, o, LLVMBuildGEP2(l->b, l->ty.i64, l->hooks->word_addr(l, l->fn->ops[o->a[2]].imm.i), &step, 1, ""));
}

/* 64-bit values and 16-bit ones cross lanes as 32-bit words. */
static LlVal shuffle(Ll *l, const LirOp *o)
{
    LlVal a = ll_arg(l, o, 0), r = ll_new(l, o->dt, o->lanes);
    for (unsigned i = 0; i < a.n; i++)
        r.p[i] = l->hooks->shuffle(l, o, a.p[i]);
    return r;
}

/* Relaxed: nothing is read after it. */
static void atomic_add(Ll *l, const LirOp *o)
{
    LLVMBasicBlockRef then = ll_block(l, "add"), join = ll_block(l, "added");
    LLVMValueRef to = LLVMBuildIntToPtr(l->b, scalar(l, o, 0), LLVMPointerTypeInContext(l->cx, l->t ? 1 : 0), "");
    LLVMBuildCondBr(l->b, scalar(l, o, 2), then, join);
    LLVMPositionBuilderAtEnd(l->b, then);
    LLVMBuildAtomicRMW(l->b, LLVMAtomicRMWBinOpAdd, to, scalar(l, o, 1), LLVMAtomicOrderingMonotonic, 0);
    LLVMBuildBr(l->b, join);
    LLVMPositionBuilderAtEnd(l->b, join);
}

static LLVMValueRef draw(Ll *l, const LirOp *o)
{
    LLVMBasicBlockRef from = LLVMGetInsertBlock(l->b), then = ll_block(l, "draw"), join = ll_block(l, "drawn"), blocks[] = {from, then};
    LLVMValueRef to = LLVMBuildIntToPtr(l->b, scalar(l, o, 0), LLVMPointerTypeInContext(l->cx, l->t ? 1 : 0), "");
    LLVMBuildCondBr(l->b, scalar(l, o, 2), then, join);
    LLVMPositionBuilderAtEnd(l->b, then);
    LLVMValueRef was[] = {ll_i32(l, 0), LLVMBuildAtomicRMW(l->b, LLVMAtomicRMWBinOpAdd, to, scalar(l, o, 1), LLVMAtomicOrderingMonotonic, 0)};
    LLVMBuildBr(l->b, join);
    LLVMPositionBuilderAtEnd(l->b, join);
    LLVMValueRef v = LLVMBuildPhi(l->b, l->ty.i32, "");
    LLVMAddIncoming(v, was, blocks, 2);
    return v;
}

/* A GPU's vectors lie inside the row or outside it. */
static const LlHooks *masks(Ll *l, const LirOp *o)
{
    if (!l->hooks->load_masked)
        ll_fail(l, DIAG_BUG, LG_EMIT, o->sp, "%s: this target has no masked vectors", lir_op_name(o->op));
    return l->hooks;
}

static LlVal memory(Ll *l, const LirOp *o)
{
    switch (o->op) {
    case LIR_LDG:  return ll_load(l, o, LL_GLOBAL, NULL);
    case LIR_LDGP: return ll_load(l, o, LL_GLOBAL, scalar(l, o, 1));
    case LIR_LDS:  return ll_load(l, o, LL_SHARED, NULL);
    case LIR_LDGM: return masks(l, o)->load_masked(l, o);
    case LIR_STG:  ll_store(l, o, LL_GLOBAL, ll_arg(l, o, 1), NULL); break;
    case LIR_STGP: ll_store(l, o, LL_GLOBAL, ll_arg(l, o, 1), scalar(l, o, 2)); break;
    case LIR_STGM: masks(l, o)->store_masked(l, o); break;
    case LIR_ATOM: atomic_add(l, o); break;
    case LIR_DRAW: return one(l, o, draw(l, o));
    case LIR_STS:  ll_store(l, o, LL_SHARED, ll_arg(l, o, 1), NULL); break;
    case LIR_STSP: ll_store(l, o, LL_SHARED, ll_arg(l, o, 1), scalar(l, o, 2)); break;
    default:       break;
    }
    return (LlVal){0};
}

static LlVal emit_op(Ll *l, const LirOp *o)
{
    switch (o->op) {
    case LIR_NOP:   return (LlVal){0};
    case LIR_CONST: return ll_const(l, o);
    case LIR_WORD:  return word(l, o);
    case LIR_VAR:   return var_new(l, o);
    case LIR_GET:   return var_get(l, o);
    case LIR_SET:   var_set(l, o); return (LlVal){0};
    case LIR_BFLY:
    case LIR_ALIKE:
    case LIR_WSUM:
    case LIR_BCAST: return shuffle(l, o);
    default:        break;
    }
    if (o->op <= LIR_CTARANK)
        return one(l, o, l->hooks->leaf(l, o));
    if (o->op >= LIR_LOOP) {
        if (l->hooks->settle)
            l->hooks->settle(l);
        structure(l, o);
        return (LlVal){0};
    }
    if (o->op >= LIR_STSC) {
        l->hooks->sync(l, o);
        return (LlVal){0};
    }
    if (o->op >= LIR_LDG)
        return memory(l, o);
    if (o->op >= LIR_SPLAT || o->op == LIR_STEPS)
        return ll_vector_op(l, o);
    return are_neighbours(l, o) ? either_word(l, o) : ll_elementwise(l, o);
}

static LlVal emit_placed(Ll *l, const LirOp *o)
{
    bool exact = o->flags & LIR_F_EXACT;
    l->precise = l->fn->precise || exact;
    l->fmf = exact ? 0 : LL_FMF;
    ll_lines_at(l, o->sp);
    return emit_op(l, o);
}

/* ---- the order of operations ----
 *
 * The wait for the kernel before this one, the word to the next one right behind it, and a pause are held back until the first operation that is more than
 * arithmetic, and arithmetic with them, but for what the addresses of the first loads are made of: blocks of a launch work these out while they have to wait
 * anyway, and hold nothing else meanwhile. */

typedef struct Order {
    Ll *l;
    const LirVal *rep;
    uint8_t *done;                   /* by LirVal: emitted */
    uint8_t *seen;                   /* 1: arithmetic on what a launch is told, 2: more than that */
    const LirOp *held[LL_MAX_LATE];
    uint32_t nheld;
} Order;

static void emit_value(Order *x, LirVal v)
{
    const LirOp *o = &x->l->fn->ops[v];
    if (x->done[v])
        return;
    x->done[v] = 1;
    if (x->rep[v] != v) {
        emit_value(x, x->rep[v]);
        x->l->val[v] = x->l->val[x->rep[v]];
        return;
    }
    for (int i = 0; i < lir_op_nargs(o->op); i++)
        emit_value(x, o->a[i]);
    x->l->val[v] = emit_placed(x->l, o);
}

static bool is_plain(Order *x, LirVal v)
{
    const LirOp *o = &x->l->fn->ops[v];
    if (x->done[v] || x->seen[v])
        return x->done[v] || x->seen[v] == 1;
    bool plain = o->op < LIR_LDG && o->op != LIR_GET;
    for (int i = 0; plain && i < lir_op_nargs(o->op); i++)
        plain = is_plain(x, o->a[i]);
    x->seen[v] = plain ? 1 : 2;
    return plain;
}

/* Global memory that a load reads, or a store that comes first writes; 0 for other operations. */
static LirVal accessed(const LirOp *o)
{
    bool first = o->op == LIR_LDG || o->op == LIR_LDGP || o->op == LIR_STG || o->op == LIR_STGP;
    return first ? o->a[0] : o->op == LIR_CPA ? o->a[1] : 0;
}

/* Addresses of the loads from operation i on, up to the first one that is neither load nor arithmetic. */
static void emit_addresses(Order *x, LirVal i)
{
    const LirFn *fn = x->l->fn;
    for (LirVal j = i; j < fn->nops; j++) {
        const LirOp *o = &fn->ops[j];
        LirVal at = accessed(o);
        if (o->op >= LIR_LDG && o->op != LIR_CPCOMMIT && !at)
            return;
        if (at && is_plain(x, at))
            emit_value(x, at);
    }
}

/* Operation i is more than arithmetic: what was held back, and put aside from `aside` on, comes before it. */
static void release(Order *x, LirVal aside, LirVal i)
{
    LirVal at = i < x->l->fn->nops ? accessed(&x->l->fn->ops[i]) : 0;
    emit_addresses(x, i);
    x->l->behind_wait = at && x->done[at] ? x->l->val[at].p[0] : NULL;
    for (uint32_t k = 0; k < x->nheld; k++) {
        for (int a = 0; a < lir_op_nargs(x->held[k]->op); a++)
            emit_value(x, x->held[k]->a[a]);
        emit_placed(x->l, x->held[k]);
    }
    x->nheld = 0;
    for (LirVal v = aside; v < i; v++)
        emit_value(x, v);
}

static bool is_arithmetic(const LirOp *o) { return (o->op >= LIR_CONST && o->op <= LIR_STEPS) || (o->op >= LIR_ADD && o->op <= LIR_HMIN); }

/* Before loop i of a GPU's function: the floats that each turn would make again of what stands before it.  Of integers ptxas knows better what is worth a
 * register. */
static void emit_invariants(Order *x, LirVal i)
{
    const LirFn *fn = x->l->fn;
    uint8_t *same = ARENA_ARRAY(x->l->a, uint8_t, fn->nops);
    for (LirVal j = i + 1, depth = 1; depth && j < fn->nops; j++) {
        const LirOp *o = &fn->ops[j];
        depth += o->op == LIR_LOOP || o->op == LIR_IF ? 1 : o->op == LIR_END ? -1 : 0;
        same[j] = is_arithmetic(o);
        for (int k = 0; same[j] && k < lir_op_nargs(o->op); k++)
            same[j] = x->done[o->a[k]] || same[o->a[k]];
        if (same[j] && dt_is_float(o->dt) && lir_op_nargs(o->op))
            emit_value(x, j);
    }
}

static bool holds_back(const Order *x, const LirOp *o)
{
    return x->nheld < LL_MAX_LATE && (o->op == LIR_PDLWAIT || o->op == LIR_PAUSE || (x->nheld && o->op == LIR_PDLGO));
}

static void count_readers(Ll *l, const LirFn *fn, const LirVal *rep)
{
    LirVal *last = ARENA_ARRAY(l->a, LirVal, fn->nops);
    l->readers = ARENA_ARRAY(l->a, uint8_t, fn->nops);
    for (LirVal i = 1; i < fn->nops; i++)
        for (int k = 0; rep[i] == i && k < lir_op_nargs((LirOpcode)fn->ops[i].op); k++) {
            LirVal of = rep[fn->ops[i].a[k]];
            l->readers[of] += last[of] != i && l->readers[of] < 2;
            last[of] = i;
        }
}

static void emit_all(Ll *l, const LirFn *fn)
{
    Order x = {l, lir_share(fn, l->a), ARENA_ARRAY(l->a, uint8_t, fn->nops), ARENA_ARRAY(l->a, uint8_t, fn->nops), {NULL}, 0};
    LirVal aside = 0;
    l->chains = NULL;
    count_readers(l, fn, x.rep);
    x.done[0] = 1;
    for (LirVal i = 1; i < fn->nops; i++) {
        const LirOp *o = &fn->ops[i];
        if (holds_back(&x, o)) {
            aside = x.nheld ? aside : i;
            x.held[x.nheld++] = o;
            x.done[i] = 1;
            continue;
        }
        bool ordered = o->op == LIR_VAR || o->op == LIR_GET || o->op == LIR_SET;
        if (x.nheld && o->op >= LIR_LDG)
            release(&x, aside, i);
        if (o->op == LIR_LOOP && l->t)
            emit_invariants(&x, i);
        if (!x.nheld || ordered)
            emit_value(&x, i);
    }
    if (x.nheld)
        release(&x, aside, fn->nops);
}

void ll_emit_fn(Ll *l, const LirFn *fn)
{
    l->fn = fn;
    l->nscope = 0;
    l->val = ARENA_ARRAY(l->a, LlVal, fn->nops);
    ll_lines_none(l);
    l->hooks->begin(l);
    ll_lines_fn(l);
    emit_all(l, fn);
    if (l->nscope)
        ll_fail(l, DIAG_BUG, LG_EMIT, (Span){0}, "%s: a loop or if is not closed", fn->name);
    l->hooks->end(l);
    if (l->t)
        ll_contract(l);
}
