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

static bool repeats(const Access *a, const Access *b)
{
    return a->tensor == b->tensor && a->nest == b->nest && a->region == b->region && a->store == b->store && !memcmp(a->par, b->par, sizeof a->par);
}

void sema_record(Cx *cx, const Access *a)
{
    uint32_t n = cx->naccesses, from = n > LOOK_BACK ? n - LOOK_BACK : 0;
    if (a->store) cx->written |= 1u << a->tensor;
    for (uint32_t i = n; i-- > from;) {
        const Access *b = &cx->accesses[i];
        if (repeats(a, b)) return;
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
    if (load > store && (one_nest ? !exclusive(cx, l->region, s->region) : over)) {
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
