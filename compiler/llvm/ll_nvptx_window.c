/* ll_nvptx_window.c: a vector that begins at any element of memory (LDGM with LIR_F_WINDOW), without a load for each element.
 *
 * In: an address aligned to an element, and how many elements before and behind it may be read.  Out: the 16-byte vectors that
 * cover it, loaded whole, their 32-bit words moved down by the address's words in two steps of selects, then by its bits in funnel
 * shifts.  Where that would read past what there is, the caller takes the elements one by one.
 */
#include "ll_nvptx.h"

enum { WINDOW = 16, MAX_WORDS = 16 };

static unsigned word_count(const LirOp *o) { return o->lanes * (unsigned)dt_bytes(o->dt) / 4; }
static unsigned load_count(const LirOp *o) { return (word_count(o) * 4 + WINDOW - 1) / WINDOW + 1; }

/* Values of 32-bit parts, of 8 bytes or more. */
bool ll_nvptx_has_window(Ll *l, const LirOp *o)
{
    bool words = dt_bytes(o->dt) == 4 || ll_packed(l, o->dt, o->lanes);
    return (o->flags & LIR_F_WINDOW) && words && word_count(o) >= 2 && word_count(o) + 4 <= MAX_WORDS;
}

/* i32 bytes of the address past a 16-byte boundary. */
static LLVMValueRef past(Ll *l, const LirOp *o)
{
    LLVMValueRef low = LLVMBuildTrunc(l->b, ll_arg(l, o, 0).p[0], l->ty.i32, "");
    return LLVMBuildAnd(l->b, low, ll_i32(l, WINDOW - 1), "");
}

/* i1: the covering vectors lie inside the elements lo <= i < hi. */
LLVMValueRef ll_nvptx_window_inside(Ll *l, const LirOp *o, LLVMValueRef lo, LLVMValueRef hi)
{
    LLVMValueRef bytes = ll_i32(l, (unsigned)dt_bytes(o->dt)), at = past(l, o);
    LLVMValueRef before = LLVMBuildMul(l->b, LLVMBuildNeg(l->b, lo, ""), bytes, "");
    LLVMValueRef behind = LLVMBuildAdd(l->b, LLVMBuildMul(l->b, hi, bytes, ""), at, "");
    LLVMValueRef below = LLVMBuildICmp(l->b, LLVMIntSGE, before, at, "");
    return LLVMBuildAnd(l->b, below, LLVMBuildICmp(l->b, LLVMIntSGE, behind, ll_i32(l, load_count(o) * WINDOW), ""), "");
}

static void load_words(Ll *l, const LirOp *o, LLVMValueRef inside, LLVMValueRef *w)
{
    LLVMValueRef at = LLVMBuildAnd(l->b, ll_arg(l, o, 0).p[0], LLVMConstInt(l->ty.i64, ~(uint64_t)(WINDOW - 1), 0), "");
    for (unsigned i = 0; i < load_count(o); i++) {
        LlAccess m = {.space = LL_GLOBAL, .addr = LLVMBuildAdd(l->b, at, LLVMConstInt(l->ty.i64, i * WINDOW, 0), ""), .unit = l->ty.i32,
                      .unit_bytes = 4, .k = 4, .align = WINDOW, .flags = o->flags, .pred = inside};
        LLVMValueRef v = ll_nvptx_load(l, &m);
        for (unsigned k = 0; k < 4; k++)
            w[4 * i + k] = ll_elem(l, v, k);
    }
}

/* w[i] = w[i + by] where the bit `by` words of the address is set. */
static void move_down(Ll *l, LLVMValueRef *w, unsigned n, unsigned by, LLVMValueRef at)
{
    LLVMValueRef bit = LLVMBuildAnd(l->b, at, ll_i32(l, by * 4), "");
    LLVMValueRef set = LLVMBuildICmp(l->b, LLVMIntNE, bit, ll_i32(l, 0), "");
    for (unsigned i = 0; i < n; i++)
        w[i] = ll_sel(l, set, w[i + by], w[i]);
}

LlVal ll_nvptx_window(Ll *l, const LirOp *o, LLVMValueRef inside)
{
    LLVMValueRef w[MAX_WORDS + 4], at = past(l, o);
    unsigned n = word_count(o);
    LlVal r = ll_new(l, o->dt, o->lanes);
    load_words(l, o, inside, w);
    move_down(l, w, n + 2, 2, at);
    move_down(l, w, n + 1, 1, at);
    LLVMValueRef bits = LLVMBuildShl(l->b, LLVMBuildAnd(l->b, at, ll_i32(l, 3), ""), ll_i32(l, 3), "");
    for (unsigned i = 0; i < n; i++) {
        LLVMValueRef v = dt_bytes(o->dt) == 4 ? w[i] : ll_intr3(l, "llvm.fshr", w[i + 1], w[i], bits);
        r.p[i] = LLVMBuildBitCast(l->b, v, ll_part_type(l, o->dt, o->lanes), "");
    }
    return r;
}
