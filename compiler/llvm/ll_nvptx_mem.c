/* ll_nvptx_mem.c: memory instructions of a GPU.
 *
 * In: LlAccess (up to 16 bytes, aligned).  Out: plain IR loads and stores where there is neither predicate nor hint, so that
 * LLVM folds constant offsets into the address; else one inline assembler statement with the predicate inside (no branch).
 */
#include <stdio.h>
#include <string.h>
#include "ll_nvptx.h"

LLVMValueRef ll_shared_addr(Ll *l, LLVMValueRef offset)
{
    LLVMValueRef p = LLVMBuildGEP2(l->b, l->ty.i8, l->smem, &offset, 1, "");
    return LLVMBuildPtrToInt(l->b, p, l->ty.i32, "");
}

LLVMValueRef ll_pred_word(Ll *l, LLVMValueRef pred) { return LLVMBuildZExt(l->b, pred, l->ty.i32, ""); }

static LLVMTypeRef access_type(const LlAccess *m) { return m->k == 1 ? m->unit : LLVMVectorType(m->unit, (unsigned)m->k); }

/* What is added to *at and known here goes into the instruction: as an offset of its own it would be added for each access. */
static int64_t without_constants(LLVMValueRef *at)
{
    int64_t sum = 0;
    while (LLVMIsAInstruction(*at) && LLVMGetInstructionOpcode(*at) == LLVMAdd && LLVMIsAConstantInt(LLVMGetOperand(*at, 1))) {
        sum += LLVMConstIntGetSExtValue(LLVMGetOperand(*at, 1));
        *at = LLVMGetOperand(*at, 0);
    }
    return sum;
}

static LLVMValueRef pointer(Ll *l, const LlAccess *m)
{
    if (m->space == LL_GLOBAL)
        return LLVMBuildIntToPtr(l->b, m->addr, l->ty.gptr, "");
    LLVMValueRef at = m->addr;
    int64_t further = without_constants(&at);
    LLVMValueRef p = LLVMBuildGEP2(l->b, l->ty.i8, l->smem, &at, 1, ""), by = ll_i32(l, further);
    return further ? LLVMBuildGEP2(l->b, l->ty.i8, p, &by, 1, "") : p;
}

static void mark(Ll *l, LLVMValueRef load, const char *kind)
{
    unsigned k = LLVMGetMDKindIDInContext(l->cx, kind, (unsigned)strlen(kind));
    LLVMSetMetadata(load, k, LLVMMetadataAsValue(l->cx, LLVMMDNodeInContext2(l->cx, NULL, 0)));
}

static void take_apart(Ll *l, LLVMValueRef v, LLVMValueRef *unit, int k)
{
    for (int i = 0; i < k; i++)
        unit[i] = ll_elem(l, v, (unsigned)i);
}

static void plain_load(Ll *l, const LlAccess *m, LLVMValueRef *unit)
{
    LLVMValueRef v = LLVMBuildLoad2(l->b, access_type(m), pointer(l, m), "");
    LLVMSetAlignment(v, (unsigned)m->align);
    if (m->flags & LIR_F_CONST)
        mark(l, v, "invariant.load");
    take_apart(l, v, unit, m->k);
}

const char *ll_nvptx_load_hint(const Ll *l, unsigned flags)
{
    bool levels = l->ptx >= 74;                          /* L1::.. came with PTX 7.4 */
    if (flags & LIR_F_STREAM)
        return levels ? ".L1::no_allocate" : (flags & LIR_F_CONST) ? "" : ".cs";
    return (flags & LIR_F_KEEP) && levels ? ".L1::evict_last" : "";
}

/* 8-bit units travel in 16-bit registers: there are no smaller ones. */
static LLVMTypeRef register_type(Ll *l, const LlAccess *m)
{
    return m->unit_bytes == 8 ? l->ty.i64 : m->unit_bytes == 4 ? l->ty.i32 : l->ty.i16;
}

static char letter(const LlAccess *m) { return m->unit_bytes == 8 ? 'l' : m->unit_bytes == 4 ? 'r' : 'h'; }

/* "{$0,$1}" for registers from..from+k-1, or "$0". */
static void register_list(Buf *b, int from, int k)
{
    buf_puts(b, k > 1 ? "{" : "");
    for (int i = 0; i < k; i++)
        buf_printf(b, "%s$%d", i ? "," : "", from + i);
    buf_puts(b, k > 1 ? "}" : "");
}

