/* lir_print.c: the lowered IR as text, one operation a line, regions indented.
 *
 * In: any function, also one that breaks the rules.  Out: text for people and goldens; it is not read back.
 */
#include "lir.h"

static const char *const word_names[] = {"dim", "ptr", "stride", "scalar", "work", "instances", "par", "rowlen", "blocks", "own", "pardiv"};

static void print_head(Buf *b, const LirFn *fn)
{
    buf_printf(b, "kernel %s threads=%u warp=%u smem=%u", fn->name, fn->threads, fn->warp, fn->smem);
    if (fn->cluster > 1)
        buf_printf(b, " cluster=%u", fn->cluster);
    if (fn->max_regs)
        buf_printf(b, " regs=%u", fn->max_regs);
    if (fn->min_ctas)
        buf_printf(b, " ctas=%u", fn->min_ctas);
    buf_printf(b, "%s%s\n", fn->precise ? " precise" : "", fn->pdl == LIR_PDL_BESIDE ? " pdl=beside" : fn->pdl == LIR_PDL_LATE ? " pdl=late" : fn->pdl ? " pdl" : "");
    for (uint32_t i = 0; i < fn->nwords; i++) {
        const LirWord *w = &fn->words[i];
        buf_printf(b, "  word %u: %s", i, word_names[w->kind]);
        if ((w->kind != LIR_W_WORK || w->a) && w->kind != LIR_W_INST && w->kind != LIR_W_ROWLEN)
            buf_printf(b, " %u", w->a);
        if (w->kind == LIR_W_STRIDE)
            buf_printf(b, ".%u", w->b);
        if (w->nest)
            buf_puts(b, " of the next nest");
        buf_puts(b, "\n");
    }
}

static void print_flags(Buf *b, const LirOp *o)
{
    static const char *const name[] = {"const", "stream", "keep", "uniform", "exact", "apart", "again"};
    for (int i = 0; i < 7; i++)
        if (o->flags >> i & 1)
            buf_printf(b, " %s", name[i]);
}

/* What the op's immediate says, when it has one. */
static void print_imm(Buf *b, const LirOp *o)
{
    switch (o->op) {
    case LIR_CONST:
        if (dt_is_float(o->dt))
            buf_printf(b, " %.9g", o->imm.f);
        else
            buf_printf(b, " %lld", (long long)o->imm.i);
        break;
    case LIR_WORD: case LIR_EXTRACT: case LIR_CPWAIT: case LIR_BFLY: case LIR_BCAST: case LIR_ALIKE: case LIR_BAR: case LIR_BARW: case LIR_CLBAR:
        buf_printf(b, " %lld", (long long)o->imm.i);
        break;
    case LIR_LDG: case LIR_LDGP: case LIR_LDGM: case LIR_STG: case LIR_STGP: case LIR_STGM: case LIR_ATOM:
        if (o->ref >= 0)
            buf_printf(b, " tensor=%d", o->ref);
        buf_printf(b, " align=%lld", (long long)o->imm.i);
        break;
    case LIR_INBOXES:
        buf_printf(b, " %lld", (long long)o->imm.i);
        break;
    case LIR_LDS: case LIR_STS: case LIR_STSP: case LIR_STSC: case LIR_SEND:
        buf_printf(b, " align=%lld", (long long)o->imm.i);
        if (o->op == LIR_STSC && o->ref >= 0)
            buf_printf(b, " inbox=%d", o->ref);
        break;
    case LIR_INBOX:
        buf_printf(b, " %d bytes=%lld", o->ref, (long long)o->imm.i);
        break;
    case LIR_AWAIT:
        buf_printf(b, " %d", o->ref);
        break;
    case LIR_CPA: case LIR_ARM:
        buf_printf(b, " bytes=%lld", (long long)o->imm.i);
        break;
    case LIR_BARN: case LIR_TAKE:
        buf_printf(b, " threads=%lld", (long long)o->imm.i);
        break;
    default:
        break;
    }
}

static void print_op(Buf *b, const LirFn *fn, LirVal v)
{
    const LirOp *o = &fn->ops[v];
    if (o->dt != DT_NONE && o->lanes > 1)
        buf_printf(b, "%%%u = <%u x %s> ", v, o->lanes, dt_name(o->dt));
    else if (o->dt != DT_NONE)
        buf_printf(b, "%%%u = %s ", v, dt_name(o->dt));
    buf_puts(b, lir_op_name(o->op));
    for (int i = 0; i < lir_op_nargs(o->op); i++)
        buf_printf(b, "%s%%%u", i ? ", " : " ", o->a[i]);
    print_imm(b, o);
    print_flags(b, o);
    buf_puts(b, "\n");
}

void lir_print(Buf *b, const LirFn *fn)
{
    int depth = 1;
    print_head(b, fn);
    for (LirVal v = 1; v < fn->nops; v++) {
        LirOpcode op = fn->ops[v].op;
        if ((op == LIR_END || op == LIR_ELSE) && depth > 1)
            depth--;
        for (int i = 0; i < depth; i++)
            buf_puts(b, "  ");
        print_op(b, fn, v);
        if (op == LIR_LOOP || op == LIR_IF || op == LIR_ELSE)
            depth++;
    }
}
