/* lir_share.c: which operations of a function need not be written: those whose value an earlier one has, and those that nothing reads.
 *
 * In: a verified function, which stays as it is.  Out: see lir_share.h.  What is left is what LLVM would keep, found in a tenth of its
 * time.  Only operations without effect are shared, and only with one in a region that is still open; a variable has one value until it
 * is set or control may have come from elsewhere.
 */
#include "lir_share.h"

#include <string.h>

typedef struct Share {
    const LirFn *fn;
    LirVal   *rep;
    LirVal   *slot; uint32_t mask;            /* operations by what they do; 0 is a free slot */
    uint32_t *region, *parent, here, nregions;    /* where each operation stands; the regions */
    bool     *closed;
    uint32_t *set, joined;                    /* the last operation that gave a variable a value, and that may have changed any */
} Share;

static bool is_pure(const LirOp *o) { return (o->op >= LIR_CONST && o->op <= LIR_STEPS) || o->op == LIR_GET || (o->op >= LIR_ADD && o->op <= LIR_HMIN); }

/* What o does, told by the operations that stand for its operands; of a variable also since when it has its value. */
static LirOp deed(const Share *s, const LirOp *o)
{
    LirOp k = {.op = o->op, .dt = o->dt, .lanes = o->lanes, .flags = o->flags, .imm = o->imm};
    for (int i = 0; i < lir_op_nargs((LirOpcode)o->op); i++)
        k.a[i] = s->rep[o->a[i]];
    if (o->op == LIR_GET)
        k.a[1] = s->set[o->a[0]] > s->joined ? s->set[o->a[0]] : s->joined;
    return k;
}

static uint32_t hash(const LirOp *k)
{
    uint64_t h = (uint64_t)k->op << 24 | (uint64_t)k->dt << 16 | (uint64_t)k->lanes << 8 | k->flags;
    uint64_t w[3] = {(uint64_t)k->a[0] << 32 | k->a[1], (uint64_t)k->a[2] << 32 | k->a[3], (uint64_t)k->imm.i};
    for (int i = 0; i < 3; i++)
        h = (h ^ w[i]) * 0x9e3779b97f4a7c15u, h ^= h >> 29;
    return (uint32_t)h;
}

static bool same(const LirOp *x, const LirOp *y)
{
    return x->op == y->op && x->dt == y->dt && x->lanes == y->lanes && x->flags == y->flags && x->imm.i == y->imm.i && !memcmp(x->a, y->a, sizeof x->a);
}

/* The slot of what does the same, or a free one. */
static LirVal *find(Share *s, const LirOp *k, const LirOp *deeds)
{
    for (uint32_t i = hash(k);; i++) {
        LirVal *v = &s->slot[i & s->mask];
        if (!*v || same(k, &deeds[*v]))
            return v;
    }
}

static void open_region(Share *s)
{
    s->parent[++s->nregions] = s->here;
    s->here = s->nregions;
}

static void close_region(Share *s)
{
    s->closed[s->here] = true;
    s->here = s->parent[s->here];
}

/* Regions, and when variables change. */
static void follow(Share *s, uint32_t i)
{
    LirOpcode op = (LirOpcode)s->fn->ops[i].op;
    if (op == LIR_VAR || op == LIR_SET)
        s->set[op == LIR_VAR ? i : s->fn->ops[i].a[0]] = i;
    if (op == LIR_ELSE || op == LIR_END)
        close_region(s);
    if (op == LIR_IF || op == LIR_ELSE || op == LIR_LOOP)
        open_region(s);
    if (op == LIR_ELSE || op == LIR_END || op == LIR_LOOP)
        s->joined = i;
}

static void share(Share *s, Arena *a)
{
    LirOp *deeds = ARENA_ARRAY(a, LirOp, s->fn->nops);
    for (uint32_t i = 1; i < s->fn->nops; i++) {
        const LirOp *o = &s->fn->ops[i];
        s->rep[i] = i;
        follow(s, i);
        if (!is_pure(o))
            continue;
        deeds[i] = deed(s, o);
        LirVal *v = find(s, &deeds[i], deeds);
        if (*v && !s->closed[s->region[*v]])
            s->rep[i] = *v;
        else {
            *v = i;
            s->region[i] = s->here;
        }
    }
}

/* From the end: what has an effect is wanted, and what that reads. */
static void drop_unread(Share *s, bool *wanted)
{
    for (uint32_t i = s->fn->nops; i-- > 1;) {
        const LirOp *o = &s->fn->ops[i];
        if (is_pure(o) && !wanted[i]) {
            s->rep[i] = s->rep[i] == i ? 0 : s->rep[i];
            continue;
        }
        for (int k = 0; k < lir_op_nargs((LirOpcode)o->op); k++)
            wanted[s->rep[o->a[k]]] = true;
    }
}

LirVal *lir_share(const LirFn *fn, Arena *a)
{
    uint32_t n = fn->nops, slots = 64;
    while (slots < 2 * n)
        slots *= 2;
    Arena *t = arena_child(a);
    Share s = {.fn = fn, .rep = ARENA_ARRAY(a, LirVal, n), .slot = ARENA_ARRAY(t, LirVal, slots), .mask = slots - 1, .region = ARENA_ARRAY(t, uint32_t, n),
               .parent = ARENA_ARRAY(t, uint32_t, n + 1), .closed = ARENA_ARRAY(t, bool, n + 1), .set = ARENA_ARRAY(t, uint32_t, n)};
    share(&s, t);
    drop_unread(&s, ARENA_ARRAY(t, bool, n));
    arena_free(t);
    return s.rep;
}
