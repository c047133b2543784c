/* ll_host.c: host kernels: `void sym(ptr words, i32 begin, i32 end, i32 nctas)` looping over blocks, one thread a block.
 *
 * In: operations whose form depends on the target.  Out: LLVM vectors as wide as the lowered ones; LLVM splits them to the
 * processor's width.  Partly masked vectors are masked loads and stores; shared memory is a small array on the stack.
 * bf16 is rounded with integer operations: the native instruction takes denormals for zero.
 */
#include <string.h>
#include "ll_int.h"

static void attr(Ll *l, const char *key, const char *value)
{
    LLVMAttributeRef a = LLVMCreateStringAttribute(l->cx, key, (unsigned)strlen(key), value, (unsigned)strlen(value));
    LLVMAddAttributeAtIndex(l->func, LLVMAttributeFunctionIndex, a);
}

static bool has(const Ll *l, const char *feature) { return strstr(l->features, feature) != NULL; }

static void declare(Ll *l)
{
    LLVMTypeRef p[] = {l->ty.ptr, l->ty.i32, l->ty.i32, l->ty.i32};
    l->func = LLVMAddFunction(l->mod, l->fn->name, LLVMFunctionType(l->ty.v, p, 4, 0));
    attr(l, "target-cpu", l->cpu);
    if (*l->features)
        attr(l, "target-features", l->features);
    attr(l, "no-builtins", "");
    if (has(l, "+avx512f"))
        attr(l, "prefer-vector-width", "512");
    unsigned kind = LLVMGetEnumAttributeKindForName("nounwind", 8);
    LLVMAddAttributeAtIndex(l->func, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(l->cx, kind, 0));
}

/* Blocks begin .. end-1, one after another. */
static void begin(Ll *l)
{
    declare(l);
    l->words = LLVMGetParam(l->func, 0);
    l->nctaid = LLVMGetParam(l->func, 3);
    LLVMValueRef first = LLVMGetParam(l->func, 1), last = LLVMGetParam(l->func, 2);
    l->entry = ll_block(l, "entry");
    LLVMBasicBlockRef head = ll_block(l, "block"), body = ll_block(l, "start");
    l->latch = ll_block(l, "next");
    l->done = ll_block(l, "done");
    LLVMPositionBuilderAtEnd(l->b, l->entry);
    l->smem = NULL;
    if (l->fn->smem) {
        l->smem = LLVMBuildAlloca(l->b, LLVMArrayType2(l->ty.i8, l->fn->smem), "");
        LLVMSetAlignment(l->smem, 64);
    }
    LLVMBuildBr(l->b, head);
    LLVMPositionBuilderAtEnd(l->b, head);
    l->ctaid = LLVMBuildPhi(l->b, l->ty.i32, "");
    LLVMBuildCondBr(l->b, LLVMBuildICmp(l->b, LLVMIntULT, l->ctaid, last, ""), body, l->done);
    LLVMPositionBuilderAtEnd(l->b, l->latch);
    LLVMValueRef next = LLVMBuildAdd(l->b, l->ctaid, ll_i32(l, 1), "");
    LLVMBuildBr(l->b, head);
    LLVMAddIncoming(l->ctaid, (LLVMValueRef[]){first, next}, (LLVMBasicBlockRef[]){l->entry, l->latch}, 2);
    LLVMPositionBuilderAtEnd(l->b, body);
    l->streamed = false;
}

/* Non-temporal stores are drained before anybody is told that the blocks are done. */
static void end(Ll *l)
{
    LLVMBuildBr(l->b, l->latch);
    LLVMPositionBuilderAtEnd(l->b, l->done);
    if (l->streamed)
        LLVMBuildFence(l->b, LLVMAtomicOrderingSequentiallyConsistent, 0, "");
    LLVMBuildRetVoid(l->b);
}

static LLVMValueRef leaf(Ll *l, const LirOp *o)
{
    return o->op == LIR_CTAID ? l->ctaid : o->op == LIR_NCTAID ? l->nctaid : ll_i32(l, 0);
}

static LLVMValueRef word_addr(Ll *l, int64_t word)
{
    LLVMValueRef at = ll_i64(l, word);
    return LLVMBuildGEP2(l->b, l->ty.i64, l->words, &at, 1, "");
}

/* ---- memory ---- */

static LLVMTypeRef access_type(const LlAccess *m) { return m->k == 1 ? m->unit : LLVMVectorType(m->unit, (unsigned)m->k); }

