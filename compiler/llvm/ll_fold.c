/* ll_fold.c: integers that a GPU computes, written shorter where numbers or bounds are known, and multiply-adds.
 *
 * In: operands.  Out: the same value.  Known numbers that are added stand outermost, so that they end in an instruction's offset; comparisons of what
 * cannot overflow lose them; signs that cannot be are not asked for.  LLVM's combiners would find this too, in several times its time: for GPUs there are none.
 */
#include <string.h>
#include "ll_int.h"

/* ---- the largest value that an integer may have ---- */

enum { BOUND_DEPTH = 6 };

static uint64_t most(Ll *l, LLVMValueRef v, int depth);

static uint64_t most_of_call(Ll *l, LLVMValueRef v, int depth)
{
    size_t n;
    LLVMValueRef f = LLVMGetCalledValue(v);
    const char *name = LLVMIsAFunction(f) ? LLVMGetValueName2(f, &n) : "";
    if (!strcmp(name, "llvm.nvvm.read.ptx.sreg.tid.x"))
        return l->fn->threads - 1;
    if (!strcmp(name, "llvm.nvvm.read.ptx.sreg.ctaid.x"))
        return INT32_MAX - 1;
    if (!strncmp(name, "llvm.smin", 9)) {
        uint64_t a = most(l, LLVMGetOperand(v, 0), depth), b = most(l, LLVMGetOperand(v, 1), depth);
        return a == LL_UNKNOWN || b == LL_UNKNOWN ? LL_UNKNOWN : a < b ? a : b;
    }
    if (!strncmp(name, "llvm.smax", 9)) {
        uint64_t a = most(l, LLVMGetOperand(v, 0), depth), b = most(l, LLVMGetOperand(v, 1), depth), any = UINT64_MAX >> (65 - LLVMGetIntTypeWidth(LLVMTypeOf(v)));
        return a == LL_UNKNOWN && b == LL_UNKNOWN ? LL_UNKNOWN : a == LL_UNKNOWN || b == LL_UNKNOWN ? any : a > b ? a : b;
    }
    return LL_UNKNOWN;
}

static uint64_t most_of_two(Ll *l, LLVMOpcode op, LLVMValueRef v, int depth)
{
    uint64_t a = most(l, LLVMGetOperand(v, 0), depth), b = most(l, LLVMGetOperand(v, 1), depth), r;
    if (op == LLVMAnd)
        return a < b ? a : b;
    if (op == LLVMLShr && a == LL_UNKNOWN && b && b < 32)
        return UINT64_MAX >> (64 - LLVMGetIntTypeWidth(LLVMTypeOf(v))) >> b;
    if (a == LL_UNKNOWN || b == LL_UNKNOWN)
        return LL_UNKNOWN;
    switch (op) {
    case LLVMAdd:  return a + b;
    case LLVMMul:  return __builtin_mul_overflow(a, b, &r) ? LL_UNKNOWN : r;
    case LLVMShl:  return b < 32 && a < UINT64_C(1) << 31 ? a << b : LL_UNKNOWN;
    case LLVMLShr:
    case LLVMAShr: return b < 64 ? a >> b : LL_UNKNOWN;
    default:       return LL_UNKNOWN;
    }
}

/* Of what is known not to be negative; else LL_UNKNOWN.  Nothing is known of variables. */
static uint64_t most(Ll *l, LLVMValueRef v, int depth)
{
    unsigned width = LLVMGetTypeKind(LLVMTypeOf(v)) == LLVMIntegerTypeKind ? LLVMGetIntTypeWidth(LLVMTypeOf(v)) : 0;
    uint64_t r = LL_UNKNOWN;
    if (width < 2 || !depth)
        return LL_UNKNOWN;
    if (LLVMIsAConstantInt(v))
        r = (uint64_t)LLVMConstIntGetSExtValue(v);
    else if (LLVMIsAInstruction(v)) {
        LLVMOpcode op = LLVMGetInstructionOpcode(v);
        if (op == LLVMCall)
            r = most_of_call(l, v, depth - 1);
        else if (op == LLVMZExt || op == LLVMSExt || op == LLVMTrunc)
            r = most(l, LLVMGetOperand(v, 0), depth - 1);
        else if (LLVMGetNumOperands(v) == 2)
            r = most_of_two(l, op, v, depth - 1);
    }
    return r > UINT64_MAX >> (65 - width) ? LL_UNKNOWN : r;
}

uint64_t ll_most(Ll *l, LLVMValueRef v) { return l->t ? most(l, v, BOUND_DEPTH) : LL_UNKNOWN; }

