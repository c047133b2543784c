/* ll_nvptx_mask.c: vectors of which only the elements lo <= i < hi are inside the row (LDGM, STGM).
 *
 * In: the operation.  Out: one whole access when all elements are inside, which is the rule; else one inline assembler statement with
 * an access of its own for each element, each under its predicate.  One statement, since LLVM's time goes by instructions and
 * the rare side of the branch would else be most of the kernel.
 */
#include "ll_nvptx.h"

enum { TEXT_OPERANDS = 3 };      /* address, lo, hi */

typedef struct Mask { LLVMValueRef lo, hi; } Mask;

/* How the parts of a value stand in registers. */
typedef struct Form { bool packed; int bytes; unsigned parts, lanes; char letter; LLVMTypeRef reg; } Form;

static Form form_of(Ll *l, DType dt, unsigned lanes)
{
    Form f = {ll_packed(l, dt, lanes), dt_bytes(dt), ll_part_count(l, dt, lanes), lanes, 'r', l->ty.i32};
    if (!f.packed && f.bytes == 8) {
        f.letter = 'l';
        f.reg = l->ty.i64;
    } else if (!f.packed && f.bytes < 4) {
        f.letter = 'h';
        f.reg = l->ty.i16;
    }
    return f;
}

/* p = lo <= i && i < hi; the operands $first.. are address, lo, hi. */
static void put_predicate(Buf *b, unsigned i, unsigned first)
{
    buf_printf(b, "setp.le.s32 q, $%u, %u; setp.gt.and.s32 p, $%u, %u, q; ", first + 1, i, first + 2, i);
}

static void put_head(Buf *b, const Form *f)
{
    buf_puts(b, "{ .reg .pred p, q; ");
    if (f->packed)
        buf_printf(b, ".reg .b16 h<%u>; ", f->lanes);
}

static void load_text(Ll *l, const Form *f, unsigned flags, Buf *b)
{
    int bits = f->bytes * 8, wide = f->bytes == 1 ? 16 : bits;
    put_head(b, f);
    for (unsigned i = 0; i < f->lanes; i++) {
        const char *kind = f->packed ? "h" : "$";
        buf_printf(b, "mov.b%d %s%u, 0; ", wide, kind, i);
        put_predicate(b, i, f->parts);
        buf_printf(b, "@p ld.global%s%s.b%d %s%u, [$%u+%u]; ", flags & LIR_F_CONST ? ".nc" : "", ll_nvptx_load_hint(l, flags), bits, kind, i,
                   f->parts, i * (unsigned)f->bytes);
        if (f->packed && i % 2)
            buf_printf(b, "mov.b32 $%u, {h%u, h%u}; ", i / 2, i - 1, i);
    }
    buf_puts(b, "}");
}

static LLVMValueRef from_register(Ll *l, const Form *f, DType dt, LLVMValueRef v)
{
    if (f->bytes == 1 && !f->packed)
        v = LLVMBuildTrunc(l->b, v, l->ty.i8, "");
    if (dt == DT_BOOL)
        return LLVMBuildICmp(l->b, LLVMIntNE, v, LLVMConstNull(l->ty.i8), "");
    return LLVMBuildBitCast(l->b, v, ll_part_type(l, dt, f->lanes), "");
}

static LlVal load_part(Ll *l, const LirOp *o)
{
    Mask s = {ll_arg(l, o, 1).p[0], ll_arg(l, o, 2).p[0]};
    Form f = form_of(l, o->dt, o->lanes);
    Buf text = {0}, cons = {0};
    LLVMTypeRef regs[LL_MAX_PARTS];
    load_text(l, &f, o->flags, &text);
    for (unsigned i = 0; i < f.parts; i++) {
        buf_printf(&cons, "=&%c,", f.letter);
        regs[i] = f.reg;
    }
    buf_puts(&cons, "l,r,r");
    LLVMTypeRef ret = f.parts == 1 ? f.reg : LLVMStructTypeInContext(l->cx, regs, f.parts, 0);
    LLVMValueRef args[TEXT_OPERANDS] = {ll_arg(l, o, 0).p[0], s.lo, s.hi};
    LLVMValueRef all = ll_asm_bufs(l, ret, &text, &cons, !(o->flags & LIR_F_CONST), TEXT_OPERANDS, args);
    LlVal r = ll_new(l, o->dt, o->lanes);
    for (unsigned i = 0; i < r.n; i++)
        r.p[i] = from_register(l, &f, o->dt, f.parts == 1 ? all : LLVMBuildExtractValue(l->b, all, i, ""));
    return r;
}

LlVal ll_nvptx_load_masked(Ll *l, const LirOp *o) { return o->lanes == 1 ? load_part(l, o) : ll_load_forked(l, o, load_part); }

static void store_text(const Form *f, unsigned flags, Buf *b)
{
    put_head(b, f);
    for (unsigned i = 0; i < f->lanes; i++) {
        if (f->packed && i % 2 == 0)
            buf_printf(b, "mov.b32 {h%u, h%u}, $%u; ", i, i + 1, TEXT_OPERANDS + i / 2);
        put_predicate(b, i, 0);
        buf_printf(b, "@p st.global%s.b%d [$0+%u], %s%u; ", flags & LIR_F_STREAM ? ".cs" : "", f->bytes * 8, i * (unsigned)f->bytes, f->packed ? "h" : "$",
                   f->packed ? i : TEXT_OPERANDS + i);
    }
    buf_puts(b, "}");
}

static LLVMValueRef to_register(Ll *l, const Form *f, LLVMValueRef v)
{
    if (f->bytes == 1 && !f->packed)
        return LLVMBuildZExt(l->b, v, f->reg, "");
    return LLVMBuildBitCast(l->b, v, f->reg, "");
}

static void store_part(Ll *l, const LirOp *o)
{
    LlVal v = ll_arg(l, o, 1);
    Mask s = {ll_arg(l, o, 2).p[0], ll_arg(l, o, 3).p[0]};
    Form f = form_of(l, v.dt, v.lanes);
    Buf text = {0}, cons = {0};
    LLVMValueRef args[TEXT_OPERANDS + LL_MAX_PARTS] = {ll_arg(l, o, 0).p[0], s.lo, s.hi};
    store_text(&f, o->flags, &text);
    buf_puts(&cons, "l,r,r");
    for (unsigned i = 0; i < v.n; i++) {
        args[TEXT_OPERANDS + i] = to_register(l, &f, v.p[i]);
        buf_printf(&cons, ",%c", f.letter);
    }
    buf_puts(&cons, ",~{memory}");
    ll_asm_bufs(l, l->ty.v, &text, &cons, true, TEXT_OPERANDS + v.n, args);
}

void ll_nvptx_store_masked(Ll *l, const LirOp *o)
{
    if (ll_arg(l, o, 1).lanes == 1)
        store_part(l, o);
    else
        ll_store_forked(l, o, store_part);
}