static LLVMValueRef pointer(Ll *l, const LlAccess *m)
{
    if (m->space == LL_GLOBAL)
        return LLVMBuildIntToPtr(l->b, m->addr, l->ty.ptr, "");
    LLVMValueRef at = LLVMBuildZExt(l->b, m->addr, l->ty.i64, "");
    return LLVMBuildGEP2(l->b, l->ty.i8, l->smem, &at, 1, "");
}

static void mark(Ll *l, LLVMValueRef v, const char *kind, LLVMMetadataRef *what, size_t n)
{
    unsigned k = LLVMGetMDKindIDInContext(l->cx, kind, (unsigned)strlen(kind));
    LLVMSetMetadata(v, k, LLVMMetadataAsValue(l->cx, LLVMMDNodeInContext2(l->cx, what, n)));
}

static LLVMValueRef plain_load(Ll *l, const LlAccess *m)
{
    LLVMValueRef v = LLVMBuildLoad2(l->b, access_type(m), pointer(l, m), "");
    LLVMSetAlignment(v, m->align < 1 ? 1 : (unsigned)m->align);
    if (m->flags & LIR_F_CONST)
        mark(l, v, "invariant.load", NULL, 0);
    return v;
}

static void plain_store(Ll *l, const LlAccess *m, LLVMValueRef v)
{
    LLVMValueRef s = LLVMBuildStore(l->b, v, pointer(l, m));
    LLVMSetAlignment(s, m->align < 1 ? 1 : (unsigned)m->align);
    if ((m->flags & LIR_F_STREAM) && m->space == LL_GLOBAL && m->align >= m->k * m->unit_bytes && m->k * m->unit_bytes >= 16) {
        LLVMMetadataRef one = LLVMValueAsMetadata(ll_i32(l, 1));
        mark(l, s, "nontemporal", &one, 1);
        l->streamed = true;
    }
}

typedef struct Gate { LLVMBasicBlockRef from, then, join; } Gate;

static Gate open_gate(Ll *l, LLVMValueRef pred)
{
    Gate g = {LLVMGetInsertBlock(l->b), ll_block(l, "when"), ll_block(l, "after")};
    LLVMBuildCondBr(l->b, pred, g.then, g.join);
    LLVMPositionBuilderAtEnd(l->b, g.then);
    return g;
}

static void close_gate(Ll *l, Gate *g)
{
    g->then = LLVMGetInsertBlock(l->b);
    LLVMBuildBr(l->b, g->join);
    LLVMPositionBuilderAtEnd(l->b, g->join);
}

static void load(Ll *l, const LlAccess *m, LLVMValueRef *vector)
{
    if (!m->pred) {
        *vector = plain_load(l, m);
        return;
    }
    Gate g = open_gate(l, m->pred);
    LLVMValueRef v = plain_load(l, m);
    close_gate(l, &g);
    *vector = LLVMBuildPhi(l->b, LLVMTypeOf(v), "");
    LLVMAddIncoming(*vector, (LLVMValueRef[]){v, LLVMConstNull(LLVMTypeOf(v))}, (LLVMBasicBlockRef[]){g.then, g.from}, 2);
}

static void store(Ll *l, const LlAccess *m, LLVMValueRef *vector)
{
    if (!m->pred) {
        plain_store(l, m, *vector);
        return;
    }
    Gate g = open_gate(l, m->pred);
    plain_store(l, m, *vector);
    close_gate(l, &g);
}

/* i1 vector: lo <= i < hi. */
static LLVMValueRef lane_mask(Ll *l, LLVMValueRef lo, LLVMValueRef hi, unsigned lanes)
{
    LLVMValueRef steps[256];
    for (unsigned i = 0; i < lanes; i++)
        steps[i] = ll_i32(l, i);
    LLVMValueRef at = LLVMConstVector(steps, lanes);
    LLVMValueRef from = LLVMBuildICmp(l->b, LLVMIntSGE, at, ll_splat(l, lo, lanes), "");
    LLVMValueRef to = LLVMBuildICmp(l->b, LLVMIntSLT, at, ll_splat(l, hi, lanes), "");
    return LLVMBuildAnd(l->b, from, to, "");
}

static void align_arg(Ll *l, LLVMValueRef call, unsigned arg, int64_t align)
{
    unsigned kind = LLVMGetEnumAttributeKindForName("align", 5);
    LLVMAddCallSiteAttribute(call, arg, LLVMCreateEnumAttribute(l->cx, kind, align < 1 ? 1 : (uint64_t)align));
}