static bool by_number(LLVMValueRef v, LLVMOpcode op)
{
    return LLVMIsAInstruction(v) && LLVMGetInstructionOpcode(v) == op && LLVMIsAConstantInt(LLVMGetOperand(v, 1));
}

/* x of x + c; *c is added to. */
static LLVMValueRef apart(LLVMValueRef v, int64_t *c)
{
    while (by_number(v, LLVMAdd)) {
        *c = (int64_t)((uint64_t)*c + (uint64_t)LLVMConstIntGetSExtValue(LLVMGetOperand(v, 1)));
        v = LLVMGetOperand(v, 0);
    }
    return v;
}

static bool plain(Ll *l, LLVMValueRef a) { return l->t && LLVMGetTypeKind(LLVMTypeOf(a)) == LLVMIntegerTypeKind && LLVMGetIntTypeWidth(LLVMTypeOf(a)) >= 32; }

static LLVMValueRef plus(Ll *l, LLVMValueRef a, int64_t c) { return c ? LLVMBuildAdd(l->b, a, ll_ic(LLVMTypeOf(a), c), "") : a; }

LLVMValueRef ll_int_add(Ll *l, LLVMValueRef a, LLVMValueRef b)
{
    int64_t c = 0;
    if (!plain(l, a))
        return LLVMBuildAdd(l->b, a, b, "");
    if (LLVMIsAConstantInt(a)) {
        LLVMValueRef t = a;
        a = b;
        b = t;
    }
    a = apart(a, &c);
    if (LLVMIsAConstantInt(b))
        return plus(l, a, (int64_t)((uint64_t)c + (uint64_t)LLVMConstIntGetSExtValue(b)));
    b = apart(b, &c);
    return plus(l, LLVMBuildAdd(l->b, a, b, ""), c);
}

static unsigned amount(LLVMValueRef shift) { return (unsigned)LLVMConstIntGetZExtValue(LLVMGetOperand(shift, 1)); }

/* v is a >> k << k: k; else 0. */
static unsigned rounded_down(LLVMValueRef v, LLVMValueRef a)
{
    LLVMValueRef down = LLVMGetOperand(v, 0);
    return by_number(down, LLVMLShr) && LLVMGetOperand(down, 0) == a && amount(down) == amount(v) ? amount(v) : 0;
}

/* x - (x & m) leaves the other bits. */
LLVMValueRef ll_int_sub(Ll *l, LLVMValueRef a, LLVMValueRef b)
{
    int64_t c = 0, d = 0;
    unsigned k;
    if (!plain(l, a))
        return LLVMBuildSub(l->b, a, b, "");
    if (LLVMIsAConstantInt(b))
        return ll_int_add(l, a, LLVMConstNeg(b));
    if (by_number(b, LLVMAnd) && LLVMGetOperand(b, 0) == a)
        return LLVMBuildAnd(l->b, a, LLVMConstNot(LLVMGetOperand(b, 1)), "");
    if (by_number(b, LLVMShl) && (k = rounded_down(b, a)))
        return LLVMBuildAnd(l->b, a, ll_ic(LLVMTypeOf(a), ((int64_t)1 << k) - 1), "");
    a = apart(a, &c);
    b = apart(b, &d);
    return plus(l, LLVMBuildSub(l->b, a, b, ""), (int64_t)((uint64_t)c - (uint64_t)d));
}

/* x >> j << k: shifted once, then some bits of it. */
static LLVMValueRef shifted_bits(Ll *l, LLVMValueRef a, unsigned by)
{
    unsigned width = LLVMGetIntTypeWidth(LLVMTypeOf(a)), down = amount(a);
    LLVMValueRef x = LLVMGetOperand(a, 0);
    uint64_t mask = UINT64_MAX >> (64 - width) >> down << by;
    x = down < by ? LLVMBuildShl(l->b, x, ll_ic(LLVMTypeOf(a), by - down), "") : down > by ? LLVMBuildLShr(l->b, x, ll_ic(LLVMTypeOf(a), down - by), "") : x;
    return LLVMBuildAnd(l->b, x, ll_ic(LLVMTypeOf(a), (int64_t)mask), "");
}

