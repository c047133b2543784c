/* ll_mem.c: loads and stores of lowered values as memory instructions.
 *
 * In: LDG.. STSP with their alignment.  Out: accesses of at most 16 aligned bytes on a GPU (a vector of 16-byte pieces, or single
 * elements when the alignment promises no more), one access of the whole vector on the host.  Hints, predicates and the
 * instruction itself are the target's (hooks load, store).  A bool is one byte in memory.
 */
#include "ll_int.h"

/* Units of memory: what one register of an access holds. */
typedef struct Plan { LLVMTypeRef unit; int bytes, n, per; } Plan;

static Plan plan_parts(Ll *l, DType dt, unsigned lanes, int align)
{
    Plan p = {ll_elem_type(l, dt), dt_bytes(dt), (int)lanes, 1};
    if (dt == DT_BOOL)
        p.unit = l->ty.i8;
    if (ll_packed(l, dt, lanes) && align >= 4)
        p = (Plan){l->ty.i32, 4, (int)lanes / 2, 1};
    int cap = align < 16 ? align : 16;
    while (p.per * 2 * p.bytes <= cap && p.n % (p.per * 2) == 0)
        p.per *= 2;
    return p;
}

static LlAccess access_of(Ll *l, const LirOp *o, LlSpace space, Plan p, int i, LLVMValueRef pred)
{
    LLVMValueRef addr = ll_arg(l, o, 0).p[0];
    int64_t at = (int64_t)i * p.bytes;
    if (at)
        addr = LLVMBuildAdd(l->b, addr, space == LL_GLOBAL ? ll_i64(l, at) : ll_i32(l, at), "");
    int align = o->imm.i < p.per * p.bytes ? (int)o->imm.i : p.per * p.bytes;
    return (LlAccess){space, addr, p.unit, p.bytes, p.per, align < 1 ? 1 : align, o->flags, pred};
}

static LlVal from_units(Ll *l, DType dt, unsigned lanes, Plan p, LLVMValueRef *u)
{
    if (ll_packed(l, dt, lanes) && p.bytes == 2)
        return ll_from_lanes(l, dt, lanes, u);
    LlVal v = ll_new(l, dt, lanes);
    for (unsigned i = 0; i < v.n; i++)
        v.p[i] = dt == DT_BOOL ? LLVMBuildICmp(l->b, LLVMIntNE, u[i], LLVMConstNull(l->ty.i8), "") : u[i];
    return v;
}

static void to_units(Ll *l, LlVal v, Plan p, LLVMValueRef *u)
{
    for (int i = 0; i < p.n; i++) {
        if (ll_packed(l, v.dt, v.lanes) && p.bytes == 2)
            u[i] = ll_lane(l, v, (unsigned)i);
        else
            u[i] = v.dt == DT_BOOL ? LLVMBuildZExt(l->b, v.p[i], l->ty.i8, "") : v.p[i];
    }
}

LLVMTypeRef ll_mem_type(Ll *l, DType dt, unsigned lanes)
{
    LLVMTypeRef e = dt == DT_BOOL ? l->ty.i8 : ll_elem_type(l, dt);
    return lanes == 1 ? e : LLVMVectorType(e, lanes);
}

LlVal ll_from_mem(Ll *l, DType dt, unsigned lanes, LLVMValueRef v)
{
    LlVal r = ll_new(l, dt, lanes);
    r.p[0] = dt == DT_BOOL ? LLVMBuildICmp(l->b, LLVMIntNE, v, LLVMConstNull(LLVMTypeOf(v)), "") : v;
    return r;
}

LLVMValueRef ll_to_mem(Ll *l, LlVal v)
{
    return v.dt == DT_BOOL ? LLVMBuildZExt(l->b, v.p[0], ll_mem_type(l, DT_BOOL, v.lanes), "") : v.p[0];
}

static Plan plan_whole(Ll *l, DType dt, unsigned lanes)
{
    return (Plan){ll_mem_type(l, dt, 1), dt_bytes(dt), (int)lanes, (int)lanes};
}

