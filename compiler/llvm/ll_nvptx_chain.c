/* ll_nvptx_chain.c: chains of elementwise arithmetic on vectors, each written as one statement of inline assembler.
 *
 * In: sums, products, multiply-adds and conversions of vectors of f32 and packed 16-bit floats, each as it comes (hook chain).  Out: what only one operation
 * reads waits for that one (LlVal.chain), and a chain's end gets parts (hook write), of all its operations together: LLVM's time goes by the values that it is
 * told, 4 to 6 us each, and of a chain these are what goes in and what comes out.  ptxas sees the same instructions.
 */
#include <string.h>
#include "ll_nvptx.h"

enum { MAX_LANES = 16, MAX_LEAVES = 24 };

/* A register: $i of the statement, or i of its own floats (t) or words (u). */
typedef struct Reg { char kind; unsigned i; } Reg;
#define REG "%c%u"
#define R(r) (r).kind, (r).i

struct LlChain {
    LlChain *next;                   /* of those that wait */
    LlVal self, a[3];                /* operands: parts, one element for all, or a chain */
    LLVMValueRef *p;                 /* its parts, once written */
    Reg *reg;                        /* of its parts, once its lines are */
    Span sp;
    uint32_t leaves, size;           /* parts that go in at most; operations */
    uint8_t op, n;
    bool taken;                      /* by another one, which writes it */
    bool exact;                      /* not to be contracted */
};

/* ---- which operations ---- */

static bool is_packed(const Ll *l, LlVal v) { return ll_packed(l, (DType)v.dt, v.lanes); }

static bool is_float_vector(const Ll *l, LlVal v, unsigned lanes) { return v.lanes == lanes && (v.dt == DT_F32 || is_packed(l, v)); }

static bool fits(const Ll *l, const LirOp *o, const LlVal *a, int n)
{
    if (o->lanes < 4 || o->lanes > MAX_LANES || o->lanes % 2)
        return false;
    if (o->op == LIR_CAST)
        return is_float_vector(l, a[0], o->lanes) && (o->dt == DT_F32) == is_packed(l, a[0]) && (o->dt == DT_F32 || ll_narrow((DType)o->dt));
    if (o->dt != DT_F32 || (o->op != LIR_ADD && o->op != LIR_SUB && o->op != LIR_MUL && o->op != LIR_FMA))
        return false;
    for (int i = 0; i < n; i++)
        if (a[i].dt != DT_F32 || (a[i].lanes != 1 && a[i].lanes != o->lanes))
            return false;
    return true;
}

/* Of an operand; one that was written since it was made has its parts. */
static bool waits(LlVal *v)
{
    if (v->chain && v->chain->p) {
        v->p = v->chain->p;
        v->chain = NULL;
    }
    return v->chain;
}

static unsigned size_of(LlVal v) { return v.chain ? v.chain->size : 0; }
static unsigned leaves_of(LlVal *v) { return waits(v) ? v->chain->leaves : v->n; }

/* A vector of f32 that is there already takes as many registers as what is made of it, or more: that is not put off. */
static bool is_wide(LlVal v) { return !v.chain && v.dt == DT_F32 && v.lanes > 1 && v.p[0] != v.p[v.n - 1]; }

static LlChain *join(Ll *l, const LirOp *o, LlVal *a, int n)
{
    LlChain *c = ARENA_ARRAY(l->a, LlChain, 1);
    *c = (LlChain){.next = l->chains, .op = o->op, .n = (uint8_t)n, .sp = o->sp, .exact = !l->fmf, .size = 1};
    for (int i = 0; i < n; i++) {
        c->a[i] = a[i];
        if (i && a[i].chain && a[i].chain == c->a[i - 1].chain)
            continue;
        if (c->leaves + leaves_of(&a[i]) > MAX_LEAVES)
            c->a[i] = ll_arg(l, o, i);
        c->leaves += leaves_of(&c->a[i]);
        if (waits(&c->a[i])) {
            c->a[i].chain->taken = true;
            c->size += c->a[i].chain->size;
        }
    }
    c->self = (LlVal){NULL, (uint16_t)ll_part_count(l, (DType)o->dt, o->lanes), o->dt, o->lanes, .chain = c};
    return l->chains = c;
}

bool ll_nvptx_chain(Ll *l, const LirOp *o, bool once, LlVal *r)
{
    LlVal a[3];
    int n = lir_op_nargs((LirOpcode)o->op);
    bool longer = false, wide = false;
    if (n > 3)
        return false;
    for (int i = 0; i < n; i++) {
        a[i] = l->val[o->a[i]];
        longer |= waits(&a[i]);
        wide |= is_wide(a[i]);
    }
    if (!fits(l, o, a, n) || ((!once || wide) && !longer))
        return false;
    LlChain *c = join(l, o, a, n);
    *r = c->self;
    if (!once || wide || is_wide(c->a[0]) || is_wide(c->a[n - 1]))
        ll_nvptx_write(l, r);
    return true;
}

/* ---- text ---- */