/* By a power of two as a shift: LLVM's loop passes would join two factors, and then each needs a wide product in every turn. */
static LLVMValueRef shifted(Ll *l, LLVMValueRef a, unsigned by)
{
    if (by_number(a, LLVMShl) && by + amount(a) < LLVMGetIntTypeWidth(LLVMTypeOf(a)))
        return shifted(l, LLVMGetOperand(a, 0), by + amount(a));
    if (by_number(a, LLVMLShr))
        return shifted_bits(l, a, by);
    LLVMValueRef of = LLVMIsAZExtInst(a) ? LLVMGetOperand(a, 0) : NULL;
    if (of && by_number(of, LLVMShl) && ll_most(l, of) != LL_UNKNOWN) {
        by += (unsigned)LLVMConstIntGetZExtValue(LLVMGetOperand(of, 1));
        a = LLVMBuildZExt(l->b, LLVMGetOperand(of, 0), LLVMTypeOf(a), "");
    }
    return LLVMBuildShl(l->b, a, ll_ic(LLVMTypeOf(a), by), "");
}

/* (x << j) * (y << k): shifted last, so that two words make a product of two. */
static LLVMValueRef product(Ll *l, LLVMValueRef a, LLVMValueRef b)
{
    unsigned by = 0;
    for (LLVMValueRef *v = &a; v; v = v == &a ? &b : NULL)
        if (plain(l, *v) && by_number(*v, LLVMShl)) {
            by += amount(*v);
            *v = LLVMGetOperand(*v, 0);
        }
    LLVMValueRef p = LLVMBuildMul(l->b, a, b, "");
    return by ? shifted(l, p, by) : p;
}

LLVMValueRef ll_int_mul(Ll *l, LLVMValueRef a, LLVMValueRef b)
{
    uint64_t by = LLVMIsAConstantInt(b) ? LLVMConstIntGetZExtValue(b) : 0;
    int64_t c = 0;
    if (!by || !plain(l, a))
        return product(l, a, b);
    if (by == 1)
        return a;
    a = apart(a, &c);
    LLVMValueRef p = by & (by - 1) ? LLVMBuildMul(l->b, a, b, "") : shifted(l, a, (unsigned)__builtin_ctzll(by));
    return plus(l, p, (int64_t)((uint64_t)c * by));
}

/* Signed, of what is not negative and does not overflow: (x << k) + c < d is x < (d - c + 2**k - 1) >> k. */
LLVMValueRef ll_int_less(Ll *l, LLVMValueRef a, LLVMValueRef b)
{
    int64_t c = 0, d = LLVMIsAConstantInt(b) ? LLVMConstIntGetSExtValue(b) : 0;
    LLVMValueRef x = d > 0 && plain(l, a) ? apart(a, &c) : NULL;
    uint64_t top = x ? ll_most(l, x) : LL_UNKNOWN;
    if (top == LL_UNKNOWN || top > INT32_MAX / 2 || c < -(INT32_MAX / 2) || c > INT32_MAX / 2 || d > INT32_MAX)
        return LLVMBuildICmp(l->b, LLVMIntSLT, a, b, "");
    d -= c;
    if (d <= 0 || top < (uint64_t)d)
        return LLVMConstInt(l->ty.i1, d > 0, 0);
    while (by_number(x, LLVMShl)) {
        unsigned k = (unsigned)LLVMConstIntGetZExtValue(LLVMGetOperand(x, 1));
        d = (d + ((int64_t)1 << k) - 1) >> k;
        x = LLVMGetOperand(x, 0);
    }
    return d == 1 ? LLVMBuildICmp(l->b, LLVMIntEQ, x, ll_ic(LLVMTypeOf(x), 0), "") : LLVMBuildICmp(l->b, LLVMIntULT, x, ll_ic(LLVMTypeOf(x), d), "");
}

static LLVMValueRef moved(Ll *l, LLVMValueRef a, int left)
{
    return left < 0 ? LLVMBuildLShr(l->b, a, ll_ic(LLVMTypeOf(a), -left), "") : left ? LLVMBuildShl(l->b, a, ll_ic(LLVMTypeOf(a), left), "") : a;
}

/* a & b, of whose a only some bits matter: the low word of what was widened is the word itself, widened without its sign; bits that were moved
 * up and down again were moved once. */
LLVMValueRef ll_int_and(Ll *l, LLVMValueRef a, LLVMValueRef b)
{
    uint64_t mask = l->t && LLVMIsAConstantInt(b) ? LLVMConstIntGetZExtValue(b) : 0;
    unsigned width = mask ? LLVMGetIntTypeWidth(LLVMTypeOf(b)) : 0;
    if (mask == UINT32_MAX && width == 64 && LLVMIsASExtInst(a) && LLVMTypeOf(LLVMGetOperand(a, 0)) == l->ty.i32)
        return LLVMBuildZExt(l->b, LLVMGetOperand(a, 0), l->ty.i64, "");
    if (mask == UINT32_MAX && width == 64 && LLVMIsAZExtInst(a))
        return a;
    if (mask && by_number(a, LLVMAShr) && mask >> (width - amount(a)) == 0) {
        LLVMValueRef of = LLVMGetOperand(a, 0);
        bool twice = by_number(of, LLVMShl);
        a = moved(l, twice ? LLVMGetOperand(of, 0) : of, (twice ? (int)amount(of) : 0) - (int)amount(a));
    }
    return LLVMBuildAnd(l->b, a, b, "");
}

