/* sema_place.c: rules about all reads and writes of a kernel, once it is built.
 *
 * In: the accesses recorded by sema_index.c.  Out: errors.  An out tensor is written somewhere; what is written in place
 * (inout, or out over an in) is read before and only by the instance that writes it; every dim can be told from shapes.
 */
#include "sema_in.h"
#include <string.h>

enum { LOOK_BACK = 64 };       /* unrolled loops repeat themselves: this many accesses are compared */

static bool same_place(Cx *cx, uint32_t a, uint32_t b)
{
    return a == b || cx->fn->tensors[a].over == b + 1 || cx->fn->tensors[b].over == a + 1;
}

/* Where slice i of an access begins; false when that is no extent. */
static bool slice_start(Cx *cx, const Access *a, uint32_t i, TirExt *start)
{
    const TirOp *o = &cx->fn->ops[a->ix[i].val];
    *start = tir_ext_const(0);
    if (a->ix[i].kind != TIR_IX_SLICE) return false;
    if (!a->ix[i].val) return true;
    if (o->op == TIR_EXTENT) *start = *o->ext;
    else if (o->op == TIR_CONST) *start = tir_ext_const(o->imm.i);
    return o->op == TIR_EXTENT || o->op == TIR_CONST;
}

static bool same_slices(Cx *cx, const Access *a, const Access *b)
{
    for (uint32_t i = 0; i < a->nix; i++) {
        TirExt s = tir_ext_const(0), t = s;
        bool one = slice_start(cx, a, i, &s), other = slice_start(cx, b, i, &t);
        if (one != other || (one && (a->ix[i].axis != b->ix[i].axis || a->ix[i].step != b->ix[i].step || !tir_ext_eq(s, t)))) return false;
    }
    return true;
}

static bool repeats(Cx *cx, const Access *a, const Access *b)
{
    return a->tensor == b->tensor && a->nest == b->nest && a->region == b->region && a->store == b->store && !memcmp(a->par, b->par, sizeof a->par) && same_slices(cx, a, b);
}

/* The last element of slice i of a lies before the first of b's, whatever the sizes. */
static bool ends_before(Cx *cx, const Access *a, const Access *b, uint32_t i)
{
    TirExt s, t, len;
    bool ok = slice_start(cx, a, i, &s) && slice_start(cx, b, i, &t);
    if (!ok) return false;
    len = tir_ext_scale(cx->fn->axes[a->ix[i].axis].ext, a->ix[i].step, 1);
    t = tir_ext_add(tir_ext_add(tir_ext_add(t, s, -1), len, -1), tir_ext_const(a->ix[i].step - 1), 1);
    ok = t.c >= 0;
    for (int k = 0; k < TIR_MAX_DIMS; k++) ok &= t.k[k] >= 0;
    return ok;
}

static bool apart(Cx *cx, const Access *a, const Access *b)
{
    for (uint32_t i = 0; i < a->nix; i++)
        if (ends_before(cx, a, b, i) || ends_before(cx, b, a, i)) return true;
    return false;
}

void sema_record(Cx *cx, const Access *a)
{
    uint32_t n = cx->naccesses, from = n > LOOK_BACK ? n - LOOK_BACK : 0;
    if (a->store) cx->written |= 1u << a->tensor;
    for (uint32_t i = n; i-- > from;) {
        const Access *b = &cx->accesses[i];
        if (repeats(cx, a, b)) return;
        if (b->store && !a->store && same_place(cx, a->tensor, b->tensor)) break;      /* what comes after a write counts anew */
    }
    *ARENA_PUSH(cx->a, cx->accesses, cx->naccesses, cx->capaccesses) = *a;
}

static void read_after_write(Cx *cx, const Access *load, const Access *store)
{
    const char *name = cx->fn->tensors[load->tensor].name;
    sema_error(cx, LG_IN_PLACE, load->sp, "%s may have been overwritten here: read it before the write", name);
    sema_note(cx, store->sp, "written here");
}

static void read_by_others(Cx *cx, const Access *load, const Access *store)
{
    sema_error(cx, LG_IN_PLACE, load->sp, "%s is written in place, so that an instance may read only the part that it writes", cx->fn->tensors[load->tensor].name);
    sema_note(cx, store->sp, "written here");
}

/* Are a and b in different arms of one if, so that no instance runs both? */
static bool exclusive(Cx *cx, uint32_t a, uint32_t b)
{
    for (uint32_t i = a; i; i = cx->regions[i].parent)
        for (uint32_t j = b; j; j = cx->regions[j].parent)
            if (i != j && cx->regions[i].branch == cx->regions[j].branch) return true;
    return false;
}

static void check_pair(Cx *cx, uint32_t load, uint32_t store)
{
    const Access *l = &cx->accesses[load], *s = &cx->accesses[store];
    bool over = l->tensor != s->tensor, one_nest = l->nest == s->nest;
    if (load > store && (one_nest ? !exclusive(cx, l->region, s->region) : over && !apart(cx, l, s))) {
        read_after_write(cx, l, s);
        return;
    }
    if (!one_nest) return;
    for (int i = 0; i < TIR_MAX_RANK; i++)
        if (s->par[i] && l->par[i] != s->par[i]) {
            read_by_others(cx, l, s);
            return;
        }
}

static void check_in_place(Cx *cx)
{
    for (uint32_t s = 0; s < cx->naccesses; s++)
        for (uint32_t l = 0; l < cx->naccesses && cx->accesses[s].store && cx->d->nerrors < DIAG_MAX_ITEMS; l++)
            if (!cx->accesses[l].store && same_place(cx, cx->accesses[l].tensor, cx->accesses[s].tensor)) check_pair(cx, l, s);
}

static void check_written(Cx *cx)
{
    static const char *const mode[] = {"in", "out", "inout", "scratch"};
    for (uint32_t t = 0; t < cx->fn->ntensors; t++) {
        if ((cx->written >> t & 1) || cx->fn->tensors[t].mode == TIR_IN || cx->fn->tensors[t].absent) continue;
        sema_error(cx, LG_UNWRITTEN, cx->fn->tensors[t].sp, "%s %s is never written", mode[cx->fn->tensors[t].mode], cx->fn->tensors[t].name);
    }
}

static bool in_some_shape(const TirFn *fn, uint32_t dim)
{
    for (uint32_t t = 0; t < fn->ntensors; t++)
        for (int i = 0; i < fn->tensors[t].rank && !fn->tensors[t].absent; i++)
            if (fn->tensors[t].shape[i].k[dim]) return true;
    return false;
}

static bool used(const TirFn *fn, uint32_t dim)
{
    for (uint32_t i = 0; i < fn->npars; i++)
        if (fn->pars[i].ext.k[dim]) return true;
    for (uint32_t i = 0; i < fn->naxes; i++)
        if (fn->axes[i].ext.k[dim]) return true;
    for (uint32_t i = 0; i < fn->nops; i++)
        if (fn->ops[i].ext && fn->ops[i].ext->k[dim]) return true;
    return false;
}

static void check_dims(Cx *cx)
{
    for (uint32_t d = 0; d < cx->fn->ndims; d++)
        if (used(cx->fn, d) && !in_some_shape(cx->fn, d))
            sema_error(cx, LG_UNSOLVED, cx->k->sp, "%s cannot be told from the shapes of %s's tensors", cx->fn->dims[d].name, cx->k->name);
}

void sema_check_places(Cx *cx)
{
    if (cx->failed) return;
    check_written(cx);
    check_in_place(cx);
    check_dims(cx);
}
