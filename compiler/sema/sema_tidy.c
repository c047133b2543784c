/* sema_tidy.c: one op for one value, and none for a value that nothing uses.
 *
 * In: a finished TirFn.  Out: the same function with fewer ops, in the same order; stores, sums and regions are all
 * kept.  An op stands for an equal later one only where it is visible; loads are values when their tensor is in.
 */
#include "sema_in.h"
#include <string.h>

typedef struct Tidy {
    TirFn    *fn;
    bool     *live;                  /* by old op */
    TirVal   *to;                    /* old op to new */
    TirOp    *ops;   uint32_t n;     /* new ops */
    uint32_t *region;                /* by new op: the region that it is in */
    bool     *open;                  /* by region (numbered by its first op): still open */
    uint32_t *table; uint32_t mask;  /* new ops by hash; 0 empty */
    uint32_t *stack; uint32_t depth; /* open regions */
} Tidy;

static bool is_value(const TirFn *fn, const TirOp *o)
{
    switch (tir_op_kind(o->op)) {
    case TIR_K_LEAF: case TIR_K_ELEM: case TIR_K_CMP: case TIR_K_CAST: case TIR_K_REDUCE: return true;
    case TIR_K_MEM: return o->op == TIR_ELEM || (o->op == TIR_LOAD && fn->tensors[o->ref].mode == TIR_IN);
    default: return false;
    }
}

static bool has_effect(const TirOp *o)
{
    return o->op == TIR_NOP || o->op == TIR_STORE || o->op == TIR_ACC || tir_op_kind(o->op) == TIR_K_REGION;
}

static void mark(Tidy *t)
{
    for (uint32_t i = t->fn->nops; i-- > 0;) {
        const TirOp *o = &t->fn->ops[i];
        t->live[i] |= has_effect(o);
        if (!t->live[i]) continue;
        for (int k = 0; k < 3; k++) t->live[o->a[k]] = true;
        for (int k = 0; k < o->nix; k++) t->live[t->fn->ix[o->ix + (uint32_t)k].val] = true;
    }
}

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++) h = (h ^ ((const unsigned char *)p)[i]) * 1099511628211u;
    return h;
}

static uint32_t hash(const Tidy *t, const TirOp *o)
{
    uint64_t h = mix(14695981039346656037u, &o->op, 2);
    h = mix(h, o->a, sizeof o->a);
    h = mix(h, &o->imm, sizeof o->imm);
    h = mix(h, &o->ref, sizeof o->ref);
    if (o->ext) h = mix(h, o->ext, sizeof *o->ext);
    for (int k = 0; k < o->nix; k++) h = mix(h, &t->fn->ix[o->ix + (uint32_t)k].val, sizeof(TirVal));
    return (uint32_t)(h ^ h >> 32);
}

static bool same_index(const TirIndex *a, const TirIndex *b)
{
    return a->kind == b->kind && a->axis == b->axis && a->step == b->step && a->val == b->val;
}

static bool same(const Tidy *t, const TirOp *a, const TirOp *b)
{
    bool r = a->op == b->op && a->dt == b->dt && a->nax == b->nax && a->nix == b->nix && a->ref == b->ref && a->ref2 == b->ref2
          && !memcmp(a->a, b->a, sizeof a->a) && !memcmp(a->ax, b->ax, sizeof a->ax[0] * a->nax) && !memcmp(&a->imm, &b->imm, sizeof a->imm)
          && !a->ext == !b->ext && (!a->ext || tir_ext_eq(*a->ext, *b->ext));
    for (uint32_t k = 0; r && k < a->nix; k++) r = same_index(&t->fn->ix[a->ix + k], &t->fn->ix[b->ix + k]);
    return r;
}

/* The visible equal of o, or the free slot for it. */
static TirVal find(Tidy *t, const TirOp *o, uint32_t *slot)
{
    for (*slot = hash(t, o) & t->mask; t->table[*slot]; *slot = (*slot + 1) & t->mask) {
        TirVal v = t->table[*slot];
        if (t->open[t->region[v]] && same(t, &t->ops[v], o)) return v;
    }
    return 0;
}

static void track_region(Tidy *t, const TirOp *o, TirVal at)
{
    if ((o->op == TIR_ELSE || o->op == TIR_END) && t->depth) t->open[t->stack[t->depth--]] = false;
    if (o->op == TIR_PAR || o->op == TIR_IF || o->op == TIR_ELSE) {
        t->stack[++t->depth] = at;
        t->open[at] = true;
    }
}

static TirVal put(Tidy *t, TirOp o)
{
    uint32_t slot = 0;
    bool value = is_value(t->fn, &o);
    TirVal v = value ? find(t, &o, &slot) : 0;
    if (v) return v;
    v = t->n++;
    if (!value) track_region(t, &o, v);
    t->ops[v] = o;
    t->region[v] = t->stack[t->depth];
    if (value) t->table[slot] = v;
    return v;
}

static void renumber(Tidy *t)
{
    for (uint32_t i = 0; i < t->fn->nops; i++) {
        TirOp o = t->fn->ops[i];
        if (!t->live[i]) continue;
        for (int k = 0; k < 3; k++) o.a[k] = t->to[o.a[k]];
        for (uint32_t k = 0; k < o.nix; k++) t->fn->ix[o.ix + k].val = t->to[t->fn->ix[o.ix + k].val];
        t->to[i] = put(t, o);
    }
}

void sema_tidy(TirFn *fn)
{
    uint32_t n = fn->nops, size = 16;
    while (size < 2 * n) size *= 2;
    Tidy t = { .fn = fn, .mask = size - 1 };
    t.live = ARENA_ARRAY(fn->arena, bool, n);
    t.to = ARENA_ARRAY(fn->arena, TirVal, n);
    t.ops = ARENA_ARRAY(fn->arena, TirOp, n);
    t.region = ARENA_ARRAY(fn->arena, uint32_t, n);
    t.open = ARENA_ARRAY(fn->arena, bool, n);
    t.stack = ARENA_ARRAY(fn->arena, uint32_t, n + 1);
    t.table = ARENA_ARRAY(fn->arena, uint32_t, size);
    t.open[0] = true;
    mark(&t);
    renumber(&t);
    fn->ops = t.ops;
    fn->nops = t.n;
    fn->capops = n;
}
