/* ll_build.c: the instructions that the other files write, one small function each.
 *
 * In: LLVM values of any shape (scalar or vector).  Out: values.  Constants and intrinsics take their shape from an operand.
 * Does not know the lowered IR.
 */
#include <string.h>
#include <math.h>
#include "ll_int.h"

LLVMValueRef ll_i32(Ll *l, int64_t v) { return LLVMConstInt(l->ty.i32, (uint64_t)v, 1); }
LLVMValueRef ll_i64(Ll *l, int64_t v) { return LLVMConstInt(l->ty.i64, (uint64_t)v, 1); }

LLVMValueRef ll_intr(Ll *l, const char *name, LLVMTypeRef over, unsigned n, LLVMValueRef *args)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    if (!id)
        ll_fail(l, DIAG_BUG, LG_EMIT, (Span){0}, "no intrinsic %s in this LLVM", name);
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(l->mod, id, &over, over ? 1 : 0);
    return LLVMBuildCall2(l->b, LLVMGlobalGetValueType(f), f, args, n, "");
}

LLVMValueRef ll_intr1(Ll *l, const char *name, LLVMValueRef a)
{
    return ll_flags(l, ll_intr(l, name, LLVMTypeOf(a), 1, &a));
}

LLVMValueRef ll_intr2(Ll *l, const char *name, LLVMValueRef a, LLVMValueRef b)
{
    return ll_flags(l, ll_intr(l, name, LLVMTypeOf(a), 2, (LLVMValueRef[]){a, b}));
}

LLVMValueRef ll_intr3(Ll *l, const char *name, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c)
{
    return ll_flags(l, ll_intr(l, name, LLVMTypeOf(a), 3, (LLVMValueRef[]){a, b, c}));
}

LLVMValueRef ll_asm(Ll *l, LLVMTypeRef ret, const char *text, const char *cons, bool side, unsigned n, LLVMValueRef *args)
{
    LLVMTypeRef types[LL_MAX_PARTS + 8];
    for (unsigned i = 0; i < n; i++)
        types[i] = LLVMTypeOf(args[i]);
    LLVMTypeRef ft = LLVMFunctionType(ret, types, n, 0);
    LLVMValueRef f = LLVMGetInlineAsm(ft, text, strlen(text), cons, strlen(cons), side, 0, LLVMInlineAsmDialectATT, 0);
    return LLVMBuildCall2(l->b, ft, f, args, n, "");
}

LLVMValueRef ll_asm_bufs(Ll *l, LLVMTypeRef ret, Buf *text, Buf *cons, bool side, unsigned n, LLVMValueRef *args)
{
    bool good = !text->failed && !cons->failed;
    LLVMValueRef r = good ? ll_asm(l, ret, text->p, cons->p, side, n, args) : NULL;
    buf_free(text);
    buf_free(cons);
    if (!good)
        ll_fail(l, DIAG_ERROR, LG_MEMORY, (Span){0}, "memory ran out");
    return r;
}

void ll_asm_many(Ll *l, LLVMTypeRef each, unsigned k, LLVMValueRef *out, Buf *text, Buf *cons, bool side, unsigned n, LLVMValueRef *args)
{
    LLVMTypeRef all[LL_MAX_PARTS];
    for (unsigned i = 0; i < k; i++)
        all[i] = each;
    LLVMValueRef r = ll_asm_bufs(l, k == 1 ? each : LLVMStructTypeInContext(l->cx, all, k, 0), text, cons, side, n, args);
    for (unsigned i = 0; i < k; i++)
        out[i] = k == 1 ? r : LLVMBuildExtractValue(l->b, r, i, "");
}

LLVMTypeRef ll_like(LLVMTypeRef elem, LLVMTypeRef shape)
{
    return LLVMGetTypeKind(shape) == LLVMVectorTypeKind ? LLVMVectorType(elem, LLVMGetVectorSize(shape)) : elem;
}

static LLVMValueRef splat_const(LLVMTypeRef type, LLVMValueRef c)
{
    if (LLVMGetTypeKind(type) != LLVMVectorTypeKind)
        return c;
    LLVMValueRef all[256];
    unsigned n = LLVMGetVectorSize(type);
    for (unsigned i = 0; i < n; i++)
        all[i] = c;
    return LLVMConstVector(all, n);
}

static LLVMTypeRef element(LLVMTypeRef type)
{
    return LLVMGetTypeKind(type) == LLVMVectorTypeKind ? LLVMGetElementType(type) : type;
}

LLVMValueRef ll_fc(Ll *l, LLVMValueRef like, double v)
{
    (void)l;
    LLVMTypeRef t = LLVMTypeOf(like);
    return splat_const(t, LLVMConstReal(element(t), v));
}