static LLVMValueRef masked_call(Ll *l, const char *name, LLVMTypeRef data, unsigned n, LLVMValueRef *args)
{
    LLVMTypeRef over[2] = {data, l->ty.ptr};
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(l->mod, id, over, 2);
    return LLVMBuildCall2(l->b, LLVMGlobalGetValueType(f), f, args, n, "");
}

static LLVMValueRef in_span(Ll *l, LLVMValueRef lo, LLVMValueRef hi)
{
    LLVMValueRef zero = ll_i32(l, 0);
    return LLVMBuildAnd(l->b, LLVMBuildICmp(l->b, LLVMIntSLE, lo, zero, ""), LLVMBuildICmp(l->b, LLVMIntSGT, hi, zero, ""), "");
}

static LlVal load_part(Ll *l, const LirOp *o)
{
    LLVMValueRef lo = ll_arg(l, o, 1).p[0], hi = ll_arg(l, o, 2).p[0];
    LLVMTypeRef t = ll_mem_type(l, o->dt, o->lanes);
    LLVMValueRef p = LLVMBuildIntToPtr(l->b, ll_arg(l, o, 0).p[0], l->ty.ptr, "");
    LLVMValueRef args[] = {p, lane_mask(l, lo, hi, o->lanes), LLVMConstNull(t)};
    LLVMValueRef v = masked_call(l, "llvm.masked.load", t, 3, args);
    align_arg(l, v, 1, o->imm.i);
    return ll_from_mem(l, o->dt, o->lanes, v);
}

static void store_part(Ll *l, const LirOp *o)
{
    LlVal v = ll_arg(l, o, 1);
    LLVMValueRef lo = ll_arg(l, o, 2).p[0], hi = ll_arg(l, o, 3).p[0];
    LLVMValueRef p = LLVMBuildIntToPtr(l->b, ll_arg(l, o, 0).p[0], l->ty.ptr, ""), x = ll_to_mem(l, v);
    LLVMValueRef args[] = {x, p, lane_mask(l, lo, hi, v.lanes)};
    align_arg(l, masked_call(l, "llvm.masked.store", LLVMTypeOf(x), 3, args), 2, o->imm.i);
}

/* Where masks are slow (no AVX-512: 16-bit elements one by one), a branch keeps them to the last vector of a row. */
static bool cheap_masks(const Ll *l) { return has(l, "+avx512bw"); }

static LlVal load_masked(Ll *l, const LirOp *o)
{
    if (o->lanes == 1)
        return ll_load(l, o, LL_GLOBAL, in_span(l, ll_arg(l, o, 1).p[0], ll_arg(l, o, 2).p[0]));
    return cheap_masks(l) ? load_part(l, o) : ll_load_forked(l, o, load_part);
}

static void store_masked(Ll *l, const LirOp *o)
{
    LlVal v = ll_arg(l, o, 1);
    if (v.lanes == 1)
        ll_store(l, o, LL_GLOBAL, v, in_span(l, ll_arg(l, o, 2).p[0], ll_arg(l, o, 3).p[0]));
    else if (cheap_masks(l) && !(o->flags & LIR_F_STREAM))       /* a masked store goes through the caches */
        store_part(l, o);
    else
        ll_store_forked(l, o, store_part);
}

/* ---- one thread: barriers and waits are nothing, a copy is a copy ---- */

static void copy_now(Ll *l, const LirOp *o)
{
    int n = (int)o->imm.i;
    LLVMValueRef pred = ll_arg(l, o, 2).p[0];
    LlAccess from = {LL_GLOBAL, ll_arg(l, o, 1).p[0], l->ty.i8, 1, n, 1, 0, NULL};
    LlAccess to = {LL_SHARED, ll_arg(l, o, 0).p[0], l->ty.i8, 1, n, 1, 0, NULL};
    Gate g = open_gate(l, pred);
    plain_store(l, &to, plain_load(l, &from));
    close_gate(l, &g);
}

/* Into the second-level cache. */
static void prefetch(Ll *l, const LirOp *o)
{
    LLVMValueRef p = LLVMBuildIntToPtr(l->b, ll_arg(l, o, 0).p[0], l->ty.ptr, "");
    LLVMTypeRef over = l->ty.ptr;
    unsigned id = LLVMLookupIntrinsicID("llvm.prefetch", 13);
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(l->mod, id, &over, 1), args[] = {p, ll_i32(l, 0), ll_i32(l, 2), ll_i32(l, 1)};
    LLVMBuildCall2(l->b, LLVMGlobalGetValueType(f), f, args, 4, "");
}