typedef struct Writer {
    Ll *l;
    Buf lines;
    LLVMValueRef leaf[MAX_LEAVES + 3 * MAX_LANES];
    unsigned nleaf, nout, floats, words;
} Writer;

static Reg leaf(Writer *w, LLVMValueRef v)
{
    unsigned i = 0;
    while (i < w->nleaf && w->leaf[i] != v)
        i++;
    if (i == w->nleaf)
        w->leaf[w->nleaf++] = v;
    return (Reg){'$', w->nout + i};
}

static void put(Writer *w, LlVal v, Reg *out, bool root);

/* Registers of each element of n f32 operands, the longest chain first: what comes of the others waits for nothing then. */
static void operands(Writer *w, int n, const LlVal *v, unsigned lanes, Reg (*r)[MAX_LANES])
{
    bool done[3] = {false};
    for (int k = 0; k < n; k++) {
        int next = -1;
        for (int i = 0; i < n; i++)
            if (!done[i] && (next < 0 || size_of(v[i]) > size_of(v[next])))
                next = i;
        done[next] = true;
        put(w, v[next], r[next], false);
        for (unsigned i = 1; i < lanes && v[next].lanes == 1; i++)
            r[next][i] = r[next][0];
    }
}

static void put_cast(Writer *w, const LlChain *c, LlVal v, const Reg *out)
{
    Reg in[MAX_LANES];
    DType from = (DType)c->a[0].dt;
    put(w, c->a[0], in, false);
    for (unsigned i = 0; i < v.lanes / 2; i++) {
        Reg lo = out[2 * i], hi = out[2 * i + 1], word = in[i];
        if (v.dt != DT_F32)
            buf_printf(&w->lines, "cvt.rn.%sx2.f32 " REG ", " REG ", " REG "; ", v.dt == DT_BF16 ? "bf16" : "f16", R(out[i]), R(in[2 * i + 1]), R(in[2 * i]));
        else if (from == DT_F16)
            buf_printf(&w->lines, "mov.b32 {l, h}, " REG "; cvt.f32.f16 " REG ", l; cvt.f32.f16 " REG ", h; ", R(word), R(lo), R(hi));
        else if (c->a[0].again)       /* the assembler is not to keep, and spill, what it had when they were widened before: of two ways, it takes none for the other */
            buf_printf(&w->lines, "prmt.b32 " REG ", " REG ", 0, 0x1044; prmt.b32 " REG ", " REG ", 0, 0x3244; ", R(lo), R(word), R(hi), R(word));
        else
            buf_printf(&w->lines, "shl.b32 " REG ", " REG ", 16; and.b32 " REG ", " REG ", 0xffff0000; ", R(lo), R(word), R(hi), R(word));
    }
}

static const char *rounding(const Writer *w, bool exact)
{
    bool ftz = !w->l->fn->precise;
    return exact ? ftz ? ".rn.ftz" : ".rn" : ftz ? ".ftz" : "";
}

static void put_fma(Writer *w, unsigned lanes, Reg (*in)[MAX_LANES], const Reg *out)
{
    for (unsigned i = 0; i < lanes; i++)
        buf_printf(&w->lines, "fma%s.f32 " REG ", " REG ", " REG ", " REG "; ", rounding(w, true), R(out[i]), R(in[0][i]), R(in[1][i]), R(in[2][i]));
}

static const LlChain *product(LlVal v)
{
    return v.chain && v.chain->op == LIR_MUL && !v.chain->exact ? v.chain : NULL;
}

static void negate(Writer *w, unsigned lanes, Reg *r)
{
    for (unsigned i = 0; i < lanes; i++) {
        Reg to = {'t', w->floats++};
        buf_printf(&w->lines, "neg%s.f32 " REG ", " REG "; ", rounding(w, false), R(to), R(r[i]));
        r[i] = to;
    }
}

/* A sum or difference with a product: rounded once, as ll_contract() does elsewhere. */
static bool put_contracted(Writer *w, const LlChain *c, LlVal v, const Reg *out)
{
    Reg in[3][MAX_LANES];
    int k = c->n == 2 && product(c->a[0]) ? 0 : 1;
    const LlChain *p = (c->op == LIR_ADD || c->op == LIR_SUB) && !c->exact ? product(c->a[k]) : NULL;
    if (!p)
        return false;
    operands(w, 3, (LlVal[]){p->a[0], p->a[1], c->a[1 - k]}, v.lanes, in);
    if (c->op == LIR_SUB)
        negate(w, v.lanes, in[k ? 0 : 2]);
    put_fma(w, v.lanes, in, out);
    return true;
}

static void put_arith(Writer *w, const LlChain *c, LlVal v, const Reg *out)
{
    Reg in[3][MAX_LANES];
    if (put_contracted(w, c, v, out))
        return;
    operands(w, c->n, c->a, v.lanes, in);
    if (c->op == LIR_FMA) {
        put_fma(w, v.lanes, in, out);
        return;
    }
    const char *name = c->op == LIR_ADD ? "add" : c->op == LIR_SUB ? "sub" : "mul";
    for (unsigned i = 0; i < v.lanes; i++)
        buf_printf(&w->lines, "%s%s.f32 " REG ", " REG ", " REG "; ", name, rounding(w, c->exact), R(out[i]), R(in[0][i]), R(in[1][i]));
}