LLVMValueRef ll_ic(LLVMTypeRef type, int64_t v) { return splat_const(type, LLVMConstInt(element(type), (uint64_t)v, 1)); }

LLVMValueRef ll_bits(Ll *l, LLVMValueRef v, LLVMTypeRef elem)
{
    return LLVMBuildBitCast(l->b, v, ll_like(elem, LLVMTypeOf(v)), "");
}

LLVMValueRef ll_splat(Ll *l, LLVMValueRef v, unsigned lanes)
{
    if (lanes == 1)
        return v;
    LLVMTypeRef t = LLVMVectorType(LLVMTypeOf(v), lanes);
    if (LLVMIsConstant(v))
        return splat_const(t, v);
    LLVMValueRef one = LLVMBuildInsertElement(l->b, LLVMGetPoison(t), v, ll_i32(l, 0), "");
    return LLVMBuildShuffleVector(l->b, one, LLVMGetPoison(t), LLVMConstNull(LLVMVectorType(l->ty.i32, lanes)), "");
}

LLVMValueRef ll_elem(Ll *l, LLVMValueRef v, unsigned i)
{
    if (LLVMGetTypeKind(LLVMTypeOf(v)) != LLVMVectorTypeKind)
        return v;
    return LLVMBuildExtractElement(l->b, v, ll_i32(l, i), "");
}

/* From sm_100 on a vector of two words is a register of its own, which LLVM fills by combiners alone: there are none. */
static LLVMValueRef two_words(Ll *l, LLVMTypeRef elem, LLVMValueRef *v)
{
    LLVMValueRef word[2];
    for (int i = 0; i < 2; i++)
        word[i] = LLVMBuildBitCast(l->b, v[i], l->ty.i32, "");
    return LLVMBuildBitCast(l->b, ll_intr(l, "llvm.nvvm.lohi.i2d", NULL, 2, word), LLVMVectorType(elem, 2), "");
}

LLVMValueRef ll_vector(Ll *l, LLVMTypeRef elem, LLVMValueRef *v, unsigned n)
{
    if (n == 1)
        return v[0];
    if (n == 2 && l->t && l->t->sm >= 100 && (elem == l->ty.i32 || elem == l->ty.f32))
        return two_words(l, elem, v);
    LLVMValueRef all = LLVMGetPoison(LLVMVectorType(elem, n));
    for (unsigned i = 0; i < n; i++)
        all = LLVMBuildInsertElement(l->b, all, v[i], ll_i32(l, i), "");
    return all;
}

LLVMBasicBlockRef ll_block(Ll *l, const char *name) { return LLVMAppendBasicBlockInContext(l->cx, l->func, name); }

LLVMValueRef ll_flags(Ll *l, LLVMValueRef v)
{
    if (l->fmf && LLVMIsAInstruction(v) && LLVMCanValueUseFastMathFlags(v))
        LLVMSetFastMathFlags(v, l->fmf);
    return v;
}

LLVMValueRef ll_fadd(Ll *l, LLVMValueRef a, LLVMValueRef b) { return ll_flags(l, LLVMBuildFAdd(l->b, a, b, "")); }
LLVMValueRef ll_fsub(Ll *l, LLVMValueRef a, LLVMValueRef b) { return ll_flags(l, LLVMBuildFSub(l->b, a, b, "")); }
LLVMValueRef ll_fmul(Ll *l, LLVMValueRef a, LLVMValueRef b) { return ll_flags(l, LLVMBuildFMul(l->b, a, b, "")); }

/* By a power of two: times its inverse, which is the same. */
LLVMValueRef ll_fdiv(Ll *l, LLVMValueRef a, LLVMValueRef b)
{
    LLVMBool lost;
    int exponent = 0;
    double by = LLVMIsAConstantFP(b) ? LLVMConstRealGetDouble(b, &lost) : 0;
    if (by > 0 && frexp(by, &exponent) == 0.5 && exponent > -100 && exponent < 100)
        return ll_fmul(l, a, ll_fc(l, b, 1 / by));
    return ll_flags(l, LLVMBuildFDiv(l->b, a, b, ""));
}

LLVMValueRef ll_fma(Ll *l, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c) { return ll_intr3(l, "llvm.fma", a, b, c); }
LLVMValueRef ll_fcmp(Ll *l, LLVMRealPredicate p, LLVMValueRef a, LLVMValueRef b) { return LLVMBuildFCmp(l->b, p, a, b, ""); }
LLVMValueRef ll_sel(Ll *l, LLVMValueRef c, LLVMValueRef a, LLVMValueRef b) { return LLVMBuildSelect(l->b, c, a, b, ""); }