static void sync_op(Ll *l, const LirOp *o)
{
    if (o->op == LIR_PREFETCH)
        prefetch(l, o);
    if (o->op == LIR_CPA)
        copy_now(l, o);
}

static LLVMValueRef shuffle(Ll *l, const LirOp *o, LLVMValueRef v)
{
    if (o->op == LIR_ALIKE)
        return ll_i32(l, 1 << 16);
    if (o->imm.i)
        ll_fail(l, DIAG_BUG, LG_EMIT, o->sp, "%s across lanes: a host block has one thread", lir_op_name(o->op));
    return v;
}

static void opaque(Ll *l, LlVal v) { (void)l, (void)v; }

/* ---- AVX-512: what it does to sixteen floats ---- */

static bool sixteens(const Ll *l, LLVMValueRef x)
{
    LLVMTypeRef t = LLVMTypeOf(x);
    unsigned n = LLVMGetTypeKind(t) == LLVMVectorTypeKind ? LLVMGetVectorSize(t) : 0;
    return has(l, "+avx512f") && n >= 16 && !(n & (n - 1));
}

/* Elements from .. from + n - 1 of a and, behind it, b. */
static LLVMValueRef elements(Ll *l, LLVMValueRef a, LLVMValueRef b, unsigned from, unsigned n)
{
    LLVMValueRef at[256];
    for (unsigned i = 0; i < n; i++)
        at[i] = ll_i32(l, from + i);
    return LLVMBuildShuffleVector(l->b, a, b, LLVMConstVector(at, n), "");
}

static LLVMValueRef intrinsic(Ll *l, const char *name, LLVMValueRef *args, unsigned n)
{
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(l->mod, LLVMLookupIntrinsicID(name, strlen(name)), NULL, 0);
    return LLVMBuildCall2(l->b, LLVMGlobalGetValueType(f), f, args, n, "");
}

/* Sixteen at a time: vector arguments are halved until they are, others are as they are. */
static LLVMValueRef of_sixteens(Ll *l, const char *name, LLVMValueRef *args, unsigned n)
{
    unsigned lanes = LLVMGetVectorSize(LLVMTypeOf(args[0]));
    LLVMValueRef half[2], cut[6];
    if (lanes == 16)
        return intrinsic(l, name, args, n);
    for (unsigned h = 0; h < 2; h++) {
        for (unsigned i = 0; i < n; i++)
            cut[i] = LLVMGetTypeKind(LLVMTypeOf(args[i])) == LLVMVectorTypeKind ? elements(l, args[i], args[i], h * lanes / 2, lanes / 2) : args[i];
        half[h] = of_sixteens(l, name, cut, n);
    }
    return elements(l, half[0], half[1], 0, lanes);
}

static LLVMValueRef all_lanes(Ll *l) { return LLVMConstInt(l->ty.i16, 0xffff, 0); }

/* ---- 16-bit floats ---- */

static LLVMValueRef bf16_to_f32(Ll *l, LLVMValueRef v)
{
    LLVMTypeRef wide = ll_like(l->ty.i32, LLVMTypeOf(v));
    LLVMValueRef w = LLVMBuildShl(l->b, LLVMBuildZExt(l->b, v, wide, ""), ll_ic(wide, 16), "");
    return ll_bits(l, w, l->ty.f32);
}

/* up, but where v is a NaN v with its quiet bit set: the unit's table says 2, "v made quiet", for tokens 0 and 1, its NaNs, and 0, "as it is", for others. */
static LLVMValueRef keep_nan(Ll *l, LLVMValueRef v, LLVMValueRef up)
{
    LLVMTypeRef t = LLVMTypeOf(up);
    if (sixteens(l, v)) {
        LLVMValueRef args[] = {ll_bits(l, up, l->ty.f32), v, ll_ic(t, 0x22), ll_i32(l, 0), all_lanes(l), ll_i32(l, 4)};
        return ll_bits(l, of_sixteens(l, "llvm.x86.avx512.mask.fixupimm.ps.512", args, 6), l->ty.i32);
    }
    return ll_sel(l, ll_fcmp(l, LLVMRealUNO, v, v), LLVMBuildOr(l->b, ll_bits(l, v, l->ty.i32), ll_ic(t, 0x400000), ""), up);
}

