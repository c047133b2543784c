/* ll_slide.c: some neighbouring elements of a wider vector, from an element on that is known at run time (SLIDE).
 *
 * In: a vector of n + m elements, m a power of two, and a scalar 0 <= b < m.  Out: its elements b .. b + n - 1.  On a GPU its parts are moved down by 2**k parts at a
 * time, in selects, where bit k of b is set; two elements that share a 32-bit part are then told apart in funnel shifts.
 */
#include "ll_int.h"

/* p[i] = p[i + by] where `bit` of b is set. */
static void move_down(Ll *l, LLVMValueRef *p, unsigned n, unsigned by, LLVMValueRef b, unsigned bit)
{
    LLVMValueRef set = LLVMBuildICmp(l->b, LLVMIntNE, LLVMBuildAnd(l->b, b, ll_i32(l, bit), ""), ll_i32(l, 0), "");
    for (unsigned i = 0; i < n; i++)
        p[i] = ll_sel(l, set, p[i + by], p[i]);
}

static LlVal slide_parts(Ll *l, const LirOp *o, LlVal a, LLVMValueRef b)
{
    LLVMValueRef p[LL_MAX_PARTS];
    bool pairs = ll_packed(l, o->dt, o->lanes);
    LlVal r = ll_new(l, o->dt, o->lanes);
    unsigned each = pairs ? 2 : 1;
    for (unsigned i = 0; i < a.n; i++)
        p[i] = pairs ? LLVMBuildBitCast(l->b, a.p[i], l->ty.i32, "") : a.p[i];
    for (unsigned by = (a.n - r.n) / 2; by; by /= 2)
        move_down(l, p, r.n + pairs + by - 1, by, b, by * each);
    for (unsigned i = 0; i < r.n; i++) {
        LLVMValueRef bits = pairs ? LLVMBuildShl(l->b, LLVMBuildAnd(l->b, b, ll_i32(l, 1), ""), ll_i32(l, 4), "") : NULL;
        r.p[i] = pairs ? LLVMBuildBitCast(l->b, ll_intr3(l, "llvm.fshr", p[i + 1], p[i], bits), ll_part_type(l, o->dt, o->lanes), "") : p[i];
    }
    return r;
}

static LlVal slide_lanes(Ll *l, const LirOp *o, LlVal a, LLVMValueRef b)
{
    LlVal r = ll_new(l, o->dt, o->lanes);
    r.p[0] = LLVMGetUndef(ll_part_type(l, o->dt, o->lanes));
    for (unsigned i = 0; i < o->lanes; i++) {
        LLVMValueRef e = LLVMBuildExtractElement(l->b, a.p[0], LLVMBuildAdd(l->b, b, ll_i32(l, i), ""), "");
        r.p[0] = o->lanes == 1 ? e : LLVMBuildInsertElement(l->b, r.p[0], e, ll_i32(l, i), "");
    }
    return r;
}

LlVal ll_slide(Ll *l, const LirOp *o)
{
    LlVal a = ll_arg(l, o, 0);
    LLVMValueRef b = ll_arg(l, o, 1).p[0];
    return l->hooks->parts ? slide_parts(l, o, a, b) : slide_lanes(l, o, a, b);
}
