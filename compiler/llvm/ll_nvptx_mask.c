/* ll_nvptx_mask.c: vectors of which only the elements lo <= i < hi are inside the row (LDGM, STGM).
 *
 * In: a run of loads, or one store.  Out: whole accesses under predicates, in straight line, so that all loads of a run are in flight
 * together; then one branch, rarely taken, to inline assembler that has an access for each element of the vectors that lie across
 * the row's ends, each under its predicate.  One statement a vector, since LLVM's time goes by instructions.
 */
#include "ll_nvptx.h"

enum { TEXT_OPERANDS = 3 };      /* address, lo, hi */

enum { MAX_RUN = 64 };

typedef struct Mask { LLVMValueRef lo, hi; } Mask;

static LLVMValueRef whole(Ll *l, Mask s, unsigned lanes)
{
    LLVMValueRef below = LLVMBuildICmp(l->b, LLVMIntSLE, s.lo, ll_i32(l, 0), "");
    LLVMValueRef above = LLVMBuildICmp(l->b, LLVMIntSGE, s.hi, ll_i32(l, lanes), "");
    return LLVMBuildAnd(l->b, below, above, "");
}

/* Some elements inside, but not all. */
static LLVMValueRef across(Ll *l, Mask s, unsigned lanes, LLVMValueRef full)
{
    LLVMValueRef below = LLVMBuildICmp(l->b, LLVMIntSLT, s.lo, ll_i32(l, lanes), "");
    LLVMValueRef above = LLVMBuildICmp(l->b, LLVMIntSGT, s.hi, ll_i32(l, 0), "");
    LLVMValueRef some = LLVMBuildAnd(l->b, below, above, "");
    return LLVMBuildAnd(l->b, some, LLVMBuildNot(l->b, full, ""), "");
}

/* The alignment allows single elements only: then there is nothing to be won by whole accesses. */
static bool singly(const LirOp *o, DType dt, unsigned lanes) { return lanes == 1 || o->imm.i <= dt_bytes(dt); }

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

static LlVal load_part(Ll *l, const LirOp *o, Mask s)
{
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

typedef struct Run { LLVMValueRef part[MAX_RUN], any; LLVMBasicBlockRef from, fix, join; } Run;

static Mask mask_of(Ll *l, const LirOp *o) { return (Mask){ll_arg(l, o, 1).p[0], ll_arg(l, o, 2).p[0]}; }

static void note_part(Ll *l, Run *r, uint32_t i, LLVMValueRef part)
{
    r->part[i] = part;
    r->any = r->any ? LLVMBuildOr(l->b, r->any, part, "") : part;
}

/* The whole accesses; notes which vectors of this thread lie across an end. */
static void load_wholes(Ll *l, const LirOp *const *o, uint32_t n, LlVal *out, Run *r)
{
    for (uint32_t i = 0; i < n; i++) {
        Mask s = mask_of(l, o[i]);
        if (singly(o[i], o[i]->dt, o[i]->lanes)) {
            out[i] = load_part(l, o[i], s);
            continue;
        }
        LLVMValueRef full = whole(l, s, o[i]->lanes);
        out[i] = ll_load(l, o[i], LL_GLOBAL, full);
        note_part(l, r, i, across(l, s, o[i]->lanes, full));
    }
}

static LlVal mend(Ll *l, const LirOp *o, LLVMValueRef part, LlVal v)
{
    Mask s = mask_of(l, o);
    s.hi = ll_sel(l, part, s.hi, ll_i32(l, 0));
    LlVal b = load_part(l, o, s), r = ll_new(l, o->dt, o->lanes);
    for (unsigned i = 0; i < r.n; i++)
        r.p[i] = ll_sel(l, part, b.p[i], v.p[i]);
    return r;
}

static LlVal merge(Ll *l, const Run *r, LlVal v, LlVal mended)
{
    LlVal m = ll_new(l, v.dt, v.lanes);
    for (unsigned i = 0; i < m.n; i++) {
        m.p[i] = LLVMBuildPhi(l->b, LLVMTypeOf(v.p[i]), "");
        LLVMAddIncoming(m.p[i], (LLVMValueRef[]){v.p[i], mended.p[i]}, (LLVMBasicBlockRef[]){r->from, r->fix}, 2);
    }
    return m;
}

static void load_some(Ll *l, const LirOp *const *o, uint32_t n, LlVal *out)
{
    Run r = {0};
    LlVal mended[MAX_RUN];
    load_wholes(l, o, n, out, &r);
    if (!r.any)
        return;
    r.from = LLVMGetInsertBlock(l->b);
    r.fix = ll_block(l, "ends");
    r.join = ll_block(l, "loaded");
    LLVMBuildCondBr(l->b, r.any, r.fix, r.join);
    LLVMPositionBuilderAtEnd(l->b, r.fix);
    for (uint32_t i = 0; i < n; i++)
        if (r.part[i])
            mended[i] = mend(l, o[i], r.part[i], out[i]);
    LLVMBuildBr(l->b, r.join);
    LLVMPositionBuilderAtEnd(l->b, r.join);
    for (uint32_t i = 0; i < n; i++)
        if (r.part[i])
            out[i] = merge(l, &r, out[i], mended[i]);
}

void ll_nvptx_load_run(Ll *l, const LirOp *const *o, uint32_t n, LlVal *out)
{
    for (uint32_t i = 0; i < n; i += MAX_RUN)
        load_some(l, o + i, n - i < MAX_RUN ? n - i : MAX_RUN, out + i);
}

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

static void store_part(Ll *l, const LirOp *o, LlVal v, Mask s)
{
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
    LlVal v = ll_arg(l, o, 1);
    Mask s = {ll_arg(l, o, 2).p[0], ll_arg(l, o, 3).p[0]};
    if (singly(o, v.dt, v.lanes)) {
        store_part(l, o, v, s);
        return;
    }
    LLVMValueRef full = whole(l, s, v.lanes);
    ll_store(l, o, LL_GLOBAL, v, full);
    LLVMBasicBlockRef fix = ll_block(l, "ends"), join = ll_block(l, "stored");
    LLVMBuildCondBr(l->b, across(l, s, v.lanes, full), fix, join);
    LLVMPositionBuilderAtEnd(l->b, fix);
    store_part(l, o, v, s);
    LLVMBuildBr(l->b, join);
    LLVMPositionBuilderAtEnd(l->b, join);
}