/* Words of 0 .. 65535 as 16 bits; two vectors of sixteen are packed in one step, which leaves their quarters interleaved. */
static LLVMValueRef upper_halves(Ll *l, LLVMValueRef v)
{
    static const uint8_t order[] = {0, 2, 4, 6, 1, 3, 5, 7};
    LLVMTypeRef t = ll_like(l->ty.i16, LLVMTypeOf(v));
    if (!has(l, "+avx512bw") || !sixteens(l, v) || LLVMGetVectorSize(t) != 32)
        return LLVMBuildTrunc(l->b, v, t, "");
    LLVMValueRef halves[] = {elements(l, v, v, 0, 16), elements(l, v, v, 16, 16)}, at[8];
    LLVMValueRef p = intrinsic(l, "llvm.x86.avx512.packusdw.512", halves, 2);
    for (unsigned i = 0; i < 8; i++)
        at[i] = ll_i32(l, order[i]);
    p = LLVMBuildBitCast(l->b, p, LLVMVectorType(l->ty.i64, 8), "");
    return LLVMBuildBitCast(l->b, LLVMBuildShuffleVector(l->b, p, p, LLVMConstVector(at, 8), ""), t, "");
}

/* Half a unit up on the bits, and where that was a tie, down to the even one; NaN stays a NaN. */
static LLVMValueRef f32_to_bf16(Ll *l, LLVMValueRef v)
{
    LLVMValueRef u = ll_bits(l, v, l->ty.i32);
    LLVMTypeRef t = LLVMTypeOf(u);
    LLVMValueRef up = LLVMBuildAdd(l->b, u, ll_ic(t, 0x8000), "");
    LLVMValueRef tie = LLVMBuildICmp(l->b, LLVMIntEQ, LLVMBuildAnd(l->b, up, ll_ic(t, 0xffff), ""), LLVMConstNull(t), "");
    LLVMValueRef r = keep_nan(l, v, ll_sel(l, tie, LLVMBuildAnd(l->b, up, ll_ic(t, 0xfffeffff), ""), up));
    return upper_halves(l, LLVMBuildLShr(l->b, r, ll_ic(t, 16), ""));
}

static void need_f16(Ll *l)
{
    if (strstr(LLVMGetTarget(l->mod), "x86_64") && !has(l, "+f16c") && *l->features)
        ll_fail(l, DIAG_LIMIT, LG_HOST_CPU, (Span){0}, "f16 on this processor needs f16c, which it lacks");
}

static LlVal widen(Ll *l, LlVal v)
{
    LlVal r = ll_new(l, DT_F32, v.lanes);
    if (v.dt == DT_F16) {
        need_f16(l);
        r.p[0] = LLVMBuildFPExt(l->b, ll_bits(l, v.p[0], l->ty.f16), ll_like(l->ty.f32, LLVMTypeOf(v.p[0])), "");
    } else
        r.p[0] = bf16_to_f32(l, v.p[0]);
    return r;
}

static LlVal narrow(Ll *l, DType dt, LlVal v)
{
    LlVal r = ll_new(l, dt, v.lanes);
    if (dt == DT_F16) {
        need_f16(l);
        LLVMValueRef h = LLVMBuildFPTrunc(l->b, v.p[0], ll_like(l->ty.f16, LLVMTypeOf(v.p[0])), "");
        r.p[0] = ll_bits(l, h, l->ty.i16);
    } else
        r.p[0] = f32_to_bf16(l, v.p[0]);
    return r;
}

static LLVMValueRef scale(Ll *l, LLVMValueRef x, LLVMValueRef n)
{
    LLVMValueRef args[] = {x, n, x, all_lanes(l), ll_i32(l, 4)};
    return sixteens(l, x) ? of_sixteens(l, "llvm.x86.avx512.mask.scalef.ps.512", args, 5) : NULL;
}

/* The unit's reciprocal is good to 2**-14; Newton's step doubles the bits. */
static LLVMValueRef inverse(Ll *l, LLVMValueRef b)
{
    if (!sixteens(l, b))
        return NULL;
    LLVMValueRef args[] = {b, b, all_lanes(l)}, r = of_sixteens(l, "llvm.x86.avx512.rcp14.ps.512", args, 3);
    return ll_fma(l, r, ll_fma(l, LLVMBuildFNeg(l->b, b, ""), r, ll_fc(l, b, 1.0)), r);
}

const LlHooks ll_host_hooks = {
    .parts = false, .begin = begin, .end = end, .leaf = leaf, .word_addr = word_addr, .load = load, .store = store,
    .load_masked = load_masked, .store_masked = store_masked, .sync = sync_op, .shuffle = shuffle, .opaque = opaque,
    .narrow = narrow, .widen = widen, .scale = scale, .inverse = inverse,
};