/* Bits that are not so. */
LLVMValueRef ll_int_not(Ll *l, LLVMValueRef a)
{
    static const LLVMIntPredicate other[] = {LLVMIntNE, LLVMIntEQ, LLVMIntULE, LLVMIntULT, LLVMIntUGE, LLVMIntUGT, LLVMIntSLE, LLVMIntSLT, LLVMIntSGE, LLVMIntSGT};
    if (l->t && LLVMIsAICmpInst(a))
        return LLVMBuildICmp(l->b, other[LLVMGetICmpPredicate(a) - LLVMIntEQ], LLVMGetOperand(a, 0), LLVMGetOperand(a, 1), "");
    return LLVMBuildNot(l->b, a, "");
}

/* NULL: neither is known to be the one. */
LLVMValueRef ll_int_bound(Ll *l, bool less, LLVMValueRef a, LLVMValueRef b)
{
    uint64_t n = LLVMIsAConstantInt(b) ? ll_most(l, b) : LL_UNKNOWN, top = n == LL_UNKNOWN ? LL_UNKNOWN : ll_most(l, a);
    if (top == LL_UNKNOWN)
        return NULL;
    if (less)
        return top <= n ? a : NULL;
    return n == 0 ? a : NULL;
}

LLVMValueRef ll_int_widen(Ll *l, bool sign, LLVMValueRef v, LLVMTypeRef to)
{
    return sign && (!plain(l, v) || ll_most(l, v) == LL_UNKNOWN) ? LLVMBuildSExt(l->b, v, to, "") : LLVMBuildZExt(l->b, v, to, "");
}

/* ---- multiply-adds ---- */

static bool may_join(LLVMValueRef v, LLVMOpcode op)
{
    return LLVMIsAInstruction(v) && LLVMGetInstructionOpcode(v) == op && (LLVMGetFastMathFlags(v) & LLVMFastMathAllowContract);
}

static unsigned readers(LLVMValueRef v)
{
    unsigned n = 0;
    for (LLVMUseRef u = LLVMGetFirstUse(v); u; u = LLVMGetNextUse(u))
        n++;
    return n;
}

/* o, a sum or difference, as a multiply-add where operand k is a product. */
static bool join(Ll *l, LLVMValueRef o, unsigned k)
{
    LLVMValueRef p = LLVMGetOperand(o, k), z = LLVMGetOperand(o, 1 - k);
    bool minus = LLVMGetInstructionOpcode(o) == LLVMFSub;
    if (!may_join(p, LLVMFMul))
        return false;
    LLVMPositionBuilderBefore(l->b, o);
    LLVMValueRef x = LLVMGetOperand(p, 0), f;
    if (minus && k)
        x = LLVMBuildFNeg(l->b, x, "");
    if (minus && !k)
        z = LLVMBuildFNeg(l->b, z, "");
    f = ll_intr3(l, "llvm.fma", x, LLVMGetOperand(p, 1), z);
    LLVMSetFastMathFlags(f, LLVMGetFastMathFlags(o));
    LLVMReplaceAllUsesWith(o, f);
    LLVMInstructionEraseFromParent(o);
    if (!readers(p))
        LLVMInstructionEraseFromParent(p);
    return true;
}

/* Products are rounded with the sums that read them; of two, the one with fewer readers. */
void ll_contract(Ll *l)
{
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(l->func); b; b = LLVMGetNextBasicBlock(b))
        for (LLVMValueRef o = LLVMGetFirstInstruction(b), next; o; o = next) {
            next = LLVMGetNextInstruction(o);
            bool sum = may_join(o, LLVMFAdd) || may_join(o, LLVMFSub);
            unsigned k = sum && may_join(LLVMGetOperand(o, 1), LLVMFMul) && readers(LLVMGetOperand(o, 1)) < readers(LLVMGetOperand(o, 0));
            if (sum && !join(l, o, k))
                join(l, o, 1 - k);
        }
    LLVMPositionBuilderAtEnd(l->b, LLVMGetLastBasicBlock(l->func));
}