/* Registers of v's parts, with the lines before them that fill these. */
static void put(Writer *w, LlVal v, Reg *out, bool root)
{
    LlChain *c = waits(&v) ? v.chain : NULL;
    bool known = !c || c->reg;
    for (unsigned i = 0; i < v.n; i++)
        out[i] = !c ? leaf(w, v.p[i]) : c->reg ? c->reg[i] : root ? (Reg){'$', i} : v.dt == DT_F32 ? (Reg){'t', w->floats++} : (Reg){'u', w->words++};
    if (known)
        return;
    c->reg = ARENA_ARRAY(w->l->a, Reg, v.n);
    memcpy(c->reg, out, v.n * sizeof *out);
    if (c->op == LIR_CAST)
        put_cast(w, c, v, out);
    else
        put_arith(w, c, v, out);
}

static void write_chain(Ll *l, LlVal v, LLVMValueRef *out)
{
    Writer w = {.l = l, .nout = v.n};
    Reg regs[MAX_LANES];
    Buf text = {0}, cons = {0};
    LLVMTypeRef each = ll_part_type(l, (DType)v.dt, v.lanes);
    put(&w, v, regs, true);
    buf_puts(&text, "{ .reg .b16 l, h; ");
    if (w.floats)
        buf_printf(&text, ".reg .f32 t<%u>; ", w.floats);
    if (w.words)
        buf_printf(&text, ".reg .b32 u<%u>; ", w.words);
    if (w.lines.p)
        buf_puts(&text, w.lines.p);
    buf_puts(&text, "}");
    for (unsigned i = 0; i < v.n; i++)
        buf_printf(&cons, "%s=&%c", i ? "," : "", ll_nvptx_letter(l, each));
    for (unsigned i = 0; i < w.nleaf; i++)
        buf_printf(&cons, ",%c", ll_nvptx_letter(l, LLVMTypeOf(w.leaf[i])));
    text.failed |= w.lines.failed;
    buf_free(&w.lines);
    ll_asm_many(l, each, v.n, out, &text, &cons, false, w.nleaf, w.leaf);
}

void ll_nvptx_convert(Ll *l, DType to, LlVal v, LLVMValueRef *out)
{
    for (unsigned from = 0; from < v.lanes; from += MAX_LANES) {
        unsigned lanes = v.lanes - from < MAX_LANES ? v.lanes - from : MAX_LANES, step = v.lanes / v.n, n = to == DT_F32 ? lanes : lanes / 2;
        LlVal part = {v.p + from / step, (uint16_t)(lanes / step), v.dt, (uint8_t)lanes, .again = v.again};
        LlChain c = {.op = LIR_CAST, .n = 1, .size = 1, .a = {part}};
        write_chain(l, (LlVal){NULL, (uint16_t)n, (uint8_t)to, (uint8_t)lanes, .chain = &c}, out);
        out += n;
    }
}

/* ---- when ---- */

/* One operation, as ll_elementwise() writes it. */
static LlVal write_one(Ll *l, const LlChain *c, LlVal v)
{
    LlVal a[3];
    for (int i = 0; i < c->n; i++)
        a[i] = ll_value_splat(l, c->a[i], v.lanes);
    return c->op == LIR_CAST ? ll_cast(l, (DType)v.dt, a[0]) : ll_each(l, (LirOpcode)c->op, DT_F32, a, c->n, c->sp);
}

/* A chain of one operation as LLVM would have it anyway; so are products: a sum may join them. */
static void write_parts(Ll *l, LlChain *c, LLVMValueRef *out)
{
    bool product = c->op == LIR_MUL && !c->exact;
    for (int i = 0; i < c->n && product; i++)
        if (waits(&c->a[i]))
            ll_nvptx_write(l, &c->a[i]);
    ll_lines_at(l, c->sp);
    if (c->size > 1 && !product)
        write_chain(l, c->self, out);
    else
        memcpy(out, write_one(l, c, c->self).p, c->self.n * sizeof *out);
}

void ll_nvptx_write(Ll *l, LlVal *v)
{
    LlChain *c = v->chain;
    if (!c->p) {
        LLVMValueRef *out = ARENA_ARRAY(l->a, LLVMValueRef, v->n);
        LLVMFastMathFlags before = l->fmf;
        l->fmf = c->exact ? 0 : LL_FMF;
        write_parts(l, c, out);
        l->fmf = before;
        c->p = out;
    }
    v->p = c->p;
    v->chain = NULL;
}

/* Before other control flow begins: what waits is of here. */
void ll_nvptx_settle(Ll *l)
{
    for (LlChain *c = l->chains; c; c = c->next)
        if (!c->taken && !c->p)
            ll_nvptx_write(l, &(LlVal){.n = c->self.n, .chain = c});
    l->chains = NULL;
}