static void type_suffix(Buf *b, const LlAccess *m)
{
    if (m->k > 1)
        buf_printf(b, ".v%d", m->k);
    buf_printf(b, ".b%d", m->unit_bytes * 8);
}

static void load_text(Ll *l, const LlAccess *m, Buf *b)
{
    if (m->pred) {
        buf_printf(b, "{ .reg .pred p; setp.ne.b32 p, $%d, 0; ", m->k + 1);
        for (int i = 0; i < m->k; i++)
            buf_printf(b, "mov.b%d $%d, 0; ", m->unit_bytes == 1 ? 16 : m->unit_bytes * 8, i);
        buf_puts(b, "@p ");
    }
    bool nc = (m->flags & LIR_F_CONST) && m->space == LL_GLOBAL;
    buf_printf(b, "ld.%s%s%s", m->space == LL_GLOBAL ? "global" : "shared", nc ? ".nc" : "",
               m->space == LL_GLOBAL ? ll_nvptx_load_hint(l, m->flags) : "");
    type_suffix(b, m);
    buf_puts(b, " ");
    register_list(b, 0, m->k);
    buf_printf(b, ", [$%d];%s", m->k, m->pred ? " }" : "");
}

static void load_constraints(const LlAccess *m, Buf *b)
{
    for (int i = 0; i < m->k; i++)
        buf_printf(b, "=%s%c,", m->pred ? "&" : "", letter(m));
    buf_printf(b, "%c%s", m->space == LL_GLOBAL ? 'l' : 'r', m->pred ? ",r" : "");
}

static LLVMValueRef address(Ll *l, const LlAccess *m) { return m->space == LL_GLOBAL ? m->addr : ll_shared_addr(l, m->addr); }

/* Loads of memory that others write keep their order (sideeffect); constant ones may move. */
static void asm_load(Ll *l, const LlAccess *m, LLVMValueRef *unit)
{
    Buf text = {0}, cons = {0};
    load_text(l, m, &text);
    load_constraints(m, &cons);
    LLVMValueRef args[2] = {address(l, m), m->pred ? ll_pred_word(l, m->pred) : NULL};
    ll_asm_many(l, register_type(l, m), (unsigned)m->k, unit, &text, &cons, !(m->flags & LIR_F_CONST), m->pred ? 2 : 1, args);
    for (int i = 0; i < m->k; i++)
        unit[i] = m->unit_bytes == 1 ? LLVMBuildTrunc(l->b, unit[i], m->unit, "") : LLVMBuildBitCast(l->b, unit[i], m->unit, "");
}

/* More than four 1- or 2-byte units cannot be named in one instruction; they are loaded as words. */
static LlAccess as_words(Ll *l, const LlAccess *m)
{
    LlAccess w = *m;
    w.unit = l->ty.i32;
    w.unit_bytes = 4;
    w.k = m->k * m->unit_bytes / 4;
    return w;
}

static bool known(LLVMValueRef pred, bool value)
{
    return LLVMIsAConstantInt(pred) && (LLVMConstIntGetZExtValue(pred) != 0) == value;
}

static bool need_asm(Ll *l, const LlAccess *m)
{
    return m->pred || (m->space == LL_GLOBAL && *ll_nvptx_load_hint(l, m->flags));
}

static void load_words(Ll *l, const LlAccess *m, LLVMValueRef *unit)
{
    LLVMValueRef word[4];
    LlAccess w = as_words(l, m);
    asm_load(l, &w, word);
    take_apart(l, LLVMBuildBitCast(l->b, ll_vector(l, w.unit, word, (unsigned)w.k), access_type(m), ""), unit, m->k);
}

void ll_nvptx_load(Ll *l, const LlAccess *access, LLVMValueRef *unit)
{
    LlAccess m = *access;
    if (m.pred && known(m.pred, true))
        m.pred = NULL;
    if (m.pred && known(m.pred, false))
        for (int i = 0; i < m.k; i++)
            unit[i] = LLVMConstNull(m.unit);
    else if (!need_asm(l, &m))
        plain_load(l, &m, unit);
    else if (m.k > 1 && m.unit_bytes < 4 && m.k * m.unit_bytes >= 4)
        load_words(l, &m, unit);
    else
        asm_load(l, &m, unit);
}

static bool keeps(const Ll *l, const LlAccess *m) { return (m->flags & LIR_F_KEEP) && m->space == LL_GLOBAL && l->ptx >= 74; }

