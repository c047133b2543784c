/* ll_nvptx_window.c: a vector that begins at any element of memory (LDG, LDGP with LIR_F_WINDOW), without a load for each element.
 *
 * In: an address aligned to an element.  Out: the aligned units of 16 bytes, or of a shorter vector's, that cover it, loaded whole, their 32-bit
 * words moved down by the address's words in steps of selects, then by its bits in funnel shifts.
 */
#include "ll_nvptx.h"

enum { UNIT = 16, MAX_WORDS = 16 };

static unsigned word_count(const LirOp *o) { return o->lanes * (unsigned)dt_bytes(o->dt) / 4; }
static unsigned unit_words(const LirOp *o) { return word_count(o) < UNIT / 4 ? word_count(o) : UNIT / 4; }

/* Values of 32-bit parts; others are taken element by element. */
static bool has_window(Ll *l, const LirOp *o)
{
    bool words = dt_bytes(o->dt) == 4 || ll_packed(l, o->dt, o->lanes);
    return words && word_count(o) >= 1 && word_count(o) <= MAX_WORDS && o->imm.i < (int64_t)unit_words(o) * 4;
}

static void load_words(Ll *l, const LirOp *o, LLVMValueRef pred, LLVMValueRef *w)
{
    unsigned k = unit_words(o);
    LLVMValueRef at = LLVMBuildAnd(l->b, ll_arg(l, o, 0).p[0], LLVMConstInt(l->ty.i64, ~(uint64_t)(k * 4 - 1), 0), "");
    for (unsigned i = 0; i < word_count(o) + k; i += k) {
        LlAccess m = {.space = LL_GLOBAL, .addr = LLVMBuildAdd(l->b, at, LLVMConstInt(l->ty.i64, i * 4, 0), ""), .unit = l->ty.i32,
                      .unit_bytes = 4, .k = (int)k, .align = (int)k * 4, .flags = o->flags, .pred = pred};
        LLVMValueRef v = ll_nvptx_load(l, &m);
        for (unsigned j = 0; j < k; j++)
            w[i + j] = ll_elem(l, v, j);
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

LlVal ll_nvptx_window(Ll *l, const LirOp *o, LLVMValueRef pred)
{
    if (!has_window(l, o))
        return ll_load(l, o, LL_GLOBAL, pred);
    LLVMValueRef w[MAX_WORDS + UNIT / 4], at = LLVMBuildTrunc(l->b, ll_arg(l, o, 0).p[0], l->ty.i32, "");
    unsigned n = word_count(o), extra = dt_bytes(o->dt) < 4;
    LlVal r = ll_new(l, o->dt, o->lanes);
    load_words(l, o, pred, w);
    for (unsigned by = unit_words(o) / 2; by; by /= 2)
        move_down(l, w, n + extra + by - 1, by, at);
    LLVMValueRef bits = LLVMBuildShl(l->b, LLVMBuildAnd(l->b, at, ll_i32(l, 3), ""), ll_i32(l, 3), "");
    for (unsigned i = 0; i < n; i++) {
        LLVMValueRef v = extra ? ll_intr3(l, "llvm.fshr", w[i + 1], w[i], bits) : w[i];
        r.p[i] = LLVMBuildBitCast(l->b, v, ll_part_type(l, o->dt, o->lanes), "");
    }
    return r;
}