LlVal ll_load(Ll *l, const LirOp *o, LlSpace space, LLVMValueRef pred)
{
    LLVMValueRef u[LL_MAX_PARTS];
    if (!l->hooks->parts) {
        LlAccess m = access_of(l, o, space, plan_whole(l, o->dt, o->lanes), 0, pred);
        m.align = (int)o->imm.i;
        l->hooks->load(l, &m, u);
        return ll_from_mem(l, o->dt, o->lanes, u[0]);
    }
    Plan p = plan_parts(l, o->dt, o->lanes, (int)o->imm.i);
    for (int i = 0; i < p.n; i += p.per) {
        LlAccess m = access_of(l, o, space, p, i, pred);
        l->hooks->load(l, &m, u + i);
    }
    return from_units(l, o->dt, o->lanes, p, u);
}

void ll_store(Ll *l, const LirOp *o, LlSpace space, LlVal v, LLVMValueRef pred)
{
    LLVMValueRef u[LL_MAX_PARTS];
    if (!l->hooks->parts) {
        LlAccess m = access_of(l, o, space, plan_whole(l, v.dt, v.lanes), 0, pred);
        m.align = (int)o->imm.i;
        u[0] = ll_to_mem(l, v);
        l->hooks->store(l, &m, u);
        return;
    }
    Plan p = plan_parts(l, v.dt, v.lanes, (int)o->imm.i);
    to_units(l, v, p, u);
    for (int i = 0; i < p.n; i += p.per) {
        LlAccess m = access_of(l, o, space, p, i, pred);
        l->hooks->store(l, &m, u + i);
    }
}

/* ---- partly masked vectors: a branch between the whole access and what the target does for a part ---- */

typedef struct Fork { LLVMBasicBlockRef full, part, join; } Fork;

static Fork fork_whole(Ll *l, LLVMValueRef lo, LLVMValueRef hi, unsigned lanes)
{
    LLVMValueRef below = LLVMBuildICmp(l->b, LLVMIntSLE, lo, ll_i32(l, 0), "");
    LLVMValueRef above = LLVMBuildICmp(l->b, LLVMIntSGE, hi, ll_i32(l, lanes), "");
    Fork f = {ll_block(l, "full"), ll_block(l, "part"), ll_block(l, "joined")};
    LLVMBuildCondBr(l->b, LLVMBuildAnd(l->b, below, above, ""), f.full, f.part);
    LLVMPositionBuilderAtEnd(l->b, f.full);
    return f;
}

static void switch_to_part(Ll *l, Fork *f)
{
    f->full = LLVMGetInsertBlock(l->b);
    LLVMBuildBr(l->b, f->join);
    LLVMPositionBuilderAtEnd(l->b, f->part);
}

static void join(Ll *l, Fork *f)
{
    f->part = LLVMGetInsertBlock(l->b);
    LLVMBuildBr(l->b, f->join);
    LLVMPositionBuilderAtEnd(l->b, f->join);
}

LlVal ll_load_forked(Ll *l, const LirOp *o, LlVal (*part)(Ll *l, const LirOp *o))
{
    Fork f = fork_whole(l, ll_arg(l, o, 1).p[0], ll_arg(l, o, 2).p[0], o->lanes);
    LlVal a = ll_load(l, o, LL_GLOBAL, NULL);
    switch_to_part(l, &f);
    LlVal b = part(l, o), r = ll_new(l, o->dt, o->lanes);
    join(l, &f);
    for (unsigned i = 0; i < r.n; i++) {
        r.p[i] = LLVMBuildPhi(l->b, LLVMTypeOf(a.p[i]), "");
        LLVMAddIncoming(r.p[i], (LLVMValueRef[]){a.p[i], b.p[i]}, (LLVMBasicBlockRef[]){f.full, f.part}, 2);
    }
    return r;
}

void ll_store_forked(Ll *l, const LirOp *o, void (*part)(Ll *l, const LirOp *o))
{
    LlVal v = ll_arg(l, o, 1);
    Fork f = fork_whole(l, ll_arg(l, o, 2).p[0], ll_arg(l, o, 3).p[0], v.lanes);
    ll_store(l, o, LL_GLOBAL, v, NULL);
    switch_to_part(l, &f);
    part(l, o);
    join(l, &f);
}