static void store_text(const Ll *l, const LlAccess *m, Buf *b)
{
    bool keep = keeps(l, m), stream = (m->flags & LIR_F_STREAM) && m->space == LL_GLOBAL;
    buf_puts(b, m->pred || keep ? "{ " : "");
    if (keep)
        buf_puts(b, ".reg .b64 kept; createpolicy.fractional.L2::evict_last.b64 kept, 1.0; ");
    if (m->pred)
        buf_printf(b, ".reg .pred p; setp.ne.b32 p, $%d, 0; @p ", m->k + 1);
    buf_printf(b, "st.%s%s", m->space == LL_GLOBAL ? "global" : "shared", keep ? ".L2::cache_hint" : stream ? ".cs" : "");
    type_suffix(b, m);
    buf_puts(b, " [$0], ");
    register_list(b, 1, m->k);
    buf_printf(b, "%s;%s", keep ? ", kept" : "", m->pred || keep ? " }" : "");
}

static void asm_store(Ll *l, const LlAccess *m, LLVMValueRef *unit)
{
    Buf text = {0}, cons = {0};
    LLVMValueRef args[20];
    unsigned n = 0;
    store_text(l, m, &text);
    args[n++] = address(l, m);
    buf_puts(&cons, m->space == LL_GLOBAL ? "l" : "r");
    for (int i = 0; i < m->k; i++) {
        args[n++] = m->unit_bytes == 1 ? LLVMBuildZExt(l->b, unit[i], l->ty.i16, "") : LLVMBuildBitCast(l->b, unit[i], register_type(l, m), "");
        buf_printf(&cons, ",%c", letter(m));
    }
    if (m->pred) {
        args[n++] = ll_pred_word(l, m->pred);
        buf_puts(&cons, ",r");
    }
    buf_puts(&cons, ",~{memory}");
    ll_asm_bufs(l, l->ty.v, &text, &cons, true, n, args);
}

static void store_words(Ll *l, const LlAccess *m, LLVMValueRef *unit)
{
    LLVMValueRef word[4];
    LlAccess w = as_words(l, m);
    take_apart(l, LLVMBuildBitCast(l->b, ll_vector(l, m->unit, unit, (unsigned)m->k), access_type(&w), ""), word, w.k);
    asm_store(l, &w, word);
}

void ll_nvptx_store(Ll *l, const LlAccess *access, LLVMValueRef *unit)
{
    LlAccess m = *access;
    if (m.pred && known(m.pred, false))
        return;
    if (m.pred && known(m.pred, true))
        m.pred = NULL;
    if (!m.pred && !(m.space == LL_GLOBAL && (m.flags & LIR_F_STREAM)) && !keeps(l, &m))
        LLVMSetAlignment(LLVMBuildStore(l->b, ll_vector(l, m.unit, unit, (unsigned)m.k), pointer(l, &m)), (unsigned)m.align);
    else if (m.k > 1 && m.unit_bytes < 4 && m.k * m.unit_bytes >= 4)
        store_words(l, &m, unit);
    else
        asm_store(l, &m, unit);
}

/* Mostly zeros lie there, or somebody's mark already.  The warp's threads go round together: behind a loop that some leave before others shuffles cost more. */
void ll_nvptx_mark(Ll *l, const LirOp *o)
{
    Buf text = {0}, cons = {0};
    LLVMValueRef args[] = {ll_arg(l, o, 0).p[0], ll_arg(l, o, 1).p[0], ll_pred_word(l, ll_arg(l, o, 2).p[0])};
    buf_printf(&text, "{ .reg .pred p, q; .reg .b32 n; .reg .b64 m, mark, lay, was; clz.b32 n, $1; add.u32 n, n, 32; mov.b64 m, -1; shr.u64 m, m, n; not.b64 m, m; "
               "and.b64 mark, m, 0x%llx; mov.b64 lay, 0; mov.b64 was, 0; setp.ne.u32 p, $2, 0; "
               "turn_${:uid}: @p atom.relaxed.gpu.global.cas.b64 was, [$0], lay, mark; setp.ne.and.u64 p, was, lay, p; mov.b64 lay, was; "
               "and.b64 was, was, m; setp.ne.and.u64 p, was, mark, p; vote.sync.any.pred q, p, -1; @q bra turn_${:uid}; }", (unsigned long long)LIR_MARK_BITS);
    buf_puts(&cons, "l,r,r,~{memory}");
    ll_asm_bufs(l, l->ty.v, &text, &cons, true, 3, args);
}
